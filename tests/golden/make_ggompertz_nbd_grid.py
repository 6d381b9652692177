"""Make ggompertz_nbd_grid.json: GGompertz/NBD to 50 digits, rounded to doubles.

Run `python tests/golden/make_ggompertz_nbd_grid.py` (needs python-flint and mpmath). Prints,
for every cross-check, on how many rows it ran and the worst agreement in decimal digits.
"""

from __future__ import annotations

from pathlib import Path

from lifetime_design import GGompertzDesign
from lifetime_grid import make

if __name__ == "__main__":
    make(GGompertzDesign, Path(__file__).parent / "ggompertz_nbd_grid.json", __file__)
