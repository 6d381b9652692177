"""Draws of the parameters of a fit: how little or how much is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError, UndefinedMomentError
from clvmodels.markup import Html, html_card, html_list, html_table
from clvmodels.models.intervals import check_level, index_of
from clvmodels.parameters import from_real_line
from clvmodels.sampling.importance import require

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.models.base import Parametric
    from clvmodels.models.fit import Fit

__all__ = ["ParameterDraws", "check_draws", "check_seed", "normal_draws"]

Array: TypeAlias = NDArray[np.float64]
M = TypeVar("M", bound="Parametric", covariant=True)
AnyModel = TypeVar("AnyModel", bound="Parametric")

_SINGULAR: Final = 1e-12  # an eigenvalue of a correlation matrix that rounding makes out of nothing


@dataclass(frozen=True, eq=False, repr=False)
class ParameterDraws(Generic[M]):
    """Draws of all parameters together, each with its weight.

    Wherever a prediction takes a fit, it takes these too, and means: with the uncertainty of the
    parameters.

    Attributes
    ----------
    fit : Fit
        The fit that they belong to.
    values : Array
        Shape (S, k): parameters on their natural scale, in the order of `names`.
    weights : Array
        Shape (S,), summing to 1.
    method : str
        Where the draws come from, in words.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    >>> draws = BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week")).draws(1000, seed=2)
    >>> draws.values.shape, [len(draws.models(n)) for n in (8, None)]
    ((1000, 4), [8, 1000])
    """

    fit: Fit[M]
    values: Array
    weights: Array
    method: str

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of the columns of `values`."""
        return self.fit.names

    @property
    def mean(self) -> Array:
        """Weighted means of the parameters, shape (k,)."""
        return np.asarray(self.weights @ self.values)

    @property
    def covariance(self) -> Array:
        """Weighted covariance of the parameters, shape (k, k)."""
        away = self.values - self.mean
        free = 1.0 - float(self.weights @ self.weights)  # (S - 1) / S for equal weights
        return np.asarray((away.T * self.weights) @ away / free)

    @property
    def table(self) -> pd.DataFrame:
        """Table of mean, sd, lower and upper (95 %, equal tails), a row for each parameter."""
        import pandas as pd

        lower, upper = self.quantiles([0.025, 0.975])
        return pd.DataFrame(
            {
                "mean": self.mean,
                "sd": np.sqrt(np.diag(self.covariance)),
                "lower": lower,
                "upper": upper,
            },
            index=pd.Index(self.names, name="parameter"),
        )

    def quantiles(self, probabilities: list[float] | Array) -> Array:
        """Return weighted quantiles of each parameter, shape (len(probabilities), k)."""
        wanted = np.asarray(probabilities, dtype=np.float64)
        if not ((wanted >= 0.0) & (wanted <= 1.0)).all():
            raise ParameterError(
                "Probabilities are between 0 and 1.",
                place=f"Got {probabilities!r:.80}.",
                fix="Write the upper end of a 95 % interval as 0.975.",
            )
        columns = [weighted_quantiles(each, self.weights, wanted) for each in self.values.T]
        return np.stack(columns, axis=-1)

    def interval(self, parameter: str, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of a parameter with equal tails.

        Parameters
        ----------
        parameter
            One of `names`.
        level
            Probability inside, between 0 and 1.

        Raises
        ------
        ParameterError
            There is no such parameter, or the level is not between 0 and 1.
        """
        column = index_of(parameter, self.names)
        check_level(level)
        tail = 0.5 * (1.0 - level)
        lower, upper = self.quantiles([tail, 1.0 - tail])[:, column]
        return float(lower), float(upper)

    def resampled(self, n: int | None = None) -> Array:
        """Return n draws of equal weight, shape (n, k), by systematic resampling.

        Always the same ones: each draw appears as often as its weight says, up to rounding.
        """
        size = len(self.values) if n is None else check_draws(n, least=1)
        return np.asarray(self.values[self._chosen(size)])

    def _chosen(self, size: int) -> NDArray[np.intp]:
        ends = np.cumsum(self.weights)
        return np.asarray(np.searchsorted(ends, (np.arange(size) + 0.5) / size * ends[-1]))

    def models(self, n: int | None = None) -> list[M]:
        """Return the model at n draws of equal weight (all of them if n is None)."""
        return [self.fit.model.with_values(each) for each in self.resampled(n)]

    @property
    def findings(self) -> tuple[str, ...]:
        """What to know before these draws are used, in words."""
        share = self.share_without_mean
        if not share:
            return ()
        return (f"{share:.2%} of the draws have no mean spend (q <= 1).",)

    @cached_property
    def share_without_mean(self) -> float:
        """Weight of the draws at which a spend model has no mean; 0 of purchase models."""
        if not hasattr(self.fit.model, "check_mean_exists"):
            return 0.0
        exists = [_has_mean(self.fit.model.with_values(each)) for each in self.values]
        return float(self.weights @ ~np.array(exists))

    def to_arviz(self) -> Any:
        """Return the draws as the `xarray.DataTree` that ArviZ works with.

        Group `posterior` has the parameters by chain and draw. ArviZ gives every draw the same
        weight, so that weighted draws are resampled: some appear more than once, others not at
        all, and `log_weight` in group `sample_stats` is the weight that they had.

        Raises
        ------
        MissingExtraError
            arviz-base is not installed.
        """
        base = require("arviz_base")
        rows = np.random.default_rng(0).permutation(self._chosen(len(self.values)))
        statistics = {"log_weight": np.log(self.weights[rows])[None]}
        return base.from_dict(
            {"posterior": self._by_name(self.values[rows][None]), "sample_stats": statistics},
            attrs={"posterior": self._attributes()},
        )

    def _by_name(self, values: Array) -> dict[str, Array]:
        return {name: values[..., j] for j, name in enumerate(self.names)}

    def _attributes(self) -> dict[str, str]:
        return {"model": self.fit.model.label, "method": self.method}

    def __repr__(self) -> str:
        findings = "".join(f"; {each}" for each in self.findings)
        return (
            f"<{type(self).__name__} of {self.fit.model.label}: {len(self.values):,} from the "
            f"{self.method}{self._details()}{findings}>"
        )

    def __str__(self) -> str:
        table = self.table.to_string(float_format="{:.6g}".format)
        return "\n".join([self._head, "", table, *(f"- {each}" for each in self.findings)])

    def _repr_html_(self) -> Html:
        return html_card(self._head, html_table(self.table), html_list(self.findings))

    @property
    def _head(self) -> str:
        size = f"{len(self.values):,} draws from the {self.method}"
        return f"{self.fit.model.label}: {size}{self._details()}"

    def _details(self) -> str:
        return ""


def _has_mean(model: Any) -> bool:
    try:
        model.check_mean_exists()
    except UndefinedMomentError:
        return False
    return True


def weighted_quantiles(values: Array, weights: Array, probabilities: Array) -> Array:
    """Return quantiles of weighted values, interpolated between the middles of their weights."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    middles = (ends - 0.5 * weights[order]) / ends[-1]
    return np.interp(probabilities, middles, values[order])


def normal_draws(fit: Fit[AnyModel], n: int, seed: int) -> ParameterDraws[AnyModel]:
    """Draw from the normal approximation in the coordinates of the estimation."""
    size = check_draws(n, least=1)
    rng = np.random.default_rng(check_seed(seed))
    model = fit.model
    slopes = np.where(model.positive, model.values, 1.0)
    root = _root(fit, fit.covariance / slopes[:, None] / slopes)
    z = model.coordinates + rng.standard_normal((size, len(slopes))) @ root.T
    values = from_real_line(z, np.broadcast_to(model.positive, z.shape))
    return ParameterDraws(fit, values, np.full(size, 1.0 / size), "normal approximation")


def _root(fit: Fit[Any], spread: Array) -> Array:
    """Return R with R R' = `spread`, shape (k, k), or raise where there is no such normal law."""
    variance = np.diag(spread)
    unbounded = ~(np.isfinite(variance) & (variance > 0.0))
    if unbounded.any():
        raise _no_normal(fit, np.array(fit.names)[unbounded].tolist(), "do not bound")
    sd = np.sqrt(variance)
    eigenvalues, vectors = np.linalg.eigh(spread / sd[:, None] / sd)
    if eigenvalues[0] < _SINGULAR:
        along = np.abs(vectors[:, 0]) > 0.1
        raise _no_normal(fit, np.array(fit.names)[along].tolist(), "cannot tell apart")
    return np.asarray(sd[:, None] * vectors * np.sqrt(eigenvalues))


def _no_normal(fit: Fit[Any], names: list[str], what: str) -> ParameterError:
    return ParameterError(
        "The normal approximation needs a finite, regular covariance of the estimates.",
        place=f"The data of this fit {what} {', '.join(names)} "
        f"(certificate: {fit.certificate.verdict}).",
        fix=f"Give {names[0]} a prior in fit.posterior(prior=...), or use a longer log.",
    )


def check_draws(n: object, *, least: int) -> int:
    """Return a number of draws, or raise unless it is whole and at least `least`."""
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < least:
        raise ParameterError(
            f"The number of draws is whole, {least:,} or more.",
            place=f"Got {n!r:.80}.",
            fix="4,000 draws give two digits of the ends of an interval.",
        )
    return int(n)


def check_seed(seed: object) -> int:
    """Return a seed, or raise unless it is a whole number, zero or more."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ParameterError(
            "`seed` is a whole number, zero or more.",
            place=f"Got {seed!r:.80}.",
            fix="Pass seed=1; the same seed gives the same draws.",
        )
    return int(seed)
