"""The nightly recipe as a DAG of Airflow 3, one task a step; days that are missing are made up for (`catchup`).

A held lock (75) is tried again, other failures are not: the data or the options have to be mended first, and then the
task is cleared. A step that is left out, because the new model is worse, is skipped (99).
"""

import datetime
import subprocess

from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk import dag, task
from airflow.timetables.interval import CronDataIntervalTimetable

HOME = "/opt/lengthwise"
DATA = "/srv/lengthwise"
STEPS = ("span", "train", "judge", "promote", "export", "prune")
HELD, LEFT_OUT = 75, 99


def command(step: str, day: str) -> list[str]:
    """Returns the command line of a step for a day such as 2026-11-20."""
    recipe = [f"{HOME}/.venv/bin/python", "examples/scheduled/nightly.py", "--step", step, "--date", day]
    data = ["--spec", f"{DATA}/spec.yaml", "--input", f"{DATA}/raw/{{date}}/*.jsonl", "--root", f"{DATA}/data"]
    return [*recipe, *data, "--models", f"{DATA}/models", "--patience", "0", "--skip_code", str(LEFT_OUT)]


def run_step(step: str, day: str) -> None:
    """Runs a step.

    Raises:
      AirflowException: Another one is at work; the task is tried again.
      AirflowFailException: The step failed; it would again.
      AirflowSkipException: It was left out.
    """
    code = subprocess.run(command(step, day), cwd=HOME, check=False).returncode
    if code == LEFT_OUT:
        raise AirflowSkipException(f"{step} of {day} was left out")
    if code == HELD:
        raise AirflowException(f"{step} of {day}: another one is at work; tried again")
    if code:
        raise AirflowFailException(f"{step} of {day} ended with {code}; its log says why")


@dag(
    # Not the string alone, with which {{ ds }} would be the day on which a run begins, and not the day before.
    schedule=CronDataIntervalTimetable("30 4 * * *", timezone="UTC"),
    start_date=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
    catchup=True,
    max_active_runs=1,  # each night goes on from the model of the one before
    default_args={"retries": 12, "retry_delay": datetime.timedelta(minutes=15), "depends_on_past": True},
    tags=["lengthwise"],
)
def lengthwise_nightly() -> None:
    """The span of a day, and a model that goes on learning."""
    before = None
    for step in STEPS:
        # Spans are pruned though the model was not promoted; all other steps need the one before.
        rule = "none_failed" if step == "prune" else "all_success"
        one = task(task_id=step, trigger_rule=rule)(run_step)(step, "{{ ds }}")
        if before is not None:
            before >> one
        before = one


lengthwise_nightly()
