"""How unevenly revenue is spread over customers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from clvmodels.frames.people_tables import TOPS

__all__ = ["concentration", "tenths_of_revenue"]


def concentration(spread: Mapping[str, float]) -> dict[str, float]:
    """Return shares of the best, the Gini coefficient and the median, from sums over customers.

    Without revenue there is nothing to share, and shares are NaN.
    """
    n, total = spread["n"], spread["total"]
    gini = 2.0 * spread["ranked"] / (n * total) - (n + 1.0) / n if total > 0.0 else math.nan
    shares = dict(zip(TOPS, _shares(spread), strict=True))
    return {
        "top_1_share": shares[0.01],
        "top_10_share": shares[0.1],
        "top_20_share": shares[0.2],
        "gini": max(gini, 0.0) if gini == gini else gini,  # of equal values rounding may leave -0
        "historical_value_median": spread["middle"] if n > 0.0 else math.nan,
    }


def tenths_of_revenue(spread: Mapping[str, float]) -> list[dict[str, float]]:
    """Return the Lorenz curve from above: what each tenth of customers holds, the best first."""
    shares = [0.0, *_shares(spread)[1:]]
    best = [0.0, *TOPS[1:]]
    return [
        {
            "customers_share": best[i],
            "revenue_share": shares[i],
            "tenth": float(i),
            "tenth_share": shares[i] - shares[i - 1],
            "tenth_revenue": (shares[i] - shares[i - 1]) * spread["total"],
        }
        for i in range(1, len(best))
    ]


def _shares(spread: Mapping[str, float]) -> list[float]:
    total = spread["total"]
    return [spread[f"top{i}"] / total if total > 0.0 else math.nan for i in range(len(TOPS))]
