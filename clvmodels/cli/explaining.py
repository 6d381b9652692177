"""Why customers have their value, or why it moved: to the screen, a file or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clvmodels.cli.console import Reporter
from clvmodels.cli.deciding import Cohorts, Decided, decided, write_table
from clvmodels.cli.options import LogOptions, PurchaseKind
from clvmodels.cli.scoring import Valuation
from clvmodels.cli.tables import check_ending, replacing
from clvmodels.errors import ParameterError
from clvmodels.explanations.explain import explain
from clvmodels.explanations.explain_change import explain_change
from clvmodels.explanations.explanation import Explanation
from clvmodels.explanations.value_change import ValueChange
from clvmodels.units import Duration

__all__ = ["Asked", "Earlier", "explained"]


@dataclass(frozen=True)
class Earlier:
    """The earlier run: where its orders and model are, and what of its terms was another."""

    source: str | None
    until: str | None
    model: Path | None
    horizon: Duration | None
    discount_rate: float | None
    margin: float | None

    @property
    def asked(self) -> bool:
        """Whether there is an earlier run."""
        return self.source is not None or self.until is not None

    def check(self) -> None:
        """Raise `ParameterError` where something is told about an earlier run, and none is."""
        told = [name for name, each in vars(self).items() if each is not None]
        if told and not self.asked:
            raise ParameterError(
                "An earlier run has orders of its own, or an earlier last day.",
                place=f"Got --before-{told[0].replace('_', '-')} alone.",
                fix="Add --before ORDERS, or --before-until 2024-09-30 for the same orders.",
            )


@dataclass(frozen=True)
class Asked:
    """What is to be explained; see `clvmodels.explain` and `clvmodels.explain_change`."""

    ids: Sequence[str]
    model: Path | None
    purchases: PurchaseKind
    by: Sequence[str]
    cohort: Cohorts | None
    terms: Valuation
    earlier: Earlier


def explained(log: LogOptions, reporter: Reporter, *, out: Path | None, asked: Asked) -> None:
    """Explain values or their change, show totals and sentences, and write every customer."""
    check_ending(out, option="--out", table=True)
    asked.earlier.check()
    asked.terms.check(log.unit or "week", log.observed_until)
    found: Explanation | ValueChange
    with replacing(out, source=log.source) as target:
        customers = _decided(log, reporter, asked, asked.model)
        if asked.earlier.asked:
            found = _change(log, reporter, asked, customers)
        else:
            with reporter.step("Explaining"):
                found = explain(
                    customers.rfm, *customers.given, **_terms(asked.terms), by=customers.by
                )
        sentences = {each: found.sentence(each) for each in asked.ids}
        if target is not None:
            write_table(found.customers, target)
    reporter.result(
        customers.facts("explain") | _described(found, asked, sentences) | {"out": out},
        "\n".join(f"{who}: {text}" for who, text in sentences.items()) or str(found),
    )
    if out is not None:
        reporter.note(f"Written: {out}")


def _change(log: LogOptions, reporter: Reporter, asked: Asked, customers: Decided) -> ValueChange:
    earlier = asked.earlier
    past = replace(log, source=earlier.source or log.source, observed_until=earlier.until)
    past = replace(past, unit=customers.orders.unit)
    before = _decided(past, reporter, asked, earlier.model or asked.model)
    with reporter.step("Explaining"):
        return explain_change(
            before.rfm,
            customers.rfm,
            before_models=before.models,
            after_models=customers.models,
            **_terms(asked.terms),
            before_horizon=earlier.horizon,
            before_discount_rate=earlier.discount_rate,
            before_margin=earlier.margin,
            by=customers.by,
        )


def _decided(log: LogOptions, reporter: Reporter, asked: Asked, model: Path | None) -> Decided:
    return decided(
        log, reporter, model=model, purchases=asked.purchases, by=asked.by, cohort=asked.cohort
    )


def _terms(terms: Valuation) -> dict[str, Any]:
    return {name: each for name, each in vars(terms).items() if name != "interval"}


def _described(
    found: Explanation | ValueChange, asked: Asked, sentences: dict[str, str]
) -> dict[str, Any]:
    """Return what the JSON says."""
    described = {
        **{name: each for name, each in asked.terms.describe().items() if name != "interval"},
        "title": found.title,
        "verdict": found.verdict,
        "totals": found.table.to_dict("records"),
        "segments": None if found.segments is None else found.segments.to_dict("records"),
        "sentences": sentences,
    }
    if isinstance(found, ValueChange):
        described |= {
            "before": {name: str(each) for name, each in vars(asked.earlier).items() if each},
            "elapsed": found.elapsed,
            "forecast": vars(found.forecast) | {"surprise": found.forecast.surprise},
        }
    return described
