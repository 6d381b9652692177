"""What each kind of uncertainty costs, in processor seconds, on CDNOW and on a million customers.

`make costs` measures every line in one process and writes the table of the docs.
"""

from __future__ import annotations

import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import clvmodels as clv
from studies.coverage import RESULTS, markdown

MILLION = 1_000_000
LOOK = {"horizon": "1y", "discount_rate": 0.10}


def cdnow() -> clv.CustomerSummary:
    """Return all CDNOW customers, as of the cut of the papers."""
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    orders = clv.datasets.load_cdnow()
    return clv.rfm_summary(orders, **columns, observed_until="1997-09-30", unit="week")


def million() -> clv.CustomerSummary:
    """Return a million simulated customers of up to two years, by whole days."""
    rng = np.random.default_rng(1)
    days = rng.integers(30, 730, MILLION)
    people = clv.BGNBD(0.25, 4.5, 0.8, 2.4).simulate(MILLION, days / 7.0, seed=2, unit="week")
    people = clv.GammaGamma(6.25, 3.74, 15.44).simulate(people, seed=3)
    x, t_x, T = people.timing
    table = pl.DataFrame(
        {
            "customer_id": np.arange(MILLION),
            "frequency": x.astype(np.int64),
            "recency": np.minimum(np.ceil(t_x * 7.0), days) / 7.0,
            "T": T,
            "monetary_value": people.monetary_value,
        }
    )
    return clv.CustomerSummary.from_frame(
        table.with_columns(pl.col("monetary_value").fill_nan(None)), unit="week"
    )


def jobs(rfm: clv.CustomerSummary) -> dict[str, Callable[[dict[str, Any]], Any]]:
    """Return what is measured, in order; each may use what those before have made."""
    return {
        "fit of BG/NBD": lambda _: clv.BGNBD.fit(rfm),
        "fit of Gamma-Gamma": lambda _: clv.GammaGamma.fit(rfm),
        "`fit.draws(4000)`": lambda made: made["fit of BG/NBD"].draws(4000, seed=1),
        "`fit.posterior(draws=4000)`": lambda made: made["fit of BG/NBD"].posterior(seed=1),
        "`fit.posterior(draws=4000)` of Gamma-Gamma": lambda made: made[
            "fit of Gamma-Gamma"
        ].posterior(seed=1),
        "`fit.bootstrap(draws=200)`": lambda made: made["fit of BG/NBD"].bootstrap(seed=1),
        "`predict`": lambda made: clv.predict(rfm, *fits(made), **LOOK),
        "`predict(interval=0.9)`": lambda made: clv.predict(rfm, *fits(made), **LOOK, interval=0.9),
        "`total`": lambda made: clv.total(rfm, *fits(made), **LOOK),
        "`total` with posteriors": lambda made: clv.total(rfm, *posteriors(made), **LOOK),
        "`predict(interval=0.9)` with posteriors": lambda made: clv.predict(
            rfm, *posteriors(made), **LOOK, interval=0.9
        ),
    }


def fits(made: dict[str, Any]) -> tuple[Any, Any]:
    """Return both fits."""
    return made["fit of BG/NBD"], made["fit of Gamma-Gamma"]


def posteriors(made: dict[str, Any]) -> tuple[Any, Any]:
    """Return both posteriors."""
    return made["`fit.posterior(draws=4000)`"], made["`fit.posterior(draws=4000)` of Gamma-Gamma"]


def measure(rfm: clv.CustomerSummary) -> dict[str, float]:
    """Return the processor seconds of every job."""
    made: dict[str, Any] = {}
    seconds = {}
    for name, job in jobs(rfm).items():
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", clv.DataWarning)
            made[name] = job(made)
        seconds[name] = time.process_time() - start
        print(f"{name}: {seconds[name]:.3f} s", flush=True)
    return seconds


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs."""
    return markdown(
        ("", *(f"{CUSTOMERS[name]:,} customers" for name in table.columns)),
        (
            (job, *(in_words(seconds) for seconds in row))
            for job, row in zip(table.index, table.to_numpy(), strict=True)
        ),
    )


def in_words(seconds: float) -> str:
    """Return seconds with two digits."""
    return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds:,.0f} s"


def main() -> None:
    """Measure, and write what was found."""
    path = RESULTS / "costs.csv"
    table = pd.read_csv(path, index_col="job") if path.exists() else pd.DataFrame()
    for name in sys.argv[1:] or SUMMARIES:
        found = measure(SUMMARIES[name]())
        table = table.reindex(found.keys()).assign(**{name: pd.Series(found)})
        table.rename_axis("job").round(4).to_csv(path)
        (RESULTS / "costs.md").write_text(as_markdown(table), encoding="utf-8")
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0**2:.2f} GB")


SUMMARIES = {"cdnow": cdnow, "million": million}
CUSTOMERS = {"cdnow": 23_570, "million": MILLION}


if __name__ == "__main__":
    main()
