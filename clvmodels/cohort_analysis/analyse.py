"""`cohorts`: retention and value by cohort and age, observed and projected."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from clvmodels.cohort_analysis.cells import Sources
from clvmodels.cohort_analysis.history import history_of
from clvmodels.cohort_analysis.maturity import common_age_of
from clvmodels.cohort_analysis.notes import notes_of, returned_note
from clvmodels.cohort_analysis.result import CohortAnalysis
from clvmodels.cohort_analysis.retention_ahead import buyers_ahead
from clvmodels.cohort_analysis.tables import comparison_of, table_of
from clvmodels.cohort_analysis.timeline import timeline
from clvmodels.cohort_analysis.value_ahead import second_moments, worth_ahead
from clvmodels.customers import Definitions, Grid, Returns
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.activity import Activity, activity, check_calendar, people_returned
from clvmodels.frames.arguments import PurchaseFit, check_models, variables_of
from clvmodels.frames.cleaning import Invalid
from clvmodels.frames.cohort_exposure import CohortExposure, cohort_exposure
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.fitted_rules import unit_and_rules
from clvmodels.frames.groups import Cohort
from clvmodels.frames.known_histories import with_histories
from clvmodels.frames.periods import check_grid
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.summary import summarise
from clvmodels.models.intervals import check_level
from clvmodels.predictive.arguments import (
    check_price,
    fit_of,
    is_number,
    positive_margin,
    purchase_fit,
)
from clvmodels.predictive.totals import Terms
from clvmodels.units import TimeUnit, rate_per_unit

__all__ = ["cohorts"]

_AHEAD: Final[dict[Cohort, int]] = {"month": 12, "quarter": 4, "year": 2}
_MOST: Final = 600  # windows


@dataclass(frozen=True)
class _Asked:
    """What the analysis is asked for, checked."""

    level: float
    margin: float
    discount_rate: float
    ahead: int | None
    common_age: int | None


def cohorts(
    transactions: Any,
    purchases: PurchaseFit | CLVModel | None = None,
    spend: Any = None,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    unit: TimeUnit | None = None,
    cohort: Cohort = "quarter",
    period: Cohort | None = None,
    ahead: int | None = None,
    margin: float = 1.0,
    discount_rate: float = 0.0,
    by: str | Sequence[str] | None = None,
    interval: float = 0.9,
    common_age: int | None = None,
    observed_until: datetime.date | str | None = None,
    returns: Returns | None = None,
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid | None = None,
    date_format: str | None = None,
    time_zone: str | None = None,
    rfm: CustomerSummary | None = None,
) -> CohortAnalysis:
    """Follow cohorts of customers by age: who buys, what they are worth, and what is to come.

    A cohort has its first purchase in the same month, quarter or year. At age k, k periods after
    that of the first purchase, *retention* is the share of the cohort who bought in the period, and
    *cumulative value* what a customer of the cohort was worth up to its end, the first purchase
    included. Both are observed where the period is over for the whole cohort. With models, they are
    projected beyond: for these very customers, given what each has done.

    Parameters
    ----------
    transactions, customer, date, amount, observed_until, invalid, strict, date_format, time_zone
        The log and how it is read, as in `rfm_summary`.
    purchases
        A fit of a purchase model, its parameter draws, a model, or a `CLVModel` with both; None to
        tell what was observed only.
    spend
        A fit of a spend model, or what a purchase is worth; None to project no value.
    unit, grid, returns
        As in `rfm_summary`; those of the fit if None.
    cohort
        'month', 'quarter' or 'year' of the first purchase.
    period
        The same choices for ages, not longer than `cohort`. None: months for cohorts by month,
        else quarters. Of a longer cohort, age counts from each customer's own first period.
    ahead
        How many periods are projected: the one in which observation ends, unless it is over, and
        those after it. None: a year (two for periods of a year), and more if `common_age` asks.
    margin
        Fraction of spend that is value.
    discount_rate
        Annual, of values ahead, to the end of observation. 0, so that they add up with those
        observed.
    by
        A column of the log, or several: separate cohorts for customers by the value that most of
        their rows have.
    interval
        Probability inside the intervals.
    common_age
        The age at which cohorts are compared. None: the largest at which two cohorts have been
        observed.
    rfm
        The summary of the same log, if it is at hand or has covariates that the models need.

    Returns
    -------
    CohortAnalysis
        ``.table``, ``.grid("retention")``, ``.comparison``; printed, it explains itself.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    ParameterError
        An argument is outside its domain, or arguments do not go together.
    UnitMismatchError, DataError
        The models do not go with the log, or the log breaks a rule.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> from clvmodels import datasets
    >>> orders = datasets.load_cdnow(sample=True)
    >>> columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    >>> found = cohorts(orders, **columns, cohort="month", observed_until="1997-06-15")
    >>> found.grid("retention").round(3).loc["1997-01"].tolist()
    [1.0, 0.159, 0.122, 0.09, 0.083]
    >>> print(found.sentences[0])  # doctest: +ELLIPSIS
    1997-01: 55.8 per customer after 3 months, 1.2 % less than ...
    """
    count, value = _unpacked(purchases, spend)
    asked = _asked(interval, margin, discount_rate, ahead, common_age)
    known, rules_of = _counted(count, unit, grid, returns)
    length = check_calendar(cohort, period, rules_of.grid)
    rules = Rules(
        customer, date, amount, rules_of.returns, invalid, strict, rules_of.grid, date_format,
        time_zone,
    )  # fmt: skip
    log = read_log(transactions, rules, observed_until=observed_until)
    names = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    found = activity(log, rules, cohort=cohort, period=length, by=names, transactions=transactions)
    people: CohortExposure | None = None
    if count is not None:
        purchase_fit(count)
        _check_spend(value, found)
        whole = rfm or summarise(log, unit=known, grid=rules.grid, strict=strict)
        check_models(whole, count, value, function="cohorts")
        count, value = with_histories(count, whole), with_histories(value, whole)
        people = cohort_exposure(
            log, rules, whole, found,
            variables=variables_of(count, value),
            price=_price(value),
            transactions=transactions,
        )  # fmt: skip
    result = _analysed(found, people, (count, value), rules.definitions, known, asked)
    return replace(result, notes=result.notes + returned_note(people_returned(log, found)))


def _analysed(
    found: Activity,
    people: CohortExposure | None,
    models: tuple[Any, Any],
    definitions: Definitions,
    unit: TimeUnit,
    asked: _Asked,
) -> CohortAnalysis:
    """Project where there are models, and put the tables together."""
    history, until = history_of(found, asked.margin), found.observed_until
    grid, period = definitions.grid, found.period
    past = timeline(until, period, 0, grid=grid, unit=unit)
    shown = asked.ahead or _AHEAD[period] if people is not None else 0
    bare = Sources(history, past, None, None, found.has_revenue, asked.level, 0)
    age = common_age_of(bare) if asked.common_age is None else asked.common_age
    windows = shown
    if people is not None and age is not None and models[1] is not None:
        windows = max(shown, int(history.first.max()) + age - past.start + 1)
    line = timeline(until, period, _check_windows(windows), grid=grid, unit=unit)
    rate = rate_per_unit(asked.discount_rate, unit)
    sources = replace(bare, line=line, shown=shown)
    valued = (models[0], None if is_number(models[1]) else models[1])
    if people is not None:
        near = replace(line, edges=line.edges[: shown + 1])
        sources = replace(sources, buyers=buyers_ahead(people, models[0], near))
        if models[1] is not None:
            terms = {"rate": rate, "margin": asked.margin, "level": asked.level}
            sources = replace(sources, worth=worth_ahead(people, valued, line, **terms))

    def moments(window: int) -> Any:
        assert people is not None  # without, nothing is projected
        terms = Terms(float(line.edges[window + 1]), rate)
        return second_moments(people, valued, terms, asked.margin)

    spends = models[1] is not None
    return CohortAnalysis(
        table=table_of(sources, found),
        comparison=comparison_of(sources, found, age, moments),
        common_age=age,
        by=found.by,
        cohort=found.cohort,
        period=period,
        observed_until=until,
        margin=asked.margin,
        discount_rate=asked.discount_rate,
        interval=asked.level,
        notes=notes_of(sources, found, spend=spends, discounted=asked.discount_rate != 0.0),
    )


# --- arguments ----------------------------------------------------------------------------------


def _asked(
    interval: float, margin: float, discount_rate: float, ahead: int | None, common_age: int | None
) -> _Asked:
    for name, value, least in (("ahead", ahead, 1), ("common_age", common_age, 0)):
        if value is not None and (type(value) is not int or value < least):
            raise ParameterError(
                f"`{name}` is a whole number of periods, {least} or more.",
                place=f"Got {value!r:.80}.",
            )
    level = check_level(interval, name="interval")
    return _Asked(level, positive_margin(margin), discount_rate, ahead, common_age)


def _unpacked(given: Any, spend: Any) -> tuple[Any, Any]:
    """Return purchases and spend, of a pair or as they are."""
    if not isinstance(given, CLVModel):
        return given, spend
    if spend is not None:
        raise ParameterError(
            "A CLVModel has its own spend model.",
            place="`spend` was given, too.",
            fix="Pass model.purchases and another spend model.",
        )
    return given.purchases, given.spend


def _counted(
    purchases: Any, unit: TimeUnit | None, grid: Grid | None, returns: Returns | None
) -> tuple[TimeUnit, Definitions]:
    """Return the unit and the rules by which occasions are counted."""
    if purchases is not None:
        return unit_and_rules(fit_of(purchase_fit(purchases)), unit, grid, returns)
    rules = Definitions(grid or "day", returns or "net")
    return check_grid(rules.grid, unit or _own_unit(rules.grid)), rules


def _own_unit(grid: Grid) -> TimeUnit:
    return "week" if grid in ("day", "week") else grid


def _check_spend(spend: Any, found: Activity) -> None:
    """Raise unless values ahead can be added to values observed."""
    if isinstance(spend, str):
        raise ParameterError(
            "`spend` is a fit, or one price for all purchases.",
            place=f"Got {spend!r:.80}.",
            fix="Pass GammaGamma.fit(rfm).",
        )
    if spend is not None and not found.has_revenue:
        raise DataError(
            "Values ahead are added to those observed.",
            place="`spend` was given, and no `amount`.",
            fix="Name the column of amounts, or leave out `spend`.",
        )


def _price(spend: Any) -> float | None:
    """Return what stands for spend in sums: a price, 1 for purchases, None for a model."""
    if spend is None:
        return 1.0
    return check_price(spend) if is_number(spend) else None


def _check_windows(windows: int) -> int:
    if windows > _MOST:
        raise ParameterError(
            f"At most {_MOST} periods are projected.",
            place=f"This takes {windows:,}.",
            fix="Pass a smaller `ahead` or `common_age`, or longer periods.",
        )
    return windows
