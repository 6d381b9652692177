"""All commands on one application; the first imported stand first in its help."""

from __future__ import annotations

from clvmodels.cli import valuing  # isort: skip - before the commands that judge
from clvmodels.cli import judging, read_orders
from clvmodels.cli.root import app

__all__ = ["app", "judging", "read_orders", "valuing"]
