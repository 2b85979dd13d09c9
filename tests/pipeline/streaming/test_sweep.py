"""What a start finds of one that was killed: rows of which nobody has written down that they are rejected."""

from pathlib import Path

from pipeline.streaming.closing.closer import Closer
from pipeline.streaming.closing.closings import TOO_LATE
from pipeline.streaming.closing.due import Held
from pipeline.streaming.closing.gather import new_lines
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.start import _sweep_too_late
from tests.pipeline.streaming.happenings import WINDOW, closed, spooled, stream_job


def test_rows_of_records_that_came_too_late_stay_where_a_closing_names_them(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    closer = Closer(job)
    held = [Held(ref, TOO_LATE) for ref in spooled(job, 0, [1, 2])]
    closer.close(held, 9 * WINDOW, 9 * WINDOW)
    killed = [
        closer._plan("1970-01-01T0000-too-late-1", TOO_LATE, 0, new_lines(spooled(job, 0, [1]), {})),
        closer._plan("1970-01-01T0000-too-late-2", TOO_LATE, 0, new_lines(spooled(job, 5, [1]), {})),
    ]
    assert all(killed)
    assert len(list(Path(job.too_late).iterdir())) == 3
    ledger = Ledger(job.closings)
    ledger.refresh()
    _sweep_too_late(job, ledger)
    [closing] = closed(job).values()
    assert [f"too_late/{path.name}" for path in Path(job.too_late).iterdir()] == list(closing.files)
