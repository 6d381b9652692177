"""Read golden files: rows of exact inputs and 50-digit results."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, TypeAlias

from clvmodels import Customers
from clvmodels.models.registry import MODELS

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
Row: TypeAlias = dict[str, Any]

# The grids are extreme: below this a double has lost its digits to underflow.
SMALLEST = 1e-290


def read_rows(name: str, section: str | None = None) -> list[Row]:
    """Return the rows of a golden file, or of a section of it."""
    content = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    columns = (content[section] if section else content)["columns"]
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def model_of(row: Row) -> Any:
    """Return the model of a row."""
    kind = MODELS[row["model"]]
    return kind(**{name: row[name] for name in kind.parameter_names()})


def history(row: Row) -> Customers:
    """Return the customer of a row."""
    return Customers.from_arrays([row["x"]], [row["t_x"]], [row["T"]], unit="day")


def relative_error(found: float, exact: float) -> float:
    """Return the relative error, 0 where both are too small for a double to hold digits."""
    if abs(exact) < SMALLEST and abs(found) < 2.0 * SMALLEST:
        return 0.0
    return abs(found - exact) / abs(exact) if math.isfinite(found) else math.inf
