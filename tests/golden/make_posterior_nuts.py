"""Posterior of BG/NBD on the CDNOW sample by a long run of NUTS: writes posterior_nuts.json.

The log-likelihood is the textbook's, in logarithms of gamma functions, and its gradient is that of
a complex step, exact to rounding: nothing of the library is used. The prior is flat in ln r,
ln alpha, ln a and ln b.

    python tests/golden/make_posterior_nuts.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import nutpie
import pandas as pd
from arviz_stats.base import array_stats
from nutpie.compiled_pyfunc import from_pyfunc
from scipy.special import loggamma

HERE = Path(__file__).parent
SUMMARY = HERE.parents[2] / "shared" / "data" / "cdnow_sample_summary_btyd.csv"
NAMES = ("r", "alpha", "a", "b")
START = np.log([0.24, 4.4, 0.8, 2.4])  # Fader, Hardie and Lee (2005), table 2
CHAINS, DRAWS, TUNE, SEED = 4, 5_000, 1_000, 20_261_122
STEP = 1e-30  # of the complex step: its square is lost in rounding


def log_likelihood(table: pd.DataFrame) -> Callable[..., tuple[float, np.ndarray]]:
    """Fader, Hardie and Lee (2005), eq. 6, for distinct histories."""
    cells = table.groupby(["x", "t_x", "T"]).size().reset_index(name="n")
    x, t_x, T, n = (cells[name].to_numpy(dtype=float) for name in ("x", "t_x", "T", "n"))
    levels, row = np.unique(x, return_inverse=True)
    by_level = np.bincount(row, n)
    steps = 1j * STEP * np.eye(4)

    def value(z: np.ndarray, **_: Any) -> tuple[float, np.ndarray]:
        logs = (z + steps)[:, :, None]
        r, alpha, a, b = np.exp(logs).swapaxes(0, 1)
        counts = loggamma(r + levels) - loggamma(r) + r * np.log(alpha)
        counts = counts + loggamma(b + levels) - loggamma(b)
        counts = counts - loggamma(a + b + levels) + loggamma(a + b)
        alive = -(r + x) * np.log(alpha + T)
        odds = a / (b + np.maximum(x, 1.0) - 1.0) * ((alpha + T) / (alpha + t_x)) ** (r + x)
        each = alive + np.where(x > 0.0, np.log(1.0 + odds), 0.0)
        sums = counts @ by_level + each @ n
        return float(sums.real[0]), sums.imag / STEP

    return value


def main() -> None:
    value = log_likelihood(pd.read_csv(SUMMARY))
    compiled = from_pyfunc(
        4,
        lambda: value,
        lambda *_: lambda z: {"z": np.array(z)},
        [np.dtype(np.float64)],
        [(4,)],
        ["z"],
        make_initial_point_fn=lambda seed: (
            START + 0.1 * np.random.default_rng(seed).standard_normal(4)
        ),
    )
    trace = nutpie.sample(
        compiled, draws=DRAWS, tune=TUNE, chains=CHAINS, cores=1, seed=SEED, progress_bar=False
    )
    draws = dict(zip(NAMES, np.moveaxis(np.exp(trace.posterior["z"].values), -1, 0), strict=True))
    content = {
        "data": SUMMARY.name,
        "prior": "flat in the logarithms",
        "chains": CHAINS,
        "draws": DRAWS,
        "seed": SEED,
        "versions": {name: version(name) for name in ("nutpie", "arviz-stats", "numpy", "scipy")},
        "divergences": int(trace.sample_stats["diverging"].values.sum()),
        "mean": {name: float(each.mean()) for name, each in draws.items()},
        "sd": {name: float(each.std()) for name, each in draws.items()},
        "mcse_mean": {name: error(each, "mean") for name, each in draws.items()},
        "mcse_sd": {name: error(each, "sd") for name, each in draws.items()},
        "r_hat": {name: float(array_stats.rhat(each)) for name, each in draws.items()},
    }
    (HERE / "posterior_nuts.json").write_text(json.dumps(content, indent=1) + "\n")


def error(draws: np.ndarray, method: str) -> float:
    return float(array_stats.mcse(draws, method=method))


if __name__ == "__main__":
    main()
