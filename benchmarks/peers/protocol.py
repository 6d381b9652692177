"""What every adapter does: warm up once, time several fits, report medians and the answer."""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np


def run(fit: Callable[[dict[str, np.ndarray]], dict[str, float]]) -> None:
    """Run an adapter: `fit` returns the parameters by name."""
    warnings.simplefilter("ignore")
    path, repeats = sys.argv[1], int(sys.argv[2])
    with np.load(path) as data:
        problem = dict(data)
    parameters = fit(problem)
    wall, cpu = [], []
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        fit(problem)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    print(
        json.dumps(
            {
                "wall": statistics.median(wall),
                "cpu": statistics.median(cpu),
                "parameters": parameters,
            }
        )
    )
