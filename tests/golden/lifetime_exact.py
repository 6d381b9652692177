"""Models whose customers leave with time: rigorous integrals over the lifetime, and other routes.

Integrals start at 0 (see `lifetime_laws`) and run over w with y = scale (e^w - 1), which resolves
every decade of time, in Arb's certified integrator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bgnbd_exact import log1p
from flint import acb, arb, ctx
from lifetime_laws import Lifetime, Pareto
from precision import integrate

LogFunction = Callable[[acb, bool], acb]
History = tuple[int, arb, arb]
PEAK_POINTS = 300


def time_integral(
    log_function: LogFunction,
    length: arb,
    rate: arb,
    factor: LogFunction | None = None,
    size: arb | None = None,
) -> arb:
    """Integrate factor * exp(log_function) over (0, length), rigorously, at working precision.

    `rate` is how fast the integrand changes at first. The tolerance is relative: to the integral,
    or with a factor, of either sign or of many magnitudes, to `size` or the peak of the integrand.
    """
    if length == 0:
        return arb(0)
    scale = (1 / rate).mid()

    def integrand(w: acb, analytic: bool) -> acb:
        y = scale * w.expm1()
        value = (w + log_function(y, analytic)).exp()
        return value if factor is None else value * factor(y, analytic)

    relative = arb(2) ** (40 - ctx.prec)
    end = (length / scale).log1p()
    # without a factor the integrand declines at most at `rate`, so this is below the integral
    start = log_function(acb(0), False).real.exp()
    absolute = start * end.min(arb("0.5")) / 4 * relative
    if size is not None:
        absolute = size / scale * relative
    elif factor is not None:
        points = (integrand(acb(end * k / PEAK_POINTS), False) for k in range(1, PEAK_POINTS + 1))
        peak = max((abs(point.real).mid() for point in points), default=arb(0))
        absolute = peak * end / PEAK_POINTS * relative
    found = acb.integral(
        integrand, arb(0), end, rel_tol=relative, abs_tol=absolute, eval_limit=400_000
    )
    return scale * found.real


@dataclass(frozen=True)
class Silence:
    """A customer at the last purchase, alive: lambda ~ Gamma(m, alpha), and a lifetime from now."""

    m: arb
    alpha: arb
    life: Lifetime

    def alive(self, period: arb) -> arb:
        """Probability of no purchase in the period and of still being alive."""
        quiet = -self.m * (period / self.alpha).log1p()
        return (quiet + self.life.log_survival_at(period)).exp()

    def log_gone(self, y: acb, analytic: bool) -> acb:
        """Log density of leaving after y without a purchase, over the hazard at 0."""
        return self.life.log_density(y, analytic) - self.m * log1p(y / self.alpha, analytic)

    def rate(self) -> arb:
        return self.m / self.alpha + self.life.speed()

    def gone(self, period: arb) -> arb:
        return self.life.hazard() * time_integral(self.log_gone, period, self.rate())

    def silent_by_parts(self, period: arb) -> arb:
        """Probability of no purchase in the period, alive or not: one minus that of the first."""

        def log_function(y: acb, analytic: bool) -> acb:
            quiet = -(self.m + 1) * log1p(y / self.alpha, analytic)
            return quiet + self.life.log_survival(y, analytic)

        return 1 - self.m / self.alpha * time_integral(log_function, period, self.rate())

    def silent_by_frailty(self, period: arb, bits: int) -> arb:
        """The same as the mean over the frailty, with the integral over the lifetime inside."""

        def given(frailty: arb) -> arb:
            def log_function(y: acb, analytic: bool) -> acb:
                quiet = -self.m * log1p(y / self.alpha, analytic)
                return quiet + self.life.log_density_given(frailty, y)

            quiet = -self.m * (period / self.alpha).log1p()
            stayed = (quiet + self.life.log_survival_given(frailty, acb(period)).real).exp()
            rate = self.rate() + self.life.hazard() / self.life.s * self.life.beta * frailty
            return stayed + time_integral(log_function, period, rate)

        return frailty_mean(self.life, given, period, bits)


def at_last_purchase(r: arb, alpha: arb, life: Lifetime, history: History) -> tuple[Silence, arb]:
    x, last, age = history
    return Silence(r + x, alpha + last, life.aged(last)), age - last


def log_before(r: arb, alpha: arb, life: Lifetime, history: History) -> arb:
    """Log of the likelihood up to the last purchase."""
    x, last, _ = history
    log_lambda = (r + x).lgamma() - r.lgamma() + r * alpha.log() - (r + x) * (alpha + last).log()
    return log_lambda + life.log_survival_at(last)


def log_likelihood(r: arb, alpha: arb, life: Lifetime, history: History) -> arb:
    customer, silence = at_last_purchase(r, alpha, life, history)
    silent = customer.alive(silence) + customer.gone(silence)
    return log_before(r, alpha, life, history) + silent.log()


def log_likelihood_by_parts(r: arb, alpha: arb, life: Lifetime, history: History) -> arb:
    customer, silence = at_last_purchase(r, alpha, life, history)
    return log_before(r, alpha, life, history) + customer.silent_by_parts(silence).log()


def log_p_alive(r: arb, alpha: arb, life: Lifetime, history: History) -> arb:
    customer, silence = at_last_purchase(r, alpha, life, history)
    return -(customer.gone(silence) / customer.alive(silence)).log1p()


def log_likelihood_by_2f1(r: arb, alpha: arb, life: Pareto, history: History) -> arb:
    """Pareto/NBD: the integral from t_x to T as the difference of two to infinity, each a 2F1."""
    x, last, age = history
    s, beta, m = life.s, life.beta, r + x

    def beyond(t: arb) -> arb:
        first, second, shape = (alpha + t).log(), (beta + t).log(), m + s + 1
        if alpha >= beta:
            part = gauss((alpha - beta) / (alpha + t), m, shape)
            return (-m * first - s * second).exp() * part / (m + s)
        part = gauss((beta - alpha) / (beta + t), s + 1, shape)
        return ((1 - m) * first - (s + 1) * second).exp() * part / (m + s)

    stayed = (-m * (alpha + age).log() - s * (beta + age).log()).exp()
    brace = stayed + s * (beyond(last) - beyond(age))
    return m.lgamma() - r.lgamma() + r * alpha.log() + s * beta.log() + brace.log()


def gauss(z: arb, b: arb, c: arb) -> arb:
    """2F1(1, b; c; z) for 0 <= z < 1 and 0 < b < c, by its series where that is short."""
    if not z < 0.95:
        return z.hypgeom_2f1(1, b, c)
    term, total, k = arb(1), arb(1), 0
    tiny = arb(2) ** -ctx.prec
    while not term < tiny * total:
        term = term * z * (b + k) / (c + k)
        total += term
        k += 1
    return total + arb(0, (term * z / (1 - z)).upper())


def log_likelihood_by_rates(r: arb, alpha: arb, life: Pareto, history: History, bits: int) -> arb:
    """Pareto/NBD from the likelihood given lambda and mu.

    The mean over lambda is numerical; that over mu is a generalised exponential integral.
    """
    x, last, age = history
    s, beta, shape, spread = life.s, life.beta, r + x, arb(2 * bits)

    def integrand(v: arb) -> arb:
        buying = v.exp()

        def over_mu(power: arb, rate: arb) -> arb:
            """Integral of mu^(power - 1) exp(-rate mu) / (lambda + mu)."""
            scaled = (buying * rate).exp() * (buying * rate).expint(power)
            return power.gamma() * ((1 - power) * rate.log()).exp() * scaled

        stayed = buying * over_mu(s, beta + age)
        gone = (buying * (age - last)).exp() * over_mu(s + 1, beta + last)
        return (stayed + gone) * (shape * v - buying * (alpha + age)).exp()

    width = 2 * (spread * shape).sqrt()
    low = (shape.lgamma() - spread) / shape - 1
    if shape > width:
        low = low.max((shape - width).log() - 1)
    high = (shape + width + spread).log()
    with ctx.workprec(2 * bits + 40):
        total = integrate(
            integrand,
            (low - (alpha + age).log()).mid(),
            (high - (alpha + last).log()).mid(),
            bits=bits,
        )
    return total.log() + r * alpha.log() - r.lgamma() + s * beta.log() - s.lgamma()


def frailty_mean(life: Lifetime, given: Callable[[arb], arb], period: arb, bits: int) -> arb:
    """Mean of a function over the frailty ~ Gamma(s, beta), by quadrature in its logarithm."""
    s, beta, spread = life.s, life.beta, arb(2 * bits)

    def integrand(v: arb) -> arb:
        frailty = v.exp()
        log_density = s * (v + beta.log()) - beta * frailty - s.lgamma()
        return log_density.exp() * given(frailty).mid()

    low = -(beta + life.exposure(period)).log() - spread / s - 2
    high = ((s + 2 * (spread * s).sqrt() + spread) / beta).log()
    with ctx.workprec(bits + 60):
        return integrate(integrand, low.mid(), high.mid(), bits=bits, panels=8)


def lived(life: Lifetime, delta: arb, h: arb | None, bits: int) -> arb:
    """Integral of exp(-delta y) survival(y) over (0, h), rigorously."""
    rate, cut, error = life.speed() + abs(delta), h, arb(0)
    if cut is None:
        cut = ((bits + 30) * arb.const_log2() + (rate / delta).log1p()) / delta
        error = arb(0, ((-delta * cut).exp() / delta).upper())

    def log_function(y: acb, analytic: bool) -> acb:
        return life.log_survival(y, analytic) - delta * y

    return time_integral(log_function, cut, rate) + error


def lived_by_frailty(life: Lifetime, delta: arb, h: arb, bits: int) -> arb:
    """The same as a mean over the frailty."""

    def given(frailty: arb) -> arb:
        if isinstance(life, Pareto):
            rate = frailty + delta
            return -(-rate * h).expm1() / rate if rate != 0 else h

        def log_function(y: acb, _: bool) -> acb:
            return life.log_survival_given(frailty, y) - delta * y

        rate = life.speed() + abs(delta) + life.hazard() / life.s * life.beta * frailty
        return time_integral(log_function, h, rate)

    return frailty_mean(life, given, h, bits)


def pmf(r: arb, alpha: arb, life: Lifetime, n: int, t: arb) -> arb:
    """Probability of n purchases by t: alive at t, or gone at some y before."""
    stayed = (log_count(r, alpha, n, t) + life.log_survival_at(t)).exp()

    def log_function(y: acb, analytic: bool) -> acb:
        return life.log_density(y, analytic) - r * log1p(y / alpha, analytic)

    rate = (r + 1) / alpha + life.speed()
    gone = time_integral(log_function, t, rate, lambda y, _: (y / (alpha + y)) ** n)
    return stayed + life.hazard() * count_factor(r, n) * gone


def pmf_by_parts(r: arb, alpha: arb, life: Lifetime, n: int, t: arb) -> arb:
    """Integral of survival times the derivative of the count's probability, plus [n = 0]."""

    def log_function(y: acb, analytic: bool) -> acb:
        return life.log_survival(y, analytic) - (r + 1) * log1p(y / alpha, analytic)

    def slope(y: acb, _: bool) -> acb:
        share = y / (alpha + y)
        if n == 0:
            return -r / alpha
        return (n - (r + n) * share) * share ** (n - 1) / alpha

    rate = (r + 1) / alpha + life.speed()
    return arb(n == 0) + count_factor(r, n) * time_integral(log_function, t, rate, slope)


def pmf_by_frailty(r: arb, alpha: arb, life: Lifetime, n: int, t: arb, size: arb, bits: int) -> arb:
    """As the mean over the frailty; `size` is what the tolerance refers to."""

    scaled = size / count_factor(r, n)

    def given(frailty: arb) -> arb:
        def log_function(y: acb, analytic: bool) -> acb:
            return life.log_density_given(frailty, y) - r * log1p(y / alpha, analytic)

        stayed = life.log_survival_given(frailty, acb(t)).real + log_count(r, alpha, n, t)
        rate = (r + 1) / alpha + life.speed()
        rate += life.hazard() / life.s * life.beta * frailty
        gone = time_integral(log_function, t, rate, lambda y, _: (y / (alpha + y)) ** n, scaled)
        return stayed.exp() + count_factor(r, n) * gone

    return frailty_mean(life, given, t, bits)


def count_factor(r: arb, n: int) -> arb:
    return ((r + n).lgamma() - r.lgamma() - arb(n + 1).lgamma()).exp()


def log_count(r: arb, alpha: arb, n: int, t: arb) -> arb:
    """Log probability of n purchases by t if alive throughout."""
    log_factor = (r + n).lgamma() - r.lgamma() - arb(n + 1).lgamma()
    return log_factor - r * (t / alpha).log1p() + n * (t / (alpha + t)).log()
