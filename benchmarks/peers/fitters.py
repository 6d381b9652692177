"""Steps of lifetimes and of btyd, which has the same fitters: as documented, with defaults."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.peers.protocol import MODELS, Action, Job, Step

__all__ = ["steps_of"]

HORIZON = 365.25 / 7  # weeks
MONTHLY = 1.1 ** (1 / 12) - 1


def read_log(job: Job) -> pd.DataFrame:
    """Read the log with dates as datetime64, which is what lifetimes is fast with."""
    return pq.read_table(job.log).to_pandas(date_as_object=False)


def summarise(library: ModuleType, orders: pd.DataFrame, job: Job) -> pd.DataFrame:
    utils = import_module(f"{library.__name__}.utils")
    return utils.summary_data_from_transaction_data(
        orders,
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
    spenders = rfm[(rfm["frequency"] > 0) & (rfm["monetary_value"] > 0)]
    return fitter.fit(spenders["frequency"], spenders["monetary_value"])


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


def totals(table: pd.DataFrame) -> dict[str, float]:
    names = ("p_alive", "expected_purchases", "expected_spend", "clv")
    return {name: float(table[name].sum()) for name in names}


# --- steps ------------------------------------------------------------------------------------


def summary_step(library: ModuleType) -> Step:
    def prepare(job: Job) -> Action:
        def action() -> dict[str, float]:
            rfm = summarise(library, read_log(job), job)
            rfm.to_parquet(job.out / "summary.parquet")
            return {"customers": len(rfm)}

        return action

    return prepare


def fit_step(fitter: Any, fit: Any, *, patterns: bool = False) -> Step:
    def prepare(job: Job) -> Action:
        rfm = pd.read_parquet(job.patterns if patterns else job.summary)
        return lambda: estimates(fit(fitter(), rfm))

    return prepare


def predict_step(library: ModuleType) -> Step:
    def prepare(job: Job) -> Action:
        purchases = with_parameters(library.BetaGeoFitter(), MODELS["BG/NBD"])
        purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time
        spend = with_parameters(library.GammaGammaFitter(), MODELS["Gamma-Gamma"])

        def action() -> dict[str, float]:
            rfm = pd.read_parquet(job.summary).fillna({"monetary_value": 0.0})
            table = predict(rfm, purchases, spend)
            table.to_parquet(job.out / "predictions.parquet")
            return totals(table)

        return action

    return prepare


def pipeline_step(library: ModuleType) -> Step:
    def prepare(job: Job) -> Action:
        def action() -> dict[str, float]:
            rfm = summarise(library, read_log(job), job)
            purchases = fit_purchases(library.BetaGeoFitter(), rfm)
            spend = fit_spend(library.GammaGammaFitter(), rfm)
            table = predict(rfm, purchases, spend)
            table.to_parquet(job.out / "predictions.parquet")
            return estimates(purchases) | totals(table)

        return action

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
    return steps | {
        "summary": summary_step(library),
        "fit Gamma-Gamma": fit_step(library.GammaGammaFitter, fit_spend),
        "predict": predict_step(library),
        "pipeline": pipeline_step(library),
    }
