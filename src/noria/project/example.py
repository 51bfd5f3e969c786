"""The three projects that come with noria, each a folder with real data, its source and its licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noria.errors import NotFound, did_you_mean

__all__ = ["EXAMPLES", "Example", "example"]

_FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
    """A project to begin with.

    Attributes
    ----------
    name : str
        What ``noria init --example`` calls it.
    title : str
        The question it answers.
    data : str
        Path inside the folder of the rows there are on the first day.
    stream : str
        Path inside the folder of the rows that come later, with the outcome that turned out.
    """

    name: str
    title: str
    data: str
    stream: str = "data/stream.csv.gz"

    @property
    def folder(self) -> Path:
        """Where it lies in the package."""
        return _FOLDER / self.name


EXAMPLES = {
    found.name: found
    for found in (
        Example("credit", "finance: which loan will not be repaid?", "data/credit.csv.gz"),
        Example("diagnosis", "medicine: malignant or benign?", "data/diagnosis.csv.gz"),
        Example("sensors", "sensors: how much fine dust in the next hours?", "data/air.csv.gz"),
    )
}


def example(name: str) -> Example:
    """Give an example by name.

    Raises
    ------
    NotFound
        There is none of this name.

    Examples
    --------
    >>> example("credit").stream
    'data/stream.csv.gz'
    """
    found = EXAMPLES.get(name)
    if found is None:
        hint = did_you_mean(name, EXAMPLES)
        raise NotFound(
            f"no example {name!r}" + (f"; {hint}" if hint else ""),
            mend="noria init my-project --example " + "|".join(EXAMPLES),
            code="N-PROJECT-020",
        )
    return found
