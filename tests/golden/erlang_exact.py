"""Erlang-k quantities (Platzer and Reutterer 2016) at high precision, each by two routes or three.

Time is measured in units of alpha + T: u or v for a period, h for a horizon, kappa for the discount
rate. An alive customer is in phase j (events since the last purchase) with weight w_j; then
lambda ~ Gamma(s + j, 1) and p ~ Beta(a, b), and purchase n comes with event n k - j.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, lgamma, log, log1p, sqrt
from typing import TypeVar

from bgnbd_exact import Alive, Dropout
from bgnbd_exact import log1p as log1p_ball
from flint import acb, arb, arb_poly, arb_series, ctx
from precision import Hypergeometric, certified, integrate, log_beta, log_gamma_integral

Number = TypeVar("Number", arb, arb_series)


@dataclass(frozen=True)
class History:
    """x purchases of k events each, `chances` to leave so far."""

    k: int
    chances: int
    x: int
    last: arb
    age: arb

    @property
    def silence(self) -> arb:
        return self.age - self.last

    @property
    def phases(self) -> range:
        return range(self.k if self.silence > 0 else 1)


def log_phase(parameters: Sequence[Number], history: History, j: int) -> Number:
    """Log of the j-th term of the buying part of the likelihood, without (k - 1)!^x."""
    r, alpha = parameters[:2]
    shape = r + (history.k * history.x + j)
    found = shape.lgamma() - r.lgamma() + r * alpha.log() - shape * (alpha + history.age).log()
    return found if j == 0 else found + j * history.silence.log() - arb(j + 1).lgamma()


def log_branches(parameters: Sequence[Number], history: History) -> tuple[Number, Number | None]:
    """Log of the two terms of the likelihood: still there at T, or gone right after t_x."""
    r, alpha, a, b = parameters
    first, m = log_phase(parameters, history, 0), history.chances
    relative = [(log_phase(parameters, history, j) - first).exp() for j in history.phases]
    prior = log_beta(a, b)
    stayed = first + sum(relative[1:], relative[0]).log() + log_beta(a, b + m) - prior
    if m == 0:
        return stayed, None
    shape = r + history.k * history.x
    gone = shape.lgamma() - r.lgamma() + r * alpha.log() - shape * (alpha + history.last).log()
    return stayed, gone + log_beta(a + 1, b + (m - 1)) - prior


def log_likelihood(parameters: Sequence[Number], history: History) -> Number:
    stayed, gone = log_branches(parameters, history)
    total = stayed if gone is None else stayed + (1 + (gone - stayed).exp()).log()
    return total - history.x * arb(history.k).lgamma()


def log_p_alive(parameters: Sequence[arb], history: History) -> arb:
    stayed, gone = log_branches(parameters, history)
    return arb(0) if gone is None else -(gone - stayed).exp().log1p()


def log_likelihood_by_mixing(parameters: Sequence[arb], history: History, bits: int) -> arb:
    """The same from the individual likelihood, with the mixing integrals done numerically."""
    r, alpha, a, b = parameters
    m, shape = history.chances, r + history.k * history.x
    prior = log_gamma_integral(r, alpha, bits)
    stayed = arb(0)
    for j in history.phases:
        buying = log_gamma_integral(shape + j, alpha + history.age, bits) - prior
        stayed += buying.exp() * history.silence**j / arb(j + 1).gamma()
    stayed = stayed.log() + Dropout(a, b + m).log_mass(bits)
    if m > 0:
        gone = log_gamma_integral(shape, alpha + history.last, bits) - prior
        gone += Dropout(a + 1, b + (m - 1)).log_mass(bits)
        stayed += (1 + (gone - stayed).exp()).log()
    return stayed - Dropout(a, b).log_mass(bits) - history.x * arb(history.k).lgamma()


@dataclass(frozen=True)
class Regular:
    """A customer known to be alive."""

    k: int
    s: arb
    a: arb
    b: arb
    weights: tuple[arb, ...]

    @classmethod
    def of(cls, parameters: Sequence[arb], history: History) -> Regular:
        r, _, a, b = parameters
        first = log_phase(parameters, history, 0)
        relative = [(log_phase(parameters, history, j) - first).exp() for j in history.phases]
        total = sum(relative, arb(0))
        shape = r + history.k * history.x
        return cls(history.k, shape, a, b + history.chances, tuple(w / total for w in relative))

    def events_needed(self, u: float, limit: int, bits: int = 230) -> int | None:
        """How many events carry all but 2^-bits of the k-th event's chance in a period u."""
        s = float(self.s) + len(self.weights) - 1
        log_y, log_rest = log(u) - log1p(u), -log1p(u)

        def log_chance(m: int) -> float:
            return lgamma(s + m) - lgamma(s) - lgamma(m + 1) + m * log_y + s * log_rest

        floor, m = log_chance(self.k) - bits * log(2), 2 * self.k + 32
        while m <= limit:
            ratio = u / (1 + u) * (s + m + 1) / (m + 1)
            small = log_chance(m) + 2 * log(m) - 2 * log1p(-ratio) if ratio < 1 else inf
            if small < floor:
                return m
            m += m // 4
        return None

    def surviving(self, count: int, certain: bool = False) -> list[arb]:
        """E[(1-p)^(n-1)], n = 1..count; all 1 if nobody leaves."""
        found = [arb(1)]
        for n in range(count - 1):
            ratio = arb(1) if certain else (self.b + n) / (self.a + self.b + n)
            found.append(found[-1] * ratio)
        return found

    def purchases_in_events(self, j: int, events: int, certain: bool = False) -> list[arb]:
        """Expected purchases of one in phase j after 0, 1, .. `events` events."""
        kept, total, found = self.surviving(events // self.k + 2, certain), arb(0), []
        for m in range(events + 1):
            if m > 0 and (m + j) % self.k == 0:
                total = total + kept[(m + j) // self.k - 1]
            found.append(total)
        return found

    def expected_polynomials(self, events: int, certain: bool = False) -> list[arb_poly]:
        """By phase, the series in y = v / (1 + v) that times (1-y)^(s+j) is E[purchases]."""
        found = []
        for j, weight in enumerate(self.weights):
            term, coefficients = weight, []
            for m, purchases in enumerate(self.purchases_in_events(j, events, certain)):
                coefficients.append(term * purchases)
                term = term * (self.s + (j + m)) / (m + 1)
            found.append(arb_poly(coefficients))
        return found

    def rate_polynomials(self, events: int) -> list[arb_poly]:
        """The same for the purchase rate: in y^k, to be multiplied by y^(k-j-1) (1-y)^(s+j+1)."""
        kept, found = self.surviving(events // self.k + 2), []
        for j, weight in enumerate(self.weights):
            term, coefficients, shape = weight * (self.s + j), [], self.s + (j + 1)
            for m in range(events + 1):
                if (m + j + 1) % self.k == 0:
                    coefficients.append(term * kept[(m + j + 1) // self.k - 1])
                term = term * (shape + m) / (m + 1)
            found.append(arb_poly(coefficients))
        return found

    def rest(self, u: arb, events: int) -> arb:
        """Bound on the expected purchases that the truncated series leave out."""
        s, y = self.s + (len(self.weights) - 1), u / (1 + u)
        ratio = y * (s + events + 1) / (events + 1)
        chance = (s + events).lgamma() - s.lgamma() - arb(events + 1).lgamma()
        chance = (chance + events * y.log() - s * u.log1p()).exp()
        return arb(0, (chance * (events + 1) / (1 - ratio) ** 2).upper())

    def expected_by_events(self, u: arb, events: int, certain: bool = False) -> arb:
        """Sum over the number of events, all terms positive."""
        y, total = u / (1 + u), self.rest(u, events)
        for j, series in enumerate(self.expected_polynomials(events, certain)):
            total += series(y) * (-(self.s + j) * u.log1p()).exp()
        return total

    def few_chances(self, u: arb, count: int) -> list[arb]:
        """P(purchases n = 1..count would come in u if nobody left), from the complement."""
        y, found = u / (1 + u), [arb(0)] * count
        for j, weight in enumerate(self.weights):
            term, below = (-(self.s + j) * u.log1p()).exp(), arb(0)
            for m in range(count * self.k - j):
                below += term
                term = term * y * (self.s + (j + m)) / (m + 1)
                if (m + 1 + j) % self.k == 0:
                    found[(m + 1 + j) // self.k - 1] += weight * (1 - below)
        return found

    def expected_by_roots(self, u: arb, ceiling: arb, bits: int) -> arb:
        """The sum over purchases through the k-th roots of unity; rigorous integral over p."""
        k, few = self.k, bits // 20 + 4
        chances = self.few_chances(u, few + 1)
        roots = [acb.exp_pi_i(acb(2 * i) / k) for i in range(k)]
        smooth = [
            Alive(self.s + j, self.a, self.b).given_dropout(u, bits)
            for j in range(len(self.weights))
        ]

        def given(p: acb, analytic: bool) -> acb:
            q = 1 - p
            if abs(q) < arb(2) ** -20:
                total = acb(0)
                for chance in reversed(chances[:few]):
                    total = total * q + chance
                tail = (2 * abs(chances[few]) * abs(q) ** few).upper()
                return total + acb(arb(0, tail), arb(0, tail))
            log_w = log1p_ball(-p, analytic) / k
            w, total = log_w.exp(), acb(0)
            for i, root in enumerate(roots):
                c = -log_w.expm1() if i == 0 else 1 - w * root
                log_base = log1p_ball(u * c, analytic)
                power, inverse = (-self.s * log_base).exp(), (-log_base).exp()
                for j, weight in enumerate(self.weights):
                    part = smooth[j](c, analytic) if i == 0 else (1 - power) / c
                    power = power * inverse
                    total += weight * w ** (j + 1 - k) * roots[i * (j + 1) % k] * part
            return total / k

        return Dropout(self.a, self.b).mean(given, ceiling, bits)

    def rate_over_time(self, kappa: arb, h: arb, events: int, bits: int) -> arb:
        """Integral of exp(-kappa v) times the purchase rate."""
        polynomials = self.rate_polynomials(events)

        def rate(v: arb) -> arb:
            y, total = v / (1 + v), arb(0)
            for j, series in enumerate(polynomials):
                start = y ** (self.k - j - 1) * (-(self.s + (j + 1)) * v.log1p()).exp()
                total += start * series(y**self.k)
            return total

        return self._over_time(rate, kappa, h, bits) + self.rest(h, events)

    def by_parts(self, kappa: arb, h: arb, events: int, bits: int) -> arb:
        """exp(-kappa h) G(h) + kappa times the integral of exp(-kappa v) G(v)."""
        polynomials = self.expected_polynomials(events)

        def expected(v: arb) -> arb:
            y, total = v / (1 + v), arb(0)
            for j, series in enumerate(polynomials):
                total += series(y) * (-(self.s + j) * v.log1p()).exp()
            return total

        found = (-kappa * h).exp() * expected(h) + self.rest(h, events)
        return found + (kappa * self._over_time(expected, kappa, h, bits) if kappa != 0 else 0)

    def _over_time(self, function: Callable[[arb], arb], kappa: arb, h: arb, bits: int) -> arb:
        scale = (1 / (1 + self.s + abs(kappa))).mid()

        def integrand(w: arb) -> arb:
            v = (scale * w.expm1()).mid()
            return scale * (w - kappa * v).exp() * function(v)

        return integrate(integrand, arb(0), (h / scale).log1p(), bits=bits)

    @cached_property
    def _for_ever(self) -> Hypergeometric:
        return Hypergeometric(arb(1), self.a, self.a + self.b)

    def over_lambda(self, kappa: arb, bits: int, by_trapezoid: bool = False) -> arb:
        """For an infinite horizon: purchase n has E[exp(-kappa time)] = (lambda/(lambda+kappa))^m.

        The geometric sum over n is 2F1(1, b; a+b; .); by trapezoid, both integrals are done by
        other means: the outer with equal steps in log lambda, the inner rigorously over p.
        """
        dropout, spread = Dropout(self.a, self.b), arb(2 * bits)
        scales = [(self.s + j).lgamma() for j in range(len(self.weights))]

        def purchases(x: arb, gap: arb) -> arb:
            if by_trapezoid:
                return dropout.mean(lambda p, _: 1 / (gap + p * x), 1 / gap, bits)
            return certified(lambda: self._for_ever(x / gap), bits + 40) / gap

        def integrand(y: arb) -> arb:
            y = y.mid()
            rate = y.exp()
            log_discount = -(kappa / rate).log1p()
            x, gap = (self.k * log_discount).exp(), -(self.k * log_discount).expm1()
            total = arb(0)
            for j, weight in enumerate(self.weights):
                density = ((self.s + j) * y - rate - scales[j]).exp()
                total += weight * density * ((self.k - j) * log_discount).exp()
            return total * purchases(x, gap)

        top = self.s + (len(self.weights) - 1)
        if by_trapezoid:
            return self._trapezoid(integrand, float(self.s), float(top), float(kappa))
        low = (self.s.lgamma() - spread) / (self.s + 1) - 1
        high = (top + 2 * (spread * top).sqrt() + spread).log()
        return integrate(integrand, low.mid(), high.mid(), bits=bits)

    @staticmethod
    def _trapezoid(integrand: Callable[[arb], arb], s: float, top: float, kappa: float) -> arb:
        """To some 22 digits or more."""
        step = min(0.1, 0.35 / sqrt(top))
        if s > 200:
            low, high = log(s) - 14 / sqrt(s), log(top) + 14 / sqrt(s)
        else:
            low = (lgamma(s) + min(0.0, log(kappa)) - 60) / (s + 1) - 1
            high = log(top + 12 * sqrt(top) + 60)
        nodes = range(int((high - low) / step) + 1)
        return arb(step) * sum((integrand(arb(low) + i * arb(step)) for i in nodes), arb(0))


def pmf_factors(parameters: Sequence[arb], modified: bool, n: int) -> tuple[arb, arb]:
    """P(stays at every chance up to purchase n), P(stays at all but the last of them)."""
    _, _, a, b = parameters
    m, prior = n + int(modified), log_beta(a, b)
    if m == 0:
        return arb(1), arb(0)
    return (log_beta(a, b + m) - prior).exp(), (log_beta(a + 1, b + (m - 1)) - prior).exp()


def pmf_by_sum(parameters: Sequence[arb], modified: bool, k: int, n: int, t: arb) -> arb:
    """Event counts are negative binomial: n k to n k + k - 1 of them, or at least n k and gone."""
    r, alpha = parameters[:2]
    y, term = t / (alpha + t), (alpha / (alpha + t)) ** r
    below, inside = arb(0), arb(0)
    for m in range(n * k + k):
        if m < n * k:
            below += term
        else:
            inside += term
        term = term * y * (r + m) / (m + 1)
    above, m = arb(0), n * k + k
    ratio = y * (r + m + 1).max(arb(m + 1)) / m
    if ratio < 0.9:
        while not term < above * arb(2) ** -ctx.prec:
            above += term
            term = term * y * (r + m) / (m + 1)
            m += 1
        at_least = inside + above + arb(0, (term / (1 - ratio)).upper())
    else:
        at_least = 1 - below
    stays, leaves = pmf_factors(parameters, modified, n)
    return stays * inside + leaves * at_least


def pmf_by_beta(parameters: Sequence[arb], modified: bool, k: int, n: int, t: arb) -> arb:
    """The same with incomplete beta functions."""
    r, alpha = parameters[:2]
    y = t / (alpha + t)

    def at_least(m: int) -> arb:
        return y.beta_lower(arb(m), r, regularized=1) if m > 0 else arb(1)

    stays, leaves = pmf_factors(parameters, modified, n)
    return stays * (at_least(n * k) - at_least(n * k + k)) + leaves * at_least(n * k)
