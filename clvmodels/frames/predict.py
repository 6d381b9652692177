"""Predictions for every customer of a summary, on the engine of the summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw

from clvmodels.frames.arguments import (
    PurchaseFit,
    SpendFit,
    check_models,
    refuse_taken,
)
from clvmodels.frames.columns import PREDICTIONS
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.intervals import COUNTS, VALUES, with_ends, with_value_ends
from clvmodels.frames.money import (
    check_margins,
    check_price,
    refuse_bad_spend,
    with_price,
    with_spend,
    with_value,
)
from clvmodels.frames.scoring import with_purchases
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.intervals import check_level
from clvmodels.models.provenance import check_alike
from clvmodels.predictive.arguments import fit_of, fitted_model
from clvmodels.units import Duration, in_units, rate_per_unit

__all__ = ["CLVModel", "predict"]


@dataclass(frozen=True)
class CLVModel:
    """A purchase model and a spend model, to be saved, loaded and used together.

    Attributes
    ----------
    purchases : Fit or PurchaseModel
        When customers buy and leave.
    spend : Fit, GammaGamma, number or str, optional
        What they spend: a model, a price, or the name of the column with each customer's price.
        Without it predictions count purchases.

    Raises
    ------
    DataError
        The two fits come from summaries with different units or rules.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> CLVModel(BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)).spend.q
    3.74
    """

    purchases: PurchaseFit
    spend: SpendFit | None = None

    def __post_init__(self) -> None:
        check_alike(fit_of(self.purchases), fit_of(self.spend))

    def predict(
        self,
        rfm: CustomerSummary,
        *,
        horizon: Duration,
        discount_rate: float = 0.0,
        margin: float | str = 1.0,
        interval: float | None = None,
    ) -> Any:
        """Predict with both models; see `clvmodels.predict`."""
        return predict(
            rfm,
            self.purchases,
            self.spend,
            horizon=horizon,
            discount_rate=discount_rate,
            margin=margin,
            interval=interval,
        )

    def __str__(self) -> str:
        spend: object = self.spend
        if isinstance(spend, str):
            spend = f"Price of a purchase: column {spend!r}"
        elif isinstance(spend, int | float):
            spend = f"Price of a purchase: {spend:g}"
        parts = [self.purchases] if spend is None else [self.purchases, spend]
        return "\n\n".join(str(part) for part in parts)


def predict(
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    interval: float | None = None,
) -> Any:
    """Predict purchases and value of every customer.

    Parameters
    ----------
    rfm
        The customers; may be later than the data of the fit, in the same unit.
    purchases
        A fit (or a model with published parameters, taken to be in the unit of `rfm`). Or draws
        of its parameters, such as `Fit.draws`: intervals then know of their uncertainty, and
        expectations are those of the fit.
    spend
        A Gamma-Gamma fit, model or draws. Or a price per purchase, the same for all or the name of
        a column of `rfm.frame`: subscriptions have no other. Without it there is no money in the
        result.
    horizon
        How far ahead, from the end of observation: ``"1y"``, ``"26w"``, a timedelta, a date,
        ``math.inf``, or a number in the unit of `rfm`.
    discount_rate
        Annual effective rate as a fraction: 0.10 makes money a year from now worth 1/1.10.
        Discounting is continuous in time.
    margin
        Fraction of spend that counts, or the name of a column of `rfm.frame` with fractions.
    interval
        Add intervals for each customer that hold with this probability, such as 0.9.

    Returns
    -------
    native frame
        On the engine of `rfm`, in its row order where it has one, with its columns and
        ``p_alive``, ``expected_purchases`` (undiscounted, null where an infinite horizon makes it
        infinite), ``expected_spend`` and ``clv`` = discounted purchases x expected spend x margin.
        Without `spend`, ``discounted_purchases`` instead of the last two. Of a lazy frame the log
        is read again when the result is computed: customers who came in between have no scores
        (null). Where orders keep coming in, `CustomerSummary.store` the summary first.
        With `interval` also ``purchases_lower`` and ``purchases_upper``, whole numbers (null where
        the horizon is infinite), and with `spend` ``clv_lower`` and ``clv_upper``. They are for
        single customers: of sums, see `total`.

    Raises
    ------
    UnitMismatchError
        The fit and the customers are in different time units.
    ParameterError
        Horizon, discount rate, margin or interval outside their domain.
    UndefinedMomentError
        The value does not exist, such as undiscounted without end, or spend at q <= 1.
    DataError
        The summary lacks what the models need.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary, GammaGamma
    >>> table = pl.DataFrame(
    ...     {"customer_id": [4], "frequency": [2], "recency": [30.43], "T": [38.86],
    ...      "monetary_value": [22.35]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> table = predict(rfm, *models, horizon="39w", discount_rate=0.15, margin=0.3)
    >>> table["clv"].round(2).to_list()
    [8.64]
    """
    check_models(rfm, purchases, spend, function="predict")
    frame = as_narwhals(rfm.frame)
    level = None if interval is None else check_level(interval, name="interval")
    new = PREDICTIONS if level is None else (*PREDICTIONS, *COUNTS, *VALUES)
    refuse_taken(frame.collect_schema().names(), new)
    share = check_margins(frame, margin)
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)
    rate = rate_per_unit(discount_rate, rfm.unit)
    scored = with_purchases(rfm, purchases, length, rate)
    if isinstance(spend, str | int | float):
        scored = with_value(with_price(scored, check_price(frame, spend)), share)
    elif spend is not None:
        if rfm.definitions is None:  # a summary made from orders has none
            refuse_bad_spend(frame)
        scored = with_value(with_spend(scored, rfm, fitted_model(spend)), share)
    if level is not None:
        scored = with_ends(scored, rfm, purchases, spend, length=length, rate=rate, level=level)
        scored = scored if spend is None else with_value_ends(scored, share)
    return nw.to_native(scored)
