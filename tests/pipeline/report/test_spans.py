"""The report over time, and what a span's own report says of its drift."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem
from rich.console import Console

from pipeline import files
from pipeline.cli import main
from pipeline.report.about_drift import about_drift
from pipeline.report.after_run import draw_spans_report
from pipeline.report.facts import Facts
from pipeline.report.page import render
from pipeline.report.spans_facts import SpansFacts, load_spans
from pipeline.report.spans_page import has_spans_report, render_spans, write_spans_report
from pipeline.report.spans_plots import length_quantiles
from schemas.errors import DataError
from schemas.manifest import dump_manifest, seal
from schemas.manifest_pb2 import DriftMeasure, Manifest, Span
from tests.pipeline.helpers import quiet
from tests.pipeline.report.facts import lengths_of, make_facts, make_manifest
from tests.pipeline.report.html import ATTRIBUTES, TAGS, Page

FAR = DriftMeasure(
    measure="length_distance", feature="text", value=0.5, by_chance=0.02, margin=0.04, warn=0.1, fail=0.6
)
NEAR = DriftMeasure(measure="mean_shift", feature="wave[1]", value=0.2, by_chance=0.1, margin=0.3, warn=0.25)


def span(name: str, base: str = "", *drift: DriftMeasure, extends: bool = False) -> Manifest:
    manifest = make_manifest()
    manifest.span.CopyFrom(Span(name=name, base=base, drift=drift, extends=extends))
    return manifest


def facts_of(*spans: Manifest, older: int = 0) -> SpansFacts:
    return SpansFacts({one.span.name: one for one in spans}, older, ("one", "<two>"))


def publish(root: Path, manifest: Manifest) -> None:
    folder = root / "spans" / manifest.span.name
    folder.mkdir(parents=True)
    for shard in manifest.shards:
        shard.index_path = f"{shard.path}.index"
    (folder / "manifest.json").write_bytes(dump_manifest(seal(manifest)))


def month() -> list[Manifest]:
    first = [span("2026-11-01"), span("2026-11-02", "2026-11-01", FAR, NEAR)]
    return [*first, span("2026-11-05", "2026-11-01", NEAR, extends=True)]


def test_the_page_over_time() -> None:
    page = Page(render_spans(facts_of(*month())))
    assert page.headings == [
        "What stands out",
        "Distance from the base",
        "Records",
        "Lengths",
        "Vocabulary",
        "Classes",
        "Spans",
    ]
    assert "3 spans, from 2026-11-01 to 2026-11-05 ." in page.text
    assert "2026-11-02 : Jensen-Shannon distance of lengths ( text ) 0.5, beyond 0.1." in page.text
    assert "No span between the first and the last: 2026-11-03 , 2026-11-04 ." in page.text
    assert "2026-11-01 is the base of 2 spans shown here." in page.text
    assert "Vocabularies were extended in 2026-11-05 ." in page.text
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert len(page.ids) == len(set(page.ids))
    links = [value for name, value in page.attributes if name == "href" and not value.startswith("#")]
    assert links == [f"spans/2026-11-0{day}/report.html" for day in (5, 2, 1)]


def test_names_from_data_are_no_markup() -> None:
    hostile = "</svg><script>alert(1)</script>"
    far = DriftMeasure(measure="mean_shift", feature=hostile, value=9, warn=0.25)
    spans = [span("a"), span("b", "a", far)]
    for one in spans:
        one.spec.name = hostile
    text = render_spans(SpansFacts({"a": spans[0], "b": spans[1]}, 0, (hostile, hostile)))
    assert "<script" not in text
    assert set(Page(text).tags) <= TAGS


def test_one_span_that_nothing_can_be_said_of() -> None:
    manifest = Manifest(span=Span(name="first"))
    page = Page(render_spans(SpansFacts({"first": manifest})))
    assert page.headings == ["What stands out", "Records", "Lengths", "Spans"]
    assert "One span, first ." in page.text
    assert "Nothing stands out." in page.text
    assert "No span has a record." in page.text


def test_late_spans_are_drawn_behind_that_of_their_period() -> None:
    late = [f"2026-11-01-late{end}" for end in ("", "-2", "-10")]
    facts = facts_of(span("2026-11-01"), *map(span, late), span("2026-11-03"))
    assert facts.missing == ["2026-11-02"]
    assert facts.places == ["2026-11-01", *late, "2026-11-02", "2026-11-03"]
    windows = facts_of(*(span(f"2026-11-01T06{minute}") for minute in (10, 20, 50)))
    assert (windows.missing, len(windows.places)) == ([], 3)


def test_missing_dates_are_told_where_all_names_are_dates_of_one_length() -> None:
    assert facts_of(*month()).missing == ["2026-11-03", "2026-11-04"]
    assert facts_of(*month()).places == [f"2026-11-0{day}" for day in range(1, 6)]
    assert facts_of(span("2026-11-01"), span("2026-11-01T05"), span("2026-11-03")).missing == []
    assert facts_of(span("2026-11-01"), span("b")).missing == []
    hours = facts_of(span("2026-11-01T23"), span("2026-11-02T01"))
    assert hours.missing == ["2026-11-02T00"]
    years = facts_of(span("2020-01-01"), span("2026-01-01"))
    assert len(years.missing) == 2191
    assert years.places == ["2020-01-01", "2026-01-01"], "so many would leave no room for what is there"


def test_quantiles_are_of_all_splits() -> None:
    manifest = Manifest()
    manifest.statistics["train"].bucket_length.CopyFrom(lengths_of({1: 5, 4: 4}))
    manifest.statistics["test"].bucket_length.CopyFrom(lengths_of({4: 1, 90: 10}))
    assert length_quantiles(manifest) == [1, 1, 4, 90, 90]
    assert length_quantiles(Manifest()) == []


def test_only_the_newest_spans_are_shown(tmp_path: Path) -> None:
    for one in month():
        publish(tmp_path, one)
    facts = load_spans(str(tmp_path), most=2)
    assert (list(facts.spans), facts.older) == (["2026-11-02", "2026-11-05"], 1)
    assert "1 older span not shown." in Page(render_spans(facts)).text


def test_the_command_draws_a_folder_of_spans_and_a_span(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for one in month():
        publish(tmp_path, one)
    assert main(["report", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(tmp_path),
        "report": str(tmp_path / "report.html"),
    }
    first = (tmp_path / "report.html").read_bytes()
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_bytes() == first
    assert main(["report", str(tmp_path / "spans" / "2026-11-02")]) == 0
    assert "Drift from the base" in Page((tmp_path / "spans/2026-11-02/report.html").read_text()).headings
    assert main(["report", str(tmp_path / "spans")]) == 1


def test_another_process_draws_the_same_bytes(tmp_path: Path) -> None:
    for one in month():
        publish(tmp_path, one)
    drawn = write_spans_report(str(tmp_path))
    code = "import sys; from pipeline.report.spans_page import write_spans_report; write_spans_report(sys.argv[1])"
    before = Path(drawn).read_bytes()
    Path(drawn).unlink()
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert Path(drawn).read_bytes() == before


def test_a_report_of_other_spans_is_not_that_of_these(tmp_path: Path) -> None:
    assert not has_spans_report(str(tmp_path))
    first, second, *_ = month()
    publish(tmp_path, first)
    write_spans_report(str(tmp_path))
    assert has_spans_report(str(tmp_path))
    publish(tmp_path, second)
    assert not has_spans_report(str(tmp_path))


def test_a_folder_without_spans(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        load_spans(str(tmp_path))
    assert str(raised.value) == f"{tmp_path}: holds no spans; check the path"


def test_a_report_that_cannot_be_drawn_fails_no_run(tmp_path: Path) -> None:
    publish(tmp_path, span("a"))
    (tmp_path / "spans/a/manifest.json").write_text("{}")
    console: Console = quiet()
    assert draw_spans_report(str(tmp_path), console) is None
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.fullmatch(
        r"report over time: could not be drawn: DataError: .*; the span is complete all the same\n", said
    )


def test_the_drift_of_a_span_in_its_own_report() -> None:
    manifest = span("b", "a", FAR, NEAR)
    page = Page(render(make_facts(manifest)))
    assert page.headings[1] == "Drift from the base"
    assert "2 measures against the base a : 1 is beyond the limit." in page.text
    assert "0.5 0.02 0.04 0.1 0.6 beyond warn" in page.text
    quiet_span = Page(render(make_facts(span("b", "a", NEAR))))
    assert "1 measure against the base a : none is beyond its limit." in quiet_span.text
    accepted = Page(
        render(make_facts(span("b", "a", DriftMeasure(measure="mean_shift", feature="w", value=3, fail=2))))
    )
    assert "beyond fail; accepted" in accepted.text


def test_the_drift_of_a_span_whose_base_extends_another_one() -> None:
    manifest = span("c", "b", NEAR)
    manifest.span.drift_base = "a"
    page = Page(render(make_facts(manifest)))
    assert "1 measure against the base a : none is beyond its limit." in page.text
    assert "What is out of vocabulary is compared with b , its base." in page.text


def test_a_data_set_without_a_base_has_no_such_section() -> None:
    assert about_drift(Facts(make_manifest())) == []
    [section] = about_drift(Facts(span("b", "a")))
    [paragraph] = section.blocks
    assert str(getattr(paragraph, "text", "")) == (
        "Nothing could be compared with the base 'a': one of both holds nothing."
    )


def test_an_unfinished_report_lies_in_the_folder_that_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run leaves of it is deleted by the next one there, and by nobody who may disturb a live one."""
    publish(tmp_path, month()[0])
    made: list[str] = []
    create = LocalFileSystem.create

    def watched(system: LocalFileSystem, path: str, **settings: Any) -> Any:
        made.append(path)
        return create(system, path, **settings)

    monkeypatch.setattr(LocalFileSystem, "create", watched)
    locked = tmp_path / "spans/2026-11-01"
    assert write_spans_report(str(tmp_path), str(locked)) == str(tmp_path / "report.html")
    assert [Path(path).parent for path in made] == [locked]
    assert files.is_temporary(made[0])
    assert has_spans_report(str(tmp_path))
    assert not files.exists(made[0])
