"""Every picture: on the axes given, without traces, whatever the texts, the size and the style."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from clvmodels import DataError, MissingExtraError, ParameterError, plots
from clvmodels.plots import style
from clvmodels.plots.text import plain

NAMES = sorted(set(plots.__all__) - {"style"})
SIZES = [(7.0, 3.6), (3.2, 2.8)]
HOSTILE = [
    "$x^2$ costs $5",
    "a\nb\tc\x00d",
    "\u202eevil",
    "مودل מודל",
    "日本 😀",
    '<b>&amp;</b> "quoted"',
    "x" * 10_000,
    "",
    "\\frac{1}{2} $\\alpha",
]
Draw = Callable[..., Any]


def each_of(found: Any) -> list[Any]:
    return list(np.atleast_1d(np.asarray(found, dtype=object)))


def saved(figure: Any, kind: str = "svg") -> str:
    """Return a picture as it is stored: layout and fonts happen here."""
    out = io.BytesIO()
    figure.savefig(out, format=kind, transparent=True)
    return out.getvalue().decode("utf-8") if kind == "svg" else ""


@pytest.fixture(autouse=True)
def _no_figures_of_others() -> None:
    """Close what code before this, such as that of a page of the docs, has left open."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.parametrize("name", NAMES)
def test_draws_on_the_axes_given_and_leaves_no_trace(name: str, drawn: Draw) -> None:
    before = dict(mpl.rcParams)
    found = each_of(drawn(name))
    assert dict(mpl.rcParams) == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
    for ax in found:
        assert isinstance(ax, mpl.axes.Axes)
        assert ax.get_title("left") or ax.get_xlabel()
        assert ax.get_xlabel() or name in ("tracking", "p_alive_path")  # dates say what they are


@pytest.mark.parametrize("name", NAMES)
def test_makes_a_figure_where_none_is_given(name: str, made: Draw) -> None:
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        found = each_of(getattr(plots, name)(made(name)))
        assert plt.get_fignums() == [found[0].figure.number]
        plt.close(found[0].figure)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_legends_cover_no_data(name: str, size: tuple[float, float], drawn: Draw) -> None:
    found = each_of(drawn(name, size=size))
    figure = found[0].figure
    figure.draw_without_rendering()
    for ax in found:
        legend = ax.get_legend()
        if legend is not None:
            assert legend.get_window_extent().y0 >= ax.get_window_extent().y1 - 1.0


def test_titles_set_later_keep_clear_of_the_legend(drawn: Draw) -> None:
    for name in ("lift", "p_alive_path"):
        ax = drawn(name)
        ax.set_title("Mine", loc="left")
        ax.figure.draw_without_rendering()
        texts = [each for each in ax.get_children() if isinstance(each, Text)]
        (title,) = [each for each in texts if each.get_text() == "Mine"]
        assert title.get_window_extent().y0 > ax.get_legend().get_window_extent().y1


def test_axes_of_a_part_of_a_figure(made: Draw) -> None:
    left, right = Figure(figsize=(7.0, 3.0), layout="constrained").subfigures(1, 2)
    for part in (left, right):
        ax = plots.tracking(made("tracking"), ax=part.subplots())
        assert len(ax.get_title("left").splitlines()) == 2  # folded to half of the width
    saved(left.figure)


def test_axes_without_a_figure_are_an_error(drawn: Draw, made: Draw) -> None:
    ax = drawn("lift")
    ax.remove()
    with pytest.raises(ParameterError, match="belong to a figure"):
        plots.lift(made("lift"), ax=ax)


def test_figures_can_be_kept(drawn: Draw) -> None:
    figure = pickle.loads(pickle.dumps(drawn("tracking").figure))
    saved(figure)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"frequencies"}))
def test_a_table_of_one_row(name: str, drawn: Draw, made: Draw, axes: Draw) -> None:
    first = made(name, lambda table: table.head(1))
    found = getattr(plots, name)(first, ax=axes())
    each_of(found)[0].figure.draw_without_rendering()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"frequencies"}))
def test_a_table_without_rows_is_an_error(name: str, made: Draw, axes: Draw) -> None:
    with pytest.raises(DataError, match="has no rows"):
        getattr(plots, name)(made(name, lambda table: table.head(0)), ax=axes())


@pytest.mark.parametrize("name", NAMES)
def test_another_result_is_an_error(name: str, axes: Draw) -> None:
    for wrong in (pd.DataFrame({"x": [1.0]}), None, "table"):
        with pytest.raises(ParameterError, match="This picture shows what"):
            getattr(plots, name)(wrong, ax=axes())


def test_metrics_are_those_of_the_backtest(drawn: Draw) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'rmse'"):
        drawn("backtest", metric="rmsse")
    with pytest.raises(DataError, match="'rmse' of value"):
        drawn("backtest", quantity="value")


@pytest.mark.parametrize("kind", ["path", "none"])
def test_names_from_data_are_harmless(kind: str, made: Draw) -> None:
    result = made("backtest")
    (best,) = [row for row in result.summary.to_dict("records") if row["model"] == "BG/NBD"]
    summary = pd.DataFrame([{**best, "model": words} for words in HOSTILE])
    result = replace(result, summary=summary, table=result.table.head(0).reindex([0]))
    with mpl.rc_context({"svg.fonttype": kind}):
        figure = Figure(figsize=(7.0, 5.0), layout="constrained")
        ax = plots.backtest(result, ax=figure.subplots())
        assert "<b>" not in saved(figure)
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert len(labels) == len(HOSTILE)
    assert all(each.replace("\n", "").isprintable() and len(each) < 80 for each in labels)


def test_what_is_left_of_hostile_names() -> None:
    assert plain("$x$") == r"\$x\$"
    assert plain("a\nb\tc\x00d") == "a b c d"
    assert plain("\u202eevil") == "evil"
    assert plain("日本") == "□□"
    assert plain("מודל") == "מודל"
    assert plain("\n") == plain("") == "(no name)"
    assert plain(7) == "7"


@pytest.mark.parametrize("scale", [1e-6, 1e12, 1e17])
def test_ticks_of_large_and_small_numbers_are_short(scale: float, drawn: Draw) -> None:
    columns = ["predicted", "actual", "lower", "upper"]
    ax = drawn("deciles", lambda table: table.assign(**table[columns] * scale))
    ax.figure.draw_without_rendering()
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert max(map(len, labels)) <= 8, labels
    assert len(set(labels)) == len(labels)
    if scale == 1e12:
        assert "1T" in labels
    assert ax.yaxis.get_offset_text().get_text() == ""


def contrast(one: Any, other: Any) -> float:
    """Return the ratio of brightness by the rules for accessible pages."""

    def light(colour: Any) -> float:
        parts = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [style.MODEL, style.MUTED, style.NOTICE, style.GREEN])
@pytest.mark.parametrize("background", ["white", "black"])
def test_colours_show_on_white_and_on_black(colour: str, background: str) -> None:
    assert contrast(colour, background) > 3.0  # what the rules ask of pictures


@pytest.mark.parametrize("name", NAMES)
def test_ink_is_that_of_the_axes(name: str, drawn: Draw) -> None:
    """On a dark style nothing is drawn in black but numbers on light cells."""
    with mpl.style.context("dark_background"):
        found = each_of(drawn(name))
    for ax in found:
        colours = [each.get_color() for each in ax.lines]
        colours += [each.get_color() for each in ax.texts if name != "matrix"]
        colours += [ax.title.get_color(), *(each.get_color() for each in ax.get_xticklabels())]
        assert all(contrast(each, "black") > 3.0 for each in colours)


@pytest.mark.parametrize("name", NAMES)
def test_things_with_names_differ_by_more_than_colour(name: str, drawn: Draw) -> None:
    for ax in each_of(drawn(name)):
        handles, labels = ax.get_legend_handles_labels()
        lines = {
            label: (each.get_linestyle(), each.get_marker(), each.get_markersize())
            for each, label in zip(handles, labels, strict=True)
            if hasattr(each, "get_marker")
        }
        assert len(set(lines.values())) == len(lines), lines


def test_roles_of_colours_are_found_in_the_picture(made: Draw) -> None:
    with mpl.rc_context(style.look() | {"svg.fonttype": "none"}):
        figure = Figure(layout="constrained")
        plots.tracking(made("tracking"), ax=figure.subplots())
        text = saved(figure).lower()
    for role in (style.INK, style.MODEL, style.MUTED):
        assert to_hex(role) in text
    assert "#000000" not in text


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import clvmodels as clv\n"
        "from clvmodels.frequencies import FrequencyTable\n"
        "try:\n    clv.plots.frequencies(FrequencyTable((1.0,), (1.0,)))\n"
        "except clv.MissingExtraError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'clvmodels[plots]'" in done.stdout
    assert issubclass(MissingExtraError, ImportError)
