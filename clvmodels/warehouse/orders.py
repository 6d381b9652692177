"""The table of orders in a warehouse, and the rules by which its rows become histories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeAlias

from clvmodels.customers import Definitions
from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.frames.calendar import day_number
from clvmodels.frames.columns import PREDICTIONS, SUMMARY, refuse_collision
from clvmodels.frames.periods import period_of, units_per_period
from clvmodels.units import TimeUnit, check_unit, parse_date
from clvmodels.warehouse.dialects import TableName, check_name

__all__ = ["Orders", "SqlGrid", "SqlReturns", "resolve_rules"]

SqlGrid: TypeAlias = Literal["day", "week"]
SqlReturns: TypeAlias = Literal["net", "drop"]
Columns: TypeAlias = tuple[str, str, str | tuple[str, str] | None]  # customer, date, amount
Rules: TypeAlias = tuple[TimeUnit, str, str]  # unit, grid, returns
_GRIDS: Final[tuple[SqlGrid, ...]] = ("day", "week")
_RETURNS: Final[tuple[SqlReturns, ...]] = ("net", "drop")


@dataclass(frozen=True)
class Orders:
    """A table of orders: where it is, what its columns are, how its rows are counted.

    Attributes
    ----------
    table : str or tuple of str
        Its name.
    customer, day : str
        Its columns of ids and dates.
    amounts : tuple of str
        Columns whose product is the amount; empty without money.
    observed_until : date
        Last day of observation, included.
    unit : TimeUnit
        Unit of recency and T.
    grid : {'day', 'week'}
        Period in which orders are one occasion.
    returns : {'net', 'drop'}
        What happens to refunds.
    """

    table: TableName
    customer: str
    day: str
    amounts: tuple[str, ...]
    observed_until: date
    unit: TimeUnit
    grid: SqlGrid
    returns: SqlReturns

    @classmethod
    def checked(
        cls, table: TableName, columns: Columns, rules: Rules, *, observed_until: date | str
    ) -> Orders:
        """Check names and rules.

        Raises
        ------
        DataError
            A name is none, or a rule cannot be followed in a query.
        ParameterError
            The unit or the date is none.
        """
        customer, day, amount = columns
        unit, grid, returns = rules
        check_name(customer, role="customer")
        refuse_collision(customer, (*SUMMARY, *PREDICTIONS))
        check_name(day, role="date")
        amounts = (amount,) if isinstance(amount, str) else tuple(amount or ())
        for name in amounts:
            check_name(name, role="amount")
        until = parse_date(observed_until, name="observed_until")
        known = check_unit(unit)
        return cls(table, customer, day, amounts, until, known, _grid(grid), _returns(returns))

    @property
    def has_amount(self) -> bool:
        """Whether there is money."""
        return bool(self.amounts)

    @property
    def last_day(self) -> int:
        """The last day of observation, in days since 1970."""
        return day_number(self.observed_until)

    @property
    def last_period(self) -> int:
        """The period of the grid in which observation ends."""
        return period_of(self.last_day, self.grid)

    @property
    def lengths(self) -> tuple[float, float]:
        """Numbers a, b such that n periods are n * a / b units."""
        return units_per_period(self.grid, self.unit)

    @property
    def rules(self) -> str:
        """The rules in words, for the header of a query."""
        until, unit = self.observed_until.isoformat(), self.unit
        money = f", returns {self.returns!r}" if self.has_amount else ""
        return f"observed until {until}, unit {unit!r}, grid {self.grid!r}{money}"


def resolve_rules(
    fitted: Any, *, unit: TimeUnit | None, grid: str | None, returns: str | None
) -> Rules:
    """Return unit, grid and returns: those of a fit, else those given, else the defaults.

    Raises
    ------
    DataError
        What is given differs from the rules of the fit.
    ParameterError
        No unit is known.
    """
    rules: Definitions | None = getattr(fitted, "definitions", None)
    own: TimeUnit | None = getattr(fitted, "unit", None)
    if own is None and unit is None:
        raise ParameterError(
            "`unit` is the unit of recency and T for which the model was fitted.",
            place="This model has none of its own.",
            fix="Pass a fit, or unit='week' and the like.",
        )
    chosen = {
        "unit": _agree("unit", own, unit),
        "grid": _agree("grid", rules and rules.grid, grid) or "day",
        # A fit under returns='error' saw no refund, so that any rule for them agrees with it.
        "returns": returns
        if rules and rules.returns == "error" and returns is not None
        else _agree("returns", rules and rules.returns, returns) or "net",
    }
    return check_unit(chosen["unit"]), chosen["grid"], chosen["returns"]


def _agree(name: str, fitted: Any, given: Any) -> Any:
    if fitted is not None and given is not None and fitted != given:
        raise DataError(
            "A fit scores customers whose orders were counted as those that it was fitted to.",
            place=f"The fit has {name}={fitted!r}, the query was asked for with {given!r}.",
            fix=f"Leave out `{name}`, or fit again.",
        )
    return fitted if fitted is not None else given


def _grid(grid: str) -> SqlGrid:
    for known in _GRIDS:
        if grid == known:
            return known
    raise DataError(
        "Queries count occasions by 'day' or by 'week'.",
        place=f"Got grid={grid!r}.",
        fix="For periods of the calendar use rfm_summary, which runs on DuckDB and Spark too."
        if grid in ("month", "quarter", "year")
        else did_you_mean(str(grid), _GRIDS),
    )


def _returns(returns: str) -> SqlReturns:
    for known in _RETURNS:
        if returns == known:
            return known
    raise DataError(
        "A query takes refunds off purchases ('net') or leaves them out ('drop').",
        place=f"Got returns={returns!r}.",
        fix="A query cannot refuse refunds: pass returns='net' or 'drop', and run `.audit`, which "
        "counts them."
        if returns == "error"
        else did_you_mean(str(returns), _RETURNS),
    )
