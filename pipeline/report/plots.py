"""Figures of matplotlib as SVG that takes its colours and its fonts from the page around it.

Drawn without pyplot, in one fixed style, with text as text. Each colour is drawn as a stand-in that is
then replaced by a variable of the page's style, so that one drawing serves light and dark pages.
"""

import io
import itertools
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pipeline.report.words import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Stand-ins: colours that are used for nothing else, and the variables of the page that take their place.
INK, MUTED, GRID = "#010101", "#020202", "#030303"
SERIES = ("#040404", "#050505", "#060606", "#070707", "#080808")
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    **{colour: f"--series-{i}" for i, colour in enumerate(SERIES, 1)},
}
WIDTH, HEIGHT = 380, 230  # points; a telephone shows them one to one
_NAMESPACE = "http://www.w3.org/2000/svg"
# Of a drawing; its styles would be those of the whole page, which has them itself.
_LEFT_OUT = {f"{{{_NAMESPACE}}}{name}" for name in ("metadata", "style")}
_LINK = "{http://www.w3.org/1999/xlink}href"
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lengthwise",
    "text.parse_math": False,  # a name may hold dollars
    "font.family": "DejaVu Sans",  # comes with matplotlib: what is measured does not depend on the machine
    "font.size": 11,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.labelcolor": INK,
    "lines.linewidth": 2,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True)
class Plot:
    """A drawing and what it says.

    Attributes:
      svg: An `svg` element, whose ids are its own.
      title: What it shows, in a few words; also its caption.
      description: The same facts in words, for those who cannot see it.
    """

    svg: str
    title: str
    description: str


def draw(
    key: str,
    title: str,
    description: str,
    paint: Callable[["Axes"], None],
    height: float = HEIGHT,
    width: float = WIDTH,
) -> Plot:
    """Returns a plot.

    Args:
      key: Letters and digits, different for each plot of a page.
      title: What it shows.
      description: What can be seen, in words.
      paint: Draws into the only axes.
      height: Points.
      width: Points.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Settings of the user would change the bytes.
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that the font of the measure lacks is in one of the browser
        mpl.rcdefaults()
        settings: Any = mpl.rcParams
        settings.update(_STYLE)
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        paint(figure.add_subplot())
        content = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(content, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Plot(_for_page(content.getvalue(), key, title, description), title, description)


def _for_page(svg: str, key: str, title: str, description: str) -> str:
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.fromstring(svg[svg.index("<svg") :])  # noqa: S314 (our own drawing)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _LEFT_OUT:
                parent.remove(child)
    _rename_ids(root, key)
    for element in root.iter():
        style = element.get("style")
        if style:
            element.set("style", _page_style(style))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    for place, (name, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{_NAMESPACE}}}{name}", {"id": f"{key}-{name}"})
        element.text = text
        root.insert(place, element)
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode").strip())


def _rename_ids(root: ElementTree.Element, key: str) -> None:
    """Gives what is referred to an id that no other drawing has, and takes all others away."""
    used = {match for element in root.iter() for match in _references(element)}
    names = {old: f"{key}-{i}" for old, i in zip(sorted(used), itertools.count(), strict=False)}
    for element in root.iter():
        old = element.attrib.pop("id", "")
        if old in names:
            element.set("id", names[old])
        link = element.attrib.pop(_LINK, "")
        if link:
            element.set("href", f"#{names[link[1:]]}")
        clip = element.get("clip-path")
        if clip:
            element.set("clip-path", f"url(#{names[clip[5:-1]]})")


def _references(element: ElementTree.Element) -> list[str]:
    link, clip = element.get(_LINK, ""), element.get("clip-path", "")
    return [*([link[1:]] if link else []), *([clip[5:-1]] if clip else [])]


def _page_style(style: str) -> str:
    for colour, variable in _VARIABLES.items():
        style = style.replace(colour, f"var({variable})")
    # The family and its fallbacks are the page's.
    return re.sub(r"font: (?:[a-z0-9]+ )*?([0-9.]+)px [^;]*", r"font-size: \1px", style)


def label(name: str, most: int = 16) -> str:
    """Returns a name from data as a label of a plot."""
    text = shown(name, most)
    return f"\N{ZERO WIDTH SPACE}{text}" if text.startswith("_") else text  # which hides a label from the legend
