"""Drawings of numbers over the spans of a folder, each a pure function of these."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from pipeline.report.plots import GRID, HEIGHT, INK, MUTED, SERIES, Plot, draw, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AXIS = 44  # letters that fit along the axis
_NAME = 22  # letters of a name that are shown: of 2026-11-20T0530-late-2 all
_STYLES = ("-", "--", "-.", ":")
_NONE = math.nan


class Line(NamedTuple):
    """A line of a drawing.

    Attributes:
      name: From data, or of our own.
      values: One for each place; None where there is none.
    """

    name: str
    values: Sequence[float | None]


class Limit(NamedTuple):
    """What lines are held against.

    Attributes:
      name: Of our own.
      values: One for each place; None where there is none.
      style: Of the line, as matplotlib has it.
    """

    name: str
    values: Sequence[float | None]
    style: str


def over_time(
    key: str,
    title: str,
    description: str,
    places: Sequence[str],
    lines: Sequence[Line],
    unit: str,
    limits: Sequence[Limit] = (),
    chance: Sequence[float | None] = (),
) -> Plot:
    """Draws lines over spans; a missing span interrupts them.

    Args:
      key: Letters and digits, different for each plot of a page.
      title: What it shows.
      description: The same facts in words.
      places: Names of spans and missing dates, in order.
      lines: At most as many as there are colours.
      unit: Of the vertical axis.
      limits: Drawn as steps.
      chance: What chance explains at each place, drawn as an area; empty: nothing.
    """
    x = np.arange(len(places))

    def paint(axes: "Axes") -> None:
        if chance:
            top = _floats(chance)
            axes.fill_between(x, 0, top, step="mid", color=GRID, linewidth=0, label="chance at most")
        for i, limit in enumerate(limits):
            style = ("--", ":")[i % 2]
            axes.step(
                x, _floats(limit.values), where="mid", color=MUTED, linestyle=style, linewidth=1.4, label=limit.name
            )
        for i, line in enumerate(lines):
            style, colour = _STYLES[i % len(_STYLES)], SERIES[i % len(SERIES)]
            axes.plot(
                x,
                _floats(line.values),
                color=colour,
                linestyle=style,
                marker="o",
                markersize=3.5,
                label=label(line.name),
            )
        axes.set_ylim(bottom=0)
        axes.set_xlim(-0.6, len(places) - 0.4)
        axes.set_ylabel(unit, color=INK)
        axes.grid(axis="x", visible=False)
        ticks = _ticks(len(places), max(map(len, places)))
        axes.set_xticks(ticks, [label(places[i], _NAME) for i in ticks])
        for i, tick in enumerate(axes.get_xticklabels()):
            tick.set_horizontalalignment(_side(i, len(ticks)))
        if len(lines) + len(limits) + bool(chance) > 1:
            axes.figure.legend(
                loc="outside upper left", ncols=3, columnspacing=1.2, handlelength=1.8, handletextpad=0.5, borderpad=0.1
            )

    rows = -(-(len(lines) + len(limits) + bool(chance)) // 3)
    return draw(key, title, description, paint, height=HEIGHT + 18 * max(0, rows - 1))


def _floats(values: Sequence[float | None]) -> list[float]:
    return [_NONE if value is None else value for value in values]


def _ticks(count: int, longest: int) -> list[int]:
    """Returns the places that are named: the first, the last, and as many between them as there is room for."""
    wanted = min(count, max(2, min(4, _AXIS // (min(longest, _NAME) + 4))))
    return sorted({round(i * (count - 1) / max(1, wanted - 1)) for i in range(wanted)})


def _side(i: int, count: int) -> Literal["left", "center", "right"]:
    """Returns how a name stands at its tick: the outer ones within the drawing."""
    if count == 1 or 0 < i < count - 1:
        return "center"
    return "right" if i else "left"
