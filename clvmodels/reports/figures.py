"""Pictures of `clvmodels.plots` as SVG inside the page: text stays text, colours follow its scheme.

The same picture gives the same bytes, and no two pictures of a page share an id.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clvmodels.markup import Html, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["Figure", "draw"]

_SIZE: Final = (5.6, 3.5)  # inches: text is readable on a phone and not huge on a desktop
_PAD: Final = 0.05  # inches around what is painted
_PLACES: Final = 4
_ABOUT: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # none of it is written
_PROLOGUE = re.compile(r"^.*?(?=<svg )", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>", re.DOTALL)
_OPENING = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>", re.DOTALL)
_REFERENCE = re.compile(r'(\bid="|url\(#|href="#)')
_COLOUR = re.compile(r"#[0-9a-f]{6}\b", re.IGNORECASE)


@dataclass(frozen=True)
class Figure:
    """A picture of the page, and what it shows in words."""

    name: str
    svg: Html
    caption: str


def draw(
    name: str,
    paint: Callable[[Axes], Any],
    *,
    alternative: str,
    caption: str = "",
    size: tuple[float, float] = _SIZE,
) -> Figure:
    """Let a function paint on axes of a figure of its own, and return it as SVG.

    Parameters
    ----------
    name
        Of the figure in the page; begins all ids in it.
    paint
        Takes the axes.
    alternative
        What the picture shows, for who does not see it.
    caption
        The line below it.
    size
        Width and height in inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    from clvmodels.plots.style import look

    settings: Any = {
        **look(),
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": "sans-serif",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "savefig.edgecolor": "none",
    }
    file = io.StringIO()
    with mpl.rc_context(settings):
        canvas = Canvas(figsize=size)
        axes = canvas.add_subplot()
        paint(axes)
        _use_all(canvas, axes)
        canvas.savefig(file, format="svg", metadata=_ABOUT)
    return Figure(name, inline(file.getvalue(), name, alternative), caption)


def _use_all(canvas: Canvas, axes: Axes) -> None:
    """Move the axes' edges so that their labels just fit; a layout engine takes twice as long."""
    width, height = canvas.get_size_inches()
    box, now = canvas.get_tightbbox(), axes.get_position()
    edges = {
        "left": now.x0 + (_PAD - box.x0) / width,
        "right": now.x1 - (_PAD + box.x1 - width) / width,
        "bottom": now.y0 + (_PAD - box.y0) / height,
        "top": now.y1 - (_PAD + box.y1 - height) / height,
    }
    # The last digits depend on the order of sums in what is painted.
    canvas.subplots_adjust(**{name: round(edge, _PLACES) for name, edge in edges.items()})


def inline(svg: str, name: str, alternative: str) -> Html:
    r"""Return an SVG file as an element of a page.

    Examples
    --------
    >>> file = '<?xml?><svg width="9pt" viewBox="0 0 9 9"><g id="a" style="fill: #1c86c8"/></svg>'
    >>> print(inline(file, "fig", "A < B").replace("><", ">\n<"))
    <svg class="plot" viewBox="0 0 9 9" role="img" aria-label="A &lt; B">
    <g id="fig-a" style="fill: var(--model)"/>
    </svg>
    """
    body = _METADATA.sub("", _PROLOGUE.sub("", svg))
    opening = rf'<svg class="plot" viewBox="\1" role="img" aria-label="{escape(alternative)}">'
    body = _OPENING.sub(lambda found: found.expand(opening.replace("\\u", "\\\\u")), body, count=1)
    body = _REFERENCE.sub(lambda found: f"{found[1]}{name}-", body)
    return Html(_COLOUR.sub(_variable, body).strip())


def _variable(found: re.Match[str]) -> str:
    """Return the variable of the page's style that stands for a role of `clvmodels.plots`."""
    return _ROLES.get(found[0].upper(), found[0])


# The values of clvmodels.plots.style, which loads nothing of matplotlib; a test compares them.
_ROLES: Final = {
    "#1F2430": "var(--ink)",
    "#808080": "var(--muted)",
    "#1C86C8": "var(--model)",
    "#D55E00": "var(--notice)",
    "#009E73": "var(--green)",
    "#CC79A7": "var(--pink)",
}
