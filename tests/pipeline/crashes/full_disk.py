"""Runs on disks that fill: each ends with one line, leaves what was there, and ends well where there is room."""

import random
import subprocess
from pathlib import Path

from pipeline.verify import verify
from schemas.manifest import load_manifest
from tests.pipeline.crashes.processes import start
from tests.pipeline.crashes.scenarios import arguments, check_end, undisturbed, write_inputs
from tests.pipeline.helpers import tree

_ENOUGH = 64 << 20  # bytes
_PAGES = [12, 40, 80, 120, 160, 200, 260, 330, 420]  # of 4 KiB


def fill_disks(seed: int, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Returns figures and findings; no disk at all where nobody may mount one."""
    scenarios = write_inputs(folder)
    disk, findings, full, draw = folder / "disk", list[str](), 0, random.Random(seed)
    disk.mkdir()
    for scenario in (scenarios[0], scenarios[3]):
        expected = undisturbed(scenario, folder / f"expected-{scenario.name}")
        for pages in _PAGES:
            size = 4096 * (pages + draw.randrange(12))
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True)
            if mounted.returncode:
                return {"disks": 0}, []
            try:
                code, errors = start(arguments(scenario, disk / "data"), folder / "stderr").wait()
                full += code != 0
                findings += _check(disk / "data", code, errors, expected.fingerprint)
                subprocess.run(["mount", "-o", f"remount,size={_ENOUGH}", disk], check=True)
                if code:
                    code, errors = start(arguments(scenario, disk / "data"), folder / "stderr").wait()
                    findings += check_end(scenario, disk / "data", expected, code, errors)
            finally:
                subprocess.run(["umount", disk], check=True)
    return {"disks": 2 * len(_PAGES), "full disks": full}, findings


def _check(output: Path, code: int, errors: str, fingerprint: str) -> list[str]:
    # Where only what is written after the manifest found no room, the data set is there.
    if code == 0 or (output / "manifest.json").exists():
        whole = load_manifest(output).fingerprint == fingerprint and not verify(str(output))["problems"]
        return [] if whole else [f"{output}: is not the data set of an undisturbed run: {errors}"]
    left = {path for path in tree(output) if not path.startswith("failed/")}
    last = errors.strip().splitlines()[-1]
    told = last.startswith("error: ") and ("No space left on device" in last or "are free on its disk" in last)
    if code not in (1, 2) or not told or "Traceback" in errors:
        return [f"{output}: ended with {code}: {errors}"]
    return [f"{output}: a run that failed left {left}"] if left else []
