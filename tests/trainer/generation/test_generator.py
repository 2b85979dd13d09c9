"""What is generated step by step is what reading everything again for each step gives."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.spec import parse_spec
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.generation.continued import (
    BEGINNINGS,
    TEXT,
    read_again,
    saved_model,
    write_data,
)
from trainer.generation.choosing import draws_of
from trainer.generation.generator import Generator
from trainer.generation.options import GenerationOptions

Folders = Callable[[str], Path]
FOR_TOKENS: dict[str, dict[str, Any]] = {
    "lstm, two layers, normalised": {"layers": 2, "layer_norm": True},
    "convolutions, norms, a gru": {"cell": "gru", "conv_filters": (4, 5), "conv_width": 4, "layer_norm": True},
    "pieces": {"piece_steps": 3},
    "padded in front": {"padding": "pre", "cell": "none", "conv_filters": (4,)},
    "one-hot": {"token_input": "one_hot", "cell": "gru"},
}
FOR_FRAMES: dict[str, dict[str, Any]] = {
    "gru, two layers": {"cell": "gru", "layers": 2},
    "convolutions": {"cell": "none", "conv_filters": (4, 3), "conv_width": 3},
    "a convolution of one step": {"cell": "none", "conv_filters": (4,), "conv_width": 1},
    "no layer": {"cell": "none"},
    "pieces": {"piece_steps": 3, "layers": 2},
    "padded in front": {"padding": "pre"},
    "cell by cell": {"recurrent_kernel": "loop"},
    "the kernel of Keras": {"recurrent_kernel": "keras", "layer_norm": True},
}
GREEDY = GenerationOptions(steps=5)
DRAWN = GenerationOptions(steps=5, temperature=0.7, top_k=5, top_p=0.9, seed=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    parent = tmp_path_factory.mktemp("data")
    return cache(lambda kind: write_data(parent / kind, kind))


@pytest.fixture(scope="module")
def tokens(data: Folders) -> Any:
    return saved_model(data("tokens"))


# How a token is taken has nothing to do with the layers: one model shows that the most probable one is.
@pytest.mark.parametrize(("settings", "options"), [(name, DRAWN) for name in FOR_TOKENS] + [("one-hot", GREEDY)])
def test_tokens_are_those_of_reading_all_again(data: Folders, settings: str, options: GenerationOptions) -> None:
    saved = saved_model(data("tokens"), **FOR_TOKENS[settings])
    entries = Generator(saved, options, 16, 3).generate(BEGINNINGS)
    draws = draws_of(np.arange(len(BEGINNINGS)), options)
    expected = read_again(saved, BEGINNINGS, entries, options, draws)
    ids = [{"id": record["id"]} for record in BEGINNINGS]
    assert entries == [head | entry for head, entry in zip(ids, expected, strict=True)]
    assert len({tuple(entry["generated"]) for entry in entries}) > 1


@pytest.mark.parametrize("settings", FOR_FRAMES)
def test_frames_are_those_of_reading_all_again(data: Folders, settings: str) -> None:
    saved = saved_model(data("frames"), **FOR_FRAMES[settings])
    entries = Generator(saved, GREEDY, 16, 3).generate(BEGINNINGS)
    expected = read_again(saved, BEGINNINGS, entries, GREEDY, None)
    for entry, record, other in zip(entries, BEGINNINGS, expected, strict=True):
        assert list(entry) == ["id", "generated"]
        assert entry["id"] == record["id"]
        np.testing.assert_allclose(entry["generated"], other["generated"], rtol=1e-4, atol=1e-4)


def test_a_sequence_by_itself_is_read_in_pieces_by_convolutions_too(tmp_path: Path) -> None:
    saved = saved_model(write_data(tmp_path / "data", "tokens", TEXT), piece_steps=2, conv_filters=(4, 3), conv_width=4)
    entries = Generator(saved, GREEDY).generate(BEGINNINGS)
    expected = read_again(saved, BEGINNINGS, entries, GREEDY, None)
    assert [(entry["generated"], entry["ended"]) for entry in entries] == [
        (other["generated"], other["ended"]) for other in expected
    ]


@pytest.mark.parametrize(("precision", "near"), [("mixed_bfloat16", 0.3), ("mixed_float16", 0.03)])
def test_halves_are_as_near_as_halves_are(data: Folders, precision: str, near: float) -> None:
    saved = saved_model(data("frames"), precision=precision, conv_filters=(4,))
    options = GenerationOptions(steps=3)
    entries = Generator(saved, options).generate(BEGINNINGS)
    expected = read_again(saved, BEGINNINGS, entries, options, None)
    for entry, other in zip(entries, expected, strict=True):
        np.testing.assert_allclose(entry["generated"], other["generated"], rtol=near, atol=near)


@pytest.fixture(scope="module")
def hot(tokens: Any) -> Generator:
    """Draws nearly any token."""
    return Generator(tokens, GenerationOptions(steps=9, temperature=9.0, seed=1))


def test_other_records_change_nothing(hot: Generator) -> None:
    together = hot.generate(BEGINNINGS)
    alone = copy(hot)
    alone._max_examples = 1
    assert alone.generate(BEGINNINGS) == together
    # What is drawn follows from the place of a record: others take the place of those before it.
    assert hot.generate([{**BEGINNINGS[0], "text": ["b"]}, *BEGINNINGS[1:]])[1:] == together[1:]
    assert hot.generate([{}, *BEGINNINGS[1:]])[1:] == together[1:]


def test_memory_that_does_not_suffice_costs_one_record(hot: Generator) -> None:
    def limited(features: Any, draws: Any, most: Any) -> Any:
        if features["text"].size > 7:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return hot._run(features, draws, most)

    small = copy(hot)
    small._run = limited
    *others, longest = small.generate(BEGINNINGS)
    assert others == hot.generate(BEGINNINGS)[:-1]
    assert longest == {
        "id": "test-5",
        "line": 6,
        "error": "the machine has no memory for a sequence of 11 steps; generate on a larger one, or train with a "
        "length policy or a window",
        "reason": "out_of_memory",
    }


def test_more_steps_begin_with_the_same(hot: Generator) -> None:
    few, many = (hot.asked_for(replace(hot.options, steps=steps)).generate(BEGINNINGS) for steps in (1, 9))
    assert [entry["generated"] for entry in few] == [entry["generated"][:1] for entry in many]
    assert max(len(entry["generated"]) for entry in many) == 9


def test_the_seed_says_what_is_drawn(hot: Generator) -> None:
    drawn = [hot.asked_for(replace(hot.options, seed=seed)).generate(BEGINNINGS) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_a_graph_is_made_for_each_way_of_taking_tokens(hot: Generator) -> None:
    other = hot.asked_for(replace(hot.options, steps=2, seed=8))
    other.generate(BEGINNINGS)
    assert other._run is hot._run
    assert other._run.experimental_get_tracing_count() == 1
    assert hot.asked_for(GREEDY)._run is not hot._run
    assert hot.options.steps == 9


def _with_answers(saved: Any, *biases: tuple[int, float]) -> Any:
    """Makes some ids likely or unlikely, whatever is read."""
    kernel, bias = saved.model.head.weights
    kernel.assign(kernel * 0.01)
    new = np.zeros(bias.shape)
    for index, value in biases:
        new[index] = value
    bias.assign(new)
    return saved


def test_a_sequence_ends_where_the_end_is_most_probable(tmp_path: Path) -> None:
    saved = _with_answers(saved_model(write_data(tmp_path / "data", "tokens", TEXT)), (0, 9.0))
    entries = Generator(saved, GenerationOptions(steps=4)).generate(BEGINNINGS)
    assert entries == [{"id": record["id"], "generated": [], "ended": True} for record in BEGINNINGS]


def test_what_has_no_name_is_never_generated(tmp_path: Path) -> None:
    spec = TEXT.replace("empty:", "vocabulary: {top_k: 7, oov_buckets: 2}, empty:").replace(", end: true", "")
    saved = saved_model(write_data(tmp_path / "data", "tokens", spec))
    _with_answers(saved, (0, 9.0), (1, 9.0), (2, 9.0), (4, 2.0))
    second = saved.vocabularies["text"].tokens[1].as_py()
    greedy = Generator(saved, GenerationOptions(steps=4)).generate(BEGINNINGS)
    assert greedy == [{"id": record["id"], "generated": [second] * 4} for record in BEGINNINGS]
    drawn = Generator(saved, GenerationOptions(steps=50, temperature=3.0)).generate(BEGINNINGS)
    names = {token for entry in drawn for token in entry["generated"]}
    assert names == set(saved.vocabularies["text"].tokens.to_pylist())
    assert {len(entry["generated"]) for entry in drawn} == {50}


def test_answers_that_are_no_numbers_are_told(data: Folders) -> None:
    saved = saved_model(data("frames"), cell="none")
    saved.model.finish.share.assign([1e20] * 4)
    first, *_ = Generator(saved, GREEDY).generate(BEGINNINGS[:1])
    assert first == {
        "id": "test-0",
        "line": 1,
        "error": "the model's answer is no finite number after 1 generated steps",
        "reason": "not_finite",
    }


def test_bad_records_keep_their_place(hot: Generator) -> None:
    records = [BEGINNINGS[0], {**BEGINNINGS[1], "text": 5}, BEGINNINGS[2]]
    entries = hot.generate(records)
    assert [entry["id"] for entry in entries] == ["test-0", None, "test-2"]
    assert entries[1] == {
        "id": None,
        "line": 2,
        "error": "field 'text' must be a list of strings, of integers of 64 bits or of booleans; it is 5",
        "reason": "wrong_type",
    }
    with pytest.raises(TypeError, match="generate takes records, not one record; give a list"):
        hot.generate(BEGINNINGS[0])


@pytest.mark.parametrize(
    ("rules", "window", "kept"),
    [
        ("max_length: 4, too_long: truncate_head", "", slice(-4, None)),
        ("max_length: 4", "", slice(4)),
        ("max_length: 4, too_long: split", "", slice(-4, None)),
        ("", "window: {of: text, length: 4, stride: 2}", slice(-4, None)),
        ("", "window: {of: text, length: 4, stride: 4, rest: drop}", slice(-4, None)),
    ],
    ids=["head", "tail", "split", "window", "window, rest dropped"],
)
def test_what_is_continued_of_a_long_beginning(tmp_path: Path, rules: str, window: str, kept: slice) -> None:
    extra = f", {rules}" if rules else ""
    spec = f"""
id: id
sequences: {{text: {{type: tokens, tokenizer: none{extra}}}}}
label: {{type: next_step, of: text}}
{window}
"""
    records = [{"id": str(i), "text": [*"abcdefabc"][i % 3 :]} for i in range(9)]
    build_dataset(tmp_path / "data", spec, {"train": records})
    saved = saved_model(tmp_path / "data")
    long = {"id": "long", "text": [*"fedcbafe"]}
    options = GenerationOptions(steps=5)
    whole, short, of_part = Generator(saved, options).generate(
        [long, {"id": "short", "text": ["a"]}, {"id": "part", "text": long["text"][kept]}]
    )
    assert whole == {"id": "long", "generated": of_part["generated"], "cut_steps": 4}
    assert (short["cut_steps"], of_part["cut_steps"]) == (0, 0)
    assert len(short["generated"]) == 5


EVENTS = """
sequences: {word: {type: tokens}}
label: {type: next_step, of: word}
group: {by: who, order_by: at, order_as: number}
"""


def test_events_are_continued_as_the_records_that_they_make(tmp_path: Path) -> None:
    whole = [{"who": name, "word": words} for name, words in (("x", ["a", "b"]), ("y", ["c"]), ("z", ["b", "a"]))]
    build_dataset(tmp_path / "data", EVENTS.replace("group:", "id: who #"), {"train": whole})
    saved = saved_model(tmp_path / "data")
    options = GenerationOptions(steps=3, temperature=5.0)
    # What is drawn follows from the place of a record: a bad event has one, too.
    x, y, _, z = Generator(saved, options).generate([whole[0], whole[1], 0, whole[2]])
    saved.manifest.spec.CopyFrom(parse_spec(EVENTS))
    pairs = [("x", 2, "b"), ("x", 1, "a"), ("y", 1, "c"), ("y", "noon", "c"), ("z", 1, "b"), ("z", 1, "a")]
    events = [{"who": who, "at": at, "word": word} for who, at, word in pairs]
    entries = Generator(saved, options).generate(events)
    assert [entry["id"] for entry in entries] == ["x", "y", None, "z"]
    assert (entries[2]["line"], entries[2]["reason"]) == (4, "wrong_type")
    assert [entries[0], entries[1], entries[3]] == [x, y, z]
