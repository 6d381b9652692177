"""Calibration: what customers were expected to do, and did, by what was known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.diagnostics.grouped import LEVEL, checked_outcomes, expected_of_groups
from clvmodels.errors import ParameterError
from clvmodels.frames.cleaning import check_choice
from clvmodels.frames.split import HoldoutSplit
from clvmodels.markup import Html, html_card, html_table
from clvmodels.predictive.arguments import fitted_model
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Calibration", "calibration"]

Array: TypeAlias = NDArray[np.float64]
By: TypeAlias = Literal["frequency", "recency", "silence", "p_alive"]

_BINS: Final = 8
_TENTHS: Final = tuple(i / 10 for i in range(10))
_DIGITS: Final = 9  # of times: a day in years has three before its first


@dataclass(frozen=True)
class Calibration:
    """Expected and actual means of the holdout window, by bins of customers.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a bin, from low values to high: ``bin`` (its label), ``low`` and ``high`` (the
        smallest and the largest value in it), ``customers``, ``expected`` and ``actual`` (means a
        customer), ``lower`` and ``upper``: where the actual mean is with probability `level` if the
        model is right, from chance and from the error of the fit.
    by : str
        'frequency', 'recency', 'silence' or 'p_alive'.
    quantity : str
        'purchases', or 'value' in the log's currency.
    horizon : float
        Length of the holdout window, in `unit`.
    unit : TimeUnit
        Unit of the horizon, and of recency and silence.
    calibration_end : date
        Last day of what was known.
    model : str
        What the purchase model is called.
    level : float
        Probability of the intervals: 0.9.
    """

    table: pd.DataFrame
    by: By
    quantity: Literal["purchases", "value"]
    horizon: float
    unit: TimeUnit
    calibration_end: date
    model: str
    level: float

    @property
    def customers(self) -> int:
        """Customers in all bins."""
        return int(self.table["customers"].sum())

    @property
    def title(self) -> str:
        """What the table shows, in a line."""
        return (
            f"Mean {self.quantity} in {self.horizon:g} {self.unit}s after {self.calibration_end}, "
            f"by {self.by}"
        )

    @property
    def outside(self) -> int:
        """Bins whose actual mean lies outside its interval; one in ten does by chance."""
        rows = self.table
        return int(((rows["actual"] < rows["lower"]) | (rows["actual"] > rows["upper"])).sum())

    def __str__(self) -> str:
        shown = self.table.drop(columns=["low", "high"]).round(3).to_string(index=False)
        return f"{self.title}\n{shown}\n{self.verdict}"

    @property
    def verdict(self) -> str:
        """How many bins are outside their intervals, in a sentence."""
        return (
            f"{self.outside} of {len(self.table)} bins are outside their {self.level:.0%} interval"
        )

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.table), self.verdict)


def calibration(
    split: HoldoutSplit,
    purchases: Any,
    spend: Any = None,
    *,
    by: By = "frequency",
    bins: int | Sequence[float] | None = None,
) -> Calibration:
    """Compare expected and actual means of a holdout window, by what was known of customers.

    Parameters
    ----------
    split
        What `holdout_split` returns; the models are fits to its calibration summary.
    purchases
        A fit of a purchase model; or a model, whose parameters are taken as known.
    spend
        The same of a spend model, or a price: then value is compared. None for purchases.
    by
        'frequency', 'recency' (of the last purchase, from the first), 'silence' (since the last
        purchase) or 'p_alive'.
    bins
        The low ends of the bins, rising; or how many bins, of about as many customers each. By
        default 0, 1, ..., 6, 7 or more for the frequency, tenths for P(alive), 8 for the others.
        Recencies of 0, of customers who have bought once, are a bin of their own.

    Returns
    -------
    Calibration
        Its ``table`` has a row for each bin with customers.

    Raises
    ------
    DataError
        The models do not go with the split.
    ParameterError
        `bins` are neither a number nor rising.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from clvmodels import BGNBD, holdout_split
    >>> day = np.random.default_rng(1).integers(0, 100, size=2000)
    >>> orders = pl.DataFrame({"who": np.arange(2000) % 300, "day": day})
    >>> split = holdout_split(
    ...     orders, customer="who", date="day", calibration_end="1970-03-01", unit="day",
    ...     date_format="epoch-d",
    ... )
    >>> model = BGNBD(5.0, 80.0, 0.1, 10.0)
    >>> calibration(split, model, by="frequency", bins=[0, 3]).table[["bin", "customers"]]
       bin  customers
    0  0-2        102
    1   3+        195
    """
    check_choice(by, get_args(By), name="by")
    found = checked_outcomes(split, purchases, spend, function="calibration")
    c = found.customers
    value = _MEASURES[by](c, fitted_model(purchases))
    group, labels = _binned(value, _edges(by, value, bins), by)
    totals = expected_of_groups(found, group, len(labels), purchases, spend)
    actual = found.purchases if spend is None else np.asarray(found.value)
    return Calibration(
        _table(value, group, labels, totals, actual),
        by,
        "purchases" if spend is None else "value",
        found.horizon,
        found.unit,
        found.calibration_end,
        fitted_model(purchases).label,
        LEVEL,
    )


def _table(
    value: Array, group: NDArray[np.intp], labels: list[str], totals: Any, actual: Array
) -> pd.DataFrame:
    import pandas as pd

    size = totals.customers
    starts = np.searchsorted(np.sort(group), np.arange(len(labels)))
    ordered = value[np.lexsort((value, group))]
    ends = np.append(starts[1:], len(value)) - 1
    return pd.DataFrame(
        {
            "bin": labels,
            "low": ordered[starts],
            "high": ordered[ends],
            "customers": size.astype(np.int64),
            "expected": totals.mean / size,
            "actual": np.bincount(group, actual, len(labels)) / size,
            "lower": totals.lower / size,
            "upper": totals.upper / size,
        }
    )


# --- bins -------------------------------------------------------------------------------------


def _silence(c: Customers) -> Array:
    """Return T - t_x without its rounding, which would tell equal times apart."""
    _, t_x, T = c.timing
    return np.round(T - t_x, _DIGITS)


_MEASURES: Final[dict[str, Callable[[Customers, Any], Array]]] = {
    "frequency": lambda c, _: c.frequency,
    "recency": lambda c, _: np.round(c.timing[1], _DIGITS),
    "silence": lambda c, _: _silence(c),
    "p_alive": lambda c, model: model.p_alive(c),
}


def _edges(by: str, value: Array, bins: int | Sequence[float] | None) -> Array:
    """Return the low ends of bins, rising; the lowest value is in the first."""
    if bins is None and by in ("frequency", "p_alive"):
        bins = range(_BINS) if by == "frequency" else _TENTHS
    if isinstance(bins, int | np.integer) or bins is None:
        return _even(value, _BINS if bins is None else bins, apart=by == "recency")
    edges = np.asarray(bins, dtype=np.float64)
    if edges.ndim != 1 or not len(edges) or not (np.diff(edges) > 0.0).all():
        raise _bad_bins(bins)
    if len(value) and value.min() < edges[0]:
        raise ParameterError(
            "The first of `bins` is the low end of all.",
            place=f"It is {edges[0]:g}, and the lowest {by} is {value.min():g}.",
            fix=f"Begin with {min(np.floor(value.min()), 0.0):g}.",
        )
    return edges


def _even(value: Array, bins: int, *, apart: bool) -> Array:
    """Return low ends of about equally many customers, zeros `apart` from the others."""
    if bins < 1 or isinstance(bins, bool):
        raise _bad_bins(bins)
    some = value[value > 0.0] if apart else value
    shares = np.arange(bins) / bins
    ends = np.quantile(some, shares, method="inverted_cdf") if len(some) else np.zeros(0)
    return np.unique(np.append(ends, 0.0) if apart else ends)


def _bad_bins(bins: object) -> ParameterError:
    return ParameterError(
        "`bins` is a number of bins, or their low ends in rising order.",
        place=f"Got {bins!r:.80}.",
        fix="Pass bins=10, or bins=[0, 1, 2, 5, 10].",
    )


def _binned(value: Array, edges: Array, by: str) -> tuple[NDArray[np.intp], list[str]]:
    """Return the bin of each customer, numbered without gaps, and the labels of the bins."""
    place = np.maximum(np.searchsorted(edges, value, side="right") - 1, 0)
    used, group = np.unique(place, return_inverse=True)
    nexts = np.append(edges[1:], np.inf)
    if by == "frequency":
        return group, [_whole_label(edges[i], nexts[i]) for i in used]
    ranges = [_label(edges[i], nexts[i]) for i in used]
    return group, [_of_one(value[group == k]) or label for k, label in enumerate(ranges)]


def _of_one(values: Array) -> str:
    """Return the label of a bin whose customers are all the same, else nothing."""
    return f"{values[0]:.3g}" if values[0] == values.max() == values.min() else ""


def _whole_label(low: float, following: float) -> str:
    first, last = int(np.ceil(low)), np.ceil(following) - 1.0
    if np.isinf(following):
        return f"{first}+"
    return str(first) if last <= first else f"{first}-{int(last)}"


def _label(low: float, following: float) -> str:
    return f"{low:.3g} or more" if np.isinf(following) else f"{low:.3g} to {following:.3g}"
