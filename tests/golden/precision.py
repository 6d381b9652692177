"""High-precision arithmetic that the golden generators share: certified balls, quadrature, JSON.

Everything runs on `python-flint` balls, which carry their own error bound. Inputs are IEEE doubles
and enter exactly; `Decimal` never appears on the way in.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

import flint
from flint import arb, arb_series, ctx

GOAL_BITS = 168
"""Certified relative accuracy of every closed form: 50 decimal digits."""

UNDERFLOW = arb("1e-300")
SERIES_TERMS = 1200
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
    return float(ball.mid().str(40, radius=False))


def log_beta(a: arb, b: arb) -> arb:
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
    integrand: Callable[[arb], arb], low: arb, high: arb, *, bits: int, panels: int = 8
) -> arb:
    """Integrate a positive smooth function by adaptive bisection of Gauss-Legendre panels.

    A panel is accepted when it agrees with its two halves to `bits` bits of the whole; the halves
    are kept, so the true error is far below that.
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
        self._coefficients: dict[int, list[arb]] = {}

    def __call__(self, v: arb) -> arb:
        z = v / (1 + v)
        series = self._series(z)
        if series is None:
            return (-v).hypgeom_2f1(self.s, self.a, self.c)
        return (1 + v) ** -self.a * series

    def _table(self) -> list[arb]:
        if ctx.prec not in self._coefficients:
            term, terms, other = arb(1), [arb(1)], self.c - self.s
            for k in range(SERIES_TERMS):
                term = term * (other + k) * (self.a + k) / ((self.c + k) * (k + 1))
                terms.append(term)
            self._coefficients[ctx.prec] = terms
        return self._coefficients[ctx.prec]

    def _series(self, z: arb) -> arb | None:
        terms, other = self._table(), abs(self.c - self.s)
        power, total = arb(1), arb(0)
        negligible = arb(2) ** -ctx.prec
        for k, term in enumerate(terms):
            size = abs(term) * power
            if k % 8 == 0 and size < negligible and self.c + k > 0:
                ratio = z
                for top, bottom in ((other, self.c), (abs(self.a), arb(1))):
                    ratio = ratio * ((top + k) / (bottom + k)).max(arb(1))
                if ratio < 1:
                    return total + arb(0, (size / (1 - ratio)).upper())
            total += term * power
            power *= z
        return None


def natural_derivatives(
    function: Callable[[Sequence[arb_series]], arb_series], point: Sequence[arb], bits: int
) -> tuple[list[arb], list[arb]]:
    """Gradient and upper-triangle Hessian (row by row) from Taylor series along directions."""

    def taylor(direction: Sequence[int]) -> arb_series:
        moved = [arb_series([p, d]) for p, d in zip(point, direction, strict=True)]
        return function(moved)

    def coefficient(order: int, *axes: int) -> arb:
        direction = [int(k in axes) for k in range(len(point))]
        return taylor(direction)[order]

    def mixed(i: int, j: int) -> arb:
        return coefficient(2, i, j) - coefficient(2, i) - coefficient(2, j)

    axes = range(len(point))
    gradient = [settled(lambda i=i: coefficient(1, i), bits) for i in axes]
    upper = {(i, i): settled(lambda i=i: 2 * coefficient(2, i), bits) for i in axes}
    for i, j in combinations(axes, 2):
        upper[i, j] = settled(lambda i=i, j=j: mixed(i, j), bits)
    return gradient, [upper[key] for key in sorted(upper)]


def settled(compute: Callable[[], arb], bits: int) -> arb:
    """As `certified`, but a ball that keeps closing in on 0 is 0 (a derivative that vanishes)."""
    try:
        return certified(compute, bits, limit=40 * bits)
    except NotCertified:
        with ctx.workprec(40 * bits):
            ball = compute()
        if ball.contains(0) and abs(ball) < arb(2) ** (-20 * bits):
            return arb(0)
        raise


def made_by(script: str) -> str:
    """Name the script and the versions that made a file; nothing that changes between runs."""
    return (
        f"tests/golden/{Path(script).name}; python {platform.python_version()}, "
        f"python-flint {flint.__version__}, FLINT {flint.__FLINT_VERSION__}"
    )


def write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
