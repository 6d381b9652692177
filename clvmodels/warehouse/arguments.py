"""Checks of the models that are to become queries."""

from __future__ import annotations

import math
from typing import Any

from clvmodels.errors import DataError, ParameterError
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.renewal_family import RenewalModel
from clvmodels.predictive.arguments import fitted_model, purchase_fit
from clvmodels.value import check_margin
from clvmodels.warehouse.orders import Orders
from clvmodels.warehouse.scoring_sql import Spend

__all__ = ["margin_of", "purchase_model", "spend_of"]


def purchase_model(purchases: Any) -> PurchasePredictions:
    """Return the model of a purchase fit, or raise `DataError` if queries have no use for it."""
    model = fitted_model(purchases)
    if isinstance(model, RenewalModel):
        raise DataError(
            "Queries count the orders of customers who may buy at any time.",
            place=f"{type(model).__name__} is for renewals of contracts.",
            fix="Use subscription_summary and predict.",
        )
    found: PurchasePredictions = fitted_model(purchase_fit(purchases))
    return found


def spend_of(spend: Any, orders: Orders) -> Spend:
    """Return the Gamma-Gamma model of a fit, or a price, or raise if it is neither."""
    model = fitted_model(spend)
    if model is None:
        return None
    if isinstance(model, GammaGamma):
        model.check_mean_exists()
        if orders.has_amount:
            return model
        raise DataError(
            "Spend is predicted from the mean value of repeat purchases.",
            place="No `amount` is named.",
            fix="Name the column of amounts, or leave out the spend fit.",
        )
    if isinstance(model, int | float) and not isinstance(model, bool) and 0.0 <= model < math.inf:
        return float(model)
    raise ParameterError(
        "`spend` is a fit of Gamma-Gamma without covariates, or a price of zero or more.",
        place=f"Got {spend!r:.80}.",
        fix="Leave it out, and multiply discounted_purchases by a column of prices in SQL.",
    )


def margin_of(margin: Any) -> float:
    """Return a margin, or raise `ParameterError` unless it is a fraction."""
    if isinstance(margin, str):
        raise ParameterError(
            "`margin` is a number here.",
            place=f"Got the name {margin!r}.",
            fix="Leave it out, and multiply clv by a column of margins in SQL.",
        )
    return check_margin(margin)
