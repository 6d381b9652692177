"""The CDNOW sample, counted by plain loops, and its values by fits that are identified."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from typing import Any

import pytest

import clvmodels as clv

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}
END = date(1998, 6, 30)


@pytest.fixture(scope="module")
def days(cdnow_sample_orders: Any) -> dict[Any, dict[date, float]]:
    """Return what each customer spent on each day. The log has no returns."""
    found: dict[Any, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for who, when, paid in zip(
        *(cdnow_sample_orders[name] for name in COLUMNS.values()), strict=True
    ):
        found[who][date.fromisoformat(str(when)[:10])] += paid
    return found


@pytest.fixture(scope="module")
def found(cdnow_sample_orders: Any) -> Any:
    rfm = clv.rfm_summary(cdnow_sample_orders, **COLUMNS, observed_until=END, unit="week")
    fits = clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)
    return clv.audit(
        cdnow_sample_orders, *fits, **COLUMNS, observed_until=END, horizon="1y", cohort="month"
    )


def test_counts_and_money(days, found):
    row = found.totals.iloc[0]
    spent = sorted(sum(each.values()) for each in days.values())
    n, total = len(spent), math.fsum(spent)
    assert (row["customers"], row["orders"]) == (n, sum(map(len, days.values())))
    assert row["revenue"] == pytest.approx(total)
    assert row["historical_value_median"] == pytest.approx(spent[n // 2])  # n is odd
    assert n % 2
    whole, rest = divmod(n / 10, 1)
    best = sum(spent[n - int(whole) :]) + rest * spent[n - int(whole) - 1]
    assert row["top_10_share"] == pytest.approx(best / total)
    apart = sum((2 * i - n + 1) * value for i, value in enumerate(spent))
    assert row["gini"] == pytest.approx(apart / (n * total))
    years = sum((END - min(each)).days for each in days.values()) / 365.25
    assert row["orders_per_year"] == pytest.approx(row["orders"] / years)


def test_second_orders(days, found):
    """Kaplan and Meier, one customer at a time."""
    waits = []
    for each in days.values():
        first, *later = sorted(each)
        waits.append(((later[0] if later else END) - first).days + (0.0 if later else 0.5))
    share, left = 1.0, len(waits)
    for wait in sorted(waits):
        if wait > 90:
            break
        share *= 1.0 - (1.0 / left if wait == int(wait) else 0.0)
        left -= 1
    assert found.totals["second_order_90d"][0] == pytest.approx(1.0 - share)


def test_retention_from_month_to_month(days, found):
    months = {who: {12 * day.year + day.month for day in each} for who, each in days.items()}
    last = 12 * END.year + END.month
    active = sum(len(each - {last}) for each in months.values())
    again = sum(at + 1 in each for each in months.values() for at in each)
    assert found.period == "month"
    assert found.totals["retention_rate"][0] == pytest.approx(again / active)
    assert found.periods["complete"].all()
    old = sum(
        paid
        for each in days.values()
        for day, paid in each.items()
        if (day.year, day.month) > (min(each).year, min(each).month)
    )
    share = old / found.totals["revenue"][0]
    assert found.totals["existing_revenue_share"][0] == pytest.approx(share)


def test_chain_from_textbook_to_model(found):
    row = found.totals.iloc[0]
    for target in ("model_new_customer", "model_clv"):
        chain = found.chain("textbook_churn", target)
        assert math.fsum(chain["term"]) == pytest.approx(row[target], rel=1e-9)
        assert chain["term"][0] == pytest.approx(row["textbook_churn"], rel=1e-9)
    assert not [note for note in found.notes if "boundary" in note or "extrapolation" in note]
