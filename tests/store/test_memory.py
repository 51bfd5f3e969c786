"""How much memory there is to plan with."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import WrongSetting
from noria.store.memory import GRANT, available_bytes, folder_aside, is_large, put_aside


@pytest.fixture(autouse=True)
def _ungranted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GRANT, raising=False)


def test_the_narrower_limit_counts(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    group = tmp_path / "group"
    group.mkdir()
    assert available_bytes(told, group) == 2048 * 1024
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("5\n")
    assert available_bytes(told, group) == 2048 * 1024
    (group / "memory.max").write_text("1005\n")
    assert available_bytes(told, group) == 1000
    (group / "memory.current").write_text("2000\n")
    assert available_bytes(told, group) == 0
    assert available_bytes(tmp_path / "none", tmp_path / "none") is None


def test_this_machine_tells() -> None:
    assert (available_bytes() or 0) > 1 << 20


def test_what_the_kernel_gives_back_is_not_taken(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemAvailable: 9000000 kB\n")
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 500\nactive_file 200\n")
    assert available_bytes(told, tmp_path) == 800
    older = tmp_path / "memory"
    older.mkdir()
    (older / "memory.limit_in_bytes").write_text("700\n")
    (older / "memory.usage_in_bytes").write_text("600\n")
    (older / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 30\ntotal_active_file 20\n")
    (tmp_path / "memory.max").write_text("max\n")
    told.write_text("")
    (older / "memory.stat").write_text("total_inactive_file 30\ntotal_active_file 20\n")
    assert available_bytes(told, tmp_path) == 150


@pytest.mark.parametrize(
    ("said", "size"),
    [("1000", 1000), ("2kB", 2000), ("1.5MB", 1_500_000), ("1 MiB", 1 << 20), (" 3m ", 3_000_000), ("1KiB", 1024)],
)
def test_the_user_grants_less(monkeypatch: pytest.MonkeyPatch, said: str, size: int) -> None:
    monkeypatch.setenv(GRANT, said)
    assert available_bytes() == size
    assert is_large(size // 8 + 1)
    assert not is_large(size // 8)


@pytest.mark.parametrize("said", ["much", "-1", "1PB", "GB"])
def test_what_is_no_size_is_told(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(GRANT, said)
    with pytest.raises(WrongSetting, match="is no size") as caught:
        available_bytes()
    assert "export NORIA_MEMORY=4GB" in caught.value.mend


def test_large_tables_go_where_the_process_says(tmp_path: Path) -> None:
    before = folder_aside()
    put_aside(tmp_path)
    assert folder_aside() == tmp_path
    put_aside(before)
