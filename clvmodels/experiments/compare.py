"""`compare_groups`: what arms of a test, or customers from before and after, are worth."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from clvmodels.customers import Returns
from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.experiments.beforehand import expected_before
from clvmodels.experiments.histories import Terms
from clvmodels.experiments.outcomes import outcomes, predictions
from clvmodels.experiments.power import check_fraction
from clvmodels.experiments.predicted import Kinds
from clvmodels.experiments.randomisation import balance_table, check_planned, test_table
from clvmodels.experiments.result import GroupComparison
from clvmodels.experiments.tables import arm_table, difference_tables, newcomer_table
from clvmodels.experiments.trial import make_trial
from clvmodels.experiments.words import notes, verdicts, warnings_of
from clvmodels.frames.assigned import arm_name, assigned
from clvmodels.frames.calendar import as_date
from clvmodels.frames.cleaning import Invalid
from clvmodels.frames.reading import Rules
from clvmodels.frames.sources import AmountColumns
from clvmodels.models.intervals import check_level
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.models.spend import SpendModel
from clvmodels.predictive.arguments import check_price
from clvmodels.units import Duration, TimeUnit, check_unit, in_units, parse_date, rate_per_unit
from clvmodels.value import check_margin

__all__ = ["compare_groups"]

Day: TypeAlias = datetime.date | str


def compare_groups(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    unit: TimeUnit,
    horizon: Duration,
    group: str | None = None,
    start: Day | None = None,
    before: Day | None = None,
    window: Duration | None = None,
    control: str | float | None = None,
    others: bool = False,
    planned: Mapping[Any, float] | None = None,
    purchases: str | type[PurchaseModel] = "BGNBD",
    spend: str | type[SpendModel] | float | None = "GammaGamma",
    discount_rate: float = 0.0,
    margin: float = 1.0,
    interval: float = 0.9,
    power: float = 0.8,
    effect: float = 0.05,
    observed_until: Day | None = None,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    date_format: str | None = None,
    time_zone: str | None = None,
) -> GroupComparison:
    """Compare what customers of several arms are worth: observed, predicted, and both together.

    The lifetime value of a customer is what they spent since their assignment, and what they are
    expected to spend in what is left of the `horizon`. Every customer who was assigned counts,
    whether they bought or not. What is left is predicted from a fit of each arm alone: one fit for
    all would draw the arms together. Intervals know that customers are a sample, and that the fits
    depend on them.

    Parameters
    ----------
    transactions, customer, date, amount
        The log and its columns, as in `rfm_summary`. Without amounts purchases are compared.
    unit, observed_until, returns, invalid, strict, date_format, time_zone
        As in `rfm_summary`.
    horizon
        How far from the assignment value counts: ``"1y"``, or a number in `unit`.
    group
        The column of the log that names the arm; rows without a name do not count. A customer with
        several names is left out and counted. Everybody who was assigned needs the name, whether
        they bought afterwards or not: give it to their earlier orders as well.
    start
        First day of the test. Customers who bought before it are compared, from that day on; those
        who came later are counted apart. None compares each customer from their first purchase on.
    before
        In place of `group`: compare customers who came just before this day with those who came
        from it on, at the same age, as many days of newcomers on either side.
    window
        How long to observe each customer. Without it to the end of the log; for `before` half the
        time from that day to the end. From first purchases on, younger customers are left out.
    control
        The arm that the others are compared with; if None the one called 'control', or else the
        first by name.
    others
        Make one arm, 'others', of all arms but the control.
    planned
        Shares of customers by arm that were planned, to be checked; equal ones if None.
    purchases, spend
        Models by name or class; `spend` may be a price, or None to compare purchases.
    discount_rate, margin
        As in `predict`; money is discounted to the assignment.
    interval
        Probability inside the intervals. 1 - `interval` is the significance of the verdict.
    power, effect
        Of the table `power`: the wanted probability of finding a difference, and a difference as a
        fraction of the control's mean for which the needed customers are told.

    Returns
    -------
    GroupComparison
        Differences with intervals and the probability of being better, the randomisation check,
        what could have been shown, and warnings.

    Raises
    ------
    ParameterError
        An argument is outside its domain, or arguments contradict each other.
    MissingColumnError
        A named column is not there.
    DataError
        As in `rfm_summary`, or there are no two arms of customers.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> import clvmodels as clv
    >>> orders = clv.datasets.load_cdnow(sample=True)
    >>> orders["arm"] = (orders["customer_id"] % 2).map({0: "control", 1: "mail"})
    >>> found = compare_groups(
    ...     orders, customer="customer_id", date="date", unit="week", group="arm",
    ...     start="1997-10-01", horizon="39w",
    ... )
    >>> row = found.table.iloc[0]
    >>> print(row["quantity"], row["difference"].round(3), row["probability_better"].round(2))
    observed purchases 0.042 0.69
    """
    terms = _terms(unit, horizon, discount_rate, margin)
    level = check_level(interval, name="interval")
    target = check_fraction(power, "power", "0.8 is usual.")
    wanted = check_fraction(effect, "effect", "Write 5 % as 0.05.")
    first, split = _design(group, start, before)
    kinds = _kinds(purchases, None if amount is None else spend)
    priced = None if kinds.spend is None else amount
    rules = Rules(customer, date, priced, returns, invalid, strict, "day", date_format, time_zone)
    found = assigned(
        transactions,
        rules,
        group=group,
        cut=None if first is None else first - timedelta(days=1),
        observed_until=observed_until,
    )
    trial = make_trial(
        found,
        terms,
        start=first,
        before=split,
        window=None if window is None else in_units(window, terms.unit, name="window"),
        control=None if control is None else arm_name(control),
        pooled=others,
    )
    shares = check_planned(planned, trial.arms)
    ahead = predictions(trial, kinds, terms)
    results = outcomes(trial, ahead)
    known, basis = expected_before(trial, kinds)
    table, reach = difference_tables(
        results, trial, known, level=level, power=target, effect=wanted
    )
    tests, balance = test_table(trial, shares), balance_table(trial)
    return GroupComparison(
        table=table,
        arms=arm_table(trial, ahead),
        balance=balance,
        tests=tests,
        power=reach,
        newcomers=newcomer_table(trial),
        verdicts=verdicts(table, reach, trial, level, target),
        warnings=warnings_of(
            trial,
            tests,
            balance,
            results,
            ahead,
            table,
            unit=terms.unit,
            planned=shares is not None,
            level=level,
        ),
        notes=notes(trial, table, basis),
        left_out={reason: n for reason, n in trial.left_out.items() if n},
        design=trial.design,
        control=trial.arms[0],
        horizon=terms.horizon,
        unit=terms.unit,
        observed_until=as_date(found.end),
        level=level,
        target=target,
    )


# --- arguments --------------------------------------------------------------------------------


def _terms(unit: str, horizon: Duration, discount_rate: float, margin: float) -> Terms:
    known = check_unit(unit)
    if isinstance(horizon, datetime.date):
        raise ParameterError(
            "The `horizon` of a comparison is a time since the assignment of each customer.",
            place=f"Got the date {horizon}.",
            fix="Pass a duration such as '1y'.",
        )
    length, rate = in_units(horizon, known), rate_per_unit(discount_rate, known)
    if length == 0.0 or (math.isinf(length) and not rate > 0.0):
        raise ParameterError(
            "`horizon` is above zero, and infinite only at a positive discount rate.",
            place=f"Got {horizon!r} at {discount_rate:g} a year.",
            fix="Pass a horizon such as '1y'.",
        )
    return Terms(known, length, rate, check_margin(margin))


def _design(
    group: str | None, start: Day | None, before: Day | None
) -> tuple[datetime.date | None, datetime.date | None]:
    """Return `start` and `before` as dates, or raise where the arguments contradict each other."""
    if (group is None) == (before is None) or (before is not None and start is not None):
        given = {"group": group, "start": start, "before": before}
        named = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        raise ParameterError(
            "Customers are compared by `group`, or by whether they came `before` a day.",
            place=f"Got {named or 'neither'}.",
            fix="Pass group='variant', with `start` if the test has a first day; or `before`.",
        )
    return (
        None if start is None else parse_date(start, name="start"),
        None if before is None else parse_date(before, name="before"),
    )


def _kinds(purchases: Any, spend: Any) -> Kinds:
    counts = _model(purchases, PurchaseModel, "purchases")
    if spend is None:
        return Kinds(counts, None)
    if isinstance(spend, int | float) and not isinstance(spend, bool):
        return Kinds(counts, check_price(spend))
    return Kinds(counts, _model(spend, SpendModel, "spend"))


def _model(given: Any, kind: Any, name: str) -> Any:
    known = {each: model for each, model in MODELS.items() if issubclass(model, kind)}
    model = known.get(given) if isinstance(given, str) else given
    if isinstance(model, type) and issubclass(model, kind):
        return model
    raise ParameterError(
        f"`{name}` is one of the {name if name == 'spend' else 'purchase'} models, by name or "
        "class.",
        place=f"Got {given!r:.80}.",
        fix=did_you_mean(str(given), known),
    )
