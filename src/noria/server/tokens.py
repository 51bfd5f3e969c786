"""The proof that a form was sent from a page of this very server."""

from __future__ import annotations

import hmac
import secrets

__all__ = ["FormTokens"]


class FormTokens:
    """Makes and checks form tokens from a secret that lives as long as the process.

    Each page carries another token, so that a compressed page does not give the secret away bit by bit.

    Examples
    --------
    >>> tokens = FormTokens()
    >>> tokens.accepts(tokens.make()), tokens.accepts("made up"), FormTokens().accepts(tokens.make())
    (True, False, False)
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def make(self) -> str:
        """Give a fresh token."""
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self._sign(nonce)}"

    def accepts(self, token: str) -> bool:
        """Say whether this process made the token."""
        nonce, _, signature = token.partition(".")
        return hmac.compare_digest(self._sign(nonce).encode(), signature.encode("utf-8", "replace"))

    def _sign(self, nonce: str) -> str:
        return hmac.new(self._secret, nonce.encode("utf-8", "replace"), "sha256").hexdigest()
