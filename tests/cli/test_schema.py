"""`noria schema` prints what the types say."""

from __future__ import annotations

import json

import pytest

from noria.cli.main import main
from noria.project.schema import SHIPPED, json_schema


def test_it_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["schema"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_it_says_where_the_schema_lies(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["schema", "--path"])
    assert capsys.readouterr().out == f"{SHIPPED}\n"
