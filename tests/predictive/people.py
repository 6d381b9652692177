"""Customers and models whose future value several tests ask for."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels import BGNBD, Customers, GammaGamma

PURCHASES = BGNBD(0.243, 4.414, 0.793, 2.426)
SPEND = GammaGamma(6.25, 3.74, 15.44)
MIXTURE = 5e-4  # of probability: between nodes, and where rare numbers of purchases share a block


def customers(unit: Any = "week", scale: float = 1.0) -> Customers:
    """From newcomers to a whale; times multiplied by `scale`."""
    x = np.array([0, 0, 1, 2, 5, 8, 20, 60, 400, 12])
    t_x = np.array([0.0, 0.0, 20.0, 30.43, 19.0, 30.0, 38.0, 38.9, 38.99, 5.0])
    T = np.array([2.0, 39.0, 39.0, 38.86, 20.0, 38.0, 39.0, 39.0, 39.0, 39.0])
    m = np.where(x > 0, 10.0 + 3.0 * np.arange(10), np.nan)
    return Customers.from_arrays(x, t_x * scale, T * scale, unit=unit, monetary_value=m)
