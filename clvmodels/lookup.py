"""The small table behind the scores of many customers: expensive things once per state.

Given that a customer is alive, the future depends on frequency and T alone (and on covariates),
and there are few such pairs: some 27,000 for ten million customers over two years of days. Where
P(alive) is elementary in the recency, arithmetic does the rest, on any engine. Other models need
the pair and the recency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers
from clvmodels.errors import UndefinedMomentError
from clvmodels.models.predictions import PurchasePredictions

__all__ = ["ALIVE", "GIVEN_ALIVE", "SCORES", "Lookup", "lookup", "scores", "state_of"]

Array: TypeAlias = NDArray[np.float64]

PAIR: Final = ("frequency", "T")
ALIVE: Final = ("odds", "shape", "alpha")
GIVEN_ALIVE: Final = ("expected_if_alive", "discounted_if_alive")
SCORES: Final = ("p_alive", "expected_purchases", "discounted_purchases")


@dataclass(frozen=True)
class Lookup:
    """Scores, or what they are made of, for n states of customers.

    Attributes
    ----------
    keys : tuple of str
        What a state is: ('frequency', 'T') or ('frequency', 'recency', 'T'), then covariates.
    states : Customers
        The n states.
    columns : dict
        Arrays of shape (n,). For pairs `ALIVE` and `GIVEN_ALIVE`, with P(alive) = 1 / (1 + odds
        ((alpha + T) / (alpha + t_x))^shape) times which the latter are the expected purchases. Else
        `SCORES`. NaN stands for an infinite expectation.
    """

    keys: tuple[str, ...]
    states: Customers
    columns: dict[str, Array]

    @property
    def elementary(self) -> bool:
        """Whether P(alive) is left to arithmetic."""
        return "recency" not in self.keys


def state_of(model: PurchasePredictions) -> tuple[str, ...]:
    """Return the names of the columns that scores of a model depend on, but for arithmetic.

    Examples
    --------
    >>> from clvmodels import BGNBD, ParetoNBD
    >>> state_of(BGNBD(0.243, 4.414, 0.793, 2.426)), state_of(ParetoNBD(0.55, 10.6, 0.61, 11.7))
    (('frequency', 'T'), ('frequency', 'recency', 'T'))
    """
    timing = PAIR if model.p_alive_is_elementary else TIMING
    return (*timing, *model.variables)


def lookup(model: PurchasePredictions, states: Customers, *, horizon: float, rate: float) -> Lookup:
    """Work out the table for some states.

    Parameters
    ----------
    model
        A purchase model, with covariates or without.
    states
        n distinct states. Of those that are pairs the recency is not looked at.
    horizon
        Length of the future in the unit of the states; may be infinite.
    rate
        Continuous discount rate per unit.

    Raises
    ------
    UndefinedMomentError
        The discounted value is infinite.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> states = Customers.from_arrays([0, 2], [0.0, 39.0], [39.0, 39.0], unit="week")
    >>> table = lookup(BGNBD(0.243, 4.414, 0.793, 2.426), states, horizon=39.0, rate=0.0)
    >>> table.columns["expected_if_alive"].round(3).tolist()
    [0.195, 1.683]
    """
    odds = model.rows(states).odds_of_leaving(states)
    if odds is None:
        columns = scores(model, states, horizon=horizon, rate=rate)
        return Lookup(state_of(model), states, columns)
    parts = (odds.odds, odds.shape, odds.alpha, *_given_alive(model, states, horizon, rate))
    columns = dict(zip((*ALIVE, *GIVEN_ALIVE), parts, strict=True))
    return Lookup(state_of(model), states, columns)


def scores(
    model: PurchasePredictions, customers: Customers, *, horizon: float, rate: float
) -> dict[str, Array]:
    """Return the columns `SCORES`, each of shape (n,), for any customers; arguments as `lookup`.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> customers = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> found = scores(BGNBD(0.243, 4.414, 0.793, 2.426), customers, horizon=39.0, rate=0.0)
    >>> {name: values.round(3).tolist() for name, values in found.items()}
    {'p_alive': [0.727], 'expected_purchases': [1.226], 'discounted_purchases': [1.226]}
    """
    alive = model.p_alive(customers)
    future = _given_alive(model, customers, horizon, rate)
    return dict(zip(SCORES, (alive, *(alive * each for each in future)), strict=True))


def _given_alive(
    model: PurchasePredictions, states: Customers, horizon: float, rate: float
) -> tuple[Array, Array]:
    """Return expected and discounted purchases given alive, each (n,)."""
    try:
        expected = model.purchases_given_alive(states, horizon)
    except UndefinedMomentError:
        expected = np.full(len(states), math.nan)
    if rate == 0.0 and not np.isnan(expected).any():
        return expected, expected
    return expected, model.discounted_given_alive(states, horizon, rate)
