"""Loss and metrics of each task from what a model says of single records, in plain NumPy and loops."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary
from tests.trainer.properties.data_sets import Record

Said = Sequence[np.ndarray[Any, Any]]  # of each record, its outputs or those of its steps


def plain_metrics(
    task: str, records: list[Record], said: Said, manifest: Manifest, vocabulary: Vocabulary | None
) -> dict[str, float]:
    """Returns what `evaluate` must say of records."""
    if task == "class":
        return of_classes([record["mood"] for record in records], np.array(said))
    if task == "binary":
        labels, outputs = [record["alarm"] for record in records], np.array(said)
        counts = counted([label == "yes" for label in labels], (outputs[:, 1] > outputs[:, 0]).tolist())
        return of_classes(labels, outputs) | shares(*counts) | {"auc": area(labels, outputs[:, 1])}
    if task == "number":
        errors = np.array(said, np.float64) - [record["size"] for record in records]
        return of_errors(errors, manifest.moments["label"].variance[0])
    if task == "per_step_class":
        tags, outputs = [record["tags"] for record in records], np.concatenate(said)
        return of_classes(np.concatenate(tags).tolist(), outputs) | of_entities(tags, said)
    if task == "next_token":
        assert vocabulary is not None
        return of_next_tokens([vocabulary.encode(pa.array(record["text"], pa.string())) for record in records], said)
    return of_forecasts([np.array(record["waves"]).reshape(-1, 2) for record in records], said, manifest)


def of_classes(labels: list[str], outputs: np.ndarray[Any, Any]) -> dict[str, float]:
    names = sorted(set(labels))
    assert len(names) == outputs.shape[1]
    ids, best = np.array([names.index(label) for label in labels]), outputs.argmax(axis=1)
    scores = []
    for i in range(len(names)):
        right, predicted, real = counted((ids == i).tolist(), (best == i).tolist())
        if predicted + real:
            scores.append(2 * right / (predicted + real))
    loss = -np.log(outputs[np.arange(len(ids)), ids].astype(np.float64)).mean()
    return {"loss": loss, "accuracy": np.mean(ids == best), "macro_f1": np.mean(scores)}


def counted(real: list[bool], predicted: list[bool]) -> tuple[int, int, int]:
    return sum(a and b for a, b in zip(real, predicted, strict=True)), sum(predicted), sum(real)


def shares(right: int, predicted: int, real: int, prefix: str = "") -> dict[str, float]:
    values = {"precision": right / max(predicted, 1), "recall": right / real, "f1": 2 * right / (predicted + real)}
    return {prefix + name: value for name, value in values.items()}


def area(labels: list[str], scores: np.ndarray[Any, Any]) -> float:
    """The share of pairs that stand in the right order."""
    positive = np.array(labels) == "yes"
    pairs = [(one > other) + 0.5 * (one == other) for one in scores[positive] for other in scores[~positive]]
    return float(np.mean(pairs))


def of_entities(tags: list[list[str]], said: Said) -> dict[str, float]:
    names = sorted({tag for record in tags for tag in record})
    real = {(i, *span) for i, record in enumerate(tags) for span in spans(record)}
    found = {(i, *span) for i, row in enumerate(said) for span in spans([names[best] for best in row.argmax(axis=-1)])}
    return shares(len(real & found), len(found), len(real), "entity_")


def spans(tags: list[str]) -> list[tuple[int, int, str]]:
    """First step, last step and type of each entity."""
    found: list[tuple[int, int, str]] = []
    before = "O"
    for i, tag in enumerate(tags):
        if tag != "O":
            if tag[0] == "I" and before[1:] == tag[1:]:
                found[-1] = (found[-1][0], i, tag[2:])
            else:
                found.append((i, i, tag[2:]))
        before = tag
    return found


def of_next_tokens(ids: list[np.ndarray[Any, Any]], said: Said) -> dict[str, float]:
    """The last step is followed by the end, which is class 0."""
    losses, right = [], []
    for tokens, outputs in zip(ids, said, strict=True):
        for step, label in enumerate([*tokens[1:], 0] if len(tokens) else []):
            losses.append(-np.log(float(outputs[step, label])))
            right.append(outputs[step].argmax() == label)
    return {"loss": np.mean(losses), "perplexity": np.exp(np.mean(losses)), "accuracy": np.mean(right)}


def of_errors(errors: np.ndarray[Any, Any], variance: float) -> dict[str, float]:
    squares = errors**2
    return {
        "loss": squares.mean() / variance,
        "mae": np.abs(errors).mean(),
        "rmse": np.sqrt(squares.mean()),
    }


def of_forecasts(waves: list[np.ndarray[Any, Any]], said: Said, manifest: Manifest) -> dict[str, float]:
    """Two frames ahead, from the second frame on, as the spec says."""
    errors, naive = [], []
    for frames, outputs in zip(waves, said, strict=True):
        for step in range(1, len(frames)):
            for ahead in (1, 2):
                if step + ahead < len(frames):
                    errors.append(outputs[step].reshape(2, 2)[ahead - 1] - frames[step + ahead])
                    naive.append(frames[step] - frames[step + ahead])
    variance = np.array(manifest.moments["waves"].variance)
    loss, of_naive = (np.mean(np.array(part, np.float64) ** 2 / variance) for part in (errors, naive))
    return {**of_errors(np.array(errors, np.float64), 1.0), "loss": loss, "skill": 1 - loss / of_naive}
