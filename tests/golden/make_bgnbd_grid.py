"""Make bgnbd_grid.json and bgnbd_derivatives.json: BG/NBD to 50 digits, rounded to doubles.

Run `python tests/golden/make_bgnbd_grid.py` (needs python-flint and mpmath). Prints, for every
cross-check, on how many rows it ran and the worst agreement in decimal digits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bgnbd_design as design
import mpmath
from bgnbd_exact import (
    Alive,
    History,
    log_likelihood,
    log_likelihood_by_mixing,
    log_p_alive,
    pmf_by_beta,
    pmf_by_sum,
)
from flint import arb
from precision import (
    GOAL_BITS,
    NotCertified,
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
QUADRATURE_BITS = 120
CHECK_BITS = 90

GRID_DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. r, alpha, a, b: parameters; x, t_x, T: whole repeat "
    "purchases, time of the last, age; t: period; H: horizon, null = infinite; delta: rate.",
    "log_likelihood": "ln[B(a,b+x)/B(a,b) G(r+x) alpha^r/(G(r) (alpha+T)^(r+x)) + (x>0) "
    "B(a+1,b+x-1)/B(a,b) G(r+x) alpha^r/(G(r) (alpha+t_x)^(r+x))]",
    "p_alive": "first term of that sum / the sum; log_p_alive is its natural logarithm",
    "expected_given_alive": "E_p[(1-(1+p u)^-(r+x))/p], p ~ Beta(a,b+x), u = t/(alpha+T)",
    "expected_purchases": "p_alive * expected_given_alive",
    "discounted_given_alive": "E[lambda/m (1-exp(-m H))], m = delta+p lambda, lambda ~ "
    "Gamma(r+x, rate alpha+T), p ~ Beta(a,b+x)",
    "discounted_purchases": "p_alive * discounted_given_alive",
    "mean_purchases": "E_p[(1-(alpha/(alpha+p t))^r)/p], p ~ Beta(a,b)",
    "pmf": "P(X(t) = n), Fader, Hardie, Lee (2005) eq. 8; log_pmf is its natural logarithm",
    "underflow": "values below 1e-300 are stored as 0",
}
DERIVATIVES_DEFINITION = {
    "inputs": GRID_DEFINITION["inputs"],
    "d_i": "derivative of log_likelihood (as in bgnbd_grid.json) in the natural parameter i",
    "d_i_j": "its second derivative in i and j, upper triangle in the order r, alpha, a, b",
    "underflow": GRID_DEFINITION["underflow"],
}


def exact(row: Row, *names: str) -> list[arb]:
    """The doubles of a row as exact balls."""
    return [arb(row[name]) for name in names]


def likelihood_arguments(row: Row) -> tuple[list[arb], History]:
    last, age = exact(row, "t_x", "T")
    return exact(row, *PARAMETERS), (int(row["x"]), last, age)


def alive(row: Row) -> tuple[Alive, arb]:
    """The customer if alive, and the unit of time alpha + T."""
    r, alpha, a, b, age = exact(row, *PARAMETERS, "T")
    x = int(row["x"])
    return Alive(r + x, a, b + x), alpha + age


def expected_given_alive(person: Alive, period: Callable[[], arb]) -> arb:
    """Closed form; where Arb cannot certify it, the rigorous integral over p."""
    try:
        return certified(lambda: person.expected_closed()(period()), limit=8000)
    except NotCertified:
        return certified(lambda: person.expected_over_dropout(period(), GOAL_BITS + 8))


def customer(job: tuple[int, Row]) -> Result:
    index, row = job
    arguments, (person, unit) = likelihood_arguments(row), alive(row)
    t = arb(row["t"])
    likelihood = settled(lambda: log_likelihood(*arguments))
    survival = settled(lambda: log_p_alive(*arguments))
    given = expected_given_alive(person, lambda: t / unit)
    by_dropout = person.expected_over_dropout(t / unit, CHECK_BITS)
    digits = {"expected: closed form / integral over p": agreement(by_dropout, given)}
    if index % 6 == 0:
        by_time = person.discounted_over_time(arb(0), t / unit, CHECK_BITS)
        digits["expected: closed form / integral over time"] = agreement(by_time, given)
    if index % 10 == 0:
        mixed = log_likelihood_by_mixing(*arguments, CHECK_BITS)
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
    arguments, (person, unit) = likelihood_arguments(row), alive(row)
    kappa = arb(row["delta"]) * unit
    h = None if row["H"] is None else arb(row["H"]) / unit
    p_alive = settled(lambda: log_p_alive(*arguments)).exp()
    given = person.discounted_over_time(kappa, h, QUADRATURE_BITS)
    digits = {}
    if index % 3 == 0:
        by_parts = person.discounted_by_parts(kappa, h, CHECK_BITS)
        digits["discounted: over time / by parts"] = agreement(by_parts, given)
    if index % 40 == 7 and row["delta"] > 0:
        over_both = person.discounted_over_both(kappa, h, CHECK_BITS - 10)
        digits["discounted: over time / over lambda and p"] = agreement(over_both, given)
    values = {"discounted_purchases": p_alive * given, "discounted_given_alive": given}
    return {name: to_double(value) for name, value in values.items()}, digits


def mean(job: tuple[int, Row]) -> Result:
    r, alpha, a, b, t = exact(job[1], *PARAMETERS, "t")
    newcomer = Alive(r, a, b)
    value = expected_given_alive(newcomer, lambda: t / alpha)
    by_dropout = newcomer.expected_over_dropout(t / alpha, CHECK_BITS)
    digits = {"mean: closed form / integral over p": agreement(by_dropout, value)}
    return {"mean_purchases": to_double(value)}, digits


def pmf(job: tuple[int, Row]) -> Result:
    _, row = job
    parameters, n, t = exact(row, *PARAMETERS), int(row["n"]), arb(row["t"])
    value = certified(lambda: pmf_by_sum(parameters, n, t))
    digits = {}
    if n > 0:
        by_beta = certified(lambda: pmf_by_beta(parameters, n, t), CHECK_BITS)
        digits["pmf: finite sum / incomplete beta"] = agreement(by_beta, value)
    return {"pmf": to_double(value), "log_pmf": to_double(value.log())}, digits


def derivatives(job: tuple[int, Row]) -> Result:
    index, row = job
    point, history = likelihood_arguments(row)
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
    x, last, age = row["x"], row["t_x"], row["T"]

    def log_beta(a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)

    def value(r: mpmath.mpf, alpha: mpmath.mpf, a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
        start = mpmath.loggamma(r + x) - mpmath.loggamma(r) + r * mpmath.log(alpha) - log_beta(a, b)
        stayed = start + log_beta(a, b + x) - (r + x) * mpmath.log(alpha + age)
        if x == 0:
            return stayed
        gone = start + log_beta(a + 1, b + x - 1) - (r + x) * mpmath.log(alpha + last)
        return gone + mpmath.log1p(mpmath.exp(stayed - gone))

    order = tuple(name.split("_")[1:].count(parameter) for parameter in PARAMETERS)
    return derivative_by_differences(value, [row[key] for key in PARAMETERS], order, size)


def main() -> None:
    rows = design.derivative_rows(150, seed=5)
    content: dict[str, object] = {
        "made_by": made_by(__file__),
        "definition": DERIVATIVES_DEFINITION,
    }
    content |= run("derivatives", derivatives, rows)
    write_json(HERE / "bgnbd_derivatives.json", content)
    content = {"made_by": made_by(__file__), "definition": GRID_DEFINITION}
    content["mean_purchases"] = run("mean_purchases", mean, design.mean_rows(150, seed=3))
    content["pmf"] = run("pmf", pmf, design.pmf_rows(150, seed=4))
    content["customers"] = run("customers", customer, design.customer_rows(1200, seed=1))
    content["discounted"] = run("discounted", discounted, design.discounted_rows(500, seed=2))
    write_json(HERE / "bgnbd_grid.json", content)


if __name__ == "__main__":
    main()
