"""Which of Beam's filesystems has a path, and a clear word where none has."""

import re
from typing import Any

from apache_beam.io.filesystem import FileSystem
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.value_provider import RuntimeValueProvider

from pipeline.stores.s3 import SCHEME, ObjectStore
from schemas.errors import UsageError

_WITH_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# Packages without which Beam has no filesystem for a scheme.
_NEEDED = {"gs": "apache-beam[gcp]", "hdfs": "hdfs", "azfs": "apache-beam[azure]"}


def is_remote(path: str) -> bool:
    """Returns whether a path lies on another filesystem than the local disk."""
    return bool(_WITH_SCHEME.match(path))


def is_object_store(path: str) -> bool:
    """Returns whether a path is one that `ObjectStore` serves."""
    return path.startswith(SCHEME)


def use_options(options: PipelineOptions) -> None:
    """Makes this process read and write with Beam's options, as a pipeline does only once it is built."""
    FileSystems.set_options(options)


def object_store() -> ObjectStore:
    """Returns the filesystem of s3:// paths, with the options of the pipeline where this process knows them.

    Workers of a pool that was there before the pipeline are told no options; the environment has to say all.
    """
    return ObjectStore(FileSystems._pipeline_options or RuntimeValueProvider.runtime_options)


def system_of(path: str) -> Any:
    """Returns the filesystem of a path.

    Raises:
      UsageError: There is none for its scheme, or it lacks a package.
    """
    if is_object_store(path):
        return object_store()
    found = _WITH_SCHEME.match(path)
    scheme = found[1] if found else ""
    known = {system.scheme() for system in FileSystem.get_all_subclasses()} - {ObjectStore.scheme()}
    if found and scheme not in known:
        if scheme in _NEEDED:
            raise UsageError(f"{path}: {scheme}:// needs a package; pip install '{_NEEDED[scheme]}', on workers as well")
        names = ", ".join(f"{name}://" for name in sorted({"s3", *_NEEDED}))
        raise UsageError(f"{path}: no filesystem of Beam is called {scheme}; say a local path, or {names}")
    if scheme and FileSystems._pipeline_options is None and RuntimeValueProvider.runtime_options is None:
        use_options(PipelineOptions([]))
    return FileSystems.get_filesystem(path)
