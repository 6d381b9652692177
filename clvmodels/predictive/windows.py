"""P(a customer buys in a future window): the share of a cohort who will buy in a period."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import Histories, as_histories
from clvmodels.errors import ParameterError
from clvmodels.models.arguments import check_finite_times
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.special import distinct_rows

__all__ = ["chances_to_buy"]

Array: TypeAlias = NDArray[np.float64]


def chances_to_buy(customers: Histories, model: PurchasePredictions, edges: ArrayLike) -> Array:
    """Return P(at least one purchase in (T + edge, T + next edge]) of each customer.

    Not the difference of the chances to buy by the two edges: a customer may buy before the window
    and in it. P(alive) times what each model says of customers who are alive
    (`PurchaseModel.buying_if_alive`), once per distinct state.

    Parameters
    ----------
    customers
        Histories; n rows.
    model
        A purchase model.
    edges
        Times after T in the unit of the customers, shape (m + 1,), not falling. Models of whole
        periods round them down.

    Returns
    -------
    Array
        Shape (n, m).

    Raises
    ------
    ParameterError
        An edge is negative, not finite, or below the one before.

    Examples
    --------
    >>> from clvmodels import BGNBD, Customers
    >>> two = Customers.from_arrays([0, 2], [0.0, 30.43], [38.86, 38.86], unit="week")
    >>> chances_to_buy(two, BGNBD(0.243, 4.414, 0.793, 2.426), [0, 13, 26]).round(4).tolist()
    [[0.0618, 0.0574], [0.3235, 0.2868]]
    """
    times = check_finite_times(edges, "edges")
    if times.ndim != 1 or (np.diff(times) < 0.0).any():
        raise ParameterError(
            "Edges of windows are a row of times that does not fall.",
            place=f"Got {edges!r:.80}.",
            fix="Sort them.",
        )
    times = model.whole_periods(times)
    c = as_histories(customers).customers(model.variables)
    rows = model.rows(c)
    known = dict(zip(("frequency", "recency", "T"), c.timing, strict=True))
    first, code = distinct_rows(*(known[name] for name in rows.state), *rows.varying().values())
    states, base = c.take(first), rows.take(first)
    one = np.ones(len(states))
    found = np.empty((len(states), len(times) - 1))
    for j, (start, end) in enumerate(zip(times[:-1].tolist(), times[1:].tolist(), strict=True)):
        found[:, j] = base.buying_if_alive(states, start * one, (end - start) * one)
    return np.asarray(model.p_alive(c)[:, None] * found[code])
