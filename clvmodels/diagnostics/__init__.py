"""Tables that tell how good a model is; each name loads when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clvmodels.diagnostics.histogram import FrequencyCheck, frequencies
    from clvmodels.diagnostics.holdout import Outcomes, outcomes

_HOMES = {
    "clvmodels.diagnostics.histogram": (
        "FrequencyCheck",
        "frequencies",
    ),
    "clvmodels.diagnostics.holdout": ("Outcomes", "outcomes"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["FrequencyCheck", "Outcomes", "frequencies", "outcomes"]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'clvmodels.diagnostics' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
