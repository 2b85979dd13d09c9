"""What tests of the pipeline share: small inputs, runs on the embedded runner, records read back."""

import dataclasses
import io
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from rich.console import Console

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.inputs import plan_job
from pipeline.job import Job
from pipeline.plan import DatasetPlan, StagedParts, TokenCandidates, plan_counting, plan_dataset
from pipeline.run import run
from pipeline.runners.options import beam_options
from pipeline.vocabulary.counting import count
from pipeline.vocabulary.given import load_given
from pipeline.vocabulary.token_counts import TokenCounts
from pipeline.vocabulary.token_files import occurring
from schemas.dataset_pb2 import DuplicateIds
from schemas.example import FRAME_HEADER, frame_offsets
from schemas.example_pb2 import Example
from schemas.manifest import load_manifest, named_files
from schemas.manifest_pb2 import Manifest
from schemas.spec import parse_spec
from schemas.vocabulary import ranked

FULL_SIZE = 1 << 30

REVIEW_SPEC = """
name: reviews
id: id
sequences: {text: {type: tokens, tokenizer: whitespace, vocabulary: {min_frequency: 2}}}
label: {from: stars, type: class}
split: {fractions: {train: 0.7, validation: 0.2, test: 0.1}}
buckets: {count: 3}
"""


class Stored(NamedTuple):
    """One record as it lies in a shard.

    Attributes:
      split: Of its shard.
      bucket: Of its shard.
      values: By feature: a list of numbers or bytes.
      length: As the index of the shard states it.
    """

    split: str
    bucket: int
    values: dict[str, list[Any]]
    length: int

    @property
    def id(self) -> str:
        return str(self.values["id"][0].decode())


def jsonl(records: Iterable[Any]) -> bytes:
    """One line a record; bytes are taken as a line as it stands."""
    lines = (record if isinstance(record, bytes) else json.dumps(record).encode() for record in records)
    return b"".join(line + b"\n" for line in lines)


def write_jsonl(path: Path, records: Iterable[Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jsonl(records))
    return str(path)


def review_records(count: int, seed: int = 7) -> list[dict[str, Any]]:
    """Texts of 1 to 24 words of a skewed vocabulary, some beyond ASCII; classes 1, 2 and 3."""
    draw = np.random.default_rng(seed)
    words = [*"abcdefghij", "naïve", "東京", "the", "<b>", '"q"']
    weights = 1 / np.arange(1, len(words) + 1)
    records = []
    for i in range(count):
        text = " ".join(draw.choice(words, size=draw.integers(1, 25), p=weights / weights.sum()))
        records.append({"id": f"r{i}", "text": text, "stars": int(draw.integers(1, 4))})
    return records


def make_job(spec: str, inputs: str | Sequence[str], output: Path, **settings: Any) -> Job:
    settings.setdefault("block_bytes", 700)
    settings.setdefault("spec_text", spec)
    patterns = [inputs] if isinstance(inputs, str) else inputs
    return plan_job(parse_spec(spec), patterns, str(output), **settings)


def with_all_ids(job: Job) -> Job:
    """The same run, which keeps records of one id, so that a staged block is analysed at once."""
    spec = job.spec
    spec.duplicate_ids = DuplicateIds.keep
    return dataclasses.replace(job, spec_bytes=spec.SerializeToString(deterministic=True))


def quiet() -> Console:
    return Console(file=io.StringIO(), soft_wrap=True, markup=False)


def run_job(job: Job, *flags: str) -> Manifest:
    return run(job, beam_options(flags), quiet())


def prepare(spec: str, inputs: str | Sequence[str], output: Path, *flags: str, **settings: Any) -> Manifest:
    return run_job(make_job(spec, inputs, output, **settings), *flags)


def read_examples(content: bytes) -> list[dict[str, list[Any]]]:
    """The records of a TFRecord file, parsed by protobuf."""
    offsets = frame_offsets(content, "shard")
    return [example_values(content[a + FRAME_HEADER : b - 4]) for a, b in itertools.pairwise(offsets)]


def example_values(serialised: bytes) -> dict[str, list[Any]]:
    example = Example.FromString(serialised)
    values = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        values[name] = list(getattr(feature, kind).value) if kind else []
    return values


def read_dataset(folder: Path) -> list[Stored]:
    """All records of a data set, in the order of its shards."""
    stored = []
    for shard in load_manifest(folder).shards:
        examples = read_examples((folder / shard.path).read_bytes())
        index = np.load(folder / shard.index_path, allow_pickle=False)
        assert len(index) == len(examples) == shard.records
        stored += [
            Stored(shard.split, shard.bucket, values, int(row["length"]))
            for values, row in zip(examples, index, strict=True)
        ]
    return stored


def tree(folder: Path) -> set[str]:
    """Every file and every empty folder below, relative."""
    if not folder.exists():
        return set()
    paths = list(folder.rglob("*"))
    return {str(path.relative_to(folder)) for path in paths if path.is_file() or not any(path.iterdir())}


def published_tree(manifest: Manifest) -> set[str]:
    """The files that a data set's folder holds, and no others."""
    entries = [*manifest.vocabularies.values(), *([manifest.classes] if manifest.classes.path else [])]
    copies = {f"{entry.path[: -len('-123456789012.txt')]}.txt" for entry in entries}
    copies |= {f"statistics/{name}" for name in ("features.pb", "schema.pbtxt", "statistics.json")}
    return {*named_files(manifest), *copies, "manifest.json", "spec.yaml", "run.json"}


def failures(output: Path) -> list[Path]:
    """The files that failed runs left, sorted."""
    return sorted(path for path in (output / "failed").rglob("*") if path.is_file())


def staged_files(job: Job) -> set[str]:
    return tree(Path(job.staging)) if files.is_folder(job.staging) else set()


def counted(words: list[str]) -> pa.Table:
    """How often each word occurs, as one block counts it."""
    encoded = pa.array(words, pa.string()).dictionary_encode()
    return occurring(encoded.dictionary, encoded.indices.to_numpy())


def candidates_of(words: list[str]) -> TokenCandidates:
    """What the tasks leave of these words."""
    table = TokenCounts().add(counted(words)).compact().merged
    return TokenCandidates(ranked(table), len(words), table.num_rows)


def plan_of(job: Job, analysis: Analysis, *blocks: int) -> DatasetPlan:
    """The plan from some blocks that are staged, without a runner."""
    paths = [job.tokens_path(block) for block in blocks or (0,)]
    tasks = plan_counting(analysis.distinct, StagedParts(len(paths)), threads=1)
    given = load_given(job)
    return plan_dataset(analysis, {task.name: count(task, job.spec, paths, given) for task in tasks}, job.spec, given)
