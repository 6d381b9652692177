"""The simulated shop: the law that it says, the same from its seed, in order of date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from benchmarks.simulation import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    SHOP,
    simulate_log,
    simulate_patterns,
)

CUSTOMERS = 60_000
STANDARD_ERRORS = 4.0  # of the estimate: one false alarm in 16,000


@pytest.fixture(scope="module")
def log(tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("shop") / "log.parquet"
    simulate_log(path, CUSTOMERS, seed=3)
    return path


def test_fits_find_the_parameters(log: Path) -> None:
    rfm = clv.rfm_summary(
        pl.read_parquet(log),
        customer="customer_id",
        date="date",
        amount="amount",
        observed_until=LAST_DAY,
        unit="day",
    )
    for fit in (clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)):
        truth = np.array([getattr(SHOP, name) for name in fit.names])
        errors = np.sqrt(np.diag(fit.covariance))
        # Whole days round the times of a shop whose customers buy every half year or so.
        assert np.all(np.abs(fit.model.values - truth) < STANDARD_ERRORS * errors + 0.02 * truth)


def test_the_log_is_one_of_two_years_in_order_of_date(log: Path) -> None:
    orders = pl.read_parquet(log)
    assert orders.schema == {"customer_id": pl.Int64, "date": pl.Date, "amount": pl.Float64}
    assert orders["date"].is_sorted()
    assert FIRST_DAY <= orders["date"].min() <= orders["date"].max() <= LAST_DAY
    assert orders["customer_id"].n_unique() == CUSTOMERS
    assert orders["customer_id"].max() == CUSTOMERS - 1
    assert (orders["amount"] > 0.0).all()
    cents = orders["amount"] * 100
    assert (cents - cents.round()).abs().max() < 1e-6
    assert not orders["customer_id"].is_sorted()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.parquet" for name in "abc"]
    rows = [
        simulate_log(path, 2000, seed=seed) for path, seed in zip(paths, (1, 1, 2), strict=True)
    ]
    assert rows[0] == pl.read_parquet(paths[0]).height
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_blocks_make_one_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.simulation.BLOCK", 700)
    path = tmp_path / "log.parquet"
    simulate_log(path, 2000, seed=1)
    orders = pl.read_parquet(path)
    assert sorted(orders["customer_id"].unique()) == list(range(2000))
    assert orders["date"].is_sorted()


def test_patterns_are_those_of_a_log(log: Path) -> None:
    """The same shop by another road: every frequency within Monte Carlo error of the log's."""
    found = simulate_patterns(CUSTOMERS, seed=3)
    assert found["weight"].sum() == CUSTOMERS
    assert np.all((found["frequency"] > 0) == (found["recency"] > 0))
    assert np.all((found["recency"] <= found["T"]) & (found["T"] < DAYS))
    keys = np.stack([found[name] for name in ("frequency", "recency", "T")])
    assert len(np.unique(keys, axis=1).T) == len(found["T"])
    days = pl.scan_parquet(log).select("customer_id", "date").unique()
    counts = days.group_by("customer_id").agg((pl.len() - 1).alias("x")).collect()["x"].to_numpy()
    for x in range(5):
        share = found["weight"][found["frequency"] == x].sum() / CUSTOMERS
        error = np.sqrt(2 * share * (1 - share) / CUSTOMERS)
        assert abs(share - np.mean(counts == x)) < STANDARD_ERRORS * error
