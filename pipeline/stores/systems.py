"""Which of Beam's filesystems has a path, and a clear word where none has."""

import importlib.util
import os
import re
from typing import Any

from apache_beam.io.filesystem import FileSystem
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, S3Options
from apache_beam.options.value_provider import RuntimeValueProvider

from pipeline.stores.s3 import SCHEME, ObjectStore
from schemas.errors import UsageError

_WITH_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# What Beam's filesystem of a scheme imports, and the package that brings it.
_NEEDED = {
    "gs": ("google.cloud.storage", "apache-beam[gcp]"),
    "hdfs": ("hdfs", "apache-beam[hadoop]"),
    "azfs": ("azure.storage.blob", "apache-beam[azure]"),
}
# What boto3 reads where Beam's option says nothing.
_VARIABLES = {
    "s3_endpoint_url": "AWS_ENDPOINT_URL_S3",
    "s3_region_name": "AWS_DEFAULT_REGION",
    "s3_access_key_id": "AWS_ACCESS_KEY_ID",
    "s3_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "s3_session_token": "AWS_SESSION_TOKEN",
    "s3_verify": "AWS_CA_BUNDLE",
}


def is_remote(path: str) -> bool:
    """Returns whether a path lies on another filesystem than the local disk."""
    return bool(_WITH_SCHEME.match(path))


def is_object_store(path: str) -> bool:
    """Returns whether a path is one that `ObjectStore` serves."""
    return path.startswith(SCHEME)


def use_options(options: PipelineOptions) -> None:
    """Makes this process read and write with Beam's options, as a pipeline does only once it is built.

    What they say about S3 goes into the environment, too: worker processes that are started from here inherit it, and
    Beam's local ones are told no options.
    """
    FileSystems.set_options(options)
    said = options.view_as(S3Options)
    for option, variable in _VARIABLES.items():
        if getattr(said, option) is not None:
            os.environ[variable] = str(getattr(said, option))


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
    if scheme in _NEEDED and not _is_installed(_NEEDED[scheme][0]):
        package = _NEEDED[scheme][1]
        raise UsageError(f"{path}: {scheme}:// needs a package that is missing here; pip install '{package}'")
    if found and scheme not in known:
        names = ", ".join(f"{name}://" for name in sorted({"s3", *_NEEDED}))
        raise UsageError(f"{path}: no filesystem of Beam is called {scheme}; say a local path, or {names}")
    if scheme and FileSystems._pipeline_options is None and RuntimeValueProvider.runtime_options is None:
        use_options(PipelineOptions([]))
    return FileSystems.get_filesystem(path)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False
