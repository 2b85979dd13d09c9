"""The crontab, the units and the DAG: what reads them can, and their commands have the options that they name."""

import configparser
import datetime
import importlib.util
import shlex
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from croniter import croniter

from examples.scheduled import nightly
from pipeline import cli
from trainer import cli as trainer_cli

FOLDER = Path(nightly.__file__).parent
INSTALLED, DATA = "/opt/lengthwise", "/srv/lengthwise"
PYTHON = f"{INSTALLED}/.venv/bin/python"
UNITS = sorted(path.name for path in FOLDER.glob("lengthwise-*"))


def parsed(words: list[str]) -> dict[str, Any]:
    """Returns the options that a command line of ours means; fails where it means nothing."""
    assert words[0] in {PYTHON, ".venv/bin/python"}
    if words[1:3] == ["-m", "pipeline"]:
        options, rest = cli.parse(words[3:])
        assert rest == []
        return vars(options)
    assert words[1] == "examples/scheduled/nightly.py"
    assert (FOLDER.parents[1] / words[1]).is_file()
    return vars(nightly.parse(words[2:]))


def cron_lines() -> list[tuple[str, str]]:
    """Times and command of each line of the crontab."""
    lines = [line for line in (FOLDER / "crontab").read_text().splitlines() if line and line[0] in "*0123456789"]
    return [(" ".join(line.split()[:5]), line.split(maxsplit=5)[5]) for line in lines]


def test_the_crontab_runs_commands_that_there_are() -> None:
    found = []
    for times, command in cron_lines():
        assert croniter.is_valid(times)
        assert "%" not in command  # which cron takes for the end of a line
        before, rest = command.split(" && ")
        line, log = rest.split(" >> ")
        assert before == f"cd {INSTALLED}"
        assert log.endswith(".log 2>&1")
        found.append(parsed(shlex.split(line)))
    nights, files, checks = found
    assert (nights["input"], nights["models"]) == ([f"{DATA}/raw/{{date}}/*.jsonl"], Path(f"{DATA}/models"))
    assert (files["command"], files["once"], files["name"]) == ("watch", True, "*.jsonl")
    assert (checks["command"], checks["folder"]) == ("verify", f"{DATA}/data")


def test_the_crontab_means_these_times() -> None:
    friday = datetime.datetime(2026, 11, 20, 4, 31)
    following = [croniter(times, friday).get_next(datetime.datetime) for times, _ in cron_lines()]
    assert following == [
        datetime.datetime(2026, 11, 21, 4, 30),
        datetime.datetime(2026, 11, 20, 4, 35),
        datetime.datetime(2026, 11, 22, 6, 15),
    ]


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys of units have capitals
    parser.read_string((FOLDER / name).read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


def streamed(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Returns the options of a stream, and those that are Beam's."""
    assert words[:3] == [PYTHON, "-m", "pipeline"]
    options, rest = cli.parse(words[3:])
    return vars(options), rest


def test_the_stream_and_its_follower_are_commands_that_there_are_and_fit_each_other() -> None:
    stream, follow = (unit(f"lengthwise-{name}.service")["Service"] for name in ("stream", "follow"))
    options, beam = streamed(shlex.split(stream["ExecStart"].replace("%%", "%")))  # % begins a specifier of systemd
    assert (options["command"], options["source"], options["max_rejected"]) == ("stream", f"{DATA}/incoming", "1%")
    assert beam == ["--runner=FlinkRunner", "--flink_master=[local]", "--flink_version=1.20"]
    words = shlex.split(follow["ExecStart"])
    assert words[:3] == [PYTHON, "-m", "trainer"]
    follows = trainer_cli._parser().parse_args(words[3:])
    assert follows.follow
    assert str(follows.data) == options["output"]
    for service in (stream, follow):
        assert (service["KillMode"], service["KillSignal"], service["Restart"]) == ("mixed", "SIGTERM", "on-failure")
        assert "2" in service["RestartPreventExitStatus"].split()
        assert int(service["TimeoutStopSec"]) >= 60


@pytest.mark.parametrize("name", ["lengthwise-nightly.service", "lengthwise-watch.service"])
def test_services_run_commands_that_there_are_and_stop_gently(name: str) -> None:
    sections = unit(name)
    service = sections["Service"]
    options = parsed(shlex.split(service["ExecStart"]))
    watches = name == "lengthwise-watch.service"
    assert (options["folder"] if watches else options["input"]) == (
        f"{DATA}/incoming" if watches else [f"{DATA}/raw/{{date}}/*.jsonl"]
    )
    assert set(sections) == {"Unit", "Service", *(["Install"] if watches else [])}
    assert (service["KillMode"], service["KillSignal"], service["Restart"]) == ("mixed", "SIGTERM", "on-failure")
    never = service["RestartPreventExitStatus"].split()
    assert "2" in never
    assert "75" not in never
    assert int(service["TimeoutStopSec"]) >= 60
    documented = sections["Unit"]["Documentation"].removeprefix(f"file://{INSTALLED}/")
    assert (FOLDER.parents[1] / documented).is_file()


def test_the_timer_starts_a_service_that_there_is() -> None:
    timer = unit("lengthwise-nightly.timer")
    assert timer["Timer"]["Unit"] in UNITS
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"] == {"WantedBy": "timers.target"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    root = str(FOLDER.parents[1])
    for name in UNITS:
        text = (FOLDER / name).read_text().replace(PYTHON, sys.executable)
        (tmp_path / name).write_text(text.replace(INSTALLED, root).replace("User=lengthwise\n", ""))
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = [line for line in result.stderr.splitlines() if "lengthwise" in line]
    assert (result.returncode, said) == (0, [])


# A small stand-in for Airflow, which would bring some hundred packages.

TASK_ARGUMENTS = {"task_id", "trigger_rule", "retries", "retry_delay"}
DAG_ARGUMENTS = {"schedule", "start_date", "catchup", "max_active_runs", "default_args", "tags", "dag_id"}
RULES = {"all_success", "none_failed", "all_done", "none_failed_min_one_success"}


class Task:
    def __init__(self, run: Callable[..., None], arguments: tuple[str, ...], options: dict[str, Any]) -> None:
        self.run, self.arguments, self.options = run, arguments, options
        self.after: list[Task] = []

    def __rshift__(self, other: "Task") -> "Task":
        other.after.append(self)
        return other

    def execute(self, day: str) -> None:
        self.run(*(argument.replace("{{ ds }}", day) for argument in self.arguments))


class Airflow:
    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.tasks: dict[str, Task] = {}
        names = ["AirflowException", "AirflowFailException", "AirflowSkipException"]
        errors = {name: type(name, (Exception,), {}) for name in names}
        self.modules = {
            "airflow": types.ModuleType("airflow"),
            "airflow.sdk": _module("airflow.sdk", dag=self.dag, task=self.task),
            "airflow.exceptions": _module("airflow.exceptions", **errors),
            "airflow.timetables": types.ModuleType("airflow.timetables"),
            "airflow.timetables.interval": _module("airflow.timetables.interval", CronDataIntervalTimetable=_timetable),
        }

    def dag(self, **options: Any) -> Callable[..., Any]:
        assert set(options) <= DAG_ARGUMENTS
        assert set(options["default_args"]) <= {*TASK_ARGUMENTS, "depends_on_past"}
        self.options = options
        return lambda function: function

    def task(self, **options: Any) -> Callable[..., Any]:
        assert set(options) <= TASK_ARGUMENTS
        assert options["trigger_rule"] in RULES
        assert options["task_id"] not in self.tasks

        def made(run: Callable[..., None]) -> Callable[..., Task]:
            def called(*arguments: str) -> Task:
                self.tasks[options["task_id"]] = Task(run, arguments, options)
                return self.tasks[options["task_id"]]

            return called

        return made


def _module(name: str, **values: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(values)
    return module


def _timetable(expression: str, *, timezone: str) -> str:
    assert croniter.is_valid(expression)
    return f"{expression} {timezone}"


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Airflow, types.ModuleType]]:
    airflow = Airflow()
    for name, module in airflow.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    found = importlib.util.spec_from_file_location("airflow_dag", FOLDER / "airflow_dag.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    yield airflow, module


def test_the_dag_has_a_task_for_each_step_one_after_the_other(airflow: tuple[Airflow, types.ModuleType]) -> None:
    stand_in, _ = airflow
    assert list(stand_in.tasks) == list(nightly.STEPS)
    tasks = list(stand_in.tasks.values())
    assert [task.after for task in tasks] == [[], *([task] for task in tasks[:-1])]
    assert [task.options["trigger_rule"] for task in tasks] == [*["all_success"] * 5, "none_failed"]
    assert (stand_in.options["schedule"], stand_in.options["catchup"]) == ("30 4 * * * UTC", True)
    assert stand_in.options["max_active_runs"] == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [(0, ""), (75, "AirflowException"), (99, "AirflowSkipException"), (1, "AirflowFailException")],
)
def test_tasks_run_steps_of_the_recipe_and_pass_their_exit_codes_on(
    airflow: tuple[Airflow, types.ModuleType], monkeypatch: pytest.MonkeyPatch, code: int, error: str
) -> None:
    stand_in, module = airflow
    seen: list[dict[str, Any]] = []

    def run(command: list[str], cwd: str, check: bool) -> subprocess.CompletedProcess[str]:
        assert (cwd, check) == (INSTALLED, False)
        seen.append(parsed(command))
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(module.subprocess, "run", run)
    raised = []
    for task in stand_in.tasks.values():
        try:
            task.execute("2026-11-20")
        except Exception as told:
            raised.append(type(told).__name__)
    assert raised == ([error] * len(nightly.STEPS) if error else [])
    assert [options["step"] for options in seen] == [[step] for step in nightly.STEPS]
    assert {(options["date"], options["skip_code"]) for options in seen} == {("2026-11-20", 99)}
