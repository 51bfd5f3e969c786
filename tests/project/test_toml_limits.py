"""No project file may cost more than its size says, and each refusal names the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import ProjectNotFound, WrongSetting
from noria.project.toml import MAX_BYTES, parse, read_text, unfit


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("[project\n", 1, "not TOML"),
        ('[project]\nname = "x\n', 2, "not TOML"),
        ("[project]\nname = x\n", 2, "not TOML"),
        ("[a]\nx = 1\n[a]\n", 3, "not TOML"),
        ("[a]\nx = 1\nx = 2\n", 3, "not TOML"),
        ("[a]\nx = no\n", 2, "not TOML"),
        ("a" + ".a" * 40 + " = 1\n", 1, "dotted"),
        ("[x]\n" + '"a".' * 40 + '"a" = 1\n', 2, "dotted"),
    ],
)
def test_wrong_syntax_is_told_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        parse(text)
    assert caught.value.what.startswith(f"noria.toml:{line}: ")
    assert word in caught.value.what


def test_hostile_files_are_refused() -> None:
    for text in ("a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000, "a" + ".b" * 100_000 + " = 1"):
        with pytest.raises(WrongSetting):
            parse(text)


def test_a_long_word_is_read_quickly_and_dots_in_a_text_are_no_key() -> None:
    assert parse('a = "' + "x" * 500_000 + '"')["a"]
    assert parse('a = "' + "one.two " * 100 + '"')["a"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a = nan", "finite"),
        ("a = -inf", "finite"),
        ("a = 99999999999999999999", "64 bits"),
        ('a = "x\\u0000"', "NUL"),
        ("a = 2026-01-01", "in quotes"),
        ("a = 2026-01-01T10:00:00Z", "in quotes"),
        ("a = " + "[" * 40 + "]" * 40, "nested"),
    ],
)
def test_values_that_no_setting_can_be(text: str, word: str) -> None:
    ((path, message),) = unfit(parse(text))
    assert path[0] == "a"
    assert word in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound, match=r"no noria\.toml"):
        read_text(tmp_path / "noria.toml")
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(WrongSetting, match="larger"):
        read_text(big)
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"[a]\nx = '\xff'\n")
    with pytest.raises(WrongSetting, match=r"odd\.toml:2: not UTF-8"):
        read_text(odd)
