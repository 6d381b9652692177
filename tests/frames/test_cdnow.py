"""The CDNOW orders on every engine, against counts and summaries of independent packages."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}
CUT = "1997-09-30"
HOLDOUT_OCCASIONS, HOLDOUT_VALUE = 1_882, 70_976.39  # of the sample to 1998-06-30
PRINTED = 1e-9  # relative: the files print fifteen digits


@pytest.fixture(scope="session")
def sample(cdnow_sample_orders: Any) -> pl.DataFrame:
    """Return the orders of the sample, ids as text since csv has them so."""
    return pl.from_pandas(cdnow_sample_orders).with_columns(pl.col("customer_id").cast(pl.String))


@pytest.fixture(scope="session")
def btyd(request: pytest.FixtureRequest) -> dict[str, tuple[Any, ...]]:
    """Return BTYD's summary of the sample by customer: x, t_x, T, x in the holdout, mean spend."""
    from pathlib import Path

    folder = Path(request.config.rootpath).parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the folder `shared` beside the project, which is not there")
    ids = pl.read_csv(folder / "cdnow_sample_ids.csv")
    table = pl.read_csv(folder / "cdnow_sample_summary_btyd.csv").join(ids, on="sample_id")
    columns = ("x", "t_x", "T", "x_holdout", "mean_repeat_spend")
    return {str(row["customer_id"]): tuple(row[c] for c in columns) for row in table.to_dicts()}


def test_sample_agrees_with_counts_and_btyd(engine, rows, sample, btyd, reference):
    expected = reference("cdnow_sample.json")["data_preparation"]
    summary = clv.rfm_summary(engine(sample), **COLUMNS, observed_until=CUT, unit="week")
    table = {who: values for who, *values in rows(summary.frame)}
    x, t_x, T, m = zip(*table.values(), strict=True)
    assert len(table) == expected["n_customers"]
    assert sum(x) == expected["total_repeat_transactions_calibration"]
    assert sum(each > 0 for each in x) == expected["customers_with_repeat"]
    assert math.fsum(t_x) == pytest.approx(expected["sum_t_x"], rel=PRINTED)
    assert math.fsum(T) == pytest.approx(expected["sum_T"], rel=PRINTED)
    spend = [each for each in m if each is not None]
    assert sum(each <= 0.0 for each in spend) == expected["repeat_customers_with_zero_mean_spend"]
    assert math.fsum(spend) == pytest.approx(expected["sum_mean_spend_repeat"], rel=PRINTED)
    assert table.keys() == btyd.keys()
    for who, (x_b, t_x_b, T_b, _, m_b) in btyd.items():
        x_i, t_x_i, T_i, m_i = table[who]
        assert x_i == x_b
        assert (t_x_i, T_i) == pytest.approx((t_x_b, T_b), rel=PRINTED)
        assert m_i is None if x_b == 0 else m_i == pytest.approx(m_b, rel=PRINTED)


def test_holdout_of_the_sample(engine, rows, sample, btyd):
    split = clv.holdout_split(engine(sample), **COLUMNS, calibration_end=CUT, unit="week")
    held = rows(split.holdout)
    assert split.horizon == 39.0
    assert sum(count for _, count, _ in held) == HOLDOUT_OCCASIONS
    assert math.fsum(value for _, _, value in held) == pytest.approx(HOLDOUT_VALUE, abs=0.005)
    assert {who: count for who, count, _ in held} == {who: row[3] for who, row in btyd.items()}
    assert rows(split.newcomers) == []
    assert split.holdout_ledger.balances
    assert split.calibration.ledger.balances


def test_days_and_weeks_are_the_same_times(rows, sample):
    daily = rows(clv.rfm_summary(sample, **COLUMNS, observed_until=CUT, unit="day").frame)
    weekly = rows(clv.rfm_summary(sample, **COLUMNS, observed_until=CUT, unit="week").frame)
    for (_, _, t_x, T, _), (_, _, t_x_week, T_week, _) in zip(daily, weekly, strict=True):
        assert (t_x, T) == pytest.approx((7.0 * t_x_week, 7.0 * T_week), rel=1e-12, abs=0.0)


@pytest.mark.parametrize("name", ["polars", "duckdb", "csv"])
def test_all_customers(name, cdnow_orders, tmp_path, rows):
    import duckdb

    if name == "csv":
        native: Any = tmp_path / "orders.csv"
        cdnow_orders.to_csv(native, index=False)
    else:
        frame = pl.from_pandas(cdnow_orders)
        native = frame if name == "polars" else duckdb.from_arrow(frame.to_arrow())
    summary = clv.rfm_summary(native, **COLUMNS, unit="day")
    table = rows(summary.frame)
    merged = {each.what: each for each in summary.ledger.entries}["- merged into one occasion"]
    first, last = summary.ledger.entries[0], summary.ledger.entries[-1]
    assert (first.rows, first.customers) == (69_659, 23_570)
    assert (last.rows, last.customers) == (67_591, 23_570)
    assert merged.rows == -2_068
    assert first.amount == pytest.approx(cdnow_orders.amount.sum(), abs=0.005)
    assert last.amount == pytest.approx(first.amount, abs=0.005)
    assert sum(row[1] for row in table) == 67_591 - 23_570
    assert max(row[3] for row in table) == 545.0  # from 1997-01-01 to 1998-06-30
    assert summary.ledger.balances
