"""Steps of lifetimes and of btyd, which has the same fitters: as documented, with defaults."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers.on_pandas import (
    HORIZON,
    MONTHLY,
    pipeline_step,
    predict_step,
    read_log,
    spenders,
    summary_step,
)
from benchmarks.peers.protocol import MODELS, Action, Job, Step

__all__ = ["steps_of"]


def summarise(library: ModuleType, job: Job) -> pd.DataFrame:
    utils = import_module(f"{library.__name__}.utils")
    return utils.summary_data_from_transaction_data(
        read_log(job),
        "customer_id",
        "date",
        "amount",
        observation_period_end=job.observed_until,
        freq="D",
        freq_multiplier=7,
    )


def fit_purchases(fitter: Any, rfm: pd.DataFrame) -> Any:
    """Fit, with the weights of patterns where there are any."""
    return fitter.fit(rfm["frequency"], rfm["recency"], rfm["T"], weights=rfm.get("weight"))


def fit_spend(fitter: Any, rfm: pd.DataFrame) -> Any:
    some = spenders(rfm)
    return fitter.fit(some["frequency"], some["monetary_value"])


def fit_both(library: ModuleType, rfm: pd.DataFrame) -> tuple[Any, Any]:
    purchases = fit_purchases(library.BetaGeoFitter(), rfm)
    return purchases, fit_spend(library.GammaGammaFitter(), rfm)


def predict(rfm: pd.DataFrame, purchases: Any, spend: Any) -> pd.DataFrame:
    times = rfm["frequency"], rfm["recency"], rfm["T"]
    alive = purchases.conditional_probability_alive(*times)
    expected = purchases.conditional_expected_number_of_purchases_up_to_time(HORIZON, *times)
    mean = spend.conditional_expected_average_profit(rfm["frequency"], rfm["monetary_value"])
    value = spend.customer_lifetime_value(
        purchases, *times, rfm["monetary_value"], time=12, discount_rate=MONTHLY, freq="W"
    )
    new = {"p_alive": alive, "expected_purchases": expected, "expected_spend": mean, "clv": value}
    return rfm.assign(**{name: np.asarray(column) for name, column in new.items()})


def estimates(fitter: Any) -> dict[str, float]:
    return {name: float(value) for name, value in fitter.params_.items()}


def with_parameters(fitter: Any, values: dict[str, float]) -> Any:
    fitter.params_ = pd.Series(values)
    return fitter


def known_models(library: ModuleType) -> tuple[Any, Any]:
    """Return the models that every peer predicts with."""
    purchases = with_parameters(library.BetaGeoFitter(), MODELS["BG/NBD"])
    purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time
    return purchases, with_parameters(library.GammaGammaFitter(), MODELS["Gamma-Gamma"])


def fit_step(fitter: Any, fit: Any, *, patterns: bool = False) -> Step:
    def prepare(job: Job) -> Action:
        rfm = pd.read_parquet(job.patterns if patterns else job.summary)
        return lambda: estimates(fit(fitter(), rfm))

    return prepare


def steps_of(library: ModuleType) -> dict[str, Step]:
    """Return the steps of a library with the classes and functions of lifetimes."""
    purchases = {
        "fit BG/NBD": library.BetaGeoFitter,
        "fit Pareto/NBD": library.ParetoNBDFitter,
    }
    steps: dict[str, Step] = {}
    for name, fitter in purchases.items():
        steps[name] = fit_step(fitter, fit_purchases)
        steps[f"{name}, patterns"] = fit_step(fitter, fit_purchases, patterns=True)
    summarised = partial(summarise, library)
    return steps | {
        "summary": summary_step(summarised),
        "fit Gamma-Gamma": fit_step(library.GammaGammaFitter, fit_spend),
        "predict": predict_step(lambda _: known_models(library), predict),
        "pipeline": pipeline_step(summarised, partial(fit_both, library), predict, estimates),
    }
