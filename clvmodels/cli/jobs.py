"""What each command does, from options to files and a report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from rich.table import Table

from clvmodels.cli.batch import Scoring
from clvmodels.cli.console import Reporter
from clvmodels.cli.document import describe_fit, describe_ledger
from clvmodels.cli.options import LogOptions, PurchaseKind
from clvmodels.cli.orders import Orders, open_orders, summarised
from clvmodels.cli.scoring import Valuation, open_model, unit_of
from clvmodels.cli.sheets import Sheets, write_whole
from clvmodels.cli.states import is_state, refuse_rules
from clvmodels.cli.tables import SHOWN, Target, check_ending, replacing, screen_table
from clvmodels.errors import ClvError
from clvmodels.files import save
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.state.summary_state import SummaryState
from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["fit", "fit_spend", "predict", "summarize", "update"]

_TOTAL_OF: Final = {
    "alive": "customers still active",
    "expected_purchases": "purchases",
    "discounted_purchases": "discounted purchases",
    "clv": "in value",
}

# Options that say how the orders of a new state are read.
_OF_STATES: Final = (
    *("source", "customer", "date", "amount", "date_format", "time_zone", "observed_until"),
    *("returns", "invalid", "grid", "strict"),
)


def summarize(log: LogOptions, reporter: Reporter, *, out: Path | None) -> None:
    """Write or show the summary of a log, and its ledger."""
    check_ending(out, option="--out", table=True)
    orders = open_orders(log, reporter, unit=log.unit or "week")
    with (
        replacing(out, source=log.source) as target,
        summarised(orders, reporter, account=True) as made,
    ):
        facts = _facts("summarize", orders, made.rfm)
        table, first = made.table(made.rfm.frame), None
        if target is None:
            first = table.take(0).head(SHOWN)
        else:
            _write(table, target, reporter)
        ledger = made.rfm.ledger
    document = facts | {"ledger": describe_ledger(ledger), "out": out} | _rows(first)
    reporter.result(document, *_screen(first), str(ledger))
    _say_where(reporter, out, _shown_of(facts, "--out rfm.parquet"))


def fit(
    log: LogOptions, reporter: Reporter, *, model: Path | None, purchases: PurchaseKind
) -> None:
    """Fit purchases and, where there are amounts, spend; save and show the fits."""
    check_ending(model, option="--model", table=False)
    orders = open_orders(log, reporter, unit=log.unit or "week")
    with (
        replacing(model, source=log.source) as target,
        summarised(orders, reporter, account=True) as made,
    ):
        rfm = made.rfm
        facts = _facts("fit", orders, rfm)
        ledger = rfm.ledger
        kind = cast(type[PurchaseModel], MODELS[purchases])
        with reporter.step(f"Fitting {kind.title}"):
            fitted = kind.fit(rfm)
        spend = fit_spend(rfm, reporter) if rfm.has_spend else None
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
    target: Target,
    terms: Valuation,
) -> None:
    """Score the customers of a log with a saved model."""
    target.check()
    models = open_model(model)
    unit = unit_of(models, log.unit)
    terms.check(unit, log.observed_until)
    orders = open_orders(log, reporter, unit=unit, amounts=models.spend is not None)
    if orders.amount is None and models.spend is not None:
        reporter.note("Without amounts purchases are predicted, and no value.")
        models = CLVModel(models.purchases)
    job = Scoring(orders, models, terms, reporter)
    path, first = target.path, None
    if path is None:
        facts, first = job.first(SHOWN)
    elif target.parts:
        assert model is not None  # else there were no models
        facts = job.to_parts(path, model, resume=target.resume)
    else:
        with replacing(path, source=log.source) as temporary:
            assert temporary is not None
            facts = job.to_file(temporary)
    document = job.describe() | facts | terms.describe() | {"model": model, "out": path}
    reporter.result(document | _rows(first), _told(document), *_screen(first))
    _say_where(reporter, path, _shown_of(facts, "--out clv.parquet"))


def update(
    log: LogOptions, reporter: Reporter, *, state: Path, late: Literal["error", "add"]
) -> None:
    """Bring a kept summary up to date with new orders, or make it from the first."""
    if is_state(state):
        refuse_rules(log, free=("source", "observed_until"))
        before = SummaryState.open(state)
        with reporter.step("Updating"):
            after = before.update(log.source, observed_until=log.observed_until, late=late)
    else:
        refuse_rules(log, free=_OF_STATES)
        orders = open_orders(log, reporter, unit="week")
        before = None
        with reporter.step("Making the state"):
            until, rules = log.observed_until, asdict(orders.rules)
            after = SummaryState.create(state, orders.frame, observed_until=until, **rules)
    facts = {
        "command": "update",
        "state": state,
        "observed_until": after.observed_until,
        "updates": len(after.updates),
        "changed": before is None or len(before.updates) < len(after.updates),
    }
    reporter.result(facts, repr(after))


# --- steps that commands share ----------------------------------------------------------------


def _facts(command: str, orders: Orders, rfm: CustomerSummary) -> dict[str, Any]:
    """Return what every report begins with."""
    import polars as pl

    customers = rfm.frame.select(pl.len()).collect(engine="streaming").item()
    facts = {"command": command, **orders.describe()}
    return facts | {"observed_until": rfm.observed_until, "customers": customers}


def fit_spend(rfm: CustomerSummary, reporter: Reporter) -> Fit[GammaGamma]:
    """Fit spend, or raise and say how to go on without it."""
    with reporter.step("Fitting Gamma-Gamma"):
        try:
            return GammaGamma.fit(rfm)
        except ClvError as error:
            fix = f"{error.fix} Or pass --amount none to fit the purchases alone.".strip()
            raise type(error)(error.rule, place=error.place, fix=fix) from None


def _write(table: Sheets, target: Path, reporter: Reporter) -> None:
    with reporter.steps("Writing", table.count) as advance:
        write_whole(table, table.schema(), target, seen=lambda _: advance())


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
