"""Give every row of a log one fate: a purchase, a refund, or left out for a declared reason."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import narwhals as nw

from clvmodels.customers import Returns
from clvmodels.errors import DataError, DataWarning, did_you_mean, first_few
from clvmodels.frames.calendar import as_date, day_number
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, RAW, REASON
from clvmodels.frames.dates import UNREADABLE
from clvmodels.frames.engines import collected
from clvmodels.frames.paths import empty_log, first_look
from clvmodels.frames.sources import Source

__all__ = ["CleanLog", "Fate", "Invalid", "clean"]

Invalid: TypeAlias = Literal["error", "drop"]
Fate: TypeAlias = Literal[
    "purchase",
    "refund",
    "no customer id",
    "no date",
    "unreadable date",
    "no amount",
    "infinite amount",
    "after observed_until",
    "in the incomplete last period",
]
FATES: Final[tuple[Fate, ...]] = (
    "purchase",
    "refund",
    "no customer id",
    "no date",
    "unreadable date",
    "no amount",
    "infinite amount",
    "after observed_until",
    "in the incomplete last period",
)
_INVALID: Final[tuple[Fate, ...]] = ("unreadable date", "no amount", "infinite amount")
_UNEXPLAINED: Final[tuple[Fate, ...]] = ("no customer id", "no date", *_INVALID)


@dataclass(frozen=True)
class FateCount:
    """Rows that met one fate, and the sum of their finite amounts."""

    rows: int = 0
    amount: float = 0.0


@dataclass(frozen=True)
class CleanLog:
    """A classified log.

    Attributes
    ----------
    frame : LazyFrame
        CUSTOMER, DAY (day number), AMOUNT if there are amounts, and REASON (index into `FATES`).
    source : Source
        Where it came from.
    counts : dict
        Rows and money of each fate.
    end : int
        Day number of the end of observation.
    returns : {'net', 'drop', 'error'}
        What happens to refunds.
    """

    frame: nw.LazyFrame[Any]
    source: Source
    counts: dict[Fate, FateCount]
    end: int
    returns: Returns

    def rows(self, *fates: Fate) -> nw.LazyFrame[Any]:
        """Return the rows that met some fates."""
        return self.frame.filter(nw.col(REASON).is_in([FATES.index(fate) for fate in fates]))


def clean(
    source: Source,
    *,
    observed_until: date | None,
    returns: Returns,
    invalid: Invalid,
    strict: bool,
    last_counted: Callable[[int], int] = int,
    part: bool = False,
) -> CleanLog:
    """Classify every row of a dated log, and audit it with one aggregate query.

    `last_counted` gives the last day that counts if observation ends on a day. Where it is an
    earlier one, the rows in between have a fate of their own, and a second query counts them.
    A `part` of a log may have no purchase, and no row.

    Raises
    ------
    DataError
        The log is empty, has no usable purchase, or breaks a rule that `returns`, `invalid` or
        `strict` makes an error.
    """
    check_choice(returns, ("net", "drop", "error"), name="returns")
    check_choice(invalid, ("error", "drop"), name="invalid")
    end = None if observed_until is None else day_number(observed_until)
    marked = source.frame.with_columns(_reason(source.has_amount, end).alias(REASON))
    counts, first, last = _audit(marked, source.has_amount)
    observed = last if end is None else end
    counted = last_counted(observed)
    if counted < observed:
        marked = source.frame.with_columns(_reason(source.has_amount, end, counted).alias(REASON))
        counts, first, _ = _audit(marked, source.has_amount)
    log = CleanLog(marked, source, counts, counted, returns)
    if not part:
        _refuse_empty(log, first)
    if invalid == "error":
        _refuse_fates(log, _INVALID, "Correct them, or pass invalid='drop' to leave them out.")
    if strict:
        _refuse_fates(log, _UNEXPLAINED, "Correct them, or pass strict=False to go on.")
    if returns == "error":
        _refuse_fates(log, ("refund",), "Pass returns='net' or returns='drop'.")
    return log


def later_rows(log: CleanLog, after: int) -> CleanLog:
    """Return the rows of a log after a day, counted anew."""
    frame = log.frame.filter(nw.col(DAY) > after)
    return replace(log, frame=frame, counts=_audit(frame, log.source.has_amount)[0])


def warn_of_losses(log: CleanLog, *, stacklevel: int) -> None:
    """Warn of rows that were left out although no rule asks for it."""
    lost = {fate: log.counts[fate] for fate in _UNEXPLAINED if fate in log.counts}
    if not lost:
        return
    total = sum(count.rows for count in log.counts.values())
    parts = [
        f"{count.rows:,} with {fate}" + (f" (amount {count.amount:,.2f})" if count.amount else "")
        for fate, count in lost.items()
    ]
    warnings.warn(
        f"Left out of {total:,} rows: {'; '.join(parts)}. The ledger of the summary accounts for "
        "them; strict=True would raise.",
        DataWarning,
        stacklevel=stacklevel + 1,
    )


def check_choice(value: str, choices: tuple[str, ...], *, name: str) -> None:
    """Raise `DataError` unless the value is one of the choices."""
    if value not in choices:
        raise DataError(
            f"`{name}` is one of {', '.join(map(repr, choices))}.",
            place=f"Got {value!r}.",
            fix=did_you_mean(str(value), choices),
        )


def _reason(has_amount: bool, end: int | None, counted: int | None = None) -> nw.Expr:
    """Return the index of the first fate that applies to a row."""
    tests: list[tuple[Fate, nw.Expr]] = [
        ("no customer id", nw.col(CUSTOMER).is_null()),
        ("no date", nw.col(DAY).is_null()),
        ("unreadable date", nw.col(DAY) == UNREADABLE),
    ]
    if has_amount:
        amount = nw.col(AMOUNT)
        tests.append(("no amount", amount.is_null() | amount.is_nan()))
        tests.append(("infinite amount", ~amount.is_finite()))
    if end is not None:
        tests.append(("after observed_until", nw.col(DAY) > end))
    if counted is not None:
        tests.append(("in the incomplete last period", nw.col(DAY) > counted))
    if has_amount:
        tests.append(("refund", nw.col(AMOUNT) < 0.0))
    fate = nw.lit(FATES.index("purchase"))
    for name, test in reversed(tests):
        fate = nw.when(test).then(nw.lit(FATES.index(name))).otherwise(fate)
    return fate.cast(nw.Int64)


def _audit(
    marked: nw.LazyFrame[Any], has_amount: bool
) -> tuple[dict[Fate, FateCount], int | None, int]:
    """Count rows and money by fate; return also the first and last day of purchases."""
    money = []
    if has_amount:
        finite = nw.when(nw.col(AMOUNT).is_finite()).then(nw.col(AMOUNT)).otherwise(nw.lit(0.0))
        marked = marked.with_columns(finite.alias("_finite"))
        money = [nw.col("_finite").sum().alias("amount")]
    table = marked.group_by(REASON).agg(
        nw.len().alias("rows"),
        nw.col(DAY).min().alias("first"),
        nw.col(DAY).max().alias("last"),
        *money,
    )
    counts: dict[Fate, FateCount] = {}
    first: int | None = None
    last = 0
    for row in first_look(table).iter_rows(named=True):
        fate = FATES[row[REASON]]
        counts[fate] = FateCount(int(row["rows"]), float(row.get("amount") or 0.0))
        if fate == "purchase":
            first, last = int(row["first"]), max(last, int(row["last"]))
        elif fate == "refund":
            last = max(last, int(row["last"]))
    return counts, first, last


# --- refusals --------------------------------------------------------------------------------


def _refuse_empty(log: CleanLog, first: int | None) -> None:
    total = sum(count.rows for count in log.counts.values())
    if total == 0:
        raise empty_log()
    if first is not None:
        return
    parts = [f"{count.rows:,} {fate}{_examples(log, fate)}" for fate, count in log.counts.items()]
    if "in the incomplete last period" in log.counts:
        fix = (
            f"The last complete period ends on {as_date(log.end)}: observe for longer, or choose a "
            "finer grid."
        )
    elif "after observed_until" in log.counts:
        fix = f"Observation ends on {as_date(log.end)}: is that before the first order?"
    else:
        fix = "Check that the right columns are named, and pass `date_format` for other dates."
    raise DataError(
        "A log has at least one purchase with a customer and a date.",
        place=f"Of {total:,} rows: {', '.join(parts)}.",
        fix=fix,
    )


def _refuse_fates(log: CleanLog, fates: tuple[Fate, ...], fix: str) -> None:
    bad = [fate for fate in fates if log.counts.get(fate, FateCount()).rows]
    if not bad:
        return
    total = sum(count.rows for count in log.counts.values())
    places = [
        f"{log.counts[fate].rows:,} of {total:,} rows: {fate}{_examples(log, fate)}" for fate in bad
    ]
    if "unreadable date" in bad:
        fix = "Pass `date_format` for dates in another form. " + fix
    raise DataError(
        "Every row has a customer id, a readable date and, if amounts are used, a finite amount."
        if bad != ["refund"]
        else "With returns='error' no amount is below zero.",
        place="; ".join(places) + ".",
        fix=fix,
    )


def _examples(log: CleanLog, fate: Fate) -> str:
    """Return some dates that cannot be read, else some customers, to find the rows by."""
    rows = log.rows(fate)
    if fate == "no customer id":
        return ""
    if fate == "unreadable date" and RAW in rows.collect_schema().names():
        dates = collected(rows.select(RAW).head(6))[RAW].to_list()
        return f" (for instance {first_few([repr(each) for each in dates])})"
    people = rows.select(CUSTOMER).unique().head(6)
    return f" (for instance of customer {first_few(log.source.ids(people))})"
