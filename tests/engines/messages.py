"""Messages with event times in the past, some of them late or bad: the same ones each time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

BEGIN = datetime(2024, 3, 1, 10, tzinfo=UTC)
_OUT_OF_ORDER = 20.0  # seconds by which a message comes later than newer ones, at most
# Every so many messages: without event time, no JSON or none at all; of a window that is over; of one long over.
_BAD, _LATE, _TOO_LATE = 2_000, 500, 200
_LATE_SECONDS, TOO_LATE_SECONDS = 720.0, 1_500.0
_WORDS = 500


class Message(NamedTuple):
    """A message.

    Attributes:
      seconds: When it is sent, since `BEGIN`.
      at: Event time.
      value: What is sent.
      is_bad: Whether nobody can read its event time from it.
    """

    seconds: float
    at: datetime
    value: bytes | None
    is_bad: bool


def messages(count: int, seconds: float, seed: int = 11) -> Iterator[Message]:
    """Yields messages in the order in which they are sent.

    Args:
      count: How many.
      seconds: Of event time over which they are spread.
      seed: Of what they say.
    """
    draw = np.random.default_rng(seed)
    weights = 1 / np.arange(1, _WORDS + 1)
    lengths = draw.integers(3, 20, count)
    words = iter(draw.choice(_WORDS, int(lengths.sum()), p=weights / weights.sum()).tolist())
    delays = draw.uniform(0, _OUT_OF_ORDER, count)
    for i, (length, delay) in enumerate(zip(lengths.tolist(), delays.tolist(), strict=True)):
        now = i * seconds / count
        at = BEGIN + timedelta(seconds=now - delay - _late_by(i, now))
        text = " ".join(f"w{next(words)}" for _ in range(length))
        record = {"id": f"m{i}", "at": at.isoformat(), "kind": "long" if length > 11 else "short", "text": text}
        yield Message(now, at, _value(i, record), i % _BAD == _BAD // 2)


def _late_by(i: int, now: float) -> float:
    if i % _TOO_LATE == 7 and now > 1.05 * TOO_LATE_SECONDS:
        return TOO_LATE_SECONDS
    return _LATE_SECONDS if i % _LATE == 3 and now > 1.3 * _LATE_SECONDS else 0.0


def _value(i: int, record: dict[str, str]) -> bytes | None:
    kind = i // _BAD % 3 if i % _BAD == _BAD // 2 else -1
    if kind == 0:
        record = {name: value for name, value in record.items() if name != "at"}
    if kind == 1:
        return json.dumps(record).encode()[:-5]
    return None if kind == 2 else json.dumps(record).encode()


def good_lines(count: int, seconds: float) -> list[bytes]:
    """Returns messages without a fault, of which a base is made; arguments as of `messages`."""
    return [message.value for message in messages(count, seconds, seed=3) if message.value and not message.is_bad]
