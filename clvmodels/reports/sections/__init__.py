"""The sections of a report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from clvmodels.reports.blocks import Section
from clvmodels.reports.deciding import Decided
from clvmodels.reports.sections.accuracy import accuracy_section
from clvmodels.reports.sections.backtesting import backtest_section
from clvmodels.reports.sections.base import base_section
from clvmodels.reports.sections.behaviour import behaviour_section
from clvmodels.reports.sections.cohorts import cohorts_section
from clvmodels.reports.sections.data import data_section
from clvmodels.reports.sections.economics import economics_section
from clvmodels.reports.sections.experiment import experiment_section
from clvmodels.reports.sections.glossary import glossary_section, making_section
from clvmodels.reports.sections.models import models_section
from clvmodels.reports.sections.overview import overview_section
from clvmodels.reports.sections.people import risk_section, top_section
from clvmodels.reports.sections.reasons import reasons_section
from clvmodels.reports.sections.scenario import scenario_section
from clvmodels.reports.sections.segments import segments_section
from clvmodels.reports.sections.suitability import suitability_section
from clvmodels.reports.sections.value import value_section

__all__ = ["sections_of"]

Maker: TypeAlias = Callable[[Decided], Section | None]

_PARTS: Final[tuple[tuple[str, tuple[Maker, ...]], ...]] = (
    ("Worth", (overview_section, value_section, top_section, reasons_section)),
    ("Base", (base_section, cohorts_section, segments_section, risk_section)),
    ("Decide", (scenario_section, economics_section, experiment_section)),
    ("Trust", (backtest_section, accuracy_section, behaviour_section, suitability_section)),
    ("About", (data_section, models_section, glossary_section, making_section)),
)


def sections_of(found: Decided) -> Iterator[Section]:
    """Yield the sections that were asked for, each with its part of the page."""
    for part, makers in _PARTS:
        for make in makers:
            section = make(found)
            if section is not None:
                yield replace(section, part=part)
