"""Deciles: what the customers predicted to be the best, and the others, really did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.diagnostics.compared import Compared, Quantity, compared, nothing_happened
from clvmodels.diagnostics.grouped import LEVEL, expected_of_groups
from clvmodels.diagnostics.ranking import Ranking, check_pair
from clvmodels.errors import DataError
from clvmodels.frames.split import HoldoutSplit
from clvmodels.markup import Html, html_card, html_table
from clvmodels.predictive.arguments import fitted_model
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Deciles", "deciles", "deciles_of"]

Array: TypeAlias = NDArray[np.float64]

_COUNT: Final = 10


@dataclass(frozen=True, eq=False, repr=False)
class Deciles:
    """Predicted and actual means of the holdout window, by tenths of the customers.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a decile: ``decile`` (1 has the highest predictions), ``customers`` (a tenth of
        them, in fractions), ``predicted`` and ``actual`` (means a customer), ``predicted_total``
        and ``actual_total``, ``lower`` and ``upper``: where the actual mean is with probability
        `level` if the model is right, from chance and from the error of the fit.
    quantity : str
        'purchases', or 'value' in the log's currency.
    customers : int
        Customers in all deciles.
    horizon : float
        Length of the holdout window, in `unit`.
    unit : TimeUnit
        Unit of the horizon.
    calibration_end : date
        Last day of what was known.
    model : str
        What the purchase model is called.
    level : float
        Probability of the intervals: 0.9.
    """

    table: pd.DataFrame
    quantity: Quantity
    customers: int
    horizon: float
    unit: TimeUnit
    calibration_end: date
    model: str
    level: float

    @property
    def title(self) -> str:
        """What the table shows, in a line."""
        return (
            f"{self.quantity.capitalize()} in {self.horizon:g} {self.unit}s after "
            f"{self.calibration_end} by decile of the prediction, {self.model}"
        )

    @property
    def calibration_error(self) -> float:
        """Mean gap between predicted and actual, over the mean of the actual."""
        gaps = (self.table["predicted"] - self.table["actual"]).abs()
        mean = float(self.table["actual"].mean())
        return float(gaps.mean()) / mean if mean else float("nan")

    @property
    def outside(self) -> int:
        """Deciles whose actual mean lies outside its interval; one in ten does by chance."""
        rows = self.table
        return int(((rows["actual"] < rows["lower"]) | (rows["actual"] > rows["upper"])).sum())

    @property
    def verdict(self) -> str:
        """How far off the deciles are, in a sentence."""
        outside = f"{self.outside} of {_COUNT} lie outside their {self.level:.0%} interval."
        if math.isnan(self.calibration_error):
            return f"{nothing_happened(self.quantity)}; of the deciles {outside}"
        return f"Deciles are off by {self.calibration_error:.1%} of the mean; {outside}"

    def __str__(self) -> str:
        return f"{self.title}\n{self.table.round(3).to_string(index=False)}\n{self.verdict}"

    def __repr__(self) -> str:
        return f"<Deciles: {self.title}>"

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.table), self.verdict)


def deciles(
    split: HoldoutSplit,
    purchases: Any,
    spend: Any = None,
    *,
    quantity: Quantity | None = None,
) -> Deciles:
    """Compare predicted and actual means of a holdout window, by decile of the prediction.

    Customers with equal predictions share what they did, so that no decile depends on the order of
    rows; a customer between two deciles counts in both by shares.

    Parameters
    ----------
    split
        What `holdout_split` returns; the models are fits to its calibration summary.
    purchases
        A fit of a purchase model; or a model, whose parameters are taken as known.
    spend
        The same of a spend model, or a price: then value is compared.
    quantity
        'purchases' or 'value'; by default value if there is `spend`.

    Raises
    ------
    DataError
        The models do not go with the split, or there are fewer than ten customers.
    ParameterError
        Value is asked for without `spend`.

    Examples
    --------
    >>> from clvmodels import BGNBD, datasets, holdout_split
    >>> split = holdout_split(
    ...     datasets.load_cdnow(sample=True), customer="customer_id", date="date",
    ...     calibration_end="1997-09-30", unit="week",
    ... )
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> deciles(split, model).table[["decile", "predicted", "actual"]].head(2).round(2)
       decile  predicted  actual
    0       1       3.65    3.75
    1       2       1.11    1.31
    """
    both = compared(split, purchases, spend, quantity, function="deciles")
    found = both.found
    table = deciles_of(both.predicted, both.actual)
    lower, upper = _intervals(both, purchases, np.asarray(table["predicted"]))
    return Deciles(
        table=table.assign(lower=lower, upper=upper),
        quantity=both.quantity,
        customers=len(found),
        horizon=found.horizon,
        unit=found.unit,
        calibration_end=found.calibration_end,
        model=fitted_model(purchases).label,
        level=LEVEL,
    )


def deciles_of(predicted: ArrayLike, actual: ArrayLike) -> pd.DataFrame:
    """Return the table of `deciles` without intervals, of any predictions.

    Parameters
    ----------
    predicted, actual
        Shape (n,): what was predicted of each customer, and what they did; n is ten or more.

    Raises
    ------
    DataError
        There are fewer than ten customers.

    Examples
    --------
    >>> table = deciles_of([3.0] * 10 + [1.0] * 10, [5.0] * 5 + [0.0] * 15)
    >>> table.predicted.tolist()[4:6], table.actual.tolist()[4:6], len(table)
    ([3.0, 1.0], [2.5, 0.0], 10)
    """
    import pandas as pd

    ours, theirs = check_pair(predicted, actual)
    if len(ours) < _COUNT:
        raise DataError(
            "Deciles take at least ten customers.",
            place=f"There are {len(ours)}.",
            fix="Compare totals instead.",
        )
    ranking, size = Ranking.of(ours, theirs), len(ours) / _COUNT
    means = ranking.slices(ours, _COUNT), ranking.slices(theirs, _COUNT)
    return pd.DataFrame(
        {
            "decile": np.arange(1, _COUNT + 1),
            "customers": np.full(_COUNT, size),
            "predicted": means[0],
            "actual": means[1],
            "predicted_total": means[0] * size,
            "actual_total": means[1] * size,
        }
    )


def _intervals(both: Compared, purchases: Any, middle: Array) -> tuple[Array, Array]:
    """Return the ends of intervals for the actual means, each (10,), around predicted ones.

    Of whole customers in canonical order, as laws of sums have them, moved to the right mean.
    """
    n = len(both.predicted)
    group = np.empty(n, dtype=np.intp)
    group[np.argsort(-both.predicted, kind="stable")] = np.arange(n) * _COUNT // n
    sums = expected_of_groups(both.found, group, _COUNT, purchases, both.spend)
    moved = middle - sums.mean / sums.customers
    lower = sums.lower / sums.customers + moved
    return np.maximum(lower, 0.0), sums.upper / sums.customers + moved
