"""Imports point down, models are independent, and importing the library is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import clvmodels as clv

PACKAGE = Path(clv.__file__).parent
# From the top down: a module imports from layers below its own, or from its own layer.
LAYERS = [
    {"cli"},
    {"reports"},
    {"plots"},
    {
        *("backtests", "suitability", "drifts"),
        *("audits", "cohort_analysis", "economics", "segmentation"),
        *("scenarios", "experiments", "explanations"),
    },
    {"diagnostics"},
    {"files", "datasets", "warehouse", "exports"},
    {"frames"},
    {"value", "lookup", "comparison", "acquisition", "predictive"},
    {"models"},
    {"beta_dropout", "lifetime", "opportunities", "renewals", "gaps", "certificate"},
    {"design", "objective", "profile", "sampling"},
    {"estimation"},
    {"customers", "parameters", "frequencies", "priors"},
    {"columns"},
    {"special"},
    {"units", "atomic", "markup"},
    {"errors"},
]
FAMILIES = sorted((PACKAGE / "models").glob("*_family.py"))  # what several models share
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
HEAVY = (
    "pandas",
    "polars",
    "matplotlib",
    "jinja2",
    "scipy.optimize",
    "scipy.stats",
    "pyarrow",
    "duckdb",
)


def layer_of(module: str) -> int:
    part = module.split(".")[1]
    return next(i for i, layer in enumerate(LAYERS) if part in layer)


def imports_of(path: Path) -> set[str]:
    """Return the modules of the library that a file imports, those for typing left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clvmodels"):
            if node.module == "clvmodels":
                found |= {f"clvmodels.{alias.name}" for alias in node.names}
            else:
                found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("clvmodels.")}
    return found


def name_of(path: Path) -> str:
    return ".".join(("clvmodels", *path.relative_to(PACKAGE).with_suffix("").parts))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    own = layer_of(name_of(path))
    for module in imports_of(path):
        if module.split(".")[1] in ("__version__",):
            continue
        assert layer_of(module) >= own, f"{name_of(path)} imports {module}, which is above it"


def test_no_model_imports_another() -> None:
    shared = {
        "arguments",
        "assembly",
        "base",
        "bootstrap",
        "covariates",
        "draws",
        "effects",
        "fit",
        "intervals",
    }
    shared |= {
        "laws",
        "limits",
        "posterior",
        "predictions",
        "provenance",
        "purchases",
        "registry",
        "spend",
    }
    shared |= {"__init__"} | {path.stem for path in FAMILIES}
    models = {path.stem for path in (PACKAGE / "models").glob("*.py")} - shared
    for path in (PACKAGE / "models").glob("*.py"):
        if path.stem in models:
            imported = {module.split(".")[2] for module in imports_of(path) if ".models." in module}
            assert imported <= shared, f"{path.stem} imports {imported}"


def test_no_cupboards() -> None:
    names = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    assert not names & {"utils", "helpers", "common", "misc"}


def test_files_stay_readable() -> None:
    """A file beyond 400 lines, docstrings included, wants a seam."""
    long = {name_of(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


@pytest.mark.parametrize("statement", ["import clvmodels", "from clvmodels import BGNBD"])
def test_importing_is_light(statement: str) -> None:
    code = f"{statement}; import sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_public_names_exist_and_are_documented() -> None:
    assert sorted(clv.__all__) == dir(clv)
    for name in clv.__all__:
        assert getattr(clv, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'BetaGeoFitter'"):
        _ = clv.BetaGeoFitter


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
