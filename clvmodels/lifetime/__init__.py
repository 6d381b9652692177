"""Customers who buy at a gamma rate until a continuous lifetime ends.

`lifetimes` knows two lifetimes, `panels` lays quadrature nodes over them, and the rest are the
likelihood, the future and the counts of customers that follow.
"""

from clvmodels.lifetime.lifetimes import GammaGompertz, Lifetime, Pareto
from clvmodels.lifetime.likelihood import History

__all__ = ["GammaGompertz", "History", "Lifetime", "Pareto"]
