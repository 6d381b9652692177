"""Accuracy: what the models expected, beside what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clvmodels.reports.blocks import Block, Missing, Pictures, Section, Text, absent
from clvmodels.reports.figures import Figure, draw
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import day, money_of
from clvmodels.reports.settings import duration_in_words
from clvmodels.reports.tables import Column, Kind, lay_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["accuracy_section", "picture", "sentences"]


def accuracy_section(found: Judged) -> Section:
    """Show pictures of predictions from an earlier day against what came after it."""
    title = "Do predictions hold?"
    held = found.held
    if isinstance(held, Missing):
        note = absent("a comparison with what came later", held)
        return Section("accuracy", title, (note,))
    split = found.split
    assert not isinstance(split, Missing)  # else nothing was fitted to it
    asked = found.settings
    span = duration_in_words(split.horizon, asked.unit)
    blocks: list[Block] = [
        Text(
            f"The model was fitted again to what was known on {day(split.calibration_end)}. "
            f"Nothing later has any influence on it. What it expected of the {span} after that "
            "day stands beside what came."
        )
    ]
    from clvmodels import plots

    pictures, missing = list[Figure](), list[Block]()
    parts: list[tuple[str, str, Any, Callable[..., Any]]] = [
        ("tracking-sum", "purchases over time, added up", found.tracking, plots.tracking),
        ("tracking-each", "purchases over time", found.tracking, _each),
        (
            "by-frequency",
            "purchases by frequency",
            found.calibration("frequency"),
            plots.calibration,
        ),
        ("by-silence", "purchases by silence", found.calibration("silence"), plots.calibration),
        ("held-deciles", "tenths", found.held_deciles, plots.deciles),
        ("lift", "the lift curve", found.lift, plots.lift),
    ]
    for name, what, result, paint in parts:
        if isinstance(result, Missing):
            missing.append(absent(what, result))
        else:
            pictures.append(picture(name, result, paint))
    blocks += [Pictures(tuple(pictures)), *missing] if pictures else missing
    if not isinstance(found.held_deciles, Missing):
        blocks.append(_deciles(found))
    return Section("accuracy", title, tuple(blocks))


def picture(name: str, result: Any, paint: Callable[..., Any]) -> Figure:
    """Draw a result with its title for who does not see it and its verdict below."""
    verdict = sentences(result.verdict)
    return draw(
        name,
        lambda ax: paint(result, ax=ax),
        alternative=f"{result.title}. {verdict}",
        caption=verdict,
    )


def _each(result: Any, *, ax: Axes) -> Any:
    from clvmodels import plots

    return plots.tracking(result, cumulative=False, ax=ax)


def _deciles(found: Judged) -> Block:
    result = found.held_deciles
    assert not isinstance(result, Missing)
    kind: Kind = "money" if result.quantity == "value" else "score"
    columns = (
        Column("decile", "Tenth", "label"),
        Column("customers", "Customers", "count"),
        Column("predicted", "Predicted, each", kind),
        Column("actual", "Actual, each", kind, like="predicted"),
        Column("lower", "Lower", kind, like="predicted"),
        Column("upper", "Upper", kind, like="predicted"),
        Column("predicted_total", "Predicted, all", "money" if kind == "money" else "count"),
        Column("actual_total", "Actual, all", "money" if kind == "money" else "count"),
    )
    return lay_out(
        result.table,
        columns,
        name="deciles-held",
        caption=f"Tenths of the customers by predicted {result.quantity}, the highest first",
        money=money_of(found.settings.currency),
        interactive=True,
    )


def sentences(text: str) -> str:
    """Return lines as sentences."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(
        f"{line[:1].upper()}{line[1:]}" + ("" if line.endswith((".", "!")) else ".")
        for line in lines
    )
