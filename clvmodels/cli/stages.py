"""What a long job has made on its way: kept in files, and known to be whole by their sizes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["Stages", "replace_safely", "sync"]

_RECORD: Final = "stages.json"


class Stages:
    """Files and folders that are made one after the other, each from those before it.

    Parameters
    ----------
    folder : Path
        Where they are.
    lasting : bool
        Whether they outlive the process, and even a power cut; else nothing is found again.

    Attributes
    ----------
    made : set of str
        Names of those that this process made.
    """

    def __init__(self, folder: Path, *, lasting: bool) -> None:
        self.folder = folder
        self.made: set[str] = set()
        self._lasting = lasting
        self._sizes = self._read() if lasting else {}

    def keep(self, name: str, write: Callable[[Path], object], *, again: bool = False) -> Path:
        """Return a file or folder that is whole: the one that is there, or a new one.

        A new one makes those after it void, for they were made from another.
        """
        place = self.folder / name
        if not again and name in self._sizes and _sizes_of(place) == self._sizes[name]:
            return place
        self._forget(name)
        unfinished = place.with_name(f"{place.name}.unfinished")
        _remove(unfinished)
        _remove(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        if self._lasting:
            replace_safely(unfinished, place)
        else:
            unfinished.rename(place)
        self.made.add(name)
        self._sizes[name] = _sizes_of(place)
        self._save()
        return place

    def _forget(self, name: str) -> None:
        names = list(self._sizes)
        void = names[names.index(name) :] if name in names else []
        if void:
            for each in void:
                del self._sizes[each]
            self._save()  # first, so that nothing is on record that is half removed
            for each in void:
                _remove(self.folder / each)

    def _read(self) -> dict[str, dict[str, int]]:
        """Return the sizes on record; without a record that can be read, nothing counts."""
        try:
            record = json.loads((self.folder / _RECORD).read_text(encoding="utf-8"))
            return {name: dict(sizes) for name, sizes in record.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            for path in self.folder.iterdir():
                _remove(path)
            return {}

    def _save(self) -> None:
        if self._lasting:
            unfinished = self.folder / f"{_RECORD}.unfinished"
            unfinished.write_text(json.dumps(self._sizes), encoding="utf-8")
            replace_safely(unfinished, self.folder / _RECORD)


def replace_safely(unfinished: Path, place: Path) -> None:
    """Give a finished file or folder its name, so that after a power cut it is whole or not there.

    A folder takes the place of none.
    """
    sync(unfinished)
    unfinished.replace(place)
    sync(place.parent, inside=False)


def sync(path: Path, *, inside: bool = True) -> None:
    """Write a file, or a folder and what is `inside`, from the system's memory to the disk."""
    if path.is_dir():
        for each in path.iterdir() if inside else ():
            sync(each)
        if sys.platform == "win32":
            return  # it has no way to
        handle = os.open(path, os.O_RDONLY)
    else:
        handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sizes_of(place: Path) -> dict[str, int]:
    """Return the bytes of a file, or of all files in a folder; nothing if none is there."""
    if place.is_file():
        return {"": place.stat().st_size}
    files = sorted(each for each in place.rglob("*") if each.is_file())
    return {each.relative_to(place).as_posix(): each.stat().st_size for each in files}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
