"""What ``clvmodels --help`` knows, and what it leaves unloaded."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

from clvmodels import customers
from clvmodels.cli import options
from clvmodels.frames import cleaning

TIMEOUT = 120  # seconds on a machine that does other things


def test_help_knows_the_choices_of_the_library() -> None:
    assert get_args(options.Grid) == get_args(customers.Grid)
    assert get_args(options.Returns) == get_args(customers.Returns)
    assert get_args(options.Invalid) == get_args(cleaning.Invalid)


def test_help_is_light() -> None:
    code = (
        "import clvmodels.cli.app, sys\n"
        "print([m for m in ('numpy', 'polars', 'narwhals', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    assert done.stdout.strip() == "[]"
