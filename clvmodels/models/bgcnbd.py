"""BG/CNBD-k: as BG/NBD, but with regular times between purchases.

Platzer and Reutterer (2016), "Ticking Away the Moments: Timing Regularity Helps to Better Predict
Customer Activity", Marketing Science 35(5), 779-799; there with a chance to leave after the first
purchase, too, which is MBG/CNBD-k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.models.erlang_family import ErlangModel

__all__ = ["BGCNBD"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class BGCNBD(ErlangModel):
    """BG/NBD with regular timing, after Platzer and Reutterer (2016).

    While alive a customer buys with every k-th event of a Poisson process with rate lambda ~
    Gamma(shape r, rate alpha): times between purchases are Erlang-k, and the larger k, the more
    alike they are. Right after each repeat purchase the customer leaves for good with
    probability p ~ Beta(a, b). A regular customer who is late has more likely left than one who
    buys at random. With k = 1 this is BGNBD.

    Parameters
    ----------
    r
        Shape of the rate of events: small means that customers differ much.
    alpha
        Rate parameter of the rate of events, in units of time; r / (alpha k) is the mean rate of
        purchases.
    a, b
        Dropout probability per repeat purchase; a / (a + b) is its mean.
    k
        Events that a purchase takes: a whole number from 1 to 24.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero, or k not a whole number in its range.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> c = Customers.from_arrays([4, 4], [30.0, 38.0], [39.0, 39.0], unit="week")
    >>> model = BGCNBD(r=0.5, alpha=1.5, a=0.9, b=1.6, k=4)
    >>> model.p_alive(c).round(3).tolist(), model.expected_purchases(c, 8.0).round(3).tolist()
    ([0.635, 0.836], [0.675, 0.46])
    """

    title: ClassVar[str] = "BG/CNBD-k"

    @staticmethod
    def chances(x: Array) -> Array:
        """Return x: there is one chance to leave after each repeat purchase."""
        return x
