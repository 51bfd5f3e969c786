"""Every line of the how-to that asks a model is sent as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import httpx
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "ask-a-model.md"
LINES = re.findall(r"^curl .*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def sent(client: httpx.Client, line: str) -> httpx.Response:
    """Send what curl would."""
    quoted = re.sub(r"\$'([^']*)'", lambda found: "'" + found[1].replace("\\n", "\n") + "'", line)
    _, *words = shlex.split(quoted)
    headers: dict[str, str] = {}
    url, method, body = "", "GET", None
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data-binary"):
            method, body = "POST", words.pop(0)
        elif word == "-X":
            method = words.pop(0)
        else:
            url = word
    return client.request(method, url.removeprefix("http://127.0.0.1:8766"), content=body, headers=headers)


def test_there_are_lines() -> None:
    assert len(LINES) >= 10


@pytest.mark.parametrize("line", LINES)
def test_it_works(shared: httpx.Client, line: str) -> None:
    answer = sent(shared, line)
    assert answer.status_code == 200, answer.text
    if "explain" in line:
        assert "contributions" in answer.text
