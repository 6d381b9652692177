"""Named inputs of the benchmarks, written to files that every peer can read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import clvmodels as clv


def cdnow_full_patterns(path: Path) -> int:
    """Write the distinct histories of all CDNOW customers."""
    return _write(path, _cdnow().patterns())


def cdnow_full_customers(path: Path) -> int:
    """Write one row for each CDNOW customer."""
    return _write(path, _cdnow().customers())


def _cdnow() -> clv.CustomerSummary:
    """Return the summary of all CDNOW customers to 1997-09-30, in weeks."""
    orders = clv.datasets.load_cdnow()
    columns = {"customer": "customer_id", "date": "date"}
    return clv.rfm_summary(orders, **columns, observed_until="1997-09-30", unit="week")


def _write(path: Path, customers: clv.Customers) -> int:
    x, t_x, T = customers.timing
    np.savez(path, frequency=x, recency=t_x, age=T, weight=customers.weight)
    return len(customers)


PROBLEMS: dict[str, Callable[[Path], int]] = {
    "CDNOW full, patterns": cdnow_full_patterns,
    "CDNOW full, one row a customer": cdnow_full_customers,
}
