"""The data: where every row, customer and amount went."""

from __future__ import annotations

from clvmodels.reports.blocks import Block, Note, Section, Text
from clvmodels.reports.gathering import Findings
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, lay_out

__all__ = ["data_section"]

_COLUMNS = (
    Column("what", "What", "label"),
    Column("rows", "Rows", "count"),
    Column("customers", "Customers", "count"),
    Column("amount", "Amount", "money"),
)


def data_section(found: Findings) -> Section:
    """Show the ledger."""
    ledger = found.rfm.ledger
    table = lay_out(
        ledger.to_pandas(),
        _COLUMNS,
        name="ledger",
        caption="From the rows of the log to the purchases that are counted",
        money=money_of(found.settings.currency),
    )
    blocks: list[Block] = [
        Text(
            "Every row of the log is accounted for. What was left out stands with its reason; "
            "purchases of a customer on the same day are one."
        ),
        table,
    ]
    if ledger.balances:
        blocks.append(
            Note("The account balances: rows and customers exactly, money to the cent.", "ok")
        )
    else:
        blocks.append(
            Note(f"The account does not balance. {'; '.join(ledger.imbalances())}", "problem")
        )
    return Section("data", "The data", tuple(blocks))
