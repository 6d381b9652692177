"""lifetimes: the archived library that most people use."""

from __future__ import annotations

import lifetimes

from benchmarks.peers.fitters import steps_of
from benchmarks.peers.protocol import main

if __name__ == "__main__":
    main("lifetimes", steps_of(lifetimes))
