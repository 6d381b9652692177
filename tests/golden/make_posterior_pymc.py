"""Posterior of BG/NBD on the CDNOW sample by pymc-marketing's NUTS: writes posterior_pymc.json.

Run it in an environment that has pymc-marketing, which this project does not ask for:

    python tests/golden/make_posterior_pymc.py

The priors are proper and wide, and the same in `tests/posterior/test_golden.py`. A third set has
pymc-marketing's own priors of r and alpha (its own of a and b are not independent).
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from pymc_extras.prior import Prior
from pymc_marketing.clv import BetaGeoModel

HERE = Path(__file__).parent
SUMMARY = HERE.parents[2] / "shared" / "data" / "cdnow_sample_summary_btyd.csv"
NAMES = ("r", "alpha", "a", "b")
PRIORS = {
    "log-normal": dict.fromkeys(NAMES, ("LogNormal", {"mu": 0.0, "sigma": 2.0})),
    "mixed": {
        "r": ("Weibull", {"alpha": 2.0, "beta": 1.0}),
        "alpha": ("Weibull", {"alpha": 2.0, "beta": 10.0}),
        "a": ("HalfNormal", {"sigma": 1.0}),
        "b": ("Gamma", {"alpha": 2.0, "beta": 1.0}),
    },
}
CHAINS, DRAWS, TUNE, SEED = 4, 2_000, 1_000, 20_261_122


def customers() -> pd.DataFrame:
    table = pd.read_csv(SUMMARY)
    columns = {"x": "frequency", "t_x": "recency", "T": "T"}
    table = table.rename(columns=columns)[list(columns.values())]
    return table.assign(customer_id=np.arange(len(table)))


def drawn(priors: dict[str, tuple[str, dict[str, float]]]) -> dict[str, object]:
    config = {name: Prior(kind, **numbers) for name, (kind, numbers) in priors.items()}
    model = BetaGeoModel(model_config=config)
    model.fit(
        data=customers(),
        method="mcmc",
        chains=CHAINS,
        draws=DRAWS,
        tune=TUNE,
        cores=2,
        random_seed=SEED,
        progressbar=False,
    )
    draws = {name: model.idata.posterior[name] for name in NAMES}
    return {
        "priors": priors,
        "mean": {name: float(each.mean()) for name, each in draws.items()},
        "sd": {name: float(each.std()) for name, each in draws.items()},
        "mcse_mean": {name: error_of_mean(each) for name, each in draws.items()},
        # by the delta method: that of the variance, over twice the standard deviation
        "mcse_sd": {
            name: error_of_mean((each - each.mean()) ** 2) / (2.0 * float(each.std()))
            for name, each in draws.items()
        },
        "r_hat": {name: float(az.rhat(each)[name]) for name, each in draws.items()},
    }


def error_of_mean(draws: xr.DataArray) -> float:
    return float(az.mcse(draws, method="mean")[draws.name])


def main() -> None:
    packages = ("pymc-marketing", "pymc", "pytensor", "arviz", "numpy")
    content = {
        "data": SUMMARY.name,
        "chains": CHAINS,
        "draws": DRAWS,
        "seed": SEED,
        "versions": {name: version(name) for name in packages},
        "posteriors": {name: drawn(priors) for name, priors in PRIORS.items()},
    }
    (HERE / "posterior_pymc.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
