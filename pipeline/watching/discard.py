"""Deletes what the run of a span that nobody will try again under its name has staged."""

import contextlib
import shutil
from pathlib import Path

from rich.console import Console

from pipeline import files
from pipeline.guards.locks import holding
from pipeline.job import STAGING
from pipeline.spans.published import span_folder
from schemas.errors import LengthwiseError
from schemas.manifest import MANIFEST_NAME


def discard(root: str, span: str, console: Console) -> None:
    """Deletes the staging folder of a span, which is as large as its input, and its folder where nothing else is in it.

    What cannot be deleted, or what another run holds, is left for `pipeline clean`. What the run says of its failure
    stays.

    Args:
      root: Folder of all spans, of the local disk.
      span: Its name.
      console: Told of locks that dead runs left.
    """
    folder = span_folder(root, span)
    if not Path(folder).is_dir():
        return
    with contextlib.suppress(LengthwiseError):
        with holding(folder, "clean", console):
            shutil.rmtree(Path(folder, STAGING), ignore_errors=True)
        files.delete_empty_parents([files.join(folder, MANIFEST_NAME)])
