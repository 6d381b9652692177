"""One origin of a backtest: what was known then, what is predicted from it, and what came."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.backtests.contestants import Attempt, Contestant, Fitting, attempted
from clvmodels.backtests.forecasts import Course, Prediction, of_model, of_rules
from clvmodels.backtests.origins import Origin, Plan
from clvmodels.backtests.rules import Known, best_cut_off
from clvmodels.diagnostics.holdout import Outcomes, outcomes
from clvmodels.errors import DataError, DataWarning, MissingColumnError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.periods import units_per_period
from clvmodels.frames.reading import Rules
from clvmodels.frames.sources import as_narwhals
from clvmodels.frames.split import HoldoutSplit, holdout_split
from clvmodels.frames.usual_labels import usual_labels
from clvmodels.frames.windows import ORDERS, PAID, RECENT, RECENT_PAID, windows
from clvmodels.units import TimeUnit

__all__ = ["Judged", "Log", "Newcomers", "Result", "judge"]

Array: TypeAlias = NDArray[np.float64]

_PERSON: Final = "_clvmodels_person"
_STEPS: Final = 12  # points of a cumulative curve: more would show nothing and cost time


@dataclass(frozen=True)
class Log:
    """A log and how it is read, as arguments of `backtest` have it."""

    transactions: Any
    rules: Rules
    unit: TimeUnit
    by: tuple[str, ...]
    covariates: Any
    intervals: bool


@dataclass(frozen=True)
class Newcomers:
    """Customers first seen after the origin, about whom nothing was predicted."""

    customers: int
    purchases: float
    value: float | None


@dataclass(frozen=True)
class Judged:
    """How one part of a contestant fared: a fit, or the choice of a rule's cut-off."""

    model: str
    part: Literal["purchases", "spend", "rule"]
    verdict: str
    note: str


@dataclass(frozen=True)
class Result:
    """An origin, in arrays of n customers in canonical order."""

    origin: Origin
    outcomes: Outcomes
    person: NDArray[np.int64]
    predictions: tuple[Prediction, ...]
    course: Course
    newcomers: Newcomers
    fits: tuple[Judged, ...]


def judge(
    log: Log,
    origin: Origin,
    plan: Plan,
    *,
    models: Sequence[Contestant],
    spend: Fitting | float | None,
    interval: float | None,
    people: dict[Any, int],
) -> Result:
    """Predict from one origin.

    The models are fitted to a summary that ends at the origin, and the rules know the same orders:
    `holdout_split` reads what came later into a frame of its own.

    Parameters
    ----------
    log
        The log.
    origin, plan
        When, and how far ahead.
    models, spend
        What is fitted; `spend` may be a price, or None for purchases alone.
    interval
        Probability of the intervals, or None.
    people
        Numbers of the ids seen so far, to which new ones are added.
    """
    split = _cut(log, origin.cut, origin.until)
    with _warned_already():
        seen = windows(
            log.transactions, log.rules, cut=origin.cut, until=origin.until, periods=plan.periods
        )
    split = _joined(split, seen.past, log, origin, people)
    fits = [attempted(each.fit, split.calibration) for each in models]
    paid = spend is not None and split.calibration.has_spend
    spends = attempted(spend, split.calibration, spend=True) if paid and callable(spend) else None
    found = _outcomes(split, [*fits, *([spends] if spends else [])], log.by)
    known = _known(found, log, plan, origin)
    course = _course(seen.purchases, seen.value if paid else None, plan)
    money = spends.found if spends else spend if paid else None
    predictions: list[Prediction] = []
    judged: list[Judged] = []
    for model, fit in zip(models, fits, strict=True):
        made, told = _entered(model.name, fit, money, found, course, interval)
        predictions += made
        judged += told
    if spends is not None:
        judged.append(Judged("spend", "spend", spends.verdict, spends.note))
    predictions += of_rules(known, course, has_value=paid)
    judged.append(Judged("hiatus rule", "rule", "tuned", _cut_off_words(known, log)))
    return Result(
        origin,
        found if paid else replace(found, value=None),
        found.segments[_PERSON].astype(np.int64),
        tuple(predictions),
        course,
        _newcomers(split, has_value=paid),
        tuple(judged),
    )


def _entered(
    name: str,
    fit: Attempt,
    money: Any,
    found: Outcomes,
    course: Course,
    interval: float | None,
) -> tuple[list[Prediction], list[Judged]]:
    """Return the predictions of one model, and how it fared."""
    if fit.found is None:
        return [], [Judged(name, "purchases", fit.verdict, fit.note)]
    made, problems = of_model(name, fit.found, money, found, course, interval)
    if "purchases" in problems:
        return made, [Judged(name, "purchases", "failed", problems["purchases"])]
    judged = [Judged(name, "purchases", fit.verdict, fit.note)]
    if "value" in problems:
        judged.append(Judged(name, "spend", "failed", problems["value"]))
    return made, judged


# --- what is known ----------------------------------------------------------------------------


@contextmanager
def _warned_already() -> Iterator[None]:
    """Keep quiet of rows that are left out: `backtest` has warned of all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield


def _cut(log: Log, cut: date, until: date) -> HoldoutSplit:
    with _warned_already():
        split = holdout_split(
            log.transactions,
            **vars(log.rules),
            calibration_end=cut,
            observed_until=until,
            unit=log.unit,
            intervals=log.intervals,
        )
    held = collected(as_narwhals(split.holdout))
    return replace(split, calibration=split.calibration.collect(), holdout=nw.to_native(held))


def _joined(
    split: HoldoutSplit, past: Any, log: Log, origin: Origin, people: dict[Any, int]
) -> HoldoutSplit:
    """Add to the summary what rules need, segments, covariates, and numbers that stand for ids."""
    summary = split.calibration
    known = summary.with_covariates(nw.to_native(collected(as_narwhals(past))))
    if log.by:
        known = _with_labels(known, log, origin)
    if log.covariates is not None:
        known = _with_table(known, log.covariates)
    frame = as_narwhals(known.frame)
    assert isinstance(frame, nw.DataFrame)
    ids = frame[known.customer].to_list()
    numbers = np.array([people.setdefault(each, len(people)) for each in ids], dtype=np.int64)
    column = nw.new_series(_PERSON, numbers, backend=frame.implementation)
    native = nw.to_native(frame.with_columns(column))
    return replace(split, calibration=replace(known, frame=native))


def _with_labels(summary: CustomerSummary, log: Log, origin: Origin) -> CustomerSummary:
    with _warned_already():
        table = usual_labels(log.transactions, log.rules, log.by, until=origin.cut)
    return summary.with_covariates(_of_customers(as_narwhals(table), summary))


def _with_table(summary: CustomerSummary, table: Any) -> CustomerSummary:
    """Join the covariates of those customers that are known."""
    frame = as_narwhals(table)
    if summary.customer not in frame.collect_schema().names():
        return summary.with_covariates(table)  # which says what is missing
    return summary.with_covariates(_of_customers(frame, summary))


def _of_customers(table: Any, summary: CustomerSummary) -> Any:
    """Return the rows of a table that are of customers of a summary, who are in memory."""
    ids = collected(as_narwhals(summary.frame)).select(summary.customer)
    return nw.to_native(collected(table).join(ids, on=summary.customer, how="semi"))


def _outcomes(split: HoldoutSplit, fits: Sequence[Attempt], by: tuple[str, ...]) -> Outcomes:
    models = [getattr(each.found, "model", each.found) for each in fits]
    variables = dict.fromkeys(name for each in models if each for name in each.variables)
    names = as_narwhals(split.calibration.frame).collect_schema().names()
    missing = [name for name in variables if name not in names]
    if missing:
        raise MissingColumnError(
            "Covariates of a model of one's own are columns of `by` or `covariates`, which "
            "predictions have, too.",
            place=f"{missing[0]!r} is neither.",
            fix="Pass a customer table that has it as `covariates`.",
        )
    sums = [name for name in (ORDERS, PAID, RECENT, RECENT_PAID) if name in names]
    return outcomes(split, columns=(*by, *sums, _PERSON), covariates=tuple(variables))


def _known(found: Outcomes, log: Log, plan: Plan, origin: Origin) -> Known:
    period, per_unit = units_per_period(log.rules.grid, log.unit)
    sums = found.segments
    known = Known(
        customers=found.customers,
        orders=sums[ORDERS],
        paid=sums.get(PAID),
        recent=sums[RECENT],
        recent_paid=sums.get(RECENT_PAID),
        periods=plan.periods,
        per_unit=per_unit / period,
        cut_off=math.inf,
    )
    return replace(known, cut_off=_cut_off(known, log, origin))


def _cut_off(known: Known, log: Log, origin: Origin) -> float:
    """Tune the hiatus rule on the last part of what is known."""
    try:
        earlier = outcomes(_cut(log, origin.before, origin.cut))
    except DataError:  # all that was bought before then came back
        return math.inf
    _, t_x, T = earlier.customers.timing
    silence = np.rint((T - t_x) * known.per_unit)
    return best_cut_off(silence, earlier.purchases > 0.0)


def _cut_off_words(known: Known, log: Log) -> str:
    if known.cut_off == math.inf:
        return "nobody is taken for lost"
    return f"lost after {known.cut_off / known.per_unit:.1f} {log.unit}s of silence"


def _course(purchases: Array, value: Array | None, plan: Plan) -> Course:
    """Add up what happened until each of a few steps of the horizon."""
    steps = np.unique(np.rint(np.linspace(0, plan.periods, _STEPS + 1)[1:]).astype(np.intp))
    steps = steps[steps > 0]
    return Course(
        plan.horizon * (steps / plan.periods),
        np.cumsum(purchases)[steps - 1],
        None if value is None else np.cumsum(value)[steps - 1],
    )


def _newcomers(split: HoldoutSplit, *, has_value: bool) -> Newcomers:
    frame = as_narwhals(split.newcomers)
    money = [nw.col("holdout_value").sum()] if has_value else []
    sums = collected(
        frame.select(nw.len().alias("customers"), nw.col("holdout_purchases").sum(), *money)
    )
    row = [each if each is not None else 0 for each in sums.row(0)]
    return Newcomers(int(row[0]), float(row[1]), float(row[2]) if has_value else None)
