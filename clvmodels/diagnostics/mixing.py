"""Heterogeneity: how much customers differ, as the parameters of a model have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.design import Level
from clvmodels.errors import DataError, ParameterError
from clvmodels.markup import Html, html_card, html_table
from clvmodels.models.base import Model
from clvmodels.models.covariates import CovariateModel
from clvmodels.models.fit import Fit
from clvmodels.models.laws import MixingLaw
from clvmodels.predictive.arguments import fit_of, fitted_model
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Heterogeneity", "heterogeneity"]

Array: TypeAlias = NDArray[np.float64]

_TAIL: Final = 0.005  # share of customers beyond each end
_SHARES: Final = 199  # points that are equally many customers apart
_POINTS: Final = 100  # points that are equally far apart
_SMALLEST: Final = 1e-300


@dataclass(frozen=True)
class Heterogeneity:
    """The laws by which customers differ.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a point: ``quantity`` (such as 'purchases per week'), ``x``, ``density`` and
        ``cumulative``, the share of customers at or below x. Points reach from where 0.5 % of the
        customers are below to where 0.5 % are above.
    mean, median : mapping of str to float
        Of each quantity; a mean may be infinite.
    unit : TimeUnit or None
        The time unit in the names of quantities.
    model : str
        What the model is called.
    """

    table: pd.DataFrame
    mean: Mapping[str, float]
    median: Mapping[str, float]
    unit: TimeUnit | None
    model: str

    @property
    def summary(self) -> pd.DataFrame:
        """Mean, median, and where the middle 80 % of the customers are, for each quantity."""
        import pandas as pd

        rows = {}
        for quantity, points in self.table.groupby("quantity", sort=False):
            name = str(quantity)
            ends = np.interp((0.1, 0.9), points["cumulative"], points["x"])
            rows[name] = (self.mean[name], self.median[name], *ends.tolist())
        columns = ["mean", "median", "10 %", "90 %"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    @property
    def title(self) -> str:
        """What the table shows, in a line."""
        return f"How customers differ, by {self.model}"

    def __str__(self) -> str:
        return f"{self.title}\n{self.summary.to_string(float_format='{:.4g}'.format)}"

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.summary))


def heterogeneity(
    fitted: Any,
    *,
    covariates: Mapping[str, Level] | None = None,
    unit: TimeUnit | None = None,
) -> Heterogeneity:
    """Return the laws by which customers differ: of buying, of leaving, of spending.

    Parameters
    ----------
    fitted
        A fit of purchases or of spend, or a model.
    covariates
        Those of the customers, for a model that has some, such as ``{"channel": "web"}``.
    unit
        Time unit of a model, for the names of quantities; that of the fit if None.

    Returns
    -------
    Heterogeneity
        Its ``table`` is long: a row for each quantity and point.

    Raises
    ------
    DataError
        It is no fit and no model.
    ParameterError
        The model has covariates that are not given.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> print(heterogeneity(BGNBD(0.243, 4.414, 0.793, 2.426), unit="week"))
    How customers differ, by BG/NBD
                                                      mean   median      10 %   90 %
    purchases per week                             0.05505 0.009068 1.167e-05 0.1656
    probability of leaving after a repeat purchase  0.2463   0.1912   0.02185 0.5627
    """
    model = _one_kind(fitted_model(fitted), covariates)
    fit = fit_of(fitted)
    known = unit or (fit.unit if isinstance(fit, Fit) else None)
    laws = {law.quantity.format(unit=known or "unit of time"): law for law in model.mixing()}
    return Heterogeneity(
        _table(laws),
        {name: law.mean for name, law in laws.items()},
        {name: float(law.quantile(0.5)) for name, law in laws.items()},
        known,
        model.label,
    )


def _one_kind(model: object, covariates: Mapping[str, Level] | None) -> Model:
    """Return the model of customers who are of one kind."""
    if isinstance(model, CovariateModel):
        if not covariates:
            raise ParameterError(
                "With covariates customers differ around what these say of them.",
                place=f"{model.label} does not know of which customers.",
                fix="Say which, such as covariates={'channel': 'web'}.",
            )
        one: Model = model.at(**covariates)
        return one
    if isinstance(model, Model):
        if covariates:
            raise ParameterError(
                "This model has no covariates.",
                place=f"Got {', '.join(sorted(covariates))}.",
                fix="Leave out `covariates`.",
            )
        return model
    raise DataError(
        "`fitted` is a fit or a model, such as BGNBD.fit(rfm).",
        place=f"Got {model!r:.80}.",
        fix="Pass the fit.",
    )


def _table(laws: Mapping[str, MixingLaw]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for name, law in laws.items():
        x = _points(law)
        parts.append(
            pd.DataFrame(
                {
                    "quantity": name,
                    "x": x,
                    "density": law.density(x),
                    "cumulative": law.cumulative(x),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _points(law: MixingLaw) -> Array:
    """Return points that are dense where customers are, and where the curve is long."""
    by_share = law.quantile(np.linspace(_TAIL, 1.0 - _TAIL, _SHARES))
    low, high = max(float(by_share[0]), _SMALLEST), float(by_share[-1])
    return np.unique(np.append(np.maximum(by_share, low), np.linspace(low, high, _POINTS)))
