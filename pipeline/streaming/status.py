"""What each part of a stream says of itself: a small file for each, replaced whole after every batch."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass

from pipeline import files
from schemas.errors import DataError

FOLDER = ".stream"  # of a stream, in the folder of its spans
TOO_LATE_FOLDER = "too_late"  # beside it: of records that came too late for a span
# What a stream knows of its windows, and records that came too late for them: nobody else can make either again.
_OF_STREAM = re.compile(rf"{re.escape(FOLDER)}/|{re.escape(TOO_LATE_FOLDER)}/[^/]+\.jsonl$")
_SHOWN = 40  # characters of a name that stand in one of a file


def is_of_stream(path: str) -> bool:
    """Returns whether a path within a folder of spans is that of a file that a stream keeps beside them."""
    return bool(_OF_STREAM.match(path))


@dataclass(frozen=True)
class Status:
    """Where the reading of a part stands.

    Attributes:
      part: Its name.
      position: Behind the last record that was read: an offset of Kafka, bytes of a folder.
      lag: Offsets or bytes that are there and have not been read; None: nobody knows now.
      watermark: Microseconds since 1970; `windows.UNKNOWN` while nothing tells.
      records: Read since the stream began to say so.
      bytes: Of these.
      seconds: When this was written, since 1970.
      note: What a person should know; empty: nothing.
    """

    part: str
    position: int
    lag: int | None
    watermark: int
    records: int
    bytes: int
    seconds: float
    note: str = ""


def slug(name: str) -> str:
    """Returns a name of a part or of a file as it can stand in one of a file: different for different names."""
    shown = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-_SHOWN:].lstrip("._-")
    return f"{shown}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def stop_path(root: str) -> str:
    """Returns the path of the file that asks a stream to stop."""
    return files.join(root, FOLDER, "stop")


def status_path(root: str, part: str) -> str:
    """Returns the path of the file that tells of a part."""
    return files.join(root, FOLDER, "status", f"{slug(part)}.json")


def dump(root: str, status: Status) -> None:
    """Writes the status of a part.

    Raises:
      DataError: It cannot be written.
    """
    files.write(status_path(root, status.part), json.dumps(dataclasses.asdict(status), indent=2).encode())


def load(path: str) -> Status:
    """Reads a status.

    Raises:
      DataError: It cannot be read, or is none.
    """
    try:
        return Status(**json.loads(files.read(path)))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: is damaged ({error}); delete it: it is written again") from None


def load_all(root: str) -> list[Status]:
    """Returns what all parts say, by name."""
    found = files.match_within(files.join(root, FOLDER, "status"), "*.json")
    return sorted((load(path) for path in found), key=lambda status: status.part)
