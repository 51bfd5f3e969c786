"""Work that is told to stop."""

from __future__ import annotations

import contextlib
import sys
import time

import pytest

from noria.training.interruption import stopped


class _Slow:
    """What the interruption meets while it is finalized, where Python drops every error."""

    def __del__(self) -> None:
        time.sleep(0.2)


def test_an_interruption_python_drops_is_told_again() -> None:
    ended: list[bool] = []

    def work() -> None:
        thing = _Slow()
        del thing
        time.sleep(10)
        ended.append(True)

    hook = sys.unraisablehook
    found = stopped(work, 0.05)
    assert found is not None
    assert (found.finished, found.swallowed, ended) == (False, False, [])
    assert found.late_seconds < 5
    assert sys.unraisablehook is hook


def test_work_that_catches_everything_is_found_out() -> None:
    def work() -> None:
        with contextlib.suppress(BaseException):
            time.sleep(10)

    found = stopped(work, 0.05)
    assert found is not None
    assert found.swallowed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_else_goes_wrong_in_a_finalizer_is_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: heard.append(what.exc_type))

    class Broken:
        def __del__(self) -> None:
            raise ValueError("broken")

    found = stopped(lambda: Broken() and None, 10.0)
    assert found is not None
    assert (found.finished, heard) == (True, [ValueError])
