"""Names that become paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongArgument
from noria.security.names import checked_name, is_name


@given(st.text(max_size=200))
def test_a_name_is_one_component_of_any_path(text: str) -> None:
    if is_name(text):
        assert checked_name("model", text) == text
        assert text.isascii()
        assert text not in (".", "..")
        assert not set(text) & set("/\\\x00:%~ *?\"'<>|\n\r\t")
        assert text[0] not in "-."
        assert 0 < len(text) <= 128
    else:
        with pytest.raises(WrongArgument):
            checked_name("model", text)


@pytest.mark.parametrize("text", ["credit-risk", "a", "A.b_c-9", "0", "x" * 128, "comic", "latest2"])
def test_usual_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["latest", "CON", "nul.txt", "com1", "LPT9.x", "a.", "x" * 129, "é", "a\n"])
def test_names_that_mean_something_already(text: str) -> None:
    assert not is_name(text)
