"""Active, slipping, at risk, lost: states whose limits follow from what errors cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError
from clvmodels.predictive.arguments import is_number

__all__ = ["ACTIVE", "STATES", "StateCosts", "states_of"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

STATES: Final = ("active", "slipping", "at risk", "lost")
ACTIVE: Final = 0


@dataclass(frozen=True)
class StateCosts:
    """What the four errors cost, in one currency; only their ratios count.

    Who is there with probability p is worth treating as a customer if the expected loss of giving
    up, p x `given_up`, is at least that of an effort for nobody, (1 - p) x `wasted`: from
    p = wasted / (wasted + given_up) on. An offer to win back pays if the loss without it,
    (1 - p) x `missed`, is above that of an offer which was not needed, p x `needless`: below
    p = missed / (missed + needless).

    Attributes
    ----------
    wasted : float
        Effort for a customer who has gone, such as a mailing.
    given_up : float
        Lost by giving up a customer who is still there.
    needless : float
        An offer to a customer who had stayed without, such as a discount given away.
    missed : float
        Lost by making no offer to a customer who has gone, or is about to.

    Raises
    ------
    ParameterError
        A cost is not above zero, or the two limits are not in order.

    Examples
    --------
    >>> StateCosts().lost_below, StateCosts().at_risk_below
    (0.1, 0.5)
    >>> round(StateCosts(wasted=1.0, given_up=30.0).lost_below, 3)
    0.032
    """

    wasted: float = 1.0
    given_up: float = 9.0
    needless: float = 1.0
    missed: float = 1.0

    def __post_init__(self) -> None:
        bad = [
            f"{name} {value!r:.40}"
            for name, value in vars(self).items()
            if not is_number(value) or not 0.0 < value < math.inf
        ]
        if bad:
            raise ParameterError(
                "Costs of errors are above zero and finite.",
                place=f"Got {', '.join(bad)}.",
                fix="Only ratios count: pass what one error costs in terms of the other.",
            )
        if not self.lost_below < self.at_risk_below:
            raise ParameterError(
                "Customers are at risk before they are lost.",
                place=f"These costs call them lost below P(alive) {self.lost_below:.3g} and at "
                f"risk below {self.at_risk_below:.3g}.",
                fix="Raise `given_up` or `missed`, or lower `wasted` or `needless`.",
            )

    @property
    def lost_below(self) -> float:
        """P(alive) below which an effort costs more than it saves."""
        return self.wasted / (self.wasted + self.given_up)

    @property
    def at_risk_below(self) -> float:
        """P(alive) below which an offer saves more than it costs."""
        return self.missed / (self.missed + self.needless)


def states_of(p_alive: Array, unusual: NDArray[np.bool_], costs: StateCosts) -> Index:
    """Return the number of the state of each customer in `STATES`, shape (n,).

    Parameters
    ----------
    p_alive
        Shape (n,).
    unusual
        Shape (n,): whether the silence is unusual for the customer.
    costs
        What errors cost.

    Examples
    --------
    >>> p, unusual = np.array([0.9, 0.9, 0.3, 0.05]), np.array([False, True, True, True])
    >>> [STATES[i] for i in states_of(p, unusual, StateCosts())]
    ['active', 'slipping', 'at risk', 'lost']
    """
    tests = [p_alive < costs.lost_below, p_alive < costs.at_risk_below, unusual]
    return np.select(tests, [3, 2, 1], ACTIVE).astype(np.intp)
