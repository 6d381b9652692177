"""A crash at any moment leaves a state, the old one or the new one; one update runs at a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.state.folder import locked

from .state_rebuild import COLUMNS, START, Record, assert_same, files_of, frame

OLD: list[Record] = [(f"c{i}", START + timedelta(days=i % 7), 1.0 + i) for i in range(40)]
NEW: list[Record] = [
    ("c1", START + timedelta(days=8), -2.0),
    ("c2", START + timedelta(days=9), 3.0),
]
MANY: list[Record] = [(f"n{i}", START + timedelta(days=8), 1.0) for i in range(20)]  # folds


class Crash(BaseException):
    """Ends a job like a signal would: nothing that catches errors catches it."""


# Everything by which an update touches the disk.
STEPS: tuple[tuple[Any, str], ...] = (
    (os, "fsync"),
    (os, "replace"),
    (os, "open"),
    (Path, "write_text"),
    (Path, "chmod"),
    (Path, "stat"),
    (Path, "unlink"),
    (Path, "open"),
    (pl.LazyFrame, "sink_parquet"),
    (pl.LazyFrame, "collect"),
)


@contextmanager
def crashing(step: int, crash: Callable[[], None]) -> Iterator[list[str]]:
    """Let the given step on the disk fail, before it, or after half of it if it writes a file."""
    done: list[str] = []

    def failing(name: str, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            done.append(name)
            if len(done) != step:
                return original(*args, **kwargs)
            if name == "sink_parquet":
                Path(args[1]).write_bytes(b"PAR1 half of a")
            if name == "write_text":
                Path(args[0]).write_bytes(args[1][:99].encode())
            crash()
            raise AssertionError("unreachable")

        return call

    with pytest.MonkeyPatch.context() as patch:
        for place, name in STEPS:
            patch.setattr(place, name, failing(name, getattr(place, name)))
        yield done


def stop() -> None:
    raise Crash


def summaries(*logs: list[Record]) -> list[clv.CustomerSummary]:
    return [clv.rfm_summary(frame(log), **COLUMNS, unit="week") for log in logs]


def check(folder: Path, old: clv.CustomerSummary, new: clv.CustomerSummary) -> bool:
    """Assert that a folder holds the old state or the new one; tell whether it is the new one."""
    found = clv.SummaryState.open(folder)
    is_new = len(found.updates) > 1
    assert_same(found, new if is_new else old)
    return is_new


@pytest.mark.parametrize(
    "batch",
    [pytest.param(NEW, id="refund", marks=pytest.mark.slow), pytest.param(MANY, id="fold")],
)
def test_a_crash_at_any_step_of_an_update(tmp_path, batch):
    old, new = summaries(OLD, OLD + batch)
    clv.SummaryState.create(tmp_path / "old", frame(OLD), **COLUMNS)
    outcomes = []
    for step in range(1, 200):
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "old", folder)
        state = clv.SummaryState.open(folder)
        with crashing(step, stop) as done:
            try:
                state.update(frame(batch))
            except Crash:
                pass
            else:
                break
        outcomes.append(check(folder, old, new))
        if outcomes[-1]:
            with pytest.warns(clv.DataWarning, match="applied before"):
                again = clv.update(folder, frame(batch))
        else:
            again = clv.update(folder, frame(batch))
        assert_same(again, new)
        left = set(files_of(folder)) - {"state.json", *again.manifest.retired}
        assert left == {each.name for each in again.manifest.parts}
    assert outcomes == sorted(outcomes)  # the old one until the replacement, from then on the new
    assert {"fsync", "replace", "sink_parquet", "write_text"} <= set(done)
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert len(outcomes) > 15


def test_files_are_safe_on_disk_before_they_count(tmp_path):
    """Against a power cut: both files, the folder and the manifest, then the folder again."""
    state = clv.SummaryState.create(tmp_path / "state", frame(OLD), **COLUMNS)
    with crashing(0, stop) as done:
        state.update(frame(NEW))
    order = [name for name in done if name in ("sink_parquet", "fsync", "replace")]
    written = ["sink_parquet", "fsync"] * 2
    assert order == [*written, "fsync", "fsync", "replace", "fsync"]


def test_a_crash_at_any_step_of_a_creation(tmp_path):
    (whole,) = summaries(OLD)
    for step in range(1, 200):
        folder = tmp_path / str(step)
        with crashing(step, stop):
            try:
                clv.SummaryState.create(folder, frame(OLD), **COLUMNS)
            except Crash:
                pass
            else:
                break
        if not (folder / "state.json").exists():
            clv.SummaryState.create(folder, frame(OLD), **COLUMNS)
        assert_same(clv.SummaryState.open(folder), whole)
    assert step > 10


JOB = """
import os, signal, sys
from pathlib import Path
import polars as pl
import clvmodels as clv

folder, point = sys.argv[1:]
batch = pl.read_parquet(Path(folder).parent / "batch.parquet")

def killed(place, name):
    original = getattr(place, name)
    def call(*args, **kwargs):
        if point == name:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if point == "after " + name:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(place, name, call)

killed(os, "replace")
killed(pl.LazyFrame, "sink_parquet")
state = clv.SummaryState.open(folder)
print("started", flush=True)
if point == "hold":
    from clvmodels.frames.state.folder import locked
    with locked(state.folder):
        print("held", flush=True)
        sys.stdin.read()
state.update(batch)
"""


def job(folder: Path, point: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(JOB), str(folder), point],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    "point", ["sink_parquet", "after sink_parquet", "replace", "after replace"]
)
def test_a_killed_process_leaves_a_state_and_no_lock(tmp_path, point):
    old, new = summaries(OLD, OLD + NEW)
    folder = tmp_path / "state"
    clv.SummaryState.create(folder, frame(OLD), **COLUMNS)
    frame(NEW).write_parquet(tmp_path / "batch.parquet")
    with job(folder, point) as process:
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
    assert check(folder, old, new) == (point == "after replace")
    if point != "after replace":
        assert_same(clv.update(folder, frame(NEW)), new)


def test_another_process_that_updates_is_waited_for(tmp_path):
    folder = tmp_path / "state"
    state = clv.SummaryState.create(folder, frame(OLD), **COLUMNS)
    frame(NEW).write_parquet(tmp_path / "batch.parquet")
    with job(folder, "hold") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            assert process.stdout.readline() == "held\n"
            with pytest.raises(clv.StateError, match="updated by one process at a time"):
                state.update(frame(MANY))
            assert_same(clv.SummaryState.open(folder), summaries(OLD)[0])  # readers need no lock
        finally:
            process.communicate(timeout=120)
    with pytest.raises(clv.StateError, match="at update 2; this state is update 1"):
        state.update(frame(MANY))
    final = clv.SummaryState.open(folder).update(frame(MANY), late="add")
    assert_same(final, summaries(OLD + NEW + MANY)[0])


def test_of_threads_that_update_at_once_one_wins(tmp_path):
    state = clv.SummaryState.create(tmp_path / "state", frame(OLD), **COLUMNS)
    batches = [[(f"t{i}", START + timedelta(days=8 + i), 1.0)] for i in range(6)]
    ready, won, lost = threading.Barrier(len(batches)), [], []

    def run(batch: list[Record]) -> None:
        ready.wait()
        try:
            state.update(frame(batch))
            won.append(batch)
        except clv.StateError as error:
            lost.append(error)

    threads = [threading.Thread(target=run, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)
    assert_same(clv.SummaryState.open(state.folder), summaries(OLD + won[0])[0])


def test_readers_see_whole_states_while_nights_go_by(tmp_path):
    state = clv.SummaryState.create(tmp_path / "state", frame(OLD), **COLUMNS)
    seen, stopped = set(), threading.Event()

    def read() -> None:
        while not stopped.is_set():
            found = clv.SummaryState.open(state.folder)
            seen.add((len(found.updates), found.summary("day").ledger.entries[0].rows))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(12):
        night: list[Record] = [(f"r{i}", START + timedelta(days=10 + i), 1.0)]
        state = state.update(frame(night))
        time.sleep(0.01)
    stopped.set()
    reader.join()
    assert {rows - updates for updates, rows in seen} == {len(OLD) - 1}


def test_a_folder_without_permission_is_said(tmp_path):
    state = clv.SummaryState.create(tmp_path / "state", frame(OLD), **COLUMNS)
    lock = state.folder / "state.lock"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(clv.StateError, match="cannot be written"):
        state.update(frame(NEW))
    with pytest.raises(clv.StateError), locked(tmp_path / "nowhere"):
        pass
