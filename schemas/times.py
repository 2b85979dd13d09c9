"""Times as records write them become microseconds since 1970-01-01 UTC.

Well-formed columns are read as matrices of digits, many at once; what only Python's strptime understands is
read once for each different value.
"""

import functools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import contents
from schemas.errors import DataError

Int64s = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ISO8601 = "iso8601"
UTC_NAME = "UTC"  # needs no database
UNIX_UNITS = {"unix_seconds": 1e6, "unix_milliseconds": 1e3, "unix_microseconds": 1.0, "unix_nanoseconds": 1e-3}
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1)
# Of the year 1, and the last of the year 9999.
FIRST_MICROS = (datetime.min - _EPOCH) // timedelta(microseconds=1)
LAST_MICROS = (datetime.max - _EPOCH) // timedelta(microseconds=1)
# What one position of a text may be: a digit of the field with this letter, or one of these bytes.
_Slot = tuple[str, bytes]
_DIRECTIVES = {"Y": "YYYY", "m": "MM", "d": "DD", "H": "hh", "M": "mm", "S": "ss"}


class _Clock(NamedTuple):
    """Times as the clock on the wall shows them, (n,) each.

    Attributes:
      micros: Since 1970-01-01, as shown.
      offsets: Microseconds that the clock is ahead of UTC, where it is known.
      good: Whether it is a time.
      absolute: Whether the text says the offset.
    """

    micros: Int64s
    offsets: Int64s
    good: Mask
    absolute: Mask


def parse_times(values: pa.Array, time_format: str, zone: str) -> tuple[Int64s, Mask]:
    """Returns times as microseconds since 1970-01-01 UTC, int64, (n,), and which of them are bad, (n,).

    A time that says no offset is that of the zone. Of a time that the zone has twice (clocks put back) the
    first one is meant, and one that it has never (clocks put forward) is read with the offset before the
    change: PEP 495 with fold=0. A date alone is its midnight. Digits of text beyond microseconds are cut off;
    numbers are rounded to the nearest microsecond. In UTC, too, a time must lie within the years 1 to 9999.

    Args:
      values: string, or for the unix formats int64 or float, (n,); nulls are bad.
      time_format: "iso8601" (2024-05-01, 2024-05-01T12:00, 2024-05-01 12:00:00.25+02:00, 2024-05-01T12:00:00Z),
        "unix_seconds", "unix_milliseconds", "unix_microseconds", "unix_nanoseconds", or a pattern of strptime.
      zone: "UTC" or a name of the IANA database; empty: a time without an offset is bad.
    """
    if time_format in UNIX_UNITS:
        return _unix_times(values, UNIX_UNITS[time_format])
    text = pc.fill_null(values.cast(pa.string()), "")
    clock = _read_iso(text) if time_format == ISO8601 else _read_pattern(text, time_format)
    bad = ~clock.good
    micros = np.where(bad, 0, clock.micros - clock.offsets)
    local = clock.good & ~clock.absolute
    if not zone:
        bad |= local
    elif local.any() and zone != UTC_NAME:
        micros[local] -= _zone_offsets(clock.micros[local], _zone(zone))
    bad |= pc.is_null(values).to_numpy(zero_copy_only=False)
    bad |= (micros < FIRST_MICROS) | (micros > LAST_MICROS)  # by its offset
    return np.where(bad, 0, micros), bad


def parse_time(text: str, time_format: str, zone: str) -> int | None:
    """Returns one time as `parse_times` does, or None where it is none; numbers are text here."""
    values = pa.array([text])
    if time_format in UNIX_UNITS:
        try:
            values = pa.array([float(text)])
        except ValueError:
            return None
    micros, bad = parse_times(values, time_format, zone)
    return None if bad[0] else int(micros[0])


def check_zone(name: str, path: str) -> None:
    """Checks the name of a time zone.

    Raises:
      DataError: There is no such zone; `path` says where the name stands.
    """
    try:
        _zone(name)
    except (OSError, ValueError, KeyError):
        raise DataError(
            f"{path}: '{name}' is no time zone; use UTC or a name of the IANA database, such as Europe/Berlin"
        ) from None


def check_pattern(pattern: str, path: str) -> None:
    """Checks a pattern of strptime, which must be able to read what it writes.

    Raises:
      DataError: It holds an unknown directive, or %Z; `path` says where it stands.
    """
    # strptime passes over the name of a zone, and which names it knows depends on the machine.
    if "%Z" in pattern.replace("%%", ""):
        raise DataError(
            f"{path}: '{pattern}' holds %Z, but the name of a zone says no offset for sure; where all times have the "
            "same one, write it in place of %Z, as in '%H:%M GMT', and name it as the zone; offsets are read by %z"
        )
    try:
        datetime.strptime(datetime(2001, 12, 31, 23, 59, 58, tzinfo=UTC).strftime(pattern), pattern)
    except (ValueError, re.error):
        raise DataError(
            f"{path}: '{pattern}' is no pattern of strptime; use directives such as %Y-%m-%d %H:%M:%S"
        ) from None


@functools.cache
def _zone(name: str) -> tzinfo:
    return UTC if name == UTC_NAME else ZoneInfo(name)


def _unix_times(values: pa.Array, unit: float) -> tuple[Int64s, Mask]:
    """Returns the times of numbers of which each is `unit` microseconds."""
    if pa.types.is_integer(values.type) and unit == 1:
        numbers = pc.fill_null(values, LAST_MICROS + 1).cast(pa.int64()).to_numpy()
        bad = (numbers < FIRST_MICROS) | (numbers > LAST_MICROS)
        return np.where(bad, 0, numbers), bad
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        micros = np.rint(numbers / 1e3 if unit < 1 else numbers * unit)
    bad = ~((micros >= FIRST_MICROS) & (micros < LAST_MICROS + 1))
    return np.where(bad, 0, micros).astype(np.int64), bad


def _zone_offsets(local: Int64s, zone: tzinfo) -> Int64s:
    """Returns what the clocks of a zone are ahead of UTC, in microseconds, at the times that they show."""
    days, day_of = np.unique(local // _DAY, return_inverse=True)
    first = np.array([_offset(int(day) * _DAY, zone) for day in days], np.int64)
    last = np.array([_offset(int(day) * _DAY + _DAY - 1, zone) for day in days], np.int64)
    offsets = first[day_of]
    changing = np.flatnonzero((first != last)[day_of])
    times, time_of = np.unique(local[changing], return_inverse=True)
    offsets[changing] = np.array([_offset(int(time), zone) for time in times], np.int64)[time_of]
    return offsets


def _offset(local: int, zone: tzinfo) -> int:
    shown = _EPOCH + timedelta(microseconds=local)
    return (zone.utcoffset(shown.replace(tzinfo=zone)) or timedelta()) // timedelta(microseconds=1)


def _read_iso(text: pa.StringArray) -> _Clock:
    return _read_templates(text, _iso_templates())


def _read_pattern(text: pa.StringArray, pattern: str) -> _Clock:
    template = _pattern_template(pattern)
    clock = _read_templates(text, {len(template): [template]} if template else {})
    left = np.flatnonzero(~clock.good)
    encoded = text.take(pa.array(left)).dictionary_encode()
    found = [_strptime(value, pattern) for value in encoded.dictionary.to_pylist()]
    known = np.array([(1, *times) if times else (0, 0, 0, 0) for times in found], np.int64).reshape(-1, 4)
    rows = known[encoded.indices.to_numpy()]
    clock.good[left], clock.micros[left], clock.offsets[left] = rows[:, 0] > 0, rows[:, 1], rows[:, 2]
    clock.absolute[left] = rows[:, 3] > 0
    return clock


def _strptime(text: str, pattern: str) -> tuple[int, int, int] | None:
    """Returns the microseconds shown, those ahead of UTC, and whether the text says the latter."""
    try:
        found = datetime.strptime(text, pattern)
    except (ValueError, OverflowError):
        return None
    micro = timedelta(microseconds=1)
    offset = found.utcoffset()
    return (found.replace(tzinfo=None) - _EPOCH) // micro, (offset or timedelta()) // micro, int(offset is not None)


@functools.cache
def _iso_templates() -> dict[int, list[list[_Slot]]]:
    """Returns the forms of ISO 8601 by their number of characters."""
    templates: dict[int, list[list[_Slot]]] = {}
    for form in _iso_forms():
        allowed = {"T": b"Tt ", "Z": b"Zz", ".": b".,", "+": b"+-"}
        slots = [("", allowed[c]) if c in allowed else (c, b"") if c.isalpha() else ("", c.encode()) for c in form]
        templates.setdefault(len(slots), []).append(slots)
    return templates


def _iso_forms() -> Iterator[str]:
    yield "YYYY-MM-DD"
    fractions = ["", ":ss", *(f":ss.{'f' * digits}" for digits in range(1, 10))]
    for fraction, zone in product(fractions, ["", "Z", "+HH", "+HHII", "+HH:II"]):
        yield f"YYYY-MM-DDThh:mm{fraction}{zone}"


def _pattern_template(pattern: str) -> list[_Slot]:
    """Returns the form of a pattern of numbers with all of their digits; empty where it has other directives."""
    slots: list[_Slot] = []
    characters = iter(pattern)
    for c in characters:
        if c != "%":
            slots += [("", bytes([byte])) for byte in c.encode()]
            continue
        digits = _DIRECTIVES.get(next(characters, ""), "")
        if not digits or any(letter == digits[0] for letter, _ in slots):
            return []
        slots += [(letter, b"") for letter in digits]
    return slots


def _read_templates(text: pa.StringArray, templates: dict[int, list[list[_Slot]]]) -> _Clock:
    """Returns the times of the texts that have one of these forms; the others are not good."""
    data, starts = contents(text)
    sizes = np.diff(starts)
    count = len(text)
    clock = _Clock(np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, bool))
    for size in np.unique(sizes).tolist():
        if size not in templates:
            continue
        rows = np.flatnonzero(sizes == size)
        matrix = _characters(data, starts, rows, size)
        for slots in templates[size]:
            fits = _fitting(matrix, slots)
            if fits.any():
                some = slice(None) if fits.all() else fits  # as a slice nothing is copied
                for whole, part in zip(clock, _read_slots(matrix[:, some], slots), strict=True):
                    whole[rows[some]] = part
    return clock


def _characters(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int32], rows: Int64s, size: int
) -> npt.NDArray[np.uint8]:
    """Returns the bytes of texts of one size by their place, uint8, (size, len(rows)): one place of all at once."""
    if len(rows) == len(starts) - 1:  # one text behind another
        return np.ascontiguousarray(data[starts[0] : starts[-1]].reshape(-1, size).T)
    return np.asarray(data[starts[rows] + np.arange(size)[:, None]])


def _fitting(matrix: npt.NDArray[np.uint8], slots: list[_Slot]) -> Mask:
    """Returns which texts have a digit where a form has one, and else one of its bytes."""
    good = np.ones(matrix.shape[1], bool)
    for place, (letter, allowed) in zip(matrix, slots, strict=True):
        good &= place - np.uint8(48) <= 9 if letter else np.logical_or.reduce([place == byte for byte in allowed])
    return good


def _read_slots(matrix: npt.NDArray[np.uint8], slots: list[_Slot]) -> _Clock:
    """Returns the times of texts that fit a form, uint8, (len(slots), n)."""
    values = {letter: _number(matrix, letter, slots) for letter in dict(slots) if letter}
    zero = np.zeros(matrix.shape[1], np.int64)
    year, month, day = values.get("Y", zero + 1900), values.get("M", zero + 1), values.get("D", zero + 1)
    hour, minute, second, fraction = (values.get(letter, zero) for letter in "hmsf")
    ahead_hour, ahead_minute = values.get("H", zero), values.get("I", zero)
    good = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hour < 24) & (minute < 60) & (second < 60) & (ahead_hour < 24) & (ahead_minute < 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    good &= day <= ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    micros = days * _DAY + ((hour * 60 + minute) * 60 + second) * _SECOND + fraction
    sign = next((i for i, (_, allowed) in enumerate(slots) if allowed == b"+-"), None)
    ahead = (ahead_hour * 60 + ahead_minute) * 60 * _SECOND
    if sign is not None:
        ahead = np.where(matrix[sign] == ord("-"), -ahead, ahead)
    absolute = good & (sign is not None or ("", b"Zz") in slots)
    return _Clock(np.where(good, micros, 0), np.where(good, ahead, 0), good, absolute)


def _number(matrix: npt.NDArray[np.uint8], letter: str, slots: list[_Slot]) -> Int64s:
    places = [i for i, (own, _) in enumerate(slots) if own == letter][: 6 if letter == "f" else None]
    value = np.zeros(matrix.shape[1], np.int64)
    for place in places:
        value = value * 10 + (matrix[place] - np.uint8(48))
    return value * 10 ** (6 - len(places)) if letter == "f" else value
