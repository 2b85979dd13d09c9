"""Builds Prism and runs the cases on it: `python -m tests.engines.prism [--where_possible]`.

Prism is the runner that comes with Beam's module for Go, of which the version of the installed Beam is built, into
`.engines/` of this folder and nowhere else. Ends with 1 where a case fails, with 2 where Prism is not to be had; with
`--where_possible` the latter is only said.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from apache_beam.version import __version__ as beam_version

from tests.engines.commands import ROOT
from tests.engines.told import PRISM

_PACKAGE = "github.com/apache/beam/sdks/v2/go/cmd/prism"
_FOLDER = ROOT / ".engines"
_BUILD_SECONDS = 1200.0


class MissingError(Exception):
    """What Prism needs is not there; one line for whoever started this."""


def prism() -> Path:
    """Returns Prism's binary, which is built where it is not there: some minutes, and 870 MB until it is done.

    Raises:
      MissingError: Go is not there, or cannot build it.
    """
    binary = _FOLDER / f"prism-{beam_version}" / "prism"
    if binary.exists():
        return binary
    go = shutil.which("go")
    if go is None:
        raise MissingError(
            "Go is not installed, which builds Prism; install it (https://go.dev/doc/install) so that `go` is in PATH, "
            f"or put the binary of Prism {beam_version} there: {binary}"
        )
    _FOLDER.mkdir(exist_ok=True)
    print(f"building Prism {beam_version} with {go}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=_FOLDER, prefix="building-") as folder:
        built = _build(go, Path(folder))
        binary.parent.mkdir(exist_ok=True)
        built.replace(binary)
    return binary


def _build(go: str, folder: Path) -> Path:
    """Builds Prism; all that Go downloads and makes on the way is in the folder."""
    places = {"GOBIN": folder / "bin", "GOPATH": folder / "path", "GOCACHE": folder / "cache"}
    env = {**os.environ, **{name: str(path) for name, path in places.items()}}
    env |= {"GOFLAGS": "-modcacherw -buildvcs=false", "CGO_ENABLED": "0"}  # folders that can be deleted again
    command = [go, "install", f"{_PACKAGE}@v{beam_version}"]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_BUILD_SECONDS, cwd=folder)
    except subprocess.TimeoutExpired:
        raise MissingError(
            f"`{' '.join(command)}` is not done after {_BUILD_SECONDS:.0f} s; see what it waits for"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise MissingError(f"`{' '.join(command)}` fails; it needs the Go module proxy (GOPROXY) and says: {said[-1]}")
    return folder / "bin" / "prism"


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Runs the cases of every engine on Prism.")
    parser.add_argument("--where_possible", action="store_true", help="end with 0 where Prism is not to be had")
    given = parser.parse_args()
    try:
        os.environ[PRISM] = str(prism())
    except MissingError as error:
        print(f"not run on Prism: {error}", file=sys.stderr)
        return 0 if given.where_possible else 2
    return int(pytest.main(["-q", "--durations=5", str(Path(__file__).with_name("on_prism.py"))]))


if __name__ == "__main__":
    sys.exit(main())
