"""What the data of a fit were, in totals, and whether two things were counted alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clvmodels.customers import Customers, Histories
from clvmodels.errors import DataError, UnitMismatchError
from clvmodels.objective import PerRow

if TYPE_CHECKING:
    from clvmodels.models.fit import Fit

__all__ = ["Fingerprint", "check_alike", "fingerprint", "rows_of"]


@dataclass(frozen=True)
class Fingerprint:
    """What the data were, in totals: enough to recognise them, nothing about any customer.

    Attributes
    ----------
    n_repeat : float
        Customers with a repeat purchase.
    repeat_purchases : float
        Repeat purchases of all customers.
    total_age : float or None
        Sum of the ages (T), in the unit of the fit.
    repeat_value : float or None
        Value of all repeat purchases, in the log's currency.
    log_intervals : float or None
        Sum of the logarithms of all times between purchases, where they are known.
    """

    n_repeat: float
    repeat_purchases: float
    total_age: float | None
    repeat_value: float | None
    log_intervals: float | None = None

    def matches(self, other: Fingerprint) -> bool:
        """Whether two data are the same, up to the order in which sums were taken."""
        if (self.n_repeat, self.repeat_purchases) != (other.n_repeat, other.repeat_purchases):
            return False
        totals = zip(
            (self.total_age, self.repeat_value), (other.total_age, other.repeat_value), strict=True
        )
        return all(a is None or b is None or math.isclose(a, b, rel_tol=1e-9) for a, b in totals)


def fingerprint(customers: Customers) -> Fingerprint:
    """Summarise the data of a fit in totals."""
    x, w, m = customers.frequency, customers.weight, customers.monetary_value
    repeat = x > 0.0
    value = None if m is None else float((w * x)[repeat] @ m[repeat])
    return Fingerprint(
        n_repeat=float(w[repeat].sum()),
        repeat_purchases=float(w @ x),
        total_age=None if customers.age is None else float(w @ customers.age),
        repeat_value=value,
        log_intervals=None
        if customers.log_intervals is None
        else float(w @ customers.log_intervals),
    )


def check_alike(fitted: object, given: object) -> None:
    """Raise unless two fits, or a fit and customers, share unit and rules, where both have them.

    Raises
    ------
    UnitMismatchError
        Their time units differ.
    DataError
        Their orders were counted by different rules.
    """
    ours, theirs = getattr(fitted, "unit", None), getattr(given, "unit", None)
    if ours is not None and theirs is not None and ours != theirs:
        raise UnitMismatchError(
            "A fit predicts for customers in its own time unit.",
            place=f"The fit is per {ours}, the customers are per {theirs}.",
            fix=f"Build the summary with unit={ours!r}, or fit again per {theirs}.",
        )
    rules, others = getattr(fitted, "definitions", None), getattr(given, "definitions", None)
    if rules is not None and others is not None and rules != others:
        raise DataError(
            "A fit predicts for customers whose orders were counted by the same rules.",
            place=f"The fit has {rules}, the customers have {others}.",
            fix=f"Build the summary with grid={rules.grid!r} and returns={rules.returns!r}, "
            "or fit again.",
        )


def rows_of(fit: Fit[Any], data: Histories | None, what: str) -> PerRow:
    """Return the likelihood of a fit row by row, on `data` or on the histories that it keeps.

    Raises
    ------
    DataError
        There are none of either, or the data are not those of the fit.
    """
    if data is None:
        if fit.histories is None:
            raise DataError(
                f"{what} needs the histories that were fitted.",
                place="This fit was loaded or copied, or comes from another process, and has none.",
                fix="Pass data=, the summary that was fitted.",
            )
        kept: PerRow = fit.model.per_row(fit.histories)
        return kept
    per_row: PerRow = fit.model.per_row(data)
    totals = fingerprint(per_row.customers)
    if per_row.customers.unit != fit.unit or not fit.data.matches(totals):
        raise DataError(
            f"{what} is taken on the data of the fit.",
            place=f"The fit has {fit.data}, per {fit.unit}; these data have {totals}, "
            f"per {per_row.customers.unit}.",
            fix="Pass the summary that was fitted.",
        )
    return per_row
