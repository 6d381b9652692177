"""BG/NBD quantities as certified balls, each by two or three routes that share no formula.

Conditional on survival, lambda ~ Gamma(s = r + x, rate alpha + T) and p ~ Beta(a, b') with
b' = b + x. Time is measured in units of alpha + T: u for a period, h for a horizon, kappa for the
discount rate. Before the first purchase the same formulas hold with s = r, b' = b and unit alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flint import acb, arb, arb_series
from precision import Hypergeometric, integrate, log_beta

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

    def expected_closed(self, u: arb) -> arb:
        """2F1 form; a removable singularity at a = 1 and at a + b = 1."""
        c = self.a + self.b - 1
        function = Hypergeometric(self.s, self.a - 1, c)
        return c / (self.a - 1) * (1 - function(u))

    def expected_over_dropout(self, u: arb, bits: int) -> arb:
        """E_p of (1 - (1 + p u)^-s) / p, rigorously."""

        def given(p: acb, analytic: bool) -> acb:
            return -(-self.s * log1p(p * u, analytic)).expm1() / p

        return Dropout(self.a, self.b).mean(given, self.s * u, bits)

    def discounted_over_time(self, kappa: arb, h: arb | None, bits: int) -> arb:
        """Integral of exp(-kappa v) times the purchase rate s 2F1(s+1, a; a+b; -v), v in (0, h)."""
        rate = Hypergeometric(self.s + 1, self.a, self.a + self.b)
        return self.s * self._over_time(rate, kappa, h, bits)

    def discounted_by_parts(self, kappa: arb, h: arb, bits: int) -> arb:
        """exp(-kappa h) G(h) + kappa times the integral of exp(-kappa v) G(v), G in closed form."""
        boundary = (-kappa * h).exp() * self.expected_closed(h)
        c = self.a + self.b - 1
        function = Hypergeometric(self.s, self.a - 1, c)
        inside = self._over_time(lambda v: 1 - function(v), kappa, h, bits)
        return boundary + kappa * c / (self.a - 1) * inside

    def _over_time(
        self, function: Callable[[arb], arb], kappa: arb, h: arb | None, bits: int
    ) -> arb:
        """In w with v = scale (e^w - 1), which resolves every decade between scale and h."""
        if h is None:
            h = (bits + 12) * arb.const_log2() / kappa
        scale = (1 / (1 + self.s * self.a / (self.a + self.b) + abs(kappa))).mid()

        def integrand(w: arb) -> arb:
            v = scale * w.expm1()
            return scale * (w - kappa * v).exp() * function(v)

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

    def leaving(function: Callable[[acb, bool], acb]) -> arb:
        return Dropout(a, b).mean(function, arb(1), bits).log()

    stayed = leaving(lambda p, an: (x * log1p(-p, an)).exp()) + buying(age)
    if x == 0:
        return stayed
    gone = leaving(lambda p, an: p * ((x - 1) * log1p(-p, an)).exp()) + buying(last)
    return stayed + (1 + (gone - stayed).exp()).log()


def log_gamma_integral(shape: arb, rate: arb, bits: int) -> arb:
    """Log of the integral of y^(shape - 1) exp(-rate y), in log y around the peak."""

    def integrand(w: acb, _: bool) -> acb:
        return (shape * (w - w.expm1())).exp()

    low, high = -1 - bits / shape, ((bits + bits * shape.sqrt()) / shape).log1p() + 1
    total = acb.integral(integrand, low, high, abs_tol=arb(2) ** -bits)
    return total.real.log() + shape * (shape / rate).log() - shape


def log_pmf_terms(parameters: Sequence[arb], n: int, t: arb) -> tuple[arb, arb]:
    """What both terms of the 2005 paper's eq. 8 hold besides the negative-binomial sum."""
    r, alpha, a, b = parameters
    count = (r + n).lgamma() - r.lgamma() - arb(n + 1).lgamma()
    count += r * (alpha / (alpha + t)).log() + n * (t / (alpha + t)).log()
    return count + log_beta(a, b + n) - log_beta(a, b), log_beta(a + 1, b + (n - 1)) - log_beta(
        a, b
    )


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
