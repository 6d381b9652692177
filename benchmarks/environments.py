"""The peers, and an environment for each: made once in a cached folder, with stated versions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "Peer", "python_of"]


@dataclass(frozen=True)
class Peer:
    """A library to be measured.

    Attributes
    ----------
    module
        Its adapter in `benchmarks.peers`.
    engine
        What it computes with.
    requirements
        What its environment has; empty for the environment that runs the benchmarks.
    python
        A Python that it needs, such as ``python3.10``; the one that runs the benchmarks if None.
    """

    module: str
    engine: str
    requirements: tuple[str, ...] = ()
    python: str | None = None


# lifetimes and btyd are no longer maintained: bounds name the newest versions that they run with.
PEERS = {
    "clvmodels": Peer("ours", "polars"),
    "polars": Peer("bare_polars", "polars"),
    "duckdb": Peer("bare_duckdb", "duckdb"),
    "spark": Peer("spark", "spark"),
    "lifetimes": Peer("lifetimes", "pandas", ("lifetimes==0.11.3", "pandas<3", "pyarrow")),
    "pymc-marketing": Peer("pymc_marketing", "pandas, C", ("pymc-marketing==0.19.2", "pyarrow")),
    "btyd": Peer(
        "btyd",
        "pandas",
        (
            "btyd==0.1a1",
            "lifetimes==0.11.3",  # imported, but not declared
            "numpy<1.24",
            "pandas<2",
            "scipy<1.11",
            "xarray<2023.2",
            "arviz<0.16",
            "matplotlib<3.8",
            "pyarrow<16",
            "setuptools<70",
        ),
        python="python3.10",  # its autograd 1.4 does not import on Python 3.11
    ),
}


def python_of(name: str, folder: Path) -> Path | str:
    """Return the Python that has a peer, or in words why there is none.

    An environment is made in `folder` unless it is there with the same requirements. An old
    Python is looked for on the path, or in a variable such as ``BENCH_PYTHON310``.
    """
    peer = PEERS[name]
    if not peer.requirements:
        return Path(sys.executable)
    place = folder.absolute() / name
    python, stamp = place / "bin" / "python", place / "ready"
    wanted = "\n".join(peer.requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    base = _base(peer.python)
    if base is None:
        return f"needs {peer.python}, which is not here"
    shutil.rmtree(place, ignore_errors=True)
    try:
        _run(base, "-m", "venv", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", *peer.requirements)
    except subprocess.CalledProcessError as error:
        return f"cannot be installed: {error.stderr.strip().splitlines()[-1]}"
    stamp.write_text(wanted)
    return python


def _base(python: str | None) -> str | None:
    """Return a Python that runs, or None."""
    if python is None:
        return sys.executable
    found = os.environ.get(f"BENCH_{python.upper().replace('.', '')}", python)
    try:
        _run(found, "--version")
    except (OSError, subprocess.CalledProcessError):
        return None
    return found


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
