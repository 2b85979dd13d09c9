"""Measures whether the memory of a run grows with its input, and draws it over time.

    python benchmarks/memory.py [--records 100000] [--write]

One run over a corpus, one over a corpus of eight times the records, both at default settings. `--write`
also draws memory.svg. Linux only: elsewhere the processes of a run cannot be sampled.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from environments import machine
from measure import CommandFailedError, Cost
from peers import command_parser, prepare_corpus
from project import HERE, progress, run_pipeline
from report import table, write_section

FACTOR = 8
CHART = HERE / "memory.svg"
COLOURS = ("#0072b2", "#d55e00")  # told apart by the colour-blind too


def measure_memory(records: int, cache: Path) -> dict[int, Cost]:
    """Returns by number of records what a run over so many cost.

    Raises:
      CommandFailedError: A run failed.
    """
    costs = {}
    for count in (records, FACTOR * records):
        source, _ = prepare_corpus(count, cache)
        costs[count] = run_pipeline(source, cache / "scratch", f"memory, {count} records").cost
    return costs


def growth(costs: Mapping[int, Cost]) -> float:
    """Returns the peak of the larger run relative to that of the smaller."""
    return costs[max(costs)].peak_bytes / costs[min(costs)].peak_bytes


def result_text(costs: Mapping[int, Cost], load: float, chart: bool) -> str:
    """Returns the section: what grew, table, chart, machine."""
    rows = [
        [f"{records:,}", f"{cost.peak_bytes / 1e6:,.0f}", f"{mean_bytes(cost) / 1e6:,.0f}", f"{cost.seconds:.1f}"]
        for records, cost in costs.items()
    ]
    lines = [
        f"{FACTOR} times the input takes {growth(costs):.2f} times the memory at its peak.",
        "",
        table(["records", "peak MB", "mean MB", "seconds"], rows),
        "",
    ]
    if chart:
        lines += [f"![Memory over time of both runs]({CHART.name})", ""]
    lines.append(f"Machine: {machine()}; load average before the first run {load:.2f}.")
    return "\n".join(lines)


def mean_bytes(cost: Cost) -> float:
    """Returns the mean of the samples of a run; the peak where there is none."""
    sizes = [size for _, size in cost.series]
    return sum(sizes) / len(sizes) if sizes else float(cost.peak_bytes)


def draw(costs: Mapping[int, Cost], path: Path) -> None:
    """Writes the chart as SVG; the same samples give the same bytes.

    Args:
      costs: By number of records.
      path: Of the chart.

    Raises:
      ImportError: There is no Matplotlib; `make setup` installs it.
    """
    # Here and not above: measuring needs none of it, and what this process holds should stay small.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "lengthwise", "svg.fonttype": "path", "font.size": 11}):
        figure = Figure(figsize=(8, 4), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for (records, cost), colour in zip(sorted(costs.items()), COLOURS, strict=True):
            seconds, sizes = zip(*[(0.0, 0), *cost.series], strict=True)
            axes.plot(seconds, [size / 1e6 for size in sizes], color=colour, label=f"{records:,} records")
            # May lie above every sample; without it the picture would not show the ratio in its title.
            axes.axhline(cost.peak_bytes / 1e6, color=colour, linestyle=":", label=f"peak, {records:,} records")
        axes.set_title(f"{FACTOR} times the records, {growth(costs):.2f} times the memory", loc="left")
        axes.set_xlabel("seconds since the start")
        axes.set_ylabel("memory of all processes (PSS), MB")
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.grid(visible=True, color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", framealpha=1)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a run failed."""
    options = command_parser("Measure memory as the input grows.", records=100_000).parse_args(arguments)
    load = os.getloadavg()[0]
    try:
        costs = measure_memory(options.records, options.cache.resolve())
    except CommandFailedError as error:
        progress(f"memory: {error}")
        return 1
    if options.write:
        draw(costs, CHART)
    text = result_text(costs, load, chart=options.write)
    print(text)
    if options.write:
        write_section("memory", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
