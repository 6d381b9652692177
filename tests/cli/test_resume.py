"""Jobs that write parts go on after any stop: what is whole is kept, what is not is made again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import clvmodels as clv
from clvmodels.cli import main
from clvmodels.cli.parts import PartFolder

from .simulated_orders import AS_TEXT, SAME, predict, simulated

TIMEOUT = 120  # seconds on a machine that does other things

CHANGES: dict[str, tuple[Callable[[Path], object], tuple[str, ...], str]] = {
    "orders": (lambda _: simulated(seed=6).write_parquet("orders.parquet"), (), "the orders"),
    "model": (
        lambda path: clv.save(clv.BGNBD(0.6, 21.0, 0.8, 2.4), path),
        (),
        "the model",
    ),
    "terms": (lambda _: None, ("--margin", "0.2"), "the terms"),
    "rules": (lambda _: None, ("--returns", "drop"), "the terms"),
    "manifest": (lambda _: Path("clv/_manifest.json").unlink(), (), "no manifest"),
}


@pytest.mark.parametrize(("change", "more", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_another_job_is_not_resumed(
    run: Callable[..., Any],
    folder: Path,
    saved: Path,
    change: Callable[[Path], object],
    more: tuple[str, ...],
    words: str,
) -> None:
    model = folder / "model.json"
    model.write_bytes(saved.read_bytes())
    simulated().write_parquet("orders.parquet")
    arguments = predict("orders.parquet", "--model", model, "--out", "clv", "--parts", "--resume")
    assert run(*arguments).code == 0
    change(model)
    before = {path: path.read_bytes() for path in Path("clv").iterdir()}
    done = run(*arguments, *more)
    assert done.code == 2
    assert words in " ".join(done.err.split())
    assert {path: path.read_bytes() for path in Path("clv").iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_a_killed_job_goes_on(folder: Path, saved: Path, run: Callable[..., Any]) -> None:
    simulated(4_000).write_parquet("orders.parquet")
    arguments = [
        str(each)
        for each in predict(
            "orders.parquet", "--model", saved, "--out", "clv", "--parts", "--buckets", 60
        )
    ]
    command = [sys.executable, "-c", "from clvmodels.cli import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + TIMEOUT
    while len(list(Path("clv").glob("part-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=TIMEOUT)
    written = {path: path.stat().st_mtime_ns for path in Path("clv").glob("part-*")}
    assert 2 <= len(written) < 60
    assert not Path("clv/_SUCCESS").exists()
    assert json.loads(Path("clv/_manifest.json").read_text())["complete"] is False
    noted = len(json.loads(Path("clv/_manifest.json").read_text())["parts"])

    done = run(*arguments, "--resume")
    assert done.code == 0, done.err
    assert f"{noted} parts are there already" in done.err
    kept = sorted(written)[:noted]
    assert {path: path.stat().st_mtime_ns for path in kept} == {
        path: written[path] for path in kept
    }
    assert run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet")).code == 0
    assert_frame_equal(
        pl.read_parquet("clv/*.parquet"), pl.read_parquet("clv.parquet"), rel_tol=SAME
    )
    assert not Path("clv/_work").exists()


@pytest.mark.parametrize("first", [1, 5])
def test_a_resumed_job_keeps_its_buckets(
    run: Callable[..., Any],
    folder: Path,
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
) -> None:
    simulated().write_parquet("orders.parquet")
    arguments = predict("orders.parquet", "--model", saved, "--out", "clv", "--parts")
    with monkeypatch.context() as patched:
        patched.setattr(clv.CLVModel, "predict", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            main([str(each) for each in (*arguments, "--buckets", first)])
    assert len(list(Path("clv/_work/customers").glob("*"))) == first
    done = run(*arguments, "--resume", "--buckets", 3)
    assert done.code == 0, done.err
    assert len(list(Path("clv").glob("part-*"))) == first
    assert run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet")).code == 0
    assert_frame_equal(
        pl.read_parquet("clv/*.parquet"), pl.read_parquet("clv.parquet"), rel_tol=SAME
    )


def cut(path: Path) -> None:
    """Leave the first half of a file, as a power cut may."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def stopped(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], *, where: str, after: int
) -> None:
    """Run a command until a method of its folder was called so many times, and stop it there."""
    method, calls = getattr(PartFolder, where), iter(range(after))

    def call(self: Any, *given: Any) -> Any:
        if next(calls, None) is None:
            raise ZeroDivisionError  # of the kinds that the command line lets through
        return method(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(PartFolder, where, call)
        with pytest.raises(ZeroDivisionError):
            main([str(each) for each in arguments])


def content(folder: str = "clv") -> dict[Path, tuple[int, bytes]]:
    """Return time of change and content of all files of a folder, and of folders the time alone."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in Path(folder).rglob("*")
    }


DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": cut,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
}


@pytest.fixture
def job(run: Callable[..., Any], folder: Path, saved: Path) -> tuple[object, ...]:
    """Return the arguments of a job in five parts; `clv.parquet` is what it is to write."""
    texts = [AS_TEXT.alias("customer_id"), pl.col("date").cast(pl.String)]
    simulated().with_columns(texts).write_parquet("orders.parquet")
    assert run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet")).code == 0
    return (*predict("orders.parquet", "--model", saved, "--out", "clv", "--parts"), "--buckets")


def check_parts(n: int) -> None:
    assert sorted(path.name for path in Path("clv").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        *(f"part-0000{i}.parquet" for i in range(1, n + 1)),
    ]
    parts, whole = pl.read_parquet("clv/*.parquet"), pl.read_parquet("clv.parquet")
    assert_frame_equal(parts, whole, rel_tol=SAME)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(v, id=k, marks=pytest.mark.slow if i else ())
        for i, (k, v) in enumerate(DAMAGE.items())
    ],
)
def test_a_damaged_part_is_written_again(
    run: Callable[..., Any],
    job: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
) -> None:
    stopped(monkeypatch, (*job, 5), where="write", after=3)
    noted = json.loads(Path("clv/_manifest.json").read_text())["parts"]
    assert [part["bytes"] for part in noted] == [
        Path(f"clv/part-0000{i}.parquet").stat().st_size for i in (1, 2, 3)
    ]
    kept = Path("clv/part-00001.parquet").stat().st_mtime_ns
    damage(Path("clv/part-00002.parquet"))
    done = run(*job, 5, "--resume")
    assert done.code == 0, done.err
    assert "2 parts are there already" in done.err
    assert Path("clv/part-00001.parquet").stat().st_mtime_ns == kept
    check_parts(5)

    damage(Path("clv/part-00002.parquet"))  # of the complete folder: its buckets are gone
    done = run(*job, 3, "--resume")
    assert done.code == 0, done.err
    check_parts(3)


STAGES = {
    "text read": "log.ipc",
    "number of buckets": "buckets",
    "orders": "orders/*/*.ipc",
    "customers": "customers/*/*.parquet",
    "record": "stages.json",
}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(v, id=k, marks=pytest.mark.slow if i else ())
        for i, (k, v) in enumerate(STAGES.items())
    ],
)
def test_a_damaged_stage_is_made_again(
    run: Callable[..., Any],
    job: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    files: str,
) -> None:
    stopped(monkeypatch, (*job, 5), where="write", after=2)
    cut(sorted(Path("clv/_work").glob(files))[-1])
    done = run(*job, 4, "--resume")
    assert done.code == 0, done.err
    check_parts(5 if "*" in files else 4)


def test_whole_stages_are_not_made_again(
    run: Callable[..., Any], job: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch, (*job, 5), where="write", after=2)
    before = content("clv/_work")
    assert len([path for path in before if path.suffix in (".ipc", ".parquet")]) == 11
    stopped(monkeypatch, (*job, 5, "--resume"), where="write", after=0)
    assert content("clv/_work") == before


@pytest.mark.parametrize("stop", ["before the mark", "after it"])
def test_a_complete_folder_is_finished(
    run: Callable[..., Any], job: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    stopped(monkeypatch, (*job, 5), where="close", after=0)
    assert json.loads(Path("clv/_manifest.json").read_text())["complete"] is True
    assert Path("clv/_work").exists()
    if stop == "after it":
        Path("clv/_SUCCESS").touch()
    assert run(*job, 5, "--resume").code == 0
    check_parts(5)


def test_a_complete_folder_is_left_as_it_is(
    run: Callable[..., Any], job: tuple[object, ...]
) -> None:
    assert run(*job, 5).code == 0
    before, changed = content(), Path("clv").stat().st_mtime_ns
    done = run(*job, 5, "--resume")
    assert done.code == 0
    assert "nothing to do" in done.err
    assert (content(), Path("clv").stat().st_mtime_ns) == (before, changed)
    Path("clv/_SUCCESS").unlink()
    assert run(*job, 5, "--resume").code == 0
    check_parts(5)


def test_files_are_on_disk_before_they_have_their_names(
    run: Callable[..., Any], job: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    unsafe: list[Path] = []
    renamed: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    def checked(self: Path, target: Path) -> Path:
        inside = self.rglob("*") if self.is_dir() else [self]
        unsafe.extend(path for path in inside if path.stat().st_ino not in synced)
        renamed.append(target.name)
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", checked)
    assert run(*job, 2).code == 0
    assert {"part-00001.parquet", "_manifest.json", "orders", "rows.parquet"} <= set(renamed)
    assert unsafe == []
