"""Classes and functions of the user's own that the project file names: the one place that loads them."""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

__all__ = ["Kind", "importable", "names_function", "needed", "own_class", "own_function", "seeded"]


@dataclass(frozen=True)
class Kind:
    """What a class of the user's own must be.

    Parameters
    ----------
    noun : str
        As messages call it, with its article: "an estimator".
    example : str
        How it is written in the project file.
    methods : mapping of str to str
        Name of each that it must have -> how it is called, for messages.
    wrong : callable
        Makes the room's own error: what is refused, why, and what to use.
    """

    noun: str
    example: str
    methods: Mapping[str, str]
    wrong: Callable[[str, str, str], WrongSetting]


def importable(root: Path) -> None:
    """Let this process import the modules beside ``noria.toml``, as ``python`` started there would.

    Parameters
    ----------
    root : Path
        The project's folder. Its code runs from here on: call this only where the project file names a class.
    """
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    importlib.invalidate_caches()


def own_class(path: str, kind: Kind, given: Collection[str] = ()) -> type:
    """Load a class by its name.

    Its module is imported here, so this runs only where the project's code may run.

    Parameters
    ----------
    path : str
        ``package.module:Class``.
    kind : Kind
        What it must be.
    given : collection of str
        Arguments that it will be built with.

    Raises
    ------
    WrongSetting
        It cannot be imported, lacks a method, or takes other arguments.

    Examples
    --------
    >>> refuse = lambda what, why, use: WrongSetting(what, why=why, mend=f"use {use}")
    >>> transformer = Kind("a transformer", "sklearn.preprocessing:Binarizer", {"fit": "fit(X, y)"}, refuse)
    >>> own_class("sklearn.preprocessing:Binarizer", transformer, ["threshold"]).__name__
    'Binarizer'
    """
    found = _loaded(path, kind.wrong, kind.noun, "class", kind.example)
    lacking = [told for method, told in kind.methods.items() if not callable(getattr(found, method, None))]
    if not isinstance(found, type) or lacking:
        why = f"it lacks {' and '.join(lacking)}" if lacking else "it is no class"
        raise kind.wrong(f"{path} is not {kind.noun}", why, f"a class with {' and '.join(kind.methods.values())}")
    known = _arguments(found)
    if known is not None:
        for argument in given:
            if argument not in known:
                takes = ", ".join(known) or "no parameters: it takes none"
                raise kind.wrong(f"{path} takes no parameter {argument!r}", did_you_mean(argument, known), takes)
    return found


def own_function(
    path: str, wrong: Callable[[str, str, str], WrongSetting], example: str, given: Collection[str] = ()
) -> Callable[..., object]:
    """Load a function by its name: one that takes something first, and these named arguments.

    Raises
    ------
    WrongSetting
        It cannot be imported, is no function, or takes other arguments.

    Examples
    --------
    >>> refuse = lambda what, why, use: WrongSetting(what, why=why, mend=f"use {use}")
    >>> own_function("statistics:fmean", refuse, "my_nets:build", ["weights"]).__name__
    'fmean'
    """
    found = _loaded(path, wrong, "a network", "build", example)
    if isinstance(found, type) or not callable(found):
        raise wrong(f"{path} is no function", f"it is a {type(found).__name__}", f"a function, such as {example}")
    parameters = list(inspect.signature(found).parameters.values())
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise wrong(f"{path} takes nothing", "what it builds for is its first argument", "def build(meta): …")
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        known = [one.name for one in parameters[1:] if one.kind is not one.VAR_POSITIONAL]
        for argument in given:
            if argument not in known:
                takes = ", ".join(known) or "no parameters: it takes none"
                raise wrong(f"{path} takes no parameter {argument!r}", did_you_mean(argument, known), takes)
    return found


def names_function(path: str) -> bool:
    """Say whether ``package.module:name`` is a function and no class; False where it cannot be imported.

    Examples
    --------
    >>> names_function("statistics:fmean"), names_function("fractions:Fraction"), names_function("nowhere:f")
    (True, False, False)
    """
    module, _, name = path.partition(":")
    try:
        found: object = getattr(importlib.import_module(module), name, None) if module else None
    except (ImportError, SyntaxError):
        return False  # who loads it next says why
    return callable(found) and not isinstance(found, type)


def _loaded(path: str, wrong: Callable[[str, str, str], WrongSetting], noun: str, key: str, example: str) -> object:
    module, separator, name = path.partition(":")
    if not (module and separator and name):
        raise wrong(f"{noun} of your own gives {key} = {path!r}", "", f'{key} = "{example}"')
    try:
        loaded: object = importlib.import_module(module)
    except (ImportError, SyntaxError) as error:
        where = "a module beside noria.toml, or an installed package"
        raise wrong(f"{path} cannot be imported", str(error), where) from None
    found = getattr(loaded, name, None)
    if found is None:
        what = "class" if key == "class" else "function"
        raise wrong(f"{module} has no {name!r}", did_you_mean(name, dir(loaded)), f"the name of the {what}")
    return found


def seeded(found: type, given: Mapping[str, object], seed: int) -> dict[str, object]:
    """Give the arguments, with a seed as ``random_state`` where the class takes one and none is given.

    Examples
    --------
    >>> from sklearn.preprocessing import Binarizer, QuantileTransformer
    >>> seeded(Binarizer, {"threshold": 1.0}, 7), seeded(QuantileTransformer, {}, 7)
    ({'threshold': 1.0}, {'random_state': 7})
    """
    known = _arguments(found, named=True) or []
    return {**given, **({"random_state": seed} if "random_state" in known and "random_state" not in given else {})}


def needed(found: type) -> list[str]:
    """List the arguments that a class cannot be built without.

    Examples
    --------
    >>> from sklearn.calibration import CalibratedClassifierCV
    >>> from sklearn.compose import ColumnTransformer
    >>> needed(CalibratedClassifierCV), needed(ColumnTransformer)
    ([], ['transformers'])
    """
    named = set(_arguments(found, named=True) or ())
    parameters = inspect.signature(found).parameters.values()
    return [one.name for one in parameters if one.name in named and one.default is one.empty]


def _arguments(found: type, *, named: bool = False) -> list[str] | None:
    """List what a class is built with; None where it takes any name, unless those that have one are asked for."""
    parameters = inspect.signature(found).parameters.values()
    if not named and any(one.kind is one.VAR_KEYWORD for one in parameters):
        return None
    return [one.name for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
