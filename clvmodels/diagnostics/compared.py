"""What each customer of a split was expected to do, beside what they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clvmodels.diagnostics.grouped import checked_outcomes
from clvmodels.diagnostics.holdout import Outcomes
from clvmodels.errors import ParameterError
from clvmodels.frames.cleaning import check_choice
from clvmodels.frames.split import HoldoutSplit
from clvmodels.predictive.arguments import check_price, fitted_model, is_number

__all__ = ["Compared", "Quantity", "compared", "nothing_happened", "predicted_of"]

Array: TypeAlias = NDArray[np.float64]
Quantity: TypeAlias = Literal["purchases", "value"]


@dataclass(frozen=True, eq=False)
class Compared:
    """n customers of a split.

    Attributes
    ----------
    found : Outcomes
        Who they are.
    predicted, actual : Array
        Shape (n,): purchases in the holdout window, or their value.
    quantity : {'purchases', 'value'}
        Which of the two.
    spend : Any
        The spend model of value; None for purchases.
    """

    found: Outcomes
    predicted: Array
    actual: Array
    quantity: Quantity
    spend: Any


def compared(
    split: HoldoutSplit, purchases: Any, spend: Any, quantity: Quantity | None, *, function: str
) -> Compared:
    """Return predictions and outcomes of a split, or raise if its models do not go with it.

    Raises
    ------
    ParameterError
        Value is asked for without a spend model.
    DataError
        The models do not go with the split, or `quantity` is neither of the two.
    """
    if quantity is not None:
        check_choice(quantity, get_args(Quantity), name="quantity")
    if quantity == "value" and spend is None:
        raise ParameterError(
            "Value takes a spend model or a price.",
            place="Got quantity='value' and no `spend`.",
            fix="Pass GammaGamma.fit(split.calibration), or a price such as 9.99.",
        )
    valued = None if quantity == "purchases" else spend
    found = checked_outcomes(split, purchases, valued, function=function)
    predicted = predicted_of(found, purchases, valued)
    if valued is None:
        return Compared(found, predicted, found.purchases, "purchases", None)
    return Compared(found, predicted, np.asarray(found.value), "value", valued)


def nothing_happened(quantity: Quantity) -> str:
    """Say, without a full stop, that the actual total of a window is zero."""
    if quantity == "purchases":
        return "Nobody bought anything in the holdout window"
    return "All that was bought in the holdout window is worth 0"


def predicted_of(found: Outcomes, purchases: Any, spend: Any = None) -> Array:
    """Return what customers were expected to do in the holdout window, shape (n,).

    Parameters
    ----------
    found
        The n customers, with the covariates of the models.
    purchases
        A fit, draws or a model.
    spend
        The same of spend, a price or the name of a column of prices: then the value, undiscounted.
    """
    count = fitted_model(purchases).expected_purchases(found.customers, found.horizon)
    if spend is None:
        return np.asarray(count)
    if isinstance(spend, str):
        return np.asarray(count * found.segments[spend])
    if is_number(spend):
        return np.asarray(count * check_price(spend))
    return np.asarray(count * fitted_model(spend).expected_spend(found.customers))
