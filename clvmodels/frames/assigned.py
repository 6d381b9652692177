"""The orders of customers in the arms of a comparison, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError
from clvmodels.frames.calendar import as_date, day_number
from clvmodels.frames.cleaning import CleanLog, clean, later_rows
from clvmodels.frames.columns import CUSTOMER, DAY, PERIOD
from clvmodels.frames.dates import UNREADABLE
from clvmodels.frames.engines import collected
from clvmodels.frames.occasions import VALUE, kept, net_occasions
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.usual_labels import LABEL, check_labels, labelled

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NEVER", "Assigned", "Occasions", "arm_name", "assigned"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

_PLACE: Final = "_place"
_VALUES: Final = "_values"
_NAMED: Final = "_named"

NEVER: Final = np.iinfo(np.int64).max  # a day number


@dataclass(frozen=True, eq=False)
class Occasions:
    """Purchase occasions, refunds taken off, sorted by customer and day; m of them.

    Attributes
    ----------
    customer : Whole
        Shape (m,): the number of the customer.
    day : Whole
        Shape (m,): days since 1970.
    value : Array or None
        Shape (m,): what each is worth; None without amounts.
    """

    customer: Whole
    day: Whole
    value: Array | None

    def take(self, rows: NDArray[np.bool_]) -> Occasions:
        """Return some of the occasions."""
        value = None if self.value is None else self.value[rows]
        return Occasions(self.customer[rows], self.day[rows], value)

    def followed_by(self, later: Occasions) -> Occasions:
        """Return these occasions and later ones of the same customers."""
        customer = np.concatenate([self.customer, later.customer])
        day = np.concatenate([self.day, later.day])
        order = np.lexsort([day, customer])
        value = None
        if self.value is not None and later.value is not None:
            value = np.concatenate([self.value, later.value])[order]
        return Occasions(customer[order], day[order], value)


@dataclass(frozen=True, eq=False)
class Assigned:
    """The n customers of a log in the order of their ids, with what they bought and their arms.

    Attributes
    ----------
    n : int
        Customers.
    before : Occasions
        Up to the cut, as known then; without a cut all of them.
    after : Occasions or None
        After the cut. Refunds there are taken off purchases there alone.
    arm : tuple of str or None
        For each customer the smallest label; None without one. Empty without labels.
    several : NDArray
        Shape (n,): whether rows of the customer have different labels.
    named : Whole
        Shape (n,): day number of the first row that has a label, or NEVER.
    end : int
        Last day of observation, as a day number.
    """

    n: int
    before: Occasions
    after: Occasions | None
    arm: tuple[str | None, ...]
    several: NDArray[np.bool_]
    named: Whole
    end: int


def assigned(
    transactions: Any,
    rules: Rules,
    *,
    group: str | None,
    cut: date | None,
    observed_until: date | str | None,
) -> Assigned:
    """Read who bought when, before and after a cut, and what arm each customer is in.

    Parameters
    ----------
    transactions, rules
        The log, and how it is read.
    group
        The column of arms, or None.
    cut
        Last day before the comparison; nothing later has any influence on `Assigned.before`.
    observed_until
        Last day of observation; the last day of the log if None.

    Raises
    ------
    ParameterError
        The cut is not before the end of observation.
    ClvError
        As in `rfm_summary`.
    """
    import polars as pl

    if group is not None:
        check_labels(transactions, (group,), customer=rules.customer)
    log = read_log(transactions, rules, observed_until=observed_until)
    if cut is not None and log.end <= day_number(cut):
        raise ParameterError(
            "A comparison has at least one day from its `start` on.",
            place=f"It starts after {cut}, and observation ends on {as_date(log.end)}.",
            fix="Choose an earlier `start`, or bring newer orders.",
        )
    if cut is None:
        tables = [_occasions(log)]
    else:
        known = clean(
            log.source, observed_until=cut, returns=rules.returns, invalid="drop", strict=False
        )
        tables = [_occasions(known), _occasions(later_rows(log, day_number(cut)))]
    ids = pl.concat([each.select(CUSTOMER) for each in tables]).unique().sort(CUSTOMER)
    people = ids.with_row_index(_PLACE)
    arm: tuple[str | None, ...] = ()
    several = np.zeros(len(people), dtype=np.bool_)
    named = np.full(len(people), NEVER)
    if group is not None:
        labels = people.join(_labels(transactions, rules, group, log.end), on=CUSTOMER, how="left")
        labels = labels.sort(_PLACE)
        arm = tuple(labels[LABEL].to_list())
        several = labels[_VALUES].fill_null(0).to_numpy() > 1
        named = labels[_NAMED].cast(pl.Int64).fill_null(NEVER).to_numpy()
    before, *after = (_arrays(each, people) for each in tables)
    later = after[0] if after else None
    return Assigned(len(people), before, later, arm, several, named, log.end)


def _occasions(log: CleanLog) -> pl.DataFrame:
    found = kept(net_occasions(log, grid="day"), has_amount=log.source.has_amount)
    columns = [CUSTOMER, PERIOD, *([VALUE] if log.source.has_amount else [])]
    return _in_polars(found.select(columns))


def _arrays(table: pl.DataFrame, people: pl.DataFrame) -> Occasions:
    placed = table.join(people, on=CUSTOMER, how="inner").sort(_PLACE, PERIOD)
    value = None
    if VALUE in placed.columns:
        value = np.asarray(placed[VALUE].to_numpy(), dtype=np.float64)
    return Occasions(
        placed[_PLACE].to_numpy().astype(np.int64),
        placed[PERIOD].to_numpy().astype(np.int64),
        value,
    )


def _labels(transactions: Any, rules: Rules, group: str, end: int) -> pl.DataFrame:
    """Return CUSTOMER, the smallest label as text, how many there are, and since when."""
    import polars as pl

    source = labelled(transactions, rules, (group,))
    label, day = f"{LABEL}0", nw.col(DAY)
    seen = source.frame.filter(day <= end, day != UNREADABLE)
    seen = seen.filter(~nw.col(CUSTOMER).is_null() & ~nw.col(label).is_null())
    pairs = _in_polars(seen.group_by(CUSTOMER, label).agg(day.min().alias(_NAMED)))
    text = pairs.with_columns(_as_text(pairs[label]).alias(LABEL))
    return (
        text.filter(pl.col(LABEL).str.strip_chars() != "")
        .group_by(CUSTOMER)
        .agg(
            pl.col(LABEL).min(),
            pl.col(LABEL).n_unique().alias(_VALUES),
            pl.col(_NAMED).min(),
        )
    )


def _as_text(labels: pl.Series) -> pl.Series:
    """Return labels as text; 0.0 and 1.0, as a column of 0, 1 and gaps has it, as 0 and 1."""
    import polars as pl

    if labels.dtype.is_float() or labels.dtype.is_decimal():
        labels = labels.cast(pl.Float64).fill_nan(None)
        if bool((labels.is_null() | (labels.is_finite() & (labels.round() == labels))).all()):
            labels = labels.cast(pl.Int64)
    return labels.cast(pl.String)


def arm_name(label: object) -> str:
    """Return how an arm is named whose label in the log is a number, a truth value or text.

    Examples
    --------
    >>> [arm_name(each) for each in ("mail", 0, 1.0, True)]
    ['mail', '0', '1', 'true']
    """
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def _in_polars(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
    import polars as pl

    native = nw.to_native(collected(frame))
    return native if isinstance(native, pl.DataFrame) else pl.DataFrame(native)
