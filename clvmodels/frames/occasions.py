"""Purchase occasions: one per customer and period of the grid, refunds taken off.

A refund is taken off the same customer's most recent occasions until it is used up. Stack the
occasions of a customer on top of each other, each as high as its amount; a refund lowers the
stack from the top. What is left of an occasion is the part of its slice that the stack never fell
below again: a running minimum from the end. So netting is three window sums, on any engine.
"""

from __future__ import annotations

from typing import Any, Final

import narwhals as nw

from clvmodels.customers import Grid
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import AMOUNT, CUSTOMER, PERIOD
from clvmodels.frames.engines import is_spark
from clvmodels.frames.periods import with_period

__all__ = ["BACK", "LINES", "PAID", "ROWS", "UNMATCHED", "VALUE", "net_occasions"]

LINES: Final = "_lines"  # purchase rows of the occasion
VALUE: Final = "_value"  # what they are worth after refunds
UNMATCHED: Final = "_unmatched"  # refunds of the customer that met no occasion, on each occasion
PAID: Final = "_paid"
BACK: Final = "_back"  # refunds, positive
ROWS: Final = "_rows"
# Of a customer's turnover, per row: bounds what the amounts and the sums below can be off by (some
# eight operations a row, each by 1.1e-16). What is left below it is rounding, not money.
_ROUNDING: Final = 1e-15


def net_occasions(log: CleanLog, *, grid: Grid) -> nw.LazyFrame[Any]:
    """Return CUSTOMER, PERIOD, LINES and, with amounts, VALUE and UNMATCHED, one row an occasion.

    Includes days on which a customer only returned things (LINES is 0) and occasions of which
    nothing is left (VALUE is 0, though something was paid): `kept` tells which count.
    """
    rows = log.rows("purchase", "refund") if log.returns == "net" else log.rows("purchase")
    if not log.source.has_amount:
        counted = with_period(rows, grid).group_by(CUSTOMER, PERIOD)
        return counted.agg(nw.len().cast(nw.Int64).alias(LINES))
    return net_sums(sum_rows(rows, grid), log.returns == "net" and "refund" in log.counts)


def sum_rows(rows: nw.LazyFrame[Any], grid: Grid) -> nw.LazyFrame[Any]:
    """Return PAID, BACK, LINES and ROWS, one row a CUSTOMER and PERIOD. Sums of parts add up."""
    amount = nw.col(AMOUNT)
    back = amount < 0.0
    return (
        with_period(rows, grid)
        .with_columns(
            nw.when(back).then(nw.lit(0.0)).otherwise(amount).alias(PAID),
            nw.when(back).then(amount * -1.0).otherwise(nw.lit(0.0)).alias(BACK),
            nw.when(back).then(nw.lit(0)).otherwise(nw.lit(1)).alias(LINES),
        )
        .group_by(CUSTOMER, PERIOD)
        .agg(nw.col(PAID).sum(), nw.col(BACK).sum(), nw.col(LINES).sum(), nw.len().alias(ROWS))
        .with_columns(nw.col(LINES).cast(nw.Int64))
    )


def net_sums(occasions: nw.LazyFrame[Any], refunds: bool) -> nw.LazyFrame[Any]:
    """Turn the sums of all rows of some customers into what `net_occasions` returns for them."""
    untouched = occasions.with_columns(
        nw.col(PAID).alias(VALUE), nw.lit(0.0).alias(UNMATCHED)
    ).drop(BACK, ROWS)
    if not refunds:
        return untouched
    names = untouched.collect_schema().names()
    if is_spark(occasions):  # there a query that is used twice is run twice: sort all instead
        return _net(occasions).select(names)
    returners = occasions.filter(nw.col(BACK) > 0.0).select(CUSTOMER).unique()
    others = untouched.join(returners, on=CUSTOMER, how="anti")
    netted = _net(occasions.join(returners, on=CUSTOMER, how="semi"))
    return nw.concat([others, netted.select(names)])


def kept(occasions: nw.LazyFrame[Any], *, has_amount: bool) -> nw.LazyFrame[Any]:
    """Return the occasions that count: something was bought, and not all of it came back."""
    bought = nw.col(LINES) > 0
    if has_amount:
        bought = bought & ((nw.col(VALUE) > 0.0) | (nw.col(PAID) == 0.0))
    return occasions.filter(bought)


def earlier_period(occasions_ago: int) -> nw.Expr:
    """Return the period of a customer's earlier occasion, null where there is none."""
    return _in_time(nw.col(PERIOD).shift(occasions_ago))


def is_erased() -> nw.Expr:
    """Tell whether refunds left nothing of an occasion."""
    return (nw.col(LINES) > 0) & (nw.col(VALUE) <= 0.0) & (nw.col(PAID) > 0.0)


def _net(occasions: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Take refunds off the occasions of customers who returned something."""
    turnover = (nw.col(PAID) + nw.col(BACK)).sum().over(CUSTOMER)
    rows = nw.col(ROWS).cast(nw.Float64).sum().over(CUSTOMER) + 4.0
    stacked = (
        occasions.with_columns(
            (nw.col(PAID) - nw.col(BACK)).alias("_change"),
            (turnover * rows * _ROUNDING).alias("_tiny"),
        )
        .with_columns(_in_time(nw.col("_change").cum_sum()).alias("_sum"))
        .with_columns(_in_time(nw.col("_sum").cum_min()).alias("_low"))
        .with_columns(nw.min_horizontal(nw.col("_low"), nw.lit(0.0)).alias("_low"))
        .with_columns((nw.col("_sum") - nw.col("_low")).alias("_height"))
        .with_columns(
            _in_time(nw.col("_height").cum_min(reverse=True)).alias("_stays"),
            _in_time(nw.col("_height").shift(1)).fill_null(0.0).alias("_below"),
            (nw.col("_low").min().over(CUSTOMER) * -1.0).alias(UNMATCHED),
        )
    )
    paid, tiny = nw.col(PAID), nw.col("_tiny")
    left = nw.max_horizontal(nw.col("_stays") - nw.col("_below"), nw.lit(0.0))
    whole = left >= paid - tiny
    value = (
        nw.when(whole).then(paid).otherwise(nw.when(left <= tiny).then(nw.lit(0.0)).otherwise(left))
    )
    unmatched = nw.when(nw.col(UNMATCHED) > tiny).then(nw.col(UNMATCHED)).otherwise(nw.lit(0.0))
    return stacked.with_columns(value.alias(VALUE), unmatched.alias(UNMATCHED))


def _in_time(expression: nw.Expr) -> nw.Expr:
    return expression.over(CUSTOMER, order_by=PERIOD)
