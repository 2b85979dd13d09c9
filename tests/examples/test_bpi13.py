"""The spec of the service desk's events, on a few of them."""

from pathlib import Path

import numpy as np

from schemas.manifest import load_manifest
from schemas.spec import dump_spec, load_spec
from tests.pipeline.helpers import prepare, read_dataset

SPEC = Path(__file__).parents[2] / "examples" / "bpi13" / "spec.yaml"
EVENTS = """CaseID,ActivityID,CompleteTimestamp,Minute
late,2,2012-05-04 09:00:00,540
early,1,2010-04-01 01:00:00,60
early,2,2010-04-01 01:00:00,60
early,1,2012-05-20 00:59:00,59
early,1,2010-04-01 00:59:00,59
middle,3,2012-05-03 16:55:00,1015
"""


def test_cases_in_their_order_and_split(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(EVENTS)
    prepare(dump_spec(load_spec(SPEC)), str(tmp_path / "events.csv"), tmp_path / "data")
    manifest = load_manifest(tmp_path / "data")
    names = (tmp_path / "data" / manifest.vocabularies["activity"].path).read_text().split("\n")
    found = {
        record.id: (record.split, [names[i - 2] if i > 1 else "?" for i in record.values["activity"]])
        for record in read_dataset(tmp_path / "data")
    }
    # Of equal times the earlier line comes first; the first event decides the split, though the last is later.
    assert found == {
        "early": ("train", ["1", "1", "2", "1"]),
        "middle": ("validation", ["?"]),
        "late": ("test", ["2"]),
    }
    since = {record.id: list(record.values["clock/since"]) for record in read_dataset(tmp_path / "data")}
    assert since == {"early": [0, 60, 0, np.float32(780 * 86_400 - 60)], "middle": [0], "late": [0]}
    assert "label" not in {feature.name for feature in manifest.features}
