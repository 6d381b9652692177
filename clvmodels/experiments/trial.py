"""The customers of a comparison: their arms, what they did since assignment, what was known."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.experiments.histories import (
    Terms,
    chosen,
    first_days,
    histories,
    usual_gap,
    worth,
)
from clvmodels.experiments.membership import Membership, membership
from clvmodels.frames.assigned import Assigned, Occasions
from clvmodels.frames.calendar import as_date, day_number

__all__ = ["Design", "Newcomers", "Trial", "make_trial"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Design: TypeAlias = Literal["from a date", "from the first purchase", "before and after"]

_OTHERS: Final = "others"


@dataclass(frozen=True)
class Newcomers:
    """Customers of an arm who were first seen after the start, and who are not compared."""

    arm: str
    customers: int
    purchases: int
    value: float | None


@dataclass(frozen=True, eq=False)
class Trial:
    """The n customers that are compared.

    Attributes
    ----------
    design : str
        From when on customers are compared.
    arms : tuple of str
        The control first.
    arm : NDArray
        Shape (n,): the number of the arm of each.
    started : Whole
        Shape (n,): day number of the assignment.
    observed, remaining : Array
        Shape (n,), in the unit: how long each was observed within the horizon, and what is left of
        it.
    purchases : Array
        Shape (n,): purchases since the assignment, within the horizon; a first purchase that is
        the assignment is none.
    value : Array or None
        Shape (n,): what was spent in that time, the first purchase included, times the margin and
        discounted to the assignment.
    history : Customers
        n rows: all that is known at the end of observation.
    past : Customers or None
        n rows: what was known before the start.
    spent : Array or None
        Shape (n,): what was spent before the start.
    left_out : mapping of str to int
        Customers who are not compared, by reason.
    newcomers : tuple of Newcomers
        Of comparisons from a date.
    membership : Membership or None
        How customers came to be in an arm; None for before and after.
    gap : float
        The usual (median) time between two purchases in a row, in the unit; NaN without any.
    overlap : float
        Of before and after: share of the time of the customers from before that lies after.
    from_log_start : bool
        Of before and after: whether the first customers of the log are among them.
    """

    design: Design
    arms: tuple[str, ...]
    arm: NDArray[np.intp]
    started: Whole
    observed: Array
    remaining: Array
    purchases: Array
    value: Array | None
    history: Customers
    past: Customers | None
    spent: Array | None
    left_out: dict[str, int]
    newcomers: tuple[Newcomers, ...]
    gap: float
    membership: Membership | None = None
    overlap: float = 0.0
    from_log_start: bool = False

    def of(self, arm: int) -> NDArray[np.intp]:
        """Return the rows of an arm."""
        return np.flatnonzero(self.arm == arm)


def make_trial(
    found: Assigned,
    terms: Terms,
    *,
    start: date | None,
    before: date | None,
    window: float | None,
    control: str | None,
    pooled: bool,
) -> Trial:
    """Return who is compared with whom.

    Parameters
    ----------
    found
        The orders, read with the cut on the day before `start`.
    terms
        Horizon, rate, margin.
    start
        First day of the comparison of all customers known then.
    before
        First day of 'after', where customers are told by when they came.
    window
        How long to observe each customer, in the unit.
    control, pooled
        The arm that others are compared with, and whether these are one.
    """
    days = None if window is None else math.floor(window * terms.days + 1e-9)
    if days is not None and days < 1:
        raise ParameterError(
            "`window` is at least a day.", place=f"Got {window:g} {terms.unit}s.", fix="Pass '13w'."
        )
    if start is not None and found.after is not None:
        return _from_date(found, found.after, terms, start, days, control, pooled)
    if before is not None:
        return _before_and_after(found, terms, before, days)
    return _from_first(found, terms, days, control, pooled)


# --- designs ----------------------------------------------------------------------------------


def _from_date(
    found: Assigned,
    after: Occasions,
    terms: Terms,
    start: date,
    days: int | None,
    control: str | None,
    pooled: bool,
) -> Trial:
    cut = day_number(start) - 1
    end = found.end if days is None else min(found.end, cut + days)
    after = after.take(after.day <= end)
    known = np.bincount(found.before.customer, minlength=found.n) > 0
    usable, reasons = _usable(found, known, pooled)
    arms, arm = _arms([found.arm[i] for i in np.flatnonzero(usable)], control, pooled)
    past, later = chosen(found.before, usable), chosen(after, usable)
    n, length = len(arm), (end - cut) / terms.days
    counted = later.take(later.day - cut <= terms.horizon * terms.days)
    place = np.full(found.n, -1)
    place[np.flatnonzero(usable)] = arm
    first = first_days(past, n)
    return Trial(
        design="from a date",
        arms=arms,
        arm=arm,
        started=np.full(n, cut + 1),
        observed=np.full(n, min(length, terms.horizon)),
        remaining=np.full(n, max(terms.horizon - length, 0.0)),
        purchases=np.bincount(counted.customer, minlength=n).astype(np.float64),
        value=worth(counted, np.full(n, cut), terms),
        history=histories(past.followed_by(later), np.full(n, end), first, terms.unit),
        past=histories(past, np.full(n, cut), first, terms.unit),
        spent=None
        if past.value is None
        else np.bincount(past.customer, past.value, n).astype(float),
        left_out=reasons,
        newcomers=_newcomers(found, after, known, arms, pooled),
        gap=usual_gap(past.followed_by(later), terms),
        membership=membership(found, known, np.full(found.n, cut)),
    )


def _from_first(
    found: Assigned, terms: Terms, days: int | None, control: str | None, pooled: bool
) -> Trial:
    first = first_days(found.before, found.n)
    old = np.ones(found.n, dtype=np.bool_) if days is None else found.end - first >= days
    usable, reasons = _usable(found, old, pooled)
    reasons["observed for less than `window`"] = int((~old).sum())
    arms, arm = _arms([found.arm[i] for i in np.flatnonzero(usable)], control, pooled)
    trial = _since_first(found, usable, terms, days, "from the first purchase", arms, arm, reasons)
    return replace(trial, membership=membership(found, old, first))


def _before_and_after(found: Assigned, terms: Terms, before: date, days: int | None) -> Trial:
    """Compare who came just before a day with who came from it on, at the same age.

    As many days of newcomers on either side, so that neither has customers from the start of the
    log, who may be old ones.
    """
    day = day_number(before)
    first = first_days(found.before, found.n)
    window = max((found.end - day) // 2, 1) if days is None else days
    span = found.end - window - day + 1
    if span < 1 or not (first < day).any():
        raise ParameterError(
            "Before and after a day customers came, and those after it are as old as `window`.",
            place=f"The log has first purchases from {as_date(int(first.min()))} and ends on "
            f"{as_date(found.end)}; {before} and {window} days of observation do not fit.",
            fix="Choose another date, or a shorter `window`.",
        )
    near = (first >= day - span) & (first < day + span)
    reasons = {
        "came longer before": int((first < day - span).sum()),
        "observed for less than `window`": int((first >= day + span).sum()),
    }
    arm = (first[near] >= day).astype(np.intp)
    arms = ("before", "after")
    _require_arms(Counter(arms[k] for k in arm))
    trial = _since_first(found, near, terms, window, "before and after", arms, arm, reasons)
    late = np.clip(trial.started[arm == 0] + window - day + 1, 0, window) / window
    return replace(
        trial, overlap=float(late.mean()), from_log_start=bool(day - span <= first.min())
    )


def _since_first(
    found: Assigned,
    usable: Mask,
    terms: Terms,
    days: int | None,
    design: Design,
    arms: tuple[str, ...],
    arm: NDArray[np.intp],
    reasons: dict[str, int],
) -> Trial:
    """Observe customers from their first purchase, for so many days or to the end."""
    own = chosen(found.before, usable)
    n = len(arm)
    first = first_days(own, n)
    end = np.full(n, found.end) if days is None else first + days
    own = own.take(own.day <= end[own.customer])
    length = (end - first) / terms.days
    counted = own.take(own.day - first[own.customer] <= terms.horizon * terms.days)
    return Trial(
        design=design,
        arms=arms,
        arm=arm,
        started=first,
        observed=np.minimum(length, terms.horizon),
        remaining=np.maximum(terms.horizon - length, 0.0),
        purchases=np.bincount(counted.customer, minlength=n).astype(np.float64) - 1.0,
        value=worth(counted, first, terms),
        history=histories(own, end, first, terms.unit),
        past=None,
        spent=None,
        left_out=reasons,
        newcomers=(),
        gap=usual_gap(own, terms),
    )


# --- arms -------------------------------------------------------------------------------------


def _usable(found: Assigned, known: Mask, pooled: bool) -> tuple[Mask, dict[str, int]]:
    """Return who of those `known` is in one arm, and why the others are not."""
    none = np.array([each is None for each in found.arm], dtype=np.bool_)
    reasons = {
        "in no arm": int((known & none).sum()),
        "in several arms": int((known & found.several).sum()),
    }
    usable = known & ~none & ~found.several
    if not pooled:
        sizes = Counter(found.arm[i] for i in np.flatnonzero(usable))
        alone = np.array([sizes[each] == 1 for each in found.arm], dtype=np.bool_)
        reasons["alone in an arm"] = int((usable & alone).sum())
        usable &= ~alone
    return usable, reasons


def _arms(
    labels: list[str | None], control: str | None, pooled: bool
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the names of the arms, the control first, and the number of each customer's."""
    names = sorted({str(each) for each in labels})
    if control is None:
        control = next((each for each in names if each.casefold() == "control"), None)
        control = control or next(iter(names), None)
    elif control not in names:
        raise ParameterError(
            "`control` is one of the arms.",
            place=f"Got {control!r}; the arms are {', '.join(map(repr, names[:10]))}.",
            fix=did_you_mean(control, names),
        )
    rest = [each for each in names if each != control]
    if pooled:
        arms: tuple[str, ...] = (str(control), _OTHERS if control != _OTHERS else "all others")
        arm = np.array([each != control for each in labels], dtype=np.intp)
        _require_arms(Counter(arms[k] for k in arm))
        return arms, arm
    _require_arms(Counter(map(str, labels)))
    arms = (str(control), *rest)
    number = {each: i for i, each in enumerate(arms)}
    return arms, np.array([number[str(each)] for each in labels], dtype=np.intp)


def _require_arms(sizes: Counter[str]) -> None:
    if len(sizes) < 2 or min(sizes.values()) < 2:
        seen = ", ".join(f"{arm!r}: {size:,}" for arm, size in list(sizes.items())[:10]) or "none"
        raise DataError(
            "A comparison has at least two arms, each of two customers or more.",
            place=f"Customers by arm: {seen}.",
            fix="Name another `group` or date, or pool small arms with others=True.",
        )


def _newcomers(
    found: Assigned, after: Occasions, known: Mask, arms: tuple[str, ...], pooled: bool
) -> tuple[Newcomers, ...]:
    """Count customers first seen after the start, by arm."""
    count = np.bincount(after.customer, minlength=found.n)
    worth = None if after.value is None else np.bincount(after.customer, after.value, found.n)
    own: dict[str, list[int]] = {each: [] for each in arms}
    for i in np.flatnonzero(~known & (count > 0) & ~found.several):
        label = found.arm[i]
        if label is not None:
            arm = label if not pooled or label == arms[0] else arms[1]
            own.setdefault(arm, []).append(int(i))
    return tuple(
        Newcomers(
            arm,
            len(rows),
            int(count[rows].sum()),
            None if worth is None else float(worth[rows].sum()),
        )
        for arm, rows in own.items()
    )
