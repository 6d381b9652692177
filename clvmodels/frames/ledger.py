"""The ledger: where every row, every customer and every cent of a log went."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw

from clvmodels.customers import Returns
from clvmodels.errors import DataError
from clvmodels.frames.cleaning import FATES, CleanLog, Fate, FateCount
from clvmodels.frames.columns import CUSTOMER, PERIOD, REASON
from clvmodels.frames.engines import How, aggregated, collected
from clvmodels.frames.occasions import LINES, UNMATCHED, VALUE, is_erased
from clvmodels.markup import Html, html_card, html_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ledger", "LedgerEntry", "make_ledger"]

_CENT = 0.005


@dataclass(frozen=True)
class LedgerEntry:
    """One line of a ledger.

    Attributes
    ----------
    what : str
        What the line counts.
    rows, customers : int or None
        Signed changes; None where the line does not concern them.
    amount : float or None
        Signed change in the log's currency; None without amounts.
    """

    what: str
    rows: int | None
    customers: int | None
    amount: float | None


@dataclass(frozen=True)
class Ledger:
    """An account from the raw log to the summary that balances.

    Each column of entries adds up: the log, less what was left out reason by reason, is what the
    summary holds.

    Attributes
    ----------
    entries : tuple of LedgerEntry
        The first is the log, the last is the summary, and the changes are in between.
    first_occasions, repeat_occasions : float or None
        The summary's money in first occasions, which no model uses, and in repeat occasions.
    unmatched_refunds : float
        Refunds that met no earlier purchase in the log, at least zero.
    """

    entries: tuple[LedgerEntry, ...]
    first_occasions: float | None
    repeat_occasions: float | None
    unmatched_refunds: float

    @property
    def balances(self) -> bool:
        """Whether rows, customers and money add up, money to the cent."""
        return not self.imbalances()

    def imbalances(self) -> tuple[str, ...]:
        """Say which columns do not add up; empty if all do."""
        opening, *changes, closing = self.entries
        found = []
        for column in ("rows", "customers", "amount"):
            parts = [getattr(entry, column) or 0 for entry in (opening, *changes)]
            end = getattr(closing, column)
            if end is None:
                continue
            # Rounding of sums over many rows, on top of the cent.
            slack = _CENT + 1e-12 * math.fsum(map(abs, parts)) if column == "amount" else 0
            if abs(math.fsum(parts) - end) > slack:
                found.append(f"{column}: {math.fsum(parts):,.2f} accounted for, {end:,.2f} held")
        return tuple(found)

    def to_pandas(self) -> pd.DataFrame:
        """Return the entries as a table with columns what, rows, customers, amount."""
        import pandas as pd

        return pd.DataFrame([vars(entry) for entry in self.entries])

    def __str__(self) -> str:
        width = max(len(entry.what) for entry in self.entries)
        lines = [f"{'':<{width}}{'rows':>12}{'customers':>12}{'amount':>18}"]
        for entry in self.entries:
            rows = "" if entry.rows is None else f"{entry.rows:,}"
            customers = "" if entry.customers is None else f"{entry.customers:,}"
            amount = "" if entry.amount is None else f"{entry.amount:,.2f}"
            lines.append(f"{entry.what:<{width}}{rows:>12}{customers:>12}{amount:>18}")
        return "\n".join([*lines, self._balance])

    def _repr_html_(self) -> Html:
        formats = {"rows": ",.0f", "customers": ",.0f", "amount": ",.2f"}
        table = self.to_pandas().rename(columns={"what": ""})
        return html_card("Ledger", html_table(table, formats=formats), self._balance)

    @property
    def _balance(self) -> str:
        if self.balances:
            return "balances"
        return "DOES NOT BALANCE: " + "; ".join(self.imbalances())


def make_ledger(
    log: CleanLog, occasions: nw.LazyFrame[Any], purchases: nw.LazyFrame[Any]
) -> Ledger:
    """Account for a log, given its occasions and those of them that count.

    Three aggregate queries; nothing but counts and sums is collected.
    """
    has_amount = log.source.has_amount
    gone, unmatched = _returned(occasions) if has_amount else (0, 0.0)
    return ledger_of(
        log.counts,
        _people(log),
        _held(purchases, has_amount),
        returns=log.returns,
        gone=gone,
        unmatched=unmatched if has_amount else None,
    )


def ledger_of(
    counts: dict[Fate, FateCount],
    people: dict[str, int],
    held: dict[str, Any],
    *,
    returns: Returns,
    gone: int,
    unmatched: float | None,
) -> Ledger:
    """Write the account, given its counts and sums; `unmatched` is None without amounts."""
    total = _total(counts)

    def money(value: float) -> float | None:
        return None if unmatched is None else value

    lines = [LedgerEntry("log", total.rows, people["seen"], money(total.amount))]
    lost = {fate: counts[fate] for fate in FATES[2:] if fate in counts}
    for fate, count in lost.items():
        lines.append(LedgerEntry(f"- {fate}", -count.rows, None, money(-count.amount)))
    refunds = counts.get("refund", FateCount())
    if refunds.rows and returns == "drop":
        lines.append(LedgerEntry("- refunds dropped", -refunds.rows, None, -refunds.amount))
    elif refunds.rows:
        lines.append(LedgerEntry("- refunds, taken off purchases", -refunds.rows, None, None))
        lines.append(LedgerEntry("- refunds without a purchase", None, None, unmatched))
    lines += _people_lost(people, held["customers"])
    if gone:
        lines.append(LedgerEntry("- purchases returned in full", -gone, None, None))
    merged = held["lines"] - held["count"]
    lines.append(LedgerEntry("- merged into one occasion", -merged, None, None))
    value = money(held.get("value", 0.0))
    lines.append(LedgerEntry("summary (occasions)", held["count"], held["customers"], value))
    first = money(held.get("first", 0.0))
    repeat = None if value is None or first is None else value - first
    return Ledger(tuple(lines), first, repeat, unmatched or 0.0)


def refuse_unmatched(ledger: Ledger) -> None:
    """Raise if refunds met no purchase, which no rule explains."""
    if ledger.unmatched_refunds >= _CENT:
        raise DataError(
            "With strict=True every refund belongs to an earlier purchase in the log.",
            place=f"Refunds of {ledger.unmatched_refunds:,.2f} have none.",
            fix="Start the log earlier, or pass strict=False and read the ledger.",
        )


def _total(counts: dict[Fate, FateCount]) -> FateCount:
    each = counts.values()
    return FateCount(sum(one.rows for one in each), math.fsum(one.amount for one in each))


def _people(log: CleanLog) -> dict[str, int]:
    """Count customers in the log, and those who have a purchase, a refund or a later row."""
    marks: dict[str, Fate] = {
        "bought": "purchase",
        "returned": "refund",
        "later": "after observed_until",
        "unfinished": "in the incomplete last period",
    }
    flags = [
        nw.when(nw.col(REASON) == FATES.index(fate))
        .then(nw.lit(1))
        .otherwise(nw.lit(0))
        .alias(name)
        for name, fate in marks.items()
    ]
    per_customer = (
        log.frame.filter(~nw.col(CUSTOMER).is_null())
        .with_columns(*flags)
        .group_by(CUSTOMER)
        .agg(*(nw.col(name).max() for name in marks))
    )
    bought, returned, later, unfinished = (nw.col(name) == 1 for name in marks)
    groups = {
        "bought": bought,
        "only refunds": ~bought & returned,
        "only in the incomplete last period": ~bought & ~returned & unfinished,
        "only after observed_until": ~bought & ~returned & ~unfinished & later,
        "only rows left out": ~bought & ~returned & ~unfinished & ~later,
    }
    marked = per_customer.with_columns(
        *(
            nw.when(test).then(nw.lit(1)).otherwise(nw.lit(0)).alias(f"_{i}")
            for i, test in enumerate(groups.values())
        )
    )
    row = _row(
        marked.select(nw.len().alias("seen"), *(_sum(f"_{i}", n) for i, n in enumerate(groups)))
    )
    return {name: int(value or 0) for name, value in row.items()}


def _people_lost(people: dict[str, int], kept: int) -> list[LedgerEntry]:
    lost = {name: people[name] for name in list(people)[2:]}
    lost["with every purchase returned"] = people["bought"] - kept
    return [LedgerEntry(f"- customers {name}", None, -n, None) for name, n in lost.items() if n]


def _held(purchases: nw.LazyFrame[Any], has_amount: bool) -> dict[str, Any]:
    """Count what the summary holds."""
    columns: dict[str, tuple[How, str]] = {"_n": ("rows", PERIOD), LINES: ("sum", LINES)}
    if has_amount:
        columns |= {VALUE: ("sum", VALUE), "_first": ("first", VALUE)}
    per_customer = aggregated(purchases, CUSTOMER, columns, order=PERIOD)
    sums = [_sum(VALUE, "value"), _sum("_first", "first")] if has_amount else []
    row = _row(
        per_customer.select(
            nw.len().alias("customers"), _sum("_n", "count"), _sum(LINES, "lines"), *sums
        )
    )
    return {k: float(v) if k in ("value", "first") else int(v) for k, v in row.items()}


def _returned(occasions: nw.LazyFrame[Any]) -> tuple[int, float]:
    """Return the rows of occasions of which nothing is left, and the refunds that met none."""
    gone = nw.when(is_erased()).then(nw.col(LINES)).otherwise(nw.lit(0)).alias("_gone")
    per_customer = (
        occasions.with_columns(gone)
        .group_by(CUSTOMER)
        .agg(nw.col("_gone").sum(), nw.col(UNMATCHED).max())
    )
    row = _row(per_customer.select(_sum("_gone", "lines"), _sum(UNMATCHED, "amount")))
    return int(row["lines"] or 0), float(row["amount"] or 0.0)


def _sum(column: str, name: str) -> nw.Expr:
    return nw.col(column).sum().alias(name)


def _row(frame: nw.LazyFrame[Any]) -> dict[str, Any]:
    """Collect a frame of one row."""
    return next(collected(frame).iter_rows(named=True))
