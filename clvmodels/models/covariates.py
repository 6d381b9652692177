"""Models with covariates that do not change over time (Fader and Hardie 2007, note 019).

The logarithm of a parameter moves with the covariates of a customer: ln alpha_i = ln alpha - g'z_i
makes a purchase rate that is exp(g'z_i) times as high. Everything else is the model's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Generic, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.design import Design, Level
from clvmodels.errors import ParameterError
from clvmodels.estimation import Maximum, maximum_likelihood
from clvmodels.models.arguments import check_covariance
from clvmodels.models.assembly import make_fit
from clvmodels.models.base import CovarianceKind, Model, Parametric, scouts
from clvmodels.models.effects import (
    Effects,
    Scaling,
    check_process,
    check_tied,
    loadings,
    refuse_far_columns,
)
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.spend import SpendLaw, SpendModel, SpendPredictions
from clvmodels.objective import Loadings, PerRow, total
from clvmodels.parameters import to_real_line

__all__ = ["CovariateModel", "PurchaseCovariates", "SpendCovariates"]

Array: TypeAlias = NDArray[np.float64]
M = TypeVar("M", bound=Model, covariant=True)
P = TypeVar("P", bound=PurchaseModel, covariant=True)
S = TypeVar("S", bound=SpendModel, covariant=True)

_ENDLESS: Final = 8.0  # a level with a rate 3,000 times as high or low as another


@dataclass(frozen=True)
class CovariateModel(Parametric, Generic[M]):
    """A model with a value of some parameters for every customer.

    Attributes
    ----------
    base : Model
        The model of a customer for whom every column of the formulas is 0.
    effects : mapping of str to Effects
        What covariates do, by process: 'purchase' and 'dropout', or 'spend'.
    tied : bool
        Whether the covariates of dropout move a and b alike.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> effects = {"purchase": Effects("web", {"web": 0.2}, {})}
    >>> model = PurchaseCovariates(BGNBD(0.24, 4.4, 0.8, 2.4), effects)
    >>> model.at(web=1).alpha.__round__(3)
    3.602
    """

    title: ClassVar[str] = "a model with covariates"

    base: M
    effects: Mapping[str, Effects]
    tied: bool = False

    def __post_init__(self) -> None:
        for process in self.effects:
            check_process(type(self.base), process, self.tied)

    def __hash__(self) -> int:
        return hash((self.base, tuple(self.effects.items()), self.tied))

    # Parameters.

    @property
    def label(self) -> str:
        """The base model with the formulas."""
        formulas = [f"{process} ~ {each.formula}" for process, each in self.effects.items()]
        return f"{self.base.label} ({', '.join([*formulas, *(['tied'] if self.tied else [])])})"

    def measured(self, *, intervals: bool) -> str:
        """Say what the likelihood is the probability of, with times between purchases or not."""
        return self.base.measured(intervals=intervals)

    def parameter_names(self) -> tuple[str, ...]:
        """Return the parameters of the base and the coefficients, in order."""
        named = [f"{process}: {c}" for process, each in self.effects.items() for c in each.columns]
        return (*self.base.parameter_names(), *named)

    @property
    def values(self) -> Array:
        """Parameters of the base, then the coefficients, shape (k + m,)."""
        numbers = [c for each in self.effects.values() for c in each.coefficients.values()]
        return np.append(self.base.values, numbers)

    def with_values(self, values: Array) -> Self:
        """Return the same model at other parameters and coefficients, shape (k + m,) in order."""
        k = len(self.base.values)
        rest = iter(values[k:].tolist())
        effects = {
            process: replace(each, coefficients={column: next(rest) for column in each.columns})
            for process, each in self.effects.items()
        }
        if len(values) != len(self.values):
            raise ValueError(f"{len(values)} values for {len(self.values)} parameters")
        return replace(self, base=self.base.with_values(values[:k]), effects=effects)

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Which are above zero, shape (k + m,): those of the base."""
        k = len(self.base.values)
        return np.arange(len(self.parameter_names())) < k

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the covariates, sorted."""
        return tuple(sorted({v for each in self.effects.values() for v in each.design.variables}))

    def at(self, **covariates: Level) -> M:
        """Return the model of customers with these covariates.

        Parameters
        ----------
        covariates
            A value for each covariate, such as ``channel="web"``.

        Returns
        -------
        Model
            A model without covariates, with everything that a new customer needs.

        Raises
        ------
        ParameterError
            A covariate is unknown or missing.
        DataError
            One has a level that the fit has not seen.

        Examples
        --------
        >>> from clvmodels import BGNBD
        >>> effects = {"purchase": Effects("web", {"web": 0.2}, {})}
        >>> model = PurchaseCovariates(BGNBD(0.24, 4.4, 0.8, 2.4), effects)
        >>> [float(model.at(web=w).mean_purchases(52).round(3)) for w in (0, 1)]
        [1.422, 1.613]
        """
        if set(covariates) != set(self.variables):
            raise ParameterError(
                f"This model knows the covariates {', '.join(self.variables)}.",
                place=f"Got {', '.join(sorted(covariates)) or 'none'}.",
                fix=f"Pass a value for each, as in at({self.variables[0]}=...).",
            )
        one = Customers.from_arrays(
            [0], [0], [0], unit=None, covariates={k: [v] for k, v in covariates.items()}
        )
        values = [float(np.ravel(value)[0]) for value in self._values_of(one)]
        names = self.base.parameter_names()
        chosen = {name: getattr(self.base, name) for name in self.base.settings()}
        return type(self.base)(**dict(zip(names, values, strict=True)), **chosen)

    # Likelihood.

    def histories(self, data: Histories) -> Customers:
        """Return customers with their covariates."""
        return as_histories(data).customers(self.variables)

    def rows(self, customers: Customers) -> M:
        """Return the base model with a value of each parameter for every row."""
        return self.base.rowwise(self._values_of(customers))

    def _values_of(self, customers: Customers) -> list[float | Array]:
        z = to_real_line(self.values, self.positive)
        return self._loadings(customers).values(z)

    def _loadings(self, customers: Customers) -> Loadings:
        matrices = {
            process: each.design.matrix(customers.covariates)
            for process, each in self.effects.items()
        }
        return loadings(type(self.base), matrices, self.tied)

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,)."""
        c = self.histories(data)
        return self.rows(c).log_likelihood(c)

    def values_at(self, values: Sequence[float | Array], customers: Customers) -> Array:
        """Return the log-likelihood of each row at parameters of the base, one a row."""
        return self.base.values_at(values, customers)

    def per_row(self, data: Histories) -> PerRow:
        """Return the log-likelihood of the data row by row, as a function of coordinates."""
        customers = as_histories(data).patterns((*self.base.columns, *self.variables))
        customers = self.base.check_estimable(customers)
        return PerRow(self.base.derivatives_at, customers, self._loadings(customers))

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the base model these parameters are near."""
        words = list(self.base.findings(flat))
        if flat:
            words += [
                f"The effect {name} has no bound: do customers of this level ever buy again, and "
                "ever leave? Merge it with another level."
                for name, value in zip(self.parameter_names(), self.values, strict=True)
                if "[T." in name and abs(value) > _ENDLESS
            ]
        return tuple(words)

    @classmethod
    def estimate(
        cls,
        kind: type[Any],
        data: Histories,
        formulas: Mapping[str, str],
        *,
        tied: bool = False,
        covariance: CovarianceKind = "hessian",
        **settings: int,
    ) -> Fit[Self]:
        """Fit a kind of model with a formula for each process; see `fit` of that kind."""
        check_covariance(covariance)
        check_tied(formulas, tied)
        for process in formulas:
            check_process(kind, process, tied)
        names = tuple(sorted({v for text in formulas.values() for v in Design.names(text)}))
        rows = as_histories(data).patterns((*kind.columns, *names))
        customers = kind.check_estimable(rows)
        designs = {p: Design.of(text, customers.covariates) for p, text in formulas.items()}
        raw = {p: each.matrix(customers.covariates) for p, each in designs.items()}
        scaling = Scaling.of(raw, designs, customers.weight)
        inside = loadings(kind, scaling.standardised(raw), tied)
        starts = kind.starts(customers)
        template = kind(*starts[0], **settings)
        per_row = PerRow(template.derivatives_at, customers, inside)
        maximum = maximum_likelihood(
            total(per_row), _heads(template, customers, starts, inside.m), scouts=scouts(per_row)
        )
        outwards = scaling.outwards(inside)
        z = outwards @ maximum.point
        k = inside.k
        refuse_far_columns(z[:k], scaling, designs)
        base = kind(*np.exp(z[:k]), **settings)
        model = cls(base, _effects(designs, z[k:]), tied)
        meat = per_row.scatter(maximum.point) if covariance == "sandwich" else None
        slopes = np.diag(np.where(model.positive, model.values, 1.0)) @ outwards
        return make_fit(model, maximum, customers, data, jacobian=slopes, meat=meat)


def _heads(
    template: Model, customers: Customers, starts: list[tuple[float, ...]], m: int
) -> list[Array]:
    """Return starts: the maximum without covariates, and the built-in ones, with no effects."""
    plain = PerRow(template.derivatives_at, customers, Loadings.none(len(template.values)))
    points = [np.log(np.array(values)) for values in starts]
    top: Maximum = maximum_likelihood(total(plain), points[:1], scouts=scouts(plain))
    return [np.append(point, np.zeros(m)) for point in (top.point, *points[1:])]


def _effects(designs: Mapping[str, Design], coefficients: Array) -> dict[str, Effects]:
    found, start = {}, 0
    for process, design in designs.items():
        own = coefficients[start : start + len(design.columns)]
        start += len(design.columns)
        numbers = dict(zip(design.columns, own.tolist(), strict=True))
        found[process] = Effects(design.formula, numbers, dict(design.levels))
    return found


# --- the two kinds ----------------------------------------------------------------------------


@dataclass(frozen=True)
class PurchaseCovariates(CovariateModel[P], PurchasePredictions):
    """A purchase model with covariates on the rate of purchases, of leaving, or both."""

    __hash__ = CovariateModel.__hash__

    def p_alive(self, customers: Histories) -> Array:
        """Return P(alive), shape (n,); see the base model."""
        c = self.histories(customers)
        return self.rows(c).p_alive(c)

    @property
    def p_alive_is_elementary(self) -> bool:
        """Whether P(alive) is arithmetic in the recency, as in the base model."""
        return self.base.p_alive_is_elementary

    def whole_periods(self, times: Array) -> Array:
        """Return the times that count for the base model."""
        return self.base.whole_periods(times)

    def simulate(self, customers: Histories, *, seed: int) -> Customers:
        """Simulate new histories of customers with these ages and covariates, one a row.

        Parameters
        ----------
        customers
            Ages and covariates; n rows.
        seed
            Seed of the random generator.
        """
        c = self.histories(customers)
        rng = np.random.default_rng(seed)
        return replace(self.rows(c).drawn(c.timing[2], rng, c.unit), covariates=c.covariates)


@dataclass(frozen=True)
class SpendCovariates(CovariateModel[S], SpendPredictions):
    """A spend model with covariates on the scale of spend."""

    __hash__ = CovariateModel.__hash__

    def check_mean_exists(self) -> None:
        """Raise `UndefinedMomentError` if the mean does not exist."""
        self.base.check_mean_exists()

    def expected_spend(self, customers: Histories) -> Array:
        """Return expected mean spend, shape (n,); see the base model."""
        c = self.histories(customers)
        return self.rows(c).expected_spend(c)

    def spend_law(self, customers: Histories) -> SpendLaw:
        """Return the law of the spend that is ahead; see the base model."""
        c = self.histories(customers)
        return self.rows(c).spend_law(c)
