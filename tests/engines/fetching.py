"""Parts of engines that tests run on: what has to be installed first, and what is fetched, from the index or by Maven.

Everything that is fetched goes into one folder of the project and stays there for the next time.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".engines"
_JAVA = range(11, 22)  # of which Flink 1.19 and 1.20 run on, and Kafka 3.9
_FETCH_SECONDS = 900


class NotThereError(Exception):
    """A part cannot be had; says what to install."""


def missing_tools(engine: str, which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Returns what has to be installed first, a line for each.

    Args:
      engine: What needs it, for the line.
      which: Finds a program.
    """
    found = []
    if which("java") is None:
        found.append("java: not found; install Java 17, such as Debian's openjdk-17-jre-headless")
    elif (version := _java_version()) not in _JAVA:
        found.append(
            f"java: is version {version}, {engine} runs on {_JAVA[0]} to {_JAVA[-1]}; put Java 17 first in PATH"
        )
    if which("mvn") is None:
        found.append("mvn: not found; install Maven, such as Debian's maven")
    return found


def java_major(said: str) -> int:
    """Returns the major version in what `java -version` prints; 0 where there is none."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0


def why(said: str) -> str:
    """Returns what pip or Maven say of an error, without what stands around it in the line."""
    lines = [line for line in said.splitlines() if "error" in line.lower()]
    return re.sub(
        r"^.*?ERROR\W*(?:Failed to execute goal \S+ \(\S+\) on project \S+: )?", "", [*lines, said][0]
    ).strip()


def maven(*options: str) -> list[str]:
    """Returns the command of Maven with some options."""
    # With the option for snapshots it asks again for what was missing the last time.
    return ["mvn", "--batch-mode", "--quiet", "--update-snapshots", "-Dstyle.color=never", *options]


class Unfinished:
    """A folder for what is being fetched: becomes the target where it is a folder, and never stays behind."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._folder = target.with_name(f"{target.name}.part")

    def __enter__(self) -> Path:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self._folder

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and not self._target.exists():
            self._folder.rename(self._target)
        shutil.rmtree(self._folder, ignore_errors=True)


def run(command: Sequence[str], wanted: str) -> None:
    """Runs what fetches a part.

    Raises:
      NotThereError: It fails, or takes too long.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotThereError(f"{wanted}: not fetched within {_FETCH_SECONDS} s") from None
    if done.returncode:
        raise NotThereError(f"{wanted}: cannot be had: {why(done.stdout + done.stderr)}")


def one(folder: Path, pattern: str) -> Path:
    """Returns the file below a folder that a pattern matches, the first one of several.

    Raises:
      NotThereError: There is none.
    """
    found = sorted(folder.rglob(pattern))
    if not found:
        raise NotThereError(f"{pattern}: not in {folder}; delete this folder and try again")
    return found[0]


def _java_version() -> int:
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return java_major(done.stderr)
