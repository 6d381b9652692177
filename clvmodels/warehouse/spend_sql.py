"""Mean spend folded in SQL, for fits of Gamma-Gamma: see `clvmodels.special.cells`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from clvmodels.customers import Customers
from clvmodels.frames.sources import as_narwhals
from clvmodels.special.cells import BAND, POWERS, points_of_cells
from clvmodels.units import TimeUnit
from clvmodels.warehouse.dialects import Step, number, parse

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["cell_query", "customers_of_cells"]

SUMS = tuple(f"u{k}" for k in range(1, POWERS + 1))


def cell_query(source: str) -> tuple[list[Step], exp.Select]:
    """Return steps and query that fold the mean spend of the customers of the step `source`."""
    band = f"LN(monetary_value) / {number(BAND)}"
    steps = {
        "clv_band": (
            "Bands of the logarithm of mean spend; first purchases and zeros tell nothing",
            f"SELECT frequency, {band} AS band FROM {source} "
            "WHERE frequency > 0 AND monetary_value > 0",
        ),
        "clv_place": (
            "The place within the band, from -1 to 1",
            "SELECT frequency, FLOOR(band) AS cell, 2 * (band - FLOOR(band)) - 1 AS u "
            "FROM clv_band",
        ),
    }
    powers = [" * ".join(["u"] * k) for k in range(1, POWERS + 1)]
    sums = ", ".join(f"SUM({each}) AS {name}" for each, name in zip(powers, SUMS, strict=True))
    query = parse(
        f"""
        SELECT frequency, CAST(cell AS BIGINT) AS cell, COUNT(*) AS customers, {sums}
        FROM clv_place GROUP BY frequency, cell
        """
    )
    return [Step(name, what, parse(text)) for name, (what, text) in steps.items()], query


def customers_of_cells(table: Any, unit: TimeUnit) -> Customers:
    """Return the weighted customers that stand for those of the result of `cell_query`."""
    frame = as_narwhals(table).lazy().collect("polars").sort("frequency", "cell")
    columns = [frame[name].cast(nw.Float64).to_numpy() for name in ("customers", *SUMS)]
    x, cell = (frame[name].cast(nw.Float64).to_numpy() for name in ("frequency", "cell"))
    row, value, weight = points_of_cells(cell, np.stack(columns, axis=1))
    return Customers.from_arrays(x[row], unit=unit, monetary_value=value, weight=weight)
