"""How every picture looks: the roles of colours, marks and dashes, and the furniture of axes.

Colours are told apart by readers who see no red or green, and show on white and on black. No two
things differ by colour alone: marks, dashes and hatches differ too, so that grey prints are read.
Ink, which text, axes and what happened are drawn in, is that of the axes: black by default, white
in matplotlib's style for dark backgrounds, and any other in `look`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clvmodels.errors import MissingExtraError, ParameterError
from clvmodels.plots.text import compact, folded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

__all__ = [
    "GREEN",
    "INK",
    "MODEL",
    "MUTED",
    "NOTICE",
    "PINK",
    "canvas",
    "figure_of",
    "heat",
    "inches",
    "ink",
    "legend",
    "look",
    "named",
    "numbers",
    "panels",
    "percents",
    "ticks",
]

# The roles of colours. A page that follows its reader's scheme replaces these values by its own.
INK: Final = "#1F2430"  # text, axes, and what happened, within `look()`
MUTED: Final = "#808080"  # grids, lines of reference, rules of thumb; reads on white and on black
MODEL: Final = "#1C86C8"  # what a model says: after Okabe and Ito, a little lighter
NOTICE: Final = "#D55E00"  # what the reader must see
GREEN: Final = "#009E73"  # further things
PINK: Final = "#CC79A7"

BAND: Final = 0.27  # opacity of an interval
SHADE: Final = 0.13  # and of what comes later
_POINTS: Final = 72.0  # an inch
_HANDLE: Final = 6.5  # letters that a handle of a legend is wide, with its gaps
_FIRST: Final = ("actual", "expected", "predicted", "P(alive)", "model", "rule")  # in a legend
_LETTER: Final = 0.53  # width of a letter of DejaVu Sans, in the mean, over its size


def look(ink: str = INK, size: float = 10.0) -> dict[str, Any]:
    """Return settings for `matplotlib.rc_context` in which text and axes have one ink.

    Parameters
    ----------
    ink
        Colour of text, axes and what happened.
    size
        Of text, in points.

    Examples
    --------
    >>> look(MUTED)["text.color"]
    '#808080'
    """
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(inked, ink),
        "font.size": size,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }


def canvas(ax: Axes | None, size: tuple[float, float] = (7.0, 3.6)) -> Axes:
    """Return the axes to draw on: those given, or those of a new figure of pyplot."""
    if ax is None:
        (ax,) = panels(None, 1, size)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def panels(ax: Sequence[Axes] | None, number: int, size: tuple[float, float]) -> list[Axes]:
    """Return so many axes: those given, or a row of them in a new figure of pyplot."""
    if ax is not None:
        return list(ax)
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Pictures need matplotlib.",
            place="It is not installed.",
            fix="Run pip install 'clvmodels[plots]'.",
        ) from error
    return list(plt.subplots(1, number, figsize=size, layout="constrained", squeeze=False)[1][0])


def ink(ax: Axes) -> Any:
    """Return the colour of the words at the axes: the ink of these axes."""
    return ax.xaxis.label.get_color()


def figure_of(ax: Axes) -> Figure | SubFigure:
    """Return the figure that axes belong to."""
    figure = ax.figure
    if figure is None:
        raise ParameterError(
            "Axes to draw on belong to a figure.",
            place="These were taken off theirs.",
            fix="Make them by matplotlib.pyplot.subplots().",
        )
    return figure


def inches(ax: Axes) -> tuple[float, float]:
    """Return the width and height of the axes, about."""
    dots = figure_of(ax).dpi
    return float(ax.bbox.width / dots), float(ax.bbox.height / dots)


def _size(ax: Axes) -> float:
    """Return the size of the words at the axes, in points."""
    return float(ax.xaxis.label.get_fontsize())


def letters(ax: Axes, size: float) -> tuple[int, int]:
    """Return how many letters of a size fit along the width and the height of the axes."""
    wide, high = inches(ax)
    return int(wide * _POINTS / (size * _LETTER)), int(high * _POINTS / (size * _LETTER))


def named(ax: Axes, title: str, x: str = "", y: str = "", *, taken: int = 0) -> None:
    """Write title and labels, folded where the axes are narrow; `taken` letters are not theirs."""
    wide, high = letters(ax, 1.08 * _size(ax))  # titles begin at the axes: with some room to spare
    ax.set_title(folded(title, wide - taken), loc="left", fontsize="medium")
    ax.set_xlabel(folded(x, wide - taken))
    ax.set_ylabel(folded(y, high))


def legend(ax: Axes, above: float = 0.0) -> None:
    """Put the legend between the title and the axes, so many points above: it covers no data."""
    known = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if not known:
        return
    size = 0.9 * _size(ax)
    wide = sorted((len(each) + _HANDLE for each in known), reverse=True)
    most = next(
        n for n in range(len(wide), 0, -1) if n == 1 or sum(wide[:n]) <= letters(ax, size)[0]
    )
    columns = -(-len(known) // -(-len(known) // most))
    labels = sorted(known, key=lambda each: _FIRST.index(each) if each in _FIRST else len(_FIRST))
    handles = [known[each] for each in labels]
    drawn = ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0 + above / (_POINTS * inches(ax)[1])),
        ncols=columns,
        frameon=False,
        fontsize=size,
        borderaxespad=0.2,
        borderpad=0.0,
        handlelength=2.0,
        handletextpad=0.5,
        columnspacing=1.0,
    )
    # Titles keep clear of inset axes: an unseen one over the legend lifts those set later, too.
    unseen = ax.inset_axes((0.0, 1.0, 1.0, 0.1))
    unseen.set_axes_locator(_Over(drawn))
    unseen.set_visible(False)


@dataclass(frozen=True)
class _Over:
    """Where axes are that lie over a legend, wherever it is when a picture is drawn."""

    legend: Legend

    def __call__(self, _: object, renderer: RendererBase) -> Bbox:
        ends = self.legend.get_window_extent(renderer)
        return ends.transformed(figure_of(self.legend.axes).transSubfigure.inverted())


def ticks(ax: Axes, places: Any, labels: Sequence[str], below: Sequence[str] = ()) -> None:
    """Write the names of groups under their places, folded and smaller where there is no room."""
    room = letters(ax, _size(ax))[0] / len(labels)
    lines = [textwrap.wrap(each, max(7, int(room) - 1)) for each in labels]
    longest = 1 + max(len(line) for label in (*lines, below) for line in label)
    words = ["\n".join(label) for label in lines]
    if below:
        high = max(map(len, lines))
        gaps = [(high - len(label)) * "\n" for label in lines]
        words = [f"{a}{gap}\n{b}" for a, gap, b in zip(words, gaps, below, strict=True)]
    ax.set_xticks(places, words, fontsize=_size(ax) * min(0.95, max(0.6, room / longest)))
    ax.tick_params(axis="x", length=0.0)


def numbers(ax: Axes, *, x: bool = False, y: bool = False) -> None:
    """Write the ticks of the axes as short numbers."""
    _written(ax, _short, x, y)


def percents(ax: Axes, *, x: bool = False, y: bool = False) -> None:
    """Write the ticks of the axes in per cent."""
    _written(ax, _hundredths, x, y)


def _short(value: float, _: object) -> str:
    return compact(value)


def _hundredths(value: float, _: object) -> str:
    return f"{compact(100.0 * value)} %"


def _written(ax: Axes, words: Callable[[float, object], str], x: bool, y: bool) -> None:
    """Write ticks, no more of them than can be read."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    wide, high = inches(ax)
    for axis, room, wanted in ((ax.xaxis, wide / 0.75, x), (ax.yaxis, high / 0.35, y)):
        if wanted:
            most = min(6, max(2, int(room)))
            axis.set_major_formatter(FuncFormatter(words))
            axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]))


def heat() -> Colormap:
    """Return the colours of a matrix: light for much, the same order in grey and to all eyes."""
    from matplotlib import colormaps

    return colormaps["cividis"]
