"""Customers in memory with all that their value depends on, as arrays; and columns back to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import DataError, first_few
from clvmodels.frames.arguments import PurchaseFit, SpendFit, check_models, variables_of
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.money import check_margins, check_price, refuse_bad_spend
from clvmodels.frames.scoring import with_arrays
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.arguments import fitted_model

__all__ = ["ValuedCustomers", "by_columns", "rows_of_ids", "valued_customers"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class ValuedCustomers:
    """n customers and the models that value them.

    Attributes
    ----------
    rfm : CustomerSummary
        In memory.
    customers : Customers
        Their histories, with the covariates of the models.
    purchases : PurchasePredictions
        The model of purchases.
    spend : SpendPredictions or None
        The model of spend; None where there is a price, or no money.
    price : Array or None
        Shape (n,): of a purchase, where it is known.
    margin : Array
        Shape (n,): fraction of spend that counts; 1 where purchases are counted.
    """

    rfm: CustomerSummary
    customers: Customers
    purchases: PurchasePredictions
    spend: SpendPredictions | None
    price: Array | None
    margin: Array

    @property
    def money(self) -> bool:
        """Whether value is money, and not a number of purchases."""
        return self.spend is not None or self.price is not None

    @property
    def frame(self) -> nw.DataFrame[Any]:
        """The customers as they came."""
        frame: nw.DataFrame[Any] = nw.from_native(self.rfm.frame, eager_only=True)
        return frame

    def table(
        self, rows: Index | None, names: Sequence[str], columns: dict[str, Array]
    ) -> nw.DataFrame[Any]:
        """Return columns of some rows as they came, with new ones of shape (rows,)."""
        frame = self.frame.select(*names)
        chosen = frame if rows is None else frame[rows.tolist()]
        if chosen.implementation.is_pandas():
            native = nw.to_native(chosen).reset_index(drop=True)
            chosen = nw.from_native(native, eager_only=True)
        made: nw.DataFrame[Any] = with_arrays(chosen, columns)
        return made


def valued_customers(
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None,
    margin: float | str,
    *,
    function: str,
) -> ValuedCustomers:
    """Collect the customers of a summary, and check models, prices and margins as `predict` does.

    Raises
    ------
    DataError
        The summary lacks what the models need, or has a customer twice.
    ParameterError
        Margin or price is outside its domain.
    """
    check_models(rfm, purchases, spend, function=function)
    rfm = rfm.collect()
    frame: nw.DataFrame[Any] = nw.from_native(rfm.frame, eager_only=True)
    model = None if isinstance(spend, str | int | float) else fitted_model(spend)
    share = check_margins(frame, margin)
    if model is not None and rfm.definitions is None:
        refuse_bad_spend(frame)
    price = None
    if isinstance(spend, str | int | float):
        price = _numbers(frame, check_price(frame, spend))
    customers = rfm.customers(variables_of(purchases, model))
    shares = np.ones(len(frame)) if spend is None else _numbers(frame, share)
    return ValuedCustomers(rfm, customers, fitted_model(purchases), model, price, shares)


def _numbers(frame: nw.DataFrame[Any], value: float | str) -> Array:
    if isinstance(value, str):
        column = frame[value].cast(nw.Float64).to_numpy()
        return np.asarray(column, dtype=np.float64)
    return np.full(len(frame), float(value))


def by_columns(rfm: CustomerSummary, by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that make segments, or raise unless the summary has them, each once."""
    columns = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    names = as_narwhals(rfm.frame).collect_schema().names()
    for name in columns:
        require_column(name, names, role="segment")
    if len(set(columns)) < len(columns):
        raise DataError(
            "Each column makes segments once.",
            place=f"Got {', '.join(map(repr, columns))}.",
            fix="Name it once.",
        )
    return columns


def rows_of_ids(ids: nw.Series[Any], wanted: Iterable[Any]) -> Index:
    """Return the rows of ids in the order asked for; 17 is found by 17 and by '17'.

    Raises
    ------
    DataError
        An id is not there.
    """
    asked = [wanted] if isinstance(wanted, str) else list(wanted)
    place = {_text(each): row for row, each in enumerate(ids.to_list())}
    missing = [each for each in asked if _text(each) not in place]
    if missing:
        raise DataError(
            "Customers are those of the summary.",
            place=f"{len(missing)} ids are not in column {ids.name!r} ({first_few(missing)}).",
            fix="Pass ids as they are in the summary.",
        )
    return np.array([place[_text(each)] for each in asked], dtype=np.intp)


def _text(value: Any) -> str:
    """Return an id as text, whole numbers that are kept as floats without their decimals."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)
