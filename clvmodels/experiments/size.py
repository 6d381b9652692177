"""`experiment_size`: how many customers a test needs, told before it begins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import ParameterError, UndefinedMomentError
from clvmodels.experiments.power import check_fraction, customers_needed, spread_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.markup import Html, html_card, html_table
from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.predictive.arguments import check_price, fit_of, fitted_model, purchase_fit
from clvmodels.predictive.scaled import scaled_moments
from clvmodels.special import distinct_rows
from clvmodels.units import Duration, TimeUnit, in_units
from clvmodels.value import check_margin

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExperimentSize", "experiment_size"]

Array: TypeAlias = NDArray[np.float64]

_WIDTH: Final = 92


@dataclass(frozen=True, eq=False, repr=False)
class ExperimentSize:
    """How many customers a test needs; see `experiment_size`.

    Attributes
    ----------
    table : DataFrame
        A row a quantity ('purchases', 'value') and method ('plain', 'adjusted'): ``mean`` and
        ``sd`` of a customer in the window (adjusted: of what the time before does not tell),
        ``effect`` as a fraction, ``difference``, ``customers_needed`` in all, ``in_control`` and
        ``in_treatment``, and, where there are so many customers as were given, ``detectable`` and
        ``detectable_relative``.
    window : float
        How long customers are observed, in `unit`.
    unit : TimeUnit
        Unit of the window.
    customers : int or None
        Customers there are: those of the summary.
    power, significance : float
        Of the two-sided test.
    """

    table: pd.DataFrame
    window: float
    unit: TimeUnit
    customers: int | None
    power: float
    significance: float

    @property
    def title(self) -> str:
        """What was asked, in a line."""
        who = "new customers" if self.customers is None else f"{self.customers:,} customers"
        return (
            f"Size of a test of {self.window:g} {self.unit}s with {who}: power {self.power:.0%}, "
            f"significance {self.significance:.0%}"
        )

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        row = self.table.iloc[-1]
        if not math.isfinite(row["customers_needed"]):
            return "No number of customers shows no difference."
        words = (
            f"To show a difference of {row['effect']:.1%} in {row['quantity']} ({row['method']}) "
            f"takes {row['customers_needed']:,.0f} customers."
        )
        if self.customers is None:
            return words
        return (
            f"{words} With the {self.customers:,} there are, differences of "
            f"{row['detectable_relative']:.1%} or more are found."
        )

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def __str__(self) -> str:
        names = ["quantity", "method", "mean", "sd", "difference", "customers_needed"]
        shown = self.table[names].to_string(index=False, float_format="{:,.4g}".format)
        return "\n\n".join([self.title, shown, fill(self.verdict, _WIDTH)])

    def _repr_html_(self) -> Html:
        formats = {"effect": ".1%", "detectable_relative": ".1%"}
        return html_card(self.title, self.verdict, html_table(self.table, formats=formats))


def experiment_size(
    purchases: Fit[Any] | PurchasePredictions,
    spend: Fit[Any] | GammaGamma | float | None = None,
    *,
    rfm: CustomerSummary | None = None,
    effect: float,
    window: Duration,
    power: float = 0.8,
    significance: float = 0.05,
    share: float = 0.5,
    margin: float = 1.0,
    unit: TimeUnit | None = None,
) -> ExperimentSize:
    """Tell how many customers a test needs, from models fitted before it.

    The models say how much what customers do in the window varies: by chance, and because customers
    differ. A comparison that adjusts for what was expected of each customer
    (``compare_groups(start=...)``) has only the first to fight with. The variance is taken as that
    of the control in both arms.

    Parameters
    ----------
    purchases, spend
        Fits or models; `spend` may be a price. Without it purchases are counted.
    rfm
        The customers of the test, as known when it begins. None for new customers, compared from
        their first purchase on, whose amount counts as value.
    effect
        The difference to be found, as a fraction of the mean: 0.05 for 5 %.
    window
        How long each customer is observed, such as ``"13w"``.
    power, significance
        Probability of finding it, and of finding something where there is nothing; of a two-sided
        test. `compare_groups` tests at 1 - `interval`.
    share
        Of the customers in the treatment.
    margin
        Fraction of spend that counts.
    unit
        Unit of a number as `window`, where neither fit nor summary have one.

    Returns
    -------
    ExperimentSize
        Customers by quantity and method, and what those there are can show.

    Raises
    ------
    ParameterError
        An argument is outside its domain.
    UndefinedMomentError
        The variance of spend is infinite, at q <= 2 of Gamma-Gamma.
    UnitMismatchError
        Fit and summary have different time units.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> print(experiment_size(model, effect=0.2, window="26w", unit="week").verdict)
    To show a difference of 20.0% in purchases (plain) takes 3,569 customers.
    """
    import pandas as pd

    counts = fitted_model(purchase_fit(purchases))
    money = _money(spend)
    length, known = _length(window, purchases, spend, rfm, unit)
    wanted = _effect(effect)
    target = check_fraction(power, "power", "0.8 is usual.")
    level = check_fraction(significance, "significance", "0.05 is usual.")
    treated = check_fraction(share, "share", "0.5 is best where customers cost the same.")
    scale = check_margin(margin)
    customers = None if rfm is None else rfm.customers()
    n = None if customers is None else round(customers.n_customers)
    rows = []
    for quantity, method, mean, variance in _spreads(counts, money, customers, length, scale):
        needed = customers_needed(
            (variance, variance), wanted * mean, level, target, (1.0 - treated, treated)
        )
        row: dict[str, Any] = {
            "quantity": quantity,
            "method": method,
            "mean": mean,
            "sd": math.sqrt(variance),
            "effect": wanted,
            "difference": wanted * mean,
            "customers_needed": needed,
            "in_control": needed - _part(needed, treated),
            "in_treatment": _part(needed, treated),
        }
        if n is not None:
            error = math.sqrt(variance / n / treated / (1.0 - treated))
            row["detectable"] = spread_of(level, target) * error
            row["detectable_relative"] = row["detectable"] / mean if mean else math.inf
        rows.append(row)
    return ExperimentSize(pd.DataFrame(rows), length, known, n, target, level)


# --- arguments --------------------------------------------------------------------------------


def _money(spend: Any) -> GammaGamma | float | None:
    found = fitted_model(spend)
    if found is None:
        return None
    if isinstance(found, int | float) and not isinstance(found, bool):
        return check_price(found)
    if isinstance(found, GammaGamma):
        if not found.q > 2.0:
            raise UndefinedMomentError(
                "The size of a test follows from the variance of value.",
                place=f"It is infinite at q = {found.q:.3g} <= 2 of Gamma-Gamma.",
                fix="Leave out `spend` to plan for purchases, or pass a mean price.",
            )
        return found
    raise ParameterError(
        "`spend` is a fit of GammaGamma, or a price.",
        place=f"Got {spend!r:.80}.",
        fix="Pass GammaGamma.fit(rfm), or a number such as 9.99.",
    )


def _length(
    window: Duration, purchases: Any, spend: Any, rfm: Any, unit: TimeUnit | None
) -> tuple[float, TimeUnit]:
    fits = [fit_of(each) for each in (purchases, spend)]
    check_alike(fits[0], fits[1])
    check_alike(fits[0], rfm)
    known = next((u for each in (*fits, rfm) if (u := getattr(each, "unit", None))), unit)
    if known is None:
        raise ParameterError(
            "A window needs the unit of the model.",
            place="Neither model nor summary nor `unit` gives one.",
            fix="Pass unit='week', or fits.",
        )
    start = getattr(rfm, "observed_until", None)
    length = in_units(window, known, start=start, name="window")
    if not 0.0 < length < math.inf:
        raise ParameterError(
            "`window` is finite and above zero.", place=f"Got {window!r}.", fix="Pass '13w'."
        )
    return length, known


def _effect(effect: Any) -> float:
    number = isinstance(effect, int | float) and not isinstance(effect, bool)
    if number and math.isfinite(effect) and effect != 0.0 and effect > -1.0:
        return float(effect)
    raise ParameterError(
        "`effect` is a fraction of the mean, not zero.",
        place=f"Got {effect!r:.80}.",
        fix="Write 5 % as 0.05.",
    )


def _part(needed: float, share: float) -> float:
    return float(math.ceil(needed * share)) if math.isfinite(needed) else math.inf


# --- moments ----------------------------------------------------------------------------------


def _spreads(
    counts: Any,
    money: GammaGamma | float | None,
    customers: Customers | None,
    t: float,
    margin: float,
) -> Iterator[tuple[str, str, float, float]]:
    """Yield quantity, method, mean and variance of a customer in the window."""
    if customers is None:
        yield "purchases", "plain", *_of_new(counts, t)
        if money is not None:
            first, second = _value_of_new(counts, money, t)
            yield "value", "plain", margin * first, margin**2 * second
        return
    mean, variance = _given_history(counts, None, customers, t)
    yield from _mixed("purchases", mean, variance, customers.weight)
    if money is not None:
        model = None if isinstance(money, float) else money
        unit = margin * (money if isinstance(money, float) else 1.0)
        mean, variance = _given_history(counts, model, customers, t)
        yield from _mixed("value", unit * mean, unit**2 * variance, customers.weight)


def _mixed(
    quantity: str, mean: Array, variance: Array, weight: Array
) -> Iterator[tuple[str, str, float, float]]:
    """Yield the spread of a customer drawn from some: of chance and of differences, of chance."""
    share = weight / weight.sum()
    average, chance = float(share @ mean), float(share @ variance)
    apart = float(share @ (mean - average) ** 2)
    yield quantity, "plain", average, chance + apart
    yield quantity, "adjusted", average, chance


def _given_history(
    counts: Any, money: GammaGamma | None, customers: Customers, t: float
) -> tuple[Array, Array]:
    """Return mean and variance of what each customer does, given their history, each (n,).

    With Gamma-Gamma value is a scale of the customer's own, v + what they spent, times a law that
    their counts give.
    """
    first, code = distinct_rows(*customers.timing)
    mean, variance, _ = scaled_moments(counts, money, customers.take(first), t, 0.0)
    if money is None:
        return mean[code], variance[code]
    x, m = customers.spend
    scale = money.v + np.where(x > 0.0, x * np.where(x > 0.0, m, 0.0), 0.0)
    return scale * mean[code], scale**2 * variance[code]


def _of_new(counts: Any, t: float) -> tuple[float, float]:
    zero = Customers.from_arrays([0.0], [0.0], [0.0], unit=None, monetary_value=[0.0])
    mean, variance, _ = scaled_moments(counts, None, zero, t, 0.0)
    return float(mean[0]), float(variance[0])


def _value_of_new(counts: Any, money: GammaGamma | float, t: float) -> tuple[float, float]:
    """Return mean and variance of the value of a new customer, the first purchase included.

    Var(z + S) with z the first purchase and S the sum of later ones: given nu both have means of
    p / nu and N p / nu, so that Cov(z, S) = E[N] Var(p / nu).
    """
    count, spread = _of_new(counts, t)
    if isinstance(money, float):
        return money * (1.0 + count), money**2 * spread
    zero = Customers.from_arrays([0.0], [0.0], [0.0], unit=None, monetary_value=[0.0])
    scaled, varied, _ = scaled_moments(counts, money, zero, t, 0.0)
    p, q, v = money.p, money.q, money.v
    each = p * v / (q - 1.0)
    between = each**2 / (q - 2.0)
    single = between * (p + q - 1.0) / p
    later = v**2 * float(varied[0])
    return each + v * float(scaled[0]), single + later + 2.0 * count * between
