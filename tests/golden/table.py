"""Run the rows of a golden table, report its cross-checks, write the JSON."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import flint
import mpmath

Row = dict[str, Any]
Digits = dict[str, float]
"""Decimal digits of agreement, by name of the cross-check."""
Result = tuple[Row, Digits]
Section = dict[str, dict[str, list[float | int | None]]]

WORKING_BITS = 288
ENOUGH_DIGITS = 20


def derivative_names(parameters: Sequence[str]) -> list[str]:
    """Columns of the gradient and of the upper triangle of the Hessian, row by row."""
    pairs = combinations_with_replacement(parameters, 2)
    return [f"d_{name}" for name in parameters] + [f"d_{i}_{j}" for i, j in pairs]


def run(
    name: str,
    work: Callable[[tuple[int, Row]], Result],
    rows: Sequence[Row],
    processes: int = 2,
) -> Section:
    """Work through the rows on so many processes; refuse a failed cross-check."""
    began = time.perf_counter()
    with Pool(processes, initializer=set_precision) as pool:
        results = pool.map(work, list(enumerate(rows)), chunksize=4)
    print(f"{name}: {len(rows)} rows in {time.perf_counter() - began:.0f} s", flush=True)
    report([digits for _, digits in results])
    table = [row | outputs for row, (outputs, _) in zip(rows, results, strict=True)]
    return {"columns": {key: [line[key] for line in table] for key in table[0]}}


def set_precision() -> None:
    flint.ctx.prec = WORKING_BITS


def report(found: Sequence[Digits]) -> None:
    for check in sorted({check for digits in found for check in digits}):
        agreed = [digits[check] for digits in found if check in digits]
        worst = min(agreed, key=lambda number: number if number == number else float("-inf"))
        print(f"  {check}: {len(agreed)} rows, worst {worst:.1f} digits", flush=True)
        if not worst >= ENOUGH_DIGITS:
            raise ArithmeticError(f"{check}: only {worst:.1f} digits")


def made_by(script: str) -> str:
    """Name the script and the tool versions; nothing that changes between runs."""
    return (
        f"tests/golden/{Path(script).name}; python {platform.python_version()}, "
        f"python-flint {flint.__version__}, FLINT {flint.__FLINT_VERSION__}, "
        f"mpmath {mpmath.__version__}"
    )


def write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} KB")
