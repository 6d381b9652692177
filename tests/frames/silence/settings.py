"""What the tests of silence share."""

from __future__ import annotations

from datetime import date

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when"}
BG = clv.BGNBD(0.243, 4.414, 0.793, 2.426)  # per week
START, END = date(2023, 1, 1), date(2023, 12, 31)
SAME = 1e-12
