"""clvmodels, as a user would write it: the log stays on disk, its summary is stored once.

Names are imported one by one, since the package loads each when it is first used: imports are
outside the clock for every peer.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.peers.protocol import MODELS, Action, Job, Step, main
from benchmarks.plan import INTERVALS, POSTERIOR
from clvmodels import (
    BGNBD,
    Customers,
    CustomerSummary,
    Fit,
    GammaGamma,
    ParetoNBD,
    predict,
    rfm_summary,
)

HORIZON, RATE = "1y", 0.10
PARTS = tuple(
    f"part {name}" for name in ("summary", "fit BG/NBD", "fit Gamma-Gamma", "lookup", "engine")
)


def passes(log: Path) -> int:
    """Return in how many passes a log is summarised, for the sake of memory."""
    return min(4, 1 + log.stat().st_size // 4_000_000)


def summarise(job: Job, *, parts: int = 1) -> CustomerSummary:
    """Summarise the log, and store the result."""
    rfm = rfm_summary(
        job.log,
        customer="customer_id",
        date="date",
        amount="amount",
        observed_until=job.observed_until,
        unit="week",
    )
    return rfm.store(job.out / ("summary.parquet" if parts == 1 else "summary"), parts=parts)


def in_memory(job: Job) -> CustomerSummary:
    """Take up the summary that every peer is given."""
    return CustomerSummary.from_frame(pl.read_parquet(job.summary), unit="week")


def patterns(job: Job) -> Customers:
    table = pl.read_parquet(job.patterns)
    x, t_x, T, weight = (table[name].to_numpy() for name in ("frequency", "recency", "T", "weight"))
    return Customers.from_arrays(x, t_x, T, unit="week", weight=weight)


def predictions(rfm: CustomerSummary, purchases: Any, spend: Any) -> pl.LazyFrame:
    table = predict(rfm, purchases, spend, horizon=HORIZON, discount_rate=RATE)
    assert isinstance(table, pl.LazyFrame)
    return table


def estimates(fit: Fit[Any]) -> dict[str, float]:
    return dict(zip(fit.names, fit.model.values.tolist(), strict=True))


# --- steps ------------------------------------------------------------------------------------


def summary_step(job: Job) -> Action:
    def action() -> dict[str, float]:
        summarise(job)
        return {}

    return action


def fit_step(fit: Callable[[Any], Fit[Any]], data: Callable[[Job], Any]) -> Step:
    def prepare(job: Job) -> Action:
        customers = data(job)
        return lambda: estimates(fit(customers))

    return prepare


def inputs_step(job: Job) -> Action:
    """Make the summary and the patterns that every peer is given."""

    def action() -> dict[str, float]:
        summarise(job)
        (job.out / "summary.parquet").replace(job.summary)
        found = in_memory(job).patterns()
        columns = dict(zip(("frequency", "recency", "T"), found.timing, strict=True))
        pl.DataFrame(columns | {"weight": found.weight}).write_parquet(job.patterns)
        return {"patterns": len(found)}

    return action


def predict_step(job: Job) -> Action:
    models = BGNBD(**MODELS["BG/NBD"]), GammaGamma(**MODELS["Gamma-Gamma"])
    rfm = summarise(job)

    def action() -> dict[str, float]:
        start = time.perf_counter()
        table = predictions(rfm, *models)
        ready = time.perf_counter()
        table.sink_parquet(job.out / "predictions.parquet", compression="lz4")
        return {"part lookup": ready - start, "part engine": time.perf_counter() - ready}

    return action


def intervals_step(job: Job) -> Action:
    """Predict with the ends of 90 % intervals."""
    models = BGNBD(**MODELS["BG/NBD"]), GammaGamma(**MODELS["Gamma-Gamma"])
    rfm = summarise(job)

    def action() -> dict[str, float]:
        start = time.perf_counter()
        table = predict(rfm, *models, horizon=HORIZON, discount_rate=RATE, interval=0.9)
        ready = time.perf_counter()
        table.sink_parquet(job.out / "intervals.parquet", compression="lz4")
        return {"part lookup": ready - start, "part engine": time.perf_counter() - ready}

    return action


def posterior_step(job: Job) -> Action:
    """Draw from the posterior of the parameters, from the summary on."""
    rfm = in_memory(job)

    def action() -> dict[str, float]:
        posterior = BGNBD.fit(rfm).posterior(draws=4000, seed=1)
        means = dict(zip(posterior.names, posterior.table["mean"].tolist(), strict=True))
        return means | {"ess": float(posterior.ess.min())}

    return action


def pipeline_step(job: Job) -> Action:
    def action() -> dict[str, float]:
        clock = [time.perf_counter()]
        shutil.rmtree(job.out / "summary", ignore_errors=True)
        rfm = summarise(job, parts=passes(job.log))
        clock.append(time.perf_counter())
        purchases = BGNBD.fit(rfm)
        clock.append(time.perf_counter())
        spend = GammaGamma.fit(rfm)
        clock.append(time.perf_counter())
        table = predictions(rfm, purchases, spend)
        clock.append(time.perf_counter())
        table.sink_parquet(job.out / "predictions.parquet", compression="lz4")
        clock.append(time.perf_counter())
        taken = [later - earlier for earlier, later in pairwise(clock)]
        return estimates(purchases) | dict(zip(PARTS, taken, strict=True))

    return action


def sizes_step(job: Job) -> Action:
    """Tell how large things are: files in bytes, tables in rows."""

    def action() -> dict[str, float]:
        if not job.log.exists():
            found = pl.scan_parquet(job.patterns).select("frequency", "T")
            return {"triples": count(pl.scan_parquet(job.patterns)), "pairs": count(found.unique())}
        rfm = summarise(job)
        models = BGNBD(**MODELS["BG/NBD"]), GammaGamma(**MODELS["Gamma-Gamma"])
        predictions(rfm, *models).sink_parquet(job.out / "sized.parquet")
        return {
            "log bytes": job.log.stat().st_size,
            "summary bytes": (job.out / "summary.parquet").stat().st_size,
            "predictions bytes": (job.out / "sized.parquet").stat().st_size,
            "triples": len(rfm.patterns()),
            "pairs": len(rfm.patterns(("frequency", "T"))),
            "spend cells": len(rfm.patterns(("frequency", "monetary_value"))),
        }

    return action


def count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect().item())


STEPS: dict[str, Step] = {
    "sizes": sizes_step,
    "inputs": inputs_step,
    "summary": summary_step,
    "fit BG/NBD": fit_step(BGNBD.fit, in_memory),
    "fit BG/NBD, patterns": fit_step(BGNBD.fit, patterns),
    "fit Pareto/NBD": fit_step(ParetoNBD.fit, in_memory),
    "fit Pareto/NBD, patterns": fit_step(ParetoNBD.fit, patterns),
    "fit Gamma-Gamma": fit_step(GammaGamma.fit, in_memory),
    "predict": predict_step,
    INTERVALS: intervals_step,
    POSTERIOR: posterior_step,
    "pipeline": pipeline_step,
}

if __name__ == "__main__":
    main("clvmodels", STEPS)
