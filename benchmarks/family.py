"""Time every purchase model on all CDNOW customers, beside the limits that the library keeps.

`python -m benchmarks.family` writes results/family.csv and results/family.md. Times are of one core
and of a machine that others use: read them beside the first row.
"""

from __future__ import annotations

import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvmodels as clv

RESULTS = Path(__file__).parent / "results"
REPEATS = 3
PLAIN, LONG = 1.0, 5.0  # seconds: the limit of a fit, and of GGompertz/NBD and covariates
COLUMNS = {"customer": "customer_id", "date": "date", "unit": "week"}
END = "1997-09-30"


def customers() -> clv.CustomerSummary:
    """Return all CDNOW customers with what their first order was: CDs, amount and month."""
    orders = clv.datasets.load_cdnow()
    rfm = clv.rfm_summary(orders, **COLUMNS, observed_until=END, intervals=True)
    orders = orders.sort_values(["customer_id", "date"], kind="stable")
    first = orders.groupby("customer_id", as_index=False).first()
    table = pd.DataFrame(
        {
            "customer_id": first.customer_id,
            "month": first.date.dt.month_name(),
            "size": np.where(first.quantity > 2, "many", "few"),
            "log_amount": np.log1p(first.amount),
        }
    )
    return rfm.with_covariates(table)


def problems(rfm: clv.CustomerSummary) -> dict[str, tuple[float, Callable[[], Any]]]:
    """Return for each name the limit in seconds and a fit; patterns are counted in it."""
    small = {"purchase": "month + size", "dropout": "size"}
    large = {"purchase": "size + log_amount", "dropout": "log_amount"}
    fits: dict[str, tuple[float, Callable[[], Any]]] = {
        "BG/NBD": (PLAIN, lambda: clv.BGNBD.fit(rfm)),
        "MBG/NBD": (PLAIN, lambda: clv.MBGNBD.fit(rfm)),
        "BG/CNBD-k, k = 2": (PLAIN, lambda: clv.BGCNBD.fit(rfm, k=2)),
        "MBG/CNBD-k, k found": (LONG, lambda: clv.MBGCNBD.fit(rfm)),
        "Pareto/NBD": (PLAIN, lambda: clv.ParetoNBD.fit(rfm)),
        "GGompertz/NBD": (LONG, lambda: clv.GGompertzNBD.fit(rfm)),
    }
    for kind in (clv.BGNBD, clv.MBGNBD, clv.ParetoNBD):
        fits[f"{kind.title}, two categories"] = (LONG, lambda kind=kind: kind.fit(rfm, **small))
        fits[f"{kind.title}, an amount for each"] = (LONG, lambda kind=kind: kind.fit(rfm, **large))
    return fits


def measure(fit: Callable[[], Any]) -> dict[str, Any]:
    """Fit several times after a first one, and return the median times and the result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.IdentifiabilityWarning)
        result, cpu, wall = fit(), [], []
        for _ in range(REPEATS):
            start, busy = time.perf_counter(), time.process_time()
            fit()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
    return {
        "cpu_s": statistics.median(cpu),
        "wall_s": statistics.median(wall),
        "log_likelihood": result.log_likelihood,
        "verdict": result.certificate.verdict,
    }


def as_markdown(table: pd.DataFrame) -> str:
    """Return the result as the table that the docs show."""
    lines = ["| model | CPU s a fit | times BG/NBD | limit, s | log-likelihood | verdict |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [
        f"| {row.model} | {row.cpu_s:.2f} | {row.cpu_s / table.cpu_s[0]:.1f} | {row.limit_s:.0f} "
        f"| {row.log_likelihood:.4f} | {row.verdict} |"
        for row in table.itertuples()
    ]
    machine = f"{platform.machine()}, one core, Python {platform.python_version()}"
    return "\n".join([*lines, "", f"Measured on {machine}.", ""])


def main() -> None:
    """Measure, write the table, and fail if a limit is broken."""
    rows = []
    for name, (limit, fit) in problems(customers()).items():
        rows.append({"model": name, "limit_s": limit} | measure(fit))
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    table.round(4).to_csv(RESULTS / "family.csv", index=False)
    (RESULTS / "family.md").write_text(as_markdown(table), encoding="utf-8")
    late = table[table.cpu_s > table.limit_s]
    if len(late):
        raise SystemExit(f"Beyond the limit: {', '.join(late.model)}")


if __name__ == "__main__":
    main()
