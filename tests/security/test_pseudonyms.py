"""Pseudonyms: the same person the same name, under one key that nobody else reads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import NotAllowed, WrongSetting
from noria.security.pseudonyms import KEY_FILE, VARIABLE, Pseudonyms, confirmed, is_pseudonym, known, made
from noria.store.database import Database

KEY = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def by_hand(key: bytes, text: bytes) -> str:
    """RFC 2104, written out."""
    padded = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(each ^ 0x36 for each in padded) + text).digest()
    return hashlib.sha256(bytes(each ^ 0x5C for each in padded) + inner).hexdigest()


@given(st.text(max_size=20), st.binary(min_size=32, max_size=90))
def test_it_is_the_keyed_hash(text: str, key: bytes) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    assert Pseudonyms(key).of(text) == (text if is_pseudonym(text) else "nym-" + by_hand(key, encoded)[:32])


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_has_the_name_of_its_text(number: int) -> None:
    names = Pseudonyms(KEY)
    assert names.of(number) == names.of(str(number))
    assert names.of(names.of(number)) == names.of(number)
    assert names.all_of([number, None, str(number)]) == [names.of(number), None, names.of(number)]


def test_whole_floats_and_other_keys() -> None:
    assert Pseudonyms(KEY).of(7.0) == Pseudonyms(KEY).of(7)
    assert Pseudonyms(KEY).of(7.5) != Pseudonyms(KEY).of(7)
    assert Pseudonyms(KEY).of(7) != Pseudonyms(KEY + b"!").of(7)
    assert Pseudonyms(KEY).mark != Pseudonyms(KEY + b"!").mark


def test_a_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    assert known(tmp_path, {}) is None
    first = made(tmp_path, {})
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert made(tmp_path, {}).mark == first.mark
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(NotAllowed, match="others may read"):
        known(tmp_path, {})


def test_processes_that_begin_together_have_one_key(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from noria.security.pseudonyms import made; "
        "print(made(pathlib.Path(sys.argv[1]), {}).mark)"
    )
    begun = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert len({each.communicate(timeout=60)[0] for each in begun}) == 1


def test_the_environment_goes_first(tmp_path: Path) -> None:
    own = made(tmp_path, {})
    told = known(tmp_path, {VARIABLE: KEY.decode()})
    assert told is not None
    assert told.mark == Pseudonyms(KEY).mark != own.mark
    held = tmp_path / "elsewhere.key"
    held.write_bytes(KEY + b"\n")
    held.chmod(0o600)
    read = known(tmp_path, {VARIABLE: f"file:{held}"})
    assert read is not None
    assert read.mark == told.mark
    with pytest.raises(WrongSetting, match="is not there"):
        known(tmp_path, {VARIABLE: f"file:{tmp_path}/none"})
    with pytest.raises(WrongSetting, match="5 bytes"):
        known(tmp_path, {VARIABLE: "short"})


def test_another_key_than_the_first_is_refused(database: Database) -> None:
    names = Pseudonyms(KEY)
    assert confirmed(names, database, "loans", at=NOW) is names
    assert confirmed(names, database, "loans", at=NOW) is names
    with pytest.raises(WrongSetting, match="is not the one") as caught:
        confirmed(Pseudonyms(KEY[::-1]), database, "loans", at=NOW)
    assert names.mark in caught.value.why
    confirmed(Pseudonyms(KEY[::-1]), database, "others", at=NOW)  # each project has its own


def test_no_key_is_told(tmp_path: Path) -> None:
    assert KEY.decode() not in repr(Pseudonyms(KEY))
    assert os.environ.get(VARIABLE) is None
