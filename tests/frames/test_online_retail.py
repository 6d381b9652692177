"""A real log with returns and rows without customers: every line and penny accounted for."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
FILE = "online_retail_2009_2010.parquet"
CENT = 0.005


@pytest.fixture(scope="module")
def path(request: pytest.FixtureRequest) -> Any:
    found = request.config.rootpath.parent / "shared" / "data" / FILE
    if not found.exists():
        pytest.skip(f"needs {FILE} in a folder `shared/data` beside the project")
    return found


@pytest.fixture(scope="module")
def by_hand(path: Any) -> dict[str, Any]:
    """Return totals and each customer's occasions after refunds, by plain loops."""
    frame = pl.read_parquet(path, columns=["Customer ID", "InvoiceDate", "Quantity", "Price"])
    frame = frame.with_columns(value=pl.col("Quantity") * pl.col("Price"))
    known = frame.filter(pl.col("Customer ID").is_not_null())
    logs: dict[float, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for who, stamp, value in known.select("Customer ID", "InvoiceDate", "value").rows():
        logs[who][stamp[:10]].append(value)
    stacks, unmatched = {}, 0.0
    for who, days in logs.items():
        stack: list[list[Any]] = []
        for day in sorted(days):
            bought = [value for value in days[day] if value >= 0.0]
            refund = -sum(value for value in days[day] if value < 0.0)
            if bought:
                stack.append([day, sum(bought), sum(bought)])
            for occasion in reversed(stack):
                taken = min(occasion[1], refund)
                occasion[1], refund = occasion[1] - taken, refund - taken
            unmatched += refund
        stacks[who] = [(d, left) for d, left, paid in stack if left > 1e-9 or paid == 0.0]
    return {
        "rows": len(frame),
        "money": frame["value"].sum(),
        "anonymous": len(frame) - len(known),
        "anonymous money": frame["value"].sum() - known["value"].sum(),
        "refunds": known.filter(pl.col("value") < 0.0).height,
        "customers": len(logs),
        "stacks": {who: stack for who, stack in stacks.items() if stack},
        "unmatched": unmatched,
        "end": known["InvoiceDate"].max()[:10],
    }


@pytest.mark.parametrize(
    "name", ["parquet", "pandas", pytest.param("duckdb", marks=pytest.mark.slow)]
)
def test_every_line_and_penny(name, path, by_hand, rows):
    import duckdb

    frame = {
        "parquet": lambda: path,
        "pandas": lambda: pl.read_parquet(path).to_pandas(),
        # Dates here, since DuckDB takes 15 s over this text: it parses it anew in each subquery.
        "duckdb": lambda: duckdb.read_parquet(str(path)).select(
            '"Customer ID", Quantity, Price, InvoiceDate[:10]::date as InvoiceDate'
        ),
    }[name]()
    with pytest.warns(clv.DataWarning, match="107,927 with no customer id"):
        summary = clv.rfm_summary(frame, **COLUMNS, unit="day")
    ledger = summary.ledger
    assert ledger.balances, str(ledger)
    lines = {entry.what: entry for entry in ledger.entries}
    first, last = ledger.entries[0], ledger.entries[-1]
    assert (first.rows, first.customers) == (by_hand["rows"], by_hand["customers"])
    assert first.amount == pytest.approx(by_hand["money"], abs=CENT)
    assert lines["- no customer id"].rows == -by_hand["anonymous"]
    assert lines["- no customer id"].amount == pytest.approx(-by_hand["anonymous money"], abs=CENT)
    assert lines["- refunds, taken off purchases"].rows == -by_hand["refunds"]
    assert ledger.unmatched_refunds == pytest.approx(by_hand["unmatched"], abs=CENT)
    stacks = by_hand["stacks"]
    assert last.customers == len(stacks)
    assert last.rows == sum(map(len, stacks.values()))
    kept = sum(left for stack in stacks.values() for _, left in stack)
    assert last.amount == pytest.approx(kept, abs=CENT)
    assert ledger.first_occasions + ledger.repeat_occasions == pytest.approx(kept, abs=CENT)
    _assert_customers(rows(summary.frame), stacks, by_hand["end"])


def _assert_customers(table: list[tuple[Any, ...]], stacks: dict[float, Any], end: str) -> None:
    def day(text: str) -> int:
        return date.fromisoformat(text).toordinal()

    assert {row[0] for row in table} == stacks.keys()
    for who, x, t_x, T, m in table:
        stack = stacks[who]
        first, last = day(stack[0][0]), day(stack[-1][0])
        assert (x, t_x, T) == (len(stack) - 1, last - first, day(end) - first)
        if x:
            mean = sum(left for _, left in stack[1:]) / x
            assert m == pytest.approx(mean, rel=1e-9, abs=1e-9)
