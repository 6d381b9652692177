"""Sums over renewal opportunities at high precision, for sBG, BdW and BG/BB.

The churn probability is theta ~ Beta(a, b), so that E[(1 - theta)^j] = (b)_j / (a + b)_j. All terms
are positive, which makes direct sums in ball arithmetic as accurate as their terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TypeVar

from bgnbd_exact import Dropout
from flint import acb, arb, arb_series, ctx
from precision import NotCertified, certified, integrate, log_beta

Number = TypeVar("Number", arb, arb_series)


@dataclass(frozen=True)
class Geometric:
    """A customer who is active and leaves with probability theta ~ Beta(a, b) per opportunity."""

    a: arb
    b: arb

    def expected_closed(self, t: int) -> arb:
        """Sum of the survival probabilities up to t, telescoped."""
        a, b = self.a, self.b
        if a == 1:
            return b * ((b + (t + 1)).digamma() - (b + 1).digamma())
        left = (b + (t + 1)).lgamma() - (a + b + t).lgamma()
        left += (a + b).lgamma() - (b + 1).lgamma()
        return b / (a - 1) * (1 - left.exp())

    def terms(self, t: int) -> list[arb]:
        """E[(1 - theta)^j] for j = 1..t, by recurrence."""
        a, b, term, found = self.a, self.b, arb(1), []
        for j in range(t):
            term = term * (b + j) / (a + b + j)
            found.append(term)
        return found

    def direct(self, rate: arb, t: int) -> arb:
        """Sum of exp(-rate j) E[(1 - theta)^j], j = 1..t, term by term."""
        z, total = (-rate).exp(), arb(0)
        for term in reversed(self.terms(t)):
            total = z * (term + total)
        return total

    def by_parts(self, rate: arb, t: int) -> arb:
        """The same from the telescoped partial sums."""
        z, total = (-rate).exp(), arb(0)
        for j in range(t - 1, 0, -1):
            total = z * (self.expected_closed(j) + total)
        return z**t * self.expected_closed(t) + (1 - z) * total

    def for_ever(self, rate: arb) -> arb:
        z = (-rate).exp()
        total = self.a + self.b
        return z * self.b / total * z.hypgeom_2f1(arb(1), self.b + 1, total + 1)

    def over_theta(self, rate: arb, t: int | None, bits: int) -> arb:
        """The same integrated over theta, for rate >= 0."""
        z = (-rate).exp()
        ceiling = arb(t) if t is not None else z / (1 - z)

        def given(theta: acb, _: bool) -> acb:
            y, gap = z * (1 - theta), z * theta - (-rate).expm1()
            if t is None:
                return y / gap
            if abs(theta) < 1 / 2:
                return -y * (t * (-theta).log1p() - rate * t).expm1() / gap
            return y * (1 - y**t) / gap

        return Dropout(self.a, self.b).mean(given, ceiling, bits)

    def discounted(self, rate: arb, t: int | None, bits: int) -> arb:
        if t is not None:
            return certified(lambda: self.direct(rate, t))
        try:
            return certified(lambda: self.for_ever(rate), limit=8000)
        except NotCertified:
            return certified(lambda: self.over_theta(rate, None, bits), bits=bits - 8)


@dataclass(frozen=True)
class Weibull:
    """Discrete Weibull churn: S(t) = E[(1 - theta)^(t^c)], theta ~ Beta(a, b)."""

    a: arb
    b: arb
    c: arb
    age: int

    def log_kept(self, j: Number) -> Number:
        """Log of S(age + j) / S(age)."""
        return self._log_tail(j + self.age) - self._log_tail(arb(self.age))

    def _log_tail(self, t: Number) -> Number:
        power = t if t == 0 else (self.c * t.log()).exp()
        return (self.b + power).lgamma() - (self.a + self.b + power).lgamma()

    def term(self, rate: arb, j: Number) -> Number:
        return (self.log_kept(j) - rate * j).exp()

    def direct(self, rate: arb, first: int, last: int) -> arb:
        """Sum of exp(-rate j) S(age + j) / S(age), term by term."""
        start, total = self._log_tail(arb(self.age)), arb(0)
        for j in range(first, last + 1):
            total += (self._log_tail(arb(self.age + j)) - start - rate * j).exp()
        return total

    def direct_for_ever(self, rate: arb, bits: int) -> arb:
        """Terms until what follows is below 2^-bits of the first, bounded by a geometric series."""
        decay = float(rate)
        last = int(((bits + 8) * log(2) - log(decay)) / decay) + 1
        following = self.term(rate, arb(last + 1)) / (-(-rate).expm1())
        return self.direct(rate, 1, last) + arb(0, following.upper())

    def euler_maclaurin(
        self, rate: arb, last: int | None, bits: int, start: int, order: int
    ) -> arb:
        """Terms before `start`, then the integral and derivatives; `start` grows as needed.

        Judged by the last derivative used: not certified.
        """
        while True:
            if last is not None and last <= 2 * start:
                return self.direct(rate, 1, last)
            head = self.direct(rate, 1, start - 1)
            near, error = self._correction(rate, start, order)
            enough = head + near
            if error < abs(enough).mid() * arb(2) ** -(bits + 8):
                break
            start *= 2
        end = arb(last) if last is not None else (bits + 20) * arb.const_log2() / rate + start
        far = arb(0) if last is None else self._correction(rate, last, order)[0]
        if last is not None:
            far = self.term(rate, arb(last)) - far

        def integrand(w: arb) -> arb:
            v = (w.exp() * (self.age + start) - self.age).mid()
            return (v + self.age) * self.term(rate, v)

        top = ((end + self.age) / (start + self.age)).log()
        return head + near + far + integrate(integrand, arb(0), top, bits=bits)

    def _correction(self, rate: arb, at: int, order: int) -> tuple[arb, arb]:
        """f/2 minus the Bernoulli terms at the lower end `at`, and the size of the last of them."""
        before, ctx.cap = ctx.cap, 2 * order
        try:
            series = self.term(rate, arb_series([at, 1], 2 * order))
        finally:
            ctx.cap = before
        total, size = series[0] / 2, arb(0)
        for k in range(1, order + 1):
            size = arb.bernoulli(2 * k) / (2 * k) * series[2 * k - 1]
            total -= size
        return total, abs(size)


def log_survival(parameters: Sequence[Number], power: Number) -> Number:
    """Log of B(a, b + power) / B(a, b)."""
    a, b = parameters
    return log_beta(a, b + power) - log_beta(a, b)


def log_survival_by_mixing(a: arb, b: arb, power: arb, bits: int) -> arb:
    return Dropout(a, b + power).log_mass(bits) - Dropout(a, b).log_mass(bits)
