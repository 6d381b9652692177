"""`backtest`: predict from past dates, and compare with what came and with simple rules."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, get_args

from clvmodels.backtests.contestants import Models, Spend, contestants, spend_of
from clvmodels.backtests.measures import (
    Cohort,
    decile_table,
    metric_table,
    summary_table,
    tracking_table,
)
from clvmodels.backtests.one_origin import Log, Result, judge
from clvmodels.backtests.origins import Plan, make_plan
from clvmodels.backtests.result import Backtest
from clvmodels.backtests.rules import RULES
from clvmodels.backtests.verdict import paired_table, verdict
from clvmodels.customers import Grid, Returns
from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.frames.cleaning import Invalid
from clvmodels.frames.periods import check_grid
from clvmodels.frames.reading import Rules
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.usual_labels import check_labels
from clvmodels.frames.windows import in_memory, log_span, with_dates_read
from clvmodels.models.intervals import check_level
from clvmodels.units import Duration, TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["backtest"]


def backtest(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    unit: TimeUnit,
    horizon: Duration,
    models: Models = ("BGNBD", "MBGNBD", "ParetoNBD"),
    spend: Spend = "GammaGamma",
    origins: Sequence[date | str] | None = None,
    n_origins: int = 3,
    by: str | Sequence[str] | None = None,
    cohort: Cohort | None = "quarter",
    interval: float | None = 0.9,
    covariates: Any = None,
    observed_until: date | str | None = None,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid = "day",
    date_format: str | None = None,
    time_zone: str | None = None,
    intervals: bool = False,
) -> Backtest:
    """Predict from past dates with models and with the rules that people use, and compare.

    At each origin the log is cut with `holdout_split`: models are fitted, and rules are tuned, to
    what was known then, and predict the purchases of the next `horizon` of each customer, and what
    they are worth. Nothing later than the origin can reach them. The rules are: what the customer
    did in the last window of the same length; the average rate; the same, and nothing for who has
    been silent for too long; orders per day x days x average basket; the mean for everyone.

    Parameters
    ----------
    transactions, customer, date, amount
        The log and its columns, as in `rfm_summary`, on any engine. Without amounts only purchases
        are compared.
    unit, observed_until, returns, invalid, strict, grid, date_format, time_zone, intervals
        As in `rfm_summary`.
    horizon
        How far ahead to predict, such as ``"13w"``; rounded to whole periods of the grid.
    models
        Names, classes, or a mapping from names of your own to functions that take a
        `CustomerSummary` and return a fit, such as
        ``{"with channel": lambda rfm: BGNBD.fit(rfm, purchase="channel")}``.
    spend
        A spend model by name or class, a function as above, a price per purchase, or None.
    origins, n_origins
        Dates, each the last day that is known; or how many to place, the last one horizon before
        the end of the log and the others one horizon before the next, or closer where the log is
        too short.
    by
        Columns of the log that make segments, such as a country: a customer counts where most of
        their rows up to the origin are. They are columns of the summary that functions of `models`
        get.
    cohort
        Calendar period of the first purchase by which customers are grouped; None for none.
    interval
        Probability of the intervals whose coverage is told; None for none.
    covariates
        A table with one row a customer, whose columns join the summary that functions of `models`
        get; what is in it must have been known at the origins.

    Returns
    -------
    Backtest
        Tables of all metrics, and a verdict.

    Raises
    ------
    ParameterError
        An argument is outside its domain, an origin is too early, or its horizon goes past the end
        of the log.
    MissingColumnError
        A named column is not there.
    DataError
        As in `rfm_summary`.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> import clvmodels as clv
    >>> orders = clv.datasets.load_cdnow()
    >>> result = backtest(
    ...     orders[orders["customer_id"] % 20 == 0], customer="customer_id", date="date",
    ...     unit="week", horizon="26w", models=["BGNBD"], n_origins=1, cohort=None,
    ... )
    >>> best = result.summary.iloc[0]
    >>> print(best["model"], round(best["rmse"], 3))
    BG/NBD 1.152
    """
    check_grid(grid, unit)
    level = None if interval is None else check_level(interval, name="interval")
    segments = (by,) if isinstance(by, str) else tuple(by or ())
    _check_cohort(cohort)
    entrants = contestants(models, taken=[each.name for each in RULES])
    spends = None if amount is None else spend_of(spend)
    rules = Rules(customer, date, amount, returns, invalid, strict, grid, date_format, time_zone)
    check_labels(transactions, segments, customer=customer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        orders = in_memory(transactions, rules, segments)
        span = log_span(orders, rules, observed_until=observed_until)
    for each in caught:  # as of a line of the caller's
        warnings.warn(each.message, each.category, stacklevel=2)
    plan = make_plan(
        span, horizon=horizon, unit=unit, grid=grid, origins=origins, n_origins=n_origins
    )
    log = Log(*with_dates_read(orders, rules), unit, segments, covariates, intervals)
    people: dict[Any, int] = {}
    results = [
        judge(log, each, plan, models=entrants, spend=spends, interval=level, people=people)
        for each in plan.origins
    ]
    return _assembled(results, plan, log, cohort, level, has_value=spends is not None)


def _assembled(
    results: Sequence[Result],
    plan: Plan,
    log: Log,
    cohort: Cohort | None,
    level: float | None,
    *,
    has_value: bool,
) -> Backtest:
    table = metric_table(results, grid=log.rules.grid, by=log.by, cohort=cohort)
    return Backtest(
        table=table,
        summary=summary_table(table),
        paired=paired_table(results, has_value=has_value),
        deciles=decile_table(results),
        tracking=tracking_table(results),
        newcomers=_newcomer_table(results),
        fits=_fit_table(results),
        verdict=verdict(results, has_value=has_value),
        origins=tuple(each.cut for each in plan.origins),
        horizon=plan.horizon,
        unit=log.unit,
        customers=tuple(len(each.outcomes) for each in results),
        level=level,
    )


def _newcomer_table(results: Sequence[Result]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for each in results:
        new, known = each.newcomers, each.outcomes
        row = {
            "origin": each.origin.cut,
            "customers": new.customers,
            "purchases": new.purchases,
            "share_of_purchases": _share(new.purchases, float(known.purchases.sum())),
        }
        if new.value is not None and known.value is not None:
            row |= {
                "value": new.value,
                "share_of_value": _share(new.value, float(known.value.sum())),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0.0 else float("nan")


def _fit_table(results: Sequence[Result]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [{"origin": each.origin.cut, **vars(fit)} for each in results for fit in each.fits]
    )


def _check_cohort(cohort: Any) -> None:
    known = get_args(Cohort)
    if cohort is not None and cohort not in known:
        raise ParameterError(
            f"`cohort` is None or one of {', '.join(map(repr, known))}.",
            place=f"Got {cohort!r}.",
            fix=did_you_mean(str(cohort), known),
        )
