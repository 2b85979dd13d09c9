"""What tests of spans share: runs of one span after another in one folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.job import Job
from pipeline.spans.request import SpanRequest
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import parse_tokens
from tests.pipeline.helpers import REVIEW_SPEC, make_job, run_job


def span_job(
    root: Path,
    name: str,
    inputs: str | Sequence[str],
    base: str = "",
    extend: int = 0,
    spec: str = REVIEW_SPEC,
    dataset: object = "",
    **settings: Any,
) -> Job:
    """The run of one span."""
    settings.setdefault("block_bytes", 4_000)  # a block or two
    return make_job(spec, inputs, root, span=SpanRequest(name, base, extend, str(dataset)), **settings)


def publish(root: Path, name: str, inputs: str | Sequence[str], *args: Any, **settings: Any) -> Manifest:
    """Publishes a span; other arguments as of `span_job`."""
    return run_job(span_job(root, name, inputs, *args, **settings))


def folder(root: Path, name: str) -> Path:
    return root / "spans" / name


def manifest_of(root: Path, name: str) -> Manifest:
    return load_manifest(folder(root, name))


def entries(root: Path, name: str, vocabulary: str) -> list[str]:
    """The entries of a vocabulary of a span, or of its classes ("label"), from the span's own folder."""
    manifest = manifest_of(root, name)
    entry = manifest.classes if vocabulary == "label" else manifest.vocabularies[vocabulary]
    tokens: list[str] = parse_tokens((folder(root, name) / entry.path).read_bytes(), entry.path).to_pylist()
    return tokens
