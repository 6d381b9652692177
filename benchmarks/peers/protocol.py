"""What every adapter does: warm up once, time several fits, report the median and the answer."""

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
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        fit(problem)
        seconds.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "seconds": statistics.median(seconds),
                "best": min(seconds),
                "parameters": parameters,
            }
        )
    )
