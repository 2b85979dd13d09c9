"""A place in training, to go on from: an epoch and a step of it, and what the order of batches follows from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.errors import DataError


@dataclass(frozen=True)
class Position:
    """Where training is, of less than 1 KiB as JSON.

    Attributes:
      epoch: From 0.
      step: Batches of the epoch that are done.
      data: Fingerprint of the data set.
      batches: SHA-256 of all else that the order of batches follows from.
    """

    epoch: int
    step: int
    data: str
    batches: str

    def to_json(self) -> str:
        """Returns it as a text that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Position":
        """Reads what `to_json` wrote.

        Raises:
          DataError: It is no position.
        """
        try:
            position = cls(**json.loads(text))
            if not isinstance(position.data, str) or not isinstance(position.batches, str):
                raise TypeError
        except (ValueError, TypeError, RecursionError):
            raise DataError(f"position: {text[:80]!r} is none; give what `Position.to_json` returned") from None
        counts = (position.epoch, position.step)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise DataError(f"position: epoch {position.epoch!r} and step {position.step!r} must be counts from 0")
        return position

    def check(self, expected: "Position") -> None:
        """Refuses to go on with other batches than before.

        Args:
          expected: Any position of the training that is to go on.

        Raises:
          DataError: The data set or the settings have changed.
        """
        if self.data != expected.data:
            raise DataError(
                f"the position belongs to a data set with fingerprint {_short(self.data)}, and this one has "
                f"{_short(expected.data)}: it was written anew with other content; begin training anew"
            )
        if self.batches != expected.batches:
            raise DataError(
                "the position belongs to batches of another split or of other settings (sizes, seed, shuffling or "
                "way of batching); go on with those that it was made with, or begin training anew"
            )


def digest(values: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of plain values, in hexadecimal."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _short(fingerprint: str) -> str:
    return f"{fingerprint[:12]}…"
