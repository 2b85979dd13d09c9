"""What cannot be continued is refused with the reason and the remedy; what is asked for must mean something."""

from typing import Any

import pytest

from schemas.dataset_pb2 import Empty, TooLong
from schemas.errors import UsageError
from schemas.spec import parse_spec
from trainer.generation.options import GenerationOptions, check_for_series
from trainer.generation.rules import beginnings_spec, check_continues, read_together

TEXT = "text: {type: tokens}"
NEXT = "label: {type: next_step, of: text}"
ACCEPTED = [
    f"sequences: {{{TEXT}}}\n{NEXT}",
    f"sequences: {{{TEXT}, shape: {{type: tokens, derive: {{of: text, take: shape}}}}}}\n{NEXT}",
    # What has a length of its own is read once.
    f"sequences: {{{TEXT}, waves: {{type: series, dims: 1}}}}\n{NEXT}",
    "sequences: {waves: {type: series, dims: 1, missing: zero}}\nlabel: {type: next_step}",
    f"sequences: {{{TEXT}}}\ngroup: {{by: case, order_by: at}}\n{NEXT}",
]


def aligned(name: str) -> str:
    return (
        f"sequences.{name}: is read in each step with 'text', and nothing says what it will be in steps to come; "
        "train without it, or derive it from 'text' (derive)"
    )


REFUSED = {
    f"sequences: {{{TEXT}}}\nlabel: {{from: mood, type: class}}": (
        "label: the model predicts a label of type class, and only a next step continues a sequence; train a model on "
        "a data set with `label: {type: next_step}`"
    ),
    f"sequences: {{{TEXT}, tags: {{type: tokens, aligned_with: text}}}}\n{NEXT}": aligned("tags"),
    f"sequences: {{{TEXT}, clock: {{type: series, dims: 1, aligned_with: text}}}}\n{NEXT}": aligned("clock"),
    f"sequences: {{words: {{type: tokens}}, text: {{type: tokens, aligned_with: words}}}}\n{NEXT}": aligned("words"),
    f"sequences: {{words: {{type: tokens}}, text: {{type: tokens, derive: {{of: words, take: shape}}}}}}\n{NEXT}": (
        aligned("words")
    ),
    "sequences: {waves: {type: series, dims: 1, time: {from: at, format: unix_seconds}}}\nlabel: {type: next_step}": (
        "sequences.waves.time: is read with each frame, and nothing says when frames to come will be; train without it"
    ),
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_can_be_continued(text: str) -> None:
    spec = parse_spec(text)
    check_continues(spec)
    assert spec.label.of in read_together(spec, spec.label.of)


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot(text: str) -> None:
    with pytest.raises(UsageError) as error:
        check_continues(parse_spec(text))
    assert str(error.value) == REFUSED[text]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps: is 0; it must be a whole number, 1 or more"),
        ({"steps": 2.5}, "steps: is 2.5; it must be a whole number, 1 or more"),
        ({"steps": True}, "steps: is True; it must be a whole number, 1 or more"),
        ({"seed": -1}, "seed: is -1; it must be a whole number, 0 or more"),
        ({"temperature": -0.5}, "temperature: is -0.5; it must be a number, 0 or more"),
        ({"temperature": float("nan")}, "temperature: is nan; it must be a number, 0 or more"),
        ({"temperature": "hot"}, "temperature: is 'hot'; it must be a number, 0 or more"),
        ({"temperature": 1.0, "top_k": 0}, "top_k: is 0; it must be a whole number, 1 or more"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p: is 0.0; it must be a number above 0, and 1 at most"),
        ({"temperature": 1.0, "top_p": 1.5}, "top_p: is 1.5; it must be a number above 0, and 1 at most"),
        (
            {"top_k": 5},
            "top_k: means nothing with temperature 0, which takes the most probable token; set a temperature above 0, "
            "or leave it out",
        ),
        (
            {"top_p": 0.5},
            "top_p: means nothing with temperature 0, which takes the most probable token; set a temperature above 0, "
            "or leave it out",
        ),
    ],
)
def test_options_that_mean_nothing(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        GenerationOptions(**given)
    assert str(error.value) == message


def test_frames_are_not_drawn() -> None:
    check_for_series(GenerationOptions(steps=3, seed=5))
    with pytest.raises(UsageError) as error:
        check_for_series(GenerationOptions(temperature=0.5))
    assert str(error.value) == (
        "temperature: is 0.5, and the label is of a series, whose frames are forecast and not drawn; leave it out"
    )


def test_a_beginning_is_one_example_that_is_told_of() -> None:
    spec = parse_spec(f"sequences: {{{TEXT[:-1]}, max_length: 5, too_long: split, empty: drop}}}}\n{NEXT}")
    text = beginnings_spec(spec).sequences["text"]
    assert (text.max_length, text.too_long, text.empty) == (5, TooLong.truncate_head, Empty.reject)
    spec = parse_spec(f"sequences: {{{TEXT}}}\nwindow: {{of: text, length: 6, stride: 3, rest: drop}}\n{NEXT}")
    changed = beginnings_spec(spec)
    text = changed.sequences["text"]
    assert (text.max_length, text.too_long, changed.HasField("window")) == (6, TooLong.truncate_head, False)
    assert spec.HasField("window")
    spec = parse_spec(f"sequences: {{{TEXT[:-1]}, max_length: 5, too_long: drop}}}}\n{NEXT}")
    assert beginnings_spec(spec).sequences["text"].too_long == TooLong.reject
