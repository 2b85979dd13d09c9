"""What a Flink cluster is made of: Java, Flink itself from the package index, Beam's job server from Maven.

Everything that is fetched goes into one folder of the project and stays there for the next time.
"""

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[2] / ".engines"
BEAM = importlib.metadata.version("apache-beam")
_JAVA = range(11, 22)  # of which Flink 1.19 and 1.20 run on
_FETCH_SECONDS = 900


class Engine(NamedTuple):
    """A release of Flink, and the release of Beam's runner for it.

    Attributes:
      flink: Major and minor version.
      beam: Of the runner.
    """

    flink: str
    beam: str

    @property
    def jar(self) -> str:
        """Name of the job server, as Beam itself gives it."""
        return f"beam-runners-flink-{self.flink}-job-server-{self.beam}.jar"


class Parts(NamedTuple):
    """Files of an engine.

    Attributes:
      engine: Which one.
      libraries: Folder of Flink's own jars.
      tools: Flink's jar that computes what memory a process needs.
      job_server: Beam's jar, which gives jobs to the cluster.
    """

    engine: Engine
    libraries: Path
    tools: Path
    job_server: Path

    @property
    def stated(self) -> list[Any]:
        """The same as JSON can hold it."""
        return [list(self.engine), *map(str, self[1:])]

    @classmethod
    def of_stated(cls, values: list[Any]) -> "Parts":
        """Returns what `stated` stood for."""
        engine, *paths = values
        return cls(Engine(*engine), *map(Path, paths))


# The first one of which all parts can be had is taken. Of Beam's Flink runners not every release is in every
# repository; 2.62.0 for Flink 1.19 is built here from its modules, and takes jobs of later releases of the SDK.
ENGINES = (Engine("1.20", BEAM), Engine("1.19", "2.62.0"))


class NotThereError(Exception):
    """A part cannot be had; says what to install."""


def missing_tools(which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Returns what has to be installed first, a line for each."""
    found = []
    if which("java") is None:
        found.append("java: not found; install Java 17, such as Debian's openjdk-17-jre-headless")
    elif (version := _java_version()) not in _JAVA:
        found.append(f"java: is version {version}, Flink runs on {_JAVA[0]} to {_JAVA[-1]}; put Java 17 first in PATH")
    if which("mvn") is None:
        found.append("mvn: not found; install Maven, such as Debian's maven")
    return found


def java_major(said: str) -> int:
    """Returns the major version in what `java -version` prints; 0 where there is none."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0


def fetch(engines: Sequence[Engine], tell: Callable[[str], None]) -> Parts:
    """Fetches what is not there yet of the first engine that can be had whole.

    Args:
      engines: In the order in which they are tried.
      tell: Takes lines for the person.

    Raises:
      NotThereError: Of each something cannot be had.
    """
    reasons = []
    for engine in engines:
        try:
            job_server = _job_server(engine, tell)  # first: it is what may be missing
            return Parts(engine, *_libraries(engine, tell), job_server)
        except NotThereError as error:
            tell(str(error))
            reasons.append(str(error))
    raise NotThereError("; ".join(reasons))


def why(said: str) -> str:
    """Returns what pip or Maven say of an error, without what stands around it in the line."""
    lines = [line for line in said.splitlines() if "error" in line.lower()]
    return re.sub(
        r"^.*?ERROR\W*(?:Failed to execute goal \S+ \(\S+\) on project \S+: )?", "", [*lines, said][0]
    ).strip()


def _java_version() -> int:
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return java_major(done.stderr)


def _libraries(engine: Engine, tell: Callable[[str], None]) -> tuple[Path, Path]:
    folder = CACHE / f"flink-{engine.flink}"
    if not folder.is_dir():
        tell(f"fetching Flink {engine.flink} (some 230 MB) into {folder.relative_to(CACHE.parent)}")
        with _Unfinished(folder) as unfinished:
            requirement = f"apache-flink-libraries~={engine.flink}.0"
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(unfinished)]
            _run([sys.executable, "-m", "pip", "download", *options, requirement], requirement)
            for archive in [*unfinished.glob("*.tar.gz"), *unfinished.glob("*.whl")]:
                is_wheel = archive.suffix == ".whl"
                shutil.unpack_archive(archive, unfinished, "zip" if is_wheel else "gztar", filter="data")
                archive.unlink()
    return _one(folder, "flink-dist-*.jar").parent, _one(folder, "bash-java-utils.jar")


def _job_server(engine: Engine, tell: Callable[[str], None]) -> Path:
    jar = CACHE / engine.jar
    if not jar.is_file():
        tell(f"fetching {engine.jar} with Maven")
        with _Unfinished(jar) as unfinished:
            if engine.beam == BEAM:
                name = f"org.apache.beam:beam-runners-flink-{engine.flink}-job-server:{engine.beam}"
                _run(_maven("dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={unfinished}"), name)
            else:
                shutil.copy(HERE / "job_server.xml", unfinished / "pom.xml")
                versions = [f"-Dbeam.version={engine.beam}", f"-Dflink.version={engine.flink}"]
                _run(_maven(f"--file={unfinished / 'pom.xml'}", *versions, "package"), engine.jar)
            _one(unfinished, engine.jar).rename(jar)
    return jar


def _maven(*options: str) -> list[str]:
    # With the option for snapshots it asks again for what was missing the last time.
    return ["mvn", "--batch-mode", "--quiet", "--update-snapshots", "-Dstyle.color=never", *options]


class _Unfinished:
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


def _run(command: Sequence[str], wanted: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotThereError(f"{wanted}: not fetched within {_FETCH_SECONDS} s") from None
    if done.returncode:
        raise NotThereError(f"{wanted}: cannot be had: {why(done.stdout + done.stderr)}")


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if not found:
        raise NotThereError(f"{pattern}: not in {folder}; delete this folder and try again")
    return found[0]
