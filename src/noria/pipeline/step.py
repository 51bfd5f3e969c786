"""A step: one function of the pipeline, what it takes and where its code lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, overload

__all__ = ["DEFAULT_SEED", "MARK", "Step", "StepMark", "step"]

DEFAULT_SEED = 7
MARK = "__noria_step__"

_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(frozen=True)
class Step:
    """One step, as the engine sees it.

    Parameters
    ----------
    name : str
        Its name in the graph: a letter, then letters, digits, ``_``, ``-`` and ``.``.
    uses : str
        The function, ``package.module:function``.
    inputs : mapping of str to str
        Parameter of the function -> step whose output it gets.
    params : mapping of str to JSON value
        Parameter of the function -> value. Part of the cache key.
    version : int
        Raised by hand when results change for a reason the code does not show.
    root : Path, optional
        Folder that is searched first for modules: the user's project. None for steps noria brings.
    help : str
        One line on what the step does.
    cache : bool
        False runs the step every time: its result depends on something that is in no key.
    seed : int
        Given to the function through its context. Part of the cache key.
    retries : int
        How often it is tried again after it failed for a reason that may pass.
    writes_records : bool
        It also writes records that its next run supersedes, such as a verdict or an alias. A result on record then
        counts only while it is the one used last: after another, the step runs again, so that its records count again.

    Examples
    --------
    >>> Step("train", uses="pipeline:train", inputs={"table": "clean"}, params={"depth": 3}).uses
    'pipeline:train'
    """

    name: str
    uses: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    version: int = 0
    root: Path | None = None
    help: str = ""
    cache: bool = True
    seed: int = DEFAULT_SEED
    retries: int = 0
    writes_records: bool = False

    @property
    def module(self) -> str:
        """The module that holds the function."""
        return self.uses.partition(":")[0]

    @property
    def function(self) -> str:
        """The name of the function in its module."""
        return self.uses.partition(":")[2]


@dataclass(frozen=True)
class StepMark:
    """What ``@noria.step`` was told; discovery reads the same from the source without importing it."""

    name: str | None = None
    replaces: str | None = None
    cache: bool = True


@overload
def step(function: _F, /) -> _F: ...


@overload
def step(*, name: str | None = None, replaces: str | None = None, cache: bool = True) -> Callable[[_F], _F]: ...


def step(
    function: _F | None = None, /, *, name: str | None = None, replaces: str | None = None, cache: bool = True
) -> _F | Callable[[_F], _F]:
    """Mark a function of ``pipeline.py`` as a step.

    A parameter named like a step gets that step's output; `context` gets the `StepContext`; any other
    parameter needs a default, which ``[steps.NAME] params`` in ``noria.toml`` may override. The decorated
    function stays an ordinary function. The arguments must be literals: noria reads them without
    importing the file.

    Parameters
    ----------
    function : callable
        The function, when the decorator is written without brackets.
    name : str, optional
        Name of the step; the function's own when left out.
    replaces : str, optional
        A step whose place this one takes: whoever took its output now takes this one's.
    cache : bool
        False runs the step every time.

    Examples
    --------
    >>> @step(replaces="clean")
    ... def tidy(clean, minimum=18):
    ...     return [row for row in clean if row >= minimum]
    >>> tidy([17, 18])
    [18]
    """

    def mark(marked: _F) -> _F:
        setattr(marked, MARK, StepMark(name=name, replaces=replaces, cache=cache))
        return marked

    return mark if function is None else mark(function)
