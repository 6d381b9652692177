"""Every model of the library, by name: one line each."""

from __future__ import annotations

from typing import Final

from clvmodels.models.base import Model
from clvmodels.models.bgnbd import BGNBD
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.mbgnbd import MBGNBD

__all__ = ["MODELS"]

MODELS: Final[dict[str, type[Model]]] = {
    "BGNBD": BGNBD,
    "MBGNBD": MBGNBD,
    "GammaGamma": GammaGamma,
}
