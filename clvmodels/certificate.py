"""The certificate of a fit: whether this is the maximum, and whether the data pin it down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.estimation import Maximum
from clvmodels.markup import Html, html_card, html_list

__all__ = ["Certificate", "certify", "covariance"]

Array: TypeAlias = NDArray[np.float64]
Verdict: TypeAlias = Literal["identified", "weak", "boundary"]

# Standard error along the least certain direction in log-parameters. At 2 a 95 % interval spans a
# factor of 2,500; at 30 the likelihood is flat to any precision that data can give.
WEAK_DIRECTION = 2.0
FLAT_DIRECTION = 30.0


@dataclass(frozen=True)
class Certificate:
    """What is known about the quality of a fit.

    Attributes
    ----------
    verdict : {'identified', 'weak', 'boundary'}
        'identified': an interior maximum with finite standard errors. 'weak': an interior maximum
        that the data hardly pin down. 'boundary': the likelihood rises all the way to a limit of
        the model; the predictions are those of the limit, and the parameters named in `flat` have
        no finite estimate.
    gradient_norm : float
        Largest absolute derivative of the log-likelihood in log-parameters.
    condition : float
        Condition number of the Hessian in log-parameters; infinite at a boundary.
    weakest_direction : float
        Standard error along the least certain direction in log-parameters.
    flat : tuple of str
        Parameters that the data do not bound.
    iterations, starts, starts_agreeing : int
        Newton iterations, starting points tried, and those that ended at this maximum.
    findings : tuple of str
        In words: what in the data causes it and what to do.
    """

    verdict: Verdict
    gradient_norm: float
    condition: float
    weakest_direction: float
    flat: tuple[str, ...]
    iterations: int
    starts: int
    starts_agreeing: int
    findings: tuple[str, ...]

    def __str__(self) -> str:
        head = f"{self.verdict}: {self._numbers}"
        return "\n".join([head, *(f"- {finding}" for finding in self.findings)])

    def _repr_html_(self) -> Html:
        title = f"Certificate: {self.verdict}"
        return html_card(title, self._numbers, html_list(self.findings))

    @property
    def _numbers(self) -> str:
        return (
            f"gradient {self.gradient_norm:.1e}, condition {self.condition:.1e}, "
            f"{self.starts_agreeing} of {self.starts} starts agree, {self.iterations} iterations"
        )


def certify(maximum: Maximum, names: tuple[str, ...], findings: tuple[str, ...]) -> Certificate:
    """Judge a maximum.

    Parameters
    ----------
    maximum
        Where the climb ended.
    names
        Parameter names, k of them.
    findings
        What the model itself has to say about these parameters and data.

    Examples
    --------
    >>> peak = Maximum(np.zeros(1), 0.0, np.zeros(1), -np.eye(1), 3, starts=2, starts_agreeing=2)
    >>> certify(peak, ("r",), ()).verdict
    'identified'
    """
    eigenvalues, vectors = np.linalg.eigh(-maximum.hessian)
    smallest = float(eigenvalues[0])
    weakest = 1.0 / math.sqrt(smallest) if smallest > 0.0 else math.inf
    flat = _flat_parameters(eigenvalues, vectors, names)
    verdict: Verdict = "boundary" if flat else "weak" if weakest > WEAK_DIRECTION else "identified"
    words = list(findings)
    if verdict != "identified" and not words:
        words.append(
            f"The data say little about {_weakest(vectors[:, 0], names)}: predictions near the "
            "data hold, the parameter itself and long extrapolations do not. More customers or a "
            "longer history would help."
        )
    if maximum.starts_agreeing < maximum.starts:
        missed = maximum.starts - maximum.starts_agreeing
        words.append(f"{missed} of {maximum.starts} starts ended lower or did not arrive.")
    return Certificate(
        verdict=verdict,
        gradient_norm=float(np.abs(maximum.gradient).max()),
        condition=float(eigenvalues[-1]) / smallest if smallest > 0.0 else math.inf,
        weakest_direction=weakest,
        flat=flat,
        iterations=maximum.iterations,
        starts=maximum.starts,
        starts_agreeing=maximum.starts_agreeing,
        findings=tuple(words),
    )


def _weakest(direction: Array, names: tuple[str, ...]) -> str:
    """Name the parameters along a direction."""
    main = np.flatnonzero(np.abs(direction) > 0.3 * np.abs(direction).max())
    found = [names[i] for i in main[np.argsort(-np.abs(direction[main]), kind="stable")]]
    return found[0] if len(found) == 1 else f"{' and '.join(found)} separately"


def covariance(maximum: Maximum, jacobian: Array, meat: Array | None = None) -> Array:
    """Return the covariance (k, k) of the parameters, by the delta method.

    A parameter that the data do not bound has infinite variance and covariance 0 with the others,
    which keep the variance that they have along the directions that the data do bound.

    Parameters
    ----------
    maximum
        Where the climb ended, in coordinates z.
    jacobian
        Shape (k, k): derivatives of the parameters in z.
    meat
        Shape (k, k): sum over customers of the outer product of their gradients in z. With it the
        result is the sandwich H^-1 meat H^-1, which holds if the model is wrong (White 1982).
    """
    eigenvalues, vectors = np.linalg.eigh(-maximum.hessian)
    bounded = eigenvalues > FLAT_DIRECTION**-2
    inverse = np.divide(1.0, eigenvalues, out=np.zeros_like(eigenvalues), where=bounded)
    bread = (vectors * inverse) @ vectors.T
    spread = bread if meat is None else bread @ meat @ bread
    flat = (np.abs(jacobian) @ _involved(vectors[:, ~bounded])) > 0.0
    slopes = np.where(flat[:, None], 0.0, jacobian)  # a parameter at 1e200 would overflow
    result = slopes @ spread @ slopes.T
    result[flat, flat] = math.inf
    return np.asarray(result)


def _flat_parameters(eigenvalues: Array, vectors: Array, names: tuple[str, ...]) -> tuple[str, ...]:
    involved = _involved(vectors[:, eigenvalues <= FLAT_DIRECTION**-2])
    return tuple(name for name, flat in zip(names, involved, strict=True) if flat)


def _involved(directions: Array) -> NDArray[np.bool_]:
    """Return, shape (k,), which parameters move noticeably along any of the directions."""
    return np.asarray((np.abs(directions) > 0.05).any(axis=1))
