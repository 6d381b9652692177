"""lifetimes: fit BG/NBD with its defaults."""

from __future__ import annotations

import importlib

import numpy as np

from benchmarks.peers.protocol import run


def fit(problem: dict[str, np.ndarray]) -> dict[str, float]:
    fitter = importlib.import_module("lifetimes").BetaGeoFitter()
    fitter.fit(problem["frequency"], problem["recency"], problem["age"], weights=problem["weight"])
    return {name: float(value) for name, value in fitter.params_.items()}


if __name__ == "__main__":
    run(fit)
