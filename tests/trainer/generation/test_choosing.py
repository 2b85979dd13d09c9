"""Which token is taken of probabilities: laws that hold for any, and frequencies that follow them."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.generation.choosing import Chooser, draws_of
from trainer.generation.options import GenerationOptions

COUNT = 20_000
SHARES = np.array([0.4, 0.05, 0.3, 0.0, 0.15, 0.1], np.float32)
# Few kinds of shapes: TensorFlow makes each operation anew for none.
WEIGHTS = st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(any)


def options_of(**given: Any) -> GenerationOptions:
    return GenerationOptions(**{"temperature": 1.0, **given})


def drawn(shares: Any, options: GenerationOptions, draws: Any) -> Any:
    many = np.tile(np.asarray(shares, np.float32), (len(draws), 1))
    return Chooser(options)(many, draws).numpy()


@cache
def many_draws() -> Any:
    return draws_of(np.arange(COUNT), options_of(steps=1, seed=3))[:, 0]


def frequencies(options: GenerationOptions) -> Any:
    return np.bincount(drawn(SHARES, options, many_draws()), minlength=len(SHARES)) / COUNT


def near(expected: Any) -> Any:
    """Returns frequencies that 20,000 draws have but for one time in a hundred thousand: 4.5 standard deviations."""
    shares = np.asarray(expected) / np.sum(expected)
    return pytest.approx(shares, abs=4.5 * np.sqrt(0.25 / COUNT))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_what_is_drawn_is_as_frequent_as_its_probability_says(temperature: float) -> None:
    assert frequencies(options_of(temperature=temperature)) == near(SHARES.astype(np.float64) ** (1 / temperature))


def test_only_the_most_probable_are_drawn() -> None:
    assert frequencies(options_of(top_k=3)) == near([0.4, 0, 0.3, 0, 0.15, 0])
    # 0.4 + 0.3 do not come to 0.75, with 0.15 they do.
    assert frequencies(options_of(top_p=0.75)) == near([0.4, 0, 0.3, 0, 0.15, 0])
    # Of the best three alone, 0.4 and 0.3 are more than 0.75 of 0.85.
    assert frequencies(options_of(top_k=3, top_p=0.75)) == near([0.4, 0, 0.3, 0, 0, 0])


@settings(max_examples=40)
@given(WEIGHTS, st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4))
def test_the_best_of_one_is_the_greedy_one(weights: list[int], draws: list[float]) -> None:
    greedy = Chooser(GenerationOptions())(np.asarray([weights], np.float32), None).numpy()[0]
    assert greedy == np.argmax(weights)
    for options in (options_of(top_k=1), options_of(top_p=1e-9), options_of(temperature=1e-3, top_k=1)):
        assert drawn(weights, options, np.array(draws)).tolist() == [greedy] * 4


@settings(max_examples=40)
@given(st.permutations([1, 2, 4, 8, 16, 32]), st.lists(st.floats(1e-9, 1, exclude_max=True), min_size=4, max_size=4))
def test_a_low_temperature_is_greedy(weights: list[int], draws: list[float]) -> None:
    assert drawn(weights, options_of(temperature=1e-3), np.array(draws)).tolist() == [int(np.argmax(weights))] * 4


@settings(max_examples=40)
@given(WEIGHTS, st.floats(0, 1, exclude_max=True), st.integers(1, 8))
def test_more_than_there_are_is_all_of_them(weights: list[int], draw: float, more: int) -> None:
    draws = np.array([draw])
    chosen = drawn(weights, options_of(top_k=len(weights)), draws)
    assert drawn(weights, options_of(top_k=len(weights) + more), draws).tolist() == chosen.tolist()
    assert weights[int(chosen[0])] > 0


@settings(max_examples=40)
@given(st.permutations(range(6)), st.integers(1, 6), st.floats(0, 1, exclude_max=True))
def test_none_beyond_the_best_is_taken(order: list[int], most: int, draw: float) -> None:
    weights = 2.0 ** np.asarray(order)
    chosen = drawn(weights, options_of(top_k=most, temperature=50.0), np.array([draw]))
    assert order[int(chosen[0])] >= 6 - most


def test_random_numbers_are_those_of_a_record() -> None:
    options = options_of(steps=5, seed=7)
    together = draws_of(np.array([0, 1, 2, 900]), options)
    assert together.shape == (4, 5)
    assert ((together >= 0) & (together < 1)).all()
    assert len(np.unique(together)) == 20
    assert draws_of(np.array([900, 1]), options).tolist() == together[[3, 1]].tolist()
    assert draws_of(np.array([1]), options_of(steps=2, seed=7)).tolist() == together[1:2, :2].tolist()
    assert not np.isin(draws_of(np.array([1]), options_of(steps=5, seed=8)), together).any()
    assert draws_of(np.array([1, 2]), GenerationOptions()).shape == (2, 0)
