"""What a local output folder must be like: no link that leads out of it, and all of it on one filesystem."""

from pathlib import Path

from pipeline import files
from pipeline.job import STAGING
from schemas.errors import UsageError


def check_folder(output: str, within: str = "") -> None:
    """Checks, before anything is written, that all that a run writes to a folder will lie in it.

    Args:
      output: The folder; one that is not there yet, or that is none of the local disk, is as good as any.
      within: A folder above it, which may itself be reached by a link; empty: the output may be.

    Raises:
      UsageError: A link leads out of it, or a folder in it is of another filesystem, so that no finished file can
        be moved there.
    """
    if not files.is_local(output):
        return
    folder = Path(output)
    for path in _between(folder, Path(within)) if within else []:
        if path.is_symlink():
            raise UsageError(
                f"{path}: is a link to {path.resolve()}, out of {within}; remove it, or name the folder itself"
            )
    if not folder.is_dir():
        return
    root, device = folder.resolve(), folder.stat().st_dev
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.is_symlink() and not path.resolve().is_relative_to(root):
            raise UsageError(
                f"{path}: is a link to {path.resolve()}, out of {output}; remove it, or name another folder"
            )
        if path.name == STAGING and path.is_symlink():
            raise UsageError(f"{path}: is a link to {path.resolve()}, and all in it would be deleted; remove it")
        if path.is_dir() and path.stat().st_dev != device:
            raise UsageError(
                f"{path}: lies on another filesystem than {output}, and finished files can be moved within one only; "
                f"unmount it, or name a folder below it"
            )


def is_behind_link(output: str, path: str) -> bool:
    """Returns whether a file of a local folder is reached by a link that leads out of the folder."""
    return not Path(path).parent.resolve().is_relative_to(Path(output).resolve())


def _between(folder: Path, within: Path) -> list[Path]:
    """Returns the folders from the one below `within` down to a folder, itself included."""
    above = [path for path in folder.parents if path.is_relative_to(within) and path != within]
    return [*reversed(above), folder]
