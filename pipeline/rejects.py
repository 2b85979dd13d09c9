"""Rejected records of a run: gathered from the blocks, put in order, given their lines or their origins."""

import json

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.job import Job
from pipeline.origins import PLACE, Origins
from schemas.formats.rejected import Rejected, dump_rejected

_SHOWN = 3  # offenders of each reason in the terminal


def gather_rejected(job: Job, analysis: Analysis) -> bytes:
    """Returns the content of the file of all rejected records, sorted by file and position.

    Raises:
      DataError: The origin of one is not known, where the job says that all have one.
    """
    first_lines = analysis.first_lines(job.blocks())
    origins = Origins() if job.origins else None
    rejected: list[Rejected] = []
    for path in files.match_within(files.join(job.staging, "rejected"), "*.jsonl"):
        block = int(path.rsplit("block-", 1)[1].split("-")[0])
        for line in files.read(path).splitlines():
            values = json.loads(line)
            values["path"] = values.pop("file")
            item = Rejected(**values).placed(values["path"], first_lines[block, values["path"]] - 1)
            rejected.append(origins.of_rejected(item) if origins else item)
    rejected.sort(key=lambda item: (item.path, item.offset))
    return dump_rejected(rejected)


def describe_offenders(job: Job, analysis: Analysis) -> list[str]:
    """Returns a line for each of the first offenders of every reason, the most frequent first.

    Raises:
      DataError: As of `gather_rejected`.
    """
    first_lines = analysis.first_lines(job.blocks())
    counts = analysis.all_rejected
    origins = Origins() if job.origins else None
    places = {file.path: file.reading.place for file in job.with_inputs().inputs}
    return [
        tell(item.placed(item.path, first_lines[block, item.path] - 1), places[item.path], origins)
        for reason in sorted(analysis.offenders, key=lambda reason: (-counts[reason], reason))
        for block, item in analysis.offenders[reason][:_SHOWN]
    ]


def tell(item: Rejected, place: str, origins: Origins | None) -> str:
    """Returns a line for people about a rejected record.

    Args:
      item: With its place in the input file.
      place: How the format of the file says a place.
      origins: Of the lines of input files; None: the files are where records come from.

    Raises:
      DataError: The origin of the record is not known.
    """
    return origins.of_rejected(item).told(PLACE) if origins else item.told(place)
