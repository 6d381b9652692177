"""The installed command as a process: entry point, missing packages, signals, terminal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TIMEOUT = 120  # seconds on a machine that does other things


@pytest.fixture(scope="module")
def command() -> str:
    found = shutil.which("clvmodels", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("the command clvmodels is not installed beside this Python")
    return found


def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=os.environ | environment,
        check=False,
    )


def test_the_main_job(command: str, cdnow: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "model.json", tmp_path / "clv.csv"
    done = call(command, "fit", cdnow / "orders.csv", "--model", model)
    assert done.returncode == 0, done.stderr
    done = call(command, "predict", cdnow / "orders.csv", "--model", model, "--out", out)
    assert done.returncode == 0, done.stderr
    assert len(out.read_text().splitlines()) == 2358
    umask = os.umask(0o022)
    os.umask(umask)
    assert out.stat().st_mode & 0o777 == 0o666 & ~umask, "as other programs would write it"


def test_an_error_is_no_traceback(command: str, tmp_path: Path) -> None:
    done = call(command, "fit", tmp_path / "nope.parquet")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_version_and_help(command: str) -> None:
    from importlib.metadata import version

    assert call(command, "--version").stdout == f"clvmodels {version('clvmodels')}\n"
    for name in ("summarize", "fit", "predict"):
        shown = call(command, name, "--help", COLUMNS="100").stdout
        assert f"Example:  clvmodels {name}" in shown
        assert "--customer" in shown


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_missing_packages_are_named(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from clvmodels.cli import main; sys.exit(main(['--help']))"
    )
    done = call(sys.executable, "-c", code)
    assert done.returncode == 2
    assert "pip install 'clvmodels[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_quiet(command: str, cdnow: Path) -> None:
    line = f"{command} summarize {cdnow / 'orders.parquet'} --json | head -1"
    done = call("sh", "-c", line)
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def slow_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log that takes seconds to summarise, for its many refunds."""
    import numpy as np
    import polars as pl

    draw, n = np.random.default_rng(3), 1_500_000
    path = tmp_path_factory.mktemp("slow") / "orders.parquet"
    pl.DataFrame(
        {
            "customer_id": draw.integers(0, n // 5, n),
            "date": np.datetime64("2023-01-01") + draw.integers(0, 700, n),
            "amount": draw.normal(10.0, 6.0, n),
        }
    ).write_parquet(path)
    return path


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize(
    ("sent", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)],
)
def test_interruption_leaves_nothing_behind(
    command: str, slow_log: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    temporary, out = tmp_path / "temporary", tmp_path / "rfm.parquet"
    temporary.mkdir()
    out.write_text("old")
    process = subprocess.Popen(
        [command, "summarize", slow_log, "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    for _ in wait_until(TIMEOUT):
        if list(temporary.glob("clvmodels-*")):
            break
    time.sleep(0.3)  # into the work
    process.send_signal(sent)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rfm.parquet", "temporary"]
    assert not list(temporary.iterdir())


def wait_until(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.02)
    pytest.fail("nothing happened in time")


@pytest.mark.skipif(os.name == "nt", reason="pseudo terminals are those of POSIX")
@pytest.mark.parametrize("quiet", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_progress_is_for_terminals(command: str, cdnow: Path, *, quiet: bool) -> None:
    import pty

    leader, follower = pty.openpty()
    line = [command, "summarize", str(cdnow / "orders.parquet"), *(["--quiet"] if quiet else [])]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=follower) as process:
        os.close(follower)
        shown = b"".join(iter(lambda: read_some(leader), b"")).decode()
        output = process.stdout.read().decode() if process.stdout else ""
    os.close(leader)
    assert ("Summarising customers" in shown) is not quiet
    assert "Summarising" not in output
    assert "balances" in output


def read_some(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # Linux says so when the other side of a pseudo terminal is closed
        return b""
