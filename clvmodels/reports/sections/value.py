"""Value: by tenths of the customers, by when they came, and by segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.markup import shorten
from clvmodels.reports.blocks import Block, Missing, Section, Text, absent
from clvmodels.reports.gathering import LEVEL
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import money_of, percent
from clvmodels.reports.tables import Column, Kind, Table, lay_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["value_section"]


def value_section(found: Judged) -> Section:
    """Show totals of groups with intervals that hold for the sums."""
    what = "value" if found.valued else "purchases"
    blocks: list[Block] = [
        Text(
            f"Expected {what} of {found.settings.ahead}, added up by groups of customers. The "
            f"{percent(LEVEL)} intervals are for the sums: they know of chance, and of what the "
            "estimates of the model may be wrong by."
        )
    ]
    blocks.append(
        _block(
            found,
            found.totals("decile"),
            "decile",
            "Tenth",
            f"By tenths of the customers, the highest expected {what} first",
        )
    )
    blocks.append(
        _block(
            found,
            found.totals("cohort"),
            "cohort",
            "First purchase",
            f"By {found.cohort} of the first purchase in the log"
            if not isinstance(found.cohort, Missing)
            else "By cohort",
        )
    )
    blocks += [_segment(found, name) for name in found.settings.by]
    return Section("value", "Value" if found.valued else "Purchases ahead", tuple(blocks))


def _block(
    found: Judged,
    table: pd.DataFrame | Missing,
    name: str,
    heading: str,
    caption: str,
) -> Table | Block:
    if isinstance(table, Missing):
        return absent(f"sums {caption[:1].lower()}{caption[1:]}", table)
    return lay_out(
        table,
        [Column("label", heading, "label"), *_columns(found.valued)],
        name=name,
        caption=caption,
        money=money_of(found.settings.currency),
        interactive=True,
    )


def _segment(found: Judged, name: str) -> Block:
    table = found.totals(f"by {name}")
    if not isinstance(table, Missing):
        table = table.sort_values("share", ascending=False, kind="stable").fillna(
            {"label": "(none)"}
        )
    place = f"segment-{found.settings.by.index(name) + 1}"
    return _block(found, table, place, shorten(name, 30), f"By {shorten(name)}")


def _columns(valued: bool) -> tuple[Column, ...]:
    kind: Kind = "money" if valued else "count"
    worth = "clv" if valued else "expected_purchases"
    return (
        Column("customers", "Customers", "count"),
        Column("expected_purchases", "Purchases expected", "count"),
        *([Column("clv", "Value expected", "money")] if valued else []),
        Column("lower", "Lower", kind, like=worth),
        Column("upper", "Upper", kind, like=worth),
        Column("each", "Per customer", kind),
        Column("share", "Share", "share"),
    )
