"""P(alive) over time, and the silence that is unusual for a customer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.errors import DataError, ParameterError
from clvmodels.gaps import first_time, first_whole
from clvmodels.models.arguments import check_finite_times
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.models.purchases import OpportunityModel, PurchaseModel
from clvmodels.predictive.arguments import fitted_model, purchase_fit, purchase_models
from clvmodels.special import distinct_rows
from clvmodels.units import TimeUnit

__all__ = [
    "Purchases",
    "check_error_rate",
    "histories_at",
    "p_alive_at",
    "p_alive_if_silent",
    "unusual_silence",
]

Array: TypeAlias = NDArray[np.float64]
Purchases: TypeAlias = Fit[Any] | PurchasePredictions | ParameterDraws[Any]


def p_alive_if_silent(customers: Histories, purchases: Purchases, t: ArrayLike) -> Array:
    """Return P(alive at T + t) of each customer, if no purchase comes until then.

    What `p_alive` will be on that day if the customer stays silent: the right number for "when do
    we give up on this one?". Silence counts against them, so it is mostly below `p_alive_at`.

    Parameters
    ----------
    customers
        Histories; n rows.
    purchases
        A fit, a model, or parameter draws, of which the fit counts.
    t
        Times after T in the unit of the customers: a number, or shape (m,). Models of whole
        periods round them down.

    Returns
    -------
    Array
        Shape (n,) for a number, else (n, m).

    Raises
    ------
    ParameterError
        A time is negative or not finite.
    UnitMismatchError
        The fit and the customers are in different time units.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> one = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> p_alive_if_silent(one, model, [0, 13, 26]).round(3).tolist()
    [[0.727, 0.596, 0.481]]
    """
    model, c = _model_and_rows(customers, purchases)
    x, _, T = c.timing
    return _over_times(lambda ahead: model.p_alive(replace(c, age=T + ahead)), model, x.size, t)


def p_alive_at(customers: Histories, purchases: Purchases, t: ArrayLike) -> Array:
    """Return P(alive at T + t) of each customer as seen from T, whatever comes until then.

    P(alive at T) times the chance to stay for t: the right number for "how many of these will
    still be customers in a year?". Arguments, result and errors are those of `p_alive_if_silent`.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> one = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> p_alive_at(one, model, [0, 13, 26]).round(3).tolist()
    [[0.727, 0.661, 0.609]]
    """
    model, c = _model_and_rows(customers, purchases)
    now = model.p_alive(c)
    rows = model.rows(c)
    known = dict(zip(("frequency", "recency", "T"), c.timing, strict=True))
    first, code = distinct_rows(*(known[name] for name in rows.state), *rows.varying().values())
    states, base = c.take(first), rows.take(first)

    def later(ahead: float) -> Array:
        stay = base.stay_if_alive(states, np.full(len(states), ahead))
        return now * np.maximum(stay, 0.0)[code]

    return _over_times(later, model, len(c), t)


def unusual_silence(customers: Histories, purchases: Purchases, *, error_rate: float) -> Array:
    """Return the silence after the last purchase from which on an alert is due, shape (n,).

    The smallest s with P(no purchase within s after the last one) at most `error_rate`, for a
    customer who stays. Given what the customer did up to the last purchase: for the Poisson models
    the rate is then Gamma(r + x, alpha + t_x) and s = (alpha + t_x) (error_rate^(-1/(r+x)) - 1).

    Parameters
    ----------
    customers
        Histories; n rows. T does not matter.
    purchases
        A fit, a model, or parameter draws: then the probability is the mean over 32 of them.
    error_rate
        Between 0 and 1.

    Returns
    -------
    Array
        In the unit of the customers; whole for models of whole periods. Infinite where no silence
        is unusual.

    Raises
    ------
    ParameterError
        `error_rate` is not between 0 and 1.
    UnitMismatchError
        The fit and the customers are in different time units.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> two = Customers.from_arrays([2, 9], [30.43, 30.43], [38.86, 38.86], unit="week")
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> unusual_silence(two, model, error_rate=0.05).round(1).tolist()
    [97.6, 13.3]
    """
    level = check_error_rate(error_rate)
    model, c = _model_and_rows(customers, purchases)
    x, t_x, _ = c.timing
    if not len(c):
        return np.zeros(0)
    labels = (c.covariates[name] for name in model.variables)
    first, code = distinct_rows(x, t_x, *labels)
    states = c.take(first)
    bases = [each.rows(states) for each in purchase_models(purchases)]
    ends = np.stack([base.unusual_silence(states, level) for base in bases])
    return (_mixed(bases, states, level, ends) if len(bases) > 1 else ends[0])[code]


def histories_at(times: ArrayLike, at: ArrayLike, *, unit: TimeUnit | None = None) -> Customers:
    """Return what was known of one customer at several moments: one row a moment.

    Parameters
    ----------
    times
        Times of the customer's purchases, the first included, shape (k,): rising, from any origin.
    at
        Moments, shape (m,), none before the first purchase. A purchase at a moment counts.
    unit
        The unit of the times.

    Raises
    ------
    DataError
        There are no times, or they are not finite or not rising.
    ParameterError
        A moment is before the first purchase or not finite.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> moments = histories_at([0.0, 5.0, 12.0], [4.0, 5.0, 40.0], unit="week")
    >>> moments.frequency.tolist()
    [0.0, 1.0, 2.0]
    >>> BGNBD(0.243, 4.414, 0.793, 2.426).p_alive(moments).round(3).tolist()
    [1.0, 0.754, 0.317]
    """
    bought = _check_purchase_times(times)
    moments = np.atleast_1d(np.asarray(at, dtype=np.float64))
    if not (np.isfinite(moments) & (moments >= bought[0])).all():
        raise ParameterError(
            "A customer is known from the first purchase on.",
            place=f"The first purchase is at {bought[0]:g}, the moments are {at!r:.80}.",
            fix="Ask for finite times from then on.",
        )
    x = np.searchsorted(bought, moments, side="right") - 1
    return Customers.from_arrays(
        x.astype(np.float64), bought[x] - bought[0], moments - bought[0], unit=unit
    )


def check_error_rate(value: float) -> float:
    """Return an error rate, or raise unless it is between 0 and 1."""
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = np.nan
    if 0.0 < rate < 1.0:
        return rate
    raise ParameterError(
        "`error_rate` is the share of false alarms, between 0 and 1.",
        place=f"Got {value!r:.80}.",
        fix="Write 5 % as 0.05.",
    )


def _check_purchase_times(times: ArrayLike) -> Array:
    bought = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if bought.ndim == 1 and len(bought) and np.isfinite(bought).all():
        falls = np.flatnonzero(np.diff(bought) <= 0.0)
        if not len(falls):
            return bought
        place = f"{bought[falls[0]]:g} is followed by {bought[falls[0] + 1]:g}."
    else:
        place = f"Got {times!r:.80}."
    raise DataError(
        "The times of a customer's purchases are finite and rise; there is one or more.",
        place=place,
        fix="Sort them, and merge purchases at the same time.",
    )


def _model_and_rows(
    customers: Histories, purchases: Purchases
) -> tuple[PurchasePredictions, Customers]:
    """Return the model as fitted, and the customers with what it needs to know of them."""
    check_alike(purchase_fit(purchases), customers)
    model: PurchasePredictions = fitted_model(purchases)
    return model, as_histories(customers).customers(model.variables)


def _over_times(
    function: Callable[[float], Array], model: PurchasePredictions, n: int, t: ArrayLike
) -> Array:
    """Return a function of the time for all times, shape (n,) or (n, m)."""
    times = check_finite_times(t, "t")
    if times.ndim > 1:
        raise ParameterError(
            "`t` is a number or a row of numbers.",
            place=f"Got shape {times.shape}.",
            fix="Pass times that hold for every customer.",
        )
    counted = model.whole_periods(np.atleast_1d(times))
    result = np.empty((n, len(counted)))
    for i, ahead in enumerate(counted.tolist()):
        result[:, i] = function(ahead)
    return result if times.ndim else result[:, 0]


def _mixed(bases: Sequence[PurchaseModel], c: Customers, level: float, ends: Array) -> Array:
    """Return where the mean over models falls to the level: between the ends of single ones."""

    def tail(s: Array) -> Array:
        total = sum(base.silence_if_alive(c, s) for base in bases)
        return np.asarray(total / len(bases))

    low, high = ends.min(axis=0), ends.max(axis=0)
    if isinstance(bases[0], OpportunityModel):
        return first_whole(tail, level, low - 1.0, high)
    return first_time(tail, level, low, high)
