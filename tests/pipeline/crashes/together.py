"""Starts two runs into one folder at the same time: one publishes, the other says why it does not."""

from pathlib import Path

from pipeline.verify import verify
from tests.pipeline.crashes.processes import start
from tests.pipeline.crashes.scenarios import arguments, remove, write_inputs
from tests.pipeline.helpers import tree


def run_together(pairs: int, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Returns figures and findings."""
    scenario, findings, held = write_inputs(folder)[0], list[str](), 0
    for i in range(pairs):
        output = folder / f"pair-{i}"
        processes = [start(arguments(scenario, output), folder / f"stderr-{n}") for n in range(2)]
        ends = sorted((*process.wait(), process.pid) for process in processes)
        (first, _, winner), (second, errors, _) = ends
        # Who has just taken the lock may not yet have written who it is.
        named = f"pid {winner} on host" in errors or "there; wait for it" in errors
        waits = second == 75 and f"{output}: another run writes there" in errors and named
        published = second == 2 and "holds a data set already" in errors
        held += second == 75
        if first != 0 or not (waits or published):
            findings.append(f"pair {i}: ended with {first} and {second}: {errors}")
        if verify(str(output))["problems"] or {path for path in tree(output) if path.startswith(".")}:
            findings.append(f"pair {i}: {tree(output)}")
        remove(output)
    return {"pairs": pairs, "held": held}, findings
