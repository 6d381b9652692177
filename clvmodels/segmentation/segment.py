"""`segment`: value tiers, states, RFM cells and a list of customers to win back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError
from clvmodels.frames.arguments import PurchaseFit, SpendFit, check_models
from clvmodels.frames.at_risk import at_risk
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.predict import CLVModel, predict
from clvmodels.frames.result_words import model_labels
from clvmodels.frames.scoring import with_arrays
from clvmodels.frames.segmented import Segmented, segmented, with_texts
from clvmodels.models.intervals import check_level
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.silence import check_error_rate, unusual_silence
from clvmodels.segmentation.reactivation import Contact, chosen, read_contact
from clvmodels.segmentation.reasons import Known, reasons_of
from clvmodels.segmentation.result import Segmentation
from clvmodels.segmentation.rfm_cells import cell_names, cells, check_map
from clvmodels.segmentation.states import STATES, StateCosts, states_of
from clvmodels.segmentation.sums import Grouping, Valued, by_name, summed
from clvmodels.segmentation.tiers import TIERS, read_tiers
from clvmodels.units import Duration, in_units

__all__ = ["segment"]

Array: TypeAlias = NDArray[np.float64]

_NEW: Final = ("tier", "state", "rfm_cell", "rfm_segment", "reasons")
_RESULTS: Final = (
    "customers",
    "share_of_customers",
    "value",
    "share_of_value",
    "lower",
    "upper",
)
_USUAL: Final = StateCosts()


def segment(
    rfm: CustomerSummary,
    purchases: PurchaseFit | CLVModel,
    spend: SpendFit | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    by: str | Sequence[str] | None = None,
    tiers: int | Mapping[str, float] = TIERS,
    tier_values: Mapping[str, float] | None = None,
    costs: StateCosts = _USUAL,
    slipping: float = 0.1,
    rfm_names: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    history: str | None = None,
    largest_order: str | None = None,
    since: Duration | None = None,
    response_rate: float | Mapping[str, float] | None = None,
    contact_cost: float | str = 0.0,
    budget: float | None = None,
    interval: float | None = 0.9,
) -> Segmentation:
    """Put customers into groups to act on: value tiers by states, and the classic RFM cells.

    Parameters
    ----------
    rfm, purchases, spend, horizon, discount_rate, margin
        As in `predict`; `purchases` may be a `CLVModel`. A lazy summary is collected. Without
        `spend` value is counted in (discounted) purchases.
    by
        A column of the customers, or several: the table has tiers and states within each segment.
        Tiers are those of all customers.
    tiers
        Value tiers: a number of equal ones (10 for deciles, the best is '01'), or names with the
        share of the customers in each, best first. Customers of equal value are in one tier.
    tier_values
        In place of `tiers`: names with the value from which on a customer is in each, falling; the
        last takes the rest.
    costs
        What errors cost, from which the limits of P(alive) follow: see `StateCosts`.
    slipping
        A customer who is neither lost nor at risk is slipping where the silence is longer than
        that of all but this share of the customers with the same purchases who stay, as in
        `lapse_alert`: the share of false alarms among them.
    rfm_names
        Names of RFM cells in place of the usual ones, such as ``{'51': 'welcome'}``: by the scores
        of recency and of frequency (with amounts the mean of frequency and money, halves up).
    names
        Other names for states, tiers and RFM cells, from the usual to yours.
    history, largest_order
        Names of columns that `historical_value` has made. With `history` the M of RFM is all spend,
        else that of repeat orders; with both, orders that are half of it are flagged.
    since
        What "as they were" means for the reactivation list: so long ago, as in `at_risk`. None
        compares with the moment after the last order.
    response_rate
        Share of the contacted who come back *because of* the contact: one for all, or by state.
        None is not known: the list then has what is at stake, and no expected gain.
    contact_cost
        Of one contact, or the name of a column.
    budget
        For all contacts; None for no limit.
    interval
        Probability inside the intervals of sums; None for none, which is faster.

    Returns
    -------
    Segmentation
        ``.table``, ``.tiers``, ``.states``, ``.rfm``, ``.customers``, ``.reactivation``.

    Raises
    ------
    ParameterError
        An argument is outside its domain.
    DataError
        The summary lacks what the models need, or has a column of one of the new names.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary
    >>> table = pl.DataFrame(
    ...     {"customer_id": [1, 2, 3], "frequency": [9, 9, 0], "recency": [51.0, 30.0, 0.0],
    ...      "T": [52.0, 52.0, 52.0]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> found = segment(rfm, model, horizon="1y", tiers={"top": 0.4, "rest": 0.6})
    >>> found.customers.select("customer_id", "tier", "state", "rfm_cell").rows()
    [(1, 'top', 'active', '42'), (2, 'top', 'at risk', '22'), (3, 'rest', 'active', '11')]
    """
    if isinstance(purchases, CLVModel):
        spend = purchases.spend if spend is None else spend
        purchases = purchases.purchases
    check_models(rfm, purchases, spend, function="segment")
    level = None if interval is None else check_level(interval, name="interval")
    contact = read_contact(response_rate, contact_cost, budget)
    steps, map_of_cells = read_tiers(tiers, tier_values), check_map(rfm_names)
    rfm = rfm.collect()
    columns = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    base = segmented(rfm, columns, results=_RESULTS)
    _refuse_taken(base.frame.columns)
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)
    terms: dict[str, Any] = {"horizon": length, "discount_rate": discount_rate, "margin": margin}
    scored: nw.DataFrame[Any] = nw.from_native(
        predict(rfm, purchases, spend, **terms), eager_only=True
    )
    value = _floats(scored, "discounted_purchases" if spend is None else "clv")
    valued = Valued(rfm, base, purchases, spend, terms, value, level)
    money = _money(rfm, base, history)
    tier = steps.of(value)
    known = _known(valued, _floats(scored, "p_alive"), check_error_rate(slipping))
    known = replace(
        known,
        best=tier == 0,
        best_share=steps.best_share,
        largest_share=_largest_share(base, money if history else None, largest_order),
    )
    state = states_of(known.p_alive, known.unusual, costs)
    scores = cells(known.age - known.recency, known.frequency, money)
    cell, cell_name = cell_names(scores, map_of_cells)
    tier_names, state_names = _named(steps.names, names), _named(STATES, names)
    texts = {
        "tier": [tier_names[j] for j in tier.tolist()],
        "state": [state_names[j] for j in state.tolist()],
        "rfm_cell": cell,
        "rfm_segment": _named(cell_name, names),
        "reasons": reasons_of(known),
    }
    tables, problem = summed(valued, _groupings(base, (tier, tier_names), (state, state_names)))
    return Segmentation(
        table=tables["table"],
        tiers=tables["tiers"],
        states=tables["states"],
        rfm=by_name(texts["rfm_segment"], value),
        customers=nw.to_native(with_texts(scored, texts)),
        reactivation=_reactivation(valued, texts, state, contact, since),
        costs=costs,
        slipping=float(slipping),
        by=base.by,
        counted=spend is None,
        interval=None if problem else level,
        responding=contact.stated,
        models=model_labels((purchases, spend)),
        notes=_notes(known, fitted_model(purchases), costs, contact, problem),
    )


def _groupings(
    base: Segmented,
    tiers: tuple[NDArray[np.intp], list[str]],
    states: tuple[NDArray[np.intp], list[str]],
) -> dict[str, Grouping]:
    """Return the groupings by segment, tier and state, by tier, and by state."""
    import pandas as pd

    nobody = Grouping(np.zeros(len(base.code), dtype=np.intp), pd.DataFrame(index=[0]))
    table = Grouping(base.code, base.names).crossed("tier", *tiers).crossed("state", *states)
    return {
        "table": table.occupied() if base.by else table,
        "tiers": nobody.crossed("tier", *tiers),
        "states": nobody.crossed("state", *states),
    }


def _known(valued: Valued, p_alive: Array, error_rate: float) -> Known:
    """Return what histories and model say of each customer."""
    model = fitted_model(valued.purchases)
    customers = valued.rfm.customers(model.variables)
    x, t_x, T = customers.timing
    silence = unusual_silence(customers, valued.purchases, error_rate=error_rate)
    return Known(
        frequency=x,
        recency=t_x,
        age=T,
        p_alive=p_alive,
        p_before=np.asarray(model.p_alive(replace(customers, age=t_x))),
        unusual=T - t_x >= silence,
        best=np.zeros(len(x), dtype=np.bool_),
        best_share=None,
        mean_order=customers.monetary_value,
        largest_share=None,
        unit=valued.rfm.unit,
    )


def _named(usual: Sequence[str], names: Mapping[str, str] | None) -> list[str]:
    """Return the names that are wanted in place of the usual ones."""
    given = names or {}
    return [str(given.get(each, each)) for each in usual]


def _refuse_taken(columns: Sequence[str]) -> None:
    taken = [name for name in columns if name.casefold() in _NEW]
    if taken:
        raise DataError(
            "Segments are new columns.",
            place=f"The summary already has {', '.join(map(repr, taken))}.",
            fix="Drop or rename them.",
        )


def _floats(frame: nw.DataFrame[Any], name: str) -> Array:
    return np.asarray(frame[name].cast(nw.Float64).to_numpy(), dtype=np.float64)


def _money(rfm: CustomerSummary, base: Segmented, history: str | None) -> Array | None:
    """Return what RFM takes for money: all spend, that of repeat orders, or nothing."""
    if history is not None:
        return base.numbers(history, role="history")
    if not rfm.has_spend:
        return None
    frequency, mean = (_floats(base.frame, name) for name in ("frequency", "monetary_value"))
    return np.where(frequency > 0.0, frequency * mean, 0.0)


def _largest_share(base: Segmented, spent: Array | None, largest_order: str | None) -> Array | None:
    """Return the share of all spend that the largest of several orders is, NaN of one."""
    if largest_order is None or spent is None:
        return None
    largest, frequency = base.numbers(largest_order, role="largest order"), base.frame["frequency"]
    several = (frequency.to_numpy() > 0) & (spent > 0.0)
    return np.where(several, largest / np.where(spent > 0.0, spent, 1.0), np.nan)


def _reactivation(
    valued: Valued,
    texts: dict[str, list[str]],
    state: NDArray[np.intp],
    contact: Contact,
    since: Duration | None,
) -> Any:
    """Return the customers whom a contact is expected to gain, best first."""
    rfm = valued.rfm
    frame = valued.base.frame
    ago: Duration = since if since is not None else float(_floats(frame, "T").max()) + 1.0
    found: nw.DataFrame[Any] = nw.from_native(
        at_risk(rfm, valued.purchases, valued.spend, since=ago, **valued.terms), eager_only=True
    )
    places = {each: row for row, each in enumerate(frame[rfm.customer].to_list())}
    rows = np.array([places[each] for each in found[rfm.customer].to_list()], dtype=np.intp)
    cost = np.zeros(len(rows))
    if isinstance(contact.cost, str):
        cost = valued.base.numbers(contact.cost, role="contact cost")[rows]
    else:
        cost = np.full(len(rows), contact.cost)
    best, gain = chosen(_floats(found, "at_stake"), state[rows], cost, contact)
    listed = found[best.tolist()]
    if frame.implementation.is_pandas():
        listed = nw.from_native(nw.to_native(listed).reset_index(drop=True), eager_only=True)
    own = rows[best].tolist()
    told = {name: [texts[name][row] for row in own] for name in ("tier", "state", "reasons")}
    if not contact.stated:
        gain = np.full(len(gain), np.nan)
    new = {"contact_cost": cost[best], "expected_gain": gain}
    return nw.to_native(with_arrays(with_texts(listed, told), new))


def _notes(
    known: Known, model: Any, costs: StateCosts, contact: Contact, problem: str
) -> tuple[str, ...]:
    """Say what the numbers rest on."""
    notes = [
        f"Lost below P(alive) {costs.lost_below:.3g}, at risk below {costs.at_risk_below:.3g}, by "
        "what errors cost."
    ]
    silent = (known.frequency == 0.0) & (known.age > 0.0)
    certain = int((silent & (known.p_alive == 1.0)).sum())
    if certain and certain == int(silent.sum()):
        notes.append(
            f"In {model.title} who bought once is alive for certain: {certain:,} customers are "
            "active or slipping by that alone. MBGNBD and ParetoNBD judge them by their silence."
        )
    if not contact.stated:
        notes.append(
            "No `response_rate` is stated: how many come back because of a contact, a test with a "
            "control group tells. Without it nobody's expected gain is known."
        )
    elif min(contact.response[1:]) == 1.0:
        notes.append("Every contact is taken to bring the customer back.")
    if problem:
        notes.append(f"No intervals: {problem}")
    return tuple(notes)
