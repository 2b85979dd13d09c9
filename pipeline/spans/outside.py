"""A base that is no span of the same folder: a data set of its own, or a span of another folder.

In the message of a span it stands under its folder, an absolute path or a URL. Either holds a `/`, as no name of a
span does, so that whatever looks for the span of that name finds none, as if it had been removed.
"""

import contextlib
import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline import files
from pipeline.spans.choose import Choice, Contract, contract_digest, dependents, is_definer, kept_for_others
from pipeline.spans.published import published_names, span_folder
from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import in_order, is_outside, span_path


class Outside(NamedTuple):
    """A data set outside the folder of spans.

    Attributes:
      folder: As messages of spans name it.
      manifest: Of it.
    """

    folder: str
    manifest: Manifest


def find_outside(dataset: str, root: str) -> Outside:
    """Reads the data set that `--base_dataset` names.

    Args:
      dataset: As the option says.
      root: Folder of all spans that it is to be the base of.

    Raises:
      UsageError: It is a span of this very folder, or the folder of several spans.
      DataError: There is no data set, or its manifest cannot be read.
    """
    folder = _absolute(dataset)
    inner = _span_within(folder, root)
    if inner:
        raise UsageError(f"--base_dataset {dataset}: is the span {inner} of {root} itself; say --base {inner}")
    try:
        return Outside(folder, load_outside(folder))
    except DataError:
        spans = published_names(folder)
        if spans and not files.exists(files.join(folder, MANIFEST_NAME)):
            raise UsageError(
                f"--base_dataset {dataset}: holds spans, each of which is a data set; name one of them, such as "
                f"{files.join(dataset.rstrip('/'), span_path(spans[0]))}"
            ) from None
        if spans or files.exists(files.join(folder, MANIFEST_NAME)):
            raise
        raise DataError(
            f"--base_dataset {dataset}: holds no data set (no {MANIFEST_NAME}); check the path, or leave the option "
            "out where a span of the output has its vocabularies already"
        ) from None


def load_outside(folder: str) -> Manifest:
    """Reads the manifest of a data set, wherever it lies.

    Raises:
      DataError: There is none, or it cannot be read.
    """
    path = files.join(folder, MANIFEST_NAME)
    return parse_manifest(files.read(path), path)


def outside_if_there(folder: str, own: Manifest) -> Manifest | None:
    """Returns the manifest of a base outside, where it can be read and is still of one family with a span.

    Args:
      folder: Of the base.
      own: Manifest of a span that has its contract, or an extended one: which has the same buckets and moments.
    """
    with contextlib.suppress(DataError):
        if files.exists(files.join(folder, MANIFEST_NAME)):
            found = load_outside(folder)
            return found if _is_of_family(own, found) else None
    return None


def choose_outside(name: str, outside: Outside, published: Mapping[str, Manifest]) -> Choice:
    """Returns the contract that a run of a span takes for which `--base_dataset` is said.

    Args:
      name: Of the span; where it is published, the run replaces it.
      outside: The data set.
      published: All published spans by name, as `published_contracts` returns them.

    Raises:
      UsageError: The other spans have another contract, or would lose theirs.
    """
    others = [other for other in in_order(published) if other != name]
    if others and not any(goes_with(outside.manifest, published[other]) for other in others):
        raise UsageError(
            f"--base_dataset {outside.folder}: has other vocabularies, normalisation or buckets than the span "
            f"{others[-1]} that is there, and the two could not be read together; leave the option out, or name "
            "another --output"
        )
    depending = dependents(name, published) if name in published and is_definer(published[name]) else []
    if depending:
        same = contract_digest(published[name]) == contract_digest(outside.manifest)
        return kept_for_others(name, depending, "" if same else f"--base_dataset {outside.folder}")
    return Choice(Contract(outside.folder, outside.folder))


def goes_with(base: Manifest, span: Manifest) -> bool:
    """Returns whether a span has the contract of a base, or has extended it."""
    extended = span.span.extends and span.span.base_fingerprint == base.fingerprint
    return extended or contract_digest(span) == contract_digest(base)


def folder_within(root: str, base: str) -> str:
    """Returns the folder of a base as the message of a span of `root` names it."""
    return base if is_outside(base) else span_folder(root, base)


def _is_of_family(own: Manifest, found: Manifest) -> bool:
    return own.buckets == found.buckets and dict(own.moments) == dict(found.moments)


def _absolute(dataset: str) -> str:
    """Returns the name of a folder that is the same wherever a run is started."""
    return os.path.normpath(Path(dataset).absolute()) if files.is_local(dataset) else dataset.rstrip("/")


def _span_within(folder: str, root: str) -> str:
    """Returns the name of the span of `root` whose folder this is; empty: of none."""
    if files.is_local(folder) != files.is_local(root):
        return ""
    whole, spans = (os.path.realpath(path) if files.is_local(path) else path for path in (folder, root))
    name = whole.removeprefix(f"{span_folder(spans, '')}".rstrip("/") + "/")
    return "" if name == whole or "/" in name else name
