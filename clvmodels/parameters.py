"""Declared parameter domains: name, range and map to the real line, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError

__all__ = ["Domain", "Positive", "PositiveMoney", "PositiveTime", "domains"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """The open half-line (0, inf), mapped to the real line by the logarithm.

    Attributes
    ----------
    dimension
        What the parameter is measured in: 'time' and 'money' scale with the unit and the currency.
    typical
        A range that real data give, from which property tests draw.
    """

    dimension: Literal["none", "time", "money"] = "none"
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


Positive = Annotated[float, Domain()]
"""A pure number, finite and above zero."""

PositiveTime = Annotated[float, Domain("time", typical=(1.0, 20.0))]
"""A finite time above zero, in the unit of the data."""

PositiveMoney = Annotated[float, Domain("money", typical=(5.0, 50.0))]
"""A finite amount above zero, in the currency of the data."""


def domains(model: type[Any]) -> dict[str, Domain]:
    """Return the declared domain of each parameter of a model class, in order.

    Raises
    ------
    TypeError
        A field is annotated with something that declares no domain.

    Examples
    --------
    >>> from clvmodels.models.bgnbd import BGNBD
    >>> list(domains(BGNBD))
    ['r', 'alpha', 'a', 'b']
    """
    hints = get_type_hints(model, include_extras=True)
    found: dict[str, Domain] = {}
    for field in fields(model):
        declared = [each for each in get_args(hints[field.name])[1:] if isinstance(each, Domain)]
        if len(declared) != 1:
            raise TypeError(f"{model.__name__}.{field.name} declares no parameter domain")
        found[field.name] = declared[0]
    return found


def to_real_line(values: Array) -> Array:
    """Map parameters to unconstrained coordinates."""
    return np.log(values)


def from_real_line(coordinates: Array) -> Array:
    """Map unconstrained coordinates back to parameters."""
    return np.exp(coordinates)


def chain_rule(values: Array, gradient: Array, hessian: Array) -> tuple[Array, Array]:
    """Carry a gradient (k,) and a Hessian (k, k) from parameters to unconstrained coordinates.

    With theta = exp(z): d/dz = theta d/dtheta, and the second derivative along the diagonal gains
    the first-order term theta d/dtheta.
    """
    slope = values * gradient
    return slope, hessian * np.outer(values, values) + np.diag(slope)
