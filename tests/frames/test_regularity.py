"""Log intervals and the check of regularity: the same on every engine, and k is found."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.regularity import RegularityCheck, check_regularity
from clvmodels.models.mbgcnbd import MBGCNBD

from .conftest import Engine

UNTIL = "2024-12-31"
COLUMNS = {"customer": "who", "date": "when"}
SIGMAS = 4.5


def orders(seed: int = 0, customers: int = 40) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(customers), rng.integers(1, 9, customers))
    when = np.datetime64("2024-01-01") + rng.integers(0, 360, len(who))
    return pl.DataFrame({"who": who, "when": when, "paid": rng.integers(1, 9, len(who)) * 1.0})


def days_of(frame: pl.DataFrame) -> dict[int, np.ndarray]:
    """Return the sorted distinct days of each customer."""
    return {
        key[0]: np.unique(part["when"].to_numpy().astype("M8[D]")).astype(float)
        for key, part in frame.group_by("who")
    }


def summary(frame: object, **options: object) -> clv.CustomerSummary:
    given = {"observed_until": UNTIL, "unit": "week", "intervals": True, **COLUMNS, **options}
    return clv.rfm_summary(frame, **given)


def by_hand(rows: pl.DataFrame) -> list[float]:
    """Sum the logarithms of intervals in weeks, from the smallest sum on."""
    return sorted(float(np.log(np.diff(days) / 7.0).sum()) for days in days_of(rows).values())


def test_log_intervals(engine: Engine) -> None:
    rows = orders()
    c = summary(engine(rows)).collect().customers()
    assert np.sort(c.log_intervals) == pytest.approx(by_hand(rows), rel=1e-12, abs=1e-12)
    assert (c.log_intervals[c.frequency == 0.0] == 0.0).all()


def test_patterns_hold_means(engine: Engine) -> None:
    one = orders(customers=60).with_columns(pl.col("when").dt.truncate("1mo"))
    rfm = summary(engine(one))
    lazy, eager = rfm.patterns(), rfm.collect().customers().patterns()
    assert lazy.weight.max() > 1.0
    assert lazy.log_intervals == pytest.approx(eager.log_intervals, rel=1e-12, abs=1e-12)
    total = float(lazy.weight @ lazy.log_intervals)
    assert total == pytest.approx(sum(by_hand(one)), rel=1e-12)
    assert summary(engine(one), intervals=False).patterns().log_intervals is None


def test_refunds_are_netted_first(frame_engine: Engine) -> None:
    rows = pl.DataFrame(
        {
            "who": [1, 1, 1, 1],
            "when": ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-16"],
            "paid": [5.0, 5.0, 5.0, -5.0],
        }
    )
    c = summary(frame_engine(rows), amount="paid").collect().customers()
    assert c.frequency.tolist() == [1.0]
    assert c.log_intervals == pytest.approx([0.0], abs=1e-15)  # ln 1 week


def test_a_finished_table_may_have_them() -> None:
    rows = orders()
    made = summary(rows)
    again = clv.CustomerSummary.from_frame(made.frame, unit="week", customer="who")
    assert (again.customers().log_intervals == made.customers().log_intervals).all()
    text = made.frame.with_columns(pl.col("log_intervals").cast(pl.String))
    with pytest.raises(clv.DataError, match="log_intervals"):
        clv.CustomerSummary.from_frame(text, unit="week", customer="who")


def test_the_id_column_may_not_have_the_name() -> None:
    rows = orders().rename({"who": "log_intervals"})
    with pytest.raises(clv.DataError, match="keeps its name"):
        summary(rows, customer="log_intervals")


def test_check_by_hand(engine: Engine) -> None:
    rows = orders()
    check = check_regularity(engine(rows), **COLUMNS)
    gaps = [np.diff(days) for days in days_of(rows).values() if len(days) > 2]
    assert check.n_customers == len(gaps)
    assert check.n_intervals == sum(map(len, gaps))
    assert check.mean_interval == pytest.approx(np.concatenate(gaps).mean(), rel=1e-12)
    shares = np.array([gap[0] / (gap[0] + gap[1]) for gap in gaps])
    v = ((shares - 0.5) ** 2).mean()
    assert check.k_wheat_morrison == pytest.approx((1.0 - 4.0 * v) / (8.0 * v), rel=1e-12)

    def dirichlet(k: float) -> float:
        return sum(
            math.lgamma(len(g) * k) - len(g) * math.lgamma(k) + k * np.log(g / g.sum()).sum()
            for g in gaps
        )

    best = dirichlet(check.k)
    assert best > max(dirichlet(0.99 * check.k), dirichlet(1.01 * check.k))
    bend = (
        dirichlet(check.k * math.exp(1e-3)) + dirichlet(check.k * math.exp(-1e-3)) - 2 * best
    ) / 1e-6
    half = 1.959964 / math.sqrt(-bend)
    assert check.k_interval == pytest.approx(
        (check.k * math.exp(-half), check.k * math.exp(half)), rel=1e-3
    )


def log_of(model: MBGCNBD, n: int, age: float, seed: int) -> pl.DataFrame:
    """Simulate orders: customers with rates, dropout and an end of observation, in days."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(model.r, 1.0 / model.alpha, n), rng.beta(model.a, model.b, n)
    who, days = [], []
    for i in range(n):
        day = rng.uniform(0.0, 100.0)
        while day <= age:
            who.append(i)
            days.append(math.floor(day))
            if rng.random() < leave[i]:
                break
            day += rng.gamma(model.k) / rate[i]
    return pl.DataFrame({"who": who, "when": days})


@pytest.mark.parametrize("k", [1, 2, 4])
def test_k_is_found(k: int) -> None:
    truth = MBGCNBD(3.0, 120.0 / k, 1.0, 8.0, k)  # a purchase every 40 days in the mean
    check = check_regularity(log_of(truth, 2_000, 700.0, seed=k), **COLUMNS, date_format="epoch-d")
    error = math.log(check.k_interval[1] / check.k) / 1.96
    # Whole days add about 2.5 / (days in the mean) to k = 1; see the docstring.
    assert abs(math.log(check.k / k)) < SIGMAS * error + 0.08
    low, high = check.k_wheat_morrison_interval
    assert abs(check.k_wheat_morrison - k) < SIGMAS * (high - low) / 3.92 + 0.08 * k
    words = {1: "at random", 2: "about 2", 4: "about 4"}
    assert words[k] in check.verdict
    assert "maximum likelihood" in str(check)


def a_check(k: float, spread: float, n: float = 500.0, mean: float = 40.0) -> RegularityCheck:
    interval = (k / spread, k * spread)
    return RegularityCheck(k, interval, k, interval, n, 3.0 * n, mean)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (a_check(0.5, 1.1), "in bursts"),
        (a_check(0.96, 1.01), "at random"),
        (a_check(1.6, 1.2), "between 1 and 2"),
        (a_check(3.1, 1.1), "k is about 3"),
        (a_check(1.7, 1.01, mean=5.0), "makes them look regular"),
        (a_check(3.0, 2.0, n=12.0), "Only 12 customers"),
    ],
)
def test_verdict(check: RegularityCheck, words: str) -> None:
    assert words in check.verdict


def test_clockwork() -> None:
    rows = pl.DataFrame({"who": [1] * 4 + [2] * 3, "when": [0, 7, 14, 21, 3, 10, 17]})
    check = check_regularity(rows, **COLUMNS, date_format="epoch-d")
    assert check.k == math.inf
    assert check.k_wheat_morrison == math.inf
    assert "too few" in str(check)


def test_nobody_with_three_purchases() -> None:
    rows = pl.DataFrame({"who": [1, 1, 2], "when": ["2024-01-01", "2024-02-01", "2024-01-05"]})
    with pytest.raises(clv.DataError, match="three purchases"):
        check_regularity(rows, **COLUMNS)
    with pytest.raises(clv.DataError, match="grid"):
        check_regularity(rows, **COLUMNS, grid="fortnight")
