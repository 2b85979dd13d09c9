"""Runs the quick part of the tests of properties and of conversion with other versions of Keras.

These are the oldest that setup.py supports, the newest on the package index, and the last build of Keras to come
(`keras-nightly`). Each is put into a folder of its own under .keras, without what it depends on, and stands in front of
the one in the environment. One that cannot be had, as without a package index, is said to be skipped.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".keras"
TESTS = ("tests/trainer/properties", "tests/trainer/conversion")
COMING = "keras-nightly"  # its builds may be broken for reasons of their own


def main() -> int:
    """Returns 0, or the exit code of the first run of tests that fails with a released Keras."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requirements", nargs="*", help="such as keras==3.14.0; not said: those named above")
    given: Sequence[str] = parser.parse_args().requirements
    tested = {metadata.version("keras")} if not given else set()
    for requirement in given or [oldest((ROOT / "setup.py").read_text(encoding="utf-8")), "keras", COMING]:
        folder = installed(requirement)
        if folder is None:
            say(f"{requirement}: SKIPPED, for it could not be installed")
            continue
        version = version_in(folder)
        if version in tested:
            say(f"{requirement}: is {version}, with which the tests have run already")
            continue
        tested.add(version)
        say(f"{requirement}: is {version}; running the quick part of {' and '.join(TESTS)}")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "load", "-m", "quick", *TESTS]
        code = subprocess.run(command, cwd=ROOT, env=in_front(folder), check=False).returncode  # noqa: S603
        if code and requirement == COMING and not given:
            say(f"{requirement}: FAILED with Keras {version}, which is not released: a warning of what is to come")
        elif code:
            say(f"{requirement}: FAILED with Keras {version}")
            return code
    return 0


def oldest(setup: str) -> str:
    """Returns the requirement of the oldest Keras that setup.py lets in.

    Args:
      setup: Its text.
    """
    found = re.search(r'"keras>=([\d.]+)"', setup)
    if found is None:
        raise SystemExit("setup.py names no least version of Keras, as in keras>=3.13")
    return f"keras=={found[1]}"


def installed(requirement: str) -> Path | None:
    """Returns the folder with a Keras; None where it cannot be had."""
    folder = FOLDER / re.sub(r"[^\w.]+", "-", requirement)
    newest = "==" not in requirement
    if folder.exists() and not newest:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    options = ["--no-deps", "--target", str(folder), *(["--pre"] if newest else [])]
    code = subprocess.run([*pip, *options, requirement], check=False).returncode  # noqa: S603 - our own words
    return folder if code == 0 else None


def in_front(folder: Path) -> dict[str, str]:
    """Returns the environment in which a folder comes before all others."""
    return {**os.environ, "PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}


def version_in(folder: Path) -> str:
    """Returns the version of the Keras in a folder."""
    found = re.search(r'__version__ = "([^"]+)"', (folder / "keras/src/version.py").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def say(line: str) -> None:
    """Writes a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
