"""Raw record, pipeline, TFRecord, batch, model: the same answers as raw record, exported model.

What is held here for every tokenizer, length policy and type of feature, to 1e-5:

- the stored records of a data set that the pipeline wrote, parsed and batched as for training, get from the model the
  answers that the export gives for the raw records that they were made of, by each of its signatures;
- any other raw records, bad ones among them, get from the export the status, the steps cut off and the answers that
  they get by the plain path.
"""

import json
import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.raw import RawBlock
from schemas.records.unlabelled import unlabelled_spec
from tests.effort import tries
from tests.pipeline.helpers import prepare
from tests.trainer.properties.cases import PLAIN, QUICK_TO_TRACE, whole_batch, write_untrained
from trainer.export.export import record_model_of
from trainer.export.parity import Figures, compare, questions_about
from trainer.export.plain_path import PlainPath, rows_of
from trainer.export.raw_rows import RawRows
from trainer.export.signatures import ENCODED, EXAMPLES, SERVING_DEFAULT, signatures_of
from trainer.saved import SavedModel, load_saved

Record = dict[str, Any]
HEAD = "id: id\nsplit: {fractions: {train: 0.7, test: 0.3}}\n"
SPECS = {
    "words, what is derived from them, context, the first steps": """
        sequences:
          text: {type: tokens, tokenizer: words, lowercase: true, max_length: 5, empty: keep,
                 vocabulary: {oov_buckets: 3, top_k: 6}}
          prefix: {derive: {of: text, take: prefix, length: 2}}
          suffix: {derive: {of: text, take: suffix, length: 2}, vocabulary: {oov_buckets: 2}}
          shape: {derive: {of: text, take: shape}}
          low: {derive: {of: text, take: lower}}
          letters: {derive: {of: text, take: characters}}
        context: {age: {type: number, normalize: zscore}, place: {type: category, vocabulary: {oov_buckets: 2}}}
        label: {from: mood, type: class}""",
    "tokens with tags and aligned frames, the last steps": """
        sequences:
          words: {type: tokens, lowercase: true, max_length: 4, too_long: truncate_head, empty: keep}
          kinds: {type: tokens, aligned_with: words}
          beside: {type: series, dims: 1, aligned_with: words}
          note: {type: tokens, tokenizer: whitespace, from: text, max_length: 3, too_long: truncate_both, empty: keep}
        label: {from: kinds, type: per_step_class, of: words}""",
    "gaps and times": """
        sequences:
          flat: {type: series, dims: 2, layout: flat, normalize: zscore, missing: forward, empty: keep, max_length: 6,
                 time: {from: at, format: unix_milliseconds}}
          sides: {type: series, dims: 2, layout: columns, columns: [x, y], missing: mean, empty: keep,
                  time: {from: moments, format: iso8601}}
          plain: {type: series, dims: 2, from: frames, missing: zero, empty: keep}
        label: {from: size, type: number}""",
    "windows": """
        sequences: {frames: {type: series, dims: 2, normalize: zscore, empty: keep}}
        context: {age: {type: number}}
        window: {length: 4, stride: 2}
        label: {type: next_step, of: frames, horizon: 2}""",
    "whole windows only": """
        sequences: {frames: {type: series, dims: 2, empty: drop}}
        window: {length: 3, stride: 2, rest: drop}
        label: {from: mood, type: class}""",
    "characters, cut into pieces": """
        sequences:
          text: {type: tokens, tokenizer: characters, max_length: 5, too_long: split, empty: keep}
        label: {type: next_step, of: text}""",
    "bytes, and none too long": """
        sequences:
          text: {type: tokens, tokenizer: bytes, max_length: 40, too_long: drop, empty: drop}
          frames: {type: series, dims: 2, max_length: 12, too_long: reject, empty: keep}
          forms: {type: tokens, tokenizer: words, from: text, normalization: nfkc, lowercase: true, empty: keep}
        label: {type: next_step, of: text, end: true}""",
}
WORDS = [
    "the",
    "The",
    "old",
    "CAT",
    "caf\u00e9",
    "\u6f22\u5b57",
    "it's",
    "\U0001f642",
    "\u0130x",
    "x1",
    "?!",
    "\ufb01n",
]


@dataclass(frozen=True)
class Exported:
    """A model, and the signatures that an export of it has."""

    saved: SavedModel
    data: Path
    records: list[Record]
    plain: PlainPath
    signatures: dict[str, Any]


def record(draw: random.Random, name: str, steps: int) -> Record:
    """A good record, with the fields of all specs."""
    words = draw.choices(WORDS, k=steps)
    frames = [[round(draw.gauss(3, 2), 3) for _ in range(2)] for _ in range(draw.choice([steps, 3, 7]))]
    gaps = [number if draw.random() > 0.2 else None for frame in frames for number in frame]
    at = np.cumsum([draw.randrange(0, 90_000) for _ in frames]) + 1_700_000_000_000
    return {
        "id": name,
        "text": " ".join(draw.choices(WORDS, k=steps)),
        "words": words,
        "kinds": [("short", "long")[len(word) > 2] for word in words],
        "beside": [[float(len(word))] for word in words],
        "frames": frames,
        "flat": gaps,
        "x": gaps[::2],
        "y": gaps[1::2],
        "at": at.tolist(),
        "moments": [f"2024-05-01T12:{i:02d}:00Z" for i in range(len(frames))],
        "age": round(draw.gauss(40, 10), 2),
        "place": draw.choice(["north", "south"]),
        "mood": draw.choice(["bright", "dark", "odd"]),
        "size": round(draw.gauss(100, 10), 3),
    }


def spoiled(good: Record, draw: random.Random) -> Record:
    """The record with one thing that is unusual or wrong."""
    changes: list[Callable[[], Record]] = [
        lambda: dict.fromkeys(draw.sample(sorted(good), 2)),
        lambda: {"place": "never heard of", "words": [f"{word}\u00b7" for word in good["words"]]},
        lambda: {"words": good["words"][1:]},
        lambda: {"age": 1e300},
        lambda: {"frames": [[1e39, 0.0], *good["frames"]]},
        lambda: {"frames": [[1.0], *good["frames"]]},
        lambda: {"flat": good["flat"][1:]},
        lambda: {"x": good["x"][1:]},
        lambda: {"at": good["at"][::-1]},
        lambda: {"at": [1e30, *good["at"][1:]], "moments": ["yesterday", *good["moments"][1:]]},
        lambda: {"text": " ".join([good["text"]] * 40), "frames": good["frames"] * 40},
        lambda: {"text": "\u00a0\u2028 ", "frames": []},
        lambda: {"text": draw.choice(["\u1e9e\u03a3e\u0301", "a\x00b", "\U00010400 \u200d"])},
    ]
    return {**good, **draw.choice(changes)()}


def raw_of(records: list[Record], saved: SavedModel) -> RawBlock:
    data = b"".join(json.dumps(item).encode() + b"\n" for item in records)
    raw = parse_jsonl(data, fields_of(unlabelled_spec(saved.manifest.spec), for_training=False))
    assert not raw.rejected
    return raw


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """Gives the export of a model of random weights, of the data set that the pipeline writes by a spec."""

    @cache
    def made(name: str) -> Exported:
        folder = tmp_path_factory.mktemp("parity")
        draw = random.Random(7)
        lengths = [0, 1, 2, 3, 5, 4, 9, 12, 6, 7] * 4
        records = [record(draw, f"record {i}", length) for i, length in enumerate(lengths)]
        source = folder / "records.jsonl"
        source.write_text("".join(json.dumps(item) + "\n" for item in records))
        prepare(f"{HEAD}{textwrap.dedent(SPECS[name])}", str(source), folder / "data")
        kind = PLAIN if name == "windows" else QUICK_TO_TRACE
        saved = load_saved(write_untrained(folder / "data", folder / "model", kind))
        signatures = signatures_of(record_model_of(saved))
        return Exported(saved, folder / "data", records, PlainPath(saved), signatures)

    return made


def stored_answers(one: Exported) -> dict[str, dict[str, Any]]:
    """What the model says of the stored examples of all splits, by id."""
    answers = one.saved.model.task.answers(
        one.saved.classes, one.saved.vocabularies.get(one.saved.manifest.spec.label.of)
    )
    found = {}
    for split in one.saved.manifest.statistics:
        features, _, _ = whole_batch(one.data, split)
        said = answers.ask(one.saved.model, {name: tf.constant(values) for name, values in features.items()})
        rows = rows_of({name: values.numpy() for name, values in said.items()})
        found |= {name.decode(): row for name, row in zip(features["id"].tolist(), rows, strict=True)}
    return found


def exported_answers(one: Exported, signature: str) -> dict[str, dict[str, Any]]:
    """What the export says of the raw records that it has an answer for, by id of the example."""
    raw = raw_of(one.records, one.saved)
    said, rows = RawRows(raw, one.saved.manifest, one.saved.subwords), range(len(one.records))
    arguments = {EXAMPLES: said.examples(rows)} if signature == EXAMPLES else said.dense(rows)
    outputs = one.signatures[signature](**{name: tf.constant(values) for name, values in arguments.items()})
    names = raw.columns["id"].to_pylist()
    found: dict[str, dict[str, Any]] = {}
    numbers = dict.fromkeys(names, 0)
    for i, row in enumerate(rows_of({name: values.numpy() for name, values in outputs.items()})):
        name = names[int(row.get("record", i))]
        piece = f"{name}#{numbers[name]}" if "record" in row else name
        numbers[name] += 1
        if row["status"] == b"ok":
            found[piece] = row
    return found


@pytest.mark.parametrize("name", SPECS)
def test_stored_records_get_the_answers_that_the_export_gives_for_raw_ones(
    name: str, exported: Callable[[str], Exported]
) -> None:
    one = exported(name)
    wanted = stored_answers(one)
    assert len(wanted) >= 20
    for signature in (SERVING_DEFAULT, EXAMPLES):
        found = exported_answers(one, signature)
        assert sorted(found) == sorted(wanted)
        for example, answer in wanted.items():
            for output, value in answer.items():
                if np.asarray(value).dtype.kind == "f":
                    np.testing.assert_allclose(found[example][output], value, rtol=1e-5, atol=1e-5)
                else:
                    np.testing.assert_array_equal(found[example][output], value)


@pytest.mark.parametrize("name", SPECS)
@settings(deadline=None, max_examples=tries(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 24))
def test_any_records_get_from_the_export_what_they_get_by_the_plain_path(
    name: str, exported: Callable[[str], Exported], seed: int, count: int
) -> None:
    one, draw = exported(name), random.Random(seed)
    records = [record(draw, f"record {i}", draw.choice([0, 1, 2, 5, 8])) for i in range(count)]
    records = [item if draw.random() < 0.4 else spoiled(item, draw) for item in records]
    raw = raw_of([{**item, "id": f"record {i}"} for i, item in enumerate(records)], one.saved)
    figures = Figures()
    for question in questions_about(raw, [f"record {i}" for i in range(len(raw.offsets))], one.plain):
        arguments = {given: tf.constant(values) for given, values in question.arguments.items()}
        outputs = {said: values.numpy() for said, values in one.signatures[question.signature](**arguments).items()}
        compare(question, outputs, figures)
    assert set(figures.records) <= {SERVING_DEFAULT, EXAMPLES, ENCODED}
    assert max(figures.difference.values(), default=0) <= 1e-5
