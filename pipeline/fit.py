"""Whether a spec fits the data at all, found out before a long run."""

from pipeline import files
from pipeline.job import Job
from pipeline.plan import within_limit
from schemas.errors import DataError
from schemas.records.blocks import read_whole_lines
from schemas.records.events import read_events
from schemas.records.fields import raw_fields_of
from schemas.records.jsonl import parse_jsonl
from schemas.records.validate import validate

_SAMPLE_BYTES = 1 << 20  # 1 MiB: a moment's work


def check_fit(job: Job) -> None:
    """Reads the beginning of the first file that is not empty.

    A few bad records are left to the run, which lists all of them.

    Raises:
      DataError: All of the records there are rejected, more than are allowed.
    """
    file = next(file for file in job.inputs if file.bytes)
    with files.reading(file.path) as stream:
        lines = read_whole_lines(stream, 0, min(file.bytes, _SAMPLE_BYTES))
    raw = parse_jsonl(lines.data, raw_fields_of(job.spec))
    what = "event" if job.partitions else "record"
    found = (read_events if job.partitions else validate)(raw, job.spec)
    rejected = sorted(item.placed(file.path, 0) for item in found.rejected)
    # Of a share only what is certain: the rest may be good, and a record takes two bytes or more.
    most = sum(file.bytes for file in job.inputs) // 2
    if len(rejected) < found.read or within_limit(len(rejected), most, job.max_rejected):
        return
    count = f"all of the first {len(rejected):,} {what}s are" if len(rejected) > 1 else f"the first {what} is"
    raise DataError(
        f"{count} rejected: the spec does not fit the data; correct it, or propose one with `python -m pipeline infer "
        f"{file.path}`; first: {rejected[0]}"
    )
