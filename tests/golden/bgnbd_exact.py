"""BG/NBD quantities at high precision, each by two or three routes that share little.

Conditional on survival, lambda ~ Gamma(s = r + x, rate alpha + T) and p ~ Beta(a, b') with
b' = b + x. Time is measured in units of alpha + T: u for a period, h for a horizon, kappa for the
discount rate. Before the first purchase the same formulas hold with s = r, b' = b and unit alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flint import acb, arb, arb_series
from precision import Hypergeometric, certified, integrate, log_beta, log_gamma_integral

Number = TypeVar("Number", arb, arb_series)
History = tuple[int, arb, arb]


def log_branches(parameters: Sequence[Number], history: History) -> tuple[Number, Number | None]:
    """Log of the two terms of the likelihood: still there at T, or gone right after t_x."""
    r, alpha, a, b = parameters
    x, last, age = history
    common = (r + x).lgamma() - r.lgamma() + r * alpha.log() - log_beta(a, b)
    stayed = common + log_beta(a, b + x) - (r + x) * (alpha + age).log()
    if x == 0:
        return stayed, None
    gone = common + log_beta(a + 1, b + (x - 1)) - (r + x) * (alpha + last).log()
    return stayed, gone


def log_likelihood(parameters: Sequence[Number], history: History) -> Number:
    stayed, gone = log_branches(parameters, history)
    return stayed if gone is None else stayed + (1 + (gone - stayed).exp()).log()


def log_p_alive(parameters: Sequence[arb], history: History) -> arb:
    stayed, gone = log_branches(parameters, history)
    return arb(0) if gone is None else -(gone - stayed).exp().log1p()


def log1p(z: acb, analytic: bool) -> acb:
    """log(1 + z), refusing the branch cut where the integrator asks for an analytic function."""
    return acb("nan") if analytic and not z.real > -1 else z.log1p()


@dataclass(frozen=True)
class Dropout:
    """p ~ Beta(a, b), for rigorous integrals of an elementary function of p over it.

    The unit interval is cut at 1/2 and each half stretched by -log, which turns the endpoint
    singularities into exponential tails; what is cut off is bounded and added to the radius.
    """

    a: arb
    b: arb

    def log_mass(self, bits: int) -> arb:
        """Log of the Beta integral itself; its closed form enters only as a scale."""
        mass = self.mean(lambda _p, _analytic: acb(1), arb(1), bits)
        return mass.log() + log_beta(self.a, self.b)

    def mean(self, function: Callable[[acb, bool], acb], ceiling: arb, bits: int) -> arb:
        """E[function(p)] for 0 <= function <= ceiling on (0, 1), in two passes."""
        rough = self._mean(function, ceiling, ceiling * arb(2) ** -64)
        return self._mean(function, ceiling, abs(rough).mid() * arb(2) ** -bits)

    def _mean(self, function: Callable[[acb, bool], acb], ceiling: arb, error: arb) -> arb:
        low = self._half(self.a, self.b, function, ceiling, error)
        high = self._half(self.b, self.a, lambda q, an: function(1 - q, an), ceiling, error)
        return low + high

    def _half(
        self,
        own: arb,
        other: arb,
        function: Callable[[acb, bool], acb],
        ceiling: arb,
        error: arb,
    ) -> arb:
        scale = log_beta(self.a, self.b)

        def integrand(y: acb, analytic: bool) -> acb:
            p = (-y).exp()
            density = (-own * y + (other - 1) * log1p(-p, analytic) - scale).exp()
            return density * function(p, analytic)

        tail = (2 * ceiling / own).log() - scale
        end = ((tail - error.log()) / own).max(arb(1)).mid()
        inside = acb.integral(integrand, arb.const_log2(), end, abs_tol=error, rel_tol=0)
        return inside.real + arb(0, (tail - own * end).exp().upper())


@dataclass(frozen=True)
class Alive:
    """A customer known to be alive: lambda ~ Gamma(s, 1) and p ~ Beta(a, b), independent."""

    s: arb
    a: arb
    b: arb

    def expected_closed(self) -> Callable[[arb], arb]:
        """u -> c / (a - 1) * (1 - 2F1(s, a - 1; c; -u)), c = a + b - 1.

        The singularities at a = 1 and c = 0 are removable: there the mean of the values at
        a + 2^-110 and a - 2^-110 is off by about 2^-220.
        """
        c = self.a + self.b - 1
        if self.a == 1 or c == 0:
            step = arb(2) ** -110
            above = Alive(self.s, self.a + step, self.b).expected_closed()
            below = Alive(self.s, self.a - step, self.b).expected_closed()
            return lambda u: (above(u) + below(u)) / 2
        function = Hypergeometric(self.s, self.a - 1, c)
        return lambda u: c / (self.a - 1) * (1 - function(u))

    def expected_over_dropout(self, u: arb, bits: int) -> arb:
        """E_p of (1 - (1 + p u)^-s) / p, rigorously."""
        return Dropout(self.a, self.b).mean(self.given_dropout(u, bits), self.s * u, bits)

    def given_dropout(self, u: arb, bits: int) -> Callable[[acb, bool], acb]:
        """Build p -> (1 - (1 + p u)^-s) / p, on complex balls."""
        slope, terms = abs(u) * (self.s + 1), bits // 4 + 16

        def given(p: acb, analytic: bool) -> acb:
            reach = (slope * abs(p)).upper()
            if reach < 1 / 16:
                return self.s * u * self._taylor(p * u, terms, reach)
            return -(-self.s * log1p(p * u, analytic)).expm1() / p

        return given

    def _taylor(self, z: acb, terms: int, reach: arb) -> acb:
        """(1 - (1 + z)^-s) / (s z), also on balls around 0; `reach` bounds (s + 1) |z| < 1/16."""
        total = acb(1)
        for k in range(terms, 0, -1):
            total = 1 - z * (self.s + k) / (k + 1) * total
        rest = 2 * reach ** (terms + 1)
        return total + acb(arb(0, rest), arb(0, rest))

    def discounted_over_time(self, kappa: arb, h: arb | None, bits: int) -> arb:
        """Integral of exp(-kappa v) times the purchase rate s 2F1(s+1, a; a+b; -v), v in (0, h)."""
        rate = Hypergeometric(self.s + 1, self.a, self.a + self.b)
        return self.s * self._over_time(rate, kappa, h, bits)

    def discounted_by_parts(self, kappa: arb, h: arb | None, bits: int) -> arb:
        """exp(-kappa h) G(h) + kappa times the integral of exp(-kappa v) G(v), G in closed form."""
        expected = self.expected_closed()
        boundary = arb(0) if h is None else (-kappa * h).exp() * expected(h)
        return boundary + kappa * self._over_time(expected, kappa, h, bits)

    def _over_time(
        self, function: Callable[[arb], arb], kappa: arb, h: arb | None, bits: int
    ) -> arb:
        """In w with v = scale (e^w - 1), which resolves every decade between scale and h."""
        if h is None:
            h = (bits + 12) * arb.const_log2() / kappa
        scale = (1 / (1 + self.s * self.a / (self.a + self.b) + abs(kappa))).mid()

        def integrand(w: arb) -> arb:
            v = (scale * w.expm1()).mid()
            value = certified(lambda: function(v), bits + 40)
            return scale * (w - kappa * v).exp() * value

        return integrate(integrand, arb(0), (h / scale).log1p(), bits=bits)

    def discounted_over_both(self, kappa: arb, h: arb | None, bits: int) -> arb:
        """E over (lambda, p) of lambda / m (1 - exp(-m h)), m = kappa + p lambda; two-dimensional.

        The outer variable is log lambda; the inner integral over p is rigorous.
        """
        dropout, spread = Dropout(self.a, self.b), arb(2 * bits)

        def integrand(y: arb) -> arb:
            rate = y.exp()

            def given(p: acb, _: bool) -> acb:
                m = kappa + p * rate
                return rate / m if h is None else -rate * (-m * h).expm1() / m

            ceiling = rate / kappa if h is None else rate * h
            inner = dropout.mean(given, ceiling, bits)
            return inner * (self.s * y - rate - self.s.lgamma()).exp()

        low = (self.s.lgamma() - spread) / (self.s + 1) - 1
        high = (self.s + 2 * (spread * self.s).sqrt() + spread).log()
        return integrate(integrand, low.mid(), high.mid(), bits=bits)


def log_likelihood_by_mixing(parameters: Sequence[arb], history: History, bits: int) -> arb:
    """The same from the individual likelihood, with both mixing integrals done numerically."""
    r, alpha, a, b = parameters
    x, last, age = history

    def buying(until: arb) -> arb:
        prior = log_gamma_integral(r, alpha, bits)
        return log_gamma_integral(r + x, alpha + until, bits) - prior

    stayed = Dropout(a, b + x).log_mass(bits) + buying(age)
    if x > 0:
        gone = Dropout(a + 1, b + (x - 1)).log_mass(bits) + buying(last)
        stayed += (1 + (gone - stayed).exp()).log()
    return stayed - Dropout(a, b).log_mass(bits)


def log_pmf_terms(parameters: Sequence[arb], n: int, t: arb) -> tuple[arb, arb]:
    """Log of the first term of the 2005 paper's eq. 8, and of the factor before its bracket."""
    r, alpha, a, b = parameters
    count = (r + n).lgamma() - r.lgamma() - arb(n + 1).lgamma()
    count += r * (alpha / (alpha + t)).log() + n * (t / (alpha + t)).log()
    prior = log_beta(a, b)
    return count + log_beta(a, b + n) - prior, log_beta(a + 1, b + (n - 1)) - prior


def pmf_by_sum(parameters: Sequence[arb], n: int, t: arb) -> arb:
    """Eq. 8 as printed, finite sum and all."""
    r, alpha, _, _ = parameters
    if n == 0:
        return (alpha / (alpha + t)) ** r
    stayed, gone = log_pmf_terms(parameters, n, t)
    ratio, term, total = t / (alpha + t), arb(1), arb(1)
    for j in range(1, n):
        term = term * ratio * (r + (j - 1)) / j
        total += term
    return stayed.exp() + gone.exp() * (1 - (alpha / (alpha + t)) ** r * total)


def pmf_by_beta(parameters: Sequence[arb], n: int, t: arb) -> arb:
    """Eq. 8 with the bracket as a regularised incomplete beta function, n >= 1."""
    r, alpha, _, _ = parameters
    stayed, gone = log_pmf_terms(parameters, n, t)
    return stayed.exp() + gone.exp() * (t / (alpha + t)).beta_lower(arb(n), r, regularized=1)
