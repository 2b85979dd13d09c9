"""The drawings of a report, each a pure function of numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.report.plots import GRID, HEIGHT, INK, MUTED, SERIES, Plot, draw, label
from pipeline.report.words import number
from schemas.buckets import Int64s

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Floats = npt.NDArray[np.float64]

_HEAVY_TAIL = 8  # times as long as the median is the longest
_BINS = 40


def is_heavy_tailed(lengths: Int64s, counts: Int64s) -> bool:
    """Returns whether the longest record is more than 8 times as long as the median."""
    median = lengths[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]
    return bool(lengths[-1] > _HEAVY_TAIL * max(1, median))


def length_bins(lengths: Int64s, counts: Int64s) -> Floats:
    """Returns the edges of the bins of a histogram, float, (bins + 1,).

    Edges lie between whole numbers, so that every bin holds as many lengths as it looks to hold: the same number
    each, or, of heavy-tailed lengths, a number that grows geometrically.
    """
    first, last = int(lengths[0]), int(lengths[-1])
    if is_heavy_tailed(lengths, counts):
        edges = np.unique(np.round(np.geomspace(max(1, first), last + 1, _BINS + 1)))
        edges = edges if first else np.concatenate([[0], edges])
        return np.asarray(edges - 0.5, np.float64)
    width = -(-(last - first + 1) // _BINS)
    return np.arange(first, last + 1 + width, width, dtype=np.float64) - 0.5


def length_histogram(
    key: str, title: str, description: str, lengths: Int64s, counts: Int64s, boundaries: Sequence[int] = ()
) -> Plot:
    """Draws how many records have which length, with the upper bounds of the buckets as lines."""
    edges = length_bins(lengths, counts)
    heights, _ = np.histogram(lengths, edges, weights=counts)

    def paint(axes: "Axes") -> None:
        axes.stairs(heights, edges, fill=True, color=SERIES[0], linewidth=0)
        for i, boundary in enumerate(boundaries):
            axes.axvline(
                boundary + 0.5, color=SERIES[1], linestyle="--", linewidth=1.2, label="" if i else "bucket boundary"
            )
        if is_heavy_tailed(lengths, counts):
            _log_steps(axes, edges)
        else:
            _whole(axes, "x")
        axes.set_xlabel("steps")
        axes.set_ylabel("records")
        axes.grid(axis="x", visible=False)
        axes.margins(x=0.01)
        _whole(axes, "y")
        if boundaries:
            _legend_above(axes, 1)

    return draw(key, title, description, paint)


def running_shares(key: str, title: str, description: str, groups: Sequence[tuple[str, Int64s, Int64s]]) -> Plot:
    """Draws, for each group of (name, lengths, counts), the share of records that are at most so long."""
    heavy = any(is_heavy_tailed(lengths, counts) for _, lengths, counts in groups)

    def paint(axes: "Axes") -> None:
        for i, (name, lengths, counts) in enumerate(groups):
            x = np.concatenate([lengths[:1], lengths])
            y = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
            style = ("-", "--", "-.", ":")[i % 4]
            axes.step(x, 100 * y, where="post", color=SERIES[i % len(SERIES)], linestyle=style, label=label(name, 16))
        if heavy:
            _log_steps(axes, np.concatenate([lengths for _, lengths, _ in groups]).astype(np.float64))
        else:
            _whole(axes, "x")
        axes.set_xlabel("steps")
        axes.set_ylabel("% of the records")
        axes.set_ylim(0, 102)
        axes.legend(loc="lower right", handlelength=2.4)

    return draw(key, title, description, paint)


def shares_of_100(key: str, title: str, description: str, bars: Sequence[tuple[str, float]]) -> Plot:
    """Draws shares as bars that fill a row of 100."""

    def paint(axes: "Axes") -> None:
        places = np.arange(len(bars))
        values = [100 * share for _, share in bars]
        axes.barh(places, 100, color=GRID, height=0.5)
        axes.barh(places, values, color=SERIES[0], height=0.5)
        for place, (name, _) in enumerate(bars):
            axes.text(0, place - 0.36, name, va="bottom", color=INK, fontsize=11)
        axes.set_ylim(len(bars) - 0.65, -0.75)
        axes.set_xlim(0, 100)
        axes.set_yticks([])
        axes.set_xlabel("of 100 steps computed")
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)

    return draw(key, title, description, paint, height=58 + 46 * len(bars))


def efficiency_curve(
    key: str, title: str, description: str, by_count: Sequence[float], now: int, now_value: float, knee: int
) -> Plot:
    """Draws padding efficiency against the number of buckets, where we are and where the knee is."""

    def paint(axes: "Axes") -> None:
        counts = np.arange(1, len(by_count) + 1)
        axes.plot(counts, [100 * value for value in by_count], color=SERIES[0], marker="o", markersize=3)
        axes.axvline(knee, color=MUTED, linestyle=":", linewidth=1.4, label=f"knee: {knee}")
        axes.plot(
            [now], [100 * now_value], color=SERIES[1], marker="D", markersize=8, linestyle="none", label=f"now: {now}"
        )
        axes.set_xlabel("buckets")
        axes.set_ylabel("data, of 100 steps")
        axes.set_ylim(0, 103)
        axes.set_xticks([1, *range(8, len(by_count) + 1, 8)])
        axes.legend(loc="lower right")

    return draw(key, title, description, paint)


def coverage_curve(key: str, title: str, description: str, ranks: Sequence[int], shares: Sequence[float]) -> Plot:
    """Draws the share of all occurrences that the most frequent tokens cover, against their number."""

    def paint(axes: "Axes") -> None:
        axes.plot(ranks, [100 * share for share in shares], color=SERIES[0], marker="o", markersize=3, clip_on=False)
        if ranks[-1] > 20:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis)
        else:
            _whole(axes, "x")
        axes.set_ylim(0, 102)
        axes.set_xlabel("most frequent tokens")
        axes.set_ylabel("% of the occurrences")

    return draw(key, title, description, paint)


def class_bars(
    key: str,
    title: str,
    description: str,
    names: Sequence[str],
    splits: Sequence[tuple[str, Sequence[float]]],
    unit: str,
) -> Plot:
    """Draws a bar for each class and split: the share of the split that is of the class."""

    def paint(axes: "Axes") -> None:
        height = 0.8 / len(splits)
        for i, (split, shares) in enumerate(splits):
            places = np.arange(len(names)) - 0.4 + height * (i + 0.5)
            values = [100 * share for share in shares]
            axes.barh(places, values, height=height * 0.9, color=SERIES[i % len(SERIES)], label=label(split, 16))
        axes.set_yticks(np.arange(len(names)), [label(name, 16) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(f"% of the {unit} of the split")
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        if len(splits) > 1:
            _legend_above(axes, min(3, len(splits)))

    rows = len(names) * max(16, 9 * len(splits))
    return draw(key, title, description, paint, height=max(110, 64 + 18 * -(-len(splits) // 3) + rows))


def ranges(
    key: str, title: str, description: str, mean: Floats, deviation: Floats, least: Floats, most: Floats
) -> Plot:
    """Draws mean ± deviation and least to greatest value of each dimension, all float, (dims,)."""
    dims = np.arange(len(mean))

    def paint(axes: "Axes") -> None:
        if len(dims) <= 30:
            axes.vlines(dims, least, most, color=MUTED, linewidth=1.2, label="least to greatest")
            axes.vlines(
                dims, mean - deviation, mean + deviation, color=SERIES[0], linewidth=5, label="mean ± deviation"
            )
            axes.plot(dims, mean, color=INK, marker="_", markersize=8, linestyle="none", label="mean")
        else:
            axes.fill_between(dims, least, most, color=GRID, linewidth=0, label="least to greatest")
            axes.fill_between(
                dims, mean - deviation, mean + deviation, color=SERIES[0], linewidth=0, label="mean ± deviation"
            )
            axes.plot(dims, mean, color=INK, linewidth=1, label="mean")
        if _spread(least, most) > 100:
            axes.set_yscale("symlog", linthresh=_linear_up_to(deviation))
            locator: Any = axes.yaxis.get_major_locator()
            locator.set_params(numticks=7)
            _plain_ticks(axes.yaxis)
        axes.set_xlabel("dimension")
        if len(dims) <= 10:
            axes.set_xticks(dims)
        else:
            _whole(axes, "x")
        axes.margins(x=0.03)
        _legend_above(axes, 3)

    return draw(key, title, description, paint, height=HEIGHT + 20)


def _spread(least: Floats, most: Floats) -> float:
    """Returns how many times as wide the widest range is as the median one."""
    widths = most - least
    widths = widths[widths > 0]
    return float(widths.max() / np.median(widths)) if len(widths) else 1.0


def _linear_up_to(deviation: Floats) -> float:
    positive = deviation[deviation > 0]
    return float(10 ** np.floor(np.log10(np.median(positive)))) if len(positive) else 1.0


def _log_steps(axes: "Axes", lengths: Floats) -> None:
    """Length 0 has no logarithm: the axis is linear up to 1."""
    if lengths.min() < 0.5:
        axes.set_xscale("symlog", linthresh=1, linscale=0.3)
        axes.set_xlim(left=-0.5)
    else:
        axes.set_xscale("log")
    _plain_ticks(axes.xaxis)


def _plain_ticks(axis: "Axis") -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_locator(NullLocator())


def _legend_above(axes: "Axes", columns: int) -> None:
    axes.figure.legend(
        loc="outside upper left", ncols=columns, columnspacing=1.2, handlelength=1.2, handletextpad=0.5, borderpad=0.1
    )


def _whole(axes: "Axes", which: str) -> None:
    """Lets ticks stand at whole numbers only."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
