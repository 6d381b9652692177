"""P(alive) and expected purchases over frequency and recency, for customers of one age."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.design import Level
from clvmodels.errors import DataError, ParameterError
from clvmodels.markup import Html, html_card, html_table
from clvmodels.models.arguments import check_counts, check_finite_times
from clvmodels.models.fit import Fit
from clvmodels.models.provenance import check_alike
from clvmodels.predictive.arguments import (
    finite_horizon,
    fitted_model,
    purchase_fit,
    with_covariates,
)
from clvmodels.units import Duration, TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Matrix", "expected_purchases_matrix", "p_alive_matrix"]

Array: TypeAlias = NDArray[np.float64]

_COLUMNS: Final = 21  # frequencies 0, ..., 20
_ROWS: Final = 27  # recencies, both ends included


@dataclass(frozen=True)
class Matrix:
    """A prediction for each frequency and recency, at one age.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a cell: ``frequency``, ``recency`` (in `unit`) and ``value``, which is missing
        where there is no such history: a last purchase without any, or any without a last.
    quantity : str
        'p_alive' or 'expected_purchases'.
    age : float
        Time since the first purchase, in `unit`.
    horizon : float or None
        How far ahead purchases are expected, in `unit`.
    unit : TimeUnit or None
        Unit of all times.
    model : str
        What the model is called.
    """

    table: pd.DataFrame
    quantity: Literal["p_alive", "expected_purchases"]
    age: float
    horizon: float | None
    unit: TimeUnit | None
    model: str

    @property
    def grid(self) -> pd.DataFrame:
        """The values with a row for each recency and a column for each frequency."""
        return self.table.pivot_table(
            "value", index="recency", columns="frequency", dropna=False, sort=True
        )

    @property
    def title(self) -> str:
        """What the cells show, in a line."""
        per = self.unit or "unit"
        what = "P(alive)"
        if self.horizon is not None:
            what = f"Expected purchases in the next {self.horizon:g} {per}s"
        return (
            f"{what} of customers whose first purchase was {self.age:g} {per}s ago ({self.model})"
        )

    def __str__(self) -> str:
        return f"{self.title}\n{self.grid.to_string(float_format='{:.2f}'.format, na_rep='')}"

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.grid, digits=3))


def p_alive_matrix(
    purchases: Any,
    *,
    age: Duration,
    frequencies: Sequence[float] | None = None,
    recencies: Sequence[float] | None = None,
    covariates: Mapping[str, Level] | None = None,
    unit: TimeUnit | None = None,
) -> Matrix:
    """Return P(alive) over frequency and recency.

    Parameters
    ----------
    purchases
        A fit of a purchase model, or a model.
    age
        Time since the first purchase, the same for all: ``"39w"``, or a number in the unit.
    frequencies
        Repeat purchases, whole; 0 to 20 if None.
    recencies
        Times of the last purchase, from the first one, in the unit; from 0 to the age if None.
    covariates
        Those of the customers, for a model that has some, such as ``{"channel": "web"}``.
    unit
        Unit of a model; that of the fit if None.

    Returns
    -------
    Matrix
        ``.table`` is long, ``.grid`` has rows of recencies and columns of frequencies.

    Raises
    ------
    ParameterError
        An argument is outside its domain, or covariates are missing.
    DataError
        Under this model nobody has such a history, such as fractions of whole periods.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> matrix = p_alive_matrix(model, age=39, frequencies=[0, 1, 10], recencies=[0, 20, 39])
    >>> matrix.grid.round(2)
    frequency   0     1     10
    recency
    0.0        1.0   NaN   NaN
    20.0       NaN  0.60  0.04
    39.0       NaN  0.75  0.94
    """
    cells = _Cells.of(purchases, age, frequencies, recencies, covariates, unit)
    return cells.matrix("p_alive", None, lambda c: cells.model.p_alive(c))


def expected_purchases_matrix(
    purchases: Any,
    *,
    age: Duration,
    horizon: Duration,
    frequencies: Sequence[float] | None = None,
    recencies: Sequence[float] | None = None,
    covariates: Mapping[str, Level] | None = None,
    unit: TimeUnit | None = None,
) -> Matrix:
    """Return expected purchases within a horizon over frequency and recency.

    Parameters
    ----------
    purchases, age, frequencies, recencies, covariates, unit
        As in `p_alive_matrix`.
    horizon
        How far ahead, finite: ``"1y"``, or a number in the unit.

    Returns
    -------
    Matrix
        As `p_alive_matrix`.

    Raises
    ------
    ParameterError, DataError
        As `p_alive_matrix`.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> matrix = expected_purchases_matrix(
    ...     model, age=39, horizon=39, frequencies=[1, 10], recencies=[20, 39]
    ... )
    >>> matrix.grid.round(2)
    frequency    1     10
    recency
    20.0       0.57  0.28
    39.0       0.72  6.79
    """
    cells = _Cells.of(purchases, age, frequencies, recencies, covariates, unit)
    ahead = finite_horizon(cells.clock, purchase_fit(purchases), horizon)
    return cells.matrix(
        "expected_purchases", ahead, lambda c: cells.model.expected_purchases(c, ahead)
    )


# --- cells ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells of a matrix, row by row.

    Attributes
    ----------
    model : PurchasePredictions
        The model.
    frequency, recency : Array
        Shape (n,).
    age : float
        Of all customers.
    clock : _Clock
        The unit.
    covariates : mapping or None
        Of all customers.
    """

    model: Any
    frequency: Array
    recency: Array
    age: float
    clock: _Clock
    covariates: Mapping[str, Level] | None

    @classmethod
    def of(
        cls,
        purchases: Any,
        age: Duration,
        frequencies: Sequence[float] | None,
        recencies: Sequence[float] | None,
        covariates: Mapping[str, Level] | None,
        unit: TimeUnit | None,
    ) -> _Cells:
        """Check the arguments and lay out the cells."""
        fit = purchase_fit(purchases)
        model = fitted_model(fit)
        clock = _Clock(unit or (fit.unit if isinstance(fit, Fit) else None))
        check_alike(fit, clock)
        until = finite_horizon(clock, fit, age, name="age")
        whole = bool(model.whole_periods(np.array([0.5]))[0] != 0.5)
        most = min(_COLUMNS, int(until) + 1) if whole else _COLUMNS  # one purchase a period
        x = check_counts(np.arange(most) if frequencies is None else frequencies, "frequencies")
        t_x = np.linspace(0.0, until, _ROWS) if recencies is None else _times(recencies, until)
        if whole and recencies is None:
            t_x = np.floor(t_x)
        x, t_x = np.unique(x), np.unique(t_x)
        frequency, recency = np.tile(x, len(t_x)), np.repeat(t_x, len(x))
        return cls(model, frequency, recency, until, clock, covariates)

    def matrix(
        self,
        quantity: Literal["p_alive", "expected_purchases"],
        horizon: float | None,
        function: Callable[[Customers], Array],
    ) -> Matrix:
        """Evaluate a function of customers in the cells that are possible."""
        import pandas as pd

        value = np.full(len(self.frequency), np.nan)
        rows = np.flatnonzero((self.frequency == 0.0) == (self.recency == 0.0))
        try:
            value[rows] = function(self._customers(rows))
        except DataError as error:  # cells that a model of whole periods does not know
            rows = np.array(
                [row for row in rows.tolist() if self._known(row, function)], dtype=np.intp
            )
            if not len(rows):
                raise error
            value[rows] = function(self._customers(rows))
        table = pd.DataFrame(
            {"frequency": self.frequency.astype(np.int64), "recency": self.recency, "value": value}
        )
        return Matrix(table, quantity, self.age, horizon, self.clock.unit, self.model.label)

    def _known(self, row: int, function: Callable[[Customers], Array]) -> bool:
        try:
            function(self._customers(np.array([row])))
        except DataError:
            return False
        return True

    def _customers(self, rows: NDArray[np.intp]) -> Customers:
        age = np.full(len(rows), self.age)
        c = Customers.from_arrays(
            self.frequency[rows], self.recency[rows], age, unit=self.clock.unit
        )
        return with_covariates(c, self.model, self.covariates)


@dataclass(frozen=True)
class _Clock:
    """A unit, to be compared with that of a fit."""

    unit: TimeUnit | None


def _times(values: Sequence[float], age: float) -> Array:
    """Return times up to an age, or raise."""
    times = check_finite_times(values, "recencies").ravel()
    if (times > age).any():
        raise ParameterError(
            "The last purchase is no later than now.",
            place=f"Got a recency of {times.max():g} at age {age:g}.",
            fix="Pass recencies up to the age.",
        )
    return times
