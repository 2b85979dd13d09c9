"""Virtual environments for the peers, and what a reader must know of the machine."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from measure import CommandFailedError, last_error

_INSTALLED = "installed.json"  # in an environment: the packages that were asked for


def prepare_environment(folder: Path, packages: Sequence[str]) -> Path:
    """Returns the interpreter of a virtual environment with some packages, made if it is not there.

    Raises:
      CommandFailedError: It cannot be made, or a package cannot be installed.
    """
    python = folder / "bin" / "python"
    marker = folder / _INSTALLED
    if marker.exists() and json.loads(marker.read_text()) == list(packages):
        return python
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *packages])
    marker.write_text(json.dumps(list(packages)))
    return python


def package_versions(python: Path, packages: Sequence[str]) -> str:
    """Returns "name version, …" as an interpreter has them; one that it lacks is missing."""
    code = (
        "import importlib.metadata as m, sys\n"
        "names = {d.metadata['Name'].lower() for d in m.distributions()}\n"
        "print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:] if n in names))"
    )
    return _run([str(python), "-c", code, *packages]).strip()


def machine() -> str:
    """Returns one line: processor, cores, memory, system, Python."""
    return (
        f"{_cpu_model()}; {_cores()} cores; {_memory_gib():.1f} GiB of memory; "
        f"{platform.system()} {platform.machine()}; Python {platform.python_version()}"
    )


def commit(folder: Path) -> str:
    """Returns the git commit of a folder, and whether anything in it differs from that commit."""
    try:
        name = _run(["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"]).strip()
        changed = _run(["git", "-C", str(folder), "status", "--porcelain"]).splitlines()
    except (CommandFailedError, OSError):
        return "no git commit"
    return f"git commit {name}, " + (f"with {len(changed)} uncommitted changes" if changed else "nothing uncommitted")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandFailedError(last_error(done.stderr or done.stdout, done.returncode))
    return done.stdout


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown processor"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _memory_gib() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) / 2**30
