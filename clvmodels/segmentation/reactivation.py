"""Whom to win back: what a contact is expected to gain, after what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.predictive.arguments import is_number
from clvmodels.segmentation.states import ACTIVE, STATES

__all__ = ["Contact", "chosen", "read_contact"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Contact:
    """What a contact does and costs.

    Attributes
    ----------
    response : tuple of float
        Share of the customers of each of `STATES` whom a contact brings back as they were.
    cost : float or str
        Of one contact; or the column that has it.
    budget : float
        Of all of them; infinite for none.
    stated : bool
        Whether the response is known. If not every contact is taken to work, which tells what is
        at stake and not what is expected.
    """

    response: tuple[float, ...]
    cost: float | str
    budget: float
    stated: bool = True


def read_contact(response_rate: Any, contact_cost: Any, budget: Any) -> Contact:
    """Return what a contact does and costs, or raise.

    Raises
    ------
    ParameterError
        A rate is not between 0 and 1, or a cost is negative.

    Examples
    --------
    >>> read_contact({"lost": 0.01}, 0.8, None).response
    (0.0, 0.0, 0.0, 0.01)
    """
    stated = response_rate is not None
    rates = response_rate if stated else 1.0
    if not isinstance(rates, Mapping):
        rates = dict.fromkeys(STATES[1:], rates)
    unknown = [each for each in rates if each not in STATES]
    if unknown:
        raise ParameterError(
            "`response_rate` is a share, or one for each state.",
            place=f"There is no state {unknown[0]!r}.",
            fix=did_you_mean(str(unknown[0]), STATES),
        )
    bad = [each for each in rates.values() if not is_number(each) or not 0.0 <= each <= 1.0]
    if bad:
        raise ParameterError(
            "`response_rate` is between 0 and 1.",
            place=f"Got {bad[0]!r:.80}.",
            fix="Write 5 % as 0.05.",
        )
    cost = contact_cost if isinstance(contact_cost, str) else _amount(contact_cost, "contact_cost")
    most = math.inf if budget is None else _amount(budget, "budget")
    response = tuple(float(rates.get(state, 0.0)) for state in STATES)
    return Contact(response, cost, most, stated)


def _amount(value: Any, name: str) -> float:
    if is_number(value) and math.isfinite(value) and value >= 0.0:
        return float(value)
    raise ParameterError(f"`{name}` is an amount of zero or more.", place=f"Got {value!r:.80}.")


def chosen(
    at_stake: Array, state: Index, cost: Array, contact: Contact
) -> tuple[NDArray[np.intp], Array]:
    """Return the rows that are worth a contact, best first, and what each is expected to gain.

    The gain is response x value at stake - cost. Customers who are active are left alone. Under a
    budget those come first who gain most for the money, as long as it lasts; the first whom it
    does not reach ends the list.

    Parameters
    ----------
    at_stake
        Value that is lost if nobody does anything, shape (n,); rows in their order of preference
        among equals.
    state
        Number of the state of each, shape (n,).
    cost
        Of a contact, shape (n,).
    contact
        What it does.

    Examples
    --------
    >>> contact = read_contact(0.1, 1.0, 2.0)
    >>> stake, lost = np.array([5.0, 90.0, 60.0, 70.0]), np.full(4, 3)
    >>> rows, gain = chosen(stake, lost, np.ones(4), contact)
    >>> rows.tolist(), gain.tolist()
    ([1, 3], [8.0, 6.0])
    """
    rate = np.array(contact.response)[state]
    gain = rate * at_stake - cost
    worth = np.flatnonzero((gain > 0.0) & (state != ACTIVE))
    if math.isfinite(contact.budget):
        per_money = np.divide(
            gain[worth], cost[worth], out=np.full(len(worth), np.inf), where=cost[worth] > 0.0
        )
        ordered = worth[np.argsort(-per_money, kind="stable")]
        spent = np.cumsum(cost[ordered])
        worth = np.sort(ordered[spent <= contact.budget * (1.0 + 1e-12)])
    rows = worth[np.argsort(-gain[worth], kind="stable")]
    return rows, gain[rows]
