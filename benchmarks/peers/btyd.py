"""btyd: a successor of lifetimes that keeps its fitters; needs an old Python."""

from __future__ import annotations

import btyd

from benchmarks.peers.fitters import steps_of
from benchmarks.peers.protocol import main

if __name__ == "__main__":
    main("btyd", steps_of(btyd))
