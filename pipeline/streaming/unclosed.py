"""What was read of files and is in no closed window yet, kept from one start of a stream to the next.

It is read again, so the files must still be there. Kafka says itself that it has deleted what was to be read; of a
file that is gone nobody would know that it ever was.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from pipeline import files
from pipeline.arrow_files import read_table
from pipeline.guards import durable
from pipeline.origins import SUFFIX
from schemas.errors import DataError
from schemas.streams.positions import NONE, Ranges, without

FILE = "unclosed.json"
_OF_FILES = "folder:"  # what the identity of a source of files begins with


def keep(folder: str, identity: str, covered: Mapping[str, Ranges]) -> dict[str, Ranges]:
    """Notes what was read and is in no closed window: what is noted, and what lies in the spool of any start.

    Called before the spool is deleted, and whenever more windows are closed. What is noted is a stretch of each such
    file, so that it does not grow with what was read.

    Args:
      folder: Of what a stream keeps.
      identity: Of the source; what is noted of another one is forgotten.
      covered: Positions that are in a closed window, by path.

    Returns:
      What is noted: positions by path.

    Raises:
      DataError: The note is damaged, or cannot be written.
    """
    stretches = _noted(folder, identity)
    if identity.startswith(_OF_FILES):
        for source, (first, end) in _spooled(files.join(folder, "spool")):
            before = stretches.get(source, (first, end))
            stretches[source] = (min(first, before[0]), max(end, before[1]))
    # All of a stretch was read, for a file is read in its order.
    left = {
        source: without(np.array([stretch], np.int64), covered.get(source, NONE))
        for source, stretch in sorted(stretches.items())
    }
    left = {source: ranges for source, ranges in left.items() if len(ranges)}
    _write(folder, identity, {source: (int(ranges[0, 0]), int(ranges[-1, 1])) for source, ranges in left.items()})
    return left


def forget(folder: str, identity: str, sources: Iterable[str]) -> None:
    """Leaves files out of what is noted.

    Raises:
      DataError: The note is damaged, or cannot be written.
    """
    gone = set(sources)
    noted = _noted(folder, identity)
    _write(folder, identity, {source: stretch for source, stretch in noted.items() if source not in gone})


def _noted(folder: str, identity: str) -> dict[str, tuple[int, int]]:
    path = files.join(folder, FILE)
    if not files.exists(path):
        return {}
    try:
        values = json.loads(files.read(path))
        found = {source: (int(first), int(end)) for source, (first, end) in values["files"].items()}
        return found if values["source"] == identity else {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: is damaged ({error}); delete it: the stream goes on without it, and does not say whether files "
            "are gone that had to be read again"
        ) from None


def _write(folder: str, identity: str, stretches: Mapping[str, tuple[int, int]]) -> None:
    path = files.join(folder, FILE)
    if stretches:
        durable.write(path, json.dumps({"source": identity, "files": stretches}, indent=2).encode())
    else:
        files.delete([path])


def _spooled(folder: str) -> Iterable[tuple[str, tuple[int, int]]]:
    """Yields of each file of lines of one source which stretch of that they are of."""
    for name in files.every_file(folder):
        if name.endswith(SUFFIX):
            # It was closed meanwhile, or a loss of power has taken what it held.
            with contextlib.suppress(OSError, DataError, pa.ArrowInvalid):
                rows = read_table(files.join(folder, name))
                starts, positions = rows["start"].to_numpy(), rows["position"].to_numpy()
                yield rows["source"][0].as_py(), (int(starts.min()), int(positions.max()) + 1)
