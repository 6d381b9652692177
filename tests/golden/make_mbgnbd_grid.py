"""Make mbgnbd_grid.json: MBG/NBD to 50 digits, rounded to doubles.

Run `python tests/golden/make_mbgnbd_grid.py` (needs python-flint and mpmath). Alive customers are
those of the BG/NBD with another b: lambda ~ Gamma(r + x, alpha + T) and p ~ Beta(a, b + x + 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import mpmath
from bgnbd_design import Design, distinct
from bgnbd_exact import Alive, Dropout, History
from flint import acb, arb, arb_series
from precision import (
    GOAL_BITS,
    NotCertified,
    agreement,
    certified,
    derivative_by_differences,
    log_beta,
    log_gamma_integral,
    natural_derivatives,
    settled,
    to_double,
)
from table import Result, Row, derivative_names, made_by, run, write_json

Number = TypeVar("Number", arb, arb_series)

HERE = Path(__file__).parent
PARAMETERS = ("r", "alpha", "a", "b")
QUADRATURE_BITS = 120
CHECK_BITS = 90

DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. r, alpha, a, b: parameters; x, t_x, T: whole repeat "
    "purchases, time of the last, age; t: period; H: horizon, null = infinite; delta: rate.",
    "log_likelihood": "ln[B(a,b+x+1)/B(a,b) G(r+x) alpha^r/(G(r) (alpha+T)^(r+x)) + "
    "B(a+1,b+x)/B(a,b) G(r+x) alpha^r/(G(r) (alpha+t_x)^(r+x))]",
    "p_alive": "first term of that sum / the sum; log_p_alive is its natural logarithm",
    "expected_given_alive": "E_p[(1-(1+p u)^-(r+x))/p], p ~ Beta(a,b+x+1), u = t/(alpha+T)",
    "expected_purchases": "p_alive * expected_given_alive",
    "discounted_given_alive": "E[lambda/m (1-exp(-m H))], m = delta+p lambda, lambda ~ "
    "Gamma(r+x, rate alpha+T), p ~ Beta(a,b+x+1)",
    "discounted_purchases": "p_alive * discounted_given_alive",
    "mean_purchases": "E_p[(1-p)(1-(alpha/(alpha+p t))^r)/p], p ~ Beta(a,b)",
    "pmf": "P(X(t) = n) of a new customer, who may leave at time 0; log_pmf: its natural logarithm",
    "d_i": "derivative of log_likelihood in the natural parameter i",
    "d_i_j": "its second derivative in i and j, upper triangle in the order r, alpha, a, b",
    "underflow": "values below 1e-300 are stored as 0",
}


class ModifiedDesign(Design):
    """As for the BG/NBD, with the doubtful t_x where this model doubts."""

    def doubtful(self, parameters: Row, x: int, age: float) -> float:
        return super().doubtful(parameters | {"b": parameters["b"] + 1.0}, x, age)


def rows_of(size: int, seed: int, *parts: Callable[[Design, str], Row]) -> list[Row]:
    design = ModifiedDesign(seed)

    def build(kind: str) -> Row:
        row: Row = {}
        for part in parts:
            row |= part(design, kind)
        return row

    return distinct(size, build)


def exact(row: Row, *names: str) -> list[arb]:
    return [arb(row[name]) for name in names]


def log_branches(parameters: Sequence[Number], history: History) -> tuple[Number, Number]:
    """Log of the two terms of the likelihood: still there at T, or gone right after t_x."""
    r, alpha, a, b = parameters
    x, last, age = history
    common = (r + x).lgamma() - r.lgamma() + r * alpha.log() - log_beta(a, b)
    stayed = common + log_beta(a, b + (x + 1)) - (r + x) * (alpha + age).log()
    gone = common + log_beta(a + 1, b + x) - (r + x) * (alpha + last).log()
    return stayed, gone


def log_likelihood(parameters: Sequence[Number], history: History) -> Number:
    stayed, gone = log_branches(parameters, history)
    return stayed + (1 + (gone - stayed).exp()).log()


def log_p_alive(parameters: Sequence[arb], history: History) -> arb:
    stayed, gone = log_branches(parameters, history)
    return -(gone - stayed).exp().log1p()


def log_likelihood_by_mixing(parameters: Sequence[arb], history: History) -> arb:
    """The same from the individual likelihood, with both mixing integrals done numerically."""
    r, alpha, a, b = parameters
    x, last, age = history

    def buying(until: arb) -> arb:
        prior = log_gamma_integral(r, alpha, CHECK_BITS)
        return log_gamma_integral(r + x, alpha + until, CHECK_BITS) - prior

    stayed = Dropout(a, b + (x + 1)).log_mass(CHECK_BITS) + buying(age)
    gone = Dropout(a + 1, b + x).log_mass(CHECK_BITS) + buying(last)
    stayed += (1 + (gone - stayed).exp()).log()
    return stayed - Dropout(a, b).log_mass(CHECK_BITS)


def likelihood_arguments(row: Row) -> tuple[list[arb], History]:
    last, age = exact(row, "t_x", "T")
    return exact(row, *PARAMETERS), (int(row["x"]), last, age)


def alive(row: Row) -> tuple[Alive, arb]:
    """The customer if alive, and the unit of time alpha + T."""
    r, alpha, a, b, age = exact(row, *PARAMETERS, "T")
    x = int(row["x"])
    return Alive(r + x, a, b + (x + 1)), alpha + age


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
    if index % 3 == 0:
        mixed = log_likelihood_by_mixing(*arguments)
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
    u = t / alpha
    value = b / (a + b) * expected_given_alive(Alive(r, a, b + 1), lambda: t / alpha)
    given = Alive(r, a, b).given_dropout(u, CHECK_BITS)
    by_dropout = Dropout(a, b).mean(lambda p, an: (1 - p) * given(p, an), r * u, CHECK_BITS)
    digits = {"mean: closed form / integral over p": agreement(by_dropout, value)}
    return {"mean_purchases": to_double(value)}, digits


def pmf_factors(parameters: Sequence[arb], n: int, t: arb) -> tuple[arb, arb, arb]:
    """P(stays n + 1 times), P(leaves at chance n + 1), P(n purchases in t of one who stays)."""
    r, alpha, a, b = parameters
    log_count = (r + n).lgamma() - r.lgamma() - arb(n + 1).lgamma()
    log_count += r * (alpha / (alpha + t)).log() + n * (t / (alpha + t)).log()
    prior = log_beta(a, b)
    stays = (log_beta(a, b + (n + 1)) - prior).exp()
    return stays, (log_beta(a + 1, b + n) - prior).exp(), log_count.exp()


def pmf_by_sum(parameters: Sequence[arb], n: int, t: arb) -> arb:
    """P(at least n purchases) from the sum of what is below."""
    r, alpha, _, _ = parameters
    stays, leaves, count = pmf_factors(parameters, n, t)
    ratio, term, total = t / (alpha + t), (alpha / (alpha + t)) ** r, arb(0)
    for j in range(n):
        total += term
        term = term * ratio * (r + j) / (j + 1)
    return stays * count + leaves * (1 - total)


def pmf_by_beta(parameters: Sequence[arb], n: int, t: arb) -> arb:
    """The same with that probability as a regularised incomplete beta function."""
    r, alpha, _, _ = parameters
    stays, leaves, count = pmf_factors(parameters, n, t)
    at_least = (t / (alpha + t)).beta_lower(arb(n), r, regularized=1) if n > 0 else arb(1)
    return stays * count + leaves * at_least


def pmf_by_dropout(parameters: Sequence[arb], n: int, t: arb) -> arb:
    """The integral over p of the probability given p."""
    r, alpha, a, b = parameters
    _, _, count = pmf_factors(parameters, n, t)
    at_least = (t / (alpha + t)).beta_lower(arb(n), r, regularized=1) if n > 0 else arb(1)

    def given(p: acb, _: bool) -> acb:
        return (1 - p) ** n * ((1 - p) * count + p * at_least)

    return Dropout(a, b).mean(given, arb(1), CHECK_BITS)


def pmf(job: tuple[int, Row]) -> Result:
    index, row = job
    parameters, n, t = exact(row, *PARAMETERS), int(row["n"]), arb(row["t"])
    value = certified(lambda: pmf_by_sum(parameters, n, t))
    by_beta = certified(lambda: pmf_by_beta(parameters, n, t), CHECK_BITS)
    digits = {"pmf: finite sum / incomplete beta": agreement(by_beta, value)}
    if index % 3 == 0:
        by_dropout = pmf_by_dropout(parameters, n, t)
        digits["pmf: finite sum / integral over p"] = agreement(by_dropout, value)
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
        stayed = start + log_beta(a, b + x + 1) - (r + x) * mpmath.log(alpha + age)
        gone = start + log_beta(a + 1, b + x) - (r + x) * mpmath.log(alpha + last)
        return gone + mpmath.log1p(mpmath.exp(stayed - gone))

    order = tuple(name.split("_")[1:].count(parameter) for parameter in PARAMETERS)
    return derivative_by_differences(value, [row[key] for key in PARAMETERS], order, size)


def main() -> None:
    person = Design.customer
    content: dict[str, object] = {"made_by": made_by(__file__), "definition": DEFINITION}
    work = {
        "derivatives": (derivatives, rows_of(60, 15, person)),
        "mean_purchases": (mean, rows_of(60, 13, Design.parameters, Design.period)),
        "pmf": (pmf, rows_of(80, 14, Design.parameters, lambda d, _: d.count(), Design.period)),
        "customers": (customer, rows_of(200, 11, person, Design.period)),
        "discounted": (discounted, rows_of(120, 12, person, lambda d, _: d.discounting())),
    }
    for section, (compute, rows) in work.items():
        content[section] = run(section, compute, rows, processes=1)
    write_json(HERE / "mbgnbd_grid.json", content)


if __name__ == "__main__":
    main()
