"""`what_if`: the change in value if customers stayed longer, bought more often or spent more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from clvmodels.errors import ParameterError
from clvmodels.frames.arguments import PurchaseFit, SpendFit, check_models
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.known_histories import with_histories
from clvmodels.frames.predict import CLVModel
from clvmodels.models.intervals import check_level
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.arguments import fit_of, fitted_model, purchase_fit
from clvmodels.predictive.totals import Terms
from clvmodels.scenarios.levers import Levers
from clvmodels.scenarios.outcome import Asked, outcome_of
from clvmodels.scenarios.present import Present, check_by
from clvmodels.scenarios.result import WhatIf
from clvmodels.scenarios.worth import Scene
from clvmodels.units import Duration, TimeUnit, check_unit, in_units, rate_per_unit

__all__ = ["what_if"]

_YEAR: Final = "1y"


def what_if(
    purchases: PurchaseFit | CLVModel,
    spend: SpendFit | None = None,
    rfm: CustomerSummary | None = None,
    *,
    retention: float | str | None = None,
    purchase_rate: float | str | None = None,
    spend_change: float | str | None = None,
    new_margin: float | str | None = None,
    new_discount_rate: float | None = None,
    horizon: Duration = "5y",
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    by: str | Sequence[str] | None = None,
    interval: float = 0.9,
    unit: TimeUnit | None = None,
) -> WhatIf:
    """Say what value changes if customers stayed longer, bought more often or spent more.

    The population that was fitted is moved until what is stated has changed by exactly as much.
    The past stays as it was: P(alive) and what is known of each customer are those of the fit, and
    from now on everybody lives under the moved population. New customers do from the beginning.

    Parameters
    ----------
    purchases, spend
        As in `predict`; or a `CLVModel` in place of both. With fits or draws of their parameters
        (`Fit.draws`) the intervals know of the error of the parameters. Without `spend` discounted
        purchases take the place of value.
    rfm
        The present base. Without it only new customers are valued.
    retention
        Change of one-year retention: the probability that a new customer is alive a year after the
        first purchase. ``0.05`` and ``"+5pp"`` are five points more, ``"+5%"`` five per cent of
        what it is. 0 holds it where it is while another lever moves.
    purchase_rate
        Change of the rate of purchases while alive: ``0.10`` or ``"+10%"``. Where customers leave
        at purchases (BG/NBD and its sisters), who buys more often leaves sooner.
    spend_change
        Change of the value of every order: ``0.05`` or ``"+5%"``.
    new_margin, new_discount_rate
        In place of `margin` and `discount_rate`.
    horizon, discount_rate, margin
        As in `predict`. With a margin of 1 value is revenue, not profit.
    by
        A column of ``rfm.frame``, or several, whose values make segments.
    interval
        Probability that a change is between ``lower`` and ``upper``. It is that of the parameters,
        which both worlds share; see the notes of `WhatIf`.
    unit
        Unit of a model that is no fit, where there is no `rfm`.

    Returns
    -------
    WhatIf
        The change for the base, its segments and a new customer, by lever.

    Raises
    ------
    ParameterError
        An argument is outside its domain, or a change cannot be reached: the message says what can.
    UndefinedMomentError
        The value does not exist, as in `predict`.
    DataError
        The summary lacks what the models need, or the data leave parameters without bound on which
        the change depends.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> found = what_if(*models, retention="+5pp", horizon="2y", unit="week")
    >>> found.levers[["lever", "before", "after"]].round(6).values.tolist()
    [['retention', 0.763984, 0.813984]]
    >>> found.new_customer.round(2)[["value", "before", "difference"]].values.tolist()
    [['repeat purchases', 77.73, 21.75], ['with the first order', 112.95, 21.75]]
    """
    if isinstance(purchases, CLVModel):
        purchases, spend = _pair(purchases, spend)
    levers = Levers.read(retention, purchase_rate, spend_change, new_margin, new_discount_rate)
    level = check_level(interval, name="interval")
    _check_models(purchases, spend, rfm)
    if spend is None:
        levers.refuse_money(margin)
    known = _unit(fit_of(purchases), rfm, unit)
    price = 1.0 if spend is None else with_histories(spend, rfm)
    present = Present(rfm, with_histories(purchases, rfm), price, check_by(rfm, by))
    exposure, names = present.exposure(margin)
    now = Scene(
        exposure,
        present.arrivals(exposure),
        *present.of_new(exposure, margin),
        terms=Terms(
            in_units(horizon, known, start=getattr(rfm, "observed_until", None)),
            rate_per_unit(discount_rate, known),
        ),
        year=in_units(_YEAR, known),
    )
    asked = Asked(levers, known, str(horizon), float(discount_rate), level, spend is not None)
    return outcome_of(asked, present, names, now)


def _pair(models: CLVModel, spend: Any) -> tuple[Any, Any]:
    if spend is None:
        return models.purchases, models.spend
    raise ParameterError(
        "A CLVModel has a spend model already.",
        place="`spend` was given, too.",
        fix="Pass the purchase fit and the spend fit, or the pair alone.",
    )


def _check_models(purchases: Any, spend: Any, rfm: CustomerSummary | None) -> None:
    if rfm is not None:
        check_models(rfm, purchases, spend, function="what_if")
        return
    check_alike(fit_of(purchase_fit(purchases)), fit_of(spend))
    if spend is None or isinstance(fitted_model(spend), SpendPredictions):
        return
    if isinstance(spend, int | float) and not isinstance(spend, bool) and 0.0 <= spend < math.inf:
        return
    raise ParameterError(
        "`spend` is a spend fit, or a price of zero or more.",
        place=f"Got {spend!r:.80}.",
        fix="Pass GammaGamma.fit(rfm), a number, or nothing; columns are those of an `rfm`.",
    )


def _unit(fit: Any, rfm: CustomerSummary | None, unit: TimeUnit | None) -> TimeUnit:
    own: TimeUnit | None = getattr(rfm, "unit", None) or getattr(fit, "unit", None)
    if unit is not None and own is not None and unit != own:
        raise ParameterError(
            "A fit or a summary has a unit of its own.",
            place=f"It is per {own}, `unit` is {unit!r}.",
            fix="Leave out `unit`.",
        )
    known = own or unit
    if known is None:
        raise ParameterError(
            "A year, horizons and rates need the unit of the model.",
            place="Neither models nor `rfm` nor `unit` give one.",
            fix="Pass unit='week', or a fit.",
        )
    return check_unit(known)
