"""What `unit_economics` is asked, checked and put into arrays by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, get_args

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.economics.acquired import Pair
from clvmodels.economics.channels import newcomers_of, pairs_of
from clvmodels.economics.history import history_of
from clvmodels.economics.margins import check_made_at, margin_of
from clvmodels.economics.newcomers import Newcomers
from clvmodels.economics.result import Basis
from clvmodels.economics.terms import Costs, Future, Label, check_number, for_each, label_of
from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.segmented import Segmented, segmented
from clvmodels.models.intervals import check_level
from clvmodels.units import (
    DAYS_PER_UNIT,
    DAYS_PER_YEAR,
    Duration,
    TimeUnit,
    in_units,
    rate_per_unit,
)
from clvmodels.value import check_margin

__all__ = ["Asked", "read_arguments"]

Array: TypeAlias = NDArray[np.float64]

_CAC: Final = "cac"
_HISTORY: Final = "historical_value_"
_RESULTS: Final = (
    *("customers", "cac", "ltv", "lower", "upper", "ltv_to_cac", "ratio_lower", "ratio_upper"),
    *("probability_above", "payback", "break_even_cac", "max_cac", "flag", "says"),
    *("first_order_value", "repeat_value", "limit", "time", "value", "net"),
)


@dataclass(frozen=True)
class Asked:
    """The arguments of `unit_economics`; arrays are of shape (segments,) or (customers,).

    Attributes
    ----------
    base, labels
        The customers by segment, and the segments as keys.
    rfm : CustomerSummary or None
        The collected summary; None for a table of predictions.
    pairs, newcomers
        The models, and new customers by them; empty and None without models.
    costs, margin, margins
        What is left of spend; the margin as it was given, and of each customer.
    future : Future or None
        None without models.
    age : float or None
        Age up to which realised value counts.
    basis, cac, threshold, level, history
        As they were given, checked.
    notes : tuple of str
        What the numbers rest on.
    """

    base: Segmented
    labels: tuple[Label, ...]
    rfm: CustomerSummary | None
    pairs: tuple[Pair, ...]
    newcomers: Newcomers | None
    costs: Costs
    margin: float | str
    margins: Array
    future: Future | None
    age: float | None
    basis: Basis
    cac: Array
    threshold: float
    level: float
    history: str | None
    notes: tuple[str, ...]

    @property
    def unit(self) -> TimeUnit | None:
        """Unit of times, if it is known."""
        return None if self.rfm is None else self.rfm.unit

    @property
    def length(self) -> float | None:
        """How far ahead value counts, in `unit`."""
        return None if self.future is None else self.future.horizon


def read_arguments(
    predictions: Any,
    purchases: Any,
    spend: Any,
    *,
    cac: Any,
    by: str | Sequence[str] | None,
    basis: Basis | None,
    horizon: Duration | None,
    discount_rate: float,
    margin: float | str | None,
    return_rate: Any,
    cost_per_order: Any,
    cost_per_year: Any,
    first_order: float | str | None,
    history: str | None,
    within: Duration | None,
    threshold: float,
    interval: float,
) -> Asked:
    """Check the arguments of `unit_economics`, which says what they are."""
    rfm = predictions.collect() if isinstance(predictions, CustomerSummary) else None
    columns = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    base = segmented(predictions if rfm is None else rfm, columns, results=_RESULTS)
    rows = base.names.itertuples(index=False, name=None)
    labels = tuple(label_of(row) for row in rows) if columns else ((),)
    _check_basis(basis, rfm, purchases, within)
    level = check_level(interval, name="interval")
    margin = margin_of(margin, rfm)
    costs, margins = _costs(base, labels, rfm, margin, return_rate, cost_per_order, cost_per_year)
    if rfm is None:
        check_made_at(margins, base)
    pairs: tuple[Pair, ...] = ()
    newcomers, future = None, None
    if rfm is not None and purchases is not None:
        pairs = pairs_of(rfm, labels, purchases, spend)
        future = _future(rfm, horizon, discount_rate, level)
        newcomers = newcomers_of(rfm, base, pairs, costs, first_order)
    chosen = basis or _usual(newcomers, len(labels))
    age = None if within is None or rfm is None else in_units(within, rfm.unit, name="within")
    days = None if age is None or rfm is None else age * DAYS_PER_UNIT[rfm.unit]
    history = history_of(history, chosen, days, base.frame.columns)
    return Asked(
        base=base,
        labels=labels,
        rfm=rfm,
        pairs=pairs,
        newcomers=newcomers,
        costs=costs,
        margin=margin,
        margins=margins,
        future=future,
        age=age,
        basis=chosen,
        cac=_cac(cac, base, labels),
        threshold=_above_zero(threshold),
        level=level,
        history=history,
        notes=_notes(chosen, base, rfm, newcomers, first_order, history, labels),
    )


def _usual(newcomers: Newcomers | None, segments: int) -> Basis:
    if newcomers is None:
        return "acquired"
    return "new" if segments == 1 or newcomers.differ else "acquired"


def _check_basis(
    basis: Basis | None, rfm: CustomerSummary | None, purchases: Any, within: Any
) -> None:
    """Raise unless there is what the basis needs."""
    if basis is not None and basis not in get_args(Basis):
        raise ParameterError(
            "`basis` is 'new', 'acquired' or 'realised'.",
            place=f"Got {basis!r}.",
            fix=did_you_mean(str(basis), get_args(Basis)),
        )
    if (basis == "realised") != (within is not None):
        raise ParameterError(
            "Realised value is that within an age, which all customers who count have reached.",
            place=f"Got basis={basis!r} and within={within!r}.",
            fix="Pass basis='realised' and within='1y', or neither.",
        )
    if rfm is None and (purchases is not None or basis not in (None, "acquired")):
        raise ParameterError(
            "A table of predictions has its values already, of the customers there are.",
            place="Models, or a basis other than 'acquired', were given with one.",
            fix="Pass the CustomerSummary in its place.",
        )
    if rfm is not None and purchases is None and basis != "realised":
        raise ParameterError(
            "The value of customers is told by models.",
            place="A CustomerSummary was given without `purchases` and `spend`.",
            fix="Pass the fits, or what clv.predict returns in place of the summary.",
        )


def _future(
    rfm: CustomerSummary, horizon: Duration | None, discount_rate: float, level: float
) -> Future:
    if horizon is None:
        raise ParameterError(
            "`horizon` says how far ahead value counts.",
            place="It was not given.",
            fix="Pass horizon='1y'.",
        )
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)
    return Future(length, rate_per_unit(discount_rate, rfm.unit), float(discount_rate), level)


def _costs(
    base: Segmented,
    labels: tuple[Label, ...],
    rfm: CustomerSummary | None,
    margin: float | str,
    return_rate: Any,
    cost_per_order: Any,
    cost_per_year: Any,
) -> tuple[Costs, Array]:
    """Return what is left of spend by segment, and the margin of each customer."""
    if isinstance(margin, str):
        margins = base.numbers(margin, role="margin")
        check_margin(float(margins.max(initial=0.0)))
    else:
        margins = np.full(len(base.code), check_margin(margin))
    returned = for_each(return_rate, labels, name="return_rate")
    if (returned > 1.0).any():
        raise ParameterError(
            "`return_rate` is a fraction of spend.",
            place=f"Got {return_rate!r:.80}.",
            fix="Write 8 % as 0.08.",
        )
    per_order = for_each(cost_per_order, labels, name="cost_per_order")
    per_year = for_each(cost_per_year, labels, name="cost_per_year")
    if rfm is None and (per_order.any() or per_year.any()):
        raise ParameterError(
            "Costs of orders and of time need to know when orders come.",
            place="They were given with a table of predictions.",
            fix="Pass the CustomerSummary and the fits in its place.",
        )
    per_unit = 1.0 if rfm is None else DAYS_PER_UNIT[rfm.unit] / DAYS_PER_YEAR
    return Costs(base.means(margins), 1.0 - returned, per_order, per_year * per_unit), margins


def _cac(given: Any, base: Segmented, labels: tuple[Label, ...]) -> Array:
    """Return what a customer of each segment has cost, shape (segments,)."""
    if isinstance(given, str):
        costs = base.numbers(given, role="cac")
        check_number(float(costs.min(initial=0.0)), name=_CAC)
        return base.means(costs)
    if hasattr(given, "columns"):
        given = _mapping(given, base.by)
    return for_each(given, labels, name=_CAC)


def _mapping(table: Any, by: tuple[str, ...]) -> Mapping[Any, float]:
    """Return a table of costs as a mapping from segment to number."""
    frame = nw.from_native(table, eager_only=True)
    missing = [name for name in (*by, _CAC) if name not in frame.columns]
    if missing or not by:
        raise DataError(
            "A table of costs has the columns `by` and 'cac'.",
            place=f"Missing: {', '.join(map(repr, missing))}." if missing else "There is no `by`.",
            fix="Rename its columns, or pass a number.",
        )
    columns = [frame[name].to_list() for name in (*by, _CAC)]
    found: dict[Label, float] = {}
    for *values, cost in zip(*columns, strict=True):
        label = label_of(values)
        if label in found:
            raise DataError(
                "A table of costs has one row a segment.",
                place=f"{' / '.join(map(str, label))} is there more often.",
                fix="Add them up first.",
            )
        found[label] = cost
    return found


def _above_zero(threshold: Any) -> float:
    value = check_number(threshold, name="threshold")
    if value > 0.0:
        return value
    raise ParameterError("`threshold` is a ratio above zero.", place=f"Got {threshold!r}.")


def _notes(
    basis: Basis,
    base: Segmented,
    rfm: CustomerSummary | None,
    newcomers: Newcomers | None,
    first_order: float | str | None,
    history: str | None,
    labels: tuple[Label, ...],
) -> tuple[str, ...]:
    """Say what the numbers rest on."""
    notes = []
    if basis == "acquired" and rfm is not None and len(labels) > 1:
        ages = base.means(base.numbers("T", role="T"))
        notes.append(
            f"Customers have been seen for {ages.min():.3g} to {ages.max():.3g} {rfm.unit}s on "
            "average by segment: the older ones had more time. basis='realised' compares all at "
            "the same age, 'new' the customers to come."
        )
    if basis == "acquired" and history is None:
        notes.append(
            "Spend so far is that of the repeat orders plus the expected spend of the customer for "
            "the first order, which a summary does not hold. clv.historical_value has it."
        )
    if newcomers is not None and len(labels) > 1 and not newcomers.differ:
        same = "" if newcomers.first is None else ", but for the first order and costs"
        notes.append(
            "The models do not tell these segments apart: a new customer, and payback, is the same "
            f"in all{same}. Fit with them as covariates, or a fit each."
        )
    if newcomers is not None and first_order is None:
        notes.append("The first order of a new customer is taken at the mean of repeat orders.")
    if newcomers is not None and newcomers.exact:
        notes.append("Models without a fit are taken as known: intervals leave their error out.")
    if basis == "realised" and history is not None and not history.startswith(_HISTORY):
        notes.append(f"Column {history!r} is taken to hold what customers had spent by that age.")
    if rfm is None:
        notes.append("A table of predictions knows neither how sure sums are nor when money comes.")
    return tuple(notes)
