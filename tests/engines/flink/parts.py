"""What a Flink cluster is made of: Java, Flink itself from the package index, Beam's job server from Maven.

Everything that is fetched goes into one folder of the project and stays there for the next time.
"""

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.engines.fetching import CACHE, NotThereError, Unfinished, maven, one, run

HERE = Path(__file__).resolve().parent
BEAM = importlib.metadata.version("apache-beam")


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


def _libraries(engine: Engine, tell: Callable[[str], None]) -> tuple[Path, Path]:
    folder = CACHE / f"flink-{engine.flink}"
    if not folder.is_dir():
        tell(f"fetching Flink {engine.flink} (some 230 MB) into {folder.relative_to(CACHE.parent)}")
        with Unfinished(folder) as unfinished:
            requirement = f"apache-flink-libraries~={engine.flink}.0"
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(unfinished)]
            run([sys.executable, "-m", "pip", "download", *options, requirement], requirement)
            for archive in [*unfinished.glob("*.tar.gz"), *unfinished.glob("*.whl")]:
                is_wheel = archive.suffix == ".whl"
                shutil.unpack_archive(archive, unfinished, "zip" if is_wheel else "gztar", filter="data")
                archive.unlink()
    return one(folder, "flink-dist-*.jar").parent, one(folder, "bash-java-utils.jar")


def _job_server(engine: Engine, tell: Callable[[str], None]) -> Path:
    jar = CACHE / engine.jar
    if not jar.is_file():
        tell(f"fetching {engine.jar} with Maven")
        with Unfinished(jar) as unfinished:
            if engine.beam == BEAM:
                name = f"org.apache.beam:beam-runners-flink-{engine.flink}-job-server:{engine.beam}"
                run(maven("dependency:copy", f"-Dartifact={name}", f"-DoutputDirectory={unfinished}"), name)
            else:
                shutil.copy(HERE / "job_server.xml", unfinished / "pom.xml")
                versions = [f"-Dbeam.version={engine.beam}", f"-Dflink.version={engine.flink}"]
                run(maven(f"--file={unfinished / 'pom.xml'}", *versions, "package"), engine.jar)
            one(unfinished, engine.jar).rename(jar)
    return jar
