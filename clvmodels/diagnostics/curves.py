"""Lift: how much of what happened came from the customers who were predicted to be the best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.diagnostics.compared import Quantity, compared, nothing_happened
from clvmodels.diagnostics.metrics import normalised_gini, top_decile_capture
from clvmodels.diagnostics.ranking import Ranking, check_pair
from clvmodels.errors import ParameterError
from clvmodels.frames.split import HoldoutSplit
from clvmodels.markup import Html, html_card, html_table
from clvmodels.predictive.arguments import fitted_model
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Lift", "lift", "lift_of"]

Array: TypeAlias = NDArray[np.float64]

_STEPS: Final = 100


@dataclass(frozen=True, eq=False, repr=False)
class Lift:
    """The share of all that happened that the best-predicted customers did.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each hundredth of the customers: ``share_of_customers`` from 0 to 1, best
        predicted first, ``captured`` (the share of all purchases, or of all value, that these
        made) and ``perfect`` (what it would be had the future been known).
    quantity : str
        'purchases', or 'value' in the log's currency.
    customers : int
        How many there are.
    horizon : float
        Length of the holdout window, in `unit`.
    unit : TimeUnit
        Unit of the horizon.
    calibration_end : date
        Last day of what was known.
    model : str
        What the purchase model is called.
    gini : float
        Twice the area between ``captured`` and the diagonal.
    normalised_gini : float
        That, over the same of ``perfect``: 1 as well as can be, 0 not at all.
    top_decile : float
        ``captured`` of the best tenth.
    """

    table: pd.DataFrame
    quantity: Quantity
    customers: int
    horizon: float
    unit: TimeUnit
    calibration_end: date
    model: str
    gini: float
    normalised_gini: float
    top_decile: float

    @property
    def title(self) -> str:
        """What the table shows, in a line."""
        return (
            f"{self.quantity.capitalize()} in {self.horizon:g} {self.unit}s after "
            f"{self.calibration_end}, best predicted customers first, {self.model}"
        )

    @property
    def verdict(self) -> str:
        """How well customers are ranked, in a sentence."""
        if math.isnan(self.top_decile):
            return f"{nothing_happened(self.quantity)}, so that there is no ranking to judge."
        known = not math.isnan(self.normalised_gini)
        gini = f"normalised Gini {self.normalised_gini:.4f}" if known else "all did the same"
        return (
            f"The best predicted tenth of the customers made {self.top_decile:.1%} of the "
            f"{self.quantity}; {gini}."
        )

    def __str__(self) -> str:
        tenths = self.table.iloc[::10].round(3)
        return f"{self.title}\n{tenths.to_string(index=False)}\n{self.verdict}"

    def __repr__(self) -> str:
        return f"<Lift: {self.title}>"

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.table.iloc[::10]), self.verdict)


def lift(
    split: HoldoutSplit,
    purchases: Any,
    spend: Any = None,
    *,
    quantity: Quantity | None = None,
) -> Lift:
    """Return how much of a holdout window the best-predicted customers account for.

    Customers with equal predictions share what they did, so that the curve is a line over them and
    no order of rows matters.

    Parameters
    ----------
    split, purchases, spend, quantity
        As in `deciles`.

    Raises
    ------
    DataError
        The models do not go with the split.
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
    >>> found = lift(split, model)
    >>> round(found.top_decile, 3), round(found.normalised_gini, 3)
    (0.469, 0.662)
    """
    both = compared(split, purchases, spend, quantity, function="lift")
    found = both.found
    return Lift(
        table=lift_of(both.predicted, both.actual),
        quantity=both.quantity,
        customers=len(found),
        horizon=found.horizon,
        unit=found.unit,
        calibration_end=found.calibration_end,
        model=fitted_model(purchases).label,
        gini=_gini(both.predicted, both.actual),
        normalised_gini=normalised_gini(both.predicted, both.actual),
        top_decile=top_decile_capture(both.predicted, both.actual),
    )


def lift_of(predicted: ArrayLike, actual: ArrayLike, *, steps: int = _STEPS) -> pd.DataFrame:
    """Return the table of `lift`, of any predictions.

    Parameters
    ----------
    predicted, actual
        Shape (n,): what was predicted of each customer, and what they did.
    steps
        Rows of the table less one; with n it has every customer.

    Examples
    --------
    >>> lift_of([1.0, 2.0, 3.0, 3.0], [0, 4, 4, 0], steps=4)
       share_of_customers  captured  perfect
    0                0.00      0.00      0.0
    1                0.25      0.25      0.5
    2                0.50      0.50      1.0
    3                0.75      1.00      1.0
    4                1.00      1.00      1.0
    """
    import pandas as pd

    ours, theirs = check_pair(predicted, actual)
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ParameterError(
            "`steps` is a whole number above zero.", place=f"Got {steps!r}.", fix="Pass 100."
        )
    share = np.arange(steps + 1) / steps
    curves = [
        _shares(Ranking.of(by, theirs).running(theirs), share * len(ours)) for by in (ours, theirs)
    ]
    return pd.DataFrame({"share_of_customers": share, "captured": curves[0], "perfect": curves[1]})


def _shares(running: Array, place: Array) -> Array:
    """Return running sums at places between 0 and n, as shares of the last; NaN if that is 0."""
    whole = running[-1] if running[-1] != 0.0 else np.nan
    return np.interp(place, np.arange(len(running)), running) / whole


def _gini(predicted: Array, actual: Array) -> float:
    """Return twice the area between the curve and the diagonal, as a share of the square."""
    ranking = Ranking.of(predicted, actual)
    whole = float(ranking.running(actual)[-1]) * len(actual)
    return 2.0 * ranking.area(actual) / whole if whole else float("nan")
