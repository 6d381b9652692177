"""A folder of parts with a manifest: what a killed job has finished is not done again.

Names that begin with ``_`` or ``.`` are no data, by the custom of Spark and Hive.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clvmodels.cli.document import as_json
from clvmodels.cli.sheets import LEVEL
from clvmodels.cli.stages import replace_safely, sync
from clvmodels.errors import DataError
from clvmodels.frames.paths import files_at
from clvmodels.frames.state.manifest import to_json
from clvmodels.frames.state.summary_state import SummaryState

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PartFolder", "describe_job", "open_parts"]

MANIFEST: Final = "_manifest.json"
WORK: Final = "_work"
SUCCESS: Final = "_SUCCESS"
_FORMAT: Final = "clvmodels parts"


@dataclass
class PartFolder:
    """A folder that is filled part by part.

    Attributes
    ----------
    path : Path
        The folder.
    job : dict
        What the parts are made from and how.
    parts : dict
        Totals of the parts that are there, by their number, from 0.
    sizes : dict
        Bytes of each part.
    facts : dict or None
        What is reported of the whole, once it is complete.
    """

    path: Path
    job: dict[str, Any]
    parts: dict[int, dict[str, Any]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    facts: dict[str, Any] | None = None

    @property
    def work(self) -> Path:
        """Return the folder of what is needed until the parts are complete."""
        return self.path / WORK

    def write(self, number: int, rows: pl.DataFrame, totals: dict[str, Any]) -> None:
        """Write a part and then the manifest, each in one step."""
        name = _name(number)
        unfinished = self.path / f".{name}.unfinished"
        rows.write_parquet(unfinished, compression_level=LEVEL)
        replace_safely(unfinished, self.path / name)
        self.parts[number], self.sizes[number] = totals, (self.path / name).stat().st_size
        self.save()

    def empty(self) -> None:
        """Count no part: all are to be written again."""
        self.parts, self.sizes = {}, {}
        self.save()

    def finish(self, facts: dict[str, Any]) -> None:
        """Say that the parts are all there."""
        names = set(map(_name, self.parts))
        for path in self.path.glob("part-*.parquet"):
            if path.name not in names:
                path.unlink()
        self.facts = facts
        self.save()
        self.close()

    def close(self) -> None:
        """Do what is left to do, if anything, once the manifest says that the parts are there."""
        success = self.path / SUCCESS
        if not success.exists():
            success.touch()
            sync(self.path, inside=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def save(self) -> None:
        """Write the manifest."""
        parts = [
            {"part": number, "file": _name(number), "bytes": self.sizes[number]} | totals
            for number, totals in sorted(self.parts.items())
        ]
        content = {
            "format": _FORMAT,
            "complete": self.facts is not None,
            "job": self.job,
            "facts": self.facts,
            "parts": parts,
        }
        unfinished = self.path / f".{MANIFEST}.unfinished"
        unfinished.write_text(as_json(content), encoding="utf-8")
        replace_safely(unfinished, self.path / MANIFEST)


def open_parts(path: Path, job: dict[str, Any], *, resume: bool) -> PartFolder:
    """Begin a folder of parts, or go on with one.

    Raises
    ------
    DataError
        The folder has something in it and `resume` is not set, or it has parts of another job.
    """
    folder = PartFolder(path, json.loads(as_json(job)))
    try:
        if not path.exists():
            path.mkdir()
            sync(path.parent, inside=False)
        found = any(path.iterdir())
    except OSError as error:
        raise DataError(
            "The folder of parts is in a folder that exists and can be written.",
            place=f"{path}: {error.strerror or error}.",
            fix="Create that one or choose another path.",
        ) from None
    if found and not resume:
        raise DataError(
            "Parts are written to a folder that is new or empty.",
            place=f"{path} has something in it.",
            fix="Pass --resume to go on with a job that was stopped, or name another folder.",
        )
    if found:
        _go_on(folder)
    if folder.facts is not None:
        folder.close()
        return folder
    (path / SUCCESS).unlink(missing_ok=True)
    folder.work.mkdir(exist_ok=True)
    folder.save()
    return folder


def describe_job(
    source: str, state: SummaryState | None, model: Path, terms: dict[str, Any]
) -> dict[str, Any]:
    """Return what a result depends on.

    Files are told by size and time, a state by what it says of itself, the model by its content.
    """
    return {
        "library": version("clvmodels"),
        "inputs": _files(source) if state is None else [_state(source, state)],
        "model": sha256(model.read_bytes()).hexdigest(),
        "terms": terms,
    }


def _files(source: str) -> list[dict[str, Any]]:
    return [
        {"path": str(file), "bytes": file.stat().st_size, "modified_ns": file.stat().st_mtime_ns}
        for file in files_at(Path(source))
    ]


def _state(source: str, state: SummaryState) -> dict[str, Any]:
    """Describe a state as it was opened, which may not be how it is on disk by now."""
    content = sha256(to_json(state.manifest).encode()).hexdigest()
    until = str(state.observed_until)
    return {"path": source, "updates": len(state.updates), "until": until, "content": content}


def _name(number: int) -> str:
    return f"part-{number + 1:05d}.parquet"


def _go_on(folder: PartFolder) -> None:
    """Take over what is in a folder, or raise if it is of another job."""
    place = folder.path / MANIFEST
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format is {content['format']!r}")
        job, facts, parts = content["job"], content["facts"], content["parts"]
        sizes = {int(each["part"]): each.get("bytes") for each in parts}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "A job goes on in the folder that it was stopped in.",
            place=f"{folder.path} has no manifest of one: {error}.",
            fix="Name another folder.",
        ) from None
    changed = [name for name in folder.job if job.get(name) != folder.job[name]]
    if changed:
        raise DataError(
            "A job goes on with the same orders, model and terms, and the same version.",
            place=f"Since {folder.path} was begun, {', '.join(map(_told, changed))} changed.",
            fix="Start again in another folder.",
        )
    whole = {number for number, size in sizes.items() if _size(folder.path, number) == size}
    folder.facts = facts if len(whole) == len(sizes) else None
    folder.sizes = {number: sizes[number] for number in whole}
    folder.parts = {
        each["part"]: {k: v for k, v in each.items() if k not in ("part", "file", "bytes")}
        for each in parts
        if each["part"] in whole
    }


def _size(folder: Path, number: int) -> int:
    """Return the bytes of a part, -1 if it is not there."""
    path = folder / _name(number)
    return path.stat().st_size if path.is_file() else -1


def _told(name: str) -> str:
    return {"inputs": "the orders", "library": "the version of clvmodels"}.get(name, f"the {name}")
