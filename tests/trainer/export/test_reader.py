"""Records read within a graph against the same records read by Arrow: the same examples, and the same refusals."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers

from schemas.dataset_pb2 import Missing, Tokenizer
from schemas.records.subwords import load_subwords
from tests.effort import tries
from tests.trainer.export.reading import Case, assert_alike
from trainer.export.columns import ColumnKind, column_specs

SPECS = {
    "words and all that is derived from them": """
        sequences:
          text: {type: tokens, tokenizer: words, lowercase: true, max_length: 4, empty: keep,
                 vocabulary: {oov_buckets: 3}}
          prefix: {derive: {of: text, take: prefix, length: 2}}
          suffix: {derive: {of: text, take: suffix, length: 2}, vocabulary: {oov_buckets: 2}}
          shape: {derive: {of: text, take: shape}}
          letters: {derive: {of: text, take: characters}}
        label: {type: next_step, after: 1}
    """,
    "whitespace, the last steps": """
        sequences:
          text: {type: tokens, tokenizer: whitespace, max_length: 3, too_long: truncate_head, empty: drop}
          low: {derive: {of: text, take: lower}}
        context:
          source: {type: category, vocabulary: {shared_with: text}}
          age: {type: number}
    """,
    "characters, the middle steps": """
        sequences:
          text: {type: tokens, tokenizer: characters, lowercase: true, max_length: 3, too_long: truncate_both}
          shape: {derive: {of: text, take: shape}}
          plain: {type: tokens, tokenizer: characters, empty: keep}
        context: {age: {type: number}, height: {type: number}}
    """,
    "bytes, none too long": """
        sequences:
          text: {type: tokens, tokenizer: bytes, max_length: 6, too_long: drop, empty: keep}
          pair: {derive: {of: text, take: prefix, length: 4}}
          letters: {derive: {of: text, take: characters}}
    """,
    "tokens of several lengths": """
        sequences:
          a: {type: tokens, lowercase: true, max_length: 3, too_long: reject, empty: keep}
          b: {type: tokens, vocabulary: {shared_with: a}, max_length: 2, too_long: truncate_head, empty: keep}
          c: {type: tokens, aligned_with: a, vocabulary: {oov_buckets: 4}}
          d: {derive: {of: c, take: suffix, length: 1}}
        context: {source: {type: category, vocabulary: {oov_buckets: 2}}}
    """,
    "split": """
        sequences:
          text: {type: tokens, tokenizer: characters, max_length: 3, too_long: split, empty: keep}
          shape: {derive: {of: text, take: shape}}
          letters: {derive: {of: text, take: characters}}
        context: {source: {type: category}, age: {type: number}}
    """,
    "windows, no rest": """
        sequences:
          frames: {type: series, dims: 2, missing: forward, time: {from: at, format: unix_microseconds}}
          words: {type: tokens, aligned_with: frames}
          other: {type: series, dims: 1, missing: mean, aligned_with: frames}
        window: {length: 3, stride: 2, rest: drop}
    """,
    "windows and the rest": """
        sequences:
          frames: {type: series, dims: 1, missing: zero, empty: keep}
        window: {length: 4, stride: 1}
        context: {age: {type: number}}
    """,
    "series apart": """
        sequences:
          strict: {type: series, dims: 2, time: {from: at, format: unix_microseconds}, max_length: 3, empty: keep}
          zeros: {type: series, dims: 3, missing: zero, max_length: 2, too_long: truncate_both, empty: keep}
          means: {type: series, dims: 2, missing: mean, empty: keep}
          forward: {type: series, dims: 1, missing: forward, empty: drop}
    """,
    "ready tokens": """
        sequences:
          pieces: {type: tokens, tokenizer: subwords, tokenizer_file: t.json, max_length: 3, empty: keep}
          words: {type: tokens, tokenizer: words, normalization: nfkd, lowercase: true, empty: keep}
          names: {type: tokens, normalization: nfc, lowercase: true, aligned_with: words}
          low: {derive: {of: names, take: lower}}
    """,
}
PARTS = [
    *"aaabAB  '_1",
    "ab",
    "it's",
    "é",
    "É",
    "e\u0301",
    "İ",
    "\u212a",
    "中",
    "😀",
    "\0",
    "\n",
    "\u2003",
    "ﬁ",
    "Ring",
]
NUMBERS = [0.0, -0.0, 1.5, -2.25, 1e-45, 3e38, float("nan"), float("nan"), 0.1]


@cache
def case_of(name: str) -> Case:
    library = Library(models.BPE(vocab={"a": 0, "b": 1, "ab": 2, "[UNK]": 3}, merges=[("a", "b")], unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    return Case(SPECS[name], {"pieces": load_subwords(library.to_str().encode(), "t.json")})


def takes_lists(case: Case, name: str) -> bool:
    """Whether a raw record holds a list of tokens."""
    return name in case.spec.sequences and case.spec.sequences[name].tokenizer == Tokenizer.none


def strings(empty: bool = True) -> st.SearchStrategy[bytes]:
    text = st.lists(st.sampled_from(PARTS), min_size=0 if empty else 1, max_size=8).map("".join).map(str.encode)
    return st.one_of(*[text] * 12, st.sampled_from([b"\xff", b"a\xed\xa0\x80", b"\xc3"]), st.just(b"a"))


def numbers() -> st.SearchStrategy[float]:
    rare = st.sampled_from([1e39, float("inf"), float("-inf")])
    return st.one_of(*[st.sampled_from(NUMBERS)] * 20, rare, st.floats(-1e30, 1e30))


@st.composite
def records(draw: st.DrawFn, case: Case) -> dict[str, Any]:
    """Draws a record that is mostly what the spec asks for."""
    steps = draw(st.integers(0, 9))
    record: dict[str, Any] = {}
    for name, kind in case.kinds.items():
        aligned = name in case.spec.sequences and case.spec.sequences[name].aligned_with
        count = steps if not aligned or draw(st.integers(0, 9)) else draw(st.integers(0, 9))
        if kind == ColumnKind.NUMBER:
            record[name] = draw(numbers())
        elif kind == ColumnKind.TIMES:
            record[name] = draw(times(len(record[name.split("/")[0]])))
        elif kind == ColumnKind.SERIES:
            dims = case.spec.sequences[name].dims
            record[name] = [[draw(numbers()) for _ in range(dims)] for _ in range(count)]
        elif takes_lists(case, name):
            record[name] = [draw(st.sampled_from(PARTS)).encode() for _ in range(count)]
        else:
            record[name] = draw(strings())
    return record


@st.composite
def times(draw: st.DrawFn, steps: int) -> list[int]:
    one = st.one_of(st.integers(-(10**15), 10**15), st.sampled_from([0, 2**62, -(2**63), 10**16]))
    drawn = draw(st.lists(one, min_size=steps, max_size=steps))
    return draw(st.sampled_from([sorted(drawn), sorted(drawn), sorted(drawn), drawn, drawn[1:]]))


@pytest.mark.parametrize("name", SPECS)
@settings(deadline=None, max_examples=tries(15), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_records(name: str, data: st.DataObject) -> None:
    case = case_of(name)
    rows = data.draw(st.lists(records(case), max_size=6))
    refused = [data.draw(st.sampled_from([*[""] * 9, "wrong_type"])) for _ in rows]
    assert_alike(case, rows, refused)


@pytest.mark.parametrize("name", SPECS)
def test_many_records_of_which_enough_are_read(name: str) -> None:
    """What is drawn must not be refused always, or it would show nothing."""
    case, draw = case_of(name), np.random.default_rng(3)
    rows = [_likely(case, draw) for _ in range(200)]
    statuses = Counter(assert_alike(case, rows, [""] * len(rows)))
    assert statuses["ok"] >= 40
    if name not in {"windows and the rest"}:
        assert len(statuses) > 1


def _likely(case: Case, draw: np.random.Generator) -> dict[str, Any]:
    steps, record = int(draw.integers(0, 6)), {}
    for name, kind in case.kinds.items():
        if kind == ColumnKind.NUMBER:
            record[name] = float(draw.normal())
        elif kind == ColumnKind.TIMES:
            record[name] = np.cumsum(draw.integers(0, 10**9, len(record[name.split("/")[0]]))).tolist()
            record[name] += [0] * int(draw.integers(10) == 0)
        elif kind == ColumnKind.SERIES:
            values = draw.choice(NUMBERS[:6], (steps, case.spec.sequences[name].dims))
            if case.spec.sequences[name].missing != Missing.reject:
                values[draw.random(values.shape) < 0.4] = np.nan
            values[draw.random(values.shape) < 0.01] = np.inf
            record[name] = values.tolist()
        else:
            tokens = [part.encode() for part in draw.choice(PARTS, steps)]
            record[name] = (
                tokens if takes_lists(case, name) else b" ".join(tokens) + b"\xff" * int(draw.integers(20) == 0)
            )
    return record


@pytest.mark.parametrize("name", SPECS)
def test_no_record_and_none_that_can_be_used(name: str) -> None:
    case = case_of(name)
    found = case.read([])
    assert found.status.shape == found.record.shape == found.cut_steps.shape == (0,)
    for feature, values in found.features.items():
        assert values.shape[0] == 0, feature
        assert values.shape.rank == 1 or values.shape[1] == 1, feature
    rows = [_likely(case, np.random.default_rng(seed)) for seed in range(3)]
    refused = ["wrong_type", "invalid_json", "missing_field"]
    assert assert_alike(case, rows, refused) == refused


def test_a_saved_reader_reads_as_it_did(tmp_path: Path) -> None:
    case = case_of("words and all that is derived from them")
    module = tf.Module()
    module.reader = case.reader
    module.read = tf.function(lambda columns: case.reader(columns)._asdict(), input_signature=[column_specs(case.spec)])
    tf.saved_model.save(module, str(tmp_path))
    texts = tf.constant([b"It's ab", b"\xff", b"", "xX É a b c".encode()])
    found = tf.saved_model.load(str(tmp_path)).read({"text": texts})
    wanted = module.read({"text": texts})
    assert found["status"].numpy().tolist() == [b"ok", b"invalid_utf8", b"ok", b"ok"]
    tf.nest.map_structure(np.testing.assert_array_equal, found, wanted)
    known = {operation.type for operation in module.read.get_concrete_function().graph.get_operations()}
    assert not known & {"PyFunc", "EagerPyFunc", "PyFuncStateless", "While", "StatelessWhile", "NumpyFunction"}
