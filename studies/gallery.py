"""The pictures of the page on plots: the page's own code draws them.

`make gallery` runs the code of docs/how-to/plots.md and stores, for each block that a picture
follows, the figure that it has drawn. So a picture shows what the code above it does.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

import clvmodels as clv

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "plots.md"
BLOCK: Final = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n!\[[^]]*\]\((?P<picture>[^)]+)\))?",
    re.MULTILINE | re.DOTALL,
)
STYLE: Final = clv.plots.style.look() | {"svg.hashsalt": "gallery"}  # the same picture, same bytes


def draw(page: Path, folder: Path) -> list[Path]:
    """Run the code of a page and store its pictures in a folder, by the names in the page."""
    namespace: dict[str, Any] = {}
    stored = []
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
            exec(compile(block["code"], str(page), "exec"), namespace)
            if block["picture"]:
                stored.append(folder / Path(block["picture"]).name)
                plt.gcf().savefig(stored[-1], metadata={"Date": None})
                plt.close("all")
    return stored


def main() -> None:
    """Draw all pictures of the page into docs/assets."""
    mpl.use("agg")
    draw(PAGE, PAGE.parent.parent / "assets")


if __name__ == "__main__":
    main()
