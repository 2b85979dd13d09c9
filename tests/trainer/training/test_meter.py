"""The sums of an epoch, in all and by bucket, however seldom losses are read."""

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from schemas.manifest_pb2 import Bucket, Manifest
from schemas.spec import parse_spec
from trainer.training.meter import EpochMeter, NotFinite

SPEC = "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace}}\nlabel: {from: mood, type: class}\n"
BUCKETS = [Bucket(min_length=0, max_length=3), Bucket(min_length=4, max_length=6), Bucket(min_length=7)]
MANIFEST = Manifest(spec=parse_spec(SPEC), buckets=BUCKETS)


def batch(lengths: list[int], filler: int = 0) -> tuple[dict[str, Any], tf.Tensor]:
    every = lengths + [0] * filler
    ids = tf.zeros([len(every), max(1, *every)], tf.int32)
    weight = tf.constant([1.0] * len(lengths) + [0.0] * filler)
    return {"text": ids, "text/length": tf.constant(every, tf.int32)}, weight


def feed(meter: EpochMeter, lengths: list[int], loss: float, filler: int = 0) -> None:
    meter.begin()
    meter.end(*batch(lengths, filler), tf.constant(loss))


def test_by_bucket() -> None:
    meter = EpochMeter(MANIFEST, filler=True, every=1)
    feed(meter, [1, 2, 3], 0.75, filler=1)
    feed(meter, [2, 5], 0.5)
    feed(meter, [3], 0.25)
    meter.read()
    assert meter.steps == 3
    assert meter.loss() == 0.5
    assert meter.rates()["padding_efficiency"] == round(16 / 25, 6)
    rows = meter.by_bucket()
    assert all(row.pop("real_steps_per_second") > 0 for row in rows[:2])
    # A batch weighs its examples / the mean of 2: the mean over examples is the sum of losses x 2 / examples.
    short = {"steps": 2, "examples": 4, "loss": 0.5, "padding_efficiency": 0.6}
    middle = {"steps": 1, "examples": 2, "loss": 0.5, "padding_efficiency": 0.7}
    assert rows == [
        {"min_length": 0, "max_length": 3, **short},
        {"min_length": 4, "max_length": 6, **middle},
        {"min_length": 7, "max_length": None, "steps": 0, "examples": 0},
    ]
    assert meter.note().startswith("loss 0.5000, ")
    assert meter.note().endswith(" real steps/s, padding efficiency 64.0%")


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 4, width=32)), min_size=1, max_size=40), st.integers(0, 40))
def test_seldom_read_and_gone_on_with_is_the_same(steps: list[tuple[int, float]], cut: int) -> None:
    each, seldom = EpochMeter(MANIFEST, every=1), EpochMeter(MANIFEST, every=7)
    for i, (length, loss) in enumerate(steps):
        feed(each, [length, 1], loss)
        if i == cut:
            seldom.read()
            plain = json.loads(json.dumps(seldom.to_plain()))
            seldom = EpochMeter(MANIFEST, every=7)
            seldom.restore(plain)
        feed(seldom, [length, 1], loss)
    each.read()
    seldom.read()
    timed = {"seconds", "timed_seconds", "timed_real"}
    ours, theirs = ({k: v for k, v in of.to_plain().items() if k not in timed} for of in (each, seldom))
    assert ours == theirs
    assert each.loss() == seldom.loss()


@pytest.mark.parametrize("every", [1, 4, 16])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_step_that_is_not_finite_is_named(every: int, bad: float) -> None:
    meter = EpochMeter(MANIFEST, every=every)
    with pytest.raises(NotFinite) as error:
        for i in range(20):
            feed(meter, [1], bad if i in (5, 6) else 1.0)
        meter.read()
    assert error.value.step == 5
