"""Predictions for every customer of a summary, on the engine of the summary.

The model is evaluated once per distinct history; a lazy engine joins that table on whole grid
periods and does the arithmetic of spend and value itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import DataError, UndefinedMomentError
from clvmodels.frames.columns import PREDICTIONS, require_column
from clvmodels.frames.sources import as_narwhals
from clvmodels.frames.summary import CustomerSummary
from clvmodels.models.base import PurchaseModel
from clvmodels.models.fit import Fit, check_same_unit
from clvmodels.models.gamma_gamma import GammaGamma, posterior_mean_spend
from clvmodels.units import DAYS_PER_UNIT, Duration, in_units, rate_per_unit
from clvmodels.value import check_margin, customer_value

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CLVModel", "predict"]

Array: TypeAlias = NDArray[np.float64]
PurchaseFit: TypeAlias = Fit[PurchaseModel] | PurchaseModel
SpendFit: TypeAlias = Fit[GammaGamma] | GammaGamma
COUNTS = PREDICTIONS[:3]


@dataclass(frozen=True)
class CLVModel:
    """A purchase model and a spend model, to be saved, loaded and used together.

    Attributes
    ----------
    purchases : Fit or PurchaseModel
        When customers buy and leave.
    spend : Fit or GammaGamma, optional
        What they spend; without it predictions count purchases.

    Raises
    ------
    DataError
        The two fits come from summaries with different units or ends of observation.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> CLVModel(BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)).spend.q
    3.74
    """

    purchases: PurchaseFit
    spend: SpendFit | None = None

    def __post_init__(self) -> None:
        check_same_unit(getattr(self.purchases, "unit", None), getattr(self.spend, "unit", None))

    def predict(
        self,
        rfm: CustomerSummary,
        *,
        horizon: Duration,
        discount_rate: float = 0.0,
        margin: float | str = 1.0,
    ) -> Any:
        """Predict with both models; see `clvmodels.predict`."""
        return predict(
            rfm,
            self.purchases,
            self.spend,
            horizon=horizon,
            discount_rate=discount_rate,
            margin=margin,
        )

    def __str__(self) -> str:
        parts = [self.purchases] if self.spend is None else [self.purchases, self.spend]
        return "\n\n".join(str(part) for part in parts)


def predict(
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
) -> Any:
    """Predict purchases and value of every customer.

    Parameters
    ----------
    rfm
        The customers; may be later than the data of the fit, in the same unit.
    purchases
        A fit (or a model with published parameters, taken to be in the unit of `rfm`).
    spend
        A Gamma-Gamma fit or model; without it there is no money in the result.
    horizon
        How far ahead, from the end of observation: ``"1y"``, ``"26w"``, a timedelta, a date,
        ``math.inf``, or a number in the unit of `rfm`.
    discount_rate
        Annual effective rate as a fraction: 0.10 makes money a year from now worth 1/1.10.
        Discounting is continuous in time.
    margin
        Fraction of spend that counts, or the name of a column of `rfm.frame` with fractions.

    Returns
    -------
    native frame
        On the engine of `rfm`, in its row order where it has one, with its columns and
        ``p_alive``, ``expected_purchases`` (undiscounted, null where an infinite horizon makes it
        infinite), ``expected_spend`` and ``clv`` = discounted purchases x expected spend x margin.
        Without `spend`, ``discounted_purchases`` instead of the last two.

    Raises
    ------
    UnitMismatchError
        The fit and the customers are in different time units.
    ParameterError
        Horizon, discount rate or margin outside their domain.
    UndefinedMomentError
        The value does not exist, such as undiscounted without end, or spend at q <= 1.
    DataError
        The summary lacks what the models need.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary, GammaGamma
    >>> table = pl.DataFrame(
    ...     {"customer_id": [4], "frequency": [2], "recency": [30.43], "T": [38.86],
    ...      "monetary_value": [22.35]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> table = predict(rfm, *models, horizon="39w", discount_rate=0.15, margin=0.3)
    >>> table["clv"].round(2).to_list()
    [8.64]
    """
    _check_models(rfm, purchases, spend)
    frame = as_narwhals(rfm.frame)
    names = frame.collect_schema().names()
    _refuse_taken(names)
    if isinstance(margin, str):
        require_column(margin, names, role="margin")
    else:
        margin = check_margin(margin)
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)
    rate = rate_per_unit(discount_rate, rfm.unit)
    scored: Any
    if isinstance(frame, nw.DataFrame):
        counts = _count_purchases(rfm.customers(), purchases, length, rate)
        scored = _with_arrays(frame, counts)
    else:
        patterns = rfm.patterns()
        counts = _count_purchases(patterns, purchases, length, rate)
        scored = _joined(frame, patterns, counts, rfm)
    if spend is not None:
        scored = scored.with_columns(_spend(spend).alias("expected_spend"))
        scored = scored.with_columns(_value(margin)).drop("discounted_purchases")
    return nw.to_native(scored)


def _check_models(rfm: CustomerSummary, purchases: PurchaseFit, spend: SpendFit | None) -> None:
    if not isinstance(rfm, CustomerSummary):
        raise DataError(
            "`predict` takes a CustomerSummary.",
            place=f"Got {type(rfm).__qualname__}.",
            fix="Use rfm_summary(orders, ...) or CustomerSummary.from_frame(frame, unit=...).",
        )
    model = purchases.model if isinstance(purchases, Fit) else purchases
    if not isinstance(model, PurchaseModel):
        raise DataError(
            "`purchases` is a fit of a purchase model, such as BGNBD.fit(rfm).",
            place=f"Got {purchases!r:.80}.",
            fix="Pass the purchase fit first, then the spend fit.",
        )
    check_same_unit(getattr(purchases, "unit", None), rfm.unit)
    if spend is None:
        return
    spend_model = spend.model if isinstance(spend, Fit) else spend
    if not isinstance(spend_model, GammaGamma):
        raise DataError(
            "`spend` is a fit of Gamma-Gamma.",
            place=f"Got {spend!r:.80}.",
            fix="Pass GammaGamma.fit(rfm), or None to count purchases only.",
        )
    if not rfm.has_spend:
        raise DataError(
            "Spend is predicted from the mean value of repeat purchases.",
            place="This summary has no monetary_value.",
            fix="Name the `amount` column in rfm_summary, or leave out the spend fit.",
        )
    spend_model.check_mean_exists()


def _refuse_taken(names: list[str]) -> None:
    taken = [name for name in PREDICTIONS if name in names]
    if taken:
        raise DataError(
            "Predictions are new columns.",
            place=f"The summary already has {', '.join(map(repr, taken))}.",
            fix="Drop or rename them.",
        )


def _count_purchases(
    customers: Customers, purchases: PurchaseFit, horizon: float, rate: float
) -> dict[str, Array]:
    """Evaluate the purchase model: columns of shape (n,)."""
    alive = purchases.p_alive(customers)
    try:
        expected = purchases.expected_purchases(customers, horizon)
    except UndefinedMomentError:
        expected = np.full(len(customers), math.nan)  # infinite: shown as missing
    if rate == 0.0 and not np.isnan(expected).any():
        discounted = expected
    else:
        discounted = purchases.discounted_purchases(customers, horizon, rate)
    return dict(zip(COUNTS, (alive, expected, discounted), strict=True))


def _with_arrays(frame: nw.DataFrame[Any], counts: dict[str, Array]) -> Any:
    new = [
        nw.new_series(name, values, nw.Float64, backend=frame.implementation)
        for name, values in counts.items()
    ]
    if frame.implementation.is_pandas():  # pandas aligns on the index, so give it the same one
        index = nw.to_native(frame).index
        new = [nw.from_native(nw.to_native(s).set_axis(index), series_only=True) for s in new]
    return _nan_to_null(frame.with_columns(*new), counts)


def _nan_to_null(frame: Any, counts: dict[str, Array]) -> Any:
    for name, values in counts.items():
        if np.isnan(values).any():
            known = nw.when(~nw.col(name).is_nan()).then(nw.col(name))
            frame = frame.with_columns(known.alias(name))
    return frame


# --- lazy engines -----------------------------------------------------------------------------


def _joined(
    frame: nw.LazyFrame[Any], patterns: Customers, counts: dict[str, Array], rfm: CustomerSummary
) -> nw.LazyFrame[Any]:
    """Join predictions per distinct history to a lazy frame."""
    import pandas as pd

    x, t_x, T = patterns.timing
    columns = {"frequency": x, "recency": t_x, "T": T}
    keys = [f"_{name}" for name in columns]
    if rfm.grid_days is None:  # times as they came: the same doubles on both sides
        ours, theirs = list(columns.values()), [nw.col(name) for name in columns]
    else:
        scale = DAYS_PER_UNIT[rfm.unit] / rfm.grid_days
        ours = [x, np.rint(t_x * scale), np.rint(T * scale)]
        theirs = [nw.col("frequency"), _periods("recency", scale), _periods("T", scale)]
        ours = [column.astype(np.int64) for column in ours]
    table = pd.DataFrame(dict(zip(keys, ours, strict=True)) | counts)
    side = _nan_to_null(_table_on_engine(frame, table), counts)
    keyed = frame.with_columns(*(expr.alias(key) for key, expr in zip(keys, theirs, strict=True)))
    return keyed.join(side, on=keys, how="left").drop(*keys)


def _periods(name: str, scale: float) -> nw.Expr:
    return (nw.col(name) * scale).round().cast(nw.Int64)


def _table_on_engine(frame: nw.LazyFrame[Any], scores: pd.DataFrame) -> Any:
    """Hand a small table to the engine of a lazy frame."""
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        import polars as pl

        return nw.from_native(
            pl.DataFrame({name: scores[name].to_numpy() for name in scores}).lazy()
        )
    if frame.implementation.is_duckdb():
        # On the relation's own connection; DuckDB finds the variable `scores` by its name.
        return nw.from_native(native.query("_customers", "select * from scores"))
    raise DataError(
        "Lazy frames are polars LazyFrames or DuckDB relations.",
        place=f"This is {frame.implementation}.",
        fix="Collect it, or convert it to one of these.",
    )


# --- money ------------------------------------------------------------------------------------


def _spend(spend: SpendFit) -> Any:
    """Return expected spend as an expression: elementary in frequency and mean spend."""
    model = spend.model if isinstance(spend, Fit) else spend
    x = nw.col("frequency").cast(nw.Float64)
    value = nw.col("monetary_value").cast(nw.Float64)
    observed = nw.when((nw.col("frequency") > 0) & ~value.is_nan()).then(value * x)
    total: Any = nw.coalesce(observed, nw.lit(0.0))
    result: Any = posterior_mean_spend(x, total, model.p, model.q, model.v)  # type: ignore[arg-type]
    return result


def _value(margin: float | str) -> Any:
    share: Any = nw.col(margin) if isinstance(margin, str) else nw.lit(margin)
    value: Any = customer_value(nw.col("discounted_purchases"), nw.col("expected_spend"), share)
    return value.alias("clv")
