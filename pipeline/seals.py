"""Digests within files that no manifest names: a flipped bit in them can be told from what they say themselves."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline import files
from pipeline.job import SPEC_NAME
from schemas.messages import canonical_json, digest

_FIELD = "sha256"  # of a sealed record
_SEAL = re.compile(rb"<!-- SHA-256 of all before this: ([0-9a-f]{64}) -->\n\Z")


def seal_record(values: Mapping[str, Any]) -> bytes:
    """Returns canonical JSON of values and the SHA-256 of their canonical JSON, as `sha256`."""
    return canonical_json({**values, _FIELD: digest(dict(values))})


def open_record(content: bytes) -> dict[str, Any] | None:
    """Returns the values of a sealed record; None where a bit of it has changed, or it was never sealed."""
    try:
        values = json.loads(content)
        if not isinstance(values, dict) or canonical_json(values) != content:
            return None
        sha256 = values.pop(_FIELD, "")
        return values if digest(values) == sha256 else None
    except (ValueError, RecursionError):  # no JSON, no UTF-8, or numbers that canonical JSON does not have
        return None


def spec_digest(folder: str) -> str:
    """Returns the SHA-256 of the spec beside a data set, which the record of its run states."""
    return hashlib.sha256(files.read(files.join(folder, SPEC_NAME))).hexdigest()


def seal_page(text: str) -> bytes:
    """Returns an HTML page with a comment behind it that holds the SHA-256 of what stands before it."""
    content = text.encode()
    return content + f"<!-- SHA-256 of all before this: {hashlib.sha256(content).hexdigest()} -->\n".encode()


def is_sealed_page(content: bytes) -> bool:
    """Returns whether a page is as it was when it was sealed."""
    match = _SEAL.search(content)
    return match is not None and hashlib.sha256(content[: match.start()]).hexdigest() == match[1].decode()
