"""Tables that tell how good a model is; each name loads when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clvmodels.diagnostics.by_bin import Calibration, calibration
    from clvmodels.diagnostics.by_decile import Deciles, deciles, deciles_of
    from clvmodels.diagnostics.curves import Lift, lift, lift_of
    from clvmodels.diagnostics.histogram import FrequencyCheck, frequencies
    from clvmodels.diagnostics.holdout import Outcomes, outcomes
    from clvmodels.diagnostics.intervals import Coverage, interval_coverage
    from clvmodels.diagnostics.matrices import Matrix, expected_purchases_matrix, p_alive_matrix
    from clvmodels.diagnostics.metrics import (
        accuracy,
        coverage,
        decile_calibration_error,
        mae,
        mean_log_density,
        normalised_gini,
        randomised_coverage,
        rmse,
        spearman,
        top_decile_capture,
        total_bias,
        tracking_error,
    )
    from clvmodels.diagnostics.mixing import Heterogeneity, heterogeneity
    from clvmodels.diagnostics.over_time import Tracking, tracking
    from clvmodels.diagnostics.spends import SpendDistribution, spend_distribution

_HOMES = {
    "clvmodels.diagnostics.mixing": (
        "Heterogeneity",
        "heterogeneity",
    ),
    "clvmodels.diagnostics.spends": (
        "SpendDistribution",
        "spend_distribution",
    ),
    "clvmodels.diagnostics.matrices": (
        "Matrix",
        "expected_purchases_matrix",
        "p_alive_matrix",
    ),
    "clvmodels.diagnostics.over_time": (
        "Tracking",
        "tracking",
    ),
    "clvmodels.diagnostics.by_decile": ("Deciles", "deciles", "deciles_of"),
    "clvmodels.diagnostics.curves": ("Lift", "lift", "lift_of"),
    "clvmodels.diagnostics.by_bin": (
        "Calibration",
        "calibration",
    ),
    "clvmodels.diagnostics.histogram": (
        "FrequencyCheck",
        "frequencies",
    ),
    "clvmodels.diagnostics.holdout": ("Outcomes", "outcomes"),
    "clvmodels.diagnostics.intervals": ("Coverage", "interval_coverage"),
    "clvmodels.diagnostics.metrics": (
        "accuracy",
        "coverage",
        "decile_calibration_error",
        "mae",
        "mean_log_density",
        "normalised_gini",
        "randomised_coverage",
        "rmse",
        "spearman",
        "top_decile_capture",
        "total_bias",
        "tracking_error",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Calibration",
    "Coverage",
    "Deciles",
    "FrequencyCheck",
    "Heterogeneity",
    "Lift",
    "Matrix",
    "Outcomes",
    "SpendDistribution",
    "Tracking",
    "accuracy",
    "calibration",
    "coverage",
    "decile_calibration_error",
    "deciles",
    "deciles_of",
    "expected_purchases_matrix",
    "frequencies",
    "heterogeneity",
    "interval_coverage",
    "lift",
    "lift_of",
    "mae",
    "mean_log_density",
    "normalised_gini",
    "outcomes",
    "p_alive_matrix",
    "randomised_coverage",
    "rmse",
    "spearman",
    "spend_distribution",
    "top_decile_capture",
    "total_bias",
    "tracking",
    "tracking_error",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'clvmodels.diagnostics' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
