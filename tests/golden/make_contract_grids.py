"""Make sbg_grid.json and bdw_grid.json: the contractual models to 50 digits, rounded to doubles.

Run `python tests/golden/make_contract_grids.py` (needs python-flint and mpmath); with an argument,
`sbg` or `bdw`, it makes that one only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import mpmath
from discrete_design import DiscreteDesign, rows_of
from discrete_exact import Geometric, Weibull, log_survival, log_survival_by_mixing
from flint import arb, arb_series
from precision import (
    agreement,
    certified,
    derivative_by_differences,
    natural_derivatives,
    settled,
    to_double,
)
from table import Result, Row, derivative_names, made_by, run, write_json

Number = TypeVar("Number", arb, arb_series)

HERE = Path(__file__).parent
SUM_BITS = 120
CHECK_BITS = 90
FEW_TERMS = 4000

COMMON = {
    "inputs": "IEEE doubles, taken exactly. x: renewals, out of T opportunities (x = T: still "
    "active, otherwise gone at opportunity x+1); t: whole number of opportunities; H: horizon, "
    "also whole, null = infinite; delta: rate per opportunity.",
    "log_likelihood": "ln S(x) if x = T, else ln(S(x)-S(x+1))",
    "p_alive": "1 if x = T, else 0",
    "expected_given_alive": "sum of S(T+j)/S(T), j = 1..t",
    "expected_purchases": "p_alive * expected_given_alive",
    "discounted_given_alive": "sum of exp(-delta j) S(T+j)/S(T), j = 1..H",
    "discounted_purchases": "p_alive * discounted_given_alive",
    "mean_purchases": "sum of S(j), j = 1..t",
    "pmf": "P(n renewals in t opportunities): S(n)-S(n+1) for n < t, S(t) for n = t",
    "d_i": "derivative of log_likelihood in the natural parameter i",
    "underflow": "values below 1e-300 are stored as 0",
}
S = {"sbg": "S(t) = B(alpha,beta+t)/B(alpha,beta)", "bdw": "S(t) = B(alpha,beta+t^c)/B(alpha,beta)"}
NAMES = {"sbg": ("alpha", "beta"), "bdw": ("alpha", "beta", "c")}


def point_of(row: Row) -> list[arb]:
    return [arb(row[name]) for name in ("alpha", "beta", "c") if name in row]


def power(point: Sequence[Number], t: int) -> Number:
    if t == 0 or len(point) == 2:
        return arb(t)
    return (point[2] * arb(t).log()).exp()


def log_chance(point: Sequence[Number], x: int, left: bool) -> Number:
    """Log-probability of exactly x renewals, or of x at least."""
    now = log_survival(point[:2], power(point, x))
    if not left:
        return now
    following = log_survival(point[:2], power(point, x + 1))
    return now + (1 - (following - now).exp()).log()


def chance_by_mixing(point: Sequence[arb], x: int, left: bool) -> arb:
    """That probability with the integrals over theta done numerically."""
    bits = CHECK_BITS + 40
    now = log_survival_by_mixing(*point[:2], power(point, x), bits).exp()
    if not left:
        return now
    return now - log_survival_by_mixing(*point[:2], power(point, x + 1), bits).exp()


def renewals(row: Row, age: int, rate: arb, last: int | None, check: bool) -> Result:
    """The discounted sum from age on, last = None for ever, by two routes at least."""
    found = _geometric if "c" not in row else _weibull
    value, digits = found(point_of(row), age, rate, last, check)
    return value, {f"sum: {name}": agreement(other, value) for name, other in digits.items()}


def _geometric(
    point: Sequence[arb], age: int, rate: arb, last: int | None, check: bool
) -> tuple[arb, dict[str, arb]]:
    customer, others = Geometric(point[0], point[1] + age), {}
    if last is not None and rate == 0:
        value = certified(lambda: customer.expected_closed(last))
        if last < 20_000 or check:
            others["telescoped / term by term"] = certified(lambda: customer.direct(rate, last))
    else:
        value = customer.discounted(rate, last, SUM_BITS)
        if last is not None and last <= FEW_TERMS:
            by_parts = certified(lambda: customer.by_parts(rate, last), CHECK_BITS)
            others["term by term / by parts"] = by_parts
    if rate > 0 or (rate == 0 and check):
        over_theta = customer.over_theta(rate, last, CHECK_BITS)
        others["over theta / sum or 2F1"] = over_theta
    return value, others


def _weibull(
    point: Sequence[arb], age: int, rate: arb, last: int | None, check: bool
) -> tuple[arb, dict[str, arb]]:
    customer, others = Weibull(*point, age), {}
    by_integral = partial(customer.euler_maclaurin, rate, last)
    if last is not None and last <= FEW_TERMS:
        value = certified(lambda: customer.direct(rate, 1, last))
        if last > 128:
            others["direct / Euler-Maclaurin"] = by_integral(CHECK_BITS, 40, 18)
        elif last <= 10:
            others["direct / integrals over theta"] = _few_by_mixing(customer, rate, last)
    else:
        value = by_integral(SUM_BITS, 64, 24)
        others["Euler-Maclaurin / the same cut elsewhere"] = by_integral(CHECK_BITS, 201, 16)
        if last is None and rate >= 0.01:
            direct = customer.direct_for_ever(rate, 80)
            others["direct / Euler-Maclaurin"] = direct
        elif last is not None and check:
            others["direct / Euler-Maclaurin"] = customer.direct(rate, 1, last)
    if point[2] == 1:
        geometric = Geometric(point[0], point[1] + age)
        others["c = 1 / 2F1 of the sBG"] = geometric.discounted(rate, last, SUM_BITS)
    return value, others


def _few_by_mixing(customer: Weibull, rate: arb, last: int) -> arb:
    """Each survival probability integrated over theta."""
    point, total = (customer.a, customer.b, customer.c), arb(0)
    before = log_survival_by_mixing(*point[:2], power(point, customer.age), CHECK_BITS)
    for j in range(1, last + 1):
        now = log_survival_by_mixing(*point[:2], power(point, customer.age + j), CHECK_BITS)
        total += (now - before - rate * j).exp()
    return total


def customer(job: tuple[int, Row]) -> Result:
    index, row = job
    point, x, age = point_of(row), row["x"], row["T"]
    likelihood = settled(lambda: log_chance(point, x, x < age))
    given, digits = renewals(row, age, arb(0), row["t"], index % 25 == 0)
    digits = {name.replace("sum:", "expected:"): value for name, value in digits.items()}
    if index % 2 == 0:
        mixed = chance_by_mixing(point, x, x < age)
        check = agreement(mixed, likelihood.exp())
        digits["likelihood: closed form / integral over theta"] = check
    p_alive = float(x == age)
    values = {
        "log_likelihood": to_double(likelihood),
        "p_alive": p_alive,
        "expected_purchases": to_double(given * p_alive),
        "expected_given_alive": to_double(given),
    }
    return values, digits


def discounted(job: tuple[int, Row]) -> Result:
    index, row = job
    given, digits = renewals(row, row["T"], arb(row["delta"]), row["H"], index % 10 == 0)
    digits = {name.replace("sum:", "discounted:"): value for name, value in digits.items()}
    p_alive = float(row["x"] == row["T"])
    values = {"discounted_purchases": given * p_alive, "discounted_given_alive": given}
    return {name: to_double(value) for name, value in values.items()}, digits


def mean(job: tuple[int, Row]) -> Result:
    index, row = job
    value, digits = renewals(row, 0, arb(0), row["t"], index % 10 == 0)
    digits = {name.replace("sum:", "mean:"): value for name, value in digits.items()}
    return {"mean_purchases": to_double(value)}, digits


def pmf(job: tuple[int, Row]) -> Result:
    _, row = job
    point, n, t = point_of(row), row["n"], row["t"]
    value = settled(lambda: log_chance(point, n, n < t))
    mixed = chance_by_mixing(point, n, n < t)
    digits = {"pmf: closed form / integral over theta": agreement(mixed, value.exp())}
    return {"pmf": to_double(value.exp()), "log_pmf": to_double(value)}, digits


def derivatives(job: tuple[int, Row]) -> Result:
    index, row = job
    point, x, left = point_of(row), row["x"], row["x"] < row["T"]
    names = NAMES["bdw" if "c" in row else "sbg"]
    found = natural_derivatives(lambda moved: log_chance(moved, x, left), point)
    values = dict(zip(derivative_names(names), found, strict=True))
    digits = {}
    if index % 3 == 0:
        worst = min(
            agreement(by_differences(row, names, name, value), value)
            for name, value in values.items()
        )
        digits["derivatives: Taylor series / finite differences"] = worst
    return {name: to_double(value) for name, value in values.items()}, digits


def by_differences(row: Row, names: Sequence[str], name: str, size: arb) -> arb:
    """The derivative called `name` with mpmath's own gamma functions."""
    x, left = row["x"], row["x"] < row["T"]

    def log_survival(
        alpha: mpmath.mpf, beta: mpmath.mpf, c: mpmath.mpf | int, t: int
    ) -> mpmath.mpf:
        with mpmath.extradps(30):
            moved = beta + mpmath.mpf(t) ** c
            found = mpmath.loggamma(moved) - mpmath.loggamma(alpha + moved)
            return found + mpmath.loggamma(alpha + beta) - mpmath.loggamma(beta)

    def value(alpha: mpmath.mpf, beta: mpmath.mpf, c: mpmath.mpf | int = 1) -> mpmath.mpf:
        now = log_survival(alpha, beta, c, x)
        if not left:
            return now
        return now + mpmath.log(-mpmath.expm1(log_survival(alpha, beta, c, x + 1) - now))

    order = tuple(name.split("_")[1:].count(parameter) for parameter in names)
    return derivative_by_differences(value, [row[key] for key in names], order, size)


def make(model: str) -> None:
    def design(seed: int) -> DiscreteDesign:
        if model == "sbg":
            return DiscreteDesign(seed, NAMES["sbg"], (0.668, 3.806))
        return DiscreteDesign(seed, NAMES["sbg"], (0.2593, 1.7225), shape="c")

    parameters, contract = DiscreteDesign.parameters, DiscreteDesign.contract
    period, count = DiscreteDesign.period, DiscreteDesign.count
    person = (parameters, contract)
    work = {
        "derivatives": (derivatives, rows_of(60, design(25), *person)),
        "pmf": (pmf, rows_of(80, design(24), parameters, count)),
        "mean_purchases": (mean, rows_of(60, design(23), parameters, period)),
        "discounted": (
            discounted,
            rows_of(120, design(22), *person, lambda d, _: d.discounting()),
        ),
        "customers": (customer, rows_of(200, design(21), *person, period)),
    }
    order = ", ".join(NAMES[model])
    definition = {
        **COMMON,
        "S": S[model],
        "d_i_j": f"its second derivative in i and j, upper triangle in the order {order}",
    }
    content: dict[str, object] = {"made_by": made_by(__file__), "definition": definition}
    print(f"{model}:", flush=True)
    for section, (compute, rows) in work.items():
        content[section] = run(section, compute, rows, processes=1)
    write_json(HERE / f"{model}_grid.json", content)


def main() -> None:
    for model in sys.argv[1:] or ("sbg", "bdw"):
        make(model)


if __name__ == "__main__":
    main()
