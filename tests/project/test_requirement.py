"""What a fresh machine is told to install is the noria that runs here, never the bare name."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path

import pytest

from noria.project.begin import from_text
from noria.project.requirement import requirement

GIT = {"url": "https://example.org/noria.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}
ARCHIVE = {"url": "https://example.org/noria-0.1.0-py3-none-any.whl"}


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, "noria==0.1.0"),
        (GIT, "noria @ git+https://example.org/noria.git@c0ffee"),
        (ARCHIVE, "noria @ https://example.org/noria-0.1.0-py3-none-any.whl"),
        (
            {**ARCHIVE, "archive_info": {"hashes": {"sha256": "ab12"}}},
            "noria @ https://example.org/noria-0.1.0-py3-none-any.whl#sha256=ab12",
        ),
        ({"url": "file:///srv/noria", "dir_info": {"editable": True}}, "./wheels/noria-0.1.0-py3-none-any.whl"),
        ({"url": "file:///srv/noria.whl", "archive_info": {}}, "./wheels/noria-0.1.0-py3-none-any.whl"),
    ],
)
def test_it_says_where_noria_came_from(origin: dict[str, object] | None, line: str) -> None:
    assert requirement("0.1.0", origin) == line


def test_a_new_project_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    from_text(tmp_path / "new", '[project]\nname = "new"\n')
    lines = (tmp_path / "new" / "requirements.txt").read_text().splitlines()
    asked = [line for line in lines if not line.startswith("#")]
    assert len(asked) == 1
    assert asked[0] != "noria"
    origin = json.loads(distribution("noria").read_text("direct_url.json") or "{}")
    if origin.get("url", "").startswith("file://"):
        assert origin["url"].removeprefix("file://") not in "\n".join(lines)
