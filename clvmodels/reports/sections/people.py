"""Single customers: of high value and silent, and of the highest value."""

from __future__ import annotations

from clvmodels.reports.blocks import Block, Missing, Section, Text, absent
from clvmodels.reports.gathering import LEVEL, Findings
from clvmodels.reports.numerals import money_of, percent
from clvmodels.reports.settings import duration_in_words
from clvmodels.reports.tables import Column, Kind, lay_out

__all__ = ["risk_section", "top_section"]


def risk_section(found: Findings) -> Section:
    """List who has lost the most value by silence."""
    asked = found.settings
    ago = duration_in_words(asked.since, asked.unit)
    blocks: list[Block] = [
        Text(
            f"Valuable customers whose probability of being a customer still has fallen in the "
            f"last {ago}, because they have been silent. Value at stake is what was expected of "
            "them then, times the share of that probability that is lost. A reminder in time may "
            "win it back."
        )
    ]
    kind: Kind = "money" if found.valued else "score"
    if isinstance(found.risk, Missing):
        blocks.append(absent("the list", found.risk))
    elif found.risk.empty:
        blocks.append(Text("There is nobody whose probability has fallen."))
    else:
        columns = (
            *_history(found),
            Column("p_alive_before", f"P(alive) {ago} ago", "share"),
            Column("p_alive", "P(alive) now", "share"),
            Column("value_before", "Value then", kind),
            Column(
                "clv" if found.valued else "discounted_purchases",
                "Value now",
                kind,
                like="value_before",
            ),
            Column("at_stake", "At stake", kind, like="value_before"),
        )
        blocks.append(
            lay_out(
                found.risk.assign(silence=found.risk["T"] - found.risk["recency"]),
                columns,
                name="risk-list",
                caption=f"{_number(len(found.risk))} with the most value at stake",
                money=money_of(asked.currency),
                interactive=True,
            )
        )
    return Section("risk", "Customers at risk", tuple(blocks))


def top_section(found: Findings) -> Section:
    """List the customers of the highest value."""
    kind: Kind = "money" if found.valued else "count"
    asked = found.settings
    what = "value" if found.valued else "purchases"
    blocks: list[Block] = [
        Text(
            f"The customers of the highest expected {what} in {asked.ahead}. A single customer is "
            f"uncertain: {what} will be between lower and upper with a chance of {percent(LEVEL)}."
        )
    ]
    ends = "clv" if found.valued else "purchases"
    if isinstance(found.top, Missing):
        blocks.append(absent("the list", found.top))
    else:
        columns = (
            *_history(found),
            Column("p_alive", "P(alive)", "share"),
            Column("expected_purchases", "Purchases expected", "count"),
            *([Column("clv", "Value expected", "money")] if found.valued else []),
            Column(f"{ends}_lower", "Lower", kind, like=found.worth),
            Column(f"{ends}_upper", "Upper", kind, like=found.worth),
        )
        blocks.append(
            lay_out(
                found.top.assign(silence=found.top["T"] - found.top["recency"]),
                columns,
                name="top-list",
                caption=f"{_number(len(found.top))} of the highest expected {what}",
                money=money_of(asked.currency),
                interactive=True,
            )
        )
    return Section("top", "Best customers", tuple(blocks))


def _history(found: Findings) -> tuple[Column, ...]:
    return (
        Column(found.rfm.customer, "Customer", "label"),
        Column("frequency", "Repeat purchases", "count"),
        Column("silence", f"Silent for ({found.settings.unit}s)", "count"),
        *([Column("monetary_value", "Mean spend", "money")] if found.valued else []),
    )


def _number(customers: int) -> str:
    return f"The {customers:,} customers" if customers != 1 else "The customer"
