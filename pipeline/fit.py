"""Whether a spec fits the data at all, found out before a long run."""

import contextlib

from pipeline import files
from pipeline.job import Job
from pipeline.origins import Origins
from pipeline.plan import within_limit
from pipeline.rejects import tell
from pipeline.sample import sample_block
from pipeline.subwords import load_tokenizers
from schemas.dataset_pb2 import Format, Input
from schemas.errors import DataError
from schemas.formats.fields import raw_fields_of
from schemas.formats.unread import names_in, unread_names
from schemas.messages import enum_name
from schemas.records.events import read_events
from schemas.records.validate import validate

_SAMPLE_BYTES = 1 << 20  # 1 MiB: a moment's work


def check_fit(job: Job) -> None:
    """Reads the beginning of the first block.

    A few bad records are left to the run, which lists all of them.

    Raises:
      DataError: All of the records there are rejected, more than are allowed.
    """
    block = job.blocks()[0]
    part = sample_block(block, job.spec.input, raw_fields_of(job.spec), _SAMPLE_BYTES)
    found = read_events(part.raw, job.spec) if job.partitions else validate(part.raw, job.spec, load_tokenizers(job))
    what = "event" if job.partitions else "record"
    rejected = sorted(part.places.place(found.rejected, [piece.path for piece in block.pieces]))
    # Of a share only what is certain: the rest may be good, and a record takes two bytes or more.
    most = sum(file.bytes for file in job.inputs) // 2
    if len(rejected) < found.read or within_limit(len(rejected), most, job.max_rejected):
        return
    first = tell(rejected[0], block.reading.place, Origins() if job.origins else None)
    count = f"all of the first {len(rejected):,} {what}s are" if len(rejected) > 1 else f"the first {what} is"
    raise DataError(
        f"{count} rejected: the spec does not fit the data; correct it, or propose one with `python -m pipeline infer "
        f"{_options(job.spec.input)}{block.pieces[0].path}`; first: {first}"
    )


def _options(given: Input) -> str:
    """Returns the options that tell `infer` what the spec says of the input."""
    named = f"--format {enum_name(Format.Value.DESCRIPTOR, given.format)} " if given.HasField("format") else ""
    return f"{named}--encoding {given.encoding} " if given.encoding else named


def unread_fields(job: Job) -> list[str]:
    """Returns the fields at the top of the input's records that no part of the spec reads, as far as is seen.

    That is in the first file of each format: what it states, or its first records.
    """
    given = job.spec.input
    first = {file.reading: file.path for file in reversed(job.inputs) if file.bytes}
    names: set[str] = set()
    for reading, path in first.items():
        with contextlib.suppress(DataError), files.reading(path) as stream:  # the run says what is damaged
            names |= names_in(stream, reading, given)
    return unread_names(names, raw_fields_of(job.spec))
