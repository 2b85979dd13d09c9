"""One-hot vectors of real steps."""

import numpy as np
import pytest

from schemas.errors import UsageError
from trainer.sequence_layers.one_hot import OneHot


def test_each_id_is_the_place_of_a_one() -> None:
    ids = np.array([[0, 2, 1], [1, 999_999, -5]], np.int32)
    outputs = np.asarray(OneHot(3)(ids))
    assert outputs.dtype == np.float32
    assert outputs.tolist() == [[[1, 0, 0], [0, 0, 1], [0, 1, 0]], [[0, 1, 0], [0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(("ids", "shown"), [(10_001, "10,001"), (0, "0")])
def test_too_many_ids_are_refused(ids: int, shown: str) -> None:
    with pytest.raises(UsageError) as error:
        OneHot(ids).build()
    assert str(error.value) == (
        f"one-hot: {shown} ids; 1 to 10,000 can be read one-hot: "
        "use an embedding (token_input: embedding), or a smaller vocabulary (top_k, min_frequency)"
    )


def test_as_many_as_may_be() -> None:
    layer = OneHot(10_000)
    layer.build()
    row = np.asarray(layer(np.array([9_999], np.int32)))[0]
    assert (len(row), row.sum(), row[-1]) == (10_000, 1, 1)
