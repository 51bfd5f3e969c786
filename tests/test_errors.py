"""An error tells its mend wherever it is shown: on the command line, in a traceback, after crossing a process."""

from __future__ import annotations

import pickle
import traceback

from noria.errors import NotFound, WrongSetting, from_dict

ERROR = WrongSetting("unknown key 'modle'", why="line 3", mend="write [model]\nor leave it out", code="N-PROJECT-003")
SHOWN = "  line 3\n  mend: write [model]\n        or leave it out"


def test_a_traceback_tells_the_mend() -> None:
    assert ERROR.__notes__ == [SHOWN]
    assert "".join(traceback.format_exception(ERROR)).endswith(f"unknown key 'modle'\n{SHOWN}\n")


def test_it_crosses_processes_whole() -> None:
    for other in (pickle.loads(pickle.dumps(ERROR)), from_dict(ERROR.to_dict())):
        assert (type(other), other.render(), other.__notes__) == (WrongSetting, ERROR.render(), [SHOWN])


def test_what_has_no_mend_adds_nothing() -> None:
    assert not hasattr(NotFound("gone"), "__notes__")
