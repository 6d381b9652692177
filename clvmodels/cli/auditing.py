"""An audit of a log, to the screen, a file or as JSON."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clvmodels.audits.audit import audit
from clvmodels.audits.result import Audit
from clvmodels.cli.console import Reporter
from clvmodels.cli.deciding import write_table
from clvmodels.cli.options import LogOptions
from clvmodels.cli.orders import Orders, open_orders, summarised
from clvmodels.cli.scoring import Valuation, open_model, read_horizon, unit_of
from clvmodels.cli.segments import check_segments
from clvmodels.cli.tables import check_ending, replacing
from clvmodels.errors import ClvError, DataWarning, ParameterError
from clvmodels.frames.predict import CLVModel
from clvmodels.models.bgnbd import BGNBD
from clvmodels.models.gamma_gamma import GammaGamma

if TYPE_CHECKING:
    from clvmodels.frames.groups import Cohort

__all__ = ["Asked", "audited"]

_TABLES: Final = (
    *("overview", "cohorts", "conversion", "retention", "periods", "concentration"),
    *("value", "explained"),
)


@dataclass(frozen=True)
class Asked:
    """What is to be told; see `clvmodels.audit`."""

    order: str | None
    by: Sequence[str]
    cohort: Cohort
    period: Cohort | None
    model: Path | None
    value: bool
    horizon: str
    discount_rate: float
    margin: float


def audited(log: LogOptions, reporter: Reporter, *, out: Path | None, asked: Asked) -> None:
    """Audit a log or a kept summary, show the result, and write the long table."""
    check_ending(out, option="--out", table=True)
    saved = None if asked.model is None else open_model(asked.model)
    unit = (log.unit or "week") if saved is None else unit_of(saved, log.unit)
    terms = Valuation(read_horizon(asked.horizon), asked.discount_rate, asked.margin)
    terms.check(unit, log.observed_until)
    orders = open_orders(log, reporter, unit=unit)
    check_segments(orders, asked.by)
    if log.max_memory is not None:
        reporter.note("Only counts and sums are kept in memory: --max-memory changes nothing here.")
    models = saved if saved is not None or not asked.value else _fitted(orders, reporter)
    with replacing(out, source=log.source) as target, reporter.step("Looking at the orders"):
        found = _audit(orders, models, asked, terms)
        if target is not None:
            write_table(found.table, target)
    facts = {"command": "audit", **orders.describe(), "model": asked.model, "out": out}
    reporter.result(facts | _described(found, terms), str(found))
    if out is not None:
        reporter.note(f"Written: {out}")


def _audit(orders: Orders, models: CLVModel | None, asked: Asked, terms: Valuation) -> Audit:
    shared: dict[str, Any] = {
        "by": asked.by,
        "cohort": asked.cohort,
        "period": asked.period,
        "horizon": terms.horizon,
        "discount_rate": terms.discount_rate,
        "margin": terms.margin,
    }
    if models is not None and orders.amount is None:
        models = CLVModel(models.purchases)
    if orders.state is not None:
        if asked.order is not None:
            raise ParameterError(
                "Orders are counted by their number where there are orders.",
                place=f"{orders.options.source} is a kept summary.",
                fix="Pass the files of the orders, or leave out --order.",
            )
        return audit(orders.state.summary(orders.unit), models, **shared)
    return audit(
        orders.frame,
        models,
        **vars(orders.rules),
        order=asked.order,
        unit=orders.unit,
        observed_until=orders.options.observed_until,
        **shared,
    )


def _fitted(orders: Orders, reporter: Reporter) -> CLVModel | None:
    """Return models fitted to the orders; None, with the reason said, where they allow none."""
    if orders.amount is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # the audit says what is left out
            with summarised(orders, reporter, account=False) as made:
                rfm = made.rfm.collect()
        with reporter.step(f"Fitting {BGNBD.title} and Gamma-Gamma"):
            return CLVModel(BGNBD.fit(rfm), GammaGamma.fit(rfm))
    except ClvError as error:
        reporter.note(f"No value by a model: {error}")
        return None


def _described(found: Audit, terms: Valuation) -> dict[str, Any]:
    """Return what the JSON says: every table, and the definition of every measure."""
    tables = {
        name: None if getattr(found, name) is None else getattr(found, name).to_dict("records")
        for name in _TABLES
    }
    return {
        "observed_until": found.observed_until,
        "by": list(found.by),
        "cohort": found.cohort,
        "period": found.period,
        **{k: v for k, v in terms.describe().items() if k != "interval"},
        "title": found.title,
        "totals": found.totals.to_dict("records")[0],
        **tables,
        "definitions": found.definitions,
        "notes": list(found.notes),
    }
