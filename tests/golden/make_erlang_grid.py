"""Make erlang_grid.json: BG/CNBD-k and MBG/CNBD-k to 50 digits, rounded to doubles.

Run `python tests/golden/make_erlang_grid.py` (needs python-flint and mpmath).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import mpmath
from bgnbd_design import Design, deck, distinct
from bgnbd_exact import Alive
from erlang_exact import (
    History,
    Regular,
    log_likelihood,
    log_likelihood_by_mixing,
    log_p_alive,
    pmf_by_beta,
    pmf_by_sum,
)
from flint import arb, ctx
from precision import (
    agreement,
    certified,
    derivative_by_differences,
    natural_derivatives,
    settled,
    to_double,
)
from table import Result, Row, derivative_names, made_by, run, write_json

HERE = Path(__file__).parent
PARAMETERS = ("r", "alpha", "a", "b")
VALUE_BITS = 116
CHECK_BITS = 90
EVENTS = 12_000
MANY_EVENTS = 150_000
HORIZONS = (None, None, None, 1.0, 39.0, 365.0, 3650.0)
RATES = (1e-5, 2.609e-4, 0.0018328880731600903, 0.0026877, 0.05, 0.1, 0.0, -1e-4)

DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. r, alpha, a, b: parameters; k: events per purchase; "
    "mbg: 1 if a customer may leave right after the first purchase, else 0; x, t_x, T: whole "
    "repeat purchases, time of the last, age; t: period; H: horizon, null = infinite; delta: rate.",
    "m": "chances to leave so far, x + mbg",
    "log_likelihood": "ln[B(a,b+m)/B(a,b) sum over j < k of G(r+kx+j) alpha^r (T-t_x)^j/(j! G(r) "
    "(alpha+T)^(r+kx+j)) + (m>0) B(a+1,b+m-1)/B(a,b) G(r+kx) alpha^r/(G(r) (alpha+t_x)^(r+kx))] "
    "- x lnG(k); the sum of (k-1) ln(gap) is left out",
    "p_alive": "first term of that sum / the sum; log_p_alive is its natural logarithm",
    "expected_given_alive": "sum over j of w_j times the sum over n of E[(1-p)^(n-1)] "
    "I_y(nk-j,r+kx+j), y = t/(alpha+T+t), p ~ Beta(a,b+m), w_j from the j-th term above",
    "expected_purchases": "p_alive * expected_given_alive",
    "discounted_given_alive": "integral over s in (0, H) of exp(-delta s) times the derivative of "
    "expected_given_alive at s",
    "discounted_purchases": "p_alive * discounted_given_alive",
    "mean_purchases": "the same sum at x = 0, T = 0, times b/(a+b) if mbg",
    "pmf": "P(X(t) = n) of a new customer, who may leave at time 0 if mbg; log_pmf: its natural "
    "logarithm",
    "d_i": "derivative of log_likelihood in the natural parameter i",
    "d_i_j": "its second derivative in i and j, upper triangle in the order r, alpha, a, b",
    "underflow": "values below 1e-300 are stored as 0",
}


class RegularDesign(Design):
    """As for the BG/NBD, with k and mbg, and the doubtful t_x near where this model doubts."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        deal = partial(deck, rng=self.rng)
        self.regularities, self.modified = deal((1, 2, 2, 3, 3, 6)), deal((0, 1))
        self.short, self.gentle = deal(HORIZONS), deal(RATES)

    def parameters(self, kind: str) -> Row:
        kind_of = {"k": next(self.regularities), "mbg": next(self.modified)}
        return super().parameters(kind) | kind_of

    def doubtful(self, parameters: Row, x: int, age: float) -> float:
        moved = {name: parameters[name] for name in PARAMETERS}
        moved["r"] += (parameters["k"] - 1) * x
        moved["b"] += parameters["mbg"]
        return super().doubtful(moved, x, age)

    def discounted(self, kind: str) -> Row:
        while True:
            row = self.customer(kind)
            rate, horizon = next(self.gentle), next(self.short)
            if rate <= 0 and horizon is None:
                continue
            row |= {"H": horizon, "delta": rate}
            if horizon is None or series_length(row) is not None:
                return row


def rows_of(size: int, seed: int, *parts: Callable[[RegularDesign, str], Row]) -> list[Row]:
    design = RegularDesign(seed)

    def build(kind: str) -> Row:
        row: Row = {}
        for part in parts:
            row |= part(design, kind)
        return row

    return distinct(size, build)


def point_of(row: Row) -> list[arb]:
    return [arb(row[name]) for name in PARAMETERS]


def history_of(row: Row) -> History:
    x, k = int(row["x"]), int(row["k"])
    return History(k, x + int(row["mbg"]), x, arb(row["t_x"]), arb(row["T"]))


def alive(row: Row) -> tuple[Regular, arb]:
    """The customer if alive, and the unit of time alpha + T."""
    point = point_of(row)
    return Regular.of(point, history_of(row)), point[1] + arb(row["T"])


def reach(row: Row, unit: arb) -> arb:
    """The horizon, or where the discount has left nothing."""
    kappa = arb(row["delta"]) * unit
    far = 130 * arb.const_log2() / kappa if kappa > 0 else arb("inf")
    given = arb("inf") if row["H"] is None else arb(row["H"]) / unit
    return (far if far < given else given).mid()


def series_length(row: Row) -> int | None:
    person, unit = alive(row)
    return person.events_needed(float(reach(row, unit)), EVENTS)


def expected(build: Callable[[], tuple[Regular, arb]], check: bool) -> tuple[arb, dict[str, float]]:
    """E[purchases] of one alive: by the sum over events, or through the roots of unity."""
    person, u = build()
    events, digits = person.events_needed(float(u), EVENTS // person.k), {}
    if events is None:
        ceiling = (person.s + (person.k - 1)) * u
        value = person.expected_by_roots(u, ceiling, VALUE_BITS)
        many = person.events_needed(float(u), MANY_EVENTS) if check else None
        if many is not None:
            summed = person.expected_by_events(u, many)
            digits["roots of unity / sum over very many events"] = agreement(summed, value)
    else:

        def by_events(certain: bool = False) -> arb:
            someone, period = build()
            return someone.expected_by_events(period, events, certain)

        value = certified(by_events)
        if check:
            lost = max(0.0, -float(u.log() / arb(2).log())) * 2 * person.k
            with ctx.workprec(ctx.prec + int(lost)):
                ceiling = person.expected_by_events(u, events, certain=True)
                roots = build()[0].expected_by_roots(build()[1], ceiling * 2, CHECK_BITS)
            digits["sum over events / roots of unity"] = agreement(roots, value)
    if person.k == 1:
        plain = certified(lambda: bgnbd(*build()), 150, limit=4000)
        digits["k = 1 / BG/NBD closed form"] = agreement(plain, value)
    return value, digits


def bgnbd(person: Regular, u: arb) -> arb:
    return Alive(person.s, person.a, person.b).expected_closed()(u)


def customer(job: tuple[int, Row]) -> Result:
    index, row = job
    point, history = point_of(row), history_of(row)

    def build() -> tuple[Regular, arb]:
        person, unit = alive(row)
        return person, arb(row["t"]) / unit

    likelihood = settled(lambda: log_likelihood(point, history))
    survival = settled(lambda: log_p_alive(point, history))
    given, found = expected(build, index % 3 == 0)
    digits = {f"expected: {name}": value for name, value in found.items()}
    if index % 3 == 0:
        mixed = log_likelihood_by_mixing(point, history, CHECK_BITS)
        digits["log-likelihood: closed form / mixing integrals"] = agreement(mixed, likelihood)
    values = {
        "log_likelihood": likelihood,
        "log_p_alive": survival,
        "p_alive": survival.exp(),
        "expected_purchases": survival.exp() * given,
        "expected_given_alive": given,
    }
    return {name: to_double(value) for name, value in values.items()}, digits


def discounted(job: tuple[int, Row]) -> Result:
    index, row = job
    person, unit = alive(row)
    kappa, h, events = arb(row["delta"]) * unit, reach(row, unit), series_length(row)
    digits = {}
    if events is not None:
        given = person.rate_over_time(kappa, h, events, VALUE_BITS)
        by_parts = person.by_parts(kappa, h, events, CHECK_BITS)
        digits["discounted: over time / by parts"] = agreement(by_parts, given)
        if row["H"] is None:
            over_lambda = person.over_lambda(kappa, CHECK_BITS)
            digits["discounted: over time / over lambda"] = agreement(over_lambda, given)
    else:
        given = person.over_lambda(kappa, VALUE_BITS)
        if index % 2 == 0:
            over_both = person.over_lambda(kappa, 80, by_trapezoid=True)
            digits["discounted: over lambda / over lambda and p"] = agreement(over_both, given)
    p_alive = settled(lambda: log_p_alive(point_of(row), history_of(row))).exp()
    values = {"discounted_purchases": p_alive * given, "discounted_given_alive": given}
    return {name: to_double(value) for name, value in values.items()}, digits


def mean(job: tuple[int, Row]) -> Result:
    index, row = job

    def build() -> tuple[Regular, arb]:
        r, alpha, a, b = point_of(row)
        return Regular(row["k"], r, a, b + row["mbg"], (arb(1),)), arb(row["t"]) / alpha

    value, found = expected(build, index % 2 == 0)
    _, _, a, b = point_of(row)
    value = value * (b / (a + b)) if row["mbg"] else value
    return {"mean_purchases": to_double(value)}, {f"mean: {n}": d for n, d in found.items()}


def pmf(job: tuple[int, Row]) -> Result:
    _, row = job
    arguments = point_of(row), bool(row["mbg"]), row["k"], row["n"], arb(row["t"])
    value = certified(lambda: pmf_by_sum(*arguments))
    by_beta = certified(lambda: pmf_by_beta(*arguments), CHECK_BITS)
    digits = {"pmf: finite sum / incomplete beta": agreement(by_beta, value)}
    return {"pmf": to_double(value), "log_pmf": to_double(value.log())}, digits


def derivatives(job: tuple[int, Row]) -> Result:
    index, row = job
    point, history = point_of(row), history_of(row)
    found = natural_derivatives(lambda moved: log_likelihood(moved, history), point)
    values = dict(zip(derivative_names(PARAMETERS), found, strict=True))
    digits = {}
    if index % 4 == 0:
        worst = min(
            agreement(by_differences(row, name, value), value) for name, value in values.items()
        )
        digits["derivatives: Taylor series / finite differences"] = worst
    return {name: to_double(value) for name, value in values.items()}, digits


def by_differences(row: Row, name: str, size: arb) -> arb:
    """The derivative called `name` with mpmath's own gamma functions."""
    x, k, m = row["x"], row["k"], row["x"] + row["mbg"]

    def log_beta(a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)

    def value(r: mpmath.mpf, alpha: mpmath.mpf, a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
        last, age, shape = mpmath.mpf(row["t_x"]), mpmath.mpf(row["T"]), r + k * x
        start = mpmath.loggamma(shape) - mpmath.loggamma(r) + r * mpmath.log(alpha)
        start -= log_beta(a, b)
        share = (age - last) / (alpha + age)
        phases = sum(mpmath.rf(shape, j) / mpmath.factorial(j) * share**j for j in range(k))
        stayed = start + log_beta(a, b + m) - shape * mpmath.log(alpha + age) + mpmath.log(phases)
        if m == 0:
            return stayed
        gone = start + log_beta(a + 1, b + m - 1) - shape * mpmath.log(alpha + last)
        return gone + mpmath.log1p(mpmath.exp(stayed - gone))

    order = tuple(name.split("_")[1:].count(parameter) for parameter in PARAMETERS)
    return derivative_by_differences(value, [row[key] for key in PARAMETERS], order, size)


def main() -> None:
    person, parameters, period = Design.customer, RegularDesign.parameters, Design.period
    work = {
        "derivatives": (derivatives, rows_of(60, 45, person)),
        "pmf": (pmf, rows_of(80, 44, parameters, lambda d, _: d.count(), period)),
        "mean_purchases": (mean, rows_of(60, 43, parameters, period)),
        "customers": (customer, rows_of(200, 41, person, period)),
        "discounted": (discounted, rows_of(60, 42, RegularDesign.discounted)),
    }
    content: dict[str, object] = {"made_by": made_by(__file__), "definition": DEFINITION}
    for section, (compute, rows) in work.items():
        content[section] = run(section, compute, rows, processes=1)
        write_json(HERE / "erlang_grid.json", content)


if __name__ == "__main__":
    main()
