"""Make counts_ahead_grid.json: P(at least n purchases in a time t | alive), in 50-digit arithmetic.

Run `python tests/golden/make_counts_ahead_grid.py` (needs mpmath). Other routes than the library's:

* BG/NBD and its sisters: the integral over the rate lambda, with the phase unknown inside, and the
  integral over p; the library has incomplete beta functions for each phase.
* Pareto/NBD, GGompertz/NBD: the mean over the time of leaving of the chance not to have bought
  less by then; the library integrates over the time of the n-th purchase.
* BG/BB: the sum over lives of that over numbers of purchases, from n up; the library sums over the
  opportunity of the n-th purchase.
* sBG, BdW: ratios of gamma functions.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp

Row = dict[str, Any]
Number = Any  # mpmath has no types
DIGITS = 50

DEFINITION = {
    "inputs": "IEEE doubles, taken exactly. values: parameters in order, k of the models that have "
    "one last; x, t_x, T: history; n: purchases; t: time ahead.",
    "tail": "P(at least n purchases in (T, T+t] | alive at T)",
}


def over_gamma(shape: Number, rate: Number, function: Callable[[Number], Number]) -> Number:
    """Integrate a function times lambda^(shape - 1) e^(-rate lambda), by steps in ln lambda.

    The integrand is analytic and falls on both sides, so that the error is beyond all powers of the
    step; it stops where 130 nats are lost.
    """
    step = mp.mpf(1) / 40 / max(1, mp.sqrt(shape / 16))
    middle = mp.log(shape / rate)

    def term(i: int) -> Number:
        z = mp.exp(middle + i * step)
        return mp.exp(shape * i * step - rate * z + shape) * function(z)

    total, floor = term(0), mp.exp(-130)
    for way in (1, -1):
        i, last = way, mp.mpf(1)
        while last > floor * total or way * i < 40:
            last = term(i)
            total += last
            i += way
    return total * step * mp.exp(shape * (middle - 1))


def over_beta(a: Number, b: Number) -> Number:
    """Integrate p^(a-1) (1-p)^(b-1), in powers of p and of 1 - p that leave no pole."""

    def half(a: Number, b: Number) -> Number:
        end = mp.mpf(0.5) ** a
        return mp.quad(lambda q: (1 - q ** (1 / a)) ** (b - 1), mp.linspace(0, end, 9)) / a

    return half(a, b) + half(b, a)


def beta_dropout(values: list[float], k: int, first: int, row: Row) -> Number:
    r, alpha, a, b = map(mp.mpf, values)
    x, n = int(row["x"]), int(row["n"])
    silent, T, t = mp.mpf(row["T"]) - mp.mpf(row["t_x"]), mp.mpf(row["T"]), mp.mpf(row["t"])

    def phases(z: Number) -> list[Number]:
        return [(z * silent) ** j / mp.factorial(j) for j in range(k)]

    def bought(z: Number) -> Number:
        come = (mp.gammainc(n * k - j, 0, z * t, regularized=True) for j in range(k))
        return mp.fsum(w * c for w, c in zip(phases(z), come, strict=True))

    shape, rate = r + k * x, alpha + T
    there = mp.fsum(
        mp.gamma(shape + j) / rate ** (shape + j) * silent**j / mp.factorial(j) for j in range(k)
    )
    stays = over_beta(a, b + x + first + n - 1) / over_beta(a, b + x + first)
    return over_gamma(shape, rate, bought) / there * stays


def lifetime(values: list[float], row: Row) -> Number:
    """(r, alpha, s, beta) of Pareto/NBD or (r, alpha, b, s, beta) of GGompertz/NBD."""
    r, alpha, s, beta = map(mp.mpf, (*values[:2], *values[-2:]))
    b = mp.mpf(values[2]) if len(values) == 5 else None
    n, T, t = int(row["n"]), mp.mpf(row["T"]), mp.mpf(row["t"])
    k, rate = r + int(row["x"]), alpha + T

    def level(y: Number) -> Number:
        return beta + T + y if b is None else beta + mp.expm1(b * (T + y))

    def there(y: Number) -> Number:
        return (level(mp.mpf(0)) / level(y)) ** s

    def come(y: Number) -> Number:
        fewer, term, share = mp.mpf(0), (rate / (rate + y)) ** k, y / (rate + y)
        for m in range(n):
            fewer += term
            term *= (k + m) / (m + 1) * share
        return 1 - fewer

    def leaving(y: Number) -> Number:
        growth = mp.mpf(1) if b is None else b * mp.exp(b * (T + y))
        return s * growth / level(y) * there(y)

    points = [t * mp.mpf(j) / 12 for j in range(13)]
    points[1:1] = [points[1] / 256, points[1] / 32, points[1] / 8]
    return mp.quad(lambda y: leaving(y) * come(y), points) + there(t) * come(t)


def bgbb(values: list[float], row: Row) -> Number:
    a, b, c, d = map(mp.mpf, values)
    x, T, n, t = (int(row[name]) for name in ("x", "T", "n", "t"))
    a, b, d = a + x, b + T - x, d + T

    def stays(life: int) -> Number:
        return mp.beta(c, d + life) / mp.beta(c, d)

    def bought(life: int) -> Number:
        ways = (mp.binomial(life, m) * mp.beta(a + m, b + life - m) for m in range(n, life + 1))
        return mp.fsum(ways) / mp.beta(a, b)

    lives = ((stays(v) - (stays(v + 1) if v < t else 0)) * bought(v) for v in range(n, t + 1))
    return mp.fsum(lives) if n else mp.mpf(1)


def renewals(values: list[float], row: Row) -> Number:
    a, b, c = (mp.mpf(v) for v in ([*values, 1.0])[:3])
    if row["n"] > row["t"]:
        return mp.mpf(0)
    T, end = mp.mpf(row["T"]), mp.mpf(row["T"]) + int(row["n"])
    return mp.beta(a, b + end**c) / mp.beta(a, b + (T**c if T else 0))


ROUTES: dict[str, Callable[[list[float], Row], Number]] = {
    "BGNBD": lambda v, row: beta_dropout(v, 1, 0, row),
    "MBGNBD": lambda v, row: beta_dropout(v, 1, 1, row),
    "BGCNBD": lambda v, row: beta_dropout(v[:4], int(v[4]), 0, row),
    "MBGCNBD": lambda v, row: beta_dropout(v[:4], int(v[4]), 1, row),
    "ParetoNBD": lifetime,
    "GGompertzNBD": lifetime,
    "BGBB": bgbb,
    "SBG": renewals,
    "BDW": renewals,
}

MODELS = {
    "BGNBD": [[0.243, 4.414, 0.793, 2.426], [3.0, 40.0, 0.05, 0.2], [0.02, 1.0, 4.0, 90.0]],
    "MBGNBD": [[0.5248, 6.1831, 0.8914, 1.614]],
    "BGCNBD": [[0.5, 1.5, 0.9, 2.6, 4], [1.5, 3.0, 0.3, 2.0, 2]],
    "MBGCNBD": [[0.5, 1.5, 0.9, 2.6, 3]],
    "ParetoNBD": [[0.553, 10.578, 0.606, 11.669], [2.0, 30.0, 3.0, 0.5]],
    "GGompertzNBD": [
        [0.55, 10.5, 0.02, 0.5, 0.4],
        [0.55, 10.5, 0.1, 0.6, 2.0],
        [1.0, 5.0, 0.2, 0.8, 5000.0],
    ],
    "BGBB": [[1.204, 0.75, 0.657, 2.783], [0.3, 4.0, 0.1, 9.0]],
    "SBG": [[0.668, 3.806]],
    "BDW": [[0.704, 1.182, 1.5], [0.26, 1.7, 0.6]],
}
HISTORIES = [(0, 0.0, 0.0), (2, 30.4375, 38.875), (40, 36.0, 38.875)]
PERIODS = [(0, 0, 0), (3, 5, 12), (30, 40, 40)]
RENEWED = [(0, 0, 0), (3, 3, 3), (40, 40, 40)]
AHEAD = [(1, 0.5), (2, 39.0), (9, 39.0), (60, 39.0), (7, 520.0)]
OPPORTUNITIES = [(1, 1.0), (1, 12.0), (5, 12.0), (40, 60.0), (13, 12.0)]


def rows_of(name: str) -> list[Row]:
    discrete = name in ("BGBB", "SBG", "BDW")
    histories = {"BGBB": PERIODS}.get(name, RENEWED if discrete else HISTORIES)
    ahead = OPPORTUNITIES if discrete else AHEAD
    return [
        {"model": name, "values": values, "x": x, "t_x": t_x, "T": T, "n": n, "t": t}
        for values, (x, t_x, T), (n, t) in itertools.product(MODELS[name], histories, ahead)
    ]


def main() -> None:
    rows = []
    for name, route in ROUTES.items():
        own = rows_of(name)
        for row in own:
            with mp.workdps(DIGITS):
                row["tail"] = float(route(row["values"], row))
        rows += own
        print(f"{name}: {len(own)} rows", flush=True)
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    content = {
        "made_by": f"tests/golden/{Path(__file__).name}; mpmath {mp.__version__}",
        "definition": DEFINITION,
        "columns": columns,
    }
    path = Path(__file__).with_name("counts_ahead_grid.json")
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
