"""Which source a text means."""

import os
import re
from pathlib import Path

from pipeline import files
from pipeline.streaming.sources.folder import FolderSource, is_utf8
from pipeline.streaming.sources.kafka import KafkaSource
from pipeline.streaming.sources.kafka_client import Address
from pipeline.streaming.sources.source import Source, SourceSettings
from pipeline.watching.observe import first_lines
from schemas.errors import UsageError
from schemas.formats.reading import JSONL, reading_of
from schemas.messages import printable

_KAFKA = "kafka://"
_SERVER = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}"
_ADDRESS = re.compile(rf"{_KAFKA}({_SERVER}(?:,{_SERVER})*)/([A-Za-z0-9._-]{{1,249}})", re.ASCII)


def make_source(text: str, settings: SourceSettings) -> Source:
    """Returns the source that a text means: `kafka://HOST:PORT,…/TOPIC`, or a folder.

    Args:
      text: As a person wrote it.
      settings: What else is said of it.

    Raises:
      UsageError: It means none.
    """
    if not text:
        raise UsageError("--source: is empty; name a folder, or kafka://HOST:PORT/TOPIC")
    is_kafka = text.startswith(_KAFKA)
    _check_settings(settings, is_kafka)
    if is_kafka:
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise UsageError(
                f"--source {printable(text)}: is no topic of Kafka; write kafka://HOST:PORT/TOPIC, with more of "
                "HOST:PORT after commas"
            )
        return KafkaSource(Address(found[1], found[2]), settings.kafka, settings.allow_gap)
    if not files.is_local(text):
        raise UsageError(
            f"--source {printable(text)}: is no folder of this machine; name one, or kafka://HOST:PORT/TOPIC; spans of "
            "an object store are made by `run --span` and `backfill`"
        )
    folder = Path(text).resolve()
    if not folder.is_dir():
        raise UsageError(
            f"--source {printable(text)}: is no folder; name the one that new files come into, or say "
            "kafka://HOST:PORT/TOPIC"
        )
    if not is_utf8(str(folder)):
        shown = os.fsencode(folder).decode("utf-8", "backslashreplace")
        raise UsageError(f"--source {first_lines([shown])}: is no path in UTF-8; rename the folder")
    _check_apart(folder, settings.root)
    _check_name(settings.name)
    return FolderSource(
        str(folder), settings.name, settings.settle, settings.poll, settings.max_record_bytes, settings.allow_gap
    )


def _check_settings(settings: SourceSettings, is_kafka: bool) -> None:
    """Checks that nothing is said that the source would pass over."""
    foreign = {"--name": bool(settings.name)} if is_kafka else {"--kafka_config": bool(settings.kafka)}
    for option in (option for option, is_said in foreign.items() if is_said):
        other = "a folder" if is_kafka else "Kafka"
        raise UsageError(f"{option}: is for a source that is {other}; leave it out, or correct --source")


def _check_name(pattern: str) -> None:
    """Checks that a pattern does not mean files of another format, of which none would ever be read.

    One that ends in no suffix, or in one that nobody knows, may mean links, which lead to files of other names.
    """
    end = re.split(r"[*?\]]", pattern)[-1]  # of every name that it means: no character in it stands for others
    try:
        meant = reading_of(f"a{end}").format
    except UsageError:
        return
    if meant != JSONL:
        raise UsageError(
            f"--name {printable(pattern)!r}: means files of {meant}, and a stream reads .jsonl, plain or .gz, .bz2 and "
            ".zst; name those, such as --name '*.jsonl*', or take `watch` for others"
        )


def _check_apart(folder: Path, root: str) -> None:
    """Checks that what is written is not read."""
    if not root or not files.is_local(root):
        return
    output = Path(root).resolve()
    if output.is_relative_to(folder) or folder.is_relative_to(output):
        raise UsageError(
            f"--output {root}: lies in the folder that is read, or that lies in it; name a folder beside {folder}"
        )
