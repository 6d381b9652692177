"""Checks of what predictions are given: models that fit together, levels, columns that are new."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from clvmodels.errors import DataError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.arguments import fit_of, fitted_model, purchase_fit

__all__ = [
    "PurchaseFit",
    "SpendFit",
    "check_models",
    "refuse_taken",
    "variables_of",
]

PurchaseFit: TypeAlias = Fit[Any] | ParameterDraws[Any] | PurchasePredictions
SpendFit: TypeAlias = Fit[Any] | ParameterDraws[Any] | SpendPredictions | float | str


def variables_of(purchases: Any, spend: Any) -> tuple[str, ...]:
    """Return the names of the covariates of two models, sorted."""
    models = (fitted_model(each) for each in (purchases, spend))
    return tuple(sorted({name for model in models for name in getattr(model, "variables", ())}))


def refuse_taken(names: Iterable[str], new: Iterable[str]) -> None:
    """Raise if a frame has a column of the name of a prediction, whatever its case."""
    known = {name.casefold() for name in names}  # names in DuckDB ignore case
    taken = [name for name in new if name in known]
    if taken:
        raise DataError(
            "Predictions are new columns.",
            place=f"The summary already has {', '.join(map(repr, taken))}.",
            fix="Drop or rename them.",
        )


def check_models(
    rfm: CustomerSummary, purchases: PurchaseFit, spend: SpendFit | None, *, function: str
) -> None:
    """Raise unless a function is given a summary and models that go with it."""
    if not isinstance(rfm, CustomerSummary):
        raise DataError(
            f"`{function}` takes a CustomerSummary.",
            place=f"Got {type(rfm).__qualname__}.",
            fix="Use rfm_summary(orders, ...) or CustomerSummary.from_frame(frame, unit=...).",
        )
    check_alike(purchase_fit(purchases), rfm)
    check_alike(fit_of(spend), rfm)
    if spend is None or isinstance(spend, str | int | float):
        return
    spend_model = fitted_model(spend)
    if not isinstance(spend_model, SpendPredictions):
        raise DataError(
            "`spend` is a fit of Gamma-Gamma.",
            place=f"Got {spend!r:.80}.",
            fix="Pass GammaGamma.fit(rfm), or None to count purchases only.",
        )
    if not rfm.has_spend:
        raise DataError(
            "Spend is predicted from the mean value of repeat purchases.",
            place="This summary has no monetary_value.",
            fix="Name the `amount` column in rfm_summary, or leave out the spend fit.",
        )
    spend_model.check_mean_exists()
