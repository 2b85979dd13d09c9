"""What a stream is refused for before it begins."""

import shutil
from pathlib import Path

import pytest

from pipeline import files
from pipeline.streaming.wanted import Wanted, check_root, load_base, spec_of
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spec import parse_spec
from schemas.streams.windows import MINUTE
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import REVIEW_SPEC, review_records, write_jsonl
from tests.pipeline.spans.helpers import publish
from tests.pipeline.streaming.happenings import STREAM_SPEC, WINDOW

GROUPED = """
group: {{by: user, order_by: t, order_as: time, time_format: iso8601{}}}
sequences: {{x: {{type: series, dims: 1}}}}
split: {{fractions: {{train: 1.0}}}}
"""


def wanted(root: Path, base: Path, spec: str = "", **changed: object) -> Wanted:
    """A stream of 10 minutes; `spec` is its text."""
    path = ""
    if spec:
        path = str(root.parent / "spec.yaml")
        Path(path).write_text(spec)
    found = Wanted(str(root), str(base), path, WINDOW, MINUTE, 1 << 30, (), close_all=False)
    return found._replace(**changed)


def spec_error(tmp_path: Path, base: Manifest, spec: str, **changed: object) -> str:
    with pytest.raises(UsageError) as caught:
        spec_of(wanted(tmp_path / "out", Path("base"), spec, **changed), base)
    return str(caught.value).removeprefix(f"--spec {tmp_path}/spec.yaml: ")


def test_a_base_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--base .*: holds no manifest\.json, so that there are no vocabularies"):
        load_base(str(tmp_path))


def test_a_folder_of_spans(tmp_path: Path) -> None:
    files.write(f"{tmp_path}/spans/2026-11-20/manifest.json", b"")
    with pytest.raises(UsageError, match=f"name one of its spans, such as --base {tmp_path}/spans/2026-11-20$"):
        load_base(str(tmp_path))


def test_a_damaged_base(tmp_path: Path, reviews: Written) -> None:
    content = (reviews.folder / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").write_bytes(content.replace(b"vocabulary/", b"vocabularX/"))
    with pytest.raises(DataError, match="does not fit its own fingerprint"):
        load_base(str(tmp_path))


@pytest.mark.parametrize("name", ["text", "label"])
def test_a_base_without_its_vocabulary(tmp_path: Path, reviews: Written, name: str) -> None:
    shutil.copytree(reviews.folder, tmp_path / "base")
    for path in (tmp_path / "base" / "vocabulary").glob(f"{name}-*"):
        path.unlink()
    with pytest.raises(UsageError, match=rf"its manifest names .*/vocabulary/{name}-\w+\.txt, which is gone"):
        load_base(str(tmp_path / "base"))


def test_a_spec_without_event_time(tmp_path: Path, reviews: Written) -> None:
    said = spec_error(tmp_path, reviews.manifest, REVIEW_SPEC)
    assert said.startswith("names no event time, so that nobody knows which window a record belongs to; say `event_")
    with pytest.raises(UsageError, match=r"^the spec of the base b: names no event time"):
        spec_of(wanted(tmp_path, Path("b")), reviews.manifest)


def test_a_spec_that_reads_otherwise_than_the_base(tmp_path: Path, reviews: Written) -> None:
    said = spec_error(tmp_path, reviews.manifest, STREAM_SPEC.replace("min_frequency: 2", "min_frequency: 3"))
    assert said.startswith(
        "sequences.text.vocabulary.min_frequency is 3, and 2 in that of the base base; windows share"
    )


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("format: csv", "format"),
        ("compression: gzip", "compression"),
        ("encoding: latin-1", "encoding"),
        ("{format: csv, delimiter: ';'}", "format"),
    ],
)
def test_a_spec_of_other_files(tmp_path: Path, reviews: Written, given: str, name: str) -> None:
    given = given if given.startswith("{") else f"{{{given}}}"
    said = spec_error(tmp_path, reviews.manifest, f"{STREAM_SPEC}input: {given}\n")
    assert said.startswith(f"says input.{name}, and the records of a stream are JSON in UTF-8, one a line; leave")


@pytest.mark.parametrize("given", ["format: jsonl", "encoding: utf-8", "compression: none", "max_record_bytes: 1000"])
def test_a_spec_that_says_what_goes_without_saying(tmp_path: Path, reviews: Written, given: str) -> None:
    spec = f"{STREAM_SPEC}input: {{{given}}}\n"
    assert spec_of(wanted(tmp_path / "out", Path("base"), spec), reviews.manifest).HasField("input")


def based_on(spec: str) -> Manifest:
    """A base of which only the spec matters."""
    return Manifest(spec=parse_spec(spec))


def test_a_group_that_never_ends(tmp_path: Path) -> None:
    spec = GROUPED.format("")
    said = spec_error(tmp_path, based_on(spec), spec)
    assert said.startswith("groups all events of a key into one record, which would never end; say group.session_gap")


def test_a_group_of_other_windows(tmp_path: Path) -> None:
    spec = GROUPED.format(", window: 15m")
    said = spec_error(tmp_path, based_on(spec), spec)
    assert said == "group.window is 15m, which --window must be or hold several of; say --window 15m"
    spec_of(wanted(tmp_path / "out", Path("base"), spec, window=30 * MINUTE), based_on(spec))


def test_a_folder_that_holds_a_data_set(tmp_path: Path, reviews: Written) -> None:
    with pytest.raises(UsageError, match="holds a data set of its own, so that spans do not belong there"):
        check_root(wanted(reviews.folder, tmp_path), reviews.manifest)


def test_a_folder_that_a_watch_fills(tmp_path: Path, reviews: Written) -> None:
    (tmp_path / ".watch").mkdir()
    with pytest.raises(UsageError, match="is filled by `watch`, whose spans are no windows of time; name another"):
        check_root(wanted(tmp_path, reviews.folder), reviews.manifest)


def test_spans_of_another_base(tmp_path: Path, reviews: Written) -> None:
    root = tmp_path / "out"
    publish(root, "2026-11-20", write_jsonl(tmp_path / "in.jsonl", review_records(40, seed=1)))
    with pytest.raises(UsageError, match="has other vocabularies, normalisation or buckets than the span 2026-11-20"):
        check_root(wanted(root, reviews.folder), reviews.manifest)
    span = root / "spans" / "2026-11-20"
    with pytest.raises(UsageError, match=f"--base {span}: lies in {root}, which the windows go to"):
        check_root(wanted(root, span), load_manifest(span))
    outside = tmp_path / "copy"
    shutil.copytree(span, outside)
    check_root(wanted(root, outside), load_manifest(outside))
