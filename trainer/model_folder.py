"""What the folder of a trained model holds, and the checks that need no TensorFlow.

MODEL_DIR/
  model.keras       the weights and what they belong to
  manifest.json     of the data set that it was trained on
  vocabulary/...    of that data set
  trainer.yaml      every setting
  training.json     history, metrics, versions, and the version of this format
  learning.svg      the learning curves
  tensorboard/...   points for TensorBoard
"""

import tempfile
from pathlib import Path

from schemas.errors import DataError, UsageError
from schemas.format_version import read_versioned
from schemas.manifest import MANIFEST_NAME

MODEL_NAME = "model.keras"
CONFIG_NAME = "trainer.yaml"
TRAINING_NAME = "training.json"
LEARNING_NAME = "learning.svg"
EXPORT_EXTRA = "assets.extra"  # folder within an export, as TensorFlow calls what is nothing of its own
EXPORT_NAME = "export.json"
EXPORT_MARKER = f"{EXPORT_EXTRA}/{EXPORT_NAME}"
MODEL_FORMAT = 1  # of the whole folder, as training.json states it


def check_output(
    folder: str | Path, replace: bool, marker: str = TRAINING_NAME, what: str = "is no model folder"
) -> None:
    """Refuses a folder that a model must not be written to.

    Args:
      folder: Where to.
      replace: Whether what stands there may be replaced.
      marker: A file that is in any folder of the kind that may be.
      what: Is wrong with one that has no such file.

    Raises:
      UsageError: It exists and is not to be replaced, is something else than a model folder, or
        cannot be written.
    """
    folder = Path(folder)
    _check_writable(folder)
    if not folder.exists():
        return
    if not replace:
        raise UsageError(f"{folder}: exists already; choose another --output, or say --replace to write it again")
    if not (folder / marker).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder}: {what}, so --replace does not remove it; choose another --output")


def _check_writable(folder: Path) -> None:
    """Finds out before hours of training whether their result can be kept."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{str(folder)!r}: cannot be written: {reason}; choose another --output") from None


def check_model_folder(folder: str | Path) -> None:
    """Refuses a folder that holds no whole model.

    Raises:
      DataError: It does not exist, lacks a file, or is of another version of this format.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such model folder; `python -m trainer train` writes one")
    for name in (MODEL_NAME, MANIFEST_NAME, TRAINING_NAME):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: is no whole model folder ({name} is missing); train again")
    training = folder / TRAINING_NAME
    remedy = "train again, or use the version of lengthwise that wrote it"
    read_versioned(training.read_bytes(), str(training), MODEL_FORMAT, remedy)
