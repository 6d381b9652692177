"""What the tests of summary states share: logs in batches, and the comparison with a rebuild."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
START = date(2024, 1, 1)
SCHEMA = {"who": pl.String(), "when": pl.Date(), "paid": pl.Float64()}
# Sums of the same amounts in another order, of a turnover below 1e6.
MONEY = 1e-9
RELATIVE = 1e-12
Record = tuple[str | None, date | None, float]


def frame(records: list[Record]) -> pl.DataFrame:
    return pl.DataFrame(records, schema=SCHEMA, orient="row")


def random_log(seed: int, *, rows: int, people: int, days: int, bad: float = 0.03) -> list[Record]:
    """Return orders, refunds (some exact), free orders, same-day rows and rows without use."""
    draw = random.Random(seed)
    log: list[Record] = []
    for _ in range(rows):
        who, day = f"c{draw.randrange(people):02}", START + timedelta(days=draw.randrange(days))
        amount = draw.choice([0.0, draw.randrange(1, 5000) / 100, 100 * draw.random()])
        earlier = [r[2] for r in log if r[0] == who and r[1] and r[1] <= day and r[2] > 0.0]
        if draw.random() < 0.4 and int(who[1:]) % 2:  # every other customer never returns anything
            amount = -draw.choice([*earlier[-2:], draw.randrange(1, 4000) / 100])
        broken: Record = draw.choice(
            [(None, day, amount), (who, None, amount), (who, day, math.nan)]
        )
        log.append(broken if draw.random() < bad else (who, day, amount))
    return [("c00", START, 1.0), *log]


def in_order(log: list[Record], seed: int, batches: int) -> list[list[Record]]:
    """Cut a log at random days; rows without a day come with the first batch."""
    draw = random.Random(seed)
    days = sorted({r[1] for r in log if r[1] is not None})
    cuts = [*sorted(draw.sample(days[:-1], batches - 1)), days[-1]]
    parts: list[list[Record]] = [[] for _ in cuts]
    for record in log:
        day = record[1] or days[0]
        parts[next(i for i, cut in enumerate(cuts) if day <= cut)].append(record)
    return [part for part in parts if part]


def shuffled(log: list[Record], seed: int, batches: int) -> list[list[Record]]:
    """Deal a log out at random, so that most rows come late."""
    draw = random.Random(seed)
    parts: list[list[Record]] = [[log[0]], *([] for _ in range(batches - 1))]
    for record in log[1:]:
        draw.choice(parts).append(record)
    return [part for part in parts if part]


def assert_same(state: clv.SummaryState, rebuilt: clv.CustomerSummary) -> None:
    """Assert that a state gives what `rfm_summary` gives: money to rounding, the rest exactly."""
    summary = state.summary(rebuilt.unit)
    assert summary.observed_until == rebuilt.observed_until == state.observed_until
    assert (summary.definitions, summary.customer) == (rebuilt.definitions, rebuilt.customer)
    found, expected = rows_of(summary), rows_of(rebuilt)
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    for mine, other in zip(found, expected, strict=True):
        assert_money(mine[4:], other[4:])
    ledger, account = summary.ledger, rebuilt.ledger
    assert ledger.balances, str(ledger)
    for entry, other in zip(ledger.entries, account.entries, strict=True):
        assert (entry.what, entry.rows, entry.customers) == (
            other.what,
            other.rows,
            other.customers,
        )
        assert_money((entry.amount,), (other.amount,))
    assert_money(
        (ledger.first_occasions, ledger.repeat_occasions, ledger.unmatched_refunds),
        (account.first_occasions, account.repeat_occasions, account.unmatched_refunds),
    )


def assert_money(found: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    for mine, other in zip(found, expected, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert math.isclose(mine, other, rel_tol=RELATIVE, abs_tol=MONEY)


def rows_of(summary: clv.CustomerSummary) -> list[tuple[Any, ...]]:
    """Return the rows of a summary, sorted by id."""
    made = summary.collect().frame
    table = made if isinstance(made, pl.DataFrame) else pl.DataFrame(made)
    return table.sort(summary.customer).rows()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds, but the lock."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != "state.lock"}


@contextmanager
def losses() -> Iterator[None]:
    """Allow the warning of rows that were left out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Left out of", clv.DataWarning)
        yield
