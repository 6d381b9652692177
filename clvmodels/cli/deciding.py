"""What the commands that lead to decisions have in common: customers in segments, and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from clvmodels.cli.console import Reporter
from clvmodels.cli.jobs import fit_spend
from clvmodels.cli.options import LogOptions, PurchaseKind
from clvmodels.cli.orders import Orders, open_orders, summarised
from clvmodels.cli.scoring import open_model, unit_of
from clvmodels.cli.segments import check_segments, with_segments
from clvmodels.cli.sheets import SHEET
from clvmodels.errors import ParameterError
from clvmodels.frames.conversions import as_polars
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.predict import CLVModel
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS

__all__ = ["Decided", "decided", "write_table"]

COHORT = "cohort"
Cohorts: TypeAlias = Literal["month", "quarter", "year"]


@dataclass(frozen=True)
class Decided:
    """Customers in memory, with the columns of their segments, and the models that value them.

    Attributes
    ----------
    orders : Orders
        The log, and how it is read; ``orders.frame`` is lazy.
    rfm : CustomerSummary
        One row a customer; the columns that make segments are among its own.
    models : CLVModel
        Saved ones, or fitted to these very orders.
    by : tuple of str
        The columns that make segments; ``cohort`` is the last if cohorts were asked for.
    model : Path or None
        Where saved models came from.
    """

    orders: Orders
    rfm: CustomerSummary
    models: CLVModel
    by: tuple[str, ...]
    model: Path | None

    @property
    def given(self) -> tuple[Any, Any]:
        """Return the purchase model and the spend model or None, as functions take them."""
        return self.models.purchases, self.models.spend

    def facts(self, command: str) -> dict[str, Any]:
        """Return what every result begins with in JSON."""
        return {
            "command": command,
            **self.orders.describe(),
            "observed_until": self.rfm.observed_until,
            "customers": len(self.rfm.frame),
            "by": list(self.by),
            "model": self.model,
        }


def decided(
    log: LogOptions,
    reporter: Reporter,
    *,
    model: Path | None,
    purchases: PurchaseKind = "BGNBD",
    by: Sequence[str] = (),
    cohort: Cohorts | None = None,
    orders_only: bool = False,
) -> Decided:
    """Summarise the orders, put segments beside the customers, and load or fit the models.

    Parameters
    ----------
    log, reporter
        The options of the log, and who tells the user.
    model
        A saved model; without it `purchases` and, where there are amounts, spend are fitted.
    purchases
        The model to fit.
    by
        Columns of the orders, or of their summary, that make segments.
    cohort
        Calendar period of the first purchase that makes segments, too, in the column ``cohort``.
    orders_only
        Refuse a kept summary in place of orders.

    Raises
    ------
    ClvError
        The orders, the columns or the model are not what they must be.
    """
    saved = None if model is None else open_model(model)
    unit = (log.unit or "week") if saved is None else unit_of(saved, log.unit)
    orders = open_orders(log, reporter, unit=unit, amounts=saved is None or saved.spend is not None)
    if orders_only and orders.state is not None:
        raise ParameterError(
            "This takes orders, each with its date.",
            place=f"{log.source} is a kept summary.",
            fix="Pass the files of the orders.",
        )
    check_segments(orders, by)
    if cohort is not None and COHORT in by:
        raise ParameterError(
            "A segment has one meaning.",
            place=f"--by {COHORT} names a column, and --cohort makes one of that name.",
            fix="Leave out one of the two.",
        )
    with summarised(orders, reporter, account=False) as made:
        rfm = with_segments(made.rfm, orders, by, reporter).collect()
        rfm = replace(rfm, frame=rfm.frame.drop(SHEET, strict=False))
    if cohort is not None:
        rfm = rfm.with_cohorts(cohort, name=COHORT)
    models = (
        _fitted(rfm, purchases, reporter) if saved is None else _usable(saved, orders, reporter)
    )
    segments = (*by, COHORT) if cohort is not None else tuple(by)
    return Decided(orders, rfm, models, segments, model)


def write_table(table: Any, path: Path) -> None:
    """Write a pandas or polars table to .csv or .parquet."""
    frame = as_polars(table)
    if path.suffix.lower() == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)


def _fitted(rfm: CustomerSummary, purchases: PurchaseKind, reporter: Reporter) -> CLVModel:
    kind = cast(type[PurchaseModel], MODELS[purchases])
    with reporter.step(f"Fitting {kind.title}"):
        fitted = kind.fit(rfm)
    models = CLVModel(fitted, fit_spend(rfm, reporter) if rfm.has_spend else None)
    titles = " and ".join(fit.model.title for fit in vars(models).values() if fit is not None)
    reporter.note(f"Fitted to these orders: {titles}. A model that fit has saved is --model.")
    return models


def _usable(models: CLVModel, orders: Orders, reporter: Reporter) -> CLVModel:
    if orders.amount is None and models.spend is not None:
        reporter.note("Without amounts purchases are counted, and no value.")
        return CLVModel(models.purchases)
    return models
