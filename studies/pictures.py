"""The pictures of the pages on uncertainty, drawn from the library and from stored results.

`make pictures` draws all into docs/assets; `python -m studies.pictures coverage` draws one. The
colours are told apart by readers who see no red or green, and show on white and on black.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.dates
import matplotlib.ticker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import clvmodels as clv
from clvmodels.plots import style
from clvmodels.plots.style import GREEN
from clvmodels.plots.style import MODEL as BLUE
from clvmodels.plots.style import MUTED as GREY
from clvmodels.plots.style import NOTICE as ORANGE
from studies.coverage import ESTIMATED, LEVEL, RESULTS

ASSETS: Final = Path(__file__).resolve().parent.parent / "docs" / "assets"
STYLE: Final = style.look(GREY) | {"svg.hashsalt": "uncertainty"}  # the same picture, same bytes
LOOK: Final = {"horizon": "39w"}
CUSTOMER: Final = 5336


@cache
def cdnow() -> clv.HoldoutSplit:
    """Return the sample of CDNOW, cut as in the papers."""
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    orders = clv.datasets.load_cdnow(sample=True)
    return clv.holdout_split(orders, **columns, calibration_end="1997-09-30", unit="week")


@cache
def fits() -> tuple[Any, Any]:
    """Return the fits of BG/NBD and Gamma-Gamma."""
    return clv.BGNBD.fit(cdnow().calibration), clv.GammaGamma.fit(cdnow().calibration)


def person(x: float, t_x: float, T: float, m: float = 30.0) -> clv.Customers:
    """Return one customer."""
    return clv.Customers.from_arrays([x], [t_x], [T], unit="week", monetary_value=[m])


def interval_bar(axes: Axes, y: float, ends: tuple[float, float], words: str, colour: str) -> None:
    """Draw an interval as a thick line with its words to the right."""
    axes.plot(ends, [y, y], color=colour, lw=4, solid_capstyle="butt", clip_on=False)
    axes.annotate(
        words, (ends[1], y), (6, 0), textcoords="offset points", va="center", color=colour
    )


# One picture a question.


def parameter(figure: Figure) -> None:
    """Draw the posterior of one parameter with three intervals."""
    fit, _ = fits()
    draws = fit.posterior(seed=1)
    a = draws.values[:, draws.names.index("a")]
    axes = figure.subplots()
    axes.hist(a, np.linspace(0.2, 2.4, 67), weights=draws.weights, color=BLUE, alpha=0.45)
    top = axes.get_ylim()[1]
    row = fit.estimates.loc["a"]
    bars = (
        (draws.interval("a"), "posterior", BLUE),
        (tuple(fit.profile_interval("a")), "profile likelihood", GREEN),
        ((row.lower, row.upper), "standard errors, on the log scale", ORANGE),
    )
    for i, (ends, words, colour) in enumerate(bars):
        interval_bar(axes, -top * (0.12 + 0.11 * i), ends, words, colour)
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set(xlabel="a of BG/NBD (dropout), CDNOW sample", xlim=(0.2, 2.4), yticks=[])
    axes.spines["left"].set_visible(False)


def purchases(figure: Figure) -> None:
    """Draw the counts of two customers, the interval in colour."""
    fit, _ = fits()
    people = (
        ("bought 8 times, last one 2 weeks ago", person(8, 36.0, 38.0), 20),
        ("bought once, never again", person(0, 0.0, 38.0), 6),
    )
    for axes, (words, who, most) in zip(
        figure.subplots(1, 2, width_ratios=(3, 2)), people, strict=True
    ):
        found = clv.purchase_distribution(who, fit, **LOOK)
        n = np.arange(most + 1)
        chance = np.array([found.pmf(int(each))[0] for each in n])
        lower, upper = (int(end[0]) for end in found.interval(LEVEL))
        inside = (n >= lower) & (n <= upper)
        axes.bar(n, chance, color=[BLUE if each else GREY for each in inside], width=0.8)
        axes.set_title(f"{words}: {lower} to {upper}", loc="left", fontsize=10)
        axes.set(xlabel="purchases in the next 39 weeks")
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, 0))


def value(figure: Figure) -> None:
    """Draw P(value > v) of one customer with interval and mean."""
    fit, spend = fits()
    who = person(3, 30.0, 38.0, 30.0)
    found = clv.value_distribution(who, fit, spend, **LOOK)
    (lower,), (upper,) = found.interval(LEVEL)
    (mean,) = found.mean()
    v = np.linspace(0.0, 1.6 * upper, 400)
    above = np.array([found.sf(float(each))[0] for each in v])
    axes = figure.subplots()
    inside = (v >= lower) & (v <= upper)
    axes.plot(v, above, color=BLUE, lw=2)
    axes.fill_between(v, above, where=inside, color=BLUE, alpha=0.25, lw=0)
    axes.plot([0, 0], [above[0], 1.0], color=ORANGE, lw=4, solid_capstyle="butt", clip_on=False)
    zero = 1.0 - above[0]
    axes.annotate(f"worth nothing: {zero:.0%}", (0, 1 - zero / 2), (8, 0), color=ORANGE,
                  textcoords="offset points", va="center")  # fmt: skip
    for at, words in ((mean, f"mean {mean:.0f}"), (upper, f"upper end {upper:.0f}")):
        height = float(found.sf(float(at))[0])
        axes.plot([at, at], [0, height], color=GREY, lw=1, ls="--")
        axes.annotate(words, (at, height), (6, 6), textcoords="offset points")
    axes.set(xlabel="dollars in the next 39 weeks", xlim=(0, None), ylim=(0, 1))
    axes.set_title("P(value above v)", loc="left", fontsize=10)
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, 0))


def total(figure: Figure) -> None:
    """Draw the interval of a total beside two wrong ones."""
    fit, spend = fits()
    rfm, (axes) = cdnow().calibration, figure.subplots()
    table = clv.predict(rfm, fit, spend, **LOOK, interval=LEVEL)
    row = clv.total(rfm, fit, spend, **LOOK, interval=LEVEL).iloc[0]
    share = row.sd_customers / row.sd
    alone = (row.clv - share * (row.clv - row.lower), row.clv + share * (row.upper - row.clv))
    ends = (table.clv_lower.sum(), table.clv_upper.sum())
    for y, found, words, colour in (
        (2, (row.lower, row.upper), "interval of the total", BLUE),
        (1, alone, "chance alone: too narrow", ORANGE),
        (0, ends, "sum of the customers' ends: no interval at all", GREY),
    ):
        axes.plot(found, [y, y], color=colour, lw=6, solid_capstyle="butt")
        span = f"{found[0] / 1e3:.0f} to {found[1] / 1e3:.0f}"
        at, side = (found[1], "left") if y else (ends[1], "right")
        axes.annotate(f"{words}, {span}", (at, y), (8 if y else 0, 0 if y else 9), ha=side,
                      textcoords="offset points", va="center" if y else "bottom",
                      color=colour)  # fmt: skip
    axes.axvline(row.clv, color=GREY, lw=1, ls="--")
    axes.set(xlabel="value of 2,357 customers in the next 39 weeks, thousand dollars", yticks=[])
    axes.set(xlim=(0, None), ylim=(-0.5, 2.7))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e3:.0f}")
    axes.spines["left"].set_visible(False)


def silence(figure: Figure) -> None:
    """Draw P(alive) of one customer over time, with its band and the alert."""
    fit, _ = fits()
    orders = clv.datasets.load_cdnow(sample=True)
    names = {"customer": "customer_id", "date": "date", "id": CUSTOMER}
    path = clv.p_alive_path(orders, fit, **names, observed_until="1997-09-30", horizon="26w")
    alerts = clv.lapse_alert(cdnow().calibration, fit)
    alert = alerts.loc[alerts.customer_id == CUSTOMER, "alert_date"].iloc[0]
    axes = figure.subplots()
    axes.fill_between(path.date, path.lower, path.upper, color=BLUE, alpha=0.25, lw=0)
    axes.plot(path.date, path.p_alive, color=BLUE, lw=1.6)
    bought = path.date[path.frequency.diff().fillna(1.0) > 0.0]
    axes.plot(bought, np.full(len(bought), 1.04), "|", color=GREY, ms=9, mew=1.5, clip_on=False)
    axes.annotate(
        "orders",
        (bought.iloc[-1], 1.04),
        (8, 0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
    )
    end = path.date[path.observed].iloc[-1]
    for day, words, colour in (
        (end, "today", GREY),
        (alert, "alert: 5 % are silent for so long", ORANGE),
    ):
        axes.axvline(day, color=colour, lw=1.2, ls="--")
        axes.annotate(words, (day, 0.9), (5, 0), textcoords="offset points", color=colour)
    axes.set(ylim=(0, 1))
    axes.set_title("P(alive), silent from today on", loc="left", fontsize=10, pad=14)
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, 0))
    axes.xaxis.set_major_formatter(mpl.dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))


# Results of the studies.


def coverage(figure: Figure) -> None:
    """Draw the coverage of customers' intervals, and of totals, model by model."""
    people = pd.read_csv(RESULTS / "coverage.csv")
    sums = pd.read_csv(RESULTS / "coverage_totals.csv")
    people = people[(people.horizon == "1y") & (people.parameters == ESTIMATED)]
    sums = sums[sums.group == "all"]
    left, right = figure.subplots(1, 2, sharey=True)
    names = list(dict.fromkeys(people.model))
    spots = (
        (left, people.assign(share=people.randomised), (0.88, 0.92), "Customers' intervals"),
        (
            right,
            sums.assign(share=sums.covered / sums.totals),
            (0.85, 0.95),
            "Totals of 100 worlds",
        ),
    )
    for axes, table, (low, high), words in spots:
        axes.axvspan(low, high, color=GREY, alpha=0.15, lw=0)
        axes.axvline(LEVEL, color=GREY, lw=0.8)
        for i, (what, colour, mark) in enumerate(
            (("purchases", BLUE, "o"), ("value", ORANGE, "D"))
        ):
            rows = table[table.quantity == what]
            height = [-names.index(each) + 0.12 - 0.24 * i for each in rows.model]
            axes.plot(rows.share, height, mark, color=colour, ms=6, label=what)
        axes.set(xlim=(0.8, 1.0), title=words)
        axes.title.set(fontsize=10)
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, 0))
    left.set_yticks([-i for i in range(len(names))], names)
    left.legend(frameon=False, loc="lower left", labelcolor="linecolor", handletextpad=0.1)


def real_coverage(figure: Figure) -> None:
    """Draw covered and promised by tenths of expected value, for both logs."""
    table = pd.read_csv(RESULTS / "coverage_real.csv")
    table = table[(table.case == clv.BGNBD.title) & (table.tenth > 0)]
    cells = figure.subplots(1, 2, sharey=True)
    for axes, (name, log) in zip(cells, table.groupby("log", sort=False), strict=True):
        axes.axhline(LEVEL, color=GREY, lw=0.8)
        for what, colour, mark in (("purchases", BLUE, "o"), ("value", ORANGE, "D")):
            rows = log[log.quantity == what]
            axes.plot(rows.tenth, rows.promised, "--", color=colour, lw=1)
            axes.plot(rows.tenth, rows.covered, "-", marker=mark, color=colour, ms=5, label=what)
        axes.set(xlabel="tenth by expected value, the best at the right", ylim=(0.6, 1.02))
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xticks(range(1, 11))
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, 0))
    cells[0].legend(frameon=False, loc="lower left", labelcolor="linecolor")


PICTURES: dict[str, tuple[Callable[[Figure], None], tuple[float, float]]] = {
    "parameter": (parameter, (7.0, 3.2)),
    "purchases": (purchases, (8.0, 2.8)),
    "value": (value, (7.0, 3.0)),
    "total": (total, (7.0, 2.4)),
    "silence": (silence, (8.0, 3.0)),
    "coverage": (coverage, (8.0, 3.6)),
    "coverage-real": (real_coverage, (8.0, 3.0)),
}


def draw(name: str, path: Path) -> None:
    """Draw a picture without a background, in the format of the path."""
    action, size = PICTURES[name]
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        figure = Figure(figsize=size, layout="constrained")
        action(figure)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def main() -> None:
    """Draw the pictures that are named, or all."""
    for name in sys.argv[1:] or list(PICTURES):
        draw(name, ASSETS / f"{name}.svg")


if __name__ == "__main__":
    main()
