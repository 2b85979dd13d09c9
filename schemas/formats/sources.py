"""Raw records of local files in the order in which these were named, part by part, so that no file is held whole."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.dataset_pb2 import Format, Input
from schemas.errors import DataError, UsageError
from schemas.formats.blocks import BLOCK_BYTES
from schemas.formats.fields import Field
from schemas.formats.joined import join_blocks
from schemas.formats.local_files import files_below, match_files
from schemas.formats.matching import check_folder, check_matched
from schemas.formats.places import Places
from schemas.formats.plain import parse_text_files
from schemas.formats.raw import RawBlock
from schemas.formats.readers import FileReader, read_text
from schemas.formats.reading import CSV, TEXT_FILES, TEXT_FORMATS, TSV, Reading, reading_of
from schemas.formats.signatures import check_beginning
from schemas.messages import fill

FORMATS = [name for name in Format.Value.keys() if name != "unspecified"]  # noqa: SIM118 (no mapping)
_MOST_FILES = 4_096  # of a part: what each adds to one is looked at file by file


class Source(NamedTuple):
    """One file to read.

    Attributes:
      path: As it was found.
      bytes: Its size.
      reading: How it is read.
    """

    path: str
    bytes: int
    reading: Reading


class SourcePart(NamedTuple):
    """Raw records that are worked on together.

    Attributes:
      raw: The records.
      places: Where they stand in the files.
      paths: Of these files, by the number that `places` gives each.
      consumed: Bytes of all files that have been read when the part has been.
    """

    raw: RawBlock
    places: Places
    paths: list[str]
    consumed: int


def input_as(given: Input, name: str = "", encoding: str = "") -> Input:
    """Returns what is said of an input, were it of another format or encoding.

    Args:
      given: What a resolved spec says.
      name: Of a `Format`; empty: what the spec says of format and compression. Of another format, the compression is
        that of the suffix.
      encoding: As Python names it; empty: what the spec says, where that is said of the same format.

    Raises:
      UsageError: There is no such format.
    """
    changed = Input()
    changed.CopyFrom(given)
    if name:
        if name not in FORMATS:
            raise UsageError(f"--format {name}: is none; choose one of {', '.join(FORMATS)}")
        changed.MergeFrom(fill(Input(), {"format": name}))
        changed.ClearField("compression")
        changed.ClearField("encoding")
        if name in {CSV, TSV} and not changed.HasField("header"):
            changed.header, changed.quotes = not changed.columns, True
    if encoding:
        changed.encoding = encoding
    return changed


def find_sources(patterns: Iterable[str], given: Input) -> list[Source]:
    """Returns the files that paths, folders and patterns mean: in their order, sorted within each, each file once.

    Args:
      patterns: Each a path, a folder, of which all files below it are meant, or a pattern.
      given: What is said of the input.

    Raises:
      UsageError: A pattern that matches no file, or a file that nobody says how to read.
      DataError: What is matched is no file, or all files are empty.
    """
    found: dict[str, Source] = {}
    for pattern in patterns:
        for path, size, _ in _matched(pattern, given):
            found.setdefault(str(Path(path).resolve()), Source(path, size, reading_of(path, given)))
    sources = list(found.values())
    if not sources:
        raise UsageError("--input: names no file; say --input PATTERN")
    if not any(source.bytes or source.reading.format == TEXT_FILES for source in sources):
        raise DataError(f"{sources[0].path}: is empty (0 bytes), as is all input; check what should write it")
    return sources


def _matched(pattern: str, given: Input) -> list[tuple[str, int, float]]:
    is_folder = Path(pattern).is_dir()
    files = files_below(pattern) if is_folder else match_files(pattern)
    check_matched(pattern, [file.path for file in files])
    if is_folder:
        check_folder(pattern, [file.path for file in files], given)
    return [*files]


def read_sources(
    sources: Sequence[Source], given: Input, fields: list[Field], part_bytes: int = BLOCK_BYTES
) -> Iterator[SourcePart]:
    """Yields the raw records of files in their order; small files share a part.

    Args:
      sources: The files.
      given: What is said of the input, with all defaults.
      fields: What to read.
      part_bytes: Size of a part, about.

    Raises:
      DataError: A file cannot be read, or is damaged so that nobody can say where its next record begins.
    """
    waiting = _Waiting()
    ended = 0
    for source in sources:
        lines = 0
        for raw, consumed in _blocks_of(source, given, fields, part_bytes):
            waiting.add(raw, source.path, lines)
            lines += raw.line_count
            if waiting.bytes >= part_bytes // 2 or len(waiting.paths) >= _MOST_FILES:
                yield waiting.part(ended + consumed)
        ended += source.bytes
    if waiting.raws:
        yield waiting.part(ended)


class _Waiting:
    """Raw blocks that wait to become a part."""

    def __init__(self) -> None:
        self._clear()

    def add(self, raw: RawBlock, path: str, lines_before: int) -> None:
        """Adds a block of a file in which some lines stand before it."""
        if not self.paths or self.paths[-1] != path:
            self.paths.append(path)
        self.raws.append(raw)
        self._files.append(len(self.paths) - 1)
        self._lines_before.append(lines_before)
        self.bytes += sum(column.nbytes for column in raw.columns.values())

    def part(self, consumed: int) -> SourcePart:
        """Returns all that waits."""
        joined = join_blocks(self.raws, self._files, self._lines_before, len(self.paths))
        part = SourcePart(joined.raw, joined.places, self.paths, consumed)
        self._clear()
        return part

    def _clear(self) -> None:
        self.raws: list[RawBlock] = []
        self.paths: list[str] = []
        self.bytes = 0
        self._files: list[int] = []
        self._lines_before: list[int] = []


def _blocks_of(source: Source, given: Input, fields: list[Field], part_bytes: int) -> Iterator[tuple[RawBlock, int]]:
    """Yields the records of a file, and how many of its bytes have been read with them."""
    most = given.max_record_bytes
    with _told_of(source.path), Path(source.path).open("rb") as stream:
        if source.reading.format == TEXT_FILES:
            text = read_text(stream, source.reading, most)[0]
            yield parse_text_files([text], [source.path], fields, most), source.bytes
            return
        check_beginning(stream, source.reading)
        reader = FileReader(stream, 0, source.bytes, source.reading, given, fields, part_bytes)
        blocks = reader.in_order() if source.reading.format in TEXT_FORMATS else reader.blocks()
        for raw in blocks:
            yield raw, reader.consumed


@contextlib.contextmanager
def _told_of(path: str) -> Iterator[None]:
    """Context in which what goes wrong with a file is said in one line that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except DataError as error:
        if str(error).startswith(path):
            raise
        raise DataError(f"{path}: {error}", error.details) from error
