"""What is said where a cluster cannot be had; the cluster itself is `make flink-test`."""

import subprocess
from pathlib import Path

import pytest

from tests.engines.fetching import NotThereError, java_major, missing_tools, why
from tests.engines.flink import __main__ as command
from tests.engines.flink import on_flink, parts
from tests.engines.flink.parts import Engine

MAVEN = (
    "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-dependency-plugin:2.8:copy (default-cli) on project "
    "standalone-pom: Unable to find artifact. Could not find artifact a:b:jar:1 in central\n[ERROR] Re-run Maven"
)
PIP = "ERROR: No matching distribution found for apache-flink-libraries~=9.9.0"


def test_every_missing_tool_is_named_with_what_to_install() -> None:
    assert [line.split(":")[0] for line in missing_tools("Flink", lambda name: None)] == ["java", "mvn"]
    assert all("install" in line for line in missing_tools("Flink", lambda name: None))


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "21" 2023-09-19 LTS', 21),
        ("no java here", 0),
    ],
)
def test_the_version_of_java_is_read_from_what_it_prints(said: str, major: int) -> None:
    assert java_major(said) == major


def test_another_java_is_refused_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    old = subprocess.CompletedProcess([], 0, "", 'java version "1.8.0_402"')
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: old)
    assert missing_tools("Flink", lambda name: name) == [
        "java: is version 8, Flink runs on 11 to 21; put Java 17 first in PATH",
    ]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (MAVEN, "Unable to find artifact. Could not find artifact a:b:jar:1 in central"),
        (PIP, "No matching distribution found for apache-flink-libraries~=9.9.0"),
        ("killed", "killed"),
    ],
)
def test_a_failed_fetch_is_told_in_one_line(said: str, reason: str) -> None:
    assert why(said) == reason


def test_what_cannot_be_had_leaves_nothing_half_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CACHE", tmp_path / "cache")
    failed = subprocess.CompletedProcess([], 1, PIP, "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    told: list[str] = []
    with pytest.raises(NotThereError, match="No matching distribution"):
        parts.fetch([Engine("9.8", "1.0"), Engine("9.9", "1.0")], told.append)
    assert [line for line in told if "cannot be had" in line] != []
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(("options", "code"), [([], 2), (["--where_possible"], 0)])
def test_a_machine_without_java_is_told_so(
    options: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "missing_tools", lambda engine: ["java: not found; install Java 17"])
    assert command.main(options) == code
    assert capsys.readouterr().out == "java: not found; install Java 17\nnot run on Flink\n"


def test_the_cases_of_the_short_form_are_there() -> None:
    names = set(vars(on_flink)) | {f"test_a_killed_part_changes_no_byte[{a.name}-{b.name}]" for a, b in on_flink.KILLS}
    [mark] = on_flink.test_the_same_bytes.pytestmark  # type: ignore[attr-defined]
    names |= {f"test_the_same_bytes[{name}]" for name in mark.args[1]}
    assert names.issuperset(command._SHORT)
