"""What moving a population does to the future of a customer, one rule for each family of models.

The past stays as it was: what is known of a customer, P(alive) included, comes from the population
that was fitted. Only the time from now on runs under the moved one. See decision 027.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import ParameterError
from clvmodels.models.beta_dropout_family import BetaDropoutModel
from clvmodels.models.bgbb import BGBB
from clvmodels.models.lifetime_family import LifetimeModel
from clvmodels.models.purchases import PurchaseModel, newcomers
from clvmodels.models.renewal_family import RenewalModel
from clvmodels.special import beta_expectation

__all__ = ["Ahead", "Family", "Move", "family_of"]

Array: TypeAlias = NDArray[np.float64]
P = TypeVar("P", bound=PurchaseModel)


@dataclass(frozen=True)
class Move:
    """How far a population is moved; 1 and 1 leave it as it is.

    Attributes
    ----------
    purchase : float
        The rate of purchases while alive times this; in whole periods the odds of a purchase.
    dropout : float
        The odds of leaving at a chance to leave, or the rate of leaving, times this.
    """

    purchase: float = 1.0
    dropout: float = 1.0


@dataclass(frozen=True)
class Ahead:
    """The future of n customers who are alive now, under a move.

    Attributes
    ----------
    model : PurchaseModel
        What they will do, by parameters that may be one a row.
    customers : Customers
        The state from which `model` goes on.
    clock : float
        How fast time runs for them.
    share : float or Array
        Purchases times this, a number or shape (n,).
    all_begin : bool
        Whether new customers are alive; else some leave at the first purchase.
    """

    model: PurchaseModel
    customers: Customers
    clock: float = 1.0
    share: float | Array = 1.0
    all_begin: bool = True

    def purchases(self, horizon: float, rate: float) -> Array:
        """Return expected discounted purchases, shape (n,); inf where they have no end."""
        c, n = self.customers, len(self.customers)
        if horizon == 0.0:
            return np.zeros(n)
        if rate == 0.0 and np.isinf(horizon):
            found = self.model.purchases_without_end(c)
        elif rate == 0.0:
            found = self.model.purchases_if_alive(c, np.full(n, self.clock * horizon))
        else:
            found = self.model.discounted_if_alive(c, self.clock * horizon, rate / self.clock)
        return np.asarray(self.share * np.broadcast_to(found, (n,)))

    def stay(self, t: float) -> Array:
        """Return P(alive after t | alive now), shape (n,)."""
        return self.model.stay_if_alive(
            self.customers, np.full(len(self.customers), self.clock * t)
        )

    @property
    def alive(self) -> Array:
        """P(alive), shape (n,), of new customers, some of whom may leave at once."""
        if self.all_begin:
            return np.ones(len(self.customers))
        return self.model.p_alive(self.customers)

    @property
    def rate(self) -> Array:
        """The rate of purchases of who is alive, relative to that without a move, shape (n,)."""
        return np.broadcast_to(np.asarray(self.clock * self.share), (len(self.customers),))


@dataclass(frozen=True)
class Family:
    """How a family of models is moved.

    Attributes
    ----------
    dropout, purchase : pair of str and float
        The parameter that a move changes, and the power of its factor; None for no such lever.
    ahead : callable
        Maps model, customers and move to `Ahead`.
    """

    dropout: tuple[str, float]
    purchase: tuple[str, float] | None
    ahead: Callable[[Any, Customers, Move], Ahead]


def family_of(model: PurchaseModel) -> Family:
    """Return how a model, without covariates, is moved.

    Raises
    ------
    ParameterError
        Nobody has said what moving it means.
    """
    for kind, family in _FAMILIES.items():
        if isinstance(model, kind):
            return family
    raise ParameterError(
        "A scenario moves a model of a known family.",
        place=f"{type(model).__qualname__} is of none.",
        fix="Say how it moves: a line of _FAMILIES in clvmodels.scenarios.moves.",
    )


def _beta_dropout_ahead(model: BetaDropoutModel, c: Customers, move: Move) -> Ahead:
    """Leave at odds k a / (b + chances survived).

    Both buying and leaving happen with purchases: with a rate k times as high the same things
    happen k times as soon.
    """
    moved = _with(model, a=model.a * move.dropout)
    return Ahead(moved, c, clock=move.purchase, all_begin=False)


def _lifetime_ahead(model: LifetimeModel, c: Customers, move: Move) -> Ahead:
    """Begin anew at age T: both lifetimes are closed under it, in beta alone.

    The rates of a customer are known as gammas of shapes r + x and s; a rate k times as high has
    a k-th of the other parameter.
    """
    x, _, T = c.timing
    lifetime = model.lifetime
    aged = np.exp(lifetime.log_hazard(np.zeros(len(x))) - lifetime.log_hazard(T))
    fresh = _with(
        model, r=model.r + x, alpha=model.alpha + T, beta=lifetime.beta * aged / move.dropout
    )
    return Ahead(fresh, _beginners(len(x)), share=move.purchase)


@lru_cache(maxsize=4)
def _beginners(n: int) -> Customers:
    """Return n new customers; roots are looked for among the same ones."""
    return newcomers(n)


def _opportunities_ahead(model: BGBB, c: Customers, move: Move) -> Ahead:
    """Buy at odds times k, so that chances stay below 1; leave at odds k gamma / (delta + T)."""
    x, _, T = c.timing
    share = _share_at_odds(model.alpha + x, model.beta + (T - x), move.purchase)
    return Ahead(_with(model, gamma=model.gamma * move.dropout), c, share=share)


def _renewals_ahead(model: RenewalModel, c: Customers, move: Move) -> Ahead:
    """Leave at odds times k; a renewal a period is all that there is to buy."""
    if move.purchase != 1.0:
        raise ParameterError(
            "A purchase rate moves where customers choose when to buy.",
            place=f"With {model.title} who stays renews once in every period.",
            fix="Move retention or spend.",
        )
    return Ahead(_with(model, alpha=model.alpha * move.dropout), c)


def _share_at_odds(a: Array, b: Array, k: float) -> Array:
    """Return E[p'] / E[p] for p ~ Beta(a, b) and p' at k times its odds, shape (n,).

    Examples
    --------
    >>> _share_at_odds(np.ones(1), np.ones(1), 2.0).round(6).tolist()  # 4 (1 - ln 2)
    [1.227411]
    """
    if k == 1.0:
        return np.ones(len(a))
    # Weighted by p the density is Beta(a + 1, b). p' / p falls in p for k above 1, else in 1 - p.
    up = k >= 1.0
    excess = k - 1.0 if up else 1.0 / k - 1.0
    one = np.ones(len(a))

    def ratio(p: Array, rows: NDArray[np.intp]) -> Array:  # noqa: ARG001 - the same for all rows
        return (k if up else 1.0) / (1.0 + excess * p)

    first, second = (a + 1.0, b) if up else (b, a + 1.0)
    return beta_expectation(ratio, first, second, reach=excess * one, steepness=one)


def _with(model: P, **changes: float | Array) -> P:
    """Return a model with some parameters, which may be one a row, in place of its own."""
    return model.rowwise([changes.get(name, getattr(model, name)) for name in model.domains()])


_FAMILIES: Final[dict[type[object], Family]] = {
    BetaDropoutModel: Family(("a", 1.0), ("alpha", -1.0), _beta_dropout_ahead),
    LifetimeModel: Family(("beta", -1.0), ("alpha", -1.0), _lifetime_ahead),
    BGBB: Family(("gamma", 1.0), ("odds of a purchase", 1.0), _opportunities_ahead),
    RenewalModel: Family(("alpha", 1.0), None, _renewals_ahead),
}
