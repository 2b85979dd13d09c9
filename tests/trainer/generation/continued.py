"""Small models of the next step, and sequences continued as plainly as can be: all is read again for each step."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.contract import read_vocabularies
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest import load_manifest
from schemas.model_inputs import ModelInputs
from schemas.records.unlabelled import validate_unlabelled
from schemas.vocabulary import PAD_ID
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import SMALL
from trainer import TrainerConfig, build_model
from trainer.batches.padding import features_in_front, to_end
from trainer.generation.options import GenerationOptions
from trainer.generation.rules import beginnings_spec
from trainer.prediction.records import fields_to_predict
from trainer.saved import SavedModel

Record = dict[str, Any]

# Each token is read with all that can be derived from it; beside it stand a series of its own length and the context.
TOKENS = """
id: id
sequences:
  text: {type: tokens, tokenizer: none, empty: keep, vocabulary: {top_k: 7}}
  shape: {type: tokens, derive: {of: text, take: shape}}
  first: {type: tokens, derive: {of: text, take: prefix, length: 1}, vocabulary: {top_k: 4}}
  last: {type: tokens, derive: {of: text, take: suffix, length: 2}}
  plain: {type: tokens, derive: {of: text, take: lower}}
  letters: {type: tokens, derive: {of: text, take: characters}, vocabulary: {top_k: 9}}
  waves: {type: series, dims: 2, normalize: zscore, empty: keep}
context: {age: {type: number, normalize: zscore}, place: {type: category}}
label: {type: next_step, of: text, end: true}
"""
FRAMES = """
id: id
sequences:
  waves: {type: series, dims: 2, normalize: zscore, empty: keep, missing: mean}
  text: {type: tokens, tokenizer: none, empty: keep}
context: {age: {type: number, normalize: zscore}, place: {type: category}}
label: {type: next_step, of: waves, horizon: 2}
"""
TEXT = "id: id\nsequences: {text: {type: tokens, empty: keep}}\nlabel: {type: next_step, end: true}"
SPECS = {"tokens": TOKENS, "frames": FRAMES}
WORDS = ["The", "old", "Cat", "sat", "b", "3rd", "mat", "seldom", "McDonald", ""]


def records_of(prefix: str, lengths: list[int]) -> list[Record]:
    """Returns records; a number of frames is that of `lengths`, turned round."""
    draw = np.random.default_rng(sum(prefix.encode()))
    return [
        {
            "id": f"{prefix}-{i}",
            "text": draw.choice(WORDS, length).tolist(),
            "waves": draw.normal(3, 2, (frames, 2)).round(3).tolist(),
            "age": float(draw.integers(10, 90)),
            "place": ("north", "south")[i % 2],
        }
        for i, (length, frames) in enumerate(zip(lengths, lengths[::-1], strict=True))
    ]


BEGINNINGS = records_of("test", [3, 0, 1, 7, 0, 11])


def write_data(folder: Path, kind: str, spec: str | None = None) -> Path:
    """Writes a data set of a kind, and returns its folder."""
    records = records_of("train", [4, 0, 9, 2, 6, 1, 12, 3, 8, 5])
    if kind == "frames":
        records[2]["waves"][1][0] = None
    build_dataset(folder, spec or SPECS[kind], {"train": records}, [4])
    return folder


def saved_model(data: Path, **settings: Any) -> SavedModel:
    """Returns a model that has not been trained; its weights are large enough for its answers to differ."""
    manifest = load_manifest(data)
    model = build_model(manifest, TrainerConfig(**{**SMALL, "bidirectional": False, **settings}))
    draw = np.random.default_rng(7)
    for weight in model.trainable_variables:
        weight.assign(weight + draw.normal(scale=0.4, size=weight.shape))
    return SavedModel(data, model, manifest, read_vocabularies(data, manifest), [])


def answers_of(saved: SavedModel, records: list[Record]) -> npt.NDArray[Any]:
    """Returns what a model answers after the last step of each record, all of which it reads."""
    spec = beginnings_spec(saved.manifest.spec)
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()
    block = validate_unlabelled(parse_jsonl(lines, fields_to_predict(spec)), spec)
    assert not block.rejected, block.rejected[0]
    inputs = ModelInputs(block, saved.manifest, saved.vocabularies)
    features = {name: tf.constant(values) for name, values in inputs.batch(np.arange(len(records))).items()}
    in_front = saved.model.settings["padding"] == "pre"
    whole = saved.model(features_in_front(features) if in_front else features)
    lengths = np.asarray(features[f"{saved.model.task.leader}/length"])
    steps = np.asarray(to_end(whole, lengths) if in_front else whole)
    # Of an empty sequence no step is answered.
    last = np.asarray(saved.model.last(features))
    return np.where(lengths[:, None] > 0, steps[np.arange(len(records)), np.maximum(lengths - 1, 0)], last)


def read_again(
    saved: SavedModel, records: list[Record], entries: list[Record], options: GenerationOptions, draws: Any
) -> list[Record]:
    """Returns what generation is to give, {"generated", "ended"} of each record.

    Each step is taken of what the model answers when it reads the beginning and all generated steps before it. So what
    is returned is what was generated if and only if every single step is right.

    Args:
      saved: A model.
      records: Beginnings.
      entries: What was generated.
      options: Those of generation.
      draws: Random numbers of each record and step.
    """
    of = saved.manifest.spec.label.of
    places = [(i, k) for i, entry in enumerate(entries) for k in range(min(len(entry["generated"]) + 1, options.steps))]
    grown = [{**records[i], of: [*records[i][of], *entries[i]["generated"][:k]]} for i, k in places]
    results: list[Record] = [{"generated": [], "ended": False} for _ in records]
    for (i, k), answer in zip(places, answers_of(saved, grown), strict=True):
        draw = draws[i, k] if options.drawn else 0.0
        taken = answer[:2].tolist() if of == "waves" else taken_token(saved, answer, options, draw)
        if taken is None:
            results[i]["ended"] = True
        else:
            results[i]["generated"].append(taken)
    return results


def taken_token(saved: SavedModel, answer: Any, options: GenerationOptions, draw: float) -> str | None:
    """Returns the token that is taken of the probabilities of one step; None: the end."""
    vocabulary = saved.vocabularies[saved.manifest.spec.label.of]
    names = vocabulary.tokens.to_pylist()
    probabilities = answer[vocabulary.first_id :].astype(np.float64)
    if saved.manifest.spec.label.end:
        names, probabilities = [*names, None], np.append(probabilities, np.float64(answer[PAD_ID]))
    if not options.drawn:
        return names[int(probabilities.argmax())]
    shares = probabilities ** (1 / options.temperature)
    if options.limited:
        best = np.argsort(-shares, kind="stable")[: options.top_k]
        names, shares = [names[i] for i in best], shares[best]
        if options.top_p is not None:
            before = np.cumsum(shares) - shares
            shares = np.where(before < options.top_p * shares.sum(), shares, 0)
    return names[int(np.flatnonzero(np.cumsum(shares) > draw * shares.sum())[0])]
