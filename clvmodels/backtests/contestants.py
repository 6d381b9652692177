"""The models of a backtest: told from names, classes or functions, and fitted without a stop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from clvmodels.certificate import Verdict
from clvmodels.errors import (
    ClvError,
    DataWarning,
    IdentifiabilityWarning,
    ParameterError,
    did_you_mean,
)
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.models.spend import SpendModel, SpendPredictions
from clvmodels.predictive.arguments import check_price

__all__ = ["Attempt", "Contestant", "Models", "Spend", "attempted", "contestants", "spend_of"]

Fitting: TypeAlias = Callable[[CustomerSummary], Any]
Models: TypeAlias = Iterable[str | type[PurchaseModel]] | Mapping[str, Fitting]
Spend: TypeAlias = str | type[SpendModel] | Fitting | float | None
Outcome: TypeAlias = Verdict | Literal["failed", "given"]


@dataclass(frozen=True)
class Contestant:
    """A model by name, and how it is fitted to what is known at an origin."""

    name: str
    fit: Fitting


@dataclass(frozen=True)
class Attempt:
    """What came of a fit.

    Attributes
    ----------
    found : Fit, model or None
        None where it failed.
    verdict : str
        Of its certificate; 'failed'; or 'given' for a model with parameters of its own.
    note : str
        In words: what is weak or went wrong, and why.
    """

    found: Any
    verdict: Outcome
    note: str


def contestants(models: Models, *, taken: Iterable[str]) -> tuple[Contestant, ...]:
    """Return the models of a backtest.

    Parameters
    ----------
    models
        Names such as 'BGNBD', classes, or a mapping from names of one's own to functions that take
        a `CustomerSummary` and return a fit.
    taken
        Names that rules have.

    Raises
    ------
    ParameterError
        A name is unknown or comes twice, or something is no purchase model.
    """
    if isinstance(models, Mapping):
        found = [Contestant(str(name), _checked_function(fit)) for name, fit in models.items()]
    else:
        given = [models] if isinstance(models, str | type) else list(models)
        found = [_contestant(each) for each in given]
    if not found:
        raise ParameterError(
            "A backtest has at least one model.",
            place="Got none.",
            fix="Pass models=['BGNBD'], or leave them out for three.",
        )
    names = [each.name for each in found]
    twice = [name for name in names if names.count(name) > 1 or name in set(taken)]
    if twice:
        raise ParameterError(
            "Every model of a backtest has a name of its own, which no rule has.",
            place=f"{twice[0]!r} comes twice.",
            fix="Pass a mapping from names to functions.",
        )
    return tuple(found)


def _contestant(given: object) -> Contestant:
    kinds = {name: kind for name, kind in MODELS.items() if issubclass(kind, PurchaseModel)}
    kind = kinds.get(given) if isinstance(given, str) else given
    if isinstance(kind, type) and issubclass(kind, PurchaseModel):
        return Contestant(kind.title, cast(Fitting, kind.fit))
    raise ParameterError(
        "A backtest takes purchase models: names, classes, or a mapping from names to functions "
        "that fit one to a summary.",
        place=f"Got {given!r:.80}.",
        fix=did_you_mean(str(given), kinds),
    )


def _checked_function(fit: object) -> Fitting:
    if isinstance(fit, type) and issubclass(fit, PurchaseModel):
        return cast(Fitting, fit.fit)
    if callable(fit):
        return fit
    raise ParameterError(
        "A model of one's own is a function of a CustomerSummary that returns a fit.",
        place=f"Got {fit!r:.80}.",
        fix="Pass for instance {'with channel': lambda rfm: BGNBD.fit(rfm, purchase='channel')}.",
    )


def spend_of(spend: Spend) -> Fitting | float | None:
    """Return how spend is fitted, a price, or None.

    Raises
    ------
    ParameterError
        It is none of these.
    """
    if spend is None:
        return None
    if isinstance(spend, int | float) and not isinstance(spend, bool):
        return check_price(spend)
    kinds = {name: kind for name, kind in MODELS.items() if issubclass(kind, SpendModel)}
    kind: object = kinds.get(spend) if isinstance(spend, str) else spend
    if isinstance(kind, type) and issubclass(kind, SpendModel):
        return cast(Fitting, kind.fit)
    if callable(kind) and not isinstance(kind, type):
        return kind
    raise ParameterError(
        "`spend` is a spend model, a function that fits one to a summary, a price above zero, or "
        "None.",
        place=f"Got {spend!r:.80}.",
        fix=did_you_mean(str(spend), kinds),
    )


def attempted(fit: Fitting, rfm: CustomerSummary, *, spend: bool = False) -> Attempt:
    """Fit, and keep what the library warns of or refuses as a note; other errors pass."""
    kind = SpendPredictions if spend else PurchasePredictions
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found, error = fit(rfm), None
        except ClvError as raised:
            found, error = None, raised
    notes = [each for each in caught if issubclass(each.category, DataWarning)]
    _warn_again(each for each in caught if not _is_ours(each.category))
    if error is not None:
        return Attempt(None, "failed", str(error))
    words = [str(each.message) for each in notes]
    if isinstance(found, Fit) and isinstance(found.model, kind):
        certificate = found.certificate
        sound = certificate.verdict == "identified"
        return Attempt(
            found, certificate.verdict, " ".join([*(() if sound else certificate.findings), *words])
        )
    if isinstance(found, kind):
        return Attempt(found, "given", " ".join(words))
    raise ParameterError(
        f"A function of a backtest returns a fit of a {'spend' if spend else 'purchase'} model.",
        place=f"It returned {found!r:.80}.",
        fix="End it with return BGNBD.fit(rfm, ...), for instance.",
    )


def _is_ours(category: type[Warning]) -> bool:
    return issubclass(category, DataWarning | IdentifiabilityWarning)


def _warn_again(caught: Iterable[warnings.WarningMessage]) -> None:
    for each in caught:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
