"""Tables of rows by columns that are shaded by size; what is only projected looks different."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from clvmodels.markup import Html
from clvmodels.reports.numerals import Money
from clvmodels.reports.tables import MISSING, Cell, Column, Kind, Table, number_cell, plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["grid"]

_SHADES: Final = 5
_HUNDREDS: Final = 100.0
_EMPTY: Final = Cell(Html(""), None)


def grid(
    values: pd.DataFrame,
    projected: NDArray[np.bool_],
    *,
    corner: str,
    name: str,
    caption: object,
    kind: Kind,
    money: Money,
    sizes: Sequence[float] = (),
    unshaded: int = 0,
    note: str = "",
) -> Table:
    r"""Lay out a table whose rows and columns have labels, one number a cell.

    Parameters
    ----------
    values
        Labels of the rows as index, those of the columns as columns; missing where there is none.
    projected
        Of the same shape: which cells are not yet observed.
    corner
        Heading of the labels of the rows.
    name, caption, kind, money, note
        As in `lay_out`.
    sizes
        How many customers each row is of, shown beside its label.
    unshaded
        How many columns, from the first, have no shade, such as one that is 100 % everywhere.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.reports.numerals import money_of
    >>> values = pd.DataFrame({0: [0.5, 0.25], 1: [0.1, None]}, index=["a", "b"])
    >>> table = grid(
    ...     values, np.array([[False, True], [False, False]]), corner="Cohort", name="t",
    ...     caption="Retention", kind="share", money=money_of(None),
    ... )
    >>> [(str(cell.shown), cell.look) for cell in table.rows[0][1:]]
    [('50.0\u202f%', 'shade-5'), ('10.0\u202f%', 'shade-1 ahead')]
    """
    numbers = values.to_numpy(dtype=np.float64)
    known = tuple(numbers[np.isfinite(numbers)].tolist())
    if kind == "money" and max(known, default=0.0) >= _HUNDREDS:
        known = (*known, 10.0 * _HUNDREDS)  # cells are narrow: no cents beside hundreds
    shaded = numbers[:, unshaded:]
    largest = float(shaded[np.isfinite(shaded)].max(initial=0.0))
    columns = [Column("label", corner, "label")]
    columns += [Column("customers", "Customers", "count")] if len(sizes) else []
    columns += [Column(f"at-{each}", str(each), kind) for each in values.columns]
    rows = []
    for i, label in enumerate(values.index):
        row = [_label(label)]
        row += [number_cell(sizes[i], tuple(sizes), "count", money)] if len(sizes) else []
        for j, value in enumerate(numbers[i].tolist()):
            shade = 0 if j < unshaded else _shade(value, largest)
            row.append(_cell(value, known, kind, money, shade, bool(projected[i, j])))
        rows.append(tuple(row))
    text = plain(caption, 200)
    return Table(name, text, tuple(columns), tuple(rows), False, note, look="grid")


def _shade(value: float, largest: float) -> int:
    """Return from 0, none, to 5, the darkest."""
    if not (math.isfinite(value) and value > 0.0 and largest > 0.0):
        return 0
    return min(math.ceil(_SHADES * value / largest), _SHADES)


def _cell(
    value: float, beside: tuple[float, ...], kind: Kind, money: Money, shade: int, ahead: bool
) -> Cell:
    if math.isnan(value):
        return _EMPTY
    cell = number_cell(value, beside, kind, money)
    looks = [f"shade-{shade}"] * (shade > 0) + ["ahead"] * ahead
    return Cell(cell.shown, cell.key, " ".join(looks))


def _label(label: Any) -> Cell:
    return Cell(plain(MISSING if label is None else label), str(label))
