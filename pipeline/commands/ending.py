"""What is left behind when a run is over, however it ended."""

from rich.console import Console

from pipeline.metrics import Ended, write_metrics
from schemas.errors import DataError

HELD = 75  # the exit code of a run that another one kept from beginning


def end_run(metrics: str, ended: Ended, console: Console) -> None:
    """Writes the figures of a run; the data set is there by then, so that failing to do so fails no run.

    Args:
      metrics: Path of the file; empty: none is asked for.
      ended: The run. One that another run kept from beginning leaves the file to that one.
      console: Where it is said that the figures could not be written.
    """
    if not metrics or ended.exit_code == HELD:
        return
    try:
        write_metrics(metrics, ended)
    except DataError as error:
        console.print(f"warning: {error}", highlight=False)
