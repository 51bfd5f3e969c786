"""The contract of remotes.

A test module makes a class of its own from `RemoteContract` and gives a fixture ``remote``, an empty one each time.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from noria.errors import WrongArgument
from noria.store.remote import NotThere

if TYPE_CHECKING:
    from noria.store.remote import Remote

__all__ = ["RemoteContract"]


class RemoteContract:
    """What holds for every remote."""

    def test_what_goes_in_comes_out(self, remote: Remote) -> None:
        """Whatever its size."""
        for number, data in enumerate((b"", b"rows", bytes(range(256)) * 70_000)):
            assert remote.put_new(f"parts/ab/{number}", data)
            assert remote.get(f"parts/ab/{number}") == data
            assert remote.size(f"parts/ab/{number}") == len(data)

    def test_a_name_is_written_once(self, remote: Remote) -> None:
        """Who comes second changes nothing."""
        assert remote.put_new("versions/credit/1.json", b"first")
        assert not remote.put_new("versions/credit/1.json", b"second")
        assert remote.get("versions/credit/1.json") == b"first"

    def test_of_many_at_once_one_writes(self, remote: Remote) -> None:
        """And all read what that one wrote."""
        said: list[tuple[bool, bytes]] = []

        def write(number: int) -> None:
            data = bytes([number]) * 100_000
            said.append((remote.put_new("versions/credit/2.json", data), data))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [data for won, data in said if won] == [remote.get("versions/credit/2.json")]

    def test_what_is_not_there(self, remote: Remote) -> None:
        """It is told, whether or not anything else is there."""
        for _ in range(2):
            with pytest.raises(NotThere):
                remote.get("parts/ab/none")
            assert remote.size("parts/ab/none") is None
            assert list(remote.names("versions")) == []
            remote.put_new("parts/ab/other", b"x")

    def test_names_of_a_folder(self, remote: Remote) -> None:
        """Those below it, and no others."""
        wanted = {f"versions/credit/{number}.json" for number in range(12)} | {"versions/loans/1.json"}
        for name in (*wanted, "versionsx/credit/1.json", "parts/ab/ab"):
            remote.put_new(name, b"x")
        assert set(remote.names("versions")) == wanted
        assert set(remote.names("versions/loans")) == {"versions/loans/1.json"}

    def test_sizes_and_ages(self, remote: Remote) -> None:
        """Whoever was written later is no older."""
        remote.put_new("parts/ab/1", b"x")
        remote.put_new("parts/ab/2", b"xyz")
        found = {one.name: one for one in remote.walk("parts")}
        assert {name: one.size for name, one in found.items()} == {"parts/ab/1": 1, "parts/ab/2": 3}
        assert found["parts/ab/1"].modified <= found["parts/ab/2"].modified
        assert found["parts/ab/1"].modified.utcoffset() == timedelta(0)

    def test_what_is_let_go_of_is_gone(self, remote: Remote) -> None:
        """And its name may be written again."""
        remote.put_new("parts/ab/1", b"first")
        remote.put_new("parts/ab/2", b"other")
        for _ in range(2):
            remote.delete("parts/ab/1")
            assert remote.size("parts/ab/1") is None
            assert list(remote.names("parts")) == ["parts/ab/2"]
        assert remote.put_new("parts/ab/1", b"second")
        assert remote.get("parts/ab/1") == b"second"
        remote.delete("nowhere/at/all")

    @pytest.mark.parametrize(
        "name", ["../out", "a/../../b", "/etc/x", "a//b", "", "a b", "a/%2e%2e/b", "é", ".", "a\n"]
    )
    def test_a_name_stays_inside(self, remote: Remote, name: str) -> None:
        """Nothing that climbs out, or is written in two ways, is a name."""
        with pytest.raises(WrongArgument):
            remote.put_new(name, b"x")
        with pytest.raises(WrongArgument):
            remote.get(name)
