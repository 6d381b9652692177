"""Fit: a model together with what the data say about it, and predictions with units checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.certificate import Certificate
from clvmodels.customers import Customers, Definitions, Histories
from clvmodels.errors import ParameterError
from clvmodels.frequencies import FrequencyTable
from clvmodels.models.intervals import profile_ends, wald_interval
from clvmodels.models.provenance import Fingerprint, check_alike
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.markup import Html
    from clvmodels.models.base import Parametric
    from clvmodels.models.bootstrap import Bootstrap, Kind
    from clvmodels.models.draws import ParameterDraws
    from clvmodels.models.posterior import Method, Posterior
    from clvmodels.models.predictions import PurchasePredictions
    from clvmodels.models.purchases import PurchaseModel
    from clvmodels.models.spend import SpendPredictions
    from clvmodels.priors import Priors

__all__ = ["Fit"]

Array: TypeAlias = NDArray[np.float64]
M = TypeVar("M", bound="Parametric", covariant=True)


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Generic[M]):
    """A fitted model. Every prediction of the model is also here, with its time unit checked.

    Attributes
    ----------
    model : Model
        The model at the estimates.
    covariance : Array
        Shape (k, k): covariance of the estimates, from the Hessian. Infinite on the diagonal for a
        parameter that the data do not bound.
    log_likelihood : float
        Maximised log-likelihood.
    n_customers : float
        Customers in the likelihood.
    certificate : Certificate
        Whether this is the maximum, and whether the data pin it down.
    unit : TimeUnit or None
        Unit of all times and rates.
    observed_until : date or None
        End of observation of the data.
    definitions : Definitions or None
        Rules by which orders were counted, where the summary was made from orders.
    data : Fingerprint
        Totals of the data.
    frequencies : FrequencyTable or None
        Customers by number of purchases, counted and expected; None for spend.
    histories : Customers or None
        The distinct histories of the likelihood, as long as the process that fitted them lives:
        they are neither saved nor sent to other processes.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    >>> fit = BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week"))
    >>> fit.certificate.verdict
    'identified'
    """

    model: M
    covariance: Array
    log_likelihood: float
    n_customers: float
    certificate: Certificate
    unit: TimeUnit | None
    observed_until: date | None
    definitions: Definitions | None
    data: Fingerprint
    frequencies: FrequencyTable | None = None
    histories: Customers | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "histories": None}  # the data stay where they are

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of `covariance`."""
        return self.model.parameter_names()

    @property
    def standard_errors(self) -> Array:
        """Standard errors of the parameters, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2k - 2 log-likelihood."""
        return 2.0 * len(self.names) - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Bayesian information criterion: k ln(customers) - 2 log-likelihood."""
        return len(self.names) * float(np.log(self.n_customers)) - 2.0 * self.log_likelihood

    @property
    def estimates(self) -> pd.DataFrame:
        """Table of estimate, std_error, lower and upper (95 %, from the log scale)."""
        import pandas as pd

        values, errors = self.model.values, self.standard_errors
        lower, upper = wald_interval(values, errors, self.model.positive)
        return pd.DataFrame(
            {"estimate": values, "std_error": errors, "lower": lower, "upper": upper},
            index=pd.Index(self.names, name="parameter"),
        )

    def profile_interval(
        self, parameter: str, data: Histories | None = None, *, level: float = 0.95
    ) -> tuple[float, float]:
        """Return the profile-likelihood interval of a parameter.

        It has no need of a symmetric likelihood, as standard errors have: where the data hardly
        bound a parameter, the interval is long on the right side, or has no end there.

        Parameters
        ----------
        parameter
            One of `names`.
        data
            The data of the fit, which a loaded fit needs.
        level
            Confidence, between 0 and 1.

        Returns
        -------
        tuple of float
            Lower and upper end; 0 or infinite where there is none.

        Raises
        ------
        ParameterError
            There is no such parameter, or the level is not between 0 and 1.
        DataError
            The data are not those of the fit, or a loaded fit has none.

        Examples
        --------
        >>> from clvmodels import BGNBD
        >>> c = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4).simulate(3000, 39, seed=1, unit="week")
        >>> [round(end, 3) for end in BGNBD.fit(c).profile_interval("r")]
        [0.203, 0.24]
        """
        return profile_ends(self, parameter, data, level)

    def draws(self, n: int = 4000, *, seed: int) -> ParameterDraws[M]:
        """Draw parameters from the normal approximation around the estimates.

        On the scale of the estimation: the logarithm of what is above zero. It needs no data, so a
        loaded fit has it, too. Where the certificate is not "identified", `posterior` is better.

        Parameters
        ----------
        n
            How many draws.
        seed
            Seed of the random generator; the same seed gives the same draws.

        Raises
        ------
        ParameterError
            `n` is no whole number above zero, or the covariance is infinite or singular.

        Examples
        --------
        >>> from clvmodels import BGNBD
        >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
        >>> BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week")).draws(500, seed=2)
        <ParameterDraws of BG/NBD: 500 from the normal approximation>
        """
        from clvmodels.models.draws import normal_draws

        return normal_draws(self, n, seed)

    def posterior(
        self,
        data: Histories | None = None,
        *,
        draws: int = 4000,
        prior: Priors | None = None,
        seed: int,
        method: Method = "auto",
    ) -> Posterior[M]:
        """Draw parameters from their posterior.

        By importance sampling from a multivariate t around the mode, with Pareto-smoothed weights,
        which takes a second. Where these cannot be trusted (k-hat above 0.7) it says so, and NUTS
        draws four chains on the exact gradient instead, which takes minutes.

        Parameters
        ----------
        data
            The data of the fit, which a loaded fit needs.
        draws
            How many, 100 or more.
        prior
            One of `clvmodels.priors` for all parameters, or a mapping by name of parameter. Without
            a prior a parameter has a flat one: in its logarithm, where it is above zero.
        seed
            Seed of the random generator; the same seed gives the same draws.
        method
            'auto', 'importance', or 'nuts'.

        Raises
        ------
        ParameterError
            Too few draws, an impossible prior, or a parameter that neither data nor prior bound.
        DataError
            The data are not those of the fit, or a loaded fit has none.
        MissingExtraError
            The extra `posterior` is not installed.

        Warns
        -----
        PosteriorWarning
            The weights cannot be trusted, or the chains disagree.

        Examples
        --------
        >>> from clvmodels import BGNBD
        >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
        >>> posterior = BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week")).posterior(seed=2)
        >>> print(posterior.table.loc["r", "mean"].round(3))
        0.222
        """
        from clvmodels.models.posterior import draw_posterior

        return draw_posterior(self, data, draws=draws, prior=prior, seed=seed, method=method)

    def bootstrap(
        self,
        data: Histories | None = None,
        *,
        draws: int = 200,
        kind: Kind = "customers",
        seed: int,
    ) -> Bootstrap[M]:
        """Refit to customers drawn anew, or simulated.

        Parameters
        ----------
        data
            The data of the fit, which a loaded fit needs.
        draws
            How many refits, 20 or more.
        kind
            'customers' draws as many customers with replacement, which holds where the model is
            not exactly right. 'parametric' simulates customers of the same ages and covariates (of
            a spend model: with as many purchases) from the fit.
        seed
            Seed of the random generator; the same seed gives the same draws.

        Raises
        ------
        ParameterError
            Too few draws, or an unknown kind.
        DataError
            The data are not those of the fit, or a loaded fit has none.
        ConvergenceError
            No refit found a maximum.

        Warns
        -----
        PosteriorWarning
            Refits found no maximum, or ended at a limit of the model; it says how many.
        """
        from clvmodels.models.bootstrap import bootstrap_draws

        return bootstrap_draws(self, data, draws=draws, kind=kind, seed=seed)

    def __repr__(self) -> str:
        return (
            f"<Fit {self.model!r}, log_likelihood={self.log_likelihood:.4f}, "
            f"{self.certificate.verdict}>"
        )

    def __str__(self) -> str:
        until = f", observed until {self.observed_until}" if self.observed_until else ""
        timed = f", unit {self.unit}" if self.data.total_age is not None else ""
        wide = max(10, *(len(name) + 1 for name in self.names))
        lines = [
            f"{self.model.label}: {self.n_customers:,.0f} customers{timed}{until}",
            "",
            f"{'':<{wide}}{'estimate':>14}{'std_error':>14}",
            *(
                f"{name:<{wide}}{value:>14.6g}{error:>14.4g}"
                for name, value, error in zip(
                    self.names, self.model.values, self.standard_errors, strict=True
                )
            ),
            "",
            f"log-likelihood {self.log_likelihood:.4f}   AIC {self.aic:.2f}   BIC {self.bic:.2f}",
            str(self.certificate),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> Html:
        from clvmodels.models.fit_html import html_of

        return html_of(self)

    # Predictions: those of the model, after the unit check.

    def p_alive(self: Fit[PurchasePredictions], customers: Histories) -> Array:
        """Return P(alive), shape (n,); see the model."""
        return self.model.p_alive(self._checked(customers))

    def expected_purchases(
        self: Fit[PurchasePredictions], customers: Histories, t: ArrayLike
    ) -> Array:
        """Return expected purchases in the next `t`, shape (n,); see the model."""
        return self.model.expected_purchases(self._checked(customers), t)

    def discounted_purchases(
        self: Fit[PurchasePredictions], customers: Histories, horizon: float, rate: float
    ) -> Array:
        """Return discounted expected purchases within a horizon, shape (n,); see the model."""
        return self.model.discounted_purchases(self._checked(customers), horizon, rate)

    def mean_purchases(self: Fit[PurchaseModel], t: ArrayLike) -> Array:
        """Return E[X(t)] of a new customer, shape of `t`; see the model."""
        return new_customer_model(self.model).mean_purchases(t)

    def purchase_pmf(self: Fit[PurchaseModel], n: ArrayLike, t: float) -> Array:
        """Return P(X(t) = n) of a new customer, shape of `n`; see the model."""
        return new_customer_model(self.model).purchase_pmf(n, t)

    def simulate(self: Fit[PurchaseModel], n: int, age: ArrayLike, *, seed: int) -> Customers:
        """Simulate n customers in the unit of the fit; see the model."""
        return new_customer_model(self.model).simulate(n, age, seed=seed, unit=self.unit)

    def expected_spend(self: Fit[SpendPredictions], customers: Histories) -> Array:
        """Return expected mean spend, shape (n,); see the model."""
        return self.model.expected_spend(customers)

    def _checked(self, customers: Histories) -> Histories:
        check_alike(self, customers)
        return customers


def new_customer_model(model: PurchaseModel) -> PurchaseModel:
    """Return the model of a new customer, or raise if that depends on covariates."""
    if hasattr(model, "mean_purchases"):
        return model
    raise ParameterError(
        "With covariates every customer has a model of their own.",
        place=f"{model.label} does not know of which new customer.",
        fix="Say which, as in fit.model.at(channel='web').mean_purchases(52).",
    )
