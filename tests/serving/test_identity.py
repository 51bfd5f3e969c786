"""Ids: enough of them, none twice, not even in a process forked from this one."""

from __future__ import annotations

import os
import string

from noria.serving.identity import request_id


def test_ids_are_different_and_of_one_form() -> None:
    made = {request_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(each) == 32 and set(each) <= set(string.hexdigits.lower()) for each in made)


def test_a_forked_process_makes_others() -> None:
    request_id()  # so that some are drawn already
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(request_id() for _ in range(10)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read().split()
    os.waitpid(child, 0)
    assert len(theirs) == 10
    assert not set(theirs) & {request_id() for _ in range(500)}
