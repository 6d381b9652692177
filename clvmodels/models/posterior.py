"""The posterior of the parameters of a fit, by importance sampling or by NUTS."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Histories
from clvmodels.errors import ParameterError, PosteriorWarning
from clvmodels.estimation import Maximum
from clvmodels.models.draws import ParameterDraws, check_draws, check_seed
from clvmodels.models.provenance import rows_of
from clvmodels.objective import total
from clvmodels.parameters import from_real_line
from clvmodels.priors import Prior, Priors, resolve
from clvmodels.sampling.control import Evaluated, log_likelihoods
from clvmodels.sampling.importance import HIGHEST_K, Proposal, Weighted, require, smoothed
from clvmodels.sampling.nuts import CHAINS, HIGHEST_R, Chains, nuts
from clvmodels.sampling.target import Target, endless, flat_coordinates, mode_of, units_of

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.models.base import Parametric
    from clvmodels.models.fit import Fit

__all__ = ["Method", "Posterior", "draw_posterior"]

Array: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["auto", "importance", "nuts"]
M = TypeVar("M", bound="Parametric", covariant=True)
AnyModel = TypeVar("AnyModel", bound="Parametric")

_LEAST: Final = 100  # draws of which a tail can be judged
_FARTHEST: Final = 20.0  # where a climb starts at most: a logarithm of 5e8
_WIDE: Final = 0.5  # spread of a logarithm from which on the posterior may have no end


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(ParameterDraws[M]):
    """Draws of the parameters from their posterior; see `Fit.posterior`.

    Attributes
    ----------
    prior : mapping of str to Prior
        The prior of each parameter.
    ess : Array
        Shape (k,): number of independent draws that would be as good.
    k_hat : float or None
        Shape of the tail of the importance weights: below 0.7 they can be trusted. None of NUTS
        that was asked for.
    r_hat : Array or None
        Shape (k,): how much the chains of NUTS disagree; 1 is not at all.
    divergences : int
        Draws of NUTS that lost their way.
    weight_error : float
        Estimated error of the log weights, where they come from a sample of the customers; 0 where
        all were used.
    statistics : mapping of str to Array
        What the sampler says of each draw, shape (chains, draws).

    Examples
    --------
    >>> from clvmodels import BGNBD, priors
    >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    >>> fit = BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week"))
    >>> posterior = fit.posterior(seed=2, prior={"a": priors.HalfNormal(2.0)})
    >>> posterior.prior["a"], bool(posterior.k_hat < 0.7)
    (HalfNormal(sigma=2.0), True)
    """

    prior: Mapping[str, Prior]
    ess: Array
    k_hat: float | None = None
    r_hat: Array | None = None
    divergences: int = 0
    weight_error: float = 0.0
    statistics: Mapping[str, Array] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """Table of mean, sd, lower and upper (95 %), ess, with r_hat of chains, and prior."""
        table = super().table.assign(ess=self.ess)
        if self.r_hat is not None:
            table["r_hat"] = self.r_hat
        return table.assign(prior=[repr(each) for each in self.prior.values()])

    @property
    def chains(self) -> int:
        """Number of chains; importance sampling has one."""
        return 1 if self.r_hat is None else CHAINS

    @property
    def findings(self) -> tuple[str, ...]:
        """What to know before these draws are used, in words."""
        words = []
        if self.k_hat is not None and self.k_hat > HIGHEST_K and self.r_hat is None:
            words.append(_untrusted(self.k_hat))
        if self.r_hat is not None and not self.r_hat.max() <= HIGHEST_R:
            words.append(_disagreeing(self.names, self.r_hat))
        if self.divergences:
            words.append(f"{self.divergences} of {len(self.values)} draws lost their way.")
        return (*words, *super().findings)

    def to_arviz(self) -> Any:
        """Return the draws as the `xarray.DataTree` that ArviZ works with.

        Group `posterior` has the parameters by chain and draw, `sample_stats` what nutpie says of
        each draw. Draws of importance sampling are resampled: ArviZ gives every draw the same
        weight, so that some appear more than once, others not at all; `log_weight` in
        `sample_stats` is the weight that they had.

        Raises
        ------
        MissingExtraError
            arviz-base is not installed.
        """
        if self.statistics is None:
            return super().to_arviz()
        values = self.values.reshape(self.chains, -1, len(self.names))
        return require("arviz_base").from_dict(
            {"posterior": self._by_name(values), "sample_stats": dict(self.statistics)},
            attrs={"posterior": self._attributes()},
        )

    def _attributes(self) -> dict[str, str]:
        priors = "; ".join(f"{name} ~ {each!r}" for name, each in self.prior.items())
        return {**super()._attributes(), "prior": priors}

    def _details(self) -> str:
        k = "" if self.k_hat is None else f", k-hat {self.k_hat:.2f}"
        r = "" if self.r_hat is None else f", R-hat {self.r_hat.max():.3f}"
        return f"{k}{r}, ESS {self.ess.min():,.0f}"


def draw_posterior(
    fit: Fit[AnyModel],
    data: Histories | None,
    *,
    draws: int,
    prior: Priors | None,
    seed: int,
    method: Method,
) -> Posterior[AnyModel]:
    """Draw from the posterior of a fit; see `Fit.posterior`."""
    _check_method(method)
    n, seed = check_draws(draws, least=_LEAST), check_seed(seed)
    model = fit.model
    known = resolve(prior, fit.names, model.positive)
    per_row = rows_of(fit, data, "A posterior")
    scale = units_of(per_row)
    target = Target(total(per_row), tuple(known.values()), scale)
    top = _mode(fit, target)
    _refuse_endless(fit, target, top, wide=_WIDE)
    k_hat = None
    if method != "nuts":
        proposal = Proposal.around(top.point, top.hessian, n, np.random.default_rng(seed))
        z, offset = proposal.points * scale, target.log_prior(proposal.points)
        offset = offset - proposal.log_density
        found = log_likelihoods(per_row, model.values_at, top.point * scale, z, offset)
        weighted = smoothed(found.values + offset)
        k_hat = weighted.k_hat
        if method == "importance" or k_hat <= HIGHEST_K:
            if k_hat > HIGHEST_K:
                warnings.warn(_untrusted(k_hat), PosteriorWarning, stacklevel=3)
            return _from_weights(fit, known, z, weighted, found, offset)
        warnings.warn(f"{_untrusted(k_hat)} NUTS draws instead.", PosteriorWarning, stacklevel=3)
        _refuse_endless(fit, target, top, wide=0.0)
    chains = nuts(target, top, draws=-(-n // CHAINS), seed=seed)
    posterior = _from_chains(fit, known, chains, scale, k_hat)
    if posterior.findings:
        warnings.warn(" ".join(posterior.findings), PosteriorWarning, stacklevel=3)
    return posterior


def _from_weights(
    fit: Fit[AnyModel],
    prior: Mapping[str, Prior],
    z: Array,
    weighted: Weighted,
    found: Evaluated,
    offset: Array,
) -> Posterior[AnyModel]:
    return Posterior(
        fit,
        _natural(fit.model, z),
        weighted.weights,
        "posterior by importance sampling",
        prior,
        ess=np.full(z.shape[1], weighted.ess),
        k_hat=weighted.k_hat,
        weight_error=found.spread(offset),
    )


def _from_chains(
    fit: Fit[AnyModel],
    prior: Mapping[str, Prior],
    chains: Chains,
    scale: Array,
    k_hat: float | None,
) -> Posterior[AnyModel]:
    points = chains.points.reshape(-1, chains.points.shape[-1]) * scale
    return Posterior(
        fit,
        _natural(fit.model, points),
        np.full(len(points), 1.0 / len(points)),
        "posterior by NUTS",
        prior,
        ess=chains.ess,
        k_hat=k_hat,
        r_hat=chains.r_hat,
        divergences=chains.divergences,
        statistics=chains.statistics,
    )


def _natural(model: Parametric, z: Array) -> Array:
    with np.errstate(over="ignore"):  # far out in the tails; such draws have no weight
        return from_real_line(z, np.broadcast_to(model.positive, z.shape))


def _mode(fit: Fit[Any], target: Target) -> Maximum:
    """Return the mode, or raise where the posterior is flat along a direction."""
    start = np.clip(fit.model.coordinates / target.scale, -_FARTHEST, _FARTHEST)
    top = mode_of(target, start)
    flat = [name for name, is_flat in zip(fit.names, flat_coordinates(top), strict=True) if is_flat]
    if flat:
        raise _no_posterior(fit, flat)
    return top


def _refuse_endless(fit: Fit[Any], target: Target, top: Maximum, *, wide: float) -> None:
    """Raise if the posterior goes on for ever along a parameter without a proper prior.

    Only parameters with a spread of more than `wide` are looked at: of the others the likelihood
    has fallen far before it can level off.
    """
    spread = np.sqrt(np.diag(np.linalg.inv(-top.hessian)))
    doubtful = [
        i
        for i, (each, prior) in enumerate(zip(spread, target.priors, strict=True))
        if each > wide and not prior.proper
    ]
    found = endless(target, top, doubtful)
    if found:
        raise _no_posterior(fit, [fit.names[i] for i in found])


def _no_posterior(fit: Fit[Any], names: list[str]) -> ParameterError:
    cause = " ".join(fit.certificate.findings)
    return ParameterError(
        "Parameters without a proper prior have a posterior where the data bound them.",
        place=f"The data do not bound {', '.join(names)}. {cause}".strip(),
        fix=f"Give a prior, as in posterior(prior={{{names[0]!r}: clv.priors.LogNormal(0, 1)}}), "
        "or use a longer log.",
    )


def _untrusted(k_hat: float) -> str:
    return (
        f"The weights of importance sampling have too long a tail (k-hat {k_hat:.2f}, above "
        f"{HIGHEST_K}): the posterior is far from a bell in the logarithms."
    )


def _disagreeing(names: tuple[str, ...], r_hat: Array) -> str:
    worst = int(np.argmax(r_hat))
    return (
        f"The chains disagree about {names[worst]} (R-hat {r_hat[worst]:.3f}, above {HIGHEST_R}): "
        "take more draws, or give it a prior."
    )


def _check_method(method: object) -> None:
    if method not in ("auto", "importance", "nuts"):
        raise ParameterError(
            "`method` is 'auto', 'importance' or 'nuts'.",
            place=f"Got {method!r:.80}.",
            fix="Leave it out: NUTS takes over where importance sampling is not to be trusted.",
        )
