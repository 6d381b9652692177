"""A PostgreSQL server for the tests: on loopback, in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

PATIENCE = 60.0  # seconds that a busy machine may take to start it
USER = "clv"


class CannotRunError(Exception):
    """PostgreSQL is installed, but this machine does not let it run."""


def find_program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL; Debian keeps them off the PATH."""
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(packaged[-1]) if packaged else None)


def unprivileged() -> dict[str, Any]:
    """Return whom to run it as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise CannotRunError("there is no account to run PostgreSQL as")


@contextmanager
def running_server() -> Iterator[str]:
    """Start a server, yield how to connect, and stop it."""
    folder = Path(tempfile.mkdtemp(prefix="clv-postgres-"))
    account = unprivileged()
    password = secrets.token_urlsafe(16)
    server = None
    try:
        (folder / "password").write_text(password)
        for path in (folder, folder / "password"):
            if account:
                os.chown(path, account["user"], account["group"])
        _run("initdb", folder, account)
        port = _free_port()
        server = _start(folder, port, account)
        address = f"host=127.0.0.1 port={port} user={USER} password={password} dbname=postgres"
        _wait(address, server, folder)
        yield address
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _run(name: str, folder: Path, account: dict[str, Any]) -> None:
    program = find_program(name)
    assert program is not None
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [program, "-D", str(folder / "data"), "-U", USER, *options]
    command.append(f"--pwfile={folder / 'password'}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **account)
    if done.returncode != 0:
        raise CannotRunError(done.stderr)


def _start(folder: Path, port: int, account: dict[str, Any]) -> subprocess.Popen[bytes]:
    program = find_program("postgres")
    assert program is not None
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    command = [program, "-D", str(folder / "data"), "-p", str(port)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **account)


def _wait(address: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(address, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise CannotRunError((folder / "log").read_text()) from None
            time.sleep(0.1)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast": open connections are closed
    try:
        server.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
