"""How many customers bought how often, counted and expected: the first check of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.markup import Html, html_card, html_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FrequencyTable"]

_SMALLEST = 5.0  # expected customers below which a cell is merged, as chi-square needs


@dataclass(frozen=True)
class FrequencyTable:
    """Customers by number of repeat purchases 0, 1, ..., and one last cell for all that is above.

    Attributes
    ----------
    observed : tuple of float
        Customers counted.
    expected : tuple of float
        Customers expected by a model at its estimates, given how long each was observed.

    Examples
    --------
    >>> table = FrequencyTable((60.0, 25.0, 15.0), (58.0, 29.0, 13.0))
    >>> round(table.chi_square, 3), table.cells
    (0.928, 3)
    """

    observed: tuple[float, ...]
    expected: tuple[float, ...]

    def __str__(self) -> str:
        return (
            f"{self.table.round(1).to_string()}\n\n"
            f"chi-square {self.chi_square:.2f} in {self.cells} cells"
        )

    def _repr_html_(self) -> Html:
        last = f"chi-square {self.chi_square:.2f} in {self.cells} cells"
        return html_card("Customers by number of repeat purchases", html_table(self.table), last)

    @property
    def chi_square(self) -> float:
        """Pearson's sum of (observed - expected)^2 / expected, small cells merged upwards."""
        observed, expected = self._merged()
        return float(((observed - expected) ** 2 / expected).sum())

    @property
    def contributions(self) -> tuple[float, ...]:
        """What each row adds to `chi_square`; merged rows count once, NaN after the first."""
        observed, expected = self._merged()
        own = (observed - expected) ** 2 / expected
        return (*own.tolist(), *[math.nan] * (len(self.observed) - len(own)))

    @property
    def misplaced(self) -> float:
        """Share of the customers who would have to move for counts to be as expected."""
        gaps = np.abs(np.array(self.observed) - np.array(self.expected))
        return 0.5 * float(gaps.sum()) / float(np.sum(self.observed))

    @property
    def cells(self) -> int:
        """Number of cells after merging."""
        return len(self._merged()[0])

    @property
    def table(self) -> pd.DataFrame:
        """Table of observed and expected customers by number of purchases."""
        import pandas as pd

        last = len(self.observed) - 1
        names = [*(str(x) for x in range(last)), f"{last}+"]
        return pd.DataFrame(
            {"observed": self.observed, "expected": self.expected},
            index=pd.Index(names, name="frequency"),
        )

    def _merged(self) -> tuple[np.ndarray, np.ndarray]:
        observed, expected = list(self.observed), list(self.expected)
        while len(expected) > 2 and expected[-1] < _SMALLEST:
            expected[-2:] = [sum(expected[-2:])]
            observed[-2:] = [sum(observed[-2:])]
        return np.array(observed), np.maximum(np.array(expected), 1e-300)
