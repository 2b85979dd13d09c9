"""Rejected records of a run: gathered from the blocks, put in order, given their lines."""

import json

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.job import Job
from schemas.formats.rejected import Rejected, dump_rejected

_SHOWN = 3  # offenders of each reason in the terminal


def gather_rejected(job: Job, analysis: Analysis) -> bytes:
    """Returns the content of the file of all rejected records, sorted by file and position."""
    first_lines = analysis.first_lines(job.blocks())
    rejected: list[Rejected] = []
    for path in files.match_within(files.join(job.staging, "rejected"), "*.jsonl"):
        block = int(path.rsplit("block-", 1)[1].split("-")[0])
        for line in files.read(path).splitlines():
            values = json.loads(line)
            values["path"] = values.pop("file")
            rejected.append(Rejected(**values).placed(values["path"], first_lines[block, values["path"]] - 1))
    rejected.sort(key=lambda item: (item.path, item.offset))
    return dump_rejected(rejected)


def describe_offenders(job: Job, analysis: Analysis) -> list[str]:
    """Returns a line for each of the first offenders of every reason, the most frequent first."""
    first_lines = analysis.first_lines(job.blocks())
    counts = analysis.all_rejected
    places = {file.path: file.reading.place for file in job.with_inputs().inputs}
    return [
        item.placed(item.path, first_lines[block, item.path] - 1).told(places[item.path])
        for reason in sorted(analysis.offenders, key=lambda reason: (-counts[reason], reason))
        for block, item in analysis.offenders[reason][:_SHOWN]
    ]
