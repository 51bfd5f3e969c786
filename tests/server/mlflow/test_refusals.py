"""Errors in the protocol's words: a mistake of a user is never what a client would try again for minutes."""

from __future__ import annotations

import errno
import json

import pytest

import noria.scoring.signature  # noqa: F401 - a family that lives outside the tree of errors
from noria import errors
from noria.server.mlflow.refusals import bug, told

TRIED_AGAIN = {408, 429, 500, 502, 503, 504}


def families(family: type[errors.NoriaError]) -> list[type[errors.NoriaError]]:
    return [family, *(kind for child in family.__subclasses__() for kind in families(child))]


@pytest.mark.parametrize("family", [errors.Misused, errors.NotFound, errors.Refused, errors.GateFailed])
def test_a_mistake_is_not_tried_again(family: type[errors.NoriaError]) -> None:
    for kind in families(family):
        if kind is errors.BlobNotFound:  # a record without its bytes is our loss, not a mistake
            continue
        error = kind.__new__(kind)
        errors.NoriaError.__init__(error, "no")  # some are made from more than a text
        assert told(error)[0] not in TRIED_AGAIN, kind


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.RunNotFound("x"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (errors.WrongArgument("x"), 400, "INVALID_PARAMETER_VALUE"),
        (errors.Conflict("x"), 400, "RESOURCE_ALREADY_EXISTS"),
        (errors.VersionExists("x"), 400, "RESOURCE_ALREADY_EXISTS"),
        (errors.AliasMoved("x"), 409, "RESOURCE_CONFLICT"),
        (errors.NotAllowed("x"), 403, "PERMISSION_DENIED"),
        (errors.GateFailed("x"), 403, "PERMISSION_DENIED"),
        (errors.CorruptedBlob("x"), 500, "DATA_LOSS"),
        (errors.BlobNotFound("x"), 500, "DATA_LOSS"),
        (errors.StoreUnavailable("x"), 503, "TEMPORARILY_UNAVAILABLE"),
        (errors.StoreBusy("x"), 503, "TEMPORARILY_UNAVAILABLE"),
        (errors.StoreUnavailable("x", why="database or disk is full"), 507, "RESOURCE_EXHAUSTED"),
        (errors.StepFailed("x"), 500, "INTERNAL_ERROR"),
    ],
)
def test_each_kind_has_its_code(error: errors.NoriaError, status: int, code: str) -> None:
    got, body = told(error)
    assert (got, json.loads(body)["error_code"]) == (status, code)


def test_a_full_disk_is_told_as_such() -> None:
    error = errors.StoreUnavailable("cannot write", mend="make room")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    status, body = told(error)
    assert status == 507
    assert json.loads(body)["message"] == "cannot write\nmend: make room"


def test_a_bug_tells_nothing_of_what_it_was_about() -> None:
    status, body = bug(ValueError("SELECT secret FROM tokens"))
    assert status == 500
    assert b"secret" not in body


def test_half_a_letter_does_not_break_the_answer() -> None:
    assert json.loads(told(errors.RunNotFound("\ud800"))[1])["message"] == "?"
