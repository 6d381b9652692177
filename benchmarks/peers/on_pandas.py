"""What peers that work on pandas do alike: read the log, put their own functions into steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from benchmarks.peers.protocol import Action, Job, Step

__all__ = [
    "HORIZON",
    "MONTHLY",
    "pipeline_step",
    "predict_step",
    "read_log",
    "spenders",
    "summary_step",
]

HORIZON = 365.25 / 7  # weeks
MONTHLY = 1.1 ** (1 / 12) - 1

Models = tuple[Any, Any]  # of purchases and of spend
Predict = Callable[[pd.DataFrame, Any, Any], pd.DataFrame]


def read_log(job: Job) -> pd.DataFrame:
    """Read the log with dates as datetime64, which is what these peers are fast with."""
    return pq.read_table(job.log).to_pandas(date_as_object=False)


def spenders(rfm: pd.DataFrame) -> pd.DataFrame:
    return rfm[(rfm["frequency"] > 0) & (rfm["monetary_value"] > 0)]


def summary_step(summarise: Callable[[Job], pd.DataFrame]) -> Step:
    def prepare(job: Job) -> Action:
        def action() -> dict[str, float]:
            rfm = summarise(job)
            rfm.to_parquet(job.out / "summary.parquet")
            return {"customers": len(rfm)}

        return action

    return prepare


def predict_step(models: Callable[[Job], Models], predict: Predict) -> Step:
    """Predict with models that are ready."""

    def prepare(job: Job) -> Action:
        purchases, spend = models(job)

        def action() -> dict[str, float]:
            rfm = pd.read_parquet(job.summary).fillna({"monetary_value": 0.0})
            return _write(predict(rfm, purchases, spend), job)

        return action

    return prepare


def pipeline_step(
    summarise: Callable[[Job], pd.DataFrame],
    fit: Callable[[pd.DataFrame], Models],
    predict: Predict,
    estimates: Callable[[Any], dict[str, float]],
) -> Step:
    def prepare(job: Job) -> Action:
        def action() -> dict[str, float]:
            rfm = summarise(job)
            purchases, spend = fit(rfm)
            return estimates(purchases) | _write(predict(rfm, purchases, spend), job)

        return action

    return prepare


def _write(table: pd.DataFrame, job: Job) -> dict[str, float]:
    """Write predictions; return their totals."""
    table.to_parquet(job.out / "predictions.parquet")
    names = ("p_alive", "expected_purchases", "expected_spend", "clv")
    return {name: float(table[name].sum()) for name in names}
