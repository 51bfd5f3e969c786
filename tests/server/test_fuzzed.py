"""A fuzzer reads the document of noria's own interface and asks whatever the document allows, and what it does not."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("NORIA_FUZZ", "25"))
"""Inputs for each operation; 800 make more than 10,000 in all."""

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
KNOWN = """
[[operations]]
include-path = "/api/models/{ref}"
parameters = { "path.ref" = "credit-risk@3" }
[[operations]]
include-path = "/api/datasets/{ref}"
parameters = { "path.ref" = "credit-risk@1" }
[[operations]]
include-path = "/api/deployments/{endpoint}"
parameters = { "path.endpoint" = "credit-risk" }
[[operations]]
include-path = "/api/monitoring/{model}"
parameters = { "path.model" = "credit-risk" }
[[operations]]
include-path-regex = "^/api/(tracking/)?runs/{run}.*"
parameters = { "path.run" = "054b1f9ca1344e9a993232d659299882" }
"""


@pytest.fixture
def url(weeks_old: Path, tmp_path: Path) -> Iterator[str]:
    """A server of a process of its own, over a copy."""
    root = shutil.copytree(weeks_old, tmp_path / "credit")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "noria.server", "--root", str(root), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health").close()
                break
            except OSError:
                assert time.monotonic() < until
                assert server.poll() is None
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        assert server.poll() is None, "the server came down"
        server.terminate()


@pytest.mark.parametrize("config", ["", KNOWN], ids=["whatever is asked for", "what is there is asked for"])
def test_the_document_is_kept_to(url: str, tmp_path: Path, config: str) -> None:
    (tmp_path / "schemathesis.toml").write_text(config)
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        *("--config-file", "schemathesis.toml", "run", f"{url}/api/openapi.json", "--no-color"),
        *("--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--checks", CHECKS),
        *("--continue-on-failure", "--generation-deterministic"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"([\d,]+) generated, ([\d,]+) passed", done.stdout)
    assert counted, done.stdout
    assert counted[1] == counted[2]
    assert int(counted[1].replace(",", "")) > 13 * EXAMPLES / 4
