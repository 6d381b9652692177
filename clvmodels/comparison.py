"""Choosing between fits: a table, a sentence of advice, and a test of nested models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from scipy import special

from clvmodels.errors import DataError, ParameterError
from clvmodels.markup import Html, html_card, html_table
from clvmodels.models.covariates import CovariateModel
from clvmodels.models.fit import Fit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "LikelihoodRatioTest", "chosen", "compare", "likelihood_ratio_test"]

_SAME: Final = 2.0  # a difference of AIC that means nothing (Burnham and Anderson 2002)
_MUCH: Final = 0.02  # misplaced customers that matter; of enough customers any share is certain
_POOR: Final = 0.001  # p-value below which the histogram is not that of the model


@dataclass(frozen=True, repr=False)
class Comparison:
    """Fits side by side.

    Attributes
    ----------
    fits : tuple of Fit
        In the order given.
    advice : str
        What to take, in words.
    """

    fits: tuple[Fit[Any], ...]
    advice: str

    @property
    def table(self) -> pd.DataFrame:
        """One row a fit, the best AIC first.

        Columns: parameters, log_likelihood, aic, bic, chi_square (of the histogram of frequencies),
        cells, verdict (of the certificate).
        """
        import pandas as pd

        rows = [
            {
                "model": fit.model.label,
                "parameters": len(fit.names),
                "log_likelihood": fit.log_likelihood,
                "aic": fit.aic,
                "bic": fit.bic,
                "chi_square": None if fit.frequencies is None else fit.frequencies.chi_square,
                "cells": None if fit.frequencies is None else fit.frequencies.cells,
                "verdict": fit.certificate.verdict,
            }
            for fit in sorted(self.fits, key=lambda fit: fit.aic)
        ]
        return pd.DataFrame(rows).set_index("model")

    def __str__(self) -> str:
        return f"{self.table.round(3).to_string()}\n\n{fill(self.advice, 100)}"

    def _repr_html_(self) -> Html:
        shown = {"log_likelihood": ",.2f", "aic": ",.2f", "bic": ",.2f", "chi_square": ",.2f"}
        return html_card("Comparison", html_table(self.table, formats=shown), self.advice)

    __repr__ = __str__


def compare(fits: Sequence[Fit[Any]]) -> Comparison:
    """Compare fits of different models to the same customers.

    Parameters
    ----------
    fits
        Two or more fits, of the same data in the same unit.

    Returns
    -------
    Comparison
        Its `table` has log-likelihood, AIC, BIC and the chi-square of the histogram of frequencies
        (how many customers bought 0, 1, ..., 6, 7 or more times, against what the model expects);
        its `advice` says what to take.

    Raises
    ------
    DataError
        The fits are of different data, or of things that cannot be compared.
    ParameterError
        There are fewer than two fits.

    Examples
    --------
    >>> from clvmodels import BGNBD, MBGNBD
    >>> c = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4).simulate(4000, 52, seed=1, unit="week")
    >>> compare([BGNBD.fit(c), MBGNBD.fit(c)]).table.index[0]
    'BG/NBD'
    """
    given = () if isinstance(fits, Fit) else tuple(fits)
    if len(given) < 2 or not all(isinstance(fit, Fit) for fit in given):
        raise ParameterError(
            "`compare` takes two or more fits.",
            place=f"Got {fits!r:.80}.",
            fix="compare([BGNBD.fit(rfm), ParetoNBD.fit(rfm)])",
        )
    for other in given[1:]:
        _check_same_data(given[0], other)
    return Comparison(given, _advice(given))


def _check_same_data(first: Fit[Any], other: Fit[Any]) -> None:
    ours, theirs = _measured(first), _measured(other)
    if ours != theirs:
        raise DataError(
            "Fits are compared by the likelihood of the same thing.",
            place=f"{first.model.label} is about {ours}, {other.model.label} about {theirs}.",
            fix="Compare them by a holdout instead; models of regular timing need "
            "rfm_summary(..., intervals=True).",
        )
    alike = (first.unit, first.n_customers) == (other.unit, other.n_customers)
    if not alike or not first.data.matches(other.data):
        raise DataError(
            "Fits are compared on the same customers, in the same unit.",
            place=f"{first.model.label}: per {first.unit}, {first.data}; {other.model.label}: per "
            f"{other.unit}, {other.data}.",
            fix="Fit both to the same summary.",
        )


def _measured(fit: Fit[Any]) -> str:
    return str(fit.model.measured(intervals=fit.data.log_intervals is not None))


def chosen(fits: Sequence[Fit[Any]]) -> Fit[Any]:
    """Return the fit of the best AIC, and of those that it cannot tell apart the simplest."""
    best = min(fit.aic for fit in fits)
    alike = [fit for fit in fits if fit.aic - best < _SAME]
    return min(alike, key=lambda fit: (len(fit.names), fit.aic))


def _advice(fits: tuple[Fit[Any], ...]) -> str:
    ranked = sorted(fits, key=lambda fit: fit.aic)
    best, second = ranked[0], ranked[1]
    gap = second.aic - best.aic
    words = []
    if gap < _SAME:
        alike = [fit for fit in ranked if fit.aic - best.aic < _SAME]
        names = " and ".join(fit.model.label for fit in alike)
        words.append(
            f"The data cannot tell {names} apart (AIC within {_SAME:g}): take "
            f"{chosen(fits).model.label}."
        )
    else:
        words.append(f"{best.model.label} describes the data best (AIC lower by {gap:.1f}).")
    by_bic = min(fits, key=lambda fit: fit.bic)
    if by_bic is not best and gap >= _SAME:
        words.append(f"BIC, which counts parameters more, prefers {by_bic.model.label}.")
    if best.certificate.verdict != "identified":
        words.append(
            f"But the data do not pin down {best.model.label} ({best.certificate.verdict}): read "
            "its certificate before using its parameters."
        )
    table = best.frequencies
    if table is not None and _histogram_p_value(best) < _POOR and table.misplaced > _MUCH:
        words.append(
            f"No model here may be right: {table.misplaced:.1%} of the customers are where "
            f"{best.model.label} does not expect them in the histogram of frequencies (chi-square "
            f"{table.chi_square:.1f} in {table.cells} cells). Look at it with "
            "fit.frequencies.table, and trust a holdout more."
        )
    return " ".join(words)


def _histogram_p_value(fit: Fit[Any]) -> float:
    """Return the p-value of the histogram; 1 where there are too few cells to tell."""
    table = fit.frequencies
    freedom = 0 if table is None else table.cells - 1 - len(fit.names)
    if table is None or freedom < 1:
        return 1.0
    return float(special.chdtrc(freedom, table.chi_square))


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """Whether what a larger model adds is more than chance.

    Attributes
    ----------
    statistic : float
        Twice the difference of the log-likelihoods.
    degrees : int
        How many parameters the larger model has more.
    p_value : float
        From the chi-square distribution (Wilks 1938).
    verdict : str
        In words.
    """

    statistic: float
    degrees: int
    p_value: float
    verdict: str

    def __str__(self) -> str:
        return (
            f"chi-square {self.statistic:.3f} with {self.degrees} "
            f"degree{'s' if self.degrees > 1 else ''} of freedom, "
            f"p = {self.p_value:.3g}: {self.verdict}"
        )

    def _repr_html_(self) -> Html:
        return html_card("Likelihood-ratio test", str(self))


def likelihood_ratio_test(restricted: Fit[Any], full: Fit[Any]) -> LikelihoodRatioTest:
    """Test a model against a larger one that contains it.

    Parameters
    ----------
    restricted
        The smaller model: without covariates, with fewer of them, or SBG against BDW.
    full
        The larger one, fitted to the same customers.

    Raises
    ------
    ParameterError
        The first model is not a special case of the second.
    DataError
        The fits are of different data.

    Examples
    --------
    >>> from clvmodels import BGNBD, Customers
    >>> c = BGNBD(r=0.8, alpha=6.0, a=0.9, b=3.5).simulate(2000, 52, seed=1, unit="week")
    >>> web = {"web": [i % 2 for i in range(2000)]}
    >>> c = Customers.from_arrays(*c.timing, unit="week", covariates=web)
    >>> test = likelihood_ratio_test(BGNBD.fit(c), BGNBD.fit(c, purchase="web"))
    >>> test.degrees, test.p_value > 0.05
    (1, True)
    """
    _check_nested(restricted, full)
    _check_same_data(restricted, full)
    statistic = max(0.0, 2.0 * (full.log_likelihood - restricted.log_likelihood))
    degrees = len(full.names) - len(restricted.names)
    p_value = float(special.chdtrc(degrees, statistic))
    better = p_value < 0.05
    verdict = (
        f"{full.model.label} describes the data better than chance"
        if better
        else f"no evidence against {restricted.model.label}"
    )
    return LikelihoodRatioTest(statistic, degrees, p_value, verdict)


def _check_nested(restricted: Fit[Any], full: Fit[Any]) -> None:
    small, large = restricted.model, full.model
    own, other = _parts(small), _parts(large)
    kinds = type(own[0]) is type(other[0]) or type(own[0]).__name__ in type(other[0]).contains
    settings = all(
        getattr(own[0], name) == getattr(other[0], name) for name in type(other[0]).settings()
    )
    effects = all(set(columns) <= set(other[1].get(p, ())) for p, columns in own[1].items())
    tied = not own[1] or getattr(small, "tied", False) == getattr(large, "tied", False)
    more = len(full.names) > len(restricted.names)
    if not (kinds and settings and effects and tied and more):
        raise ParameterError(
            "A likelihood-ratio test compares a model with a larger one that contains it.",
            place=f"{restricted.model.label} is no special case of {full.model.label}.",
            fix="Compare them with clvmodels.compare.",
        )


def _parts(model: Any) -> tuple[Any, dict[str, tuple[str, ...]]]:
    if not isinstance(model, CovariateModel):
        return model, {}
    return model.base, {process: each.columns for process, each in model.effects.items()}
