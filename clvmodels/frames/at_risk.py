"""Customers whose value is falling while they are silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import narwhals as nw
import numpy as np

from clvmodels.errors import ParameterError
from clvmodels.frames.arguments import PurchaseFit, SpendFit, refuse_taken
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.predict import predict
from clvmodels.frames.scoring import with_arrays
from clvmodels.frames.sources import as_narwhals
from clvmodels.units import Duration, in_units

__all__ = ["at_risk"]

_NEW: Final = ("p_alive_before", "value_before", "at_stake")


def at_risk(
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    since: Duration = "8w",
) -> Any:
    """List the customers whose P(alive) falls, by how much value is at stake.

    What was expected of a customer some weeks ago is known from the summary: who has been silent
    since then had the same purchases and a shorter silence. Of who has bought since then, what was
    expected right after the last purchase is taken.

    Parameters
    ----------
    rfm, purchases, spend, horizon, discount_rate, margin
        As in `predict`. Without `spend` value is counted in (discounted) purchases.
    since
        How long before the end of observation to look back.

    Returns
    -------
    native frame
        The columns of `predict`, of the customers whose P(alive) has fallen, with

        - ``p_alive_before``: P(alive) then;
        - ``value_before``: what their value over the same horizon was then;
        - ``at_stake``: ``value_before`` times the share of ``p_alive_before`` that is lost since,
          the largest first.

        Of a lazy frame, which is collected, a polars frame.

    Raises
    ------
    ParameterError
        `since` is not above zero, or an argument is outside its domain.
    DataError
        The summary lacks what the models need, or has a column of one of these names.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD
    >>> table = pl.DataFrame(
    ...     {"customer_id": [4, 5], "frequency": [9, 9], "recency": [51.0, 30.0], "T": [52.0, 52.0]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> found = at_risk(rfm, BGNBD(0.243, 4.414, 0.793, 2.426), horizon="52w", since="12w")
    >>> found.select("customer_id", pl.col("p_alive", "p_alive_before").round(2)).rows()
    [(5, 0.12, 0.55), (4, 0.92, 0.93)]
    """
    rfm = rfm.collect()
    frame: nw.DataFrame[Any] = nw.from_native(rfm.frame, eager_only=True)
    refuse_taken(frame.columns, _NEW)
    weeks = in_units(since, rfm.unit, name="since")
    if not 0.0 < weeks < np.inf:
        raise ParameterError("`since` is a time above zero.", place=f"Got {since!r}.")
    terms: dict[str, Any] = {"discount_rate": discount_rate, "margin": margin}
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)  # a date counts from now
    now, then = (
        nw.from_native(predict(each, purchases, spend, horizon=length, **terms), eager_only=True)
        for each in (rfm, _earlier(rfm, weeks))
    )
    value = "discounted_purchases" if spend is None else "clv"
    before, after, worth = (
        each.to_numpy() for each in (then["p_alive"], now["p_alive"], then[value])
    )
    lost = np.divide(before - after, before, out=np.zeros(len(before)), where=before > after)
    found = as_narwhals(
        with_arrays(now, dict(zip(_NEW, (before, worth, worth * lost), strict=True)))
    )
    fallen = found["at_stake"] > 0.0
    ordered = found.filter(fallen).sort("at_stake", rfm.customer, descending=[True, False])
    return nw.to_native(ordered)


def _earlier(rfm: CustomerSummary, time: float) -> CustomerSummary:
    """Return the customers as they were so long ago, or right after a purchase since then."""
    frame = as_narwhals(rfm.frame)
    recency, age = (nw.col(name).cast(nw.Float64) for name in ("recency", "T"))
    # Whole periods stay whole: a silence is what is left of it.
    shorter = nw.max_horizontal(age - time, recency).alias("T")
    return replace(rfm, frame=nw.to_native(frame.with_columns(shorter)))
