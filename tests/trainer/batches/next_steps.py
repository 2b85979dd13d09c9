"""What stands in the next step, example by example in plain NumPy: the reference that batches are held against."""

import numpy as np
import numpy.typing as npt

Arrays = tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]


def next_tokens(ids: list[int], width: int, after: int, end: bool) -> Arrays:
    """Returns label and weight, (width,), of one example."""
    label, weight = np.zeros(width, np.int64), np.zeros(width)
    followers = [*ids[1:], *([0] if end else [])]
    for step, follower in enumerate(followers[: len(ids)]):
        if step + 1 >= after:
            label[step], weight[step] = follower, 1
    return label, weight


def next_frames(
    frames: npt.NDArray[np.float32], missing: npt.NDArray[np.float32], width: int, after: int, horizon: int
) -> Arrays:
    """Returns label and weight, (width, horizon * dims), of one example of frames, (steps, dims)."""
    steps, dims = frames.shape
    label, weight = np.zeros((width, horizon, dims), np.float32), np.zeros((width, horizon, dims))
    for step in range(after - 1, steps):
        for ahead in range(min(horizon, steps - 1 - step)):
            there = missing[step + 1 + ahead] == 0
            weight[step, ahead] = there
            label[step, ahead] = np.where(there, frames[step + 1 + ahead], 0)
    return label.reshape(width, -1), weight.reshape(width, -1)
