"""Comparing a fit with new data, to see whether it still holds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.drifts.difference import Overlap, root_of
from clvmodels.drifts.impact import Moved, impacts
from clvmodels.drifts.overlap import Between, between
from clvmodels.drifts.parts import part_of
from clvmodels.drifts.result import Drift, Part
from clvmodels.drifts.verdict import judged
from clvmodels.drifts.window import WindowLine, window_of_split, window_of_totals
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.exposure import exposure_of
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.split import HoldoutSplit
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendPredictions
from clvmodels.units import Duration, in_units

__all__ = ["drift"]

Array: TypeAlias = NDArray[np.float64]

_SOURCES: Final = {
    "data": "The old data do not bound some parameters of {0} by themselves. What they do say "
    "about these together, such as their ratio, is compared.",
    "simulated": "The old data do not bound some parameters of {0} by themselves. What they do say "
    "about these together, such as their ratio, is compared; how well they knew it is taken from "
    "customers simulated at the old estimates, as a saved fit has no data.",
    "nothing": "Parameters of {0} that the old data do not bound are left out.",
}


def drift(
    old: Fit[Any] | CLVModel,
    new: CustomerSummary,
    *,
    split: HoldoutSplit | None = None,
    overlap: Literal["auto"] | Overlap = "auto",
    horizon: Duration = "1y",
    significance: float = 0.01,
    material: float = 0.05,
) -> Drift:
    """Say whether a model needs to be fitted anew.

    The old estimates are tested on the new data, with their own error taken into account; the same
    model is fitted to the new data; what the old one expected since is held against what happened;
    and both futures are compared. 'refit' needs a shift that is certain and that matters: of a
    million customers every shift is certain, of a hundred hardly any.

    Parameters
    ----------
    old
        A fit of purchases or of spend, or both as a `CLVModel`; a loaded one serves.
    new
        A summary that ends later: of the same customers seen for longer, with those who have come
        since, or of other customers.
    split
        The log of both, split at the end of the old fit, for a window customer by customer and in
        money. Without it totals are compared, where the old customers are all in `new`.
    overlap
        'nested' if the new data are the old ones and what came after them, 'separate' if no
        customer is in both; 'auto' tells from the totals in the fit.
    horizon
        The future in which the parameters are compared; finite.
    significance
        p-value of the score test below which a shift is certain.
    material
        Relative change of an expected quantity from which on it matters.

    Returns
    -------
    Drift
        Verdict, reasons, and tables.

    Raises
    ------
    UnitMismatchError
        Old fit and new summary have different time units.
    DataError
        They were counted by different rules, the new data end before the old ones, or lack what
        the model needs; `split` is of other data.
    ParameterError
        An argument is outside its domain, or the overlap cannot be told.
    ConvergenceError
        No maximum was found for the new data.

    Examples
    --------
    >>> import clvmodels as clv
    >>> log = clv.datasets.load_cdnow(sample=True)
    >>> columns = {"customer": "customer_id", "date": "date", "unit": "week"}
    >>> then = clv.rfm_summary(log, **columns, observed_until="1997-09-30")
    >>> now = clv.rfm_summary(log, **columns, observed_until="1998-06-30")
    >>> clv.drift(clv.BGNBD.fit(then), now).verdict
    'refit'
    """
    purchases, spend = _fits(old)
    _check(new, purchases, spend)
    length = _finite(horizon, new)
    for name, value in (("significance", significance), ("material", material)):
        _check_threshold(value, name)
    fits = [fit for fit in (purchases, spend) if fit is not None]
    variables = tuple(sorted({v for fit in fits for v in fit.model.variables}))
    exposure, _ = exposure_of(
        new, variables=variables, by=(), margin=1.0, price=None if spend is not None else 1.0
    )
    customers = _counted(exposure.patterns, exposure.pattern, exposure.count)
    data = between(fits[0], new, customers, overlap)
    parts = tuple(part_of(fit, new, customers, data) for fit in fits)
    found = {each.name: each for each in parts}
    changes = impacts(
        exposure,
        _moved(found.get("purchases")),
        _moved(found.get("spend")),
        length,
        f"next {horizon}" if isinstance(horizon, str) else f"next {length:g} {new.unit}s",
    )
    window = _window(found, split, customers, data)
    verdict, reasons = judged(parts, changes, window, significance, material)
    return Drift(
        verdict=verdict,
        reasons=reasons,
        notes=_notes(parts, data, split),
        parts=parts,
        window=window,
        impacts=changes,
        overlap=data.overlap,
        unit=new.unit,
        old_until=data.start,
        new_until=data.end,
        customers=round(customers.n_customers),
        significance=significance,
        material=material,
    )


# --- arguments --------------------------------------------------------------------------------


def _fits(old: object) -> tuple[Fit[Any] | None, Fit[Any] | None]:
    """Return the fits of purchases and of spend, or raise."""
    pair = (old.purchases, old.spend) if isinstance(old, CLVModel) else (old, None)
    fits = [each.fit if isinstance(each, ParameterDraws) else each for each in pair]
    first, second = fits
    if second is not None and not isinstance(second, Fit):
        second = None  # a price, or a spend model without data: nothing to be tested
    if isinstance(first, Fit) and isinstance(first.model, PurchasePredictions):
        return first, second
    if isinstance(first, Fit) and isinstance(first.model, SpendPredictions):
        return None, first
    raise DataError(
        "Drift is that of a fit, whose estimates have an error.",
        place=f"Got {old!r:.80}.",
        fix="Pass a fit, such as clv.load('model.json'), or a CLVModel of fits.",
    )


def _check(new: object, purchases: Fit[Any] | None, spend: Fit[Any] | None) -> None:
    if not isinstance(new, CustomerSummary):
        raise DataError(
            "`drift` takes the new data as a CustomerSummary.",
            place=f"Got {type(new).__qualname__}.",
            fix="Use rfm_summary(orders, ...) or CustomerSummary.from_frame(frame, unit=...).",
        )
    for fit in (purchases, spend):
        if fit is not None:
            check_alike(fit, new)
    if spend is not None and not new.has_spend:
        raise DataError(
            "A spend model is compared on the mean value of repeat purchases.",
            place="The new summary has no monetary_value.",
            fix="Name the `amount` column in rfm_summary, or pass the purchase fit alone.",
        )


def _finite(horizon: Duration, new: CustomerSummary) -> float:
    length = in_units(horizon, new.unit, start=new.observed_until)
    if not 0.0 < length < math.inf:
        raise ParameterError(
            "`horizon` is finite and above zero.",
            place=f"Got {horizon!r}.",
            fix="Pass the future that you plan for, such as '1y'.",
        )
    return length


def _check_threshold(value: Any, name: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0.0 < value < 1.0):
        raise ParameterError(
            f"`{name}` is between 0 and 1.",
            place=f"Got {value!r:.80}.",
            fix="Leave it out: 0.01 is usual for significance, 0.05 for what matters.",
        )


def _counted(patterns: Customers, rows: NDArray[np.intp], count: Array) -> Customers:
    """Return the distinct histories with their numbers of customers."""
    return replace(patterns, weight=np.bincount(rows, count, len(patterns)).astype(np.float64))


# --- steps ------------------------------------------------------------------------------------


def _moved(part: Part | None) -> Moved | None:
    if part is None:
        return None
    found = part.difference
    return Moved(
        part.old.model, part.new.model, root_of(found.covariance), found.endless, part.held
    )


def _window(
    found: dict[str, Part], split: HoldoutSplit | None, customers: Customers, data: Between
) -> tuple[WindowLine, ...]:
    """Return the window since the old fit, if the old fit is of purchases."""
    if "purchases" not in found:
        return ()
    fit, root = found["purchases"].old, found["purchases"].known.root
    if split is not None:
        return window_of_split(split, fit, found["spend"].old if "spend" in found else None)
    return window_of_totals(fit, customers, data, root)


def _notes(parts: tuple[Part, ...], data: Between, split: HoldoutSplit | None) -> tuple[str, ...]:
    """Say what limits the comparison."""
    words = []
    for part in parts:
        size = len(part.old.names)
        if part.difference.degrees < size:
            words.append(
                f"Of the {size} parameters of {part.name}, {part.difference.degrees} can be "
                "compared: about the others old or new data say too little."
            )
        if part.known.endless.size:
            words.append(_SOURCES[part.known.source].format(part.name))
        for which, fit in (("old", part.old), ("new", part.new)):
            if fit.certificate.verdict != "identified":
                findings = " ".join(fit.certificate.findings)
                words.append(
                    f"The {which} fit of {part.name} is {fit.certificate.verdict}. {findings}"
                )
    if data.overlap == "nested" and not data.same and split is None:
        words.append(
            "The totals of the old data are not those of the fit to the last digit (late orders, "
            "deleted customers), so that the window since is not compared; pass `split`."
        )
    return tuple(words)
