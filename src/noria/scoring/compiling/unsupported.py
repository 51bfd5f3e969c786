"""Why an estimator has no plan."""

from __future__ import annotations

__all__ = ["Unsupported"]


class Unsupported(Exception):
    """The model cannot be compiled; it answers through its own library, and people are told this reason.

    Parameters
    ----------
    reason : str
        Ends the sentence "it is not compiled: …".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
