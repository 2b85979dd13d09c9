"""Raw files of public data sets, from a few lines as their sources publish them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "raw_files.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("raw_files", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _publish(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "bpi_13_incidents.csv").write_text(text)
    return folder


def test_incidents_have_the_minute_of_the_day(tmp_path: Path) -> None:
    rows = "CaseID,ActivityID,CompleteTimestamp\na,1,2010-04-01 00:00:00\nb,2,2010-04-02 23:59:00\n"
    inputs = _load().bpi13(_publish(tmp_path / "published", rows), tmp_path)
    assert inputs == [("", tmp_path / "events.csv")]
    assert (tmp_path / "events.csv").read_text().splitlines() == [
        "CaseID,ActivityID,CompleteTimestamp,Minute",
        "a,1,2010-04-01 00:00:00,0",
        "b,2,2010-04-02 23:59:00,1439",
    ]


def test_incidents_with_other_columns_are_refused(tmp_path: Path) -> None:
    published = _publish(tmp_path / "published", "CaseID,Activity\na,1\n")
    with pytest.raises(SystemExit, match=r"bpi_13_incidents.csv has the columns \['CaseID', 'Activity'\]"):
        _load().bpi13(published, tmp_path)
