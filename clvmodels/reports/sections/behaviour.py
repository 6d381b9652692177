"""Behaviour: how customers differ, and whether the models count as many of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from clvmodels.diagnostics.mixing import Heterogeneity
from clvmodels.reports.blocks import Block, Missing, Pictures, Section, Text, absent
from clvmodels.reports.figures import Figure, draw
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import money_of
from clvmodels.reports.sections.accuracy import sentences
from clvmodels.reports.tables import Column, Table, lay_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["behaviour_section"]

_CENTRES = (
    Column("quantity", "What", "label"),
    Column("mean", "Mean"),
    Column("median", "Median"),
    Column("10 %", "A tenth is below"),
    Column("90 %", "A tenth is above"),
)


def behaviour_section(found: Judged) -> Section:
    """Show counts against the model, and the laws by which customers differ."""
    from clvmodels import plots

    pictures, missing = list[Figure](), list[Block]()
    counted, spent = found.frequencies, found.spend_distribution
    if isinstance(counted, Missing):
        missing.append(absent("customers by number of purchases", counted))
    else:
        verdict = sentences(counted.verdict)
        pictures.append(
            draw(
                "frequencies",
                lambda ax: plots.frequencies(counted, ax=ax),
                alternative=f"Customers by number of repeat purchases. {verdict}",
                caption=verdict,
            )
        )
    if not isinstance(spent, Missing):
        verdict = sentences(spent.verdict)
        pictures.append(
            draw(
                "mean-spend",
                lambda ax: plots.spend_distribution(spent, ax=ax),
                alternative=f"{spent.title}. {verdict}",
                caption=verdict,
            )
        )
    laws = [each for each in found.heterogeneity if not isinstance(each, Missing)]
    for number, law in enumerate(laws, 1):
        pictures += _densities(law, f"law-{number}")
    text = Text(
        "Customers differ: some buy often, most hardly ever. First comes what was counted, beside "
        "what the model expects of as many customers; then the laws by which the model says "
        "customers differ."
    )
    tables = [_centres(law, f"centres-{number}") for number, law in enumerate(laws, 1)]
    blocks = (text, *([Pictures(tuple(pictures))] if pictures else []), *tables, *missing)
    return Section("behaviour", "How customers differ", blocks)


def _densities(law: Heterogeneity, name: str) -> Iterator[Figure]:
    """Draw each quantity of a model in a picture of its own."""
    for number, quantity in enumerate(dict.fromkeys(law.table["quantity"]), 1):
        one = replace(law, table=law.table[law.table["quantity"] == quantity])
        yield draw(
            f"{name}-{number}",
            partial(_paint, one),
            alternative=f"{law.title}: density of {quantity}.",
        )


def _paint(law: Heterogeneity, ax: Axes) -> None:
    from clvmodels import plots

    plots.heterogeneity(law, ax=ax)


def _centres(law: Heterogeneity, name: str) -> Table:
    return lay_out(
        law.summary.rename_axis("quantity").reset_index(),
        _CENTRES,
        name=name,
        caption=f"{law.title}: the middle and the ends",
        money=money_of(None),
    )
