"""The learning curves of a run as a picture, SVG.

Lines differ by colour, dash and marker, in colours that people who are colour-blind can tell apart (Okabe and Ito,
"Color universal design", 2008). The same history gives the same bytes.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schemas.spec import VALIDATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = Sequence[Mapping[str, Any]]

_TRAIN, _VALIDATION, _BEST = "#0072B2", "#D55E00", "#666666"
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text as text, to be searched and read aloud
    "svg.hashsalt": "lengthwise",
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
}
_MOST_MARKED = 40  # epochs whose points can be told apart


def draw_learning(history: History, best_epoch: int, form: str = "svg") -> bytes:
    """Returns a picture of the losses and the first metric beside them, epoch by epoch.

    Args:
      history: Of the run, one epoch or more.
      best_epoch: From 1; it is marked, and why the run ended is said.
      form: What matplotlib can write: "svg", "png".
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [name for name in history[-1].get(VALIDATION, {}) if name != "loss"]
    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = mpl.rcParams
        settings.update(_STYLE)
        panels = 1 + bool(metrics)
        figure = Figure(figsize=(4.6 * panels, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        _paint(axes[0], "loss", {"train": _values(history, None), VALIDATION: _values(history, "loss")}, best_epoch)
        if metrics:
            _paint(axes[1], metrics[0], {VALIDATION: _values(history, metrics[0])}, best_epoch)
        figure.suptitle(_title(len(history), best_epoch, bool(history[-1].get(VALIDATION))), fontsize=10)
        content = io.BytesIO()
        metadata: dict[str, Any] = {"Date": None, "Creator": None} if form == "svg" else {}
        figure.savefig(content, format=form, metadata=metadata, dpi=110)
    return content.getvalue()


def _paint(axes: "Axes", name: str, lines: Mapping[str, list[tuple[int, float]]], best_epoch: int) -> None:
    from matplotlib.ticker import MaxNLocator

    styles = {"train": (_TRAIN, "-", "o"), VALIDATION: (_VALIDATION, "--", "s")}
    for split, points in lines.items():
        if not points:
            continue
        colour, dash, marker = styles[split]
        epochs, values = zip(*points, strict=True)
        marker = marker if len(points) <= _MOST_MARKED else ""
        axes.plot(epochs, values, color=colour, linestyle=dash, marker=marker, label=split)
    axes.axvline(best_epoch, color=_BEST, linestyle=":", label=f"best epoch: {best_epoch}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.legend()


def _values(history: History, metric: str | None) -> list[tuple[int, float]]:
    """Returns epochs and values of a validation metric, or of the training loss."""
    if metric is None:
        return [(entry["epoch"], entry["loss"]) for entry in history]
    return [(entry["epoch"], entry[VALIDATION][metric]) for entry in history if metric in entry.get(VALIDATION, {})]


def _title(epochs: int, best_epoch: int, validated: bool) -> str:
    if not validated:
        return f"{epochs} epochs, without a validation split"
    waited = epochs - best_epoch
    return f"{epochs} epochs, {waited} of them after the best" if waited else f"{epochs} epochs, the last is the best"
