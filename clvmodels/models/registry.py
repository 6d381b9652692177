"""Every model of the library, by name: one line each."""

from __future__ import annotations

from typing import Final

from clvmodels.models.base import Model
from clvmodels.models.bdw import BDW
from clvmodels.models.bgbb import BGBB
from clvmodels.models.bgcnbd import BGCNBD
from clvmodels.models.bgnbd import BGNBD
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.ggompertz_nbd import GGompertzNBD
from clvmodels.models.mbgcnbd import MBGCNBD
from clvmodels.models.mbgnbd import MBGNBD
from clvmodels.models.pareto_nbd import ParetoNBD
from clvmodels.models.sbg import SBG

__all__ = ["MODELS"]

MODELS: Final[dict[str, type[Model]]] = {
    "BGNBD": BGNBD,
    "MBGNBD": MBGNBD,
    "BGCNBD": BGCNBD,
    "MBGCNBD": MBGCNBD,
    "ParetoNBD": ParetoNBD,
    "GGompertzNBD": GGompertzNBD,
    "BGBB": BGBB,
    "SBG": SBG,
    "BDW": BDW,
    "GammaGamma": GammaGamma,
}
