"""pymc-marketing: fits with maximum a posteriori, its fast method; default priors."""

from __future__ import annotations

import logging
from typing import Any

import arviz as az
import pandas as pd
from pymc_marketing import clv

from benchmarks.peers.on_pandas import (
    HORIZON,
    MONTHLY,
    pipeline_step,
    predict_step,
    read_log,
    spenders,
    summary_step,
)
from benchmarks.peers.protocol import MODELS, Action, Job, Step, main
from benchmarks.plan import POSTERIOR


def summarise(job: Job) -> pd.DataFrame:
    return clv.rfm_summary(
        read_log(job),
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
    data = spenders(rfm) if kind is clv.GammaGammaModel else rfm
    model.fit(data=data, method="map", progressbar=False)
    return model


def fit_both(rfm: pd.DataFrame) -> tuple[Any, Any]:
    return fit(clv.BetaGeoModel, rfm), fit(clv.GammaGammaModel, rfm)


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


def known_models(job: Job) -> tuple[Any, Any]:
    """Return the models that every peer predicts with; they are built on some customers."""
    few = pd.read_parquet(job.summary).dropna().head(100)
    purchases = with_parameters(clv.BetaGeoModel(), MODELS["BG/NBD"], few)
    return purchases, with_parameters(clv.GammaGammaModel(), MODELS["Gamma-Gamma"], few)


def fit_step(kind: Any) -> Step:
    def prepare(job: Job) -> Action:
        rfm = pd.read_parquet(job.summary)
        return lambda: estimates(fit(kind, rfm))

    return prepare


def posterior_step(job: Job) -> Action:
    """Draw from the posterior by the default method, NUTS, with the default priors."""
    rfm = pd.read_parquet(job.summary)

    def action() -> dict[str, float]:
        logging.disable(logging.WARNING)
        model = clv.BetaGeoModel()
        model.fit(data=rfm, progressbar=False, random_seed=1)
        return estimates(model) | {"ess": float(az.ess(model.fit_result)["r"])}

    return action


STEPS: dict[str, Step] = {
    "summary": summary_step(summarise),
    "fit BG/NBD": fit_step(clv.BetaGeoModel),
    "fit Pareto/NBD": fit_step(clv.ParetoNBDModel),
    "fit Gamma-Gamma": fit_step(clv.GammaGammaModel),
    POSTERIOR: posterior_step,
    "predict": predict_step(known_models, predict),
    "pipeline": pipeline_step(summarise, fit_both, predict, estimates),
}

if __name__ == "__main__":
    main("pymc-marketing", STEPS)
