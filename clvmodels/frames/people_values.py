"""What models expect of the people of a log, summed by segment and cohort on the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw

from clvmodels.frames.money import check_price, refuse_bad_spend, with_price, with_spend
from clvmodels.frames.people import COHORT
from clvmodels.frames.people_tables import PeopleTables, rows_of
from clvmodels.frames.scoring import with_purchases
from clvmodels.frames.sources import as_narwhals
from clvmodels.predictive.arguments import fitted_model
from clvmodels.value import customer_value

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["expected_sums"]


def expected_sums(
    tables: PeopleTables,
    purchases: Any,
    spend: Any,
    *,
    near: float,
    horizon: float,
    rate: float,
    margin: float,
) -> pd.DataFrame:
    """Return sums of what models expect of customers, times in the unit of the summary.

    Columns ``segment``, ``cohort``, ``n``, ``alive`` (P(alive)), ``near`` (purchases within a time
    `near`), ``discounted`` (discounted purchases within the horizon), ``spend`` (expected spend per
    purchase) and ``clv``, as `predict` has it.
    """
    rfm = tables.people.rfm
    frame = as_narwhals(rfm.frame)
    soon = with_purchases(rfm, purchases, near, 0.0)
    later = with_purchases(rfm, purchases, horizon, rate)
    if isinstance(spend, str | int | float):
        later = with_price(later, check_price(frame, spend))
    else:
        if rfm.definitions is None:
            refuse_bad_spend(frame)
        later = with_spend(later, rfm, fitted_model(spend))
    orders, each = nw.col("discounted_purchases"), nw.col("expected_spend")
    later = later.with_columns(customer_value(orders, each, nw.lit(margin)).alias("clv"))
    first = _summed(tables, soon, {"n": None, "alive": "p_alive", "near": "expected_purchases"})
    names = {"discounted": "discounted_purchases", "spend": "expected_spend", "clv": "clv"}
    return first.merge(_summed(tables, later, names), on=["segment", "cohort"])


def _summed(tables: PeopleTables, scored: Any, columns: Mapping[str, str | None]) -> pd.DataFrame:
    sums = [
        nw.len().cast(nw.Int64).alias(name) if of is None else nw.col(of).sum().alias(name)
        for name, of in columns.items()
    ]
    grouped = scored.lazy().group_by(*tables.people.labels, COHORT).agg(*sums)
    return tables.table(rows_of(grouped))
