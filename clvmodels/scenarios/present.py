"""The present base and the customers to come: what scenes are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import ParameterError
from clvmodels.frames.arguments import variables_of
from clvmodels.frames.conversions import as_pandas
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.exposure import exposure_of
from clvmodels.frames.money import check_margins, check_price, refuse_bad_spend
from clvmodels.frames.segments import segment_columns
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.fit import Fit
from clvmodels.predictive.arguments import fit_of
from clvmodels.predictive.totals import POWERS, Exposure
from clvmodels.scenarios.futures import Arrivals
from clvmodels.value import check_margin

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Present", "check_by"]

Array: TypeAlias = NDArray[np.float64]

COLUMNS: Final = (
    *("customers", "before", "after", "difference", "lower", "upper"),
    *("relative", "relative_lower", "relative_upper"),
)


@dataclass(frozen=True)
class Present:
    """Customers as they are, by segment, with the fits that are taken of them.

    Attributes
    ----------
    rfm : CustomerSummary or None
        The base, if there is one.
    purchases, spend : object
        Fits, draws or models; `spend` may be a price, or the column of one.
    by : tuple of str
        Columns that make segments.
    """

    rfm: CustomerSummary | None
    purchases: Any
    spend: Any
    by: tuple[str, ...] = ()

    @property
    def valued(self) -> Any:
        """The spend fit, or None where a purchase has a price."""
        return None if isinstance(self.spend, str | int | float) else self.spend

    def exposure(self, margin: float | str) -> tuple[Exposure, pd.DataFrame]:
        """Return the base at a margin, and a row for the name of each segment."""
        import pandas as pd

        if self.rfm is None:
            return _nobody(), pd.DataFrame()
        frame = as_narwhals(self.rfm.frame)
        price: float | str | None = None
        if self.valued is None:
            price = check_price(frame, self.spend)
        elif self.rfm.definitions is None:  # a summary made from orders has none
            refuse_bad_spend(frame)
        exposure, segments = exposure_of(
            self.rfm,
            variables=variables_of(self.purchases, self.valued),
            by=self.by,
            margin=check_margins(frame, margin),
            price=price,
        )
        if segments.names is None:
            return exposure, pd.DataFrame(index=pd.RangeIndex(1))
        return exposure, as_pandas(segments.names)

    def of_new(self, exposure: Exposure, margin: float | str) -> tuple[float, float]:
        """Return mean margin and price of new customers; a price of 1 where spend has a model."""
        share, paid, count = (
            float(each.sum()) for each in (exposure.sums[1, 0], exposure.sums[1, 1], exposure.count)
        )
        whole = self.rfm is None or not isinstance(margin, str)
        mean = _number(margin) if whole else share / (count or 1.0)
        if self.valued is not None:
            return mean, 1.0
        price = paid / (share or 1.0) if isinstance(self.spend, str) else float(self.spend)
        return mean, price

    def arrivals(self, exposure: Exposure) -> Arrivals:
        """Return new customers with the covariates of the base, or of those who were fitted."""
        if self.rfm is not None:
            size = len(exposure.patterns)
            counts = np.bincount(exposure.pattern, exposure.count, size).astype(np.float64)
            return Arrivals.like(exposure.patterns, counts)
        names = variables_of(self.purchases, self.valued)
        fit = fit_of(self.purchases)
        fitted = fit.histories if isinstance(fit, Fit) else None
        if not names:
            return Arrivals.like(_nobody().patterns, np.zeros(0))
        if fitted is None or set(names) - set(fitted.covariates):
            raise ParameterError(
                "With covariates, new customers are like those of a base.",
                place=f"The models know {', '.join(names)}, and there is no `rfm`.",
                fix="Pass the summary as third argument.",
            )
        return Arrivals.like(fitted, fitted.weight)


def _number(margin: float | str) -> float:
    """Return a margin, or raise where it is a column and there is no base that has it."""
    if not isinstance(margin, str):
        return check_margin(margin)
    raise ParameterError(
        "A column of margins is one of a base.",
        place=f"Got {margin!r} and no `rfm`.",
        fix="Pass the summary as third argument, or a number.",
    )


def _nobody() -> Exposure:
    none, rows = np.zeros(0), np.zeros(0, dtype=np.intp)
    patterns = Customers.from_arrays(none, none, none, unit=None)
    return Exposure(patterns, rows, rows, none, dict.fromkeys(POWERS, none), 0)


def check_by(rfm: CustomerSummary | None, by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that make segments, or raise."""
    if by and rfm is None:
        raise ParameterError(
            "Segments are those of a base.",
            place=f"Got by={by!r} and no `rfm`.",
            fix="Pass the summary as third argument.",
        )
    names = [] if rfm is None else as_narwhals(rfm.frame).collect_schema().names()
    return segment_columns(by, names, COLUMNS)
