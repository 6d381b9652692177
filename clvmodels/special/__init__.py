"""Numerical tools that the models share: rising gamma ratios, quadrature on logarithmic axes."""

from clvmodels.special.cells import fold
from clvmodels.special.distinct import Index, distinct_rows, per_distinct
from clvmodels.special.expectation import beta_expectation
from clvmodels.special.interpolation import interpolate_smooth
from clvmodels.special.rising import digamma_rising, log_rising, risings, trigamma_rising
from clvmodels.special.time import time_nodes

__all__ = [
    "Index",
    "beta_expectation",
    "digamma_rising",
    "distinct_rows",
    "fold",
    "interpolate_smooth",
    "log_rising",
    "per_distinct",
    "risings",
    "time_nodes",
    "trigamma_rising",
]
