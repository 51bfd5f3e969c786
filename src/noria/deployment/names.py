"""Names as platforms take them: DNS labels and image references."""

from __future__ import annotations

import re

from noria.errors import WrongArgument
from noria.store.blobs import digest_bytes

__all__ = ["checked_image", "dns_label"]

_REFERENCE = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def dns_label(name: str, *, longest: int = 50) -> str:
    """Give a model's name as a label of the domain name system, which resources of clusters are named by.

    A name that is changed gets a piece of its digest, so that no two models become one.

    Examples
    --------
    >>> dns_label("credit-risk")
    'credit-risk'
    >>> dns_label("Credit_risk")
    'credit-risk-d9491a'
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not label or not label[0].isalpha():
        label = f"model-{label}".rstrip("-")
    if label == name and len(label) <= longest:
        return label
    return f"{label[: longest - 7].rstrip('-')}-{digest_bytes(name.encode())[:6]}"


def checked_image(text: str) -> str:
    """Give the name of an image back, or refuse it.

    Raises
    ------
    WrongArgument
        It is no reference that container tools take.
    """
    if len(text) > 255 or _REFERENCE.fullmatch(text) is None:
        raise WrongArgument(
            f"{text[:120]!r} cannot name an image",
            why="lower-case letters, digits, '.', '_', '-' and '/', then perhaps a tag after ':'",
            mend="--image registry.example/team/model:3",
            code="N-DEPLOYMENT-010",
        )
    return text
