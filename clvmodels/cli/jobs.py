"""What each command does, from options to files and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from rich.table import Table

from clvmodels.cli.console import Reporter
from clvmodels.cli.document import describe_fit, describe_ledger
from clvmodels.cli.options import LogOptions, PurchaseKind
from clvmodels.cli.orders import Orders, open_orders, summarised
from clvmodels.cli.scoring import Valuation, open_model, unit_of
from clvmodels.cli.tables import SHOWN, check_ending, replacing, screen_table, write_table
from clvmodels.errors import ClvError
from clvmodels.files import save
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.predict import CLVModel
from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["fit", "predict", "summarize"]

_TOTAL_OF: Final = {
    "alive": "customers still active",
    "expected_purchases": "purchases",
    "discounted_purchases": "discounted purchases",
    "clv": "in value",
}


def summarize(log: LogOptions, reporter: Reporter, *, out: Path | None) -> None:
    """Write or show the summary of a log, and its ledger."""
    check_ending(out, option="--out", table=True)
    orders = open_orders(log, reporter, unit=log.unit or "week")
    with replacing(out, source=log.source) as target, summarised(orders, reporter) as rfm:
        facts = _facts("summarize", orders, rfm)
        first = _write_or_take(rfm.frame.sort(orders.customer), target, reporter)
        with reporter.step("Accounting for every row"):
            ledger = rfm.ledger
    document = facts | {"ledger": describe_ledger(ledger), "out": out} | _rows(first)
    reporter.result(document, *_screen(first), str(ledger))
    _say_where(reporter, out, _shown_of(facts, "--out rfm.parquet"))


def fit(
    log: LogOptions, reporter: Reporter, *, model: Path | None, purchases: PurchaseKind
) -> None:
    """Fit purchases and, where there are amounts, spend; save and show the fits."""
    check_ending(model, option="--model", table=False)
    orders = open_orders(log, reporter, unit=log.unit or "week")
    with replacing(model, source=log.source) as target, summarised(orders, reporter) as rfm:
        facts = _facts("fit", orders, rfm)
        with reporter.step("Accounting for every row"):
            ledger = rfm.ledger
        kind = cast(type[PurchaseModel], MODELS[purchases])
        with reporter.step(f"Fitting {kind.title}"):
            fitted = kind.fit(rfm)
        spend = _fit_spend(rfm, reporter) if rfm.has_spend else None
        if target is not None:
            save(CLVModel(fitted, spend), target)
    document = facts | {
        "purchases": describe_fit(fitted),
        "spend": None if spend is None else describe_fit(spend),
        "ledger": describe_ledger(ledger),
        "model": model,
    }
    fits = [f"{each}\n" for each in (fitted, spend) if each is not None]
    reporter.result(document, *fits, str(ledger))
    _say_where(reporter, model, "The fit was not kept; --model model.json saves it.")


def predict(
    log: LogOptions,
    reporter: Reporter,
    *,
    model: Path | None,
    out: Path | None,
    terms: Valuation,
) -> None:
    """Score the customers of a log with a saved model."""
    check_ending(out, option="--out", table=True)
    models = open_model(model)
    unit = unit_of(models, log.unit)
    terms.check(unit, log.observed_until)
    orders = open_orders(log, reporter, unit=unit, amounts=models.spend is not None)
    if orders.amount is None and models.spend is not None:
        reporter.note("Without amounts purchases are predicted, and no value.")
        models = CLVModel(models.purchases)
    with replacing(out, source=log.source) as target, summarised(orders, reporter) as rfm:
        facts = _facts("predict", orders, rfm)
        with reporter.step("Scoring"):
            scored = models.predict(rfm, **vars(terms))
            totals = _totals(scored)
        worth = list(totals)[-1]
        ranked = scored.sort(worth, orders.customer, descending=[True, False], nulls_last=True)
        rows = scored.sort(orders.customer) if target else ranked
        first = _write_or_take(rows, target, reporter)
    document = facts | terms.describe() | {"model": model, "totals": totals, "out": out}
    reporter.result(document | _rows(first), _told(document), *_screen(first))
    _say_where(reporter, out, _shown_of(facts, "--out clv.parquet"))


# --- steps that commands share ----------------------------------------------------------------


def _facts(command: str, orders: Orders, rfm: CustomerSummary) -> dict[str, Any]:
    """Return what every report begins with."""
    import polars as pl

    customers = rfm.frame.select(pl.len()).collect().item()
    facts = {"command": command, **orders.describe()}
    return facts | {"observed_until": rfm.observed_until, "customers": customers}


def _fit_spend(rfm: CustomerSummary, reporter: Reporter) -> Fit[GammaGamma]:
    with reporter.step("Fitting Gamma-Gamma"):
        try:
            return GammaGamma.fit(rfm)
        except ClvError as error:
            fix = f"{error.fix} Or pass --amount none to fit the purchases alone.".strip()
            raise type(error)(error.rule, place=error.place, fix=fix) from None


def _totals(scored: pl.LazyFrame) -> dict[str, float | None]:
    """Sum the predictions of all customers; None for a sum that is infinite."""
    import polars as pl

    names = scored.collect_schema().names()
    sums = [name for name in ("expected_purchases", "discounted_purchases", "clv") if name in names]
    alive = pl.col("p_alive").sum().alias("alive")
    finite = [pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).sum()) for name in sums]
    return scored.select(alive, *finite).collect().row(0, named=True)


def _write_or_take(
    rows: pl.LazyFrame, target: Path | None, reporter: Reporter
) -> pl.DataFrame | None:
    """Write all rows to the target; without one return the first."""
    if target is None:
        return rows.head(SHOWN).collect()
    with reporter.step("Writing"):
        write_table(rows, target)
    return None


def _rows(first: pl.DataFrame | None) -> dict[str, Any]:
    return {} if first is None else {"first": first.to_dicts()}


def _screen(first: pl.DataFrame | None) -> list[Table]:
    return [] if first is None else [screen_table(first)]


def _told(facts: dict[str, Any]) -> str:
    """Say in two lines what was predicted."""
    sums = ", ".join(
        f"{'infinitely many' if value is None else f'{value:,.2f}'} {_TOTAL_OF[name]}"
        for name, value in facts["totals"].items()
    )
    return (
        f"{facts['customers']:,} customers, observed until {facts['observed_until']}, "
        f"horizon {facts['horizon']}, discount rate {facts['discount_rate']:g}, "
        f"margin {facts['margin']:g}\nExpected in total: {sums}."
    )


def _shown_of(facts: dict[str, Any], how: str) -> str:
    customers: int = facts["customers"]
    return f"Shown are {min(SHOWN, customers)} of {customers:,} customers; {how} writes all."


def _say_where(reporter: Reporter, path: Path | None, otherwise: str) -> None:
    reporter.note(otherwise if path is None else f"Written: {path}")
