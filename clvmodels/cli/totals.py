"""The total of a base or of its segments, from a log to a table and a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clvmodels.cli.console import Reporter
from clvmodels.cli.options import LogOptions
from clvmodels.cli.orders import open_orders, summarised
from clvmodels.cli.scoring import Valuation, open_model, unit_of
from clvmodels.cli.segments import check_segments, with_segments
from clvmodels.cli.tables import check_ending, replacing, screen_table
from clvmodels.frames.totals import total

if TYPE_CHECKING:
    import polars as pl

__all__ = ["totals"]


def totals(
    log: LogOptions,
    reporter: Reporter,
    *,
    model: Path | None,
    out: Path | None,
    terms: Valuation,
    by: Sequence[str],
) -> None:
    """Write or show totals with intervals, by a saved model."""
    check_ending(out, option="--out", table=True)
    models = open_model(model)
    unit = unit_of(models, log.unit)
    terms.check(unit, log.observed_until)
    orders = open_orders(log, reporter, unit=unit, amounts=models.spend is not None)
    check_segments(orders, by)
    spend = None if orders.amount is None else models.spend
    if spend is None and models.spend is not None:
        reporter.note("Without amounts purchases are counted, and no value.")
    with (
        replacing(out, source=log.source) as target,
        summarised(orders, reporter, account=False) as made,
    ):
        rfm = with_segments(made.rfm, orders, by, reporter)
        with reporter.step("Adding up"):
            table: pl.DataFrame = total(
                rfm, models.purchases, spend, by=list(by) or None, **vars(terms)
            )
        if target is not None:
            _write(table, target)
    facts = {
        "command": "total",
        **orders.describe(),
        "observed_until": rfm.observed_until,
        "customers": int(table["customers"].sum()),
        **terms.describe(),
        "by": list(by),
        "model": model,
        "out": out,
        "totals": table.to_dicts(),
    }
    reporter.result(facts, _told(table, terms, rfm.observed_until), screen_table(_shown(table, by)))
    if out is not None:
        reporter.note(f"Written: {out}")


def _write(table: pl.DataFrame, path: Path) -> None:
    if path.suffix.lower() == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)


def _shown(table: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return what the screen shows: names of segments as text, and sd by its two reasons."""
    import polars as pl

    table = table.drop("sd")
    if not by:
        return table.select(pl.lit("all").alias("segment"), pl.all())
    return table.with_columns(pl.col(*by).cast(pl.String).fill_null("(none)"))


def _told(table: pl.DataFrame, terms: Valuation, until: object) -> str:
    what = "value" if "clv" in table.columns else "purchases"
    return (
        f"{int(table['customers'].sum()):,} customers, observed until {until}, horizon "
        f"{terms.horizon}, discount rate {terms.discount_rate:g}, margin {terms.margin:g}\n"
        f"Total {what}, and {100.0 * (terms.interval or 0.0):g} % intervals for it:"
    )
