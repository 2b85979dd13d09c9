"""A filesystem that is not the local disk to anybody who goes by the scheme of a path: shelf:///tmp/x is /tmp/x."""

from collections.abc import Iterator
from typing import Any

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

PREFIX = "shelf://"


def _local(path: str) -> str:
    return path.removeprefix(PREFIX)


class Shelf(LocalFileSystem):  # type: ignore[misc]  # Beam has no types
    @classmethod
    def scheme(cls) -> str:
        return "shelf"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        folder, name = path.rsplit("/", 1)
        return folder, name

    def has_dirs(self) -> bool:
        return True

    def mkdirs(self, path: str) -> None:
        super().mkdirs(_local(path))

    def _list(self, dir_or_prefix: str) -> Iterator[Any]:
        for file in super()._list(_local(dir_or_prefix)):
            yield FileMetadata(PREFIX + file.path, file.size_in_bytes, file.last_updated_in_seconds)

    def create(self, path: str, *args: Any, **kwargs: Any) -> Any:
        return super().create(_local(path), *args, **kwargs)

    def open(self, path: str, *args: Any, **kwargs: Any) -> Any:
        return super().open(_local(path), *args, **kwargs)

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        super().rename([_local(path) for path in source_file_names], [_local(path) for path in destination_file_names])

    def exists(self, path: str) -> bool:
        return bool(super().exists(_local(path)))

    def size(self, path: str) -> int:
        return int(super().size(_local(path)))

    def metadata(self, path: str) -> Any:
        file = super().metadata(_local(path))
        return FileMetadata(path, file.size_in_bytes, file.last_updated_in_seconds)

    def delete(self, paths: list[str]) -> None:
        super().delete([_local(path) for path in paths])
