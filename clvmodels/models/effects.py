"""What covariates do to the parameters of a model, and the scale on which that is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.design import Design, Level
from clvmodels.errors import DataError, ParameterError
from clvmodels.models.base import Model
from clvmodels.objective import Loadings

__all__ = [
    "Effects",
    "Scaling",
    "check_process",
    "check_tied",
    "loadings",
    "refuse_far_columns",
]

Array: TypeAlias = NDArray[np.float64]

_RANGE: Final = 600.0  # logarithms of parameters beyond this leave the range of numbers
_FAR: Final = 30.0  # means this many standard deviations from 0


@dataclass(frozen=True)
class Effects:
    """What covariates do to one process.

    Attributes
    ----------
    formula : str
        The formula that was given.
    coefficients : mapping of str to float
        One for each column of the formula, on the scale of the user's columns: a rate is
        exp(coefficient) times as high where the column is higher by one.
    levels : mapping of str to tuple
        Levels of the categorical variables; the first is the one that the others compare with.

    Examples
    --------
    >>> Effects("channel", {"channel[T.web]": 0.2}, {"channel": ("shop", "web")}).columns
    ('channel[T.web]',)
    """

    formula: str
    coefficients: Mapping[str, float]
    levels: Mapping[str, tuple[Level, ...]]

    def __post_init__(self) -> None:
        levels = {name: tuple(each) for name, each in self.levels.items()}
        numbers = {name: float(each) for name, each in self.coefficients.items()}
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "coefficients", numbers)
        if self.design.columns != tuple(numbers) or not np.isfinite(list(numbers.values())).all():
            raise ParameterError(
                "Effects have one finite coefficient for each column of their formula.",
                place=f"{self.formula!r} makes {self.design.columns}; got {numbers}.",
                fix="Fit the model, or name the coefficients as the formula does.",
            )

    def __hash__(self) -> int:
        return hash((self.formula, tuple(self.coefficients.items()), tuple(self.levels.items())))

    @cached_property
    def design(self) -> Design:
        """The formula with its levels."""
        return Design(self.formula, tuple(self.levels.items()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the formula makes."""
        return tuple(self.coefficients)


def check_process(kind: type[Model], process: str, tied: bool) -> None:
    """Raise `ParameterError` unless covariates can move this process of the model."""
    effects = _effects_of(kind, tied)
    if process not in effects:
        known = ", ".join(effects) or "none"
        raise ParameterError(
            f"{kind.title} has covariates for: {known}.",
            place=f"Got {process!r}.",
            fix="Leave it out, or choose another model.",
        )


def check_tied(formulas: Mapping[str, str], tied: object) -> None:
    """Raise `ParameterError` where `tied` has nothing to tie."""
    if not isinstance(tied, bool) or (tied and "dropout" not in formulas):
        raise ParameterError(
            "`tied` is True or False, and goes with a formula for dropout.",
            place=f"Got tied={tied!r} and formulas for {', '.join(formulas) or 'nothing'}.",
            fix="Pass dropout='...', or leave out `tied`.",
        )


def refuse_far_columns(base: Array, scaling: Scaling, designs: Mapping[str, Design]) -> None:
    """Raise if the model of a customer whose columns are all 0 is out of the range of numbers."""
    if np.abs(base).max() < _RANGE:
        return
    names = [name for design in designs.values() for name in design.columns]
    far = np.abs(scaling.mean) > _FAR * scaling.spread
    raise DataError(
        "The parameters are those of a customer for whom every column of the formulas is 0.",
        place=f"The values of {', '.join(np.array(names)[far].tolist()) or ', '.join(names)} lie "
        "so far from 0 that these parameters are no finite numbers.",
        fix="Subtract a typical value first, as in I(year - 2020).",
    )


def _effects_of(kind: type[Model], tied: bool) -> dict[str, dict[str, float]]:
    if not tied:
        return kind.effects
    both: dict[str, dict[str, float]] | None = getattr(kind, "tied_effects", None)
    if both is None:
        raise ParameterError(
            "Effects are tied where leaving has two parameters, a and b.",
            place=f"{kind.title} has no such pair.",
            fix="Leave out `tied`.",
        )
    return both


def loadings(kind: type[Model], matrices: Mapping[str, Array], tied: bool) -> Loadings:
    """Return how covariates move the parameters of a kind of model.

    `matrices` has the columns of each process, shape (n, m) each.
    """
    names = kind.parameter_names()
    effects = _effects_of(kind, tied)
    columns = np.concatenate(list(matrices.values()), axis=1)
    signs = np.zeros((len(names), columns.shape[1]))
    start = 0
    for process, matrix in matrices.items():
        stop = start + matrix.shape[1]
        for parameter, sign in effects[process].items():
            signs[names.index(parameter), start:stop] = sign
        start = stop
    return Loadings(len(names), columns, signs)


@dataclass(frozen=True)
class Scaling:
    """Mean and spread of the columns, which are standardised while a fit climbs.

    Attributes
    ----------
    mean, spread : Array
        Shape (m,), over customers.
    """

    mean: Array
    spread: Array

    @classmethod
    def of(cls, raw: Mapping[str, Array], designs: Mapping[str, Design], weight: Array) -> Scaling:
        """Measure the columns; raise where one is constant, or a sum of others."""
        means, spreads = [], []
        for process, matrix in raw.items():
            mean = weight @ matrix / weight.sum()
            spread = np.sqrt(weight @ (matrix - mean) ** 2 / weight.sum())
            constant = spread <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
            _refuse_columns(designs[process], constant, "is the same for all customers")
            scaled = (matrix - mean) / spread
            correlation = scaled.T @ (weight[:, None] * scaled) / weight.sum()
            values, vectors = np.linalg.eigh(correlation)
            together = np.abs(vectors[:, 0]) > 0.05
            _refuse_columns(
                designs[process], together & (values[0] < 1e-9), "are sums of one another"
            )
            means.append(mean)
            spreads.append(spread)
        return cls(np.concatenate(means), np.concatenate(spreads))

    def standardised(self, raw: Mapping[str, Array]) -> dict[str, Array]:
        """Return columns of mean 0 and spread 1."""
        done, start = {}, 0
        for process, matrix in raw.items():
            own = slice(start, start + matrix.shape[1])
            start = own.stop
            done[process] = (matrix - self.mean[own]) / self.spread[own]
        return done

    def outwards(self, inside: Loadings) -> Array:
        """Return the matrix that leads from inner coordinates to those of the user's columns."""
        k = inside.k
        result = np.eye(k + inside.m)
        result[k:, k:] /= self.spread
        result[:k, k:] = -inside.signs * self.mean / self.spread
        return result


def _refuse_columns(design: Design, bad: NDArray[np.bool_], what: str) -> None:
    names = [name for name, each in zip(design.columns, bad, strict=True) if each]
    if names:
        raise DataError(
            "Every column of a formula tells something that the others do not.",
            place=f"In {design.formula!r}: {', '.join(names)} {what}.",
            fix="Leave one out.",
        )
