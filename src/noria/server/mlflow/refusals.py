"""How an error of ours is told in the MLflow protocol.

Clients try again after 429, 500, 502, 503 and 504, for minutes; so a mistake of a user is never one of these.
"""

from __future__ import annotations

import errno

import msgspec

from noria.errors import (
    AliasMoved,
    BlobNotFound,
    Conflict,
    CorruptedBlob,
    GateFailed,
    Misused,
    NoriaError,
    NotFound,
    Refused,
    StoreBusy,
    StoreUnavailable,
)

__all__ = ["body", "bug", "of_status", "told"]

_BY_CODE = {
    "N-SERVER-054": (404, "ENDPOINT_NOT_FOUND"),
    "N-SERVER-055": (501, "NOT_IMPLEMENTED"),
    "N-SERVER-056": (400, "BAD_REQUEST"),
    "N-SERVER-057": (405, "BAD_REQUEST"),
    "N-SECURITY-010": (400, "BAD_REQUEST"),
    "N-SERVER-050": (400, "BAD_REQUEST"),
    # Clients tell an unknown alias from an unknown model by this.
    "N-REGISTRY-006": (400, "INVALID_PARAMETER_VALUE"),
}
_BY_KIND: tuple[tuple[type[NoriaError], int, str], ...] = (
    (BlobNotFound, 500, "DATA_LOSS"),
    (CorruptedBlob, 500, "DATA_LOSS"),
    (StoreUnavailable, 503, "TEMPORARILY_UNAVAILABLE"),
    (StoreBusy, 503, "TEMPORARILY_UNAVAILABLE"),
    (NotFound, 404, "RESOURCE_DOES_NOT_EXIST"),
    (Misused, 400, "INVALID_PARAMETER_VALUE"),
    (AliasMoved, 409, "RESOURCE_CONFLICT"),
    (Conflict, 400, "RESOURCE_ALREADY_EXISTS"),
    (Refused, 403, "PERMISSION_DENIED"),
    (GateFailed, 403, "PERMISSION_DENIED"),
)
_BY_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    408: "BAD_REQUEST",
    413: "INVALID_PARAMETER_VALUE",
    421: "BAD_REQUEST",
    503: "TEMPORARILY_UNAVAILABLE",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)


def told(error: NoriaError) -> tuple[int, bytes]:
    r"""Give the status and the body of an error.

    Examples
    --------
    >>> from noria.errors import RunNotFound
    >>> told(RunNotFound("there is no run '5f'", mend="noria runs list"))
    (404, b'{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"there is no run \'5f\'\\nmend: noria runs list"}')
    """
    lines = [error.what, error.why, f"mend: {error.mend}" if error.mend else ""]
    message = "\n".join(line for line in lines if line)
    status, code = _BY_CODE.get(error.code) or next(
        ((status, code) for kind, status, code in _BY_KIND if isinstance(error, kind)), (500, "INTERNAL_ERROR")
    )
    if status == 503 and _is_full(error):
        # To wait does not help, and 507 is not tried again.
        status, code = 507, "RESOURCE_EXHAUSTED"
    return status, body(code, message)


def bug(error: BaseException) -> tuple[int, bytes]:
    """Tell a failure that is ours, without what it was about: that stands in the log."""
    return 500, body(
        "INTERNAL_ERROR", f"noria failed where it should not ({type(error).__name__}); see the server's log"
    )


def of_status(status: int, message: str) -> bytes:
    """Tell a refusal of the door."""
    return body(_BY_STATUS.get(status, "INTERNAL_ERROR"), message)


def body(code: str, message: str) -> bytes:
    """Write an error as the protocol has it."""
    return msgspec.json.encode({"error_code": code, "message": message.encode(errors="replace").decode()})


def _is_full(error: NoriaError) -> bool:
    cause = error.__cause__
    return (isinstance(cause, OSError) and cause.errno in _FULL) or "disk is full" in error.why
