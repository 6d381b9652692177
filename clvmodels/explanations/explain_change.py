"""Why value moved since the last run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError, ParameterError
from clvmodels.explanations.contributions import Terms
from clvmodels.explanations.explain import spending_of
from clvmodels.explanations.movements import Run, elapsed_between, moved
from clvmodels.explanations.sums import by_segment, exact_sum
from clvmodels.explanations.value_change import STEPS, Forecast, ValueChange
from clvmodels.frames.arguments import PurchaseFit
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.paired import Pairs, paired
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.scoring import with_arrays
from clvmodels.frames.valued import ValuedCustomers, by_columns, valued_customers
from clvmodels.models.provenance import check_alike
from clvmodels.units import Duration, in_units, rate_per_unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain_change"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]
Models: TypeAlias = CLVModel | PurchaseFit


def explain_change(
    before: CustomerSummary,
    after: CustomerSummary,
    *,
    before_models: Models,
    after_models: Models | None = None,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    before_horizon: Duration | None = None,
    before_discount_rate: float | None = None,
    before_margin: float | str | None = None,
    by: str | Sequence[str] | None = None,
) -> ValueChange:
    """Say why the value of customers moved between two runs of `predict`.

    Of customers in both runs, the value before turns into the value after in steps: ``silence``,
    the time that passed, had nobody ordered; ``orders``, of who has ordered since;
    ``corrections``, where the past of who has not is another than it was (refunds, late rows, a
    changed attribute); the refits of both models; and other terms. Customers in one run alone are
    ``new`` or ``gone``. Steps add up to the change, for each customer and for the base.

    Parameters
    ----------
    before, after
        The customers of the two runs, with ids of one type and in one unit; `after` was observed
        for longer, or as long.
    before_models, after_models
        The models of each run: a `CLVModel`, such as `clvmodels.load` gives, or a fit of purchases
        to count these. None for the same models in both runs.
    horizon, discount_rate, margin
        Terms of the later run, as in `predict`.
    before_horizon, before_discount_rate, before_margin
        Terms of the earlier run where they differ.
    by
        A column of both summaries, or several: sums for each segment, too. Of customers in both
        runs the later one tells the segment.

    Returns
    -------
    ValueChange
        ``.table``, the bridge; ``.customers``; ``.segments``; ``.forecast``, what the old models
        expected of silence and orders together, beside what happened; ``.sentence(id)``. Frames
        are on the engine of `after`; of a lazy one, which is collected, polars.

    Raises
    ------
    DataError
        A summary has a customer twice or lacks what the models need, ids are of two types, one run
        has money and the other none, or `after` ends before `before`.
    UnitMismatchError
        The runs are in different time units.
    ParameterError
        Terms outside their domain.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary
    >>> before = pl.DataFrame(
    ...     {"customer_id": [4, 5], "frequency": [2, 0], "recency": [30.0, 0.0], "T": [39.0, 39.0]}
    ... )
    >>> after = pl.DataFrame(
    ...     {"customer_id": [4, 5], "frequency": [3, 0], "recency": [45.0, 0.0], "T": [52.0, 52.0]}
    ... )
    >>> runs = [CustomerSummary.from_frame(each, unit="week") for each in (before, after)]
    >>> model = CLVModel(BGNBD(0.243, 4.414, 0.793, 2.426))
    >>> found = explain_change(*runs, before_models=model, horizon="39w")
    >>> found.customers.select("customer_id", pl.col("silence", "orders").round(3)).rows()
    [(4, -0.422, 0.713), (5, -0.041, 0.0)]
    >>> round(found.forecast.expected, 3), round(found.forecast.happened, 3)
    (-0.136, 0.25)
    """
    old, new = _pair(before_models), _pair(before_models if after_models is None else after_models)
    check_alike(before, after)
    first = _valued(before, old, margin if before_margin is None else before_margin)
    second = _valued(after, new, margin)
    if first.money != second.money:
        raise DataError(
            "Both runs value customers in money, or both count purchases.",
            place="One has a spend model or a price, the other has none.",
            fix="Pass models with spend, or without, for both.",
        )
    columns = _columns(first.rfm, second.rfm, by)
    rate = discount_rate if before_discount_rate is None else before_discount_rate
    terms = (
        _terms(first.rfm, horizon if before_horizon is None else before_horizon, rate),
        _terms(second.rfm, horizon, discount_rate),
    )
    pairs = paired(first.rfm, second.rfm)
    return _change(first, second, pairs, terms, columns)


def _pair(models: Models) -> CLVModel:
    return models if isinstance(models, CLVModel) else CLVModel(models)


def _valued(rfm: CustomerSummary, models: CLVModel, margin: float | str) -> ValuedCustomers:
    return valued_customers(rfm, models.purchases, models.spend, margin, function="explain_change")


def _terms(rfm: CustomerSummary, horizon: Duration, rate: float) -> Terms:
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)
    return Terms(length, rate_per_unit(rate, rfm.unit))


def _columns(
    before: CustomerSummary, after: CustomerSummary, by: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Return the columns of segments, or raise unless both runs have them and they are free."""
    columns = by_columns(after, by)
    by_columns(before, columns)
    taken = [name for name in columns if name in STEPS]
    if taken:
        raise DataError(
            "Columns of segments stand beside the steps.",
            place=f"Got {', '.join(map(repr, taken))}.",
            fix="Rename the column.",
        )
    return columns


def _change(
    first: ValuedCustomers,
    second: ValuedCustomers,
    pairs: Pairs,
    terms: tuple[Terms, Terms],
    by: tuple[str, ...],
) -> ValueChange:
    both, n = pairs.both, len(pairs.before)
    names = tuple({**dict.fromkeys(first.customers.covariates), **second.customers.covariates})
    told = replace(second, customers=second.rfm.customers(names)) if names else second
    early = _run(first, terms[0], pairs.before[both])
    late = _run(told, terms[1], pairs.after[both])
    elapsed = elapsed_between(early.customers, late.customers)
    _refuse_backwards(elapsed, first.rfm)
    found = moved(early, late, elapsed)
    gone = _run(first, terms[0], pairs.before[pairs.gone]).value
    new = _run(told, terms[1], pairs.after[pairs.new]).value
    columns = {name: np.zeros(n) for name in STEPS}
    for name, values in {"before": found.before, **found.steps, "after": found.after}.items():
        columns[name][both] = values
    columns["before"][pairs.gone], columns["gone"][pairs.gone] = gone, -gone
    columns["after"][pairs.new], columns["new"][pairs.new] = new, new
    key = second.rfm.customer
    shown = pairs.columns(first.rfm, second.rfm, tuple(each for each in by if each != key))
    happened = found.steps["silence"] + found.steps["orders"]
    return ValueChange(
        customers=nw.to_native(with_arrays(shown, columns)),
        table=_bridge(columns, first, second),
        segments=by_segment(shown, by, columns) if by else None,
        forecast=Forecast(
            exact_sum(found.expected),
            exact_sum(happened),
            float(np.sqrt(exact_sum((happened - found.expected) ** 2))),
        ),
        customer=key,
        value="clv" if second.money else "discounted_purchases",
        elapsed=elapsed,
        unit=second.rfm.unit,
    )


def _run(valued: ValuedCustomers, terms: Terms, rows: Index) -> Run:
    customers, margin = valued.customers.take(rows), valued.margin[rows]
    return Run(valued.purchases, spending_of(valued, rows), customers, margin, terms)


def _refuse_backwards(elapsed: float, before: CustomerSummary) -> None:
    if elapsed < 0.0:
        raise ParameterError(
            "The first summary is that of the earlier run.",
            place=f"Most customers are {-elapsed:g} {before.unit}s younger in the second one.",
            fix="Pass them the other way round.",
        )


def _bridge(
    columns: dict[str, Array], first: ValuedCustomers, second: ValuedCustomers
) -> pd.DataFrame:
    import pandas as pd

    counts = {name: int(np.count_nonzero(values)) for name, values in columns.items()}
    counts |= {"before": len(first.customers), "after": len(second.customers)}
    rows = [(name, counts[name], exact_sum(values)) for name, values in columns.items()]
    return pd.DataFrame(rows, columns=["component", "customers", "amount"])
