"""How a fit looks in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clvmodels.markup import Html, html_card, html_table

if TYPE_CHECKING:
    from clvmodels.models.fit import Fit

__all__ = ["html_of"]


def html_of(fit: Fit[Any]) -> Html:
    """Return estimates with 95 % intervals, the likelihood and the certificate of a fit.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    >>> fit = BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week"))
    >>> "Certificate: identified" in html_of(fit)
    True
    """
    facts = [f"{fit.n_customers:,.0f} customers"]
    if fit.data.total_age is not None:
        facts.append(f"unit {fit.unit}")
    if fit.observed_until is not None:
        facts.append(f"observed until {fit.observed_until}")
    criteria = f"log-likelihood {fit.log_likelihood:,.2f}, AIC {fit.aic:,.2f}, BIC {fit.bic:,.2f}"
    parts = [", ".join(facts), html_table(fit.estimates), criteria]
    return html_card(fit.model.label, *parts, fit.certificate._repr_html_())
