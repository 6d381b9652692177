"""pymc-marketing with maximum a posteriori, its fast method; default priors."""

from __future__ import annotations

import logging
from typing import Any

import arviz as az
import pandas as pd
import pyarrow.parquet as pq
from pymc_marketing import clv

from benchmarks.peers.protocol import MODELS, Action, Job, Step, main

HORIZON = 365.25 / 7  # weeks
MONTHLY = 1.1 ** (1 / 12) - 1


def summarise(job: Job) -> pd.DataFrame:
    orders = pq.read_table(job.log).to_pandas(date_as_object=False)
    return clv.rfm_summary(
        orders,
        "customer_id",
        "date",
        "amount",
        observation_period_end=job.observed_until,
        time_unit="D",
        time_scaler=7,
    )


def fit(kind: Any, rfm: pd.DataFrame) -> Any:
    """Fit by maximum a posteriori; the model is compiled anew for each data set."""
    logging.disable(logging.WARNING)
    model = kind()
    data = rfm[(rfm["frequency"] > 0) & (rfm["monetary_value"] > 0)] if is_spend(kind) else rfm
    model.fit(data=data, method="map", progressbar=False)
    return model


def is_spend(kind: Any) -> bool:
    return kind is clv.GammaGammaModel


def predict(rfm: pd.DataFrame, purchases: Any, spend: Any) -> pd.DataFrame:
    future = purchases.expected_purchases(rfm, future_t=HORIZON)
    new = {
        "p_alive": purchases.expected_probability_alive(rfm),
        "expected_purchases": future,
        "expected_spend": spend.expected_customer_spend(rfm),
        "clv": spend.expected_customer_lifetime_value(
            purchases, rfm.copy(), future_t=12, discount_rate=MONTHLY, time_unit="W"
        ),
    }
    return rfm.assign(**{name: values.mean(("chain", "draw")) for name, values in new.items()})


def estimates(model: Any) -> dict[str, float]:
    posterior = model.fit_result
    names = ("r", "alpha", "a", "b", "s", "beta", "p", "q", "v")
    return {name: float(posterior[name].mean()) for name in names if name in posterior}


def with_parameters(model: Any, values: dict[str, float], rfm: pd.DataFrame) -> Any:
    model.build_model(rfm)
    model.idata = az.from_dict(posterior={name: [[value]] for name, value in values.items()})
    return model


def totals(table: pd.DataFrame) -> dict[str, float]:
    names = ("p_alive", "expected_purchases", "expected_spend", "clv")
    return {name: float(table[name].sum()) for name in names}


# --- steps ------------------------------------------------------------------------------------


def summary_step(job: Job) -> Action:
    def action() -> dict[str, float]:
        rfm = summarise(job)
        rfm.to_parquet(job.out / "summary.parquet")
        return {"customers": len(rfm)}

    return action


def fit_step(kind: Any) -> Step:
    def prepare(job: Job) -> Action:
        rfm = pd.read_parquet(job.summary)
        return lambda: estimates(fit(kind, rfm))

    return prepare


def predict_step(job: Job) -> Action:
    few = pd.read_parquet(job.summary).dropna().head(100)
    purchases = with_parameters(clv.BetaGeoModel(), MODELS["BG/NBD"], few)
    spend = with_parameters(clv.GammaGammaModel(), MODELS["Gamma-Gamma"], few)

    def action() -> dict[str, float]:
        rfm = pd.read_parquet(job.summary).fillna({"monetary_value": 0.0})
        table = predict(rfm, purchases, spend)
        table.to_parquet(job.out / "predictions.parquet")
        return totals(table)

    return action


def pipeline_step(job: Job) -> Action:
    def action() -> dict[str, float]:
        rfm = summarise(job)
        purchases, spend = fit(clv.BetaGeoModel, rfm), fit(clv.GammaGammaModel, rfm)
        table = predict(rfm, purchases, spend)
        table.to_parquet(job.out / "predictions.parquet")
        return estimates(purchases) | totals(table)

    return action


STEPS: dict[str, Step] = {
    "summary": summary_step,
    "fit BG/NBD": fit_step(clv.BetaGeoModel),
    "fit Pareto/NBD": fit_step(clv.ParetoNBDModel),
    "fit Gamma-Gamma": fit_step(clv.GammaGammaModel),
    "predict": predict_step,
    "pipeline": pipeline_step,
}

if __name__ == "__main__":
    main("pymc-marketing", STEPS)
