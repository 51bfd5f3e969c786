"""What Amazon SageMaker asks of ``POST /invocations`` besides MLflow's protocol.

Reference: Amazon SageMaker, "Use your own inference code with hosting services" and "InvokeEndpoint".
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from noria.serving.http import Problem

if TYPE_CHECKING:
    from noria.security.guard import Scope
    from noria.serving.endpoint import Reply

__all__ = ["as_csv", "attributes", "wants_csv"]

_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
_LONGEST = 1024


def attributes(scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
    """Give the caller's custom attributes back as a header of the answer: they name the request in his own traces.

    Raises
    ------
    Problem
        They are longer than SageMaker allows, or no visible ASCII.
    """
    found = [value for name, value in scope["headers"] if name == _ATTRIBUTES]
    if not found:
        return ()
    if len(found) > 1 or len(found[0]) > _LONGEST or not all(32 <= byte < 127 for byte in found[0]):
        raise Problem(400, "custom attributes are one header of at most 1024 visible characters", code="N-SERVING-056")
    return ((_ATTRIBUTES, found[0]),)


def wants_csv(scope: Scope) -> bool:
    """Say whether the answer should be CSV, as transform jobs ask for lines to put beside their input."""
    accepted = [value for name, value in scope["headers"] if name == b"accept"]
    return len(accepted) == 1 and accepted[0].partition(b";")[0].strip().lower() == b"text/csv"


def as_csv(reply: Reply) -> bytes:
    """Give one line a row: the label or value alone."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows([prediction] for prediction in reply.answers.predictions)
    return made.getvalue().encode()
