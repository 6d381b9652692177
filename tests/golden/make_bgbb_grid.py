"""Make bgbb_grid.json: BG/BB to 50 digits, rounded to doubles.

Run `python tests/golden/make_bgbb_grid.py` (needs python-flint and mpmath). The sums of the
paper are taken term by term: all terms are positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import mpmath
from bgnbd_exact import Dropout
from discrete_design import DiscreteDesign, rows_of
from discrete_exact import Geometric
from flint import acb, acb_poly, arb, arb_series
from precision import (
    agreement,
    certified,
    derivative_by_differences,
    log_beta,
    natural_derivatives,
    settled,
    to_double,
)
from table import Result, Row, derivative_names, made_by, run, write_json

Number = TypeVar("Number", arb, arb_series)

HERE = Path(__file__).parent
PARAMETERS = ("alpha", "beta", "gamma", "delta")
ESTIMATES = (1.2036, 0.7497, 0.5667, 2.7834)
"""Of the donors in the paper, rounded."""
CHECK_BITS = 90
FEW_TERMS = 4000

DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. alpha, beta, gamma, delta: parameters; x, t_x, T: "
    "purchases, opportunity of the last, number of opportunities; t: whole number of further "
    "opportunities; H: horizon, also whole, null = infinite; rate: discount rate per opportunity.",
    "log_likelihood": "ln[B(alpha+x,beta+T-x)/B(alpha,beta) B(gamma,delta+T)/B(gamma,delta) + "
    "sum of B(alpha+x,beta+t_x-x+i)/B(alpha,beta) B(gamma+1,delta+t_x+i)/B(gamma,delta), "
    "i = 0..T-t_x-1]",
    "p_alive": "first term / the sum: alive at opportunity T; log_p_alive: its natural logarithm",
    "expected_given_alive": "(alpha+x)/(alpha+beta+T) times the sum of E[(1-theta)^j], j = 1..t, "
    "theta ~ Beta(gamma,delta+T)",
    "expected_purchases": "p_alive * expected_given_alive",
    "discounted_given_alive": "the same sum with exp(-rate j), j = 1..H",
    "discounted_purchases": "p_alive * discounted_given_alive",
    "mean_purchases": "E[X(t)] = alpha/(alpha+beta) times the sum of E[(1-theta)^j], j = 1..t, "
    "theta ~ Beta(gamma,delta)",
    "pmf": "P(X(t) = n), Fader, Hardie, Shang (2010) eq. 8; log_pmf: its natural logarithm",
    "d_i": "derivative of log_likelihood in the natural parameter i",
    "d_i_j": "its second derivative in i and j, upper triangle in the order "
    "alpha, beta, gamma, delta",
    "underflow": "values below 1e-300 are stored as 0",
}


def point_of(row: Row) -> list[arb]:
    return [arb(row[name]) for name in PARAMETERS]


def history(row: Row) -> tuple[int, int, int]:
    return row["x"], row["t_x"], row["T"]


def log_term(point: Sequence[Number], x: int, missed: int, until: int, left: bool) -> Number:
    """x purchases, `missed` opportunities not taken, and alive at `until` or gone just after."""
    alpha, beta, gamma, delta = point
    buying = log_beta(alpha + x, beta + missed) - log_beta(alpha, beta)
    return buying + log_beta(gamma + int(left), delta + until) - log_beta(gamma, delta)


def silence(point: Sequence[Number], last: int, x: int, terms: int) -> tuple[Number, Number]:
    """Log of the first of the terms of leaving, i = 0, and their sum relative to it."""
    alpha, beta, gamma, delta = point
    first = log_term(point, x, last - x, last, left=True)
    term = total = arb(1)
    for i in range(terms - 1):
        buying = (beta + (last - x + i)) / (alpha + beta + (last + i))
        term = term * (buying * (delta + (last + i)) / (gamma + delta + (last + i + 1)))
        total = total + term
    return first, total


def log_likelihood(point: Sequence[Number], history: tuple[int, int, int]) -> Number:
    x, last, age = history
    stayed = log_term(point, x, age - x, age, left=False)
    if age == last:
        return stayed
    first, total = silence(point, last, x, age - last)
    return stayed + (1 + (first - stayed).exp() * total).log()


def log_p_alive(point: Sequence[arb], history: tuple[int, int, int]) -> arb:
    x, last, age = history
    if age == last:
        return arb(0)
    first, total = silence(point, last, x, age - last)
    stayed = log_term(point, x, age - x, age, left=False)
    return -((first - stayed).exp() * total).log1p()


def polynomial_mean(dropout: Dropout, coefficients: list[arb]) -> arb:
    """E of sum of c_i (1 - p)^i over p ~ Beta, numerically and rigorously."""
    polynomial = acb_poly([acb(value) for value in coefficients])
    ceiling = sum(coefficients, arb(0))
    return dropout.mean(lambda p, _: polynomial(1 - p), ceiling, CHECK_BITS)


def likelihood_by_theta(point: Sequence[arb], history: tuple[int, int, int]) -> arb:
    """The leaving terms integrated over theta, purchases in closed form; the first term too."""
    alpha, beta, gamma, delta = point
    x, last, age = history
    prior = Dropout(gamma, delta).log_mass(CHECK_BITS)
    alive = Dropout(gamma, delta + age).log_mass(CHECK_BITS) - prior
    start = log_beta(alpha, beta)
    stayed = (alive + log_beta(alpha + x, beta + (age - x)) - start).exp()
    if age == last:
        return stayed
    terms = [(log_beta(alpha + x, beta + (last - x)) - start).exp()]
    for i in range(age - last - 1):
        terms.append(terms[-1] * (beta + (last - x + i)) / (alpha + beta + (last + i)))
    dropout = Dropout(gamma + 1, delta + last)
    left = (dropout.log_mass(CHECK_BITS) - prior).exp()
    return stayed + left * polynomial_mean(dropout, terms)


def likelihood_by_buying(point: Sequence[arb], history: tuple[int, int, int]) -> arb:
    """The same integrated over p, with theta in closed form."""
    alpha, beta, gamma, delta = point
    x, last, age = history
    prior = Dropout(alpha, beta).log_mass(CHECK_BITS)
    start = log_beta(gamma, delta)
    buying = Dropout(alpha + x, beta + (age - x)).log_mass(CHECK_BITS) - prior
    stayed = (buying + log_beta(gamma, delta + age) - start).exp()
    if age == last:
        return stayed
    terms = [(log_beta(gamma + 1, delta + last) - start).exp()]
    for i in range(age - last - 1):
        terms.append(terms[-1] * (delta + (last + i)) / (gamma + delta + (last + i + 1)))
    dropout = Dropout(alpha + x, beta + (last - x))
    bought = (dropout.log_mass(CHECK_BITS) - prior).exp()
    return stayed + bought * polynomial_mean(dropout, terms)


def expected(point: Sequence[arb], x: int, age: int, t: int) -> tuple[arb, dict[str, float]]:
    alpha, beta, gamma, delta = point
    person, buying = Geometric(gamma, delta + age), (alpha + x) / (alpha + beta + age)
    value = buying * certified(lambda: person.expected_closed(t))
    digits = {}
    if t < 20_000:
        direct = certified(lambda: person.direct(arb(0), t))
        digits["telescoped / term by term"] = agreement(buying * direct, value)
    return value, digits


def customer(job: tuple[int, Row]) -> Result:
    index, row = job
    point, past = point_of(row), history(row)
    likelihood = settled(lambda: log_likelihood(point, past))
    survival = settled(lambda: log_p_alive(point, past))
    given, found = expected(point, row["x"], row["T"], row["t"])
    digits = {f"expected: {name}": value for name, value in found.items()}
    if index % 2 == 0:
        by_theta = likelihood_by_theta(point, past)
        name = "likelihood: closed terms / integral over theta"
        digits[name] = agreement(by_theta, likelihood.exp())
    if index % 4 == 1:
        by_buying = likelihood_by_buying(point, past)
        digits["likelihood: closed terms / integral over p"] = agreement(
            by_buying, likelihood.exp()
        )
    if index % 8 == 0:
        person, buying = Geometric(point[2], point[3] + row["T"]), point[0] + row["x"]
        buying = buying / (point[0] + point[1] + row["T"])
        by_theta = buying * person.over_theta(arb(0), row["t"], CHECK_BITS)
        digits["expected: telescoped / integral over theta"] = agreement(by_theta, given)
    values = {
        "log_likelihood": likelihood,
        "log_p_alive": survival,
        "p_alive": survival.exp(),
        "expected_purchases": survival.exp() * given,
        "expected_given_alive": given,
    }
    return {name: to_double(value) for name, value in values.items()}, digits


def discounted(job: tuple[int, Row]) -> Result:
    _, row = job
    point, last, rate = point_of(row), row["H"], arb(row["rate"])
    alpha, beta, gamma, delta = point
    person = Geometric(gamma, delta + row["T"])
    buying = (alpha + row["x"]) / (alpha + beta + row["T"])
    given = buying * person.discounted(rate, last, 120)
    digits = {}
    if last is not None:
        by_parts = buying * certified(lambda: person.by_parts(rate, last), CHECK_BITS)
        digits["discounted: term by term / by parts"] = agreement(by_parts, given)
    if rate > 0:
        over_theta = buying * person.over_theta(rate, last, CHECK_BITS)
        digits["discounted: sum or 2F1 / integral over theta"] = agreement(over_theta, given)
    p_alive = settled(lambda: log_p_alive(point, history(row))).exp()
    values = {"discounted_purchases": p_alive * given, "discounted_given_alive": given}
    return {name: to_double(value) for name, value in values.items()}, digits


def mean(job: tuple[int, Row]) -> Result:
    _, row = job
    point = point_of(row)
    value, found = expected(point, 0, 0, row["t"])
    return {"mean_purchases": to_double(value)}, {f"mean: {n}": d for n, d in found.items()}


def pmf_terms(point: Sequence[arb], n: int, t: int) -> tuple[arb, arb, list[arb]]:
    """The chance of staying; the first chance of leaving, i = n, and the terms relative to it."""
    alpha, beta, gamma, delta = point
    choose = arb(t + 1).lgamma() - arb(n + 1).lgamma() - arb(t - n + 1).lgamma()
    stayed = (choose + log_term(point, n, t - n, t, left=False)).exp()
    if n == t:
        return stayed, arb(0), []
    first, terms = log_term(point, n, 0, n, left=True).exp(), [arb(1)]
    for i in range(n, t - 1):
        buying = arb(i + 1) / (i + 1 - n) * (beta + (i - n)) / (alpha + beta + i)
        terms.append(terms[-1] * buying * (delta + i) / (gamma + delta + (i + 1)))
    return stayed, first, terms


def pmf_by_sum(point: Sequence[arb], n: int, t: int) -> arb:
    stayed, first, terms = pmf_terms(point, n, t)
    return stayed + first * sum(terms, arb(0))


def pmf_by_theta(point: Sequence[arb], n: int, t: int) -> arb:
    """The leaving terms integrated over theta, purchases as beta-binomials."""
    alpha, beta, gamma, delta = point
    stayed, first, _ = pmf_terms(point, n, t)
    if n == t:
        return stayed
    coefficients = [arb(1)]
    for i in range(n, t - 1):
        ratio = arb(i + 1) / (i + 1 - n) * (beta + (i - n)) / (alpha + beta + i)
        coefficients.append(coefficients[-1] * ratio)
    dropout = Dropout(gamma + 1, delta + n)
    return stayed + first * polynomial_mean(dropout, coefficients)


def pmf_by_steps(point: Sequence[arb], n: int, t: int) -> arb:
    """By walking the opportunities: the predictive chance of each next step, for every count.

    Alive or gone, p and theta keep beta distributions given the path, and the count alone decides.
    """
    alpha, beta, gamma, delta = point
    alive, gone = [arb(1)], [arb(0)] * (t + 1)
    for i in range(t):
        stays = (delta + i) / (gamma + delta + i)
        following = [arb(0)] * (i + 2)
        for count, chance in enumerate(alive):
            gone[count] += chance * (1 - stays)
            buys = (alpha + count) / (alpha + beta + i)
            following[count + 1] += chance * stays * buys
            following[count] += chance * stays * (1 - buys)
        alive = following
    return alive[n] + gone[n]


def pmf(job: tuple[int, Row]) -> Result:
    index, row = job
    point, n, t = point_of(row), row["n"], row["t"]
    value = certified(lambda: pmf_by_sum(point, n, t))
    by_theta = pmf_by_theta(point, n, t)
    digits = {"pmf: closed terms / integral over theta": agreement(by_theta, value)}
    if t <= 60 or (t <= 400 and index % 4 == 0):
        by_steps = certified(lambda: pmf_by_steps(point, n, t), CHECK_BITS)
        digits["pmf: closed terms / walking the opportunities"] = agreement(by_steps, value)
    return {"pmf": to_double(value), "log_pmf": to_double(value.log())}, digits


def derivatives(job: tuple[int, Row]) -> Result:
    index, row = job
    point, past = point_of(row), history(row)
    found = natural_derivatives(lambda moved: log_likelihood(moved, past), point)
    values = dict(zip(derivative_names(PARAMETERS), found, strict=True))
    digits = {}
    if index % 4 == 0 and row["T"] - row["t_x"] <= 50:
        worst = min(
            agreement(by_differences(row, name, value), value) for name, value in values.items()
        )
        digits["derivatives: Taylor series / finite differences"] = worst
    return {name: to_double(value) for name, value in values.items()}, digits


def by_differences(row: Row, name: str, size: arb) -> arb:
    """The derivative called `name` with mpmath's own gamma functions, term by term."""
    x, last, age = history(row)

    def log_beta(a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)

    def value(
        alpha: mpmath.mpf, beta: mpmath.mpf, gamma: mpmath.mpf, delta: mpmath.mpf
    ) -> mpmath.mpf:
        first = log_beta(alpha + x, beta + age - x) + log_beta(gamma, delta + age)
        rest = mpmath.mpf(0)
        for i in range(age - last):
            buying = log_beta(alpha + x, beta + last - x + i)
            rest += mpmath.exp(buying + log_beta(gamma + 1, delta + last + i) - first)
        return first + mpmath.log1p(rest) - log_beta(alpha, beta) - log_beta(gamma, delta)

    order = tuple(name.split("_")[1:].count(parameter) for parameter in PARAMETERS)
    return derivative_by_differences(value, [row[key] for key in PARAMETERS], order, size)


def main() -> None:
    def design(seed: int) -> DiscreteDesign:
        return DiscreteDesign(seed, PARAMETERS, ESTIMATES)

    parameters, purchases = DiscreteDesign.parameters, DiscreteDesign.purchases
    period, count = DiscreteDesign.period, DiscreteDesign.count
    person = (parameters, purchases)
    work = {
        "derivatives": (derivatives, rows_of(60, design(35), *person)),
        "pmf": (pmf, rows_of(80, design(34), parameters, count)),
        "mean_purchases": (mean, rows_of(60, design(33), parameters, period)),
        "discounted": (
            discounted,
            rows_of(120, design(32), *person, lambda d, _: d.discounting("rate")),
        ),
        "customers": (customer, rows_of(200, design(31), *person, period)),
    }
    content: dict[str, object] = {"made_by": made_by(__file__), "definition": DEFINITION}
    for section, (compute, rows) in work.items():
        content[section] = run(section, compute, rows, processes=1)
    write_json(HERE / "bgbb_grid.json", content)


if __name__ == "__main__":
    main()
