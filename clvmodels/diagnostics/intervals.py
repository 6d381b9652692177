"""Coverage: how many customers did what the intervals of a model said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.diagnostics.metrics import coverage, randomised_coverage
from clvmodels.diagnostics.ranking import check_pair, total
from clvmodels.errors import DataError
from clvmodels.predictive.counts import PurchaseDistribution
from clvmodels.predictive.values import ValueDistribution

__all__ = ["Coverage", "interval_coverage"]

Array: TypeAlias = NDArray[np.float64]

_BELOW: Final = 1.0 - 1e-9  # of an amount: less than it, so that its own probability is left out


@dataclass(frozen=True)
class Coverage:
    """How many customers are inside their intervals.

    Attributes
    ----------
    level : float
        Probability that the intervals were asked for.
    covered : float
        Share of the customers inside.
    expected : float
        Share to expect if the model is right: more than `level` where there is no half a purchase.
    randomised : float
        Share inside if the last number of an interval counts as far as `level` needs it: `level`
        is to be expected.
    customers : int
        How many there are.
    """

    level: float
    covered: float
    expected: float
    randomised: float
    customers: int

    @property
    def error(self) -> float:
        """Standard error of `covered` if the model is right, at most."""
        return math.sqrt(max(self.expected * (1.0 - self.expected), 0.0) / self.customers)

    def __str__(self) -> str:
        return (
            f"{self.covered:.1%} of {self.customers:,} customers are inside their "
            f"{self.level:.0%} intervals; {self.expected:.1%} are expected "
            f"(standard error {self.error:.1%})"
        )


def interval_coverage(
    law: PurchaseDistribution | ValueDistribution, actual: ArrayLike, *, level: float = 0.9
) -> Coverage:
    """Return how many customers did what their intervals said.

    Parameters
    ----------
    law
        What `purchase_distribution` or `value_distribution` says of n customers.
    actual
        Shape (n,): their purchases, or their value, within its horizon.
    level
        Probability of the intervals.

    Raises
    ------
    DataError
        There are no customers, or `actual` is not one number for each.

    Examples
    --------
    >>> from clvmodels import BGNBD, Customers, purchase_distribution
    >>> c = Customers.from_arrays([2, 20], [30.43, 38.0], [38.86, 38.86], unit="week")
    >>> law = purchase_distribution(c, BGNBD(0.243, 4.414, 0.793, 2.426), horizon="26w")
    >>> print(interval_coverage(law, [1, 17]))
    50.0% of 2 customers are inside their 90% intervals; 90.2% are expected (standard error 21.0%)
    """
    if not isinstance(law, PurchaseDistribution | ValueDistribution):
        raise DataError(
            "Coverage is that of a predictive distribution.",
            place=f"Got {type(law).__qualname__}.",
            fix="Pass purchase_distribution(...) or value_distribution(...).",
        )
    if isinstance(law, PurchaseDistribution):
        lower, upper = (each.astype(np.float64) for each in law.interval(level))
        content = law.content(lower, upper)
        before = content - law.pmf(upper)
    else:
        lower, upper = law.interval(level)
        content, before = _contents(law, lower, upper)
    _, happened = check_pair(content, actual)
    return Coverage(
        level=level,
        covered=coverage(lower, upper, happened),
        expected=total(content) / len(content),
        randomised=randomised_coverage(
            lower, upper, happened, content=content, content_before=before, level=level
        ),
        customers=len(content),
    )


def _contents(law: ValueDistribution, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return P(lower <= value <= upper), and the same without its upper end, each (n,)."""
    below = np.where(lower > 0.0, law.cdf(lower * _BELOW), 0.0)
    before = np.where(upper > 0.0, law.cdf(upper * _BELOW), 0.0)
    return law.cdf(upper) - below, before - below
