"""Spans that are there: folders with a manifest, and nothing else."""

from pathlib import Path

import pytest

from pipeline.spans.published import load_span, published_contracts, published_names, published_spans
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


def test_what_spans_share_is_read_without_the_rest(tmp_path: Path) -> None:
    whole = Manifest(span=Span(name="a", base="b"), inputs=[{"path": "x"}], buckets=[{"min_length": 3}])
    whole.moments["x"].mean.append(0.5)
    whole.vocabularies["text"].size = 7
    seal(whole)
    (tmp_path / "spans" / "a").mkdir(parents=True)
    path = tmp_path / "spans" / "a" / "manifest.json"
    path.write_bytes(dump_manifest(whole))
    part = Manifest(span=whole.span, buckets=whole.buckets, moments=whole.moments, vocabularies=whole.vocabularies)
    assert published_contracts(str(tmp_path)) == {"a": part}
    for content, error in (
        (b'{"format_version": 3}', "has format version 3; this release reads 1 and 2"),
        (b'{"format_version": 2, "span": {"name": 5}}', "is damaged: span.name: expected a string"),
        (b'{"format_version": 2, "span": {"name": "c"}}', "is the manifest of the span 'c' and lies where that of 'a'"),
        (b"", "is no manifest"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            published_contracts(str(tmp_path))
        assert str(caught.value).startswith(f"{path}: {error}")
