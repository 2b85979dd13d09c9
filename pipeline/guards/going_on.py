"""What a run does with the staging folder of an earlier one: goes on from it, keeps it, or deletes it."""

import dataclasses
from collections import Counter
from pathlib import Path, PurePosixPath

from pipeline import files
from pipeline.guards.locks import is_held
from pipeline.job import STAGING, Job
from pipeline.resuming import done

_STAGES = (done.BLOCK, done.EVENTS, done.PARTITION)


def resumable(job: Job) -> Job:
    """Returns a job whose staging folder another run may go on from, where nobody else can be at work in it."""
    if not files.is_local(job.output) or not is_held(job.output):
        return job
    return dataclasses.replace(job, key=done.staging_key(job))


def take_up(job: Job) -> str:
    """Deletes what earlier runs have staged and this one cannot use; returns a line about the rest.

    Args:
      job: As `resumable` returns it; of another one nothing is deleted.
    """
    if not job.key:
        return ""
    delete_abandoned(job)
    if Path(job.staging).is_symlink():  # what it leads to is nobody's staging
        files.delete([job.staging])
    markers = _fitting(job)
    kept = {PurePosixPath(file.path) for marker in markers.values() for file in marker.files}
    kept |= set(map(PurePosixPath, markers))
    below = [path for path in Path(job.staging).rglob("*") if path.is_symlink() or path.is_file()]
    files.delete(str(path) for path in below if PurePosixPath(path) not in kept)
    return _line(Counter(marker.kind for marker in markers.values()), len(job.blocks()), job.partitions)


def delete_abandoned(job: Job) -> None:
    """Deletes what other runs have staged, which must be dead, for their lock is free; keeps what this one has."""
    folder = Path(job.output, STAGING)
    if is_held(job.output) and folder.is_dir():
        files.delete(str(path) for path in folder.iterdir() if path.name not in (job.key, job.run))


def worth_keeping(job: Job) -> bool:
    """Returns whether another run could go on from what this one has staged."""
    return bool(job.key) and any(Path(done.marker_folder(job)).glob("*.json"))


def _fitting(job: Job) -> dict[str, done.Marker]:
    """Returns the markers that may fit, by path: whoever does the work looks at bytes, here only at what is cheap."""
    read = done.read_markers(job)
    keys = {block.index: done.block_key(block) for block in job.blocks()}
    fitting = {
        path: marker
        for path, marker in read.items()
        if marker.kind not in (done.BLOCK, done.EVENTS) or marker.key == (keys.get(marker.number[0]) or None)
    }
    # An encoded part whose staged file is gone would never be looked at, and what it rejected be counted all the same.
    staged = {(marker.number[0]) for marker in fitting.values() if marker.kind in (done.BLOCK, done.PARTITION)}
    return {path: marker for path, marker in fitting.items() if _is_wanted(marker, staged, job.sets)}


def _is_wanted(marker: done.Marker, staged: set[int], sets: int) -> bool:
    if marker.kind == done.GATHERED:  # of other inputs there may be fewer sets
        return marker.number[0] < sets
    return marker.kind != done.SEGMENT or marker.number[0] in staged


def _line(counts: Counter[str], blocks: int, partitions: int) -> str:
    if not counts:
        return ""
    parts: list[str] = []
    if partitions:
        parts += [f"the events of {counts[done.EVENTS]:,} of {blocks:,} blocks"]
        parts += [f"{counts[done.PARTITION]:,} of {partitions:,} partitions"] * bool(counts[done.PARTITION])
    else:
        parts += [f"{counts[done.BLOCK]:,} of {blocks:,} blocks"]
    for kind, name in ((done.SEGMENT, "encoded parts"), (done.GATHERED, "sets of them"), (done.SHARD, "shards")):
        parts += [f"{counts[kind]:,} {name}"] * bool(counts[kind])
    return f"going on: {', '.join(parts)} were done by an earlier run"
