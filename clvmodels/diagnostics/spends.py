"""Mean spend of repeat buyers: how many have how much, and how many a model expects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers, Histories
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.spend_bins import spend_bins
from clvmodels.markup import Html, html_card, html_table
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendLaw, SpendPredictions
from clvmodels.predictive.arguments import fit_of, fitted_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SpendDistribution", "spend_distribution"]

Array: TypeAlias = NDArray[np.float64]

_BINS: Final = 30
_TOP: Final = 0.98  # share of customers with one repeat purchase who are below the last bin
_SMALLEST: Final = 5.0  # expected customers of a cell, as chi-square needs
_BLOCK: Final = 1 << 12


@dataclass(frozen=True)
class SpendDistribution:
    """Customers with repeat purchases, by the mean value of these.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a bin: ``low`` and ``high`` in the log's currency (the last one has no upper end),
        ``observed`` and ``expected`` customers, and ``density``: expected share of the customers
        per unit of money, in the middle of the bin (missing in the last one).
    customers : int
        Customers with repeat purchases that are worth something.
    model : str
        What the model is called.
    """

    table: pd.DataFrame
    customers: int
    model: str

    @property
    def chi_square(self) -> float:
        """Sum of (observed - expected)^2 / expected over cells of five expected customers or more.

        As in `FrequencyCheck` it has a chi-square distribution only roughly, between ``cells - 1``
        and ``cells - 1`` minus the number of parameters of a fit to these customers.
        """
        observed, expected = self._cells()
        return float(((observed - expected) ** 2 / expected).sum())

    @property
    def cells(self) -> int:
        """Cells of chi-square: bins, where too few customers are expected several together."""
        return len(self._cells()[0])

    @property
    def misplaced(self) -> float:
        """Share of the customers who would have to move for counts to be as expected."""
        gaps = (self.table["observed"] - self.table["expected"]).abs()
        return 0.5 * float(gaps.sum()) / max(self.customers, 1)

    @property
    def title(self) -> str:
        """What the table shows, in a line."""
        return f"Mean spend per purchase of {self.customers:,} repeat customers, and {self.model}"

    @property
    def verdict(self) -> str:
        """How far counts are from what is expected, in a sentence."""
        if self.cells < 2:
            return "too few customers to test"
        return (
            f"chi-square {self.chi_square:.1f} in {self.cells} cells; {self.misplaced:.1%} of the "
            "customers are in the wrong bin"
        )

    def __str__(self) -> str:
        return f"{self.title}\n{self.table.to_string(index=False)}\n{self.verdict}"

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.table), self.verdict)

    def _cells(self) -> tuple[Array, Array]:
        """Return observed and expected customers, neighbours together until enough are expected."""
        expected = self.table["expected"].to_numpy()
        cell, cells, total = np.zeros(len(expected), np.intp), 0, 0.0
        for row, each in enumerate(expected):
            cell[row] = cells
            total += each
            if total >= _SMALLEST and expected[row + 1 :].sum() >= _SMALLEST:
                cells, total = cells + 1, 0.0
        counts = np.zeros(cells + 1), np.zeros(cells + 1)
        np.add.at(counts[0], cell, self.table["observed"].to_numpy())
        np.add.at(counts[1], cell, expected)
        return counts[0], np.maximum(counts[1], 1e-300)


def spend_distribution(rfm: Histories, spend: Any, *, bins: int = _BINS) -> SpendDistribution:
    """Count repeat customers by their mean spend, and say how many a model expects.

    The mean of x purchases varies less the larger x is; expected counts allow for the purchases of
    each customer.

    Parameters
    ----------
    rfm
        A summary with spend, on any engine, or `Customers`.
    spend
        A fit of a spend model, or a model.
    bins
        How many bins, about. They are equally wide, by a round number, up to where the model has
        98 % of the customers with one repeat purchase; the last bin has all above.

    Returns
    -------
    SpendDistribution
        Its ``table`` has a row for each bin.

    Raises
    ------
    DataError
        `spend` is no spend fit, or there are no repeat customers with spend.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> customers = BGNBD(0.24, 4.4, 0.8, 2.4).simulate(2000, 39, seed=1, unit="week")
    >>> customers = GammaGamma(6.25, 3.74, 15.44).simulate(customers, seed=2)
    >>> found = spend_distribution(customers, GammaGamma.fit(customers), bins=8)
    >>> found.table.head(3).round(1)[["low", "high", "observed"]]
        low  high  observed
    0   0.0  20.0     230.0
    1  20.0  40.0     349.0
    2  40.0  60.0     142.0
    """
    model = _spend_model(spend)
    check_alike(fit_of(spend), rfm)
    edges = _edges(model, rfm, bins)
    rows, place, count = spend_bins(rfm, edges, model.variables)
    if not len(rows):
        raise DataError(
            "Mean spend is that of repeat purchases.",
            place="Nobody here has any that is worth something.",
            fix="Use a longer log.",
        )
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise ParameterError(
            "`bins` is a whole number above zero.", place=f"Got {bins!r:.80}.", fix="Pass 30."
        )
    law = model.spend_law(_newcomers(rows))
    observed = np.bincount(place, count, len(edges)).astype(np.float64)
    expected, density = _expected(law, rows.frequency, count, edges)
    return SpendDistribution(
        _table(edges, observed, expected, density), round(float(count.sum())), model.label
    )


def _table(edges: Array, observed: Array, expected: Array, density: Array) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "low": edges,
            "high": np.append(edges[1:], math.inf),
            "observed": observed,
            "expected": expected,
            "density": density,
        }
    )


def _spend_model(spend: Any) -> SpendPredictions:
    model = fitted_model(spend)
    if isinstance(model, SpendPredictions):
        return model
    raise DataError(
        "`spend` is a fit of a spend model, such as GammaGamma.fit(rfm).",
        place=f"Got {spend!r:.80}.",
        fix="Pass the spend fit.",
    )


def _newcomers(rows: Customers) -> Customers:
    """Return customers of whom only covariates are known."""
    zero = np.zeros(len(rows))
    return Customers.from_arrays(
        zero, unit=None, monetary_value=zero, covariates=dict(rows.covariates)
    )


# --- bins -------------------------------------------------------------------------------------


def _edges(model: SpendPredictions, rfm: Histories, bins: int) -> Array:
    """Return the low ends of bins: multiples of a round number."""
    law = model.spend_law(_newcomers(_kinds(rfm, model.variables)))
    share = special.betaincinv(law.purchase, law.customer, _TOP)
    top = float(np.max(law.scale * share / np.maximum(1.0 - share, 1e-12)))
    width = _round_up(top / max(int(bins) - 1, 1))
    return width * np.arange(int(bins), dtype=np.float64)


def _kinds(rfm: Histories, variables: tuple[str, ...]) -> Customers:
    """Return a customer of each kind that the model tells apart."""
    if not variables:
        return Customers.from_arrays([0.0], unit=None)
    return rfm.patterns(("frequency", *variables))


def _round_up(width: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10, ... times a power of ten."""
    size = 10.0 ** math.floor(math.log10(width))
    return next(each * size for each in (1.0, 2.0, 2.5, 5.0, 10.0) if each * size >= width)


# --- the law of a mean of x purchases: v G(p x) / (x G(q)) ------------------------------------


def _expected(law: SpendLaw, x: Array, count: Array, edges: Array) -> tuple[Array, Array]:
    """Return expected customers of each bin and the density in its middle, each of shape (k,)."""
    below, density = np.zeros(len(edges)), np.full(len(edges), np.nan)
    middle = 0.5 * (edges[:-1] + edges[1:])
    density[:-1] = 0.0
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        shape = (law.purchase * x)[rows, None]
        scale, customer = (law.scale / x)[rows, None], law.customer[rows, None]
        below += count[rows] @ special.betainc(shape, customer, edges / (edges + scale))
        odds = middle / scale
        log_density = (
            shape * np.log(odds)
            - (shape + customer) * np.log1p(odds)
            - np.log(middle)
            - special.betaln(shape, customer)
        )
        density[:-1] += count[rows] @ np.exp(log_density)
    total = float(count.sum())
    return np.diff(np.append(below, total)), density / total
