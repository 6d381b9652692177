"""The models: which fits the data best, what its parameters are and how well they are known."""

from __future__ import annotations

from typing import Any, Final

from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import IndependenceCheck
from clvmodels.reports.blocks import Block, Level, Missing, Note, Section, Text, absent
from clvmodels.reports.gathering import Findings
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, Table, lay_out

__all__ = ["models_section"]

_FITS = (
    Column("model", "Model", "label"),
    Column("parameters", "Parameters", "count"),
    Column("log_likelihood", "Log-likelihood", "count"),
    Column("aic", "AIC", "count"),
    Column("bic", "BIC", "count"),
    Column("chi_square", "Chi-square", "count"),
    Column("verdict", "Certificate", "text"),
)
_ESTIMATES = (
    Column("parameter", "Parameter", "label"),
    Column("estimate", "Estimate"),
    Column("std_error", "Standard error"),
    Column("lower", "Lower"),
    Column("upper", "Upper"),
)
_LEVELS: Final[dict[str, Level]] = {"identified": "ok", "weak": "warning", "boundary": "warning"}


def models_section(found: Findings) -> Section:
    """Show the fits, why one was taken, and its certificate."""
    blocks: list[Block] = [
        Text(
            "A model says how often customers buy and when they leave without a word. Several are "
            "fitted to the same customers, and the one that describes them best is taken."
        )
    ]
    fit = found.purchases
    if not isinstance(found.comparison, Missing):
        blocks += [_comparison(found), Note(found.comparison.advice)]
    blocks += [
        absent(f"a fit of {name}", each)
        for name, each in found.fits.items()
        if isinstance(each, Missing)
    ]
    if not isinstance(fit, Missing):
        blocks += _fit(found, fit, "purchases", f"{fit.model.label}, taken for purchases")
    if isinstance(found.spend, Fit):
        name = f"{found.spend.model.label}, taken for spend"
        blocks += _fit(found, found.spend, "spend", name)
        if isinstance(found.independence, IndependenceCheck):
            blocks.append(Note(_sentence(str(found.independence))))
    elif found.settings.amount is not None:
        blocks.append(absent("a fit of spend", found.spend))
    return Section("models", "The models", tuple(blocks))


def _comparison(found: Findings) -> Table:
    assert not isinstance(found.comparison, Missing)
    return lay_out(
        found.comparison.table.reset_index(),
        _FITS,
        name="fits",
        caption="Fits to the same customers, the best AIC first",
        money=money_of(None),
        interactive=True,
    )


def _fit(found: Findings, fit: Fit[Any], name: str, caption: str) -> list[Block]:
    table = lay_out(
        fit.estimates.reset_index(),
        _ESTIMATES,
        name=f"estimates-{name}",
        caption=f"{caption}: estimates with 95 % intervals",
        money=money_of(found.settings.currency),
    )
    certificate = fit.certificate
    said = f"Certificate: {certificate.verdict}. {_MEANING[certificate.verdict]}"
    return [table, Note(" ".join([said, *certificate.findings]), _LEVELS[certificate.verdict])]


_MEANING: Final = {
    "identified": "This is the best fit, and the data pin it down.",
    "weak": "This is the best fit, but the data hardly pin it down.",
    "boundary": "The best fit is at a limit of the model: some parameters have no bound.",
}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
