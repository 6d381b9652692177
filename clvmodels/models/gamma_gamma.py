"""Gamma-Gamma: the value of each purchase is gamma distributed, around a gamma customer mean.

Fader, Hardie and Lee (2005), "RFM and CLV: Using Iso-Value Curves for Customer Base Analysis",
Journal of Marketing Research 42(4), 415-430; Fader and Hardie (2013), "The Gamma-Gamma Model of
Monetary Value", note 025, whose equation numbers are cited.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.errors import DataError, DataWarning, UndefinedMomentError
from clvmodels.models.laws import InverseGammaLaw, MixingLaw
from clvmodels.models.spend import SpendLaw, SpendModel
from clvmodels.objective import Derivatives
from clvmodels.parameters import Positive, PositiveMoney

__all__ = ["GammaGamma", "IndependenceCheck"]

Array: TypeAlias = NDArray[np.float64]

_CONCENTRATED: Final = 1e3  # a gamma density with this shape is a single value
_ALIKE: Final = 1e-5  # relative spread of mean spend below which there is nothing to learn
_NEGLIGIBLE: Final = 0.1  # correlations within this of zero do not move expected spend noticeably
_SAME: Final = 1e-9  # relative difference of mean spends that are the same but for rounding
_NORMAL_975: Final = 1.959963984540054


@dataclass(frozen=True)
class IndependenceCheck:
    """Whether spend per purchase goes with the number of purchases, which the model rules out.

    Attributes
    ----------
    correlation : float
        Pearson correlation of frequency and mean spend among customers with a repeat purchase.
    lower, upper : float
        95 % interval (Fisher's z).
    n_customers : float
        Customers with a repeat purchase of positive value.
    verdict : str
        What it means, in words.
    """

    correlation: float
    lower: float
    upper: float
    n_customers: float
    verdict: str

    def __str__(self) -> str:
        return (
            f"correlation of frequency and mean spend {self.correlation:.3f} "
            f"(95 % interval {self.lower:.3f} to {self.upper:.3f}, "
            f"{self.n_customers:,.0f} customers): {self.verdict}"
        )


@dataclass(frozen=True)
class GammaGamma(SpendModel):
    """The Gamma-Gamma model of spend per purchase.

    Each purchase of a customer is worth Gamma(shape p, rate nu) with nu ~ Gamma(shape q, rate v)
    across customers, independently of how often they buy (see `check_independence`).

    Parameters
    ----------
    p
        Shape of the value of one purchase: large means that a customer's purchases are alike.
    q
        Shape across customers: small means that customers differ; the mean exists above 1.
    v
        Scale, in the log's currency.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Examples
    --------
    >>> model = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> c = Customers.from_arrays([2, 0], unit=None, monetary_value=[22.345, 0.0])
    >>> model.expected_spend(c).round(2).tolist()
    [24.66, 35.22]
    """

    title: ClassVar[str] = "Gamma-Gamma"
    effects: ClassVar[dict[str, dict[str, float]]] = {"spend": {"v": 1.0}}

    p: Positive
    q: Positive
    v: PositiveMoney

    # Likelihood (note 025, eq. 1).

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,); 0 without a repeat purchase.

        The density of the mean spend m given x purchases (note 025, eq. 1).
        """
        x, m = as_histories(data).customers().spend
        result = np.zeros(len(x))
        used = x > 0.0
        result[used] = _log_likelihood(x[used], m[used], self.p, self.q, self.v)
        return result

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row in (p, q, v)."""
        return _derivatives(*customers.spend, self.p, self.q, self.v)

    @classmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return starts with the mean spend of the data and three shapes."""
        _, m = customers.spend
        mean = float(customers.weight @ m) / customers.n_customers
        return [(p, q, mean * (q - 1.0) / p) for p, q in ((3.0, 3.0), (1.0, 2.0), (20.0, 8.0))]

    @classmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the customers with repeat purchases of positive value, or raise `DataError`."""
        x, m = customers.spend
        worthless = float(customers.weight[(x > 0.0) & (m == 0.0)].sum())
        if worthless:
            warnings.warn(
                f"Left out of the spend fit: {worthless:g} customer{'s' if worthless > 1 else ''} "
                "whose repeat purchases are worth nothing; a gamma density has no room for zero.",
                DataWarning,
                stacklevel=3,
            )
        used = customers.take(np.flatnonzero((x > 0.0) & (m > 0.0)))
        means = used.spend[1]
        spread = float(np.ptp(np.log(means))) if len(means) else 0.0
        if used.n_customers < 3.0 or spread < _ALIKE:
            raise DataError(
                "Gamma-Gamma learns from the spread of mean spend between repeat customers.",
                place=f"{used.n_customers:g} customers have repeat purchases of positive value; "
                f"their means differ by {spread:.1g} of their size.",
                fix="If all orders cost the same, multiply purchases by that price instead.",
            )
        return used

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near."""
        words = []
        if flat and self.p > _CONCENTRATED:
            words.append(
                "Each customer seems to spend the same every time (p has no bound): use the "
                "observed mean."
            )
        if flat and self.q > _CONCENTRATED:
            words.append(
                f"All customers seem to spend alike, {self.p * self.v / self.q:.4g} on average "
                "(q and v have no bound)."
            )
        if self.q <= 1.0:
            words.append(
                f"The mean spend of the population does not exist at q = {self.q:.3g} <= 1: a few "
                "enormous orders dominate. Look for bulk or test orders; expected_spend refuses."
            )
        return tuple(words)

    # Predictions.

    def mixing(self) -> tuple[MixingLaw, ...]:
        """Return the law of the mean spend p / nu of a customer (note 025)."""
        return (InverseGammaLaw("mean spend per purchase", self.q, self.p * self.v),)

    def expected_spend(self, customers: Histories) -> Array:
        """Return E[M | x, m], the expected mean value of future purchases (note 025, eq. 5).

        A weighted mean of the customer's own mean and that of the population, which alone counts
        where there was no repeat purchase.

        Parameters
        ----------
        customers
            Histories with spend; n rows.

        Returns
        -------
        Array
            Shape (n,), in the log's currency.

        Raises
        ------
        UndefinedMomentError
            q <= 1, where the mean does not exist.

        Examples
        --------
        >>> c = Customers.from_arrays([1], unit=None, monetary_value=[100.0])
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).expected_spend(c).round(2).tolist()
        [80.26]
        """
        x, m = as_histories(customers).customers().spend
        self.check_mean_exists()
        total = x * np.where(x > 0.0, m, 0.0)
        return np.asarray(posterior_mean_spend(x, total, self.p, self.q, self.v))

    def spend_law(self, customers: Histories) -> SpendLaw:
        """Return the law of the spend that is ahead (note 025, the density of nu given x and m).

        Given the history, nu ~ Gamma(shape q + p x, rate v + x m), and n purchases are worth
        Gamma(shape p n) / nu.

        Examples
        --------
        >>> c = Customers.from_arrays([2], unit=None, monetary_value=[10.0])
        >>> law = GammaGamma(p=6.0, q=4.0, v=15.0).spend_law(c)
        >>> law.purchase.tolist(), law.customer.tolist(), law.scale.tolist()
        ([6.0], [16.0], [35.0])
        """
        x, m = as_histories(customers).customers().spend
        total = x * np.where(x > 0.0, m, 0.0)
        return SpendLaw(np.full(len(x), self.p), self.q + self.p * x, self.v + total)

    def check_mean_exists(self) -> None:
        """Raise `UndefinedMomentError` if q <= 1."""
        if self.q <= 1.0:
            raise UndefinedMomentError(
                "Expected spend exists for q above 1.",
                place=f"Here q = {self.q:.6g}: a few enormous orders dominate the mean.",
                fix="Look for bulk or test orders, cap them openly, and fit again.",
            )

    def simulate(self, customers: Histories, *, seed: int) -> Customers:
        """Simulate the mean spend of customers with given frequencies.

        Parameters
        ----------
        customers
            Histories; n rows, each taken as one customer.
        seed
            Seed of the random generator.

        Returns
        -------
        Customers
            The same rows with `monetary_value`.

        Examples
        --------
        >>> c = Customers.from_arrays([3, 0], [2.0, 0.0], [5.0, 5.0], unit="week")
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).simulate(c, seed=1).spend[1].round(2).tolist()
        [28.45, nan]
        """
        c = as_histories(customers).customers()
        rng = np.random.default_rng(seed)
        nu = rng.gamma(self.q, 1.0 / self.v, size=len(c))
        x = np.maximum(c.frequency, 1.0)
        mean = rng.gamma(self.p * x) / (nu * x)
        value = np.where(c.frequency > 0.0, mean, math.nan)
        value.setflags(write=False)
        return replace(c, monetary_value=value)

    @classmethod
    def check_independence(cls, data: Histories) -> IndependenceCheck:
        """Test the model's assumption that spend per purchase does not go with frequency.

        Parameters
        ----------
        data
            A summary or customers, with spend.

        Raises
        ------
        DataError
            Fewer than four repeat customers, or all alike, so that there is no correlation.

        Examples
        --------
        >>> c = Customers.from_arrays(
        ...     [1, 2, 3, 4, 5], unit=None, monetary_value=[10.0, 30.0, 20.0, 10.0, 30.0]
        ... )
        >>> print(GammaGamma.check_independence(c).verdict)
        too few customers to tell
        """
        customers = as_histories(data).patterns(cls.columns)
        x, m = customers.spend
        used = customers.take(np.flatnonzero((x > 0.0) & (m > 0.0)))
        return _independence(*used.spend, used.weight)


# --- kernels: the paper's letters -------------------------------------------------------------


def posterior_mean_spend(x: Any, total: Any, p: float, q: float, v: float) -> Any:
    """Return p (v + total) / (p x + q - 1), with total = x m the value of repeat purchases.

    For arrays, and for the expressions of dataframes alike.
    """
    return p * (v + total) / (p * x + (q - 1.0))


def _log_likelihood(x: Array, m: Array, p: float, q: float, v: float) -> Array:
    total = x * m
    return (
        -special.betaln(p * x, q)
        - np.log(m)
        - p * x * np.log1p(v / total)
        - q * np.log1p(total / v)
    )


def _derivatives(x: Array, m: Array, p: float, q: float, v: float) -> Derivatives:
    levels, row = np.unique(x, return_inverse=True)
    psi_own, psi_all = special.digamma(p * levels)[row], special.digamma(p * levels + q)[row]
    tri_own, tri_all = special.zeta(2.0, p * levels)[row], special.zeta(2.0, p * levels + q)[row]
    total = x * m
    both = v + total
    gradient = (
        x * (psi_all - psi_own - np.log1p(v / total)),
        psi_all - special.digamma(q) - np.log1p(total / v),
        (q * total - p * x * v) / (v * both),
    )
    hessian = {
        (0, 0): x**2 * (tri_all - tri_own),
        (0, 1): x * tri_all,
        (0, 2): -x / both,
        (1, 1): tri_all - special.zeta(2.0, q),
        (1, 2): total / (v * both),
        (2, 2): -q / v**2 + (p * x + q) / both**2,
    }
    return Derivatives(_log_likelihood(x, m, p, q, v), gradient, hessian)


def _independence(x: Array, m: Array, weight: Array) -> IndependenceCheck:
    n = float(weight.sum())
    if n >= 4.0:
        dx = x - float(weight @ x) / n
        dm = m - float(weight @ m) / n
        spread = math.sqrt(float(weight @ dx**2) * float(weight @ dm**2))
        alike = bool((np.abs(dm) <= _SAME * m).all())  # but for the rounding of their sums
    else:
        spread, alike = 0.0, False
    if spread == 0.0 or alike:
        place = f"{n:g} customers have repeat purchases of positive value"
        same = "spend the same" if n >= 4.0 and alike else "buy equally often" if n >= 4.0 else ""
        raise DataError(
            "A correlation needs at least four repeat customers who differ.",
            place=f"{place}, and all of them {same}." if same else f"{place}.",
            fix="Multiply expected purchases by that spend." if alike else "Use a longer log.",
        )
    correlation = float(weight @ (dx * dm)) / spread
    z = math.atanh(min(max(correlation, -1.0 + 1e-15), 1.0 - 1e-15))
    half = _NORMAL_975 / math.sqrt(n - 3.0)
    lower, upper = math.tanh(z - half), math.tanh(z + half)
    return IndependenceCheck(correlation, lower, upper, n, _independence_verdict(lower, upper))


def _independence_verdict(lower: float, upper: float) -> str:
    if lower >= -_NEGLIGIBLE and upper <= _NEGLIGIBLE:
        return "independence holds for practical purposes"
    if lower <= 0.0 <= upper:
        if upper - lower > 4.0 * _NEGLIGIBLE:
            return "too few customers to tell"
        return "no sign of dependence"
    if lower > _NEGLIGIBLE:
        return "frequent buyers spend more per purchase: values of frequent buyers are too low"
    if upper < -_NEGLIGIBLE:
        return "frequent buyers spend less per purchase: values of frequent buyers are too high"
    return "a weak dependence, small enough for most uses"
