"""The customers of a state: one row each, made from their days or carried on by new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.frames.columns import CUSTOMER, PERIOD
from clvmodels.frames.engines import How, aggregated
from clvmodels.frames.occasions import (
    BACK,
    LINES,
    UNMATCHED,
    VALUE,
    is_erased,
    kept,
    net_sums,
)
from clvmodels.frames.summary import FIRST, FIRST_VALUE, LAST, OCCASIONS, TOTAL

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LATEST", "RETURNED", "carried_on", "from_days", "totals", "without_days"]

LATEST: Final = "_latest"  # last period with a purchase or a refund, whether it counts or not
BOUGHT: Final = "_bought"
RETURNED: Final = "_returned"
_GONE: Final = "_gone"  # purchase rows of occasions of which refunds left nothing
_HELD: Final[dict[str, tuple[How, str]]] = {
    OCCASIONS: ("rows", PERIOD),
    FIRST: ("min", PERIOD),
    LAST: ("max", PERIOD),
    LINES: ("sum", LINES),
    TOTAL: ("sum", VALUE),
    FIRST_VALUE: ("first", VALUE),
}
_SUMS: Final = (OCCASIONS, LINES, TOTAL, _GONE, UNMATCHED)
_ALL: Final = (
    *(CUSTOMER, FIRST, LAST, OCCASIONS, TOTAL, FIRST_VALUE),
    *(LINES, _GONE, UNMATCHED, LATEST, BOUGHT, RETURNED),
)


def from_days(days: pl.DataFrame, *, refunds: bool) -> pl.DataFrame:
    """Return the rows of customers, given all of their days.

    Parameters
    ----------
    days
        CUSTOMER, PERIOD, PAID, BACK, LINES and ROWS, one row a customer and period.
    refunds
        Whether refunds are taken off purchases.
    """
    import polars as pl

    occasions: nw.LazyFrame[Any] = net_sums(nw.from_native(days.lazy()), refunds)
    gone = nw.when(is_erased()).then(nw.col(LINES)).otherwise(nw.lit(0)).alias(_GONE)
    netted = nw.to_native(occasions.with_columns(gone)).collect()
    lazy: nw.LazyFrame[Any] = nw.from_native(netted.lazy())
    held = nw.to_native(aggregated(kept(lazy, has_amount=True), CUSTOMER, _HELD, order=PERIOD))
    lost = netted.lazy().group_by(CUSTOMER).agg(pl.col(_GONE).sum(), pl.col(UNMATCHED).max())
    every = (
        days.lazy()
        .group_by(CUSTOMER)
        .agg(
            pl.col(PERIOD).max().alias(LATEST),
            (pl.col(LINES).max() > 0).alias(BOUGHT),
            (pl.col(BACK).max() > 0.0).alias(RETURNED),
        )
    )
    joined = every.join(held, on=CUSTOMER, how="left").join(lost, on=CUSTOMER, how="left")
    return _complete(joined).collect()


def without_days(unusable: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of customers of whom no row can be used; the ledger counts them."""
    import polars as pl

    whole = dict.fromkeys((FIRST, LAST, LATEST, OCCASIONS, LINES, _GONE), pl.Int64())
    types = {**whole, **dict.fromkeys((TOTAL, FIRST_VALUE, UNMATCHED), pl.Float64())}
    nothing = [pl.lit(None, dtype).alias(name) for name, dtype in types.items()]
    no = [pl.lit(False).alias(name) for name in (BOUGHT, RETURNED)]
    return _complete(unusable.lazy().select(CUSTOMER, *nothing, *no)).collect()


def carried_on(known: pl.DataFrame, recent: pl.DataFrame) -> pl.DataFrame:
    """Add to the rows of customers those of days that all lie after the ones they had.

    Exact where nothing was returned: then what lies before has no part in what comes after.
    """
    import polars as pl

    def new(name: str) -> pl.Expr:
        return pl.col(f"{name}_new")

    latest = [pl.max_horizontal(name, new(name)).alias(name) for name in (LAST, LATEST)]
    first = [pl.coalesce(name, new(name)).alias(name) for name in (FIRST, FIRST_VALUE)]
    sums = [pl.col(name) + new(name) for name in _SUMS]
    flags = [pl.col(name) | new(name) for name in (BOUGHT, RETURNED)]
    both = known.lazy().join(recent.lazy(), on=CUSTOMER, suffix="_new")
    return both.with_columns(*latest, *first, *sums, *flags).select(_ALL).collect()


def totals(customers: pl.LazyFrame) -> tuple[dict[str, int], dict[str, Any], int, float]:
    """Count for the ledger: people, what the summary holds, rows returned in full, unmatched."""
    import polars as pl

    bought, returned = pl.col(BOUGHT), pl.col(RETURNED)
    people = {
        "seen": pl.len(),
        "bought": bought.sum(),
        "only refunds": (~bought & returned).sum(),
        "only rows left out": (~bought & ~returned).sum(),
    }
    held = {
        "customers": (pl.col(OCCASIONS) > 0).sum(),
        "count": pl.col(OCCASIONS).sum(),
        "lines": pl.col(LINES).sum(),
        "value": pl.col(TOTAL).sum(),
        "first": pl.col(FIRST_VALUE).sum(),
    }
    lost = {"gone": pl.col(_GONE).sum(), "unmatched": pl.col(UNMATCHED).sum()}
    sums = [value.alias(name) for name, value in (people | held | lost).items()]
    row = customers.select(sums).collect(engine="streaming").row(0, named=True)
    return (
        {name: int(row[name]) for name in people},
        {name: row[name] for name in held},
        int(row["gone"]),
        float(row["unmatched"]),
    )


def _complete(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the columns in order, sums of nothing being zero."""
    import polars as pl

    return rows.with_columns(pl.col(_SUMS).fill_null(0)).select(_ALL)
