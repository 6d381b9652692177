"""The sections of a report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clvmodels.reports.blocks import Section
from clvmodels.reports.judging import Judged
from clvmodels.reports.sections.accuracy import accuracy_section
from clvmodels.reports.sections.backtesting import backtest_section
from clvmodels.reports.sections.behaviour import behaviour_section
from clvmodels.reports.sections.data import data_section
from clvmodels.reports.sections.glossary import glossary_section, making_section
from clvmodels.reports.sections.models import models_section
from clvmodels.reports.sections.overview import overview_section
from clvmodels.reports.sections.people import risk_section, top_section
from clvmodels.reports.sections.suitability import suitability_section
from clvmodels.reports.sections.value import value_section

__all__ = ["SECTIONS"]

SECTIONS: Final[tuple[Callable[[Judged], Section], ...]] = (
    overview_section,
    value_section,
    risk_section,
    top_section,
    backtest_section,
    accuracy_section,
    behaviour_section,
    suitability_section,
    data_section,
    models_section,
    glossary_section,
    making_section,
)
