"""What noria raises, each error with its mend.

The family decides the exit status of the command line::

    NoriaError(what, why=, mend=, code=)   what happened, to which thing, the value got
    ├── WorkFailed   1   StepFailed  CheckFailed  GateFailed  EmptyWindow  CorruptedBlob
    ├── Misused      2   WrongSetting  WrongArgument  WrongData  MissingExtra
    ├── NotFound     3   RunNotFound  DatasetNotFound  ModelNotFound  AliasNotFound  SourceNotFound …
    ├── Conflict     4   AliasMoved  VersionExists  StoreBusy  PortInUse
    └── Refused      5   NotAllowed  UntrustedFormat
    anything else   70   a bug of ours
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AliasMoved",
    "AliasNotFound",
    "BlobNotFound",
    "CheckFailed",
    "Conflict",
    "CorruptedBlob",
    "DatasetNotFound",
    "EmptyWindow",
    "ExperimentNotFound",
    "GateFailed",
    "MissingExtra",
    "Misused",
    "ModelNotFound",
    "NoriaError",
    "NotAllowed",
    "NotFound",
    "PortInUse",
    "ProjectNotFound",
    "Refused",
    "RunNotFound",
    "SourceNotFound",
    "StepFailed",
    "StepNotFound",
    "StoreBusy",
    "StoreUnavailable",
    "UntrustedFormat",
    "UserNotFound",
    "VersionExists",
    "WorkFailed",
    "WrongArgument",
    "WrongData",
    "WrongSetting",
    "did_you_mean",
    "from_dict",
]


class NoriaError(Exception):
    """Anything noria refuses or fails to do, told so that it can be mended.

    Parameters
    ----------
    what : str
        What happened, to which thing, with the value got.
    why : str
        The evidence, one or more lines.
    mend : str
        The command or the edit that mends it, one or more lines.
    code : str
        Stable identifier ``N-<ROOM>-<nnn>``.

    Examples
    --------
    >>> error = WrongSetting("unknown key 'modle'", mend="write [model]", code="N-PROJECT-003")
    >>> print(error.render())
    error[N-PROJECT-003]: unknown key 'modle'
      mend: write [model]
    >>> error.exit_status
    2
    """

    exit_status: ClassVar[int] = 70

    def __init__(self, what: str, *, why: str = "", mend: str = "", code: str = "N-NORIA-000") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.mend = mend
        self.code = code
        if told := self.render().partition("\n")[2]:
            # A notebook and a script print the exception itself: the mend belongs to it there too (PEP 678).
            self.add_note(told)

    def render(self) -> str:
        """Lay the error out as the command line prints it."""
        lines = [f"error[{self.code}]: {self.what}"]
        lines += [f"  {line}" for line in self.why.splitlines()]
        for number, line in enumerate(self.mend.splitlines()):
            lines.append(("  mend: " if number == 0 else "        ") + line)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, str]:
        """Give the fields as JSON, with the class so that `from_dict` can rebuild it."""
        return {
            "type": type(self).__name__,
            "code": self.code,
            "what": self.what,
            "why": self.why,
            "mend": self.mend,
        }

    def __reduce__(self) -> tuple[object, ...]:
        return (from_dict, (self.to_dict(),))


class WorkFailed(NoriaError):
    """The work was understood and did not succeed."""

    exit_status = 1


class StepFailed(WorkFailed):
    """A step of the pipeline raised or died."""


class CheckFailed(WorkFailed):
    """The data broke an expectation of severity error."""


class GateFailed(WorkFailed):
    """A model did not pass a gate."""


class EmptyWindow(WorkFailed):
    """A window holds no rows, so there is nothing to compare."""


class CorruptedBlob(WorkFailed):
    """Stored bytes no longer have the digest they are named by."""


class StoreUnavailable(WorkFailed):
    """The database or the folder cannot be read or written."""


class Misused(NoriaError):
    """The request itself is wrong."""

    exit_status = 2


class WrongSetting(Misused):
    """A value in the project file is wrong."""


class WrongArgument(Misused):
    """A value given on the command line or to a function is wrong."""


class WrongData(Misused):
    """The data cannot be what the project file says it is."""


class MissingExtra(Misused):
    """A feature needs an optional set of libraries that is not installed."""


class NotFound(NoriaError):
    """The thing named does not exist."""

    exit_status = 3


class ProjectNotFound(NotFound):
    """No noria.toml here or in a folder above."""


class ExperimentNotFound(NotFound):
    """No experiment has this name or number."""


class RunNotFound(NotFound):
    """No run has this id."""


class StepNotFound(NotFound):
    """The pipeline has no step of this name."""


class DatasetNotFound(NotFound):
    """No dataset, or no version of it, has this name."""


class ModelNotFound(NotFound):
    """No model, or no version of it, has this name."""


class AliasNotFound(NotFound):
    """The model has no such alias."""


class SourceNotFound(NotFound):
    """The place the rows should come from does not exist."""


class UserNotFound(NotFound):
    """No user, or no token, has this name."""


class BlobNotFound(NotFound):
    """The store holds no bytes with this digest."""


class Conflict(NoriaError):
    """Somebody else was there first."""

    exit_status = 4


class AliasMoved(Conflict):
    """The alias no longer points where it was read."""


class VersionExists(Conflict):
    """The version or folder exists already."""


class StoreBusy(Conflict):
    """Another process holds the lock."""


class PortInUse(Conflict):
    """Another process listens on the port."""


class Refused(NoriaError):
    """Understood and not permitted."""

    exit_status = 5


class NotAllowed(Refused):
    """The rules of the project do not allow it."""


class UntrustedFormat(Refused):
    """A model file holds something that noria will not load."""


def from_dict(fields: Mapping[str, str]) -> NoriaError:
    """Rebuild an error that crossed a process boundary.

    Examples
    --------
    >>> from_dict(GateFailed("auc too low", code="N-GATE-001").to_dict())
    GateFailed('auc too low')
    """
    known = {kind.__name__: kind for kind in _descendants(NoriaError)}
    kind = known.get(fields.get("type", ""), WorkFailed)
    return kind(
        fields.get("what", ""),
        why=fields.get("why", ""),
        mend=fields.get("mend", ""),
        code=fields.get("code", "N-NORIA-000"),
    )


def did_you_mean(got: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or say nothing.

    Examples
    --------
    >>> did_you_mean("challanger", ["champion", "challenger"])
    "did you mean 'challenger'?"
    >>> did_you_mean("zzz", ["champion"])
    ''
    >>> did_you_mean("champion", ["champion"])  # a name that may be given and leads nowhere yet
    ''
    """
    near = get_close_matches(got, [name for name in known if name != got], n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def _descendants(kind: type[NoriaError]) -> list[type[NoriaError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _descendants(child)
    return found
