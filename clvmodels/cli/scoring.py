"""What `predict` is asked: model, horizon, discount rate and margin, all checked early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from clvmodels.errors import ModelFileError, ParameterError, UnitMismatchError
from clvmodels.files import load
from clvmodels.frames.predict import CLVModel
from clvmodels.models.fit import Fit
from clvmodels.models.intervals import check_level
from clvmodels.models.purchases import PurchaseModel
from clvmodels.units import Duration, TimeUnit, in_units, parse_date, rate_per_unit
from clvmodels.value import check_margin

__all__ = ["Valuation", "open_model", "read_horizon", "unit_of"]


@dataclass(frozen=True)
class Valuation:
    """How future purchases are valued; see `clvmodels.predict`."""

    horizon: Duration
    discount_rate: float
    margin: float
    interval: float | None = None

    def describe(self) -> dict[str, object]:
        """Return the terms for the report."""
        return vars(self) | {"horizon": str(self.horizon)}

    def check(self, unit: TimeUnit, observed_until: str | None) -> None:
        """Raise `ParameterError` before the orders are read, as far as can be told by then."""
        rate_per_unit(self.discount_rate, unit)
        check_margin(self.margin)
        if self.interval is not None:
            check_level(self.interval, name="interval")
        if observed_until is not None:
            in_units(self.horizon, unit, start=parse_date(observed_until, name="observed_until"))
        elif not isinstance(self.horizon, date):
            in_units(self.horizon, unit)


def read_horizon(text: str) -> Duration:
    """Return a horizon as the library takes it.

    Examples
    --------
    >>> [read_horizon(text) for text in ("1y", "52", "inf", "2025-12-31")]
    ['1y', 52.0, inf, datetime.date(2025, 12, 31)]
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def open_model(path: Path | None) -> CLVModel:
    """Load a model that predicts purchases, alone or with spend.

    Raises
    ------
    ParameterError
        There is no path.
    ModelFileError
        The file is no model, or one of spend only.
    """
    if path is None:
        raise ParameterError(
            "`predict` scores customers with a saved model and never fits one.",
            place="No --model was given.",
            fix="Make one with: clvmodels fit ORDERS --model model.json, then pass "
            "--model model.json.",
        )
    saved = load(path)
    if isinstance(saved, CLVModel):
        return saved
    if isinstance(saved.model if isinstance(saved, Fit) else saved, PurchaseModel):
        return CLVModel(saved)
    raise ModelFileError(
        "Customers are scored with a model of purchases.",
        place=f"{path} holds {type(saved.model if isinstance(saved, Fit) else saved).__name__}.",
        fix="Make one with: clvmodels fit ORDERS --model model.json.",
    )


def unit_of(models: CLVModel, given: TimeUnit | None) -> TimeUnit:
    """Return the unit of a model, or the given one for a model that has none.

    Raises
    ------
    UnitMismatchError
        The model was fitted in another unit than is given.
    ParameterError
        The model has no unit and none is given.
    """
    fitted: TimeUnit | None = getattr(models.purchases, "unit", None)
    unit = fitted or given
    if unit is None:
        raise ParameterError(
            "Parameters that no fit stands behind have no unit of time.",
            place="The model file holds such parameters.",
            fix="Pass the unit they are in, for instance --unit week.",
        )
    if given not in (None, unit):
        raise UnitMismatchError(
            "A fit predicts for customers in its own time unit.",
            place=f"The model is per {unit}, --unit is {given}.",
            fix="Leave out --unit, or fit again.",
        )
    return unit
