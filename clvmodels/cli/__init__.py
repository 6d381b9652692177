"""The command line `clvmodels`: the way in and out, also where its packages are missing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["main"]

_NEEDED = ("typer", "rich")
_BAD_USAGE, _INTERRUPTED, _TERMINATED = 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments
        What follows the command's name; that of the process if None.

    Returns
    -------
    int
        2 if the packages of the command line are not installed, 130 if interrupted. Else the
        process exits: with 0 for success, 2 for bad usage or data.
    """
    try:
        from clvmodels.cli.app import app

        with _exit_on_termination():
            app(args=arguments, prog_name="clvmodels")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _NEEDED:
            raise
        print(
            f"error: The command line needs the package {package}, which is not installed. "
            "Run: pip install 'clvmodels[cli]'. The Python library works without it.",
            file=sys.stderr,
        )
        return _BAD_USAGE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return _INTERRUPTED
    return 0


@contextmanager
def _exit_on_termination() -> Iterator[None]:
    """Leave on SIGTERM, which schedulers send, by an exception, so that temporary files go."""

    def leave(*_: object) -> None:
        sys.exit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
