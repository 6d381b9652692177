"""What may be said of a cohort, in a sentence."""

from __future__ import annotations

import math
from typing import Any

from clvmodels.cohort_analysis.maturity import SURE

__all__ = ["amount", "percent", "sentence"]


def sentence(row: dict[str, Any], period: str) -> str:
    """Say what a cohort is worth at the common age, and whether that differs from the others.

    Parameters
    ----------
    row
        Of `CohortAnalysis.comparison`.
    period
        'month', 'quarter' or 'year'.

    Examples
    --------
    >>> row = {"cohort": "2010 Q1", "age": 2, "value": 312.4, "projected": 0.0, "difference": 0.18,
    ...     "difference_lower": 0.05, "difference_upper": 0.31, "p_holm": 0.004}
    >>> print(sentence(row, "quarter"))
    2010 Q1: 312 per customer after 2 quarters, 18 % more than the others (5 to 31), not by chance.
    """
    age = int(row["age"])
    span = f"after {age} {period}{'' if age == 1 else 's'}" if age else f"in the first {period}"
    worth = f"{row['cohort']}: {amount(row['value'])} per customer {span}"
    share = row["projected"] / row["value"] if row["value"] > 0.0 else 0.0
    if share >= 0.005:
        worth += f" ({percent(share)} % of it projected)"
    if not math.isfinite(row["difference"]):
        return worth + "."
    more = "more" if row["difference"] >= 0.0 else "less"
    sign = 1.0 if row["difference"] >= 0.0 else -1.0
    beside = f"{worth}, {percent(abs(row['difference']))} % {more} than the others"
    if not math.isfinite(row["p_holm"]):
        return f"{beside}, of too few customers to tell from chance."
    ends = sorted((sign * row["difference_lower"], sign * row["difference_upper"]))
    range_ = f" ({percent(ends[0])} to {percent(ends[1])})"
    return beside + range_ + (", not by chance." if row["p_holm"] < SURE else ", may be chance.")


def amount(value: float) -> str:
    """Return an amount with three digits or more, whole above a hundred.

    Examples
    --------
    >>> amount(1234.5), amount(31.246), amount(0.5)
    ('1,234', '31.2', '0.5')
    """
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in per cent, whole from two digits on.

    Examples
    --------
    >>> percent(0.184), percent(0.0123), percent(-0.4), percent(0.0)
    ('18', '1.2', '-40', '0')
    """
    value = 100.0 * share
    return f"{value:.0f}" if abs(value) >= 10.0 else f"{value:.2g}"
