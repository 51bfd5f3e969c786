"""`noria.lock` says what was made, reads back as written, and changes only when that does."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loans import turn

from noria.errors import WrongData
from noria.steps.lock import LOCK, dump_lock, load_lock, read_lock, write_lock

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SCALAR = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), TEXT
)  # fmt: skip
SECTION = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
RECORD = st.dictionaries(
    SECTION, st.dictionaries(TEXT, st.one_of(SCALAR, st.dictionaries(TEXT, SCALAR, max_size=3)), max_size=4), max_size=4
)


def filled(record: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {section: fields for section, fields in record.items() if fields}


@given(RECORD)
def test_what_is_written_reads_back(record: dict[str, dict[str, object]]) -> None:
    assert read_lock(dump_lock(record)) == filled(record)


def test_lists_and_gaps(tmp_path: Path) -> None:
    record = {"params": {"hidden": [64, 32], "none": None}, "run": {"id": "r"}}
    assert write_lock(tmp_path, record)
    assert not write_lock(tmp_path, record)
    assert load_lock(tmp_path) == {"params": {"hidden": [64, 32]}, "run": {"id": "r"}}


def test_none_is_there_before_the_first_run(tmp_path: Path) -> None:
    assert load_lock(tmp_path) is None


def test_a_merge_s_marks_are_told(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("[run]\n<<<<<<< ours\nid = 'a'\n")
    with pytest.raises(WrongData, match="cannot be read") as refused:
        load_lock(tmp_path)
    assert "marks of a merge" in refused.value.why


def test_a_run_writes_it(finished: Path) -> None:
    lock = tomllib.loads((finished / LOCK).read_text())
    assert lock["model"]["family"] == "logistic"
    assert lock["data"]["name"] == "loans"
    assert set(lock["steps"]) == {"ingest", "check", "clean", "split", "train", "evaluate", "gate", "register"}
    assert lock["gates"]["roc_auc >= 0.5"]["passed"] is True
    assert "roc_auc" in lock["metrics"]
    assert str(finished) not in (finished / LOCK).read_text()


@pytest.mark.parametrize("damage", ["lost", "merged", "edited"])
def test_a_run_with_nothing_to_do_mends_it(finished: Path, tmp_path: Path, damage: str) -> None:
    project = Path(shutil.copytree(finished, tmp_path / "loans"))
    again = turn(project)
    assert again.run().nothing_to_do, [(one.step, one.reasons) for one in again.plan()[1]]
    written = (project / LOCK).read_text()
    if damage == "lost":
        (project / LOCK).unlink()
    else:
        (project / LOCK).write_text(f"{written}\n<<<<<<< ours\n" if damage == "merged" else written.replace("a", "o"))
    assert turn(project).run().nothing_to_do
    assert (project / LOCK).read_text() == written
