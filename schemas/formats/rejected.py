"""Records that cannot be used: where they stand, why, and what was received."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.messages import canonical_json, printable

EXCERPT_CHARACTERS = 200


@dataclass(frozen=True, order=True)
class Rejected:
    """One rejected record.

    Attributes:
      path: Of the input file; empty until the block is known to belong to one.
      offset: Position of its first byte in the file.
      line: Its line, counted from 0 within its block until `placed`, then from 1 within its file.
      reason: A code that stays the same from release to release.
      rule: What was expected, in words.
      excerpt: The beginning of what was received.
    """

    path: str
    offset: int
    line: int
    reason: str
    rule: str
    excerpt: str

    def placed(self, path: str, first_line: int) -> "Rejected":
        """Returns the same with its place in the file; `first_line` is the block's, from 0."""
        return replace(self, path=path, line=first_line + self.line + 1)

    def __str__(self) -> str:
        """Returns one line for people, of a record of text."""
        return self.told(", line {line} (byte {offset})")

    def told(self, place: str) -> str:
        """Returns one line for people, with a place that is written as its format wants it."""
        where = f"{self.path}{place.format(line=self.line, offset=self.offset)}"
        return f"{where}: {self.reason}: {self.rule}; received {self.excerpt}"


def excerpt(received: bytes) -> str:
    """Returns the beginning of what was received, as printable text on one line."""
    text = received[: 4 * EXCERPT_CHARACTERS].decode("utf-8", errors="backslashreplace")
    return printable(text + "..." * (len(received) > 4 * EXCERPT_CHARACTERS), EXCERPT_CHARACTERS)


def dump_rejected(rejected: Iterable[Rejected]) -> bytes:
    """Returns the content of a file of rejected records: JSONL."""
    rows = (
        {
            "file": item.path,
            "line": item.line,
            "offset": item.offset,
            "reason": item.reason,
            "rule": item.rule,
            "excerpt": item.excerpt,
        }
        for item in rejected
    )
    return b"".join(canonical_json(row) + b"\n" for row in rows)
