"""Declared parameter domains: name, range and map to the real line, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError

__all__ = [
    "Count",
    "Domain",
    "Positive",
    "PositiveMoney",
    "PositiveRate",
    "PositiveTime",
    "Setting",
    "declared",
]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """The open half-line (0, inf), mapped to the real line by the logarithm.

    Attributes
    ----------
    dimension
        What the parameter is measured in: 'time' and 'money' scale with the unit and the currency.
    power
        -1 for a parameter per unit of time, which falls as the unit grows shorter.
    typical
        A range that real data give, from which property tests draw.
    """

    dimension: Literal["none", "time", "money"] = "none"
    power: Literal[1, -1] = 1
    typical: tuple[float, float] = (0.2, 8.0)

    def check(self, value: float, *, name: str, model: str) -> float:
        """Return the value as a plain float, or raise `ParameterError`."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0.0 < number < math.inf:
            raise ParameterError(
                f"Parameter {name!r} of {model} is a finite number above zero.",
                place=f"Got {value!r}.",
                fix="Fit the model, or take the value from a published table.",
            )
        return number


@dataclass(frozen=True)
class Setting:
    """A whole number that belongs to a model but is chosen, not estimated.

    Attributes
    ----------
    lowest, highest
        The range.
    """

    lowest: int = 1
    highest: int = 1000

    def check(self, value: int, *, name: str, model: str) -> int:
        """Return the value as a plain whole number, or raise `ParameterError`."""
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or not self.lowest <= value <= self.highest:
            raise ParameterError(
                f"{name!r} of {model} is a whole number from {self.lowest} to {self.highest}.",
                place=f"Got {value!r}.",
                fix="Leave it out of `fit` to have it chosen.",
            )
        return int(value)


Count = Annotated[int, Setting()]
"""A whole number, one or more, that is chosen and not estimated."""

Positive = Annotated[float, Domain()]
"""A pure number, finite and above zero."""

PositiveTime = Annotated[float, Domain("time", typical=(1.0, 20.0))]
"""A finite time above zero, in the unit of the data."""

PositiveRate = Annotated[float, Domain("time", power=-1, typical=(0.01, 0.2))]
"""A finite rate above zero, per unit of time."""

PositiveMoney = Annotated[float, Domain("money", typical=(5.0, 50.0))]
"""A finite amount above zero, in the currency of the data."""


@cache
def declared(model: type[Any]) -> dict[str, Domain | Setting]:
    """Return what each field of a model class declares, in order.

    Raises
    ------
    TypeError
        A field is annotated with something that declares no domain.

    Examples
    --------
    >>> from clvmodels.models.bgnbd import BGNBD
    >>> list(declared(BGNBD))
    ['r', 'alpha', 'a', 'b']
    """
    hints = get_type_hints(model, include_extras=True)
    found: dict[str, Domain | Setting] = {}
    for field in fields(model):
        notes = [n for n in get_args(hints[field.name])[1:] if isinstance(n, (Domain, Setting))]
        if len(notes) != 1:
            raise TypeError(f"{model.__name__}.{field.name} declares no parameter domain")
        found[field.name] = notes[0]
    return found


def to_real_line(values: Array, positive: NDArray[np.bool_]) -> Array:
    """Map parameters to unconstrained coordinates: logarithms of those that are above zero."""
    return np.where(positive, np.log(np.where(positive, values, 1.0)), values)


def from_real_line(coordinates: Array, positive: NDArray[np.bool_]) -> Array:
    """Map unconstrained coordinates back to parameters."""
    return np.where(positive, np.exp(np.where(positive, coordinates, 0.0)), coordinates)
