"""What every model is: declared parameters, a likelihood with derivatives, and a fit.

A model is a frozen dataclass of its parameters. What purchase models and spend models add is in
`purchases` and `spend`; the sums over customers that a fit climbs are in `objective`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Column, Customers, Histories, as_histories
from clvmodels.estimation import Maximum, Objective, maximum_likelihood
from clvmodels.frequencies import FrequencyTable
from clvmodels.models.arguments import check_covariance
from clvmodels.models.assembly import make_fit
from clvmodels.models.fit import Fit
from clvmodels.models.laws import MixingLaw
from clvmodels.objective import Derivatives, Loadings, PerRow, total
from clvmodels.parameters import Domain, Setting, declared, from_real_line, to_real_line

__all__ = ["CovarianceKind", "Derivatives", "Model", "Parametric"]

Array: TypeAlias = NDArray[np.float64]
CovarianceKind: TypeAlias = Literal["hessian", "sandwich"]

# Histories on which starting points compete, spread evenly over the sorted ones.
_SCOUTS = (1 << 10, 1 << 14)
_SPARSE = 2  # how many times as many there are at least: else a sample saves nothing


class Parametric(ABC):
    """A distribution with parameters, as a fit sees it: with covariates or without."""

    title: ClassVar[str]
    """What the model is called in words and tables."""

    measures: ClassVar[str]
    """What the likelihood is the probability of: only such models are compared by it."""

    @property
    def label(self) -> str:
        """What this very model is called in a table."""
        return self.title

    def measured(self, *, intervals: bool) -> str:  # noqa: ARG002 - the same for most
        """Say what the likelihood is the probability of, with times between purchases or not."""
        return self.measures

    @abstractmethod
    def parameter_names(self) -> tuple[str, ...]:
        """Return the names of the estimated parameters, in order."""

    @property
    @abstractmethod
    def values(self) -> Array:
        """The parameters in order, shape (k,)."""

    @property
    @abstractmethod
    def positive(self) -> NDArray[np.bool_]:
        """Which parameters are above zero, shape (k,): these are estimated on the log scale."""

    @abstractmethod
    def with_values(self, values: Array) -> Self:
        """Return the same model at other parameters.

        Parameters
        ----------
        values
            Shape (k,), in the order of `parameter_names`; settings stay as they are.
        """

    @abstractmethod
    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,), not multiplied by its weight."""

    @abstractmethod
    def values_at(self, values: Sequence[float | Array], customers: Customers) -> Array:
        """Return the log-likelihood of each row at natural parameters, numbers or one a row.

        The parameters are those of the model without covariates: what `per_row` maps to.
        """

    @abstractmethod
    def per_row(self, data: Histories) -> PerRow:
        """Return the log-likelihood of the data row by row, as a function of coordinates.

        Coordinates are the parameters, or their logarithms where `positive`.
        """

    @abstractmethod
    def frequency_table(self, customers: Customers) -> FrequencyTable | None:
        """Count the customers by number of purchases, and say how many the model expects."""

    @abstractmethod
    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near, and what to do."""

    @property
    def coordinates(self) -> Array:
        """The parameters on the scale on which they are estimated, shape (k,)."""
        return to_real_line(self.values, self.positive)

    def objective(self, data: Histories) -> Objective:
        """Return the total log-likelihood of data with derivatives, in these coordinates."""
        return total(self.per_row(data))

    def evaluate(self, data: Histories) -> Maximum:
        """Return the total log-likelihood of data and its derivatives at these parameters."""
        z = self.coordinates
        return Maximum(z, *self.objective(data)(z), iterations=0, starts=1, starts_agreeing=1)


@dataclass(frozen=True)
class Model(Parametric):
    """A probability model: its parameters, and how to find them."""

    columns: ClassVar[tuple[Column, ...]]
    """What of a customer's history the likelihood sees."""

    contains: ClassVar[tuple[str, ...]] = ()
    """Names of the models that are special cases of this one."""

    effects: ClassVar[dict[str, dict[str, float]]] = {}
    """What covariates do: for each process, the parameters whose logarithm they raise, by sign."""

    def __post_init__(self) -> None:
        for name, note in declared(type(self)).items():
            value = note.check(getattr(self, name), name=name, model=type(self).__name__)
            object.__setattr__(self, name, value)

    @classmethod
    @cache
    def domains(cls) -> dict[str, Domain]:
        """Return the declared domain of each parameter, in order."""
        return {name: note for name, note in declared(cls).items() if isinstance(note, Domain)}

    @classmethod
    @cache
    def settings(cls) -> tuple[str, ...]:
        """Return the names of what is chosen and not estimated."""
        return tuple(name for name, note in declared(cls).items() if isinstance(note, Setting))

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the parameters, in order."""
        return tuple(cls.domains())

    @property
    def values(self) -> Array:
        """The parameters in order, shape (k,)."""
        return np.array([getattr(self, name) for name in self.domains()])

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Which parameters are above zero, shape (k,): all of them."""
        return np.ones(len(self.domains()), dtype=np.bool_)

    @abstractmethod
    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row, not multiplied by weights."""

    @classmethod
    @abstractmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return parameter values to start from; the first is the best guess."""

    @classmethod
    @abstractmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the rows that the likelihood uses, or raise `DataError` if they say nothing."""

    @abstractmethod
    def mixing(self) -> tuple[MixingLaw, ...]:
        """Return the laws by which customers differ: of buying, of leaving, or of spending."""

    def with_values(self, values: Array) -> Self:
        """Return the same model at other parameters, shape (k,) in order.

        Examples
        --------
        >>> from clvmodels.models.bgcnbd import BGCNBD
        >>> BGCNBD(0.5, 5.0, 0.8, 2.0, k=2).with_values(np.array([0.6, 6.0, 0.7, 2.5]))
        BGCNBD(r=0.6, alpha=6.0, a=0.7, b=2.5, k=2)
        """
        return replace(self, **dict(zip(self.domains(), values.tolist(), strict=True)))

    # One value of a parameter in each row: how covariates enter.

    def rowwise(self, values: Sequence[float | Array]) -> Self:
        """Return the model with other parameters, each a number or an array of one a row.

        Such a model is for calculation inside the library: nothing about it is checked.
        """
        twin = object.__new__(type(self))
        for field in fields(self):
            object.__setattr__(twin, field.name, getattr(self, field.name))
        for name, value in zip(self.domains(), values, strict=True):
            object.__setattr__(twin, name, value)
        return twin

    def varying(self) -> dict[str, Array]:
        """Return the parameters that differ between rows, each of shape (n,)."""
        own: dict[str, Any] = {name: getattr(self, name) for name in self.domains()}
        return {name: value for name, value in own.items() if np.ndim(value)}

    def take(self, rows: NDArray[np.intp] | slice) -> Self:
        """Return the model of some of the rows."""
        if not self.varying():
            return self
        own = [getattr(self, name) for name in self.domains()]
        return self.rowwise([each[rows] if np.ndim(each) else each for each in own])

    # Likelihood of data.

    def per_row(self, data: Histories) -> PerRow:
        """Return the log-likelihood of the data row by row, as a function of log-parameters."""
        customers = self.check_estimable(as_histories(data).patterns(self.columns))
        return PerRow(self.derivatives_at, customers, Loadings.none(len(self.domains())))

    def derivatives_at(self, values: Sequence[float | Array], customers: Customers) -> Derivatives:
        """Return the derivatives at other parameters, numbers or one a row, with these settings."""
        return self.rowwise(values).derivatives(customers)

    def values_at(self, values: Sequence[float | Array], customers: Customers) -> Array:
        """Return the log-likelihood of each row at other parameters, with these settings."""
        return self.rowwise(values).log_likelihood(customers)

    @classmethod
    def _fit(
        cls,
        data: Histories,
        starts: Sequence[Self] | None,
        covariance: CovarianceKind,
        customers: Customers | None = None,
        **settings: int,
    ) -> Fit[Self]:
        """Fit without covariates; `customers` are the patterns of `data`, if they are known."""
        check_covariance(covariance)
        if customers is None:
            customers = cls.check_estimable(as_histories(data).patterns(cls.columns))
        points = [s.values for s in starts] if starts else cls.starts(customers)
        template = cls(*points[0], **settings)
        per_row = PerRow(template.derivatives_at, customers, Loadings.none(len(cls.domains())))
        heads = [to_real_line(np.array(values), template.positive) for values in points]
        maximum = maximum_likelihood(total(per_row), heads, scouts=scouts(per_row))
        model = cls(*from_real_line(maximum.point, template.positive), **settings)
        meat = per_row.scatter(maximum.point) if covariance == "sandwich" else None
        return make_fit(model, maximum, customers, data, meat=meat)


def scouts(per_row: PerRow) -> list[Objective]:
    """Return the objective on ever more of the histories, every so many-th, if there are many."""
    n = len(per_row.customers)
    return [
        total(per_row.take(slice(None, None, n // size))) for size in _SCOUTS if n >= _SPARSE * size
    ]
