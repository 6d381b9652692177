"""High-precision arithmetic that the golden generators share: balls, quadrature, derivatives.

Everything runs on `python-flint` balls, which carry their own error bound. Inputs are IEEE doubles
and enter exactly, never through a decimal string.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations_with_replacement as pairs
from typing import TypeVar

import mpmath
from flint import acb, arb, arb_poly, arb_series, ctx

Number = TypeVar("Number", arb, arb_series)

GOAL_BITS = 168
"""Certified relative accuracy of every closed form: 50 decimal digits."""

UNDERFLOW = arb("1e-300")
SERIES_TERMS = (64, 128, 256, 512, 1024)
NODES = 40


class NotCertified(ArithmeticError):
    """No working precision up to the limit gave the accuracy asked for."""


def certified(compute: Callable[[], arb], bits: int = GOAL_BITS, limit: int = 60_000) -> arb:
    """Evaluate at growing working precision until the ball is narrow enough."""
    working = bits + 64
    while working <= limit:
        with ctx.workprec(working):
            ball = compute()
        if ball.rel_accuracy_bits() >= bits or ball.is_zero():
            return ball
        working *= 2
    raise NotCertified(f"still {ball} at {working // 2} bits")


def agreement(left: arb, right: arb) -> float:
    """Count the decimal digits to which two values agree (the ball radii count as disagreement)."""
    with ctx.workprec(400):
        gap = abs(left - right)
        scale = abs(right).lower() if abs(right).lower() > 0 else arb(1)
        gap = (gap / scale).upper()
        return 99.0 if gap < arb("1e-99") else -float(gap.log() / arb(10).log())


def to_double(ball: arb) -> float:
    """Round to the nearest double; below 1e-300 in magnitude becomes 0."""
    if abs(ball) < UNDERFLOW:
        return 0.0
    if ball.rel_accuracy_bits() < 100:
        raise NotCertified(f"too wide to round: {ball}")
    return float(ball.mid().str(40, radius=False))


def log_beta(a: Number, b: Number) -> Number:
    return a.lgamma() + b.lgamma() - (a + b).lgamma()


@cache
def legendre_rule(nodes: int = NODES, bits: int = 400) -> list[tuple[arb, arb]]:
    """Gauss-Legendre nodes and weights on (-1, 1)."""
    with ctx.workprec(bits):
        return [arb.legendre_p_root(nodes, k, weight=True) for k in range(nodes)]


def panel(integrand: Callable[[arb], arb], low: arb, high: arb) -> arb:
    half, middle = (high - low) / 2, (high + low) / 2
    total = sum((w * integrand(middle + half * x) for x, w in legendre_rule()), arb(0))
    return half * total


def integrate(
    integrand: Callable[[arb], arb], low: arb, high: arb, *, bits: int, panels: int = 4
) -> arb:
    """Integrate a positive smooth function by adaptive bisection of Gauss-Legendre panels.

    A panel is accepted when it agrees with its two halves to `bits` bits of the whole; the halves
    are kept, so the true error is far below that, though not certified.
    """
    width = (high - low) / panels
    todo = [(low + k * width, low + (k + 1) * width, 0) for k in range(panels)]
    coarse = [panel(integrand, start, end) for start, end, _ in todo]
    tolerance = abs(sum(coarse, arb(0))).mid() * arb(2) ** -bits
    work = list(zip(todo, coarse, strict=True))
    total = arb(0)
    while work:
        (start, end, depth), whole = work.pop()
        middle = (start + end) / 2
        left, right = panel(integrand, start, middle), panel(integrand, middle, end)
        if abs(whole - left - right).mid() < tolerance:
            total += left + right
        elif depth > 40:
            raise NotCertified(f"no convergence on [{start}, {end}]")
        else:
            work.append(((start, middle, depth + 1), left))
            work.append(((middle, end, depth + 1), right))
    return total


class Hypergeometric:
    """2F1(s, a; c; -v) for v >= 0, through Pfaff's z = v / (1 + v).

    Arb's own 2F1 loses thousands of bits once c is large, just where the Gauss series in z is at
    its best; so that series is summed here with its tail bound and Arb serves the rest.
    """

    def __init__(self, s: arb, a: arb, c: arb) -> None:
        self.s, self.a, self.c = s, a, c
        self._tables: dict[int, list[tuple[int, arb_poly, arb]]] = {}

    def __call__(self, v: arb) -> arb:
        z = v / (1 + v)
        for terms, partial_sum, following in self._table():
            rest = self._rest(z, terms, following)
            if rest < arb(2) ** -ctx.prec:
                return (1 + v) ** -self.a * (partial_sum(z) + arb(0, rest.upper()))
        return (-v).hypgeom_2f1(self.s, self.a, self.c)

    def _table(self) -> list[tuple[int, arb_poly, arb]]:
        """Partial sums as polynomials in z, each with the coefficient that follows."""
        if ctx.prec not in self._tables:
            term, terms, other = arb(1), [arb(1)], self.c - self.s
            for k in range(max(SERIES_TERMS)):
                term = term * (other + k) * (self.a + k) / ((self.c + k) * (k + 1))
                terms.append(term)
            table = [(n, arb_poly(terms[:n]), abs(terms[n])) for n in SERIES_TERMS]
            self._tables[ctx.prec] = table
        return self._tables[ctx.prec]

    def _rest(self, z: arb, terms: int, following: arb) -> arb:
        """Bound on what follows the first terms, by a geometric series; infinite if there is none.

        Every later ratio of terms is at most z times the factors below (falling, or under 1).
        """
        ratio = z
        for top, bottom in ((abs(self.c - self.s), self.c), (abs(self.a), arb(1))):
            if not bottom + terms > 0:
                return arb("inf")
            ratio = ratio * ((top + terms) / (bottom + terms)).max(arb(1))
        return following * z**terms / (1 - ratio) if ratio < 1 else arb("inf")


def natural_derivatives(
    function: Callable[[Sequence[arb_series]], arb_series], point: Sequence[arb]
) -> list[arb]:
    """Gradient, then upper-triangle Hessian row by row, from Taylor series along directions."""

    @cache
    def taylor(bits: int, *axes: int) -> arb_series:
        direction = [int(k in axes) for k in range(len(point))]
        moved = [arb_series([p, d], 3) for p, d in zip(point, direction, strict=True)]
        return function(moved)

    def coefficient(order: int, *axes: int) -> arb:
        return taylor(ctx.prec, *axes)[order]

    def mixed(i: int, j: int) -> arb:
        return coefficient(2, i, j) - coefficient(2, i) - coefficient(2, j)

    def second(i: int, j: int) -> arb:
        return 2 * coefficient(2, i) if i == j else mixed(i, j)

    axes = range(len(point))
    gradient = [settled(partial(coefficient, 1, i)) for i in axes]
    return gradient + [settled(partial(second, *ij)) for ij in pairs(axes, 2)]


def settled(compute: Callable[[], arb], bits: int = GOAL_BITS) -> arb:
    """As `certified`, but what vanishes, or is far below the smallest double, is 0."""
    try:
        return certified(compute, bits, limit=12 * bits)
    except NotCertified:
        with ctx.workprec(12 * bits):
            ball = compute()
        if abs(ball) < arb(2) ** (-8 * bits):
            return arb(0)
        raise


def derivative_by_differences(
    function: Callable[..., mpmath.mpf], point: Sequence[float], order: tuple[int, ...], size: arb
) -> arb:
    """A partial derivative by mpmath's finite differences, at about 60 digits of `size`."""
    lost = 0.0 if size.is_zero() else -float(abs(size).log() / arb(10).log())
    with mpmath.workdps(70 + max(0, int(lost))):
        found = mpmath.diff(function, tuple(mpmath.mpf(value) for value in point), order)
        return arb(mpmath.nstr(found, 70))


def log_gamma_integral(shape: arb, rate: arb, bits: int) -> arb:
    """Log of the integral of y^(shape - 1) exp(-rate y), rigorously in log y around the peak."""

    def integrand(w: acb, _: bool) -> acb:
        return (shape * (w - w.expm1())).exp()

    low, high = -1 - bits / shape, ((bits + bits * shape.sqrt()) / shape).log1p() + 1
    total = acb.integral(integrand, low, high, abs_tol=arb(2) ** -bits)
    return total.real.log() + shape * (shape / rate).log() - shape
