"""How customers came to be in an arm: by assignment, or by what they bought in the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.assigned import NEVER, Assigned

__all__ = ["Membership", "membership"]

Whole: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

_LATE: Final = 0.05  # share of customers whose arm no order up to the start knows
_NEARLY: Final = 0.02  # of all, or of none


@dataclass(frozen=True)
class Membership:
    """Who of those who could be compared is in an arm, and who of both bought in the test.

    Attributes
    ----------
    inside, outside : int
        Customers with and without an arm.
    late : float
        Share of `inside` whose arm is on no row up to the start.
    bought, bought_outside : float
        Shares of `inside` and `outside` with a purchase after the start.
    """

    inside: int
    outside: int
    late: float
    bought: float
    bought_outside: float

    @property
    def by_buying(self) -> bool:
        """Whether buying in the test made customers members of an arm.

        Either the arm is on their orders in the test alone, or it was carried from these to all of
        their orders, and then who has one has bought and who has none has not.
        """
        if not self.inside or self.outside <= _NEARLY * self.inside:
            return False
        alike = self.bought >= 1.0 - _NEARLY and self.bought_outside <= _NEARLY
        return self.late > _LATE or alike


def membership(found: Assigned, known: Mask, start: Whole) -> Membership:
    """Return how the customers who are `known` came to be in an arm.

    Parameters
    ----------
    found
        The log.
    known
        Shape (n,): who could be compared.
    start
        Shape (n,): last day number before what is compared.
    """
    orders = found.before if found.after is None else found.after
    later = orders.day > start[orders.customer]
    bought = np.bincount(orders.customer[later], minlength=found.n) > 0
    inside = known & (found.named < NEVER)
    outside = known & (found.named == NEVER)
    return Membership(
        int(inside.sum()),
        int(outside.sum()),
        _share(found.named > start, inside),
        _share(bought, inside),
        _share(bought, outside),
    )


def _share(which: Mask, among: Mask) -> float:
    return float(which[among].mean()) if among.any() else 0.0
