"""Whether a saved model still holds: from newer orders, or a kept summary, to a verdict."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clvmodels.cli.console import Reporter
from clvmodels.cli.document import describe_fit
from clvmodels.cli.options import LogOptions
from clvmodels.cli.orders import open_orders, summarised
from clvmodels.cli.scoring import unit_of
from clvmodels.cli.tables import check_ending, replacing
from clvmodels.drifts.compare import drift
from clvmodels.drifts.result import Drift
from clvmodels.errors import ModelFileError, ParameterError
from clvmodels.files import load, save
from clvmodels.frames.predict import CLVModel
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.units import Duration

__all__ = ["Terms", "drifted"]


@dataclass(frozen=True)
class Terms:
    """What a verdict rests on; see `clvmodels.drift`."""

    horizon: Duration
    overlap: Literal["auto", "nested", "separate"]
    significance: float
    material: float


def drifted(
    log: LogOptions,
    reporter: Reporter,
    *,
    model: Path | None,
    out: Path | None,
    terms: Terms,
) -> None:
    """Compare a saved model with newer orders; save the refit, if a path is given."""
    check_ending(out, option="--out", table=False)
    old = _opened(model)
    orders = open_orders(log, reporter, unit=unit_of(old, log.unit), amounts=old.spend is not None)
    if orders.amount is None and old.spend is not None:
        reporter.note("Without amounts the purchases are compared, and no spend.")
        old = CLVModel(old.purchases)
    with (
        replacing(out, source=log.source) as target,
        summarised(orders, reporter, account=False) as made,
    ):
        with reporter.step("Comparing"):
            found = drift(old, made.rfm, **vars(terms))
        if target is not None:
            save(found.refitted, target)
    facts = {"command": "drift", **orders.describe(), "model": model, "out": out}
    reporter.result(facts | describe_drift(found), str(found))
    if out is not None:
        reporter.note(f"Written: {out}")


def describe_drift(found: Drift) -> dict[str, Any]:
    """Return a verdict with its reasons and tables, for the JSON."""
    return {
        "verdict": found.verdict,
        "reasons": found.reasons,
        "notes": found.notes,
        "overlap": found.overlap,
        "old_until": found.old_until,
        "new_until": found.new_until,
        "customers": found.customers,
        "significance": found.significance,
        "material": found.material,
        "tests": found.tests.to_dict("records"),
        "parameters": found.table.to_dict("records"),
        "window": found.window_table.to_dict("records"),
        "changes": found.impact_table.to_dict("records"),
        "refitted": {part.name: describe_fit(part.new) for part in found.parts},
    }


def _opened(path: Path | None) -> CLVModel:
    """Load a saved fit of purchases, alone or with one of spend."""
    if path is None:
        raise ParameterError(
            "`drift` compares a saved model with newer orders.",
            place="No --model was given.",
            fix="Make one with: clvmodels fit ORDERS --model model.json, then pass "
            "--model model.json.",
        )
    saved = load(path)
    if isinstance(saved, CLVModel):
        return saved
    if isinstance(saved, Fit) and isinstance(saved.model, PurchasePredictions):
        return CLVModel(saved)
    raise ModelFileError(
        "Drift is that of a fit of purchases, alone or with one of spend.",
        place=f"{os.fspath(path)} holds {type(getattr(saved, 'model', saved)).__name__}.",
        fix="Make one with: clvmodels fit ORDERS --model model.json.",
    )
