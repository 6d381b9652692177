"""The lookup table of `clvmodels.lookup` as a table to load into a warehouse, with integer keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Definitions, Histories, as_histories
from clvmodels.errors import DataError, ParameterError, UnitMismatchError
from clvmodels.lookup import Lookup, lookup, state_of
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.special import distinct_rows
from clvmodels.units import Duration, in_units
from clvmodels.warehouse.dialects import Dialect, TableName, render, table
from clvmodels.warehouse.orders import Orders

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LookupTable", "Reach", "make_lookup_table"]

_MOST_STATES: Final = 1_000_000
_WHOLE: Final = 1e-6  # periods by which a time of a finished table may miss a whole number


@dataclass(frozen=True)
class Reach:
    """For which histories a lookup table is made.

    Attributes
    ----------
    customers : Histories or None
        Those of some customers.
    max_frequency : int or None
        Or all up to this number of repeat purchases,
    max_age : Duration or None
        and up to this age.
    """

    customers: Histories | None
    max_frequency: int | None
    max_age: Duration | None


@dataclass(frozen=True)
class LookupTable:
    """A lookup table: name, integer keys, columns.

    Attributes
    ----------
    name : str or tuple of str
        Its name in the warehouse.
    keys : tuple of str
        Its key columns, the first of which is the frequency.
    values : tuple of str
        The others.
    frame : DataFrame
        Its rows, as polars.
    """

    name: TableName
    keys: tuple[str, ...]
    values: tuple[str, ...]
    frame: pl.DataFrame

    @property
    def elementary(self) -> bool:
        """Whether P(alive) is left to arithmetic."""
        return "odds" in self.values

    def create(self, dialect: Dialect) -> str:
        """Return the statement that makes the table."""
        from sqlglot import exp, parse_one

        columns = [f"{key} BIGINT NOT NULL" for key in self.keys]
        columns += [f"{value} DOUBLE" for value in self.values]
        made = parse_one(f"CREATE TABLE placeholder ({', '.join(columns)})", dialect="duckdb")
        for each in list(made.find_all(exp.Table)):
            each.replace(table(self.name, role="lookup_table"))
        return render(made, (), dialect, "The lookup table of clvmodels")


def make_lookup_table(
    name: TableName,
    model: PurchasePredictions,
    orders: Orders,
    reach: Reach,
    *,
    horizon: float,
    rate: float,
) -> LookupTable:
    """Work out the lookup table of a model for some histories.

    Raises
    ------
    DataError
        No histories are given, too many, or not those of the orders.
    """
    by = state_of(model)
    if by[len(by) - len(model.variables) :]:
        raise DataError(
            "A lookup table has frequency and times as its keys.",
            place=f"This model has covariates: {', '.join(map(repr, model.variables))}.",
            fix="Use predict on DuckDB or Spark, or a query for each segment with the model at "
            "its covariates, such as fit.at(channel='web').",
        )
    keys = _states(model, by, orders, reach)
    period, per_unit = orders.lengths
    times = {key: np.asarray(column * period / per_unit) for key, column in keys.items()}
    x, T = keys["frequency"], times["T"]
    t_x = times.get("recency", np.where(x > 0.0, T, 0.0))  # of pairs any will do
    states = Customers.from_arrays(x, t_x, T, unit=orders.unit)
    return _as_table(name, keys, lookup(model, states, horizon=horizon, rate=rate), orders)


def _as_table(
    name: TableName, keys: dict[str, NDArray[np.float64]], found: Lookup, orders: Orders
) -> LookupTable:
    import polars as pl

    names = {"frequency": "frequency", "recency": f"recency_{orders.grid}s"}
    names["T"] = f"age_{orders.grid}s"
    whole = {names[key]: column.astype(np.int64) for key, column in keys.items()}
    frame = pl.DataFrame({**whole, **found.columns})
    frame = frame.with_columns(pl.col(*found.columns).fill_nan(None))  # infinite: shown as null
    return LookupTable(name, tuple(whole), tuple(found.columns), frame)


# --- which histories --------------------------------------------------------------------------


def _states(
    model: PurchasePredictions, by: tuple[str, ...], orders: Orders, reach: Reach
) -> dict[str, NDArray[np.float64]]:
    """Return the distinct keys, in whole periods, each of shape (n,)."""
    if reach.customers is not None:
        if reach.max_frequency is not None or reach.max_age is not None:
            raise ParameterError(
                "A lookup table is for some `customers`, or for all up to a frequency and an age.",
                place="Both were given.",
                fix="Leave out `customers`, or `max_frequency` and `max_age`.",
            )
        return _of_customers(reach.customers, by, orders)
    if "recency" in by:
        raise DataError(
            f"P(alive) of {type(model).__name__} is a row of the table for each frequency, recency "
            "and T.",
            place="There are too many to list them all.",
            fix="Pass `customers`: the summary, or queries.from_patterns(...) of the result of the "
            "`.patterns` query.",
        )
    if reach.max_frequency is None or reach.max_age is None:
        raise ParameterError(
            "A lookup table needs to know for which histories it is.",
            place="Neither `customers` nor both of `max_frequency` and `max_age` were given.",
            fix="Pass customers=rfm, or for instance max_frequency=100, max_age='3y'.",
        )
    return _all_up_to(reach.max_frequency, reach.max_age, orders)


def _all_up_to(
    max_frequency: int, max_age: Duration, orders: Orders
) -> dict[str, NDArray[np.float64]]:
    period, per_unit = orders.lengths
    age = in_units(max_age, orders.unit, start=None, name="max_age") * per_unit / period
    if max_frequency < 0 or (max_frequency + 1.0) * (age + 1.0) > _MOST_STATES:
        raise ParameterError(
            f"A lookup table has at most {_MOST_STATES:,} rows.",
            place=f"max_frequency={max_frequency!r} and max_age={max_age!r} ask for others.",
            fix="Pass smaller bounds, or `customers`.",
        )
    ages = np.arange(int(age + _WHOLE) + 1, dtype=np.float64)
    x, T = (each.ravel() for each in np.meshgrid(np.arange(max_frequency + 1.0), ages))
    possible = x <= T  # an occasion has a period of its own
    return {"frequency": x[possible], "T": T[possible]}


def _of_customers(
    customers: Histories, by: tuple[str, ...], orders: Orders
) -> dict[str, NDArray[np.float64]]:
    _check_counted_alike(customers, orders)
    patterns = as_histories(customers).patterns(by)
    known = {"frequency": patterns.frequency, "recency": patterns.recency, "T": patterns.age}
    period, per_unit = orders.lengths
    keys = {}
    for key in by:
        column = known[key]
        assert column is not None
        keys[key] = column if key == "frequency" else _whole(column * per_unit / period, orders)
    first, _ = distinct_rows(*keys.values())
    return {key: column[first] for key, column in keys.items()}


def _whole(times: NDArray[Any], orders: Orders) -> NDArray[np.float64]:
    periods = np.rint(times)
    bad = int((np.abs(times - periods) > _WHOLE).sum())
    if bad:
        raise DataError(
            f"The times of these customers are whole {orders.grid}s, as in the query.",
            place=f"{bad:,} distinct histories have others.",
            fix="Make the summary with rfm_summary, by the same grid and unit.",
        )
    return np.asarray(periods)


def _check_counted_alike(customers: Any, orders: Orders) -> None:
    unit = getattr(customers, "unit", None)
    if unit != orders.unit:
        raise UnitMismatchError(
            "The lookup table is in the unit of the queries.",
            place=f"They are per {orders.unit}, these customers per {unit}.",
            fix=f"Build the summary with unit={orders.unit!r}.",
        )
    rules: Definitions | None = getattr(customers, "definitions", None)
    if rules is not None and rules.grid != orders.grid:
        raise DataError(
            "The lookup table is for histories counted as in the queries.",
            place=f"They count by {orders.grid!r}, these customers by {rules.grid!r}.",
            fix=f"Build the summary with grid={orders.grid!r}.",
        )
