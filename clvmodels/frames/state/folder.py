"""The folder of a summary state on disk: whole or unchanged, one writer at a time.

A file is written once, under a name of its own, and never changed. `state.json` lists the files
that count and is replaced in one step, so that a crash at any moment leaves the state before or
after. What a crash leaves besides is in nobody's list, and the next update removes it. Files that
an update replaces stay until the one after it, for those who read them.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from clvmodels.atomic import atomic_path
from clvmodels.errors import StateError
from clvmodels.frames.state.manifest import Manifest, Part, from_json, no_state, to_json

if TYPE_CHECKING:
    import polars as pl

__all__ = ["commit", "locked", "prepare", "read_manifest", "scan", "sweep", "write_part"]

MANIFEST: Final = "state.json"
_LOCK: Final = "state.lock"
_OURS: Final = re.compile(
    rf"(customers|days)-\d{{6,}}-[0-9a-f]{{8}}\.parquet|\.{re.escape(MANIFEST)}\..*"
)


def prepare(folder: Path) -> None:
    """Make the folder of a new state; one that a crash left unfinished will do.

    Raises
    ------
    StateError
        There is a state or anything else, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(each.name for each in folder.iterdir())
    except OSError as error:
        raise StateError(
            "A new state gets a folder of its own.",
            place=f"{folder}: {error.strerror or error}.",
            fix="Choose another path.",
        ) from None
    if MANIFEST in names:
        raise StateError(
            "A new state gets a folder of its own.",
            place=f"{folder} holds a state.",
            fix="Open it with SummaryState.open, or choose another path.",
        )
    foreign = [name for name in names if name != _LOCK and not _OURS.fullmatch(name)]
    if foreign:
        raise StateError(
            "A new state gets a folder of its own.",
            place=f"{folder} holds {foreign[0]!r}.",
            fix="Choose another path.",
        )


def read_manifest(folder: Path) -> Manifest:
    """Read the state of a folder and check that its files are there, whole.

    Raises
    ------
    StateError
        There is no state, a file is missing or of another size, or the schema is unknown.
    """
    file = folder / MANIFEST
    text = ""
    while True:
        try:
            last, text = text, file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise no_state(str(folder), f"{MANIFEST} cannot be read: {error}.") from None
        manifest = from_json(text, place=str(file))
        wrong = [each for each in manifest.parts if _size(folder / each.name) != each.bytes]
        if not wrong:
            return manifest
        if text == last:  # else an update came in between, and its files are looked at
            place = f"{wrong[0].name} is missing or not of its {wrong[0].bytes:,} bytes."
            raise no_state(str(folder), place)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def scan(folder: Path, parts: tuple[Part, ...]) -> list[pl.LazyFrame]:
    """Scan parts of a state."""
    import polars as pl

    return [pl.scan_parquet(folder / part.name, glob=False) for part in parts]


def write_part(folder: Path, kind: str, number: int, table: pl.LazyFrame) -> Part:
    """Write a table to a new file of the folder, safe on disk."""
    import polars as pl

    path = folder / f"{kind}-{number:06}-{secrets.token_hex(4)}.parquet"
    table.sink_parquet(path, engine="streaming")
    with path.open("rb") as file:
        os.fsync(file.fileno())
    rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return Part(path.name, int(rows), path.stat().st_size)


def commit(folder: Path, manifest: Manifest) -> None:
    """Make a state the one that counts, in one step."""
    _sync(folder)
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(to_json(manifest), encoding="utf-8")
    _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names of new files safe on disk, where a system has a way to."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path, manifest: Manifest | None) -> None:
    """Remove files of crashed and earlier updates; what cannot be removed waits for the next."""
    known = set() if manifest is None else {each.name for each in manifest.parts}
    if manifest is not None:
        known |= set(manifest.retired)
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in known:
            with suppress(OSError):
                path.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder alone; the system lets go when the process ends, however it ends.

    Raises
    ------
    StateError
        Another update holds it, or the folder cannot be written.
    """
    try:
        file = (folder / _LOCK).open("ab")
    except OSError as error:
        raise no_state(str(folder), f"It cannot be written: {error.strerror or error}.") from None
    with file:
        try:
            _lock(file)
        except OSError:
            raise StateError(
                "A state is updated by one process at a time.",
                place=f"Another one is updating {folder}.",
                fix="Wait for it to end, then open the state again.",
            ) from None
        yield


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
