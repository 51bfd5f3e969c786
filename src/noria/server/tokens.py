"""The proof that a form was sent from a page of this very server."""

from __future__ import annotations

import hmac
import secrets

__all__ = ["FormTokens"]


class FormTokens:
    """Makes and checks form tokens from a secret that lives as long as the process.

    Each page carries another token, so that a compressed page does not give the secret away bit by bit. Where people
    log in, a token belongs to the session it was made for.

    Examples
    --------
    >>> tokens = FormTokens()
    >>> tokens.accepts(tokens.make()), tokens.accepts("made up"), FormTokens().accepts(tokens.make())
    (True, False, False)
    >>> tokens.accepts(tokens.make("ada's session"), "bob's session")
    False
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def make(self, holder: str = "") -> str:
        """Give a fresh token.

        Parameters
        ----------
        holder : str
            Whom it is for; empty where nobody logs in.
        """
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self._sign(nonce, holder)}"

    def accepts(self, token: str, holder: str = "") -> bool:
        """Say whether this process made the token, for this holder."""
        nonce, _, signature = token.partition(".")
        return hmac.compare_digest(self._sign(nonce, holder).encode(), signature.encode("utf-8", "replace"))

    def _sign(self, nonce: str, holder: str) -> str:
        return hmac.new(self._secret, f"{nonce}.{holder}".encode("utf-8", "replace"), "sha256").hexdigest()
