"""The documentation runs: the code in its pages, its numbers, its notebook, example and site.

In a page a block of ``python`` or ``bash`` is run, in order, one namespace and one folder a page.
A block of ``text`` right after it is its output: words as printed, numbers to the last printed
digit. A block of ``output`` is the same with numbers that rounding may move, which are not
compared. Blocks of any other kind, such as ``sh``, are not run.

Run this file to write the output of every block into its page.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import subprocess
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import clvmodels as clv

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DATA = ROOT.parent / "shared" / "data"
FILES = (
    "online_retail_2009_2010.parquet",
    "apparel_transactions.csv",
    "apparel_static_covariates.csv",
    "simulated_ggomnbd_transactions.csv",
    "simulated_ggomnbd_covariates.csv",
)

BLOCK = re.compile(
    r"^```(?P<kind>python|bash)\n(?P<code>.*?)^```\n"
    r"(?:\n```(?P<shown>text|output)\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?|\binf\b")
# No promise: how often a climb steps, and how many sums of money differ in their last bit.
COUNTED = re.compile(r"[\d,]+ (iterations|distinct histories)")
WIDTH = 94  # of a folded line in a page
RUNAWAY = 6
ROUNDING = 1e-5  # printed values below this, such as the gradient at a maximum, are rounding


def has_code(page: Path) -> bool:
    return BLOCK.search(page.read_text(encoding="utf-8")) is not None


def missing_files(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [name for name in FILES if name in text and not (DATA / name).is_file()]


def run(page: Path, folder: Path) -> Iterator[tuple[re.Match[str], str]]:
    """Yield every block of a page with what it printed."""
    text = page.read_text(encoding="utf-8")
    for name in FILES:
        if name in text:
            (folder / name).symlink_to(DATA / name)
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start("code"))
        with chdir(folder):
            if block["kind"] == "bash":
                yield block, shell(block["code"])
            else:
                source = compile("\n" * line + block["code"], str(page), "exec")
                yield block, printed(lambda code=source: exec(code, namespace))


def printed(action: Callable[[], object]) -> str:
    """Return what an action prints, with the warnings that this library means to give."""
    out = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(out):
        warnings.simplefilter("error")
        for expected in (clv.DataWarning, clv.IdentifiabilityWarning):
            warnings.simplefilter("always", expected)
        warnings.showwarning = lambda message, category, *_: print(
            f"{category.__name__}: {message}"
        )
        action()
    return out.getvalue()


def shell(commands: str) -> str:
    """Return what shell commands print, run with this environment's scripts."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "-e", "-c", commands],
        env=os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def words(output: str) -> str:
    return " ".join(NUMBER.sub("#", COUNTED.sub(r"# \1", output)).split())


def numbers(output: str) -> list[str]:
    return [found.replace(",", "") for found in NUMBER.findall(COUNTED.sub("", output))]


def same_number(shown: str, actual: str) -> bool:
    """Whether two printed numbers differ by at most one in the last printed digit."""
    if shown == actual or "inf" in (shown, actual):
        return shown == actual
    if max(abs(float(shown)), abs(float(actual))) < ROUNDING:
        return True
    mantissa, _, exponent = shown.partition("e")
    if int(exponent or 0) >= RUNAWAY:  # a parameter without bound stops where rounding lets it
        return 0.5 < float(shown) / float(actual) < 2.0
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals)
    return bool(decimals) and abs(float(shown) - float(actual)) <= 1.01 * unit


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if has_code(page)], ids=name)
def test_code_in_a_page_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    if missing := missing_files(page):
        pytest.skip(f"needs {', '.join(missing)} in ../shared/data")
    for block, output in run(page, tmp_path):
        where = f"{name(page)}, after {block['code'].splitlines()[0]!r}:\n{output}"
        if block["shown"]:
            assert words(block["output"]) == words(output), where
        else:
            assert not output.strip(), f"{where}\nThe page does not show this."
        if block["shown"] == "text":
            pairs = list(zip(numbers(block["output"]), numbers(output), strict=True))
            assert not [pair for pair in pairs if not same_number(*pair)], where


def test_architecture_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = ROOT / "clvmodels"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    named = set(re.findall(r"^\| `([\w/]+\.py)` \|", text, re.MULTILINE))
    assert {each for each in modules if not each.endswith("__init__.py")} == named


def test_notebook_runs() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "clear the outputs"
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = printed(lambda: runpy.run_path(str(ROOT / "examples" / "cdnow.py"), None, "__main__"))
    assert "balances" in output
    assert {each.name for each in (tmp_path / "demo-output").iterdir()} == {
        "model.json",
        "predictions.parquet",
    }


def test_site_builds_strictly_and_needs_no_network(tmp_path: Path) -> None:
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package, reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    fetched = re.compile(r"<(?:script|img|link|iframe)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//")
    pages = list(tmp_path.rglob("*.html"))
    assert pages
    assert [page.name for page in pages if fetched.search(page.read_text("utf-8"))] == []


def write_outputs(page: Path) -> None:
    """Replace the output blocks of a page by what its code prints now."""
    text, pieces, end = page.read_text(encoding="utf-8"), [], 0
    with tempfile.TemporaryDirectory() as folder:
        for block, output in run(page, Path(folder)):
            pieces.append(text[end : block.end("code")] + "```\n")
            if output.strip():
                lines = [part for line in output.strip("\n").splitlines() for part in folded(line)]
                shown = "\n".join(lines)
                pieces.append(f"\n```{block['shown'] or 'text'}\n{shown}\n```\n")
            end = block.end()
    page.write_text("".join(pieces) + text[end:], encoding="utf-8")


def folded(line: str) -> list[str]:
    """Fold a long line of prose; a line of a table, which has wide gaps, stays whole."""
    table = "  " in line.strip()
    return [line.rstrip()] if table or len(line) <= WIDTH else textwrap.wrap(line, WIDTH)


if __name__ == "__main__":
    chosen = [Path(each).resolve() for each in sys.argv[1:]] or PAGES
    for each in chosen:
        if has_code(each) and not missing_files(each):
            write_outputs(each)
