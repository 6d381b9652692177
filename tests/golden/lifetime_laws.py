"""Lifetimes by which customers leave: survival, density, their closed forms and derivatives.

A customer who is alive at a time t0 has a remaining lifetime of the same family with another beta
(`aged`), so every integral over a lifetime starts at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from bgnbd_exact import log1p
from flint import acb, arb
from precision import NotCertified

Number = TypeVar("Number", arb, acb)
Derivatives = tuple[list[Number], list[list[Number]]]


class Lifetime(Protocol):
    """A distribution of lifetimes, a Gamma(s, beta) mixture over a frailty."""

    @property
    def s(self) -> arb: ...
    @property
    def beta(self) -> arb: ...
    def aged(self, time: arb) -> Lifetime: ...
    def hazard(self) -> arb: ...
    def speed(self) -> arb: ...
    def log_survival(self, y: acb, analytic: bool) -> acb: ...
    def log_density(self, y: acb, analytic: bool) -> acb: ...
    def log_survival_at(self, time: arb) -> arb: ...
    def discounted_closed(self, delta: arb, h: arb | None) -> arb: ...
    def log_survival_given(self, frailty: arb, y: acb) -> acb: ...
    def log_density_given(self, frailty: arb, y: acb) -> acb: ...
    def exposure(self, time: arb) -> arb: ...
    def survival_derivatives(self, y: acb, analytic: bool) -> Derivatives[acb]: ...
    def density_derivatives(self, y: acb, analytic: bool) -> Derivatives[acb]: ...


@dataclass(frozen=True)
class Pareto:
    """Survival (beta / (beta + y))^s."""

    s: arb
    beta: arb

    def aged(self, time: arb) -> Pareto:
        return Pareto(self.s, self.beta + time)

    def hazard(self) -> arb:
        """At y = 0, as in every lifetime here."""
        return self.s / self.beta

    def speed(self) -> arb:
        """The rate at which survival and density change at first."""
        return (1 + self.s) / self.beta

    def log_survival(self, y: acb, analytic: bool) -> acb:
        return -self.s * log1p(y / self.beta, analytic)

    def log_density(self, y: acb, analytic: bool) -> acb:
        """Relative to the density at 0, which is the hazard."""
        return -(self.s + 1) * log1p(y / self.beta, analytic)

    def log_survival_at(self, time: arb) -> arb:
        return -self.s * (time / self.beta).log1p()

    def discounted_closed(self, delta: arb, h: arb | None) -> arb:
        """Integral of exp(-delta y) survival(y): exponential integrals, or elementary."""
        if delta == 0:
            if h is None:
                raise NotCertified("no closed form")
            return self._expected(h)
        if delta < 0:
            raise NotCertified("no closed form")

        def beyond(start: arb) -> arb:
            return start * (delta * start).expint(self.s) * (delta * self.beta).exp()

        if h is None:
            return beyond(self.beta)
        return beyond(self.beta) - beyond(self.beta + h) * self.log_survival_at(h).exp()

    def _expected(self, t: arb) -> arb:
        log_ratio = (t / self.beta).log1p()
        if self.s == 1:
            return self.beta * log_ratio
        return -self.beta / (self.s - 1) * ((1 - self.s) * log_ratio).expm1()

    def log_survival_given(self, frailty: arb, y: acb) -> acb:
        return -frailty * y

    def log_density_given(self, frailty: arb, y: acb) -> acb:
        return frailty.log() - frailty * y

    def exposure(self, time: arb) -> arb:
        """What multiplies the frailty in the integrated hazard."""
        return time

    def survival_derivatives(self, y: acb, analytic: bool) -> Derivatives[acb]:
        """Of log survival in s, beta."""
        log_ratio, shifted = log1p(y / self.beta, analytic), 1 / (self.beta + y)
        cross = 1 / self.beta - shifted
        return [-log_ratio, self.s * cross], [
            [acb(0), cross],
            [cross, self.s * (shifted**2 - 1 / self.beta**2)],
        ]

    def density_derivatives(self, y: acb, analytic: bool) -> Derivatives[acb]:
        """Of log density in s, beta."""
        log_ratio, shifted = log1p(y / self.beta, analytic), 1 / (self.beta + y)
        cross = 1 / self.beta - shifted
        return [
            1 / self.s - self.beta.log() - log_ratio + self.beta.log(),
            self.s / self.beta - (self.s + 1) * shifted,
        ], [
            [acb(-1 / self.s**2), cross],
            [cross, (self.s + 1) * shifted**2 - self.s / self.beta**2],
        ]


@dataclass(frozen=True)
class GGompertz:
    """Survival (beta / (beta + exp(b y) - 1))^s."""

    b: arb
    s: arb
    beta: arb

    def aged(self, time: arb) -> GGompertz:
        return GGompertz(self.b, self.s, 1 + (self.beta - 1) * (-self.b * time).exp())

    def hazard(self) -> arb:
        return self.b * self.s / self.beta

    def speed(self) -> arb:
        return self.b * (1 + self.s) * (1 / self.beta).max(arb(1))

    def _late(self, y: acb) -> bool:
        """Whether (beta - 1) exp(-b y) is below 1/e on the whole ball: no branch point there."""
        return bool((self.b * y).real > abs(self.beta - 1).max(arb(1)).log() + 1)

    def _log_ratio(self, y: acb, analytic: bool) -> acb:
        """log(1 + (exp(b y) - 1) / beta)."""
        if self._late(y):
            return self.b * y + self._late_rest(y)
        return log1p((self.b * y).expm1() / self.beta, analytic)

    def _late_rest(self, y: acb) -> acb:
        return ((self.beta - 1) * (-self.b * y).exp()).log1p() - self.beta.log()

    def log_survival(self, y: acb, analytic: bool) -> acb:
        return -self.s * self._log_ratio(y, analytic)

    def log_density(self, y: acb, analytic: bool) -> acb:
        if self._late(y):
            return -self.s * self.b * y - (self.s + 1) * self._late_rest(y)
        return self.b * y - (self.s + 1) * self._log_ratio(y, analytic)

    def log_survival_at(self, time: arb) -> arb:
        return -self.s * ((self.b * time).expm1() / self.beta).log1p()

    def discounted_closed(self, delta: arb, h: arb | None) -> arb:
        """2F1 in exp(-b y), as in Bemmaor and Glady (2012) but with discounting."""
        a = self.s + delta / self.b

        def beyond(z: arb) -> arb:
            part = ((1 - self.beta) * z).hypgeom_2f1(self.s, a, a + 1)
            return self.beta**self.s * (a * z.log()).exp() / (self.b * a) * part

        if h is None:
            return beyond(arb(1))
        return beyond(arb(1)) - beyond((-self.b * h).exp())

    def log_survival_given(self, frailty: arb, y: acb) -> acb:
        return -frailty * (self.b * y).expm1()

    def log_density_given(self, frailty: arb, y: acb) -> acb:
        return (self.b * frailty).log() + self.b * y - frailty * (self.b * y).expm1()

    def exposure(self, time: arb) -> arb:
        return (self.b * time).expm1()

    def _parts(self, y: acb, analytic: bool) -> tuple[acb, acb, acb]:
        """Log of D / beta, exp(b y) / D and 1 / D, where D = beta + exp(b y) - 1."""
        if self._late(y):
            small = (-self.b * y).exp()
            share = 1 / (1 + (self.beta - 1) * small)
            return self._log_ratio(y, analytic), share, small * share
        whole = self.beta + (self.b * y).expm1()
        return self._log_ratio(y, analytic), (self.b * y).exp() / whole, 1 / whole

    def survival_derivatives(self, y: acb, analytic: bool) -> Derivatives[acb]:
        """Of log survival in b, s, beta."""
        return self._derivatives(y, analytic, self.s)

    def density_derivatives(self, y: acb, analytic: bool) -> Derivatives[acb]:
        """Of log density in b, s, beta: one more power of D, and log s + log b + b y."""
        first, second = self._derivatives(y, analytic, self.s + 1)
        first = [first[0] + 1 / self.b + y, first[1] + 1 / self.s, first[2] - 1 / self.beta]
        second[0][0] -= 1 / self.b**2
        second[1][1] -= 1 / self.s**2
        second[2][2] += 1 / self.beta**2
        return first, second

    def _derivatives(self, y: acb, analytic: bool, power: arb) -> Derivatives[acb]:
        """Of power (log beta - log D) in b, power, beta."""
        log_ratio, share, inverse = self._parts(y, analytic)
        slope, cross = y * share, 1 / self.beta - inverse
        curve = y * y * share * (1 - share)
        return [-power * slope, -log_ratio, power * cross], [
            [-power * curve, -slope, power * slope * inverse],
            [-slope, acb(0), cross],
            [power * slope * inverse, cross, power * (inverse**2 - 1 / self.beta**2)],
        ]
