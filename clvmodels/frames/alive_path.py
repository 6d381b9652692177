"""P(alive) of one customer over time, from the dates of their orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Grid, Returns
from clvmodels.design import Level
from clvmodels.errors import DataError, EmptyLogError, ParameterError
from clvmodels.frames.calendar import as_date
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import PERIOD
from clvmodels.frames.engines import collected
from clvmodels.frames.fitted_rules import unit_and_rules
from clvmodels.frames.occasions import kept, net_occasions
from clvmodels.frames.one_customer import WHEN, WHO, no_customer, opened
from clvmodels.frames.periods import last_days, period_of, units_per_period
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns
from clvmodels.models.draws import check_seed
from clvmodels.models.fit import Fit
from clvmodels.models.intervals import check_level
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.arguments import purchase_fit, with_covariates
from clvmodels.predictive.silence import Purchases, histories_at
from clvmodels.units import Duration, TimeUnit, in_units

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["p_alive_path"]

Array: TypeAlias = NDArray[np.float64]
Periods: TypeAlias = NDArray[np.int64]

_ROUNDING: Final = 1e-9  # of a horizon in whole periods
_DRAWS: Final = 200  # a band at level 0.9 has ten draws beyond each end


def p_alive_path(
    orders: Any,
    purchases: Purchases,
    *,
    customer: str | None = None,
    date: str | None = None,
    id: Any = None,  # noqa: A002 - the customer's id, in words of the user
    amount: AmountColumns = None,
    observed_until: date | str | None = None,
    horizon: Duration = 0.0,
    unit: TimeUnit | None = None,
    grid: Grid | None = None,
    returns: Returns | None = None,
    covariates: Mapping[str, Level] | None = None,
    level: float = 0.9,
    seed: int = 0,
    date_format: str | None = None,
    time_zone: str | None = None,
) -> pd.DataFrame:
    """Follow P(alive) of one customer, day by day, with the uncertainty of the parameters.

    Each row says what the model would have said on that day, from the orders up to it. Behind the
    end of observation it says what it will say if no order comes.

    Parameters
    ----------
    orders
        A log of orders on any engine, or a path, with `customer`, `date` and `id`. Or just the
        dates of one customer's orders: a list, array or series.
    purchases
        A fit; a model in the unit `unit`, which has no band; or parameter draws such as
        ``fit.posterior(...)``. The path is that of the fit, the band that of 200 draws, for a fit
        from the normal approximation.
    customer, date
        Names of the columns with the customer's id and the date of the order.
    id
        Which customer.
    amount
        Name of the column with the value, or a pair (quantity, price), as in `rfm_summary`: only
        with it are refunds taken off.
    observed_until
        Last day of observation; the last day of the log, of all its customers, if None.
    horizon
        How far to go on from there, such as ``"90d"``, on the assumption of silence.
    unit, grid, returns
        As in `rfm_summary`; those of the fit if None. A model needs a unit.
    covariates
        The customer's covariates, for a model that has some, such as ``{"channel": "web"}``.
    level
        Of the band, between 0 and 1, with equal tails.
    seed
        Of the draws for a fit.
    date_format, time_zone
        As in `rfm_summary`.

    Returns
    -------
    pandas.DataFrame
        One row a day from the first order on (or a week, month, quarter or year, by the grid, under
        its last day): ``date``, ``frequency``, ``recency`` and ``T`` so far, ``p_alive``,
        ``lower``, ``upper`` (missing for a model, and for a fit whose data do not bound a
        parameter), and ``observed``, which is False after the end of observation. At that end
        ``p_alive`` is what `predict` says.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    DataError
        There is no such customer, or no order that counts, or a date that is none.
    ParameterError
        The horizon is infinite, there is no unit, covariates are missing, or the level is not
        between 0 and 1.
    UnitMismatchError
        `unit` is not that of the fit.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> days = ["2024-01-01", "2024-01-08", "2024-02-05"]
    >>> path = p_alive_path(days, model, unit="week", observed_until="2024-03-31", horizon="26w")
    >>> path.set_index("date")["p_alive"][["2024-02-05", "2024-03-31", "2024-09-29"]].round(3)
    date
    2024-02-05    0.812
    2024-03-31    0.526
    2024-09-29    0.124
    Name: p_alive, dtype: float64
    """
    found = purchase_fit(purchases)
    unit, rule = unit_and_rules(found, unit, grid, returns)
    beyond = 0.5 * (1.0 - check_level(level))
    log, one = opened(orders, customer, date, id)
    rules = Rules(
        customer=customer or WHO,
        date=date or WHEN,
        amount=amount,
        returns=rule.returns,
        invalid="error",
        strict=customer is None,  # a date that is missing in a list of dates is a slip
        grid=rule.grid,
        date_format=date_format,
        time_zone=time_zone,
    )
    if observed_until is None:
        observed_until = as_date(read_log(log, rules, observed_until=None).end)
    try:
        own = read_log(one, rules, observed_until=observed_until)
    except EmptyLogError:
        if customer is None:
            raise
        raise no_customer(customer, id) from None
    ahead = in_units(horizon, unit, start=as_date(own.end))
    moments = _moments(own, rule.grid, unit, ahead)
    model: PurchasePredictions = found.model if isinstance(found, Fit) else found
    c = with_covariates(moments.histories, model, covariates)
    lower, upper = _band(purchases, c, (beyond, 1.0 - beyond), check_seed(seed))
    return moments.table(c, model.p_alive(c), lower, upper)


# --- moments ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Moments:
    """The periods of a path.

    Attributes
    ----------
    histories : Customers
        What was known of the customer at the end of each, m rows.
    days : array of datetime64[D]
        Shape (m,): the day on which each ends, or on which observation does.
    observed : array of bool
        Shape (m,).
    """

    histories: Customers
    days: NDArray[np.datetime64]
    observed: NDArray[np.bool_]

    def table(self, c: Customers, p_alive: Array, lower: Array, upper: Array) -> pd.DataFrame:
        """Return the path."""
        import pandas as pd

        x, t_x, T = c.timing
        return pd.DataFrame(
            {
                "date": self.days.astype("M8[us]"),  # pandas has no type for days
                "frequency": x.astype(np.int64),
                "recency": t_x,
                "T": T,
                "p_alive": p_alive,
                "lower": lower,
                "upper": upper,
                "observed": self.observed,
            }
        )


def _moments(log: CleanLog, grid: Grid, unit: TimeUnit, horizon: float) -> _Moments:
    """Return the periods from the first order to the horizon."""
    if not np.isfinite(horizon):
        raise ParameterError(
            "A path has an end.", place=f"Got horizon={horizon!r}.", fix="Pass one such as '1y'."
        )
    occasions = kept(net_occasions(log, grid=grid), has_amount=log.source.has_amount)
    bought = np.sort(collected(occasions.select(PERIOD))[PERIOD].to_numpy())
    if not len(bought):
        raise DataError(
            "A path begins with an order.",
            place="Refunds have left nothing of the orders of this customer.",
            fix="Leave out `amount` to count orders whatever came back.",
        )
    length, per_unit = units_per_period(grid, unit)
    end = period_of(log.end, grid)
    at = np.arange(bought[0], end + int(horizon * per_unit / length + _ROUNDING) + 1)
    counted = histories_at(bought, at)
    _, t_x, T = (times * length / per_unit for times in counted.timing)  # as rfm_summary does
    days = last_days(at, grid)
    days[at == end] = np.datetime64(as_date(log.end), "D")
    histories = Customers.from_arrays(counted.frequency, t_x, T, unit=unit)
    return _Moments(histories, days, at <= end)


def _band(
    purchases: Purchases, c: Customers, tails: tuple[float, float], seed: int
) -> tuple[Array, Array]:
    """Return the ends of the band of P(alive), missing where parameters have no distribution."""
    unknown = np.full(len(c), np.nan)
    if isinstance(purchases, PurchasePredictions):
        return unknown, unknown
    try:
        drawn = purchases.draws(_DRAWS, seed=seed) if isinstance(purchases, Fit) else purchases
    except ParameterError:  # the covariance is infinite or singular; the certificate says why
        return unknown, unknown
    paths = np.stack([each.p_alive(c) for each in drawn.models(_DRAWS)])
    lower, upper = np.quantile(paths, tails, axis=0)
    return lower, upper
