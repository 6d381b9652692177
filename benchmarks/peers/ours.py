"""clvmodels: fit BG/NBD."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.protocol import run
from clvmodels import BGNBD, Customers


def fit(problem: dict[str, np.ndarray]) -> dict[str, float]:
    customers = Customers.from_arrays(
        problem["frequency"],
        problem["recency"],
        problem["age"],
        unit="week",
        weight=problem["weight"],
    )
    result = BGNBD.fit(customers)
    return dict(zip(result.names, result.model.values.tolist(), strict=True))


if __name__ == "__main__":
    run(fit)
