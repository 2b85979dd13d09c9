"""Small models of the next step, and sequences continued as plainly as can be: all is read again for each step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.contract import read_vocabularies
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest import load_manifest
from schemas.model_inputs import ModelInputs
from schemas.records.validate import validate
from schemas.vocabulary import PAD_ID
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import SMALL
from trainer import TrainerConfig, build_model
from trainer.batches.padding import features_in_front, to_end
from trainer.batches.parsing import input_specs
from trainer.generation.options import GenerationOptions
from trainer.generation.rules import beginnings_spec
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


def reading_of(saved: SavedModel) -> Callable[[Any], Any]:
    """Returns a function of features: the answers of all steps, and that behind the last one."""
    model = saved.model
    in_front = model.settings["padding"] == "pre"

    def read(features: Any) -> Any:
        whole = model(features_in_front(features) if in_front else features)
        lengths = features[f"{model.task.leader}/length"]
        return to_end(whole, lengths) if in_front else whole, model.last(features)

    return tf.function(read, input_signature=[input_specs(saved.manifest)])


def answers_of(saved: SavedModel, records: list[Record], read: Callable[[Any], Any]) -> npt.NDArray[Any]:
    """Returns what a model answers after the last step of each record, all of which it reads."""
    spec = beginnings_spec(saved.manifest.spec)
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()
    block = validate(parse_jsonl(lines, fields_of(spec, for_training=False)), spec)
    assert not block.rejected, block.rejected[0]
    inputs = ModelInputs(block, saved.manifest, saved.vocabularies)
    features = inputs.batch(np.arange(len(records)))
    lengths = np.asarray(features[f"{saved.model.task.leader}/length"])
    whole, last = (np.asarray(part) for part in read(features))
    # Of an empty sequence no step is answered.
    return np.where(lengths[:, None] > 0, whole[np.arange(len(records)), np.maximum(lengths - 1, 0)], last)


def naively(
    saved: SavedModel, records: list[Record], options: GenerationOptions, draws: Any, read: Callable[[Any], Any]
) -> list[Record]:
    """Returns what generation is to give, {"generated", "ended"} of each record.

    Args:
      saved: A model.
      records: Beginnings.
      options: Those of generation.
      draws: Random numbers of each record and step.
      read: Of `reading_of`.
    """
    spec = saved.manifest.spec
    of, frames = spec.label.of, spec.label.of == "waves"
    grown = [{**record, of: list(record[of])} for record in records]
    results: list[Record] = [{"generated": [], "ended": False} for _ in records]
    for step in range(options.steps):
        for i, answer in enumerate(answers_of(saved, grown, read)):
            if results[i]["ended"]:
                continue
            draw = draws[i, step] if options.drawn else 0.0
            taken = answer[:2].tolist() if frames else taken_token(saved, answer, options, draw)
            results[i]["ended"] = taken is None
            if taken is not None:
                results[i]["generated"].append(taken)
                grown[i][of].append(taken)
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
