"""Pictures of what `clv.diagnostics`, `clv.backtest`, `clv.cohorts` and others return.

One function a table, under the name of its maker. Each draws on the axes given, or on a new figure
of pyplot, and returns the axes. Nothing is computed here but positions, and no setting of
matplotlib changes.
"""

from clvmodels.plots import style
from clvmodels.plots.ages import cohorts
from clvmodels.plots.bridges import explain, explain_change
from clvmodels.plots.contest import backtest
from clvmodels.plots.counts import frequencies, spend_distribution
from clvmodels.plots.courses import p_alive_path, tracking
from clvmodels.plots.groups import calibration, deciles
from clvmodels.plots.populations import heterogeneity
from clvmodels.plots.ranking import lift
from clvmodels.plots.surfaces import matrix

__all__ = [
    "backtest",
    "calibration",
    "cohorts",
    "deciles",
    "explain",
    "explain_change",
    "frequencies",
    "heterogeneity",
    "lift",
    "matrix",
    "p_alive_path",
    "spend_distribution",
    "style",
    "tracking",
]
