"""Customers: validated purchase histories as arrays, the only thing that a model sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.columns import (
    check_covariate,
    check_frequency,
    check_spend,
    check_timing,
    check_vector,
    refuse_rows,
)
from clvmodels.errors import DataError, MissingColumnError, did_you_mean
from clvmodels.special import distinct_rows, fold
from clvmodels.units import TimeUnit, check_unit

__all__ = ["Customers", "Definitions", "Histories", "as_histories"]

Array: TypeAlias = NDArray[np.float64]
Covariates: TypeAlias = Mapping[str, NDArray[Any]]
Column: TypeAlias = str  # "frequency", "recency", "T", "monetary_value", or the name of a covariate
Grid: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
Returns: TypeAlias = Literal["net", "drop", "error"]
TIMING: tuple[Column, ...] = ("frequency", "recency", "T")
SPEND: tuple[Column, ...] = ("frequency", "monetary_value")
_FOLDED = 50_000  # rows from which on mean spend is folded: below, a fit takes a moment anyway


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
    log_intervals : Array or None
        Shape (n,). Sum over the times between consecutive occasions of their logarithm, which
        models of regular timing use; the mean over its customers in a row that several share.
    covariates : mapping of str to array
        What else is known of a customer, such as the channel: numbers or text, each of shape (n,).

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
    log_intervals: Array | None = None
    covariates: Covariates = field(default_factory=dict)

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
        log_intervals: ArrayLike | None = None,
        covariates: Mapping[str, ArrayLike] | None = None,
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
        log_intervals
            Sum of ln(time between occasions), 0 where frequency is 0; for regular timing alone.
        covariates
            Columns of numbers or text by name, for models with covariates.

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
        x = check_vector(frequency, "frequency")
        n = len(x)
        if (recency is None) != (age is None):
            raise DataError("`recency` and `age` come together.", fix="Give both or neither.")
        t_x = None if recency is None else check_vector(recency, "recency", n)
        T = None if age is None else check_vector(age, "age (T)", n)
        w = np.ones(n) if weight is None else check_vector(weight, "weight", n)
        m = None if monetary_value is None else check_spend(monetary_value, x)
        check_frequency(x)
        refuse_rows(~(w > 0.0), "Weights are above zero.", "weight", w, "Leave such rows out.")
        if t_x is not None and T is not None:
            check_timing(x, t_x, T)
            t_x = np.minimum(t_x, T)
        gaps = None if log_intervals is None else check_vector(log_intervals, "log_intervals", n)
        known = {name: check_covariate(each, name, n) for name, each in (covariates or {}).items()}
        for array in (x, t_x, T, m, w, gaps, *known.values()):
            if array is not None:
                array.setflags(write=False)
        units = None if unit is None else check_unit(unit)
        return cls(x, t_x, T, m, w, units, gaps, MappingProxyType(known))

    @classmethod
    def from_renewals(
        cls, active: Sequence[float] | ArrayLike, *, unit: TimeUnit | None = None
    ) -> Customers:
        """Take one cohort of subscribers: how many were still active after each renewal.

        Parameters
        ----------
        active
            Shape (m + 1,): customers at the start, after the first renewal, ..., after the m-th.
        unit
            The period between renewals.

        Returns
        -------
        Customers
            One row for each renewal at which customers left, and one for those who are active.
            frequency and recency count renewals, age (T) counts opportunities to renew.

        Raises
        ------
        DataError
            The counts rise, or are not numbers above or equal to zero.

        Examples
        --------
        >>> Customers.from_renewals([1000, 869, 743], unit="year").weight.tolist()
        [131.0, 126.0, 743.0]
        """
        counts = check_vector(active, "active")
        left = -np.diff(counts)
        rising = np.append(counts < 0.0, False)[: len(counts)]
        rising[1:] |= left < 0.0
        refuse_rows(
            rising, "A cohort never grows.", "active", counts, "Count one cohort at a time."
        )
        renewals = np.arange(len(counts), dtype=np.float64)
        weight = np.append(left, counts[-1:])
        some = weight > 0.0
        opportunities = np.full(len(counts), len(counts) - 1.0)
        return cls.from_arrays(
            renewals[some], renewals[some], opportunities[some], unit=unit, weight=weight[some]
        )

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
        total = float(self.weight.sum())
        whole = float(round(total))  # weights of folded customers add up to it but for rounding
        return whole if abs(total - whole) <= 1e-12 * total else total

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

    def customers(self, covariates: tuple[str, ...] = ()) -> Customers:  # noqa: ARG002 - they are here
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
            log_intervals=some(self.log_intervals),
            covariates={name: column[rows] for name, column in self.covariates.items()},
        )

    def patterns(self, by: tuple[Column, ...] = TIMING) -> Customers:
        """Return the distinct histories with their numbers of customers, in sorted order.

        Parameters
        ----------
        by
            What makes a history, such as ``("frequency", "recency", "T")``; covariates by name.
            Mean spend hardly ever repeats: of more than 50,000 rows each frequency and narrow band
            of mean spend has up to three weighted values that stand for its customers
            (`special.cells`).

        Examples
        --------
        >>> c = Customers.from_arrays([0, 1, 0], [0.0, 2.0, 0.0], [5.0, 5.0, 5.0], unit="day")
        >>> c.patterns().weight.tolist()
        [2.0, 1.0]
        """
        known: dict[str, NDArray[Any] | None] = {
            "frequency": self.frequency,
            "recency": self.recency,
            "T": self.age,
        }
        known["monetary_value"] = self.monetary_value
        if "monetary_value" in by and "T" not in by and len(self) > _FOLDED:
            return self._folded(tuple(name for name in by if name in self.covariates))
        first, code = distinct_rows(*_known_columns({**self.covariates, **known}, by))
        rows = self.take(first)
        weight = np.bincount(code, self.weight).astype(np.float64)
        gaps = self.log_intervals
        return replace(
            rows,
            weight=weight,
            recency=rows.recency if "recency" in by else None,
            age=rows.age if "T" in by else None,
            monetary_value=rows.monetary_value if "monetary_value" in by else None,
            log_intervals=None
            if gaps is None
            else np.bincount(code, self.weight * gaps).astype(np.float64) / weight,
            covariates={k: column for k, column in rows.covariates.items() if k in by},
        )

    def _folded(self, covariates: tuple[Column, ...]) -> Customers:
        """Return few customers whose sums of smooth functions of ln(mean spend) are the same."""
        x, m = self.spend
        labels = [self.covariates[name] for name in covariates]
        paid = np.flatnonzero((x > 0.0) & (m > 0.0))
        row, value, weight = fold(m[paid], self.weight[paid], x[paid], *(e[paid] for e in labels))
        rest = np.flatnonzero(~((x > 0.0) & (m > 0.0)))
        first, code = distinct_rows(x[rest], *(each[rest] for each in labels))
        rows = self.take(np.append(paid[row], rest[first]))
        return replace(
            rows,
            recency=None,
            age=None,
            log_intervals=None,
            monetary_value=np.append(value, m[rest[first]]),
            weight=np.append(weight, np.bincount(code, self.weight[rest])),
            covariates={name: rows.covariates[name] for name in covariates},
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
    grid : {'day', 'week', 'month', 'quarter', 'year'}
        Period in which orders are one occasion; months and longer are those of the calendar.
    returns : {'net', 'drop', 'error'}
        What happened to refunds.
    """

    grid: Grid
    returns: Returns


@runtime_checkable
class Histories(Protocol):
    """Purchase histories, as rows or as patterns: `Customers`, or a summary on any engine."""

    def customers(self, covariates: tuple[str, ...] = ()) -> Customers:
        """Return every customer in the order of the table, with these covariates."""
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


def _known_columns(
    known: dict[str, NDArray[Any] | None], by: tuple[Column, ...]
) -> list[NDArray[Any]]:
    columns = [known.get(name) for name in by]
    missing = [name for name, column in zip(by, columns, strict=True) if column is None]
    if missing and missing[0] not in (*TIMING, *SPEND):
        others = sorted(set(known) - {*TIMING, *SPEND})
        raise MissingColumnError(
            "The covariates of a model are columns of the customers.",
            place=f"There is no column {missing[0]!r}. {did_you_mean(missing[0], others)}"
            if others
            else f"There is no column {missing[0]!r}, nor any other covariate.",
            fix="Join them with rfm.with_covariates(table), or pass covariates= to "
            "Customers.from_arrays.",
        )
    if missing:
        raise DataError(
            f"This model needs {', '.join(by)} of every customer.",
            place=f"There is no {missing[0]}.",
            fix="Name the `amount` column in rfm_summary for spend, or pass the missing array.",
        )
    return [column for column in columns if column is not None]
