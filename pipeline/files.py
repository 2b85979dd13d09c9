"""Files on any filesystem that Beam knows: whole files in, whole files out.

Nothing else in the package opens a path of the data set.
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata

from pipeline.recording import note, recorded
from pipeline.stores.systems import is_object_store, is_remote, object_store, system_of
from schemas.errors import DataError
from schemas.formats.local_files import files_below, match_files

_RAW = CompressionTypes.UNCOMPRESSED
_PART_BYTES = 1 << 20  # read at a time into a buffer that is there already
_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.tmp$")


def join(folder: str, *parts: str) -> str:
    """Returns a path within a folder."""
    if is_local(folder):
        return os.path.join(folder, *parts)  # noqa: PTH118  # as Beam does, which looks for the filesystem each time
    with in_words(folder, "cannot be used"):
        return cast("str", system_of(folder).join(folder, *parts))


def stem(path: str) -> str:
    """Returns the name of a file without folders and suffix."""
    return PurePosixPath(path).stem


def match(pattern: str) -> list[FileMetadata]:
    """Returns the files that a pattern matches, sorted by path; none is no error.

    The path of a local file means this file, whatever characters it holds.

    Raises:
      DataError: They cannot be listed, or what a pattern matches on the local disk is no file.
    """
    if is_local(pattern):
        # Beam finds nothing without a folder in the pattern, and hidden files with one.
        return [FileMetadata(*file) for file in match_files(pattern)]
    with in_words(pattern, "cannot be listed"):
        try:
            found = system_of(pattern).match([pattern])[0].metadata_list
        except BeamIOError as error:
            # Some filesystems report a path that does not exist as an error.
            if all(isinstance(cause, FileNotFoundError) for cause in (error.exception_details or {}).values()):
                return []
            raise
    return sorted(found, key=lambda file: str(file.path))


def below(folder: str) -> list[FileMetadata]:
    """Returns the files in a folder and in those within it, sorted by path, without hidden ones.

    Raises:
      DataError: What lies there is neither a file nor a folder, or they cannot be listed.
    """
    if is_local(folder):
        return [FileMetadata(*file) for file in files_below(folder)]
    # A name that ends with / is what some tools leave where people want to see an empty folder.
    found = [file for file in match(join(folder, "**")) if not file.path.endswith("/")]
    return [file for file in found if "/." not in file.path[len(folder.rstrip("/")) :]]


def match_within(folder: str, pattern: str) -> list[str]:
    """Returns the paths of the files in a folder that a pattern matches, sorted.

    On the local disk the folder's own name is no pattern, whatever characters it holds.
    """
    if is_local(folder):
        return sorted(join(folder, str(path.relative_to(folder))) for path in Path(folder).glob(pattern))
    return [str(file.path) for file in match(join(folder, pattern))]


def match_any(folder: str, patterns: Iterable[str]) -> list[str]:
    """Returns the paths of the files in a folder that any of some patterns matches; lists a remote folder once."""
    if is_local(folder):
        return [path for pattern in patterns for path in match_within(folder, pattern)]
    wanted = [(pattern.count("/"), pattern) for pattern in patterns]
    return [
        join(folder, name)
        for name in every_file(folder)
        if any(name.count("/") == depth and PurePosixPath(name).match(pattern) for depth, pattern in wanted)
    ]


def every_file(folder: str) -> list[str]:
    """Returns the paths of all files in a folder and those within it, hidden ones too, relative to it, sorted.

    On the local disk links to folders are not followed.
    """
    if is_local(folder):
        found = (join(parent, name) for parent, _, names in os.walk(folder) for name in names)
        return sorted(os.path.relpath(path, folder) for path in found)
    return sorted(relative(file.path, folder) for file in match(join(folder, "**")))


def relative(path: str, folder: str) -> str:
    """Returns the path of a remote file within a folder."""
    return str(PurePosixPath(*PurePosixPath(path).parts[len(PurePosixPath(folder).parts) :]))


def is_folder(path: str) -> bool:
    """Returns whether a path is a folder of the local disk; object stores have none."""
    return is_local(path) and Path(path).is_dir()


def may_be_folder(path: str) -> bool:
    """Returns whether a path that is no file may be a folder where that cannot be looked up: a remote one."""
    return not is_local(path) and not set("*?[") & set(path)


def tells_changes(path: str) -> bool:
    """Returns whether its filesystem says when a file was last written to, in a listing as well as of one file."""
    return is_local(path) or is_object_store(path)


def is_file(path: str) -> bool:
    """Returns whether a path is a file of the local disk."""
    return is_local(path) and Path(path).is_file()


def exists(path: str) -> bool:
    """Returns whether there is a file of this path."""
    with in_words(path, "cannot be looked up"):
        return os.path.exists(path) if is_local(path) else bool(system_of(path).exists(path))  # noqa: PTH110  # never raises


def size(path: str) -> int:
    """Returns the size of a file in bytes.

    Raises:
      DataError: It cannot be looked up.
    """
    with in_words(path, "cannot be looked up"):
        return Path(path).stat().st_size if is_local(path) else int(system_of(path).size(path))


def last_change(path: str) -> float:
    """Returns when a file was last written to, in seconds since 1970; 0 of one that is not on the local disk.

    Raises:
      DataError: It cannot be looked up.
    """
    with in_words(path, "cannot be looked up"):
        return Path(path).stat().st_mtime if is_local(path) else 0.0


def last_status_change(path: str) -> float:
    """Returns when a local file or its attributes were last changed, in seconds since 1970: nobody can set this back.

    Raises:
      DataError: It cannot be looked up.
    """
    with in_words(path, "cannot be looked up"):
        return Path(path).stat().st_ctime


@contextlib.contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Opens a file to read bytes as they are, whatever its suffix says.

    Raises:
      DataError: It cannot be read.
    """
    with in_words(path, "cannot be read"), _open(path) as stream:
        yield stream


def _open(path: str) -> BinaryIO:
    """Beam takes three times as long to open a local file, which many small ones would pay for."""
    if is_local(path):
        return Path(path).open("rb")
    return cast("BinaryIO", system_of(path).open(path, compression_type=_RAW))


def identities(paths: Iterable[str]) -> list[str]:
    """Returns of each path what all names of one file share: on the local disk its absolute path without links."""
    resolved: dict[str, str] = {}  # folders; looking each up once is what makes many files quick
    return [_identity(path, resolved) for path in paths]


def _identity(path: str, resolved: dict[str, str]) -> str:
    if not is_local(path):
        return path
    folder, name = os.path.split(path)
    if name in {"", ".", ".."} or Path(path).is_symlink():
        return str(Path(path).resolve())
    if folder not in resolved:
        resolved[folder] = str(Path(folder).resolve())
    return str(PurePosixPath(resolved[folder], name))


def read(path: str) -> bytes:
    """Returns the content of a file."""
    if is_object_store(path):
        with in_words(path, "cannot be read"):
            return object_store().read(path)
    with reading(path) as stream:
        return stream.read()


def read_range(path: str, start: int, size: int) -> bytes:
    """Returns `size` bytes of a file from position `start`."""
    if is_object_store(path):
        with in_words(path, "cannot be read"):
            return object_store().read_range(path, start, size)
    with reading(path) as stream:
        stream.seek(start)
        return stream.read(size)


def read_into(path: str, start: int, buffer: memoryview) -> None:
    """Fills a buffer with the bytes of a file from position `start`.

    Raises:
      DataError: The file cannot be read, or ends before the buffer is full.
    """
    if is_object_store(path):
        content = read_range(path, start, len(buffer))
        if len(content) < len(buffer):
            raise _too_short(path, start + len(content), len(buffer) - len(content))
        buffer[:] = content
        return
    with reading(path) as stream:
        stream.seek(start)
        filled = 0
        while filled < len(buffer):
            part = stream.read(min(_PART_BYTES, len(buffer) - filled))
            if not part:
                raise _too_short(path, start + filled, len(buffer) - filled)
            buffer[filled : filled + len(part)] = part
            filled += len(part)


def _too_short(path: str, end: int, missing: int) -> DataError:
    return DataError(f"{path}: ends at byte {end:,}, {missing:,} bytes too early")


def write(path: str, content: bytes | memoryview) -> None:
    """Writes a file so that nobody ever sees a part of it under its name.

    Args:
      path: Of the file; its folder is made where it is missing.
      content: What it will hold.

    Raises:
      DataError: It cannot be written.
    """
    write_pieces(path, [content], lambda: path)


def write_pieces(path: str, pieces: Iterable[bytes | memoryview], final: Callable[[], str]) -> str:
    """Writes a file piece by piece, so that nobody ever sees a part of it under its name.

    Args:
      path: Of the file while it is unfinished, with an addition that nobody else makes.
      pieces: What it will hold.
      final: Returns its path, once all pieces are written; a digest may be part of it.

    Returns:
      Its path.

    Raises:
      DataError: It cannot be written.
    """
    # Runners may try one piece of work twice at the same time.
    temporary = f"{path}.{secrets.token_hex(6)}.tmp"
    if is_object_store(path):
        with in_words(path, "cannot be written"):
            target = object_store().write_pieces(temporary, recorded(pieces), final)
        note(target)
        return target
    with in_words(path, "cannot be written"):
        try:
            with system_of(path).create(temporary, compression_type=_RAW) as stream:
                for piece in recorded(pieces):
                    stream.write(piece)
            target = final()
            _make_folder(target)
            system_of(target).rename([temporary], [target])
        except BaseException:
            with contextlib.suppress(OSError):
                delete([temporary])
            raise
    note(target)
    return target


def is_temporary(path: str) -> bool:
    """Returns whether a file has a name as `write` gives to one that is not yet whole."""
    return bool(_TEMPORARY.search(path))


def rename(path: str, target: str) -> None:
    """Gives a file another path on the same filesystem, in place of what stands there; its folder is made.

    Raises:
      DataError: It cannot be moved.
    """
    with in_words(target, "cannot be written"):
        _make_folder(target)
        system_of(target).rename([path], [target])


def _make_folder(path: str) -> None:
    """Makes the folder of a file where there are folders; writing a file does so as well, renaming one does not."""
    if is_local(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    elif (system := system_of(path)).has_dirs():
        with contextlib.suppress(OSError):  # it is there already, or renaming says what is wrong
            system.mkdirs(system.split(path)[0])


def delete(paths: Iterable[str]) -> None:
    """Deletes files, and folders of the local disk with all they hold; one that is not there is no error.

    Raises:
      OSError: One cannot be deleted.
    """
    stored, other = [], []
    for path in paths:
        if is_object_store(path):
            stored.append(path)
        elif not is_local(path):
            other.append(path)
        elif Path(path).is_dir() and not Path(path).is_symlink():  # of a link: never what it leads to
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
    if stored:
        object_store().delete(stored)
    present = [path for path in other if system_of(path).exists(path)]
    if present:
        system_of(present[0]).delete(present)


def delete_folder(folder: str) -> None:
    """Deletes a folder with all it holds, on any filesystem; one that is not there is no error.

    Raises:
      OSError: Something in it cannot be deleted.
    """
    if not is_local(folder):
        delete([str(file.path) for file in match(join(folder, "**"))])
    if is_local(folder) or system_of(folder).has_dirs():
        delete([folder])


def delete_empty_parents(paths: Iterable[str]) -> None:
    """Deletes the local folders of paths that are gone, as far as they hold nothing else."""
    for folder in {Path(path).parent for path in paths if is_local(path)}:
        with contextlib.suppress(OSError):  # holds a file, or is gone already
            folder.rmdir()


@contextlib.contextmanager
def in_words(path: str, problem: str) -> Iterator[None]:
    """Context in which what a filesystem raises becomes a DataError of one line."""
    try:
        yield
    except (OSError, ValueError) as error:
        cause = error
        if isinstance(error, BeamIOError) and error.exception_details:
            cause = next(iter(error.exception_details.values()))
        said = getattr(cause, "strerror", None) or " ".join(str(cause).split())
        raise DataError(f"{path}: {problem}: {said}") from error


def is_local(path: str) -> bool:
    """Returns whether a path lies on the local disk."""
    return not is_remote(path)
