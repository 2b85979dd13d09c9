"""A trained model becomes a folder that answers raw records without this package: made, checked, then published.

EXPORT_DIR/
  saved_model.pb, variables/, ...   a SavedModel, for TensorFlow alone
  model.keras                       the same for Keras, with this package
  assets.extra/
    export.json                     what it takes and says, where it is from, how near it is to the model
    manifest.json, vocabulary/...   of the data set that the model was trained on
    training.json, trainer.yaml     of its training
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from schemas.contract import read_contract
from schemas.errors import DataError, UsageError
from schemas.format_version import EXPORT_FORMAT, read_versioned
from schemas.formats.joined import join_blocks
from schemas.formats.raw import RawBlock
from schemas.model_inputs import ModelInputs
from schemas.records.unlabelled import unlabelled_spec, validate_unlabelled
from trainer.export.contents import export_contents, outside_the_graph
from trainer.export.extremes import extremes
from trainer.export.held_out import given_records, held_out_records, take_records
from trainer.export.parity import Figures, Question, check_export, compare, questions_about
from trainer.export.plain_path import PlainPath
from trainer.export.raw_rows import RawRows
from trainer.export.record_model import RecordModel, record_model_of
from trainer.export.signatures import SERVING_DEFAULT, operations, write_saved_model
from trainer.model_folder import (
    CONFIG_NAME,
    EXPORT_EXTRA,
    EXPORT_MARKER,
    EXPORT_NAME,
    MODEL_FORMAT,
    MODEL_NAME,
    TRAINING_NAME,
    check_output,
)
from trainer.progress import say
from trainer.saved import SavedModel, json_text, load_saved, whole_folder, write_files


def export_model(
    model: str | Path, output: str | Path, records: Sequence[str] | str = (), replace: bool = False
) -> dict[str, Any]:
    """Writes a model that takes raw records: a SavedModel and a `.keras` file; whole and checked, or not at all.

    What it says of records that the model was not trained on, and of extremes made of them, is compared with what the
    model says by the plain path; the export answers in a process that has TensorFlow and nothing of this package.

    Args:
      model: Folder of a trained model.
      output: Folder of the export.
      records: Paths, folders or patterns of raw records to check by; none: those of the data set's input that the
        model was not trained on.
      replace: Whether an export that stands there is replaced.

    Returns:
      {"export", "fingerprint", "signatures": {name: {"inputs": [...], "outputs": [...]}}, "outside_the_graph",
      "bytes", "parity", "seconds"}.

    Raises:
      UsageError: The output cannot be written, or there are no records to check by.
      DataError: The model cannot be used, or the export says otherwise than the model.
    """
    start, output = time.perf_counter(), Path(output)
    check_output(output, replace, EXPORT_MARKER, "is no export")
    saved = load_saved(model)
    questions = _questions(saved, [records] if isinstance(records, str) else records)
    with whole_folder(output) as unfinished:
        exported = record_model_of(saved)
        say(f"{output}: writing the signatures of the model")
        signatures = write_saved_model(exported, unfinished)
        _check_portable(signatures)
        exported.save(unfinished / MODEL_NAME)
        say(f"{output}: asking the export in a process without this package")
        figures = check_export(unfinished, questions)
        _check_keras(unfinished / MODEL_NAME, questions)
        contents = export_contents(saved.manifest, _training(saved), signatures, figures.plain())
        _write_extra(unfinished / EXPORT_EXTRA, saved, contents)
        size = sum(file.stat().st_size for file in unfinished.rglob("*") if file.is_file())
    return {
        "export": str(output),
        "fingerprint": saved.manifest.fingerprint,
        "signatures": {
            name: {side: [one["name"] for one in said[side]] for side in ("inputs", "outputs")}
            for name, said in contents["signatures"].items()
        },
        "outside_the_graph": outside_the_graph(saved.manifest.spec),
        "bytes": size,
        "parity": figures.plain(),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _questions(saved: SavedModel, records: Sequence[str]) -> list[Question]:
    raw = _given(records, saved) if records else held_out_records(saved)
    names = [f"record {i + 1:,} of those held out" for i in range(len(raw.offsets))]
    made = _extremes_of(raw, saved)
    if made is not None:
        others, what = made
        raw = join_blocks([raw, others], [0, 0], [0, 0], 1).raw
        raw = replace(raw, lines=np.arange(len(raw.offsets)))
        names += [f"the record {name}" for name in what]
    say(f"{saved.folder}: predicting for {len(names):,} records")
    return list(questions_about(raw, names, PlainPath(saved)))


def _given(records: Sequence[str], saved: SavedModel) -> RawBlock:
    try:
        return given_records(records, saved)
    except (UsageError, DataError) as error:
        raise type(error)(str(error).replace("--input", "--records"), error.details) from None


def _extremes_of(raw: RawBlock, saved: SavedModel) -> tuple[RawBlock, list[str]] | None:
    """Returns records made of the longest one that can be used; None where none can."""
    spec = unlabelled_spec(saved.manifest.spec)
    askable = np.flatnonzero(RawRows(raw, saved.manifest, saved.subwords).askable)
    if not len(askable):
        return None
    block = validate_unlabelled(take_records(raw, askable), spec, saved.subwords)
    if not len(block):
        return None
    lengths = ModelInputs(block, saved.manifest, saved.vocabularies).lengths
    best = int(np.argmax(lengths))
    seen = [statistics.bucket_length.lengths for statistics in saved.manifest.statistics.values()]
    longest = max((max(one, default=0) for one in seen), default=0)
    row = int(askable[block.lines[best]])
    return extremes(raw, row, int(lengths[best]), int(longest), spec)


def _check_portable(signatures: dict[str, Any]) -> None:
    found = sorted(name for name in operations(signatures) if "cudnn" in name.lower())
    if found:
        raise DataError(f"the export is not written: it would need a GPU for {', '.join(found)}")


def _check_keras(path: Path, questions: Sequence[Question]) -> None:
    """Refuses a `.keras` file that does not say what the SavedModel says."""
    again = keras.saving.load_model(path, compile=False, safe_mode=True)
    assert isinstance(again, RecordModel)
    question = next((one for one in questions if one.signature == SERVING_DEFAULT), None)
    if question is not None:
        outputs = {name: values.numpy() for name, values in again(question.arguments).items()}
        compare(question, outputs, Figures())


def _training(saved: SavedModel) -> dict[str, Any]:
    path = saved.folder / TRAINING_NAME
    return read_versioned(path.read_bytes(), str(path), MODEL_FORMAT, "train again")


def _write_extra(folder: Path, saved: SavedModel, contents: dict[str, Any]) -> None:
    write_files(folder, read_contract(saved.folder, saved.manifest))
    for name in (TRAINING_NAME, CONFIG_NAME):
        if (saved.folder / name).is_file():
            (folder / name).write_bytes((saved.folder / name).read_bytes())
    (folder / EXPORT_NAME).write_bytes(json_text(contents))


def read_export(folder: str | Path) -> dict[str, Any]:
    """Returns what the export.json of an export says.

    Raises:
      DataError: It is missing, damaged, or of another version.
    """
    path = Path(folder) / EXPORT_MARKER
    if not path.is_file():
        raise DataError(f"{path}: is missing, so this is no whole export; `python -m trainer export` writes one")
    return read_versioned(path.read_bytes(), str(path), EXPORT_FORMAT, "export the model again")
