"""The example on a real cluster: a master, two workers, and one of them killed midway."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import Any

import pytest

SECONDS = 900  # three JVMs must start, twice as many if the machine is busy


def run(root: Any, *options: str) -> str:
    """Run the example; if it hangs, let it stop its cluster before it ends."""
    script = str(root / "examples" / "spark_cluster.py")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", script, *options],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        pytest.fail(f"The example took more than {SECONDS} seconds.\n{output}\n{errors[-3000:]}")
    assert process.returncode == 0, f"{output}\n{errors[-3000:]}"
    return output


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(java, request):
    output = run(request.config.rootpath, "--customers", "60000", "--kill")
    assert "2 workers" in output
    assert "same as polars\n" in output
    assert "same as polars without that worker" in output
    stages = re.search(r"killed in stage \d+, stages \[(.+)\] ran again", output)
    assert stages, output  # what the dead executor had written was lost, and made anew
