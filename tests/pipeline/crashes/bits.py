"""Flips bits of published files: `verify` finds each."""

import random
from pathlib import Path

from pipeline.verify import verify
from schemas.manifest import load_manifest, named_files
from tests.pipeline.crashes.processes import start
from tests.pipeline.crashes.scenarios import arguments, write_inputs


def flip_bits(flips: int, seed: int, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Returns figures and findings."""
    scenario, output = write_inputs(folder)[0], folder / "data"
    code, errors = start(arguments(scenario, output), folder / "stderr").wait()
    assert code == 0, errors
    names = [name for name in sorted(named_files(load_manifest(output))) if (output / name).stat().st_size]
    draw, findings = random.Random(seed), []
    for _ in range(flips):
        name = draw.choice(names)
        path = output / name
        content = path.read_bytes()
        at, bit = draw.randrange(len(content)), draw.randrange(8)
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        if not any(str(path) in problem for problem in verify(str(output))["problems"]):
            findings.append(f"{name}: nobody finds that bit {bit} of byte {at} is another")
        path.write_bytes(content)
    assert verify(str(output))["problems"] == []
    return {"flips": flips}, findings
