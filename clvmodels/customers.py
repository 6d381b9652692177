"""Customers: validated purchase histories as arrays, the only thing that a model sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import DataError, first_few
from clvmodels.special import distinct_rows
from clvmodels.units import TimeUnit, check_unit

__all__ = ["Customers", "Definitions", "Histories", "as_histories"]

Array: TypeAlias = NDArray[np.float64]
Column: TypeAlias = Literal["frequency", "recency", "T", "monetary_value"]
Grid: TypeAlias = Literal["day", "week"]
GRID_DAYS: Final[dict[str, int]] = {"day": 1, "week": 7}
Returns: TypeAlias = Literal["net", "drop", "error"]
TIMING: tuple[Column, ...] = ("frequency", "recency", "T")
SPEND: tuple[Column, ...] = ("frequency", "monetary_value")

_MOST_PURCHASES = 1e7  # bounds the tables of special.py; nobody has bought more often than this
_ROUNDING = 1e-9  # relative slack by which a recency may exceed the age it was computed beside


@dataclass(frozen=True, eq=False, repr=False)
class Customers:
    """Purchase histories, one row a customer or a distinct history with its number of customers.

    Build it with `Customers.from_arrays`, which validates. The arrays are read-only.

    Attributes
    ----------
    frequency : Array
        Shape (n,). Purchase occasions after the first, whole numbers.
    recency : Array or None
        Shape (n,), in `unit`. Time from the first occasion to the last; 0 exactly where
        `frequency` is 0. None where only spend is known.
    age : Array or None
        Shape (n,), in `unit`. Time from the first occasion to the end of observation ("T").
    monetary_value : Array or None
        Shape (n,), in the log's currency. Mean value of the occasions after the first; NaN where
        `frequency` is 0, since there is no such occasion.
    weight : Array
        Shape (n,). Number of customers that share the row.
    unit : TimeUnit or None
        Time unit of `recency` and `age`; None for histories simulated from a bare model.

    Examples
    --------
    >>> Customers.from_arrays([0, 2], [0.0, 30.4], [38.9, 38.9], unit="week")
    Customers(2 rows, 2 customers, 1 with a repeat purchase, unit='week')
    """

    frequency: Array
    recency: Array | None
    age: Array | None
    monetary_value: Array | None
    weight: Array
    unit: TimeUnit | None

    @classmethod
    def from_arrays(
        cls,
        frequency: ArrayLike,
        recency: ArrayLike | None = None,
        age: ArrayLike | None = None,
        *,
        unit: TimeUnit | None,
        monetary_value: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> Customers:
        """Validate arrays of shape (n,) and hold copies of them.

        Parameters
        ----------
        frequency
            Purchase occasions after the first: whole, zero or more.
        recency, age
            Times in `unit` with ``0 <= recency <= age``, and recency 0 exactly where frequency is
            0. Both may be left out for a spend model.
        unit
            Time unit of `recency` and `age`.
        monetary_value
            Mean value of the occasions after the first, zero or more; ignored where frequency is 0.
        weight
            Customers per row; one by default.

        Raises
        ------
        DataError
            A rule above is broken; the message has the count and the first rows.

        Examples
        --------
        >>> c = Customers.from_arrays([1], [2.0], [3.0], unit="week", monetary_value=[10.0])
        >>> len(c)
        1
        """
        x = _vector(frequency, "frequency")
        n = len(x)
        if (recency is None) != (age is None):
            raise DataError("`recency` and `age` come together.", fix="Give both or neither.")
        t_x = None if recency is None else _vector(recency, "recency", n)
        T = None if age is None else _vector(age, "age (T)", n)
        w = np.ones(n) if weight is None else _vector(weight, "weight", n)
        m = None if monetary_value is None else _spend_vector(monetary_value, x)
        _check_frequency(x)
        _refuse(~(w > 0.0), "Weights are above zero.", "weight", w, "Leave such rows out.")
        if t_x is not None and T is not None:
            _check_times(x, t_x, T)
            t_x = np.minimum(t_x, T)
        for array in (x, t_x, T, m, w):
            if array is not None:
                array.setflags(write=False)
        return cls(x, t_x, T, m, w, None if unit is None else check_unit(unit))

    def __len__(self) -> int:
        return len(self.frequency)

    def __repr__(self) -> str:
        repeat = self.weight[self.frequency > 0.0].sum()
        return (
            f"Customers({len(self)} rows, {self.n_customers:g} customers, "
            f"{repeat:g} with a repeat purchase, unit={self.unit!r})"
        )

    @cached_property
    def n_customers(self) -> float:
        """Number of customers: the sum of the weights."""
        return float(self.weight.sum())

    @property
    def timing(self) -> tuple[Array, Array, Array]:
        """Frequency, recency and age, each of shape (n,); raises `DataError` where not known."""
        if self.recency is None or self.age is None:
            raise DataError(
                "A purchase model needs recency and age.",
                place="These customers have frequency and spend alone.",
                fix="Pass `recency` and `age` to Customers.from_arrays.",
            )
        return self.frequency, self.recency, self.age

    @property
    def spend(self) -> tuple[Array, Array]:
        """Frequency and mean spend, each of shape (n,); raises `DataError` where not known."""
        if self.monetary_value is None:
            raise DataError(
                "A spend model needs the mean value of repeat purchases.",
                place="These customers have no monetary_value.",
                fix="Name the `amount` column in rfm_summary, or pass `monetary_value`.",
            )
        return self.frequency, self.monetary_value

    def customers(self) -> Customers:
        """Return the rows themselves, so that `Customers` serve wherever a summary does."""
        return self

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Customers:
        """Return some of the rows."""

        def some(column: Array | None) -> Array | None:
            return None if column is None else column[rows]

        return replace(
            self,
            frequency=self.frequency[rows],
            recency=some(self.recency),
            age=some(self.age),
            monetary_value=some(self.monetary_value),
            weight=self.weight[rows],
        )

    def patterns(self, by: tuple[Column, ...] = TIMING) -> Customers:
        """Return the distinct histories with their numbers of customers, in sorted order.

        Parameters
        ----------
        by
            What makes a history, such as ``("frequency", "recency", "T")``.

        Examples
        --------
        >>> c = Customers.from_arrays([0, 1, 0], [0.0, 2.0, 0.0], [5.0, 5.0, 5.0], unit="day")
        >>> c.patterns().weight.tolist()
        [2.0, 1.0]
        """
        known = {"frequency": self.frequency, "recency": self.recency, "T": self.age}
        known["monetary_value"] = self.monetary_value
        first, code = distinct_rows(*_known_columns(known, by))
        rows = self.take(first)
        return replace(
            rows,
            weight=np.bincount(code, self.weight).astype(np.float64),
            recency=rows.recency if "recency" in by else None,
            age=rows.age if "T" in by else None,
            monetary_value=rows.monetary_value if "monetary_value" in by else None,
        )

    def blocks(self, size: int = 1 << 14) -> Iterator[Customers]:
        """Yield the rows in blocks, so that derivatives need memory for one block alone."""
        if len(self) <= size:
            yield self
            return
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


@dataclass(frozen=True)
class Definitions:
    """The rules by which orders became histories: a fit holds for customers counted alike.

    Attributes
    ----------
    grid : {'day', 'week'}
        Period in which orders are one occasion.
    returns : {'net', 'drop', 'error'}
        What happened to refunds.
    """

    grid: Grid
    returns: Returns


@runtime_checkable
class Histories(Protocol):
    """Purchase histories, as rows or as patterns: `Customers`, or a summary on any engine."""

    def customers(self) -> Customers:
        """Return every customer in the order of the table."""
        ...

    def patterns(self, by: tuple[Column, ...] = ...) -> Customers:
        """Return the distinct histories with their numbers of customers."""
        ...


def as_histories(data: Histories) -> Histories:
    """Return the data if they are purchase histories, else raise `DataError`."""
    if isinstance(data, Histories):
        return data
    raise DataError(
        "A model takes a CustomerSummary or Customers.",
        place=f"Got {type(data).__module__}.{type(data).__qualname__}.",
        fix="Build one with rfm_summary(orders, ...) or CustomerSummary.from_frame(frame, ...).",
    )


def _known_columns(known: dict[str, Array | None], by: tuple[Column, ...]) -> list[Array]:
    columns = [known[name] for name in by]
    missing = [name for name, column in zip(by, columns, strict=True) if column is None]
    if missing:
        raise DataError(
            f"This model needs {', '.join(by)} of every customer.",
            place=f"There is no {missing[0]}.",
            fix="Name the `amount` column in rfm_summary for spend, or pass the missing array.",
        )
    return [column for column in columns if column is not None]


# --- validation -------------------------------------------------------------------------------


def _vector(values: ArrayLike, name: str, length: int | None = None) -> Array:
    """Return a finite float copy of shape (n,), or raise."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"`{name}` holds numbers.", place=f"Got {values!r:.80}.", fix="Convert it first."
        ) from None
    if array.ndim != 1 or (length is not None and len(array) != length):
        expected = "(n,)" if length is None else f"({length},)"
        raise DataError(
            f"`{name}` has shape {expected}, one value a row.",
            place=f"Got shape {array.shape}.",
            fix="Pass columns of the same table.",
        )
    fix = "Fill or drop these rows; rfm_summary makes complete ones from orders."
    _refuse(~np.isfinite(array), f"`{name}` is never missing or infinite.", name, array, fix)
    return array


def _spend_vector(values: ArrayLike, frequency: Array) -> Array:
    """Return mean spend with NaN where there was no repeat purchase."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    bought = frequency > 0.0
    if array.shape != frequency.shape:
        return _vector(values, "monetary_value", len(frequency))
    _refuse(
        bought & ~(np.isfinite(array) & (array >= 0.0)),
        "`monetary_value` is a finite amount, zero or more, where frequency is above 0.",
        "monetary_value",
        array,
        "Net refunds with rfm_summary, or leave these customers out.",
    )
    return np.where(bought, array, np.nan)


def _check_frequency(x: Array) -> None:
    _refuse(
        (x < 0.0) | (x != np.floor(x)) | (x > _MOST_PURCHASES),
        "`frequency` counts purchases after the first: a whole number from 0 to ten million.",
        "frequency",
        x,
        "Count occasions, not amounts or averages.",
    )


def _check_times(x: Array, t_x: Array, T: Array) -> None:
    fix = "Measure both from the first purchase, in the same unit."
    _refuse(T < 0.0, "`age` (T) is zero or more.", "age (T)", T, fix)
    _refuse(t_x < 0.0, "`recency` is zero or more.", "recency", t_x, fix)
    _refuse(
        t_x > T * (1.0 + _ROUNDING),
        "`recency` is at most `age` (T): nobody buys after the end of observation.",
        "recency",
        t_x,
        "Recency is the time from the first purchase to the last, not since the last. " + fix,
    )
    _refuse(
        (x == 0.0) & (t_x > 0.0),
        "`recency` is 0 where `frequency` is 0: the only purchase is the first one.",
        "recency",
        t_x,
        "Frequency counts purchases after the first.",
    )
    _refuse(
        (x > 0.0) & (t_x == 0.0),
        "`recency` is above 0 where `frequency` is above 0.",
        "frequency",
        x,
        "Merge purchases of the same day into one occasion.",
    )


def _refuse(bad: NDArray[np.bool_], rule: str, name: str, values: Array, fix: str) -> None:
    """Raise if any row is bad, with the count and the first rows and values."""
    rows = np.flatnonzero(bad)
    if len(rows):
        places = first_few([f"row {i}: {values[i]:g}" for i in rows[:6]])
        raise DataError(rule, place=f"{len(rows)} rows break this in {name} ({places}).", fix=fix)
