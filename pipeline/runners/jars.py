"""The jar of a job server and the Java that starts it: whether they are there, and of which versions."""

import re
import struct
import subprocess
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from apache_beam.utils.subprocess_server import JavaJarServer
from apache_beam.version import __version__ as beam_version

from pipeline.runners.endpoints import SECONDS, Problem, within, words_of
from schemas.errors import DataError, UsageError

_NAME = re.compile(r"-(?:flink|spark)-([\d.]+)-job-server(?:-(\d[\w.]*))?\.jar$")
_ENTRY = re.compile(r"META-INF/maven/org\.apache\.beam/beam-runners-(?:flink|spark)-([\d.]+)(?:-\D+)?/pom\.properties")
_SDK = "org/apache/beam/sdk/sdk.properties"
_VERSION = re.compile(rb"^version=(\S+)", re.MULTILINE)
_MAIN = re.compile(rb"^Main-Class: *(\S+)", re.MULTILINE)
_JAVA = re.compile(r'version "(?:1\.)?(\d+)')
_BEFORE_JAVA_1 = 44  # major version of a class file, less that of Java
_START_SECONDS = 10.0  # of a virtual machine on a busy computer


class Jar(NamedTuple):
    """What a jar says of itself; what it does not say is empty.

    Attributes:
      engine: Version of Flink or Spark, such as 1.20.
      beam: Version of Beam.
      java: Oldest Java that starts it; 0: not known.
    """

    engine: str = ""
    beam: str = ""
    java: int = 0


def artifact_url(target: str) -> str:
    """Returns where Beam takes the jar of a job server from: a URL, or a path that it has found.

    Args:
      target: What Beam builds it with, such as `:runners:flink:1.20:job-server:shadowJar`.

    Raises:
      UsageError: Beam is a development version, of which no jar is published.
    """
    try:
        return str(JavaJarServer.path_to_beam_jar(target))
    except RuntimeError as error:
        raise UsageError(f"Beam {beam_version}: {' '.join(str(error).split())}") from None


def find_jar(option: str, given: str, url: str, cache: str | None, ask: bool = True) -> str:
    """Returns the path of the jar of a job server; empty where Beam will download it.

    Args:
      option: Name of the option that names a jar.
      given: What it says; empty: nothing.
      url: As `artifact_url` returns it; used where no jar is given.
      cache: Of Beam, for jars; None: its usual one.
      ask: Whether to find out that a jar which is not there can be downloaded.

    Raises:
      UsageError: The jar that is given is not there.
      DataError: It is in no cache and cannot be downloaded.
    """
    source = given or url
    if Path(source).exists():
        return source
    if given and "://" not in given:
        raise UsageError(
            f"{option}={given}: there is no such file; name the jar of the job server, or leave the option out"
        )
    place = Path(cache or JavaJarServer.JAR_CACHE, PurePosixPath(source).name)
    if place.exists():
        return str(place)
    problem = why_no_download(source) if ask else None
    if problem and not given:
        mirror = source.replace(JavaJarServer.MAVEN_CENTRAL_REPOSITORY, JavaJarServer.GOOGLE_MAVEN_MIRROR)
        problem = problem if mirror == source or why_no_download(mirror) else None
    if problem:
        raise DataError(
            f"{place.name}: the job server's jar is not in {place.parent}, and {source} cannot be fetched: "
            f"{problem.words}; put the jar there, or name it with {option}"
        )
    return ""


def why_no_download(url: str, seconds: float = SECONDS) -> Problem | None:
    """Returns why a file cannot be downloaded, or None where it can."""
    if not url.startswith(("http://", "https://")):
        return None  # on a filesystem of Beam's, which it asks itself
    silent: Problem | None = Problem(f"no answer within {2 * seconds:g} s")
    return within(2 * seconds, lambda: _ask_head(url, seconds), silent)


def read_jar(path: str) -> Jar:
    """Returns what a jar says of itself, by its name and by what is in it.

    Raises:
      DataError: It is no whole jar.
    """
    named = _NAME.search(path)
    try:
        with zipfile.ZipFile(path) as jar:
            names = set(jar.namelist())
            entries = [(match[1], name) for name in names if (match := _ENTRY.fullmatch(name))]
            engine, entry = entries[0] if len(entries) == 1 else ("", _SDK)
            beam = _search(_VERSION, jar.read(entry)) if entry in names else ""
            java = _needed_java(jar, names)
    except (OSError, zipfile.BadZipFile, KeyError, struct.error) as error:
        raise DataError(f"{path}: is no whole jar ({error}); delete it, and get it again") from None
    if named:
        engine, beam = named[1], named[2] or beam
    return Jar(engine, beam if beam[:1].isdigit() else "", java)


def jar_warnings(path: str, jar: Jar) -> list[str]:
    """Returns what may go wrong with a jar."""
    if jar.beam in ("", beam_version):
        return []
    return [
        f"{path}: is a job server of Beam {jar.beam}, and Beam {beam_version} is installed here; take one of the same"
    ]


def java_version(launcher: str) -> int | None:
    """Returns the version of Java that a command starts: 17, say; 0: not known; None: there is no such command."""
    try:
        done = subprocess.run([launcher, "-version"], capture_output=True, text=True, timeout=_START_SECONDS)  # noqa: S603
    except FileNotFoundError:
        return None
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = _JAVA.search(done.stderr + done.stdout)
    return int(found[1]) if found else 0


def check_java(launcher: str, found: int | None, oldest: int, newest: int) -> list[str]:
    """Checks that a job server can be started; returns warnings.

    Args:
      launcher: The command.
      found: As `java_version` returns it.
      oldest: Java that the job server needs.
      newest: Java that it is tested with.

    Raises:
      UsageError: There is no Java, or it is too old.
    """
    remedy = f"install Java {oldest if oldest > 11 else 17}, or name one with --job_server_java_launcher"
    if found is None:
        raise UsageError(f"{launcher}: there is no such command, and the job server needs Java; {remedy}")
    if 0 < found < oldest:
        raise UsageError(f"{launcher}: is Java {found}, and the job server needs {oldest} or later; {remedy}")
    if found > newest:
        return [f"{launcher} is Java {found}, and this job server is made for {newest} at most; {remedy}"]
    return []


def _ask_head(url: str, seconds: float) -> Problem | None:
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310  # no other scheme comes here
        with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return Problem(f"HTTP status {error.code}")
    except urllib.error.URLError as error:
        return words_of(error.reason, seconds) if isinstance(error.reason, OSError) else Problem(str(error.reason))
    except OSError as error:
        return words_of(error, seconds)


def _needed_java(jar: zipfile.ZipFile, names: set[str]) -> int:
    main = _search(_MAIN, jar.read("META-INF/MANIFEST.MF")) if "META-INF/MANIFEST.MF" in names else ""
    name = main.replace(".", "/") + ".class"
    if name not in names:
        return 0
    with jar.open(name) as stream:
        _, _, major = struct.unpack(">IHH", stream.read(8))
    return max(0, int(major) - _BEFORE_JAVA_1)


def _search(pattern: re.Pattern[bytes], content: bytes) -> str:
    found = pattern.search(content)
    return found[1].decode("utf-8", "replace") if found else ""
