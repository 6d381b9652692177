"""Read golden files: columns of exact inputs and 50-digit results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def read_golden(name: str) -> Any:
    """Return the content of a golden file."""
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))
