"""Make gamma_gamma_grid.json: the Gamma-Gamma likelihood, its derivatives and expected spend.

Run `python tests/golden/make_gamma_gamma_grid.py` (needs python-flint and mpmath).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import TypeVar

import mpmath
from bgnbd_design import deck, log_uniform
from flint import arb, arb_series
from precision import (
    agreement,
    certified,
    derivative_by_differences,
    log_gamma_integral,
    natural_derivatives,
    settled,
    to_double,
)
from table import Result, Row, derivative_names, made_by, run, write_json

Number = TypeVar("Number", arb, arb_series)

HERE = Path(__file__).parent
PARAMETERS = ("p", "q", "v")
LEVELS = (0.05, 0.2, 0.5, 0.9, 1.0, 1.05, 1.5, 6.25, 50.0, 200.0, 1000.0)
CDNOW = (6.25, 3.744, 15.444)
COUNTS = (1, 2, 3, 10, 100, 1000, 10000)
VALUES = (1e-3, 0.1, 1.0, 10.0, 36.7, 1e3, 1e6)
CHECK_BITS = 90
DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. p, q, v: parameters; x: repeat purchases, m: their "
    "mean value.",
    "log_likelihood": "lnG(p x+q) - lnG(p x) - lnG(q) + q ln v + (p x-1) ln m + p x ln x "
    "- (p x+q) ln(v+x m)",
    "d_i": "derivative of log_likelihood in the natural parameter i",
    "d_i_j": "its second derivative in i and j, upper triangle in the order p, q, v",
    "expected_spend": "p (v+x m)/(p x+q-1); null where q <= 1, where the mean does not exist",
}


def log_likelihood(parameters: Sequence[Number], x: int, m: arb) -> Number:
    p, q, v = parameters
    shape = p * x
    gammas = (shape + q).lgamma() - shape.lgamma() - q.lgamma()
    powers = q * v.log() + (shape - 1) * m.log() + shape * arb(x).log()
    return gammas + powers - (shape + q) * (v + x * m).log()


def log_likelihood_by_mixing(parameters: Sequence[arb], x: int, m: arb) -> arb:
    """m given nu is Gamma(p x, rate nu x), nu ~ Gamma(q, rate v); nu integrated numerically."""
    p, q, v = parameters
    shape = p * x
    density = shape * arb(x).log() + (shape - 1) * m.log() - shape.lgamma()
    posterior = log_gamma_integral(shape + q, v + x * m, CHECK_BITS)
    return density + posterior - log_gamma_integral(q, v, CHECK_BITS)


def spend_by_mixing(parameters: Sequence[arb], x: int, m: arb) -> arb:
    """E[p / nu] over the posterior of nu, both integrals done numerically."""
    p, q, v = parameters
    shape, rate = p * x + q, v + x * m
    below = log_gamma_integral(shape - 1, rate, CHECK_BITS)
    return p * (below - log_gamma_integral(shape, rate, CHECK_BITS)).exp()


def customer(job: tuple[int, Row]) -> Result:
    index, row = job
    point, x, m = [arb(row[name]) for name in PARAMETERS], int(row["x"]), arb(row["m"])
    p, q, v = point
    likelihood = settled(lambda: log_likelihood(point, x, m))
    found = natural_derivatives(lambda moved: log_likelihood(moved, x, m), point)
    values = {"log_likelihood": likelihood}
    values |= dict(zip(derivative_names(PARAMETERS), found, strict=True))
    mixed = log_likelihood_by_mixing(point, x, m)
    digits = {"log-likelihood: closed form / mixing integral": agreement(mixed, likelihood)}
    if index % 4 == 0:
        pairs = zip(derivative_names(PARAMETERS), found, strict=True)
        worst = min(agreement(by_differences(row, name, value), value) for name, value in pairs)
        digits["derivatives: Taylor series / finite differences"] = worst
    outputs: Row = {name: to_double(value) for name, value in values.items()}
    outputs["expected_spend"] = None
    if q > 1:
        spend = certified(lambda: p * (v + x * m) / (p * x + q - 1))
        outputs["expected_spend"] = to_double(spend)
        check = agreement(spend_by_mixing(point, x, m), spend)
        digits["expected spend: closed form / posterior mean"] = check
    return outputs, digits


def by_differences(row: Row, name: str, size: arb) -> arb:
    """The derivative called `name` with mpmath's own gamma functions."""
    x, m = row["x"], mpmath.mpf(row["m"])

    def value(p: mpmath.mpf, q: mpmath.mpf, v: mpmath.mpf) -> mpmath.mpf:
        share = x * m / (v + x * m)
        rest = p * x * mpmath.log(share) + q * mpmath.log(1 - share) - mpmath.log(m)
        gammas = mpmath.loggamma(p * x) + mpmath.loggamma(q) - mpmath.loggamma(p * x + q)
        return rest - gammas

    order = tuple(name.split("_")[1:].count(parameter) for parameter in PARAMETERS)
    return derivative_by_differences(value, [row[key] for key in PARAMETERS], order, size)


def design(seed: int) -> list[Row]:
    """Corners twice over, balanced levels, the CDNOW estimates, log-uniform interior."""
    rng = Random(seed)
    levels = [deck(LEVELS, rng) for _ in PARAMETERS]
    points = 2 * rng.sample(list(product((0.05, 1.0, 1000.0), repeat=3)), 27)
    points += [tuple(next(level) for level in levels) for _ in range(46)]
    points += [CDNOW] * 16
    corners = len(points)
    points += [tuple(log_uniform(rng, -1.3, 3) for _ in PARAMETERS) for _ in range(36)]
    counts, values = deck(COUNTS, rng), deck(VALUES, rng)
    rows: list[Row] = []
    for index, point in enumerate(points):
        x, m = next(counts), next(values)
        if index >= corners:
            x, m = int(10 ** rng.uniform(0, 4)), log_uniform(rng, -3, 6)
        row = {**dict(zip(PARAMETERS, point, strict=True)), "x": x, "m": m}
        rows += [row] if row not in rows else []
    return rows


def main() -> None:
    content: dict[str, object] = {"made_by": made_by(__file__), "definition": DEFINITION}
    content |= run("gamma_gamma", customer, design(seed=6))
    write_json(HERE / "gamma_gamma_grid.json", content)


if __name__ == "__main__":
    main()
