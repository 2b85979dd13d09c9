"""The table of the peers: medians, ratios, and failures that are not hidden."""

from pathlib import Path

from measure import Cost
from peers import Contestant, contestants, result_table, run_once
from report import write_section

ROOT = Path(__file__).parents[2]


def test_the_table_gives_medians_ratios_and_failures() -> None:
    ours = Contestant("lengthwise", (), "", "TFRecords", costs=[Cost(2, 3, 100 * 2**20)])
    peer = Contestant("peer", (), "peer.py", "Parquet", costs=[Cost(s, 5, 150 * 2**20) for s in (7, 4, 5)])
    broken = Contestant("broken", (), "broken.py", "Arrow", failure="failed: ValueError: a | b")
    assert result_table([ours, peer, broken]).splitlines() == [
        "|  | seconds | least – most | CPU seconds | peak MiB | rounds | seconds / ours | MiB / ours | writes |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        "| lengthwise | 2.0 | 2.0 – 2.0 | 3.0 | 100 | 1 | 1.00 | 1.00 | TFRecords |",
        "| peer | 5.0 | 4.0 – 7.0 | 5.0 | 150 | 3 | 2.50 | 1.50 | Parquet |",
        "| broken | – | – | – | – | 0 | – | – | failed: ValueError: a \\| b |",
    ]


def test_ratios_are_left_out_where_the_project_failed() -> None:
    peer = Contestant("peer", (), "peer.py", "Parquet", costs=[Cost(7, 5, 2**20)])
    assert "| 1 | – | – | Parquet |" in result_table([peer])


def test_a_peer_that_fails_is_noted_with_its_last_line(tmp_path: Path) -> None:
    peer = Contestant("peer", (), "no_such_script.py", "nothing")
    run_once(peer, tmp_path / "in.jsonl", tmp_path, timeout=60)
    assert peer.costs == []
    assert peer.failure.startswith("failed: ")
    assert peer.failure.endswith("No such file or directory")


def test_every_peer_has_its_script() -> None:
    scripts = {contestant.script for contestant in contestants()} - {""}
    assert scripts == {path.name for path in (ROOT / "benchmarks" / "peers").glob("*.py")}


def test_a_section_is_replaced_or_appended(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# Title\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\nrest\n", encoding="utf-8")
    write_section("a", "new\n", path)
    write_section("b", "more", path)
    assert path.read_text(encoding="utf-8") == (
        "# Title\n\n<!-- a: begin -->\nnew\n<!-- a: end -->\n\nrest\n\n<!-- b: begin -->\nmore\n<!-- b: end -->\n"
    )
