"""The files of a span or of a window: patterns with dates filled in, and whether each period has any."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline import files
from pipeline.inputs import split_of
from schemas.errors import DataError, UsageError
from schemas.spans.dates import DatedPattern, fill_dates, is_dated

_MOST_NAMED = 5  # periods in an error text


class DatedInputs(NamedTuple):
    """What a run reads.

    Attributes:
      inputs: Patterns without places for dates, each `[SPLIT=]PATTERN`.
      missing: Names of periods without any file.
    """

    inputs: list[str]
    missing: list[str]


def dated_inputs(
    inputs: Sequence[str], periods: Sequence[str], *, is_window: bool = False, allow_missing: bool = False
) -> DatedInputs:
    """Returns the inputs of some periods.

    Args:
      inputs: `[SPLIT=]PATTERN` each, with or without places for dates.
      periods: Names; none: no span and no window was named.
      is_window: Whether the periods were asked for with --since or --last.
      allow_missing: Whether a period may lack a file.

    Raises:
      UsageError: A window though no pattern has a place for a date; see `schemas.spans.dates.fill_dates`.
      DataError: A pattern matches nothing for a period, or for all of them.
    """
    if is_window and not any(is_dated(text) for text in inputs):
        raise UsageError(
            f"--input {inputs[0]}: has no place for the dates of the window; write {{date}} or {{date:%Y/%m/%d}} in it"
        )
    filled = fill_dates(inputs, periods)
    without = [pattern for pattern in filled if pattern.period and not has_files(pattern.text)]
    if without and not allow_missing:
        remedy = "check what should write it" + (", or say --allow_missing" if len(filled) > 1 else "")
        raise DataError(_missing(without, periods, remedy))
    found = [pattern for pattern in filled if pattern not in without]
    if not found:
        raise DataError(_missing(without, periods, "nothing is left to read; check the path"))
    return DatedInputs([pattern.text for pattern in found], list(dict.fromkeys(pattern.period for pattern in without)))


def has_files(text: str) -> bool:
    """Returns whether `[SPLIT=]PATTERN` matches a file."""
    _, pattern = split_of(text)
    if files.is_folder(pattern):
        return bool(files.below(pattern))
    return bool(files.match(pattern)) or (files.may_be_folder(pattern) and bool(files.below(pattern)))


def check_different(inputs: Sequence[str], periods: Sequence[str]) -> None:
    """Checks that the patterns of each of several spans are its own.

    Raises:
      UsageError: Two spans would read the same files.
    """
    read_by: dict[tuple[str, ...], str] = {}
    for name in periods:
        texts = tuple(pattern.text for pattern in fill_dates(inputs, [name]))
        first = read_by.setdefault(texts, name)
        if first != name:
            raise UsageError(
                f"--input {inputs[0]}: means the same files for the spans {first} and {name}; write {{date}}, or a "
                "form of it that differs from span to span"
            )


def _missing(without: Sequence[DatedPattern], periods: Sequence[str], remedy: str) -> str:
    names = list(dict.fromkeys(pattern.period for pattern in without))
    if len(periods) == 1:
        return f"--input {without[0].text}: matches no file; {remedy}"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"--input {without[0].text}: matches no file; of {len(periods):,} periods {len(names):,} lack one: "
        f"{', '.join(names[:_MOST_NAMED])}{more}; {remedy}"
    )
