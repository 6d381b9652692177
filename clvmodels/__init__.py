"""Customer lifetime value from a log of orders: exact, fast and honest about uncertainty.

Names load when first used, so that importing the library is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clvmodels import datasets, diagnostics, plots, priors
    from clvmodels.acquisition import new_customers
    from clvmodels.audits.audit import audit
    from clvmodels.audits.result import Audit
    from clvmodels.audits.textbook import textbook_value
    from clvmodels.backtests.backtest import backtest
    from clvmodels.backtests.result import Backtest
    from clvmodels.cohort_analysis.analyse import cohorts
    from clvmodels.cohort_analysis.result import CohortAnalysis
    from clvmodels.comparison import (
        Comparison,
        LikelihoodRatioTest,
        compare,
        likelihood_ratio_test,
    )
    from clvmodels.customers import Customers
    from clvmodels.drifts.compare import drift
    from clvmodels.drifts.result import Drift
    from clvmodels.economics.result import UnitEconomics
    from clvmodels.economics.unit_economics import unit_economics
    from clvmodels.errors import (
        ClvError,
        ConvergenceError,
        DataError,
        DataWarning,
        EmptyLogError,
        IdentifiabilityWarning,
        MissingColumnError,
        MissingExtraError,
        ModelFileError,
        ParameterError,
        PosteriorWarning,
        StateError,
        UndefinedMomentError,
        UnitMismatchError,
    )
    from clvmodels.experiments.compare import compare_groups
    from clvmodels.experiments.result import GroupComparison
    from clvmodels.experiments.size import ExperimentSize, experiment_size
    from clvmodels.explanations.explain import explain
    from clvmodels.explanations.explain_change import explain_change
    from clvmodels.explanations.explanation import Explanation
    from clvmodels.explanations.value_change import ValueChange
    from clvmodels.exports.reading import read_orders
    from clvmodels.exports.result import ShopOrders
    from clvmodels.files import load, save
    from clvmodels.frames.alive_path import p_alive_path
    from clvmodels.frames.at_risk import at_risk
    from clvmodels.frames.customer_labels import customer_labels
    from clvmodels.frames.customer_summary import CustomerSummary
    from clvmodels.frames.historical_value import historical_value
    from clvmodels.frames.ledger import Ledger
    from clvmodels.frames.predict import CLVModel, predict
    from clvmodels.frames.regularity import RegularityCheck, check_regularity
    from clvmodels.frames.silence import lapse_alert
    from clvmodels.frames.split import HoldoutSplit, holdout_split
    from clvmodels.frames.state.summary_state import SummaryState, update
    from clvmodels.frames.subscriptions import subscription_summary
    from clvmodels.frames.summary import rfm_summary
    from clvmodels.frames.totals import total
    from clvmodels.models.bdw import BDW
    from clvmodels.models.bgbb import BGBB
    from clvmodels.models.bgcnbd import BGCNBD
    from clvmodels.models.bgnbd import BGNBD
    from clvmodels.models.bootstrap import Bootstrap
    from clvmodels.models.covariates import PurchaseCovariates, SpendCovariates
    from clvmodels.models.draws import ParameterDraws
    from clvmodels.models.effects import Effects
    from clvmodels.models.fit import Fit
    from clvmodels.models.gamma_gamma import GammaGamma
    from clvmodels.models.ggompertz_nbd import GGompertzNBD
    from clvmodels.models.mbgcnbd import MBGCNBD
    from clvmodels.models.mbgnbd import MBGNBD
    from clvmodels.models.pareto_nbd import ParetoNBD
    from clvmodels.models.posterior import Posterior
    from clvmodels.models.sbg import SBG
    from clvmodels.predictive.counts import PurchaseDistribution, purchase_distribution
    from clvmodels.predictive.silence import p_alive_at, p_alive_if_silent
    from clvmodels.predictive.values import ValueDistribution, value_distribution
    from clvmodels.reports.report import Report, report
    from clvmodels.scenarios.result import WhatIf
    from clvmodels.scenarios.what_if import what_if
    from clvmodels.segmentation.result import Segmentation
    from clvmodels.segmentation.segment import segment
    from clvmodels.segmentation.states import StateCosts
    from clvmodels.suitability.check import check
    from clvmodels.suitability.finding import Finding, SuitabilityCheck
    from clvmodels.warehouse.queries import SummaryQueries, WarehouseQueries
    from clvmodels.warehouse.to_sql import summary_to_sql, to_sql

_HOMES = {
    "clvmodels.acquisition": ("new_customers",),
    "clvmodels.audits.audit": ("audit",),
    "clvmodels.audits.result": ("Audit",),
    "clvmodels.audits.textbook": ("textbook_value",),
    "clvmodels.backtests.backtest": ("backtest",),
    "clvmodels.backtests.result": ("Backtest",),
    "clvmodels.cohort_analysis.analyse": ("cohorts",),
    "clvmodels.cohort_analysis.result": ("CohortAnalysis",),
    "clvmodels.comparison": (
        "Comparison",
        "LikelihoodRatioTest",
        "compare",
        "likelihood_ratio_test",
    ),
    "clvmodels.customers": ("Customers",),
    "clvmodels.drifts.compare": ("drift",),
    "clvmodels.drifts.result": ("Drift",),
    "clvmodels.economics.result": ("UnitEconomics",),
    "clvmodels.economics.unit_economics": ("unit_economics",),
    "clvmodels.errors": (
        "ClvError",
        "ConvergenceError",
        "DataError",
        "DataWarning",
        "EmptyLogError",
        "IdentifiabilityWarning",
        "MissingColumnError",
        "MissingExtraError",
        "ModelFileError",
        "ParameterError",
        "PosteriorWarning",
        "StateError",
        "UndefinedMomentError",
        "UnitMismatchError",
    ),
    "clvmodels.experiments.compare": ("compare_groups",),
    "clvmodels.experiments.result": ("GroupComparison",),
    "clvmodels.experiments.size": ("ExperimentSize", "experiment_size"),
    "clvmodels.exports.reading": ("read_orders",),
    "clvmodels.exports.result": ("ShopOrders",),
    "clvmodels.explanations.explain": ("explain",),
    "clvmodels.explanations.explain_change": ("explain_change",),
    "clvmodels.explanations.explanation": ("Explanation",),
    "clvmodels.explanations.value_change": ("ValueChange",),
    "clvmodels.files": ("load", "save"),
    "clvmodels.frames.alive_path": ("p_alive_path",),
    "clvmodels.frames.at_risk": ("at_risk",),
    "clvmodels.frames.customer_labels": ("customer_labels",),
    "clvmodels.frames.customer_summary": ("CustomerSummary",),
    "clvmodels.frames.historical_value": ("historical_value",),
    "clvmodels.frames.ledger": ("Ledger",),
    "clvmodels.frames.predict": ("CLVModel", "predict"),
    "clvmodels.frames.silence": ("lapse_alert",),
    "clvmodels.frames.split": ("HoldoutSplit", "holdout_split"),
    "clvmodels.frames.state.summary_state": ("SummaryState", "update"),
    "clvmodels.frames.subscriptions": ("subscription_summary",),
    "clvmodels.frames.regularity": (
        "RegularityCheck",
        "check_regularity",
    ),
    "clvmodels.frames.summary": ("rfm_summary",),
    "clvmodels.frames.totals": ("total",),
    "clvmodels.models.bgnbd": ("BGNBD",),
    "clvmodels.models.bdw": ("BDW",),
    "clvmodels.models.bgbb": ("BGBB",),
    "clvmodels.models.bgcnbd": ("BGCNBD",),
    "clvmodels.models.ggompertz_nbd": ("GGompertzNBD",),
    "clvmodels.models.mbgcnbd": ("MBGCNBD",),
    "clvmodels.models.pareto_nbd": ("ParetoNBD",),
    "clvmodels.models.posterior": ("Posterior",),
    "clvmodels.models.sbg": ("SBG",),
    "clvmodels.models.bootstrap": ("Bootstrap",),
    "clvmodels.models.covariates": ("PurchaseCovariates", "SpendCovariates"),
    "clvmodels.models.draws": ("ParameterDraws",),
    "clvmodels.models.effects": ("Effects",),
    "clvmodels.models.fit": ("Fit",),
    "clvmodels.models.gamma_gamma": ("GammaGamma",),
    "clvmodels.models.mbgnbd": ("MBGNBD",),
    "clvmodels.predictive.silence": ("p_alive_at", "p_alive_if_silent"),
    "clvmodels.predictive.counts": ("PurchaseDistribution", "purchase_distribution"),
    "clvmodels.predictive.values": ("ValueDistribution", "value_distribution"),
    "clvmodels.reports.report": ("Report", "report"),
    "clvmodels.scenarios.result": ("WhatIf",),
    "clvmodels.scenarios.what_if": ("what_if",),
    "clvmodels.segmentation.result": ("Segmentation",),
    "clvmodels.segmentation.segment": ("segment",),
    "clvmodels.segmentation.states": ("StateCosts",),
    "clvmodels.suitability.check": ("check",),
    "clvmodels.suitability.finding": ("Finding", "SuitabilityCheck"),
    "clvmodels.warehouse.queries": ("SummaryQueries", "WarehouseQueries"),
    "clvmodels.warehouse.to_sql": ("summary_to_sql", "to_sql"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BDW",
    "BGBB",
    "BGCNBD",
    "BGNBD",
    "MBGCNBD",
    "MBGNBD",
    "SBG",
    "Audit",
    "Backtest",
    "Bootstrap",
    "CLVModel",
    "ClvError",
    "CohortAnalysis",
    "Comparison",
    "ConvergenceError",
    "CustomerSummary",
    "Customers",
    "DataError",
    "DataWarning",
    "Drift",
    "Effects",
    "EmptyLogError",
    "ExperimentSize",
    "Explanation",
    "Finding",
    "Fit",
    "GGompertzNBD",
    "GammaGamma",
    "GroupComparison",
    "HoldoutSplit",
    "IdentifiabilityWarning",
    "Ledger",
    "LikelihoodRatioTest",
    "MissingColumnError",
    "MissingExtraError",
    "ModelFileError",
    "ParameterDraws",
    "ParameterError",
    "ParetoNBD",
    "Posterior",
    "PosteriorWarning",
    "PurchaseCovariates",
    "PurchaseDistribution",
    "RegularityCheck",
    "Report",
    "Segmentation",
    "ShopOrders",
    "SpendCovariates",
    "StateCosts",
    "StateError",
    "SuitabilityCheck",
    "SummaryQueries",
    "SummaryState",
    "UndefinedMomentError",
    "UnitEconomics",
    "UnitMismatchError",
    "ValueChange",
    "ValueDistribution",
    "WarehouseQueries",
    "WhatIf",
    "at_risk",
    "audit",
    "backtest",
    "check",
    "check_regularity",
    "cohorts",
    "compare",
    "compare_groups",
    "customer_labels",
    "datasets",
    "diagnostics",
    "drift",
    "experiment_size",
    "explain",
    "explain_change",
    "historical_value",
    "holdout_split",
    "lapse_alert",
    "likelihood_ratio_test",
    "load",
    "new_customers",
    "p_alive_at",
    "p_alive_if_silent",
    "p_alive_path",
    "plots",
    "predict",
    "priors",
    "purchase_distribution",
    "read_orders",
    "report",
    "rfm_summary",
    "save",
    "segment",
    "subscription_summary",
    "summary_to_sql",
    "textbook_value",
    "to_sql",
    "total",
    "unit_economics",
    "update",
    "value_distribution",
    "what_if",
]


def __getattr__(name: str) -> object:
    if name in ("datasets", "diagnostics", "plots", "priors"):
        return import_module(f"clvmodels.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'clvmodels' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
