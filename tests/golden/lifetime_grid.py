"""The work on one row of a Pareto/NBD or GGompertz/NBD table: the value and its cross-checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations_with_replacement
from pathlib import Path

import lifetime_design as design
from flint import acb, arb, arb_series, ctx
from lifetime_exact import (
    History,
    at_last_purchase,
    lived,
    lived_by_frailty,
    log_before,
    log_likelihood,
    log_likelihood_by_2f1,
    log_likelihood_by_parts,
    log_likelihood_by_rates,
    log_p_alive,
    pmf,
    pmf_by_frailty,
    pmf_by_parts,
    time_integral,
)
from lifetime_laws import GGompertz, Lifetime, Pareto
from precision import GOAL_BITS, NotCertified, agreement, certified, settled, to_double
from table import Digits, Result, Row, derivative_names, made_by, run, write_json

CHECK_BITS = 90
FRAILTY_BITS = 72
STEP_BITS = 100

DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. Parameters by name; x, t_x, T: whole repeat purchases, "
    "time of the last, age; t: period; H: horizon, null = infinite; delta: rate; n: count.",
    "log_likelihood": "ln[G(r+x) alpha^r/G(r) {(alpha+T)^-(r+x) S(T) + integral of "
    "(alpha+y)^-(r+x) f(y) over y in (t_x,T)}], S and f survival and density of the lifetime",
    "p_alive": "first term of the brace / the brace; log_p_alive is its natural logarithm",
    "expected_given_alive": "(r+x)/(alpha+T) times the integral of S(T+y)/S(T), y in (0,t)",
    "expected_purchases": "p_alive * expected_given_alive",
    "discounted_given_alive": "(r+x)/(alpha+T) times the integral of exp(-delta y) S(T+y)/S(T), "
    "y in (0,H)",
    "discounted_purchases": "p_alive * discounted_given_alive",
    "mean_purchases": "r/alpha times the integral of S, (0,t)",
    "pmf": "P(X(t) = n): N(t) S(t) + integral of N(y) f(y) over y in (0,t), N(y) the negative "
    "binomial probability of n purchases by y; log_pmf is its natural logarithm",
    "derivatives": "d_i: derivative of log_likelihood in the natural parameter i; d_i_j: its "
    "second derivative in i and j, upper triangle in the order of the parameters",
    "underflow": "values below 1e-300 are stored as 0",
}


def lifetime(parameters: Sequence[arb]) -> Lifetime:
    """What follows r and alpha: s, beta of a Pareto, or b, s, beta of a GGompertz lifetime."""
    return Pareto(*parameters) if len(parameters) == 2 else GGompertz(*parameters)


def parameter_names(row: Row) -> tuple[str, ...]:
    return tuple(name for name in ("r", "alpha", "b", "s", "beta") if name in row)


def arguments(row: Row) -> tuple[arb, arb, Lifetime]:
    r, alpha, *rest = (arb(row[name]) for name in parameter_names(row))
    return r, alpha, lifetime(rest)


def history_of(row: Row) -> History:
    return int(row["x"]), arb(row["t_x"]), arb(row["T"])


def attempt(digits: Digits, name: str, compute: Callable[[], arb], value: arb) -> None:
    """Compare with a second route, if that one can be certified at all."""
    try:
        found = certified(compute, CHECK_BITS, limit=4000)
    except (NotCertified, ValueError):
        return
    digits[name] = agreement(found, value)


def purchases(row: Row, delta: arb, h: arb | None) -> arb:
    """Purchases of a customer alive at T from then on, over h or for ever."""
    r, alpha, life = arguments(row)
    x, _, age = history_of(row)
    return certified(lambda: (r + x) / (alpha + age) * lived(life.aged(age), delta, h, GOAL_BITS))


def check_purchases(
    digits: Digits, name: str, row: Row, delta: arb, h: arb | None, value: arb, frailty: bool
) -> None:
    r, alpha, life = arguments(row)
    x, _, age = history_of(row)
    rate = (r + x) / (alpha + age)
    attempt(
        digits,
        f"{name}: integral over time / closed form",
        lambda: rate * life.aged(age).discounted_closed(delta, h),
        value,
    )
    if frailty and h is not None and gentle(life, age + h):
        found = rate * lived_by_frailty(life.aged(age), delta, h, FRAILTY_BITS)
        digits[f"{name}: integral over time / mean over frailty"] = agreement(found, value)


def gentle(life: Lifetime, until: arb) -> bool:
    """Whether the frailty integrals stay within reach: no lifetimes of exp(-exp(...))."""
    return isinstance(life, Pareto) or bool(life.b * until < 60)


def customer(job: tuple[int, Row]) -> Result:
    index, row = job
    given, history = arguments(row), history_of(row)
    likelihood = settled(lambda: log_likelihood(*given, history))
    survival = settled(lambda: log_p_alive(*given, history))
    period = arb(row["t"])
    expected = purchases(row, arb(0), period)
    digits: Digits = {}
    check_purchases(digits, "expected", row, arb(0), period, expected, frailty=index % 25 == 4)
    check_likelihood(digits, index, row, likelihood)
    values = {
        "log_likelihood": likelihood,
        "log_p_alive": survival,
        "p_alive": survival.exp(),
        "expected_purchases": survival.exp() * expected,
        "expected_given_alive": expected,
    }
    return {name: to_double(value) for name, value in values.items()}, digits


def check_likelihood(digits: Digits, index: int, row: Row, value: arb) -> None:
    """By parts on every row; 2F1 and mixing integrals on some."""
    given, history = arguments(row), history_of(row)
    _, _, life = given
    attempt(
        digits,
        "log-likelihood: integral over time / by parts",
        lambda: log_likelihood_by_parts(*given, history),
        value,
    )
    if isinstance(life, Pareto) and index % 2 == 0:
        attempt(
            digits,
            "log-likelihood: integral over time / 2F1",
            lambda: log_likelihood_by_2f1(*given, history),
            value,
        )
    if isinstance(life, Pareto) and index % 50 == 3:
        found = log_likelihood_by_rates(*given, history, FRAILTY_BITS)
        digits["log-likelihood: integral over time / over lambda"] = agreement(found, value)
    small = history[0] <= 30 and history[2] <= 400
    if index % 40 == 7 and small and gentle(life, history[2]):
        silence, period = at_last_purchase(*given, history)
        found = log_before(*given, history) + silence.silent_by_frailty(period, FRAILTY_BITS).log()
        digits["log-likelihood: integral over time / mean over frailty"] = agreement(found, value)


def discounted(job: tuple[int, Row]) -> Result:
    index, row = job
    delta = arb(row["delta"])
    h = None if row["H"] is None else arb(row["H"])
    survival = settled(lambda: log_p_alive(*arguments(row), history_of(row))).exp()
    value = purchases(row, delta, h)
    digits: Digits = {}
    frailty = index % 20 == 4 or (row["delta"] < 0 and index % 4 == 0)
    check_purchases(digits, "discounted", row, delta, h, value, frailty)
    values = {"discounted_purchases": survival * value, "discounted_given_alive": value}
    return {name: to_double(value) for name, value in values.items()}, digits


def mean(job: tuple[int, Row]) -> Result:
    index, row = job
    newcomer, period = row | {"x": 0, "t_x": 0.0, "T": 0.0}, arb(row["t"])
    value = purchases(newcomer, arb(0), period)
    digits: Digits = {}
    check_purchases(digits, "mean", newcomer, arb(0), period, value, frailty=index % 20 == 4)
    return {"mean_purchases": to_double(value)}, digits


def counts(job: tuple[int, Row]) -> Result:
    index, row = job
    given, n, t = arguments(row), int(row["n"]), arb(row["t"])
    value = certified(lambda: pmf(*given, n, t))
    digits: Digits = {}
    attempt(digits, "pmf: as defined / by parts", lambda: pmf_by_parts(*given, n, t), value)
    if index % 20 == 2 and n <= 30 and t <= 400 and gentle(given[2], t):
        found = pmf_by_frailty(*given, n, t, value, FRAILTY_BITS)
        digits["pmf: as defined / mean over frailty"] = agreement(found, value)
    return {"pmf": to_double(value), "log_pmf": to_double(value.log())}, digits


Moments = tuple[list[arb], list[list[arb]]]


def derivatives(job: tuple[int, Row]) -> Result:
    index, row = job
    names = parameter_names(row)
    moments = cache(lambda _bits: log_likelihood_derivatives(row))
    axes = range(len(names))
    found = [settled(partial(lambda i: moments(ctx.prec)[0][i], i)) for i in axes]
    found += [
        settled(partial(lambda i, j: moments(ctx.prec)[1][i][j], i, j))
        for i, j in combinations_with_replacement(axes, 2)
    ]
    values = dict(zip(derivative_names(names), found, strict=True))
    digits: Digits = {}
    if index % 5 == 1:
        digits["derivatives: moments over time / finite differences"] = min(
            agreement(by_differences(row, name, value), value) for name, value in values.items()
        )
    return {name: to_double(value) for name, value in values.items()}, digits


def log_likelihood_derivatives(row: Row) -> Moments:
    """Gradient and Hessian as moments over the moment of leaving.

    The brace of the likelihood is a mixture of `alive` and `gone at y`; with k the derivatives of
    the log integrand at y less those of the log first term, and w the probability of having left,
    the gradient of its log is that of the first term plus w E[k], the Hessian that of the first
    term plus w E[k_ij + k_i k_j] - w^2 E[k_i] E[k_j].
    """
    r, alpha, life = arguments(row)
    x, last, age = history_of(row)
    m, until = r + x, alpha + age
    lived_first, lived_second = life.survival_derivatives(acb(age), True)
    size = 2 + len(lived_first)

    first, second = zeros(size)
    gamma = [arb_series([start, 1], prec=3).lgamma() for start in (m, r)]
    first[0] = gamma[0][1] - gamma[1][1] + alpha.log() - until.log()
    first[1] = r / alpha - m / until
    second[0][0] = 2 * (gamma[0][2] - gamma[1][2])
    second[0][1] = 1 / alpha - 1 / until
    second[1][1] = m / until**2 - r / alpha**2
    first[2:] = [value.real for value in lived_first]
    for i, line in enumerate(lived_second):
        second[2 + i][2:] = [value.real for value in line]
    if age == last:
        return first, second

    silence, period = at_last_purchase(r, alpha, life, (x, last, age))
    base = time_integral(silence.log_gone, period, silence.rate())
    gone = silence.life.hazard() * base
    weight = gone / (gone + silence.alive(period))

    def slopes(y: acb, analytic: bool) -> tuple[list[acb], list[list[acb]]]:
        time = last + y
        ones, twos = life.density_derivatives(time, analytic)
        k = [-log_of(silence.alpha + y, analytic) + until.log(), m / until - m / (alpha + time)]
        k += [new - old for new, old in zip(ones, lived_first, strict=True)]
        kk = [[acb(0)] * size for _ in range(size)]
        kk[0][1] = 1 / until - 1 / (alpha + time)
        kk[1][1] = m / (alpha + time) ** 2 - m / until**2
        for i, line in enumerate(twos):
            kk[2 + i][2:] = [new - old for new, old in zip(line, lived_second[i], strict=True)]
        return k, kk

    def mean_of(factor: Callable[[acb, bool], acb]) -> arb:
        return time_integral(silence.log_gone, period, silence.rate(), factor, base) / base

    def square(i: int, j: int) -> Callable[[acb, bool], acb]:
        def factor(y: acb, analytic: bool) -> acb:
            k, kk = slopes(y, analytic)
            return kk[i][j] + k[i] * k[j]

        return factor

    means = [mean_of(partial(lambda i, y, an: slopes(y, an)[0][i], i)) for i in range(size)]
    for i, j in combinations_with_replacement(range(size), 2):
        second[i][j] += weight * mean_of(square(i, j)) - weight**2 * means[i] * means[j]
    return [old + weight * new for old, new in zip(first, means, strict=True)], second


def zeros(size: int) -> Moments:
    return [arb(0)] * size, [[arb(0)] * size for _ in range(size)]


def log_of(z: acb, analytic: bool) -> acb:
    return acb("nan") if analytic and not z.real > 0 else z.log()


def by_differences(row: Row, name: str, size: arb) -> arb:
    """The derivative called `name` by central differences of another form of the likelihood."""
    axes, history = name.split("_")[1:], history_of(row)
    lost = 0 if size.is_zero() else max(0, -int(float((abs(size).log() / arb(2).log()).mid())))
    step_bits = STEP_BITS + min(lost, 200)
    bits = 110 + len(axes) * step_bits + min(lost, 200)
    names = parameter_names(row)

    @cache
    def value(*signs: int) -> arb:
        def compute() -> arb:
            step = arb(2) ** -step_bits
            moved = [
                arb(row[key])
                * (1 + step * sum(s for s, axis in zip(signs, axes, strict=True) if axis == key))
                for key in names
            ]
            given = (moved[0], moved[1], lifetime(moved[2:]))
            if isinstance(given[2], Pareto) and history[0] <= 100:
                return log_likelihood_by_2f1(*given, history)
            return log_likelihood_by_parts(*given, history)

        # the log-likelihood may be near 0: absolute accuracy is enough
        with ctx.workprec(bits + 400):
            return compute()

    with ctx.workprec(bits + 400):
        steps = [arb(row[axis]) * arb(2) ** -step_bits for axis in axes]
        if len(axes) == 1:
            return (value(1) - value(-1)).mid() / (2 * steps[0])
        corners = value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)
        return corners.mid() / (4 * steps[0] * steps[1])


def make(rows: type[design.LifetimeDesign], path: Path, script: str) -> None:
    """All sections, on one process; the file is written anew after each."""
    content: dict[str, object] = {"made_by": made_by(script), "definition": DEFINITION}
    plan = (
        ("customers", customer, design.customer_rows(rows, 380, seed=1)),
        ("discounted", discounted, design.discounted_rows(rows, 200, seed=2)),
        ("mean_purchases", mean, design.mean_rows(rows, 100, seed=3)),
        ("pmf", counts, design.pmf_rows(rows, 120, seed=4)),
        ("derivatives", derivatives, design.derivative_rows(rows, 80, seed=5)),
    )
    for name, work, table in plan:
        content[name] = run(name, work, table, processes=1)
        write_json(path, content)
