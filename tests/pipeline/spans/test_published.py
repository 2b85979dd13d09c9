"""Spans that are there: folders with a manifest, and nothing else."""

from pathlib import Path

import pytest

from pipeline.spans.published import load_span, published_names, published_spans
from schemas.errors import DataError
from schemas.manifest import dump_manifest, seal
from schemas.manifest_pb2 import Manifest, Span


def publish(root: Path, folder: str, name: str = "") -> Manifest:
    manifest = seal(Manifest(span=Span(name=name or folder)))
    (root / "spans" / folder).mkdir(parents=True)
    (root / "spans" / folder / "manifest.json").write_bytes(dump_manifest(manifest))
    return manifest


def test_a_span_is_there_when_its_manifest_is(tmp_path: Path) -> None:
    root = tmp_path / "root [1]"
    assert published_spans(str(root)) == {}
    later, earlier = publish(root, "2026-11-20T05"), publish(root, "2026-11-20")
    (root / "spans/2026-11-22/train").mkdir(parents=True)  # of a run that was killed
    (root / "spans/manifest.json").write_text("{}")
    assert published_names(str(root)) == ["2026-11-20", "2026-11-20T05"]
    assert published_spans(str(root)) == {"2026-11-20": earlier, "2026-11-20T05": later}


def test_a_folder_that_was_renamed_is_told(tmp_path: Path) -> None:
    publish(tmp_path, "b", "a")
    with pytest.raises(DataError, match="is the manifest of the span 'a' and lies where that of 'b' should; move"):
        load_span(str(tmp_path), "b")


def test_a_manifest_of_another_format_version_is_told(tmp_path: Path) -> None:
    publish(tmp_path, "a")
    (tmp_path / "spans/a/manifest.json").write_text('{"format_version": 9}')
    with pytest.raises(DataError, match="has format version 9; this release reads 1 and 2"):
        published_spans(str(tmp_path))
