"""Estimators of the user's own: any class in scikit-learn's shape, named in the project file."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, get_args

from noria.errors import WrongSetting, did_you_mean
from noria.training.family import Encoding, Estimator, Family, Fitting
from noria.training.space import read_space

if TYPE_CHECKING:
    from pathlib import Path

    from noria.training.space import Params

__all__ = ["importable", "own_family"]

KEYS = ("class", "name", "space", "params", "encoding")


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


def own_family(written: Mapping[str, object]) -> Family:
    """Make a family of ``{ class = "pkg.mod:Estimator", space = {...}, params = {...}, encoding = "linear" }``.

    The class is imported here, so this runs only where the project's code may run.

    Raises
    ------
    WrongSetting
        A key is unknown, the class cannot be imported, or it lacks fit or predict.

    Examples
    --------
    >>> own_family({"class": "sklearn.naive_bayes:GaussianNB"}).name
    'GaussianNB'
    """
    for key in written:
        if key not in KEYS:
            raise _wrong(f"an estimator of your own has no key {key!r}", did_you_mean(key, KEYS), ", ".join(KEYS))
    path = str(written.get("class", ""))
    kind = _load(path)
    name = str(written.get("name", path.partition(":")[2]))
    space, fixed = written.get("space", {}), written.get("params", {})
    encoding = _encoding(written.get("encoding", "linear"))
    if not isinstance(space, Mapping) or not isinstance(fixed, Mapping):
        raise _wrong(f"space and params of {path} are tables", "", "space = { C = [0.1, 1, 10] }")

    def build(params: Params, fitting: Fitting) -> Estimator:
        arguments = {**fixed, **params}
        if "random_state" in _parameters(kind) and "random_state" not in arguments:
            arguments["random_state"] = fitting.seed
        return kind(**arguments)

    _accepts(kind, path, [*fixed, *space])
    return Family(name, path, build, encoding=encoding, space=read_space(space, path))


def _load(path: str) -> Callable[..., Estimator]:
    module, separator, name = path.partition(":")
    if not (module and separator and name):
        raise _wrong(f"an estimator of your own gives class = {path!r}", "", 'class = "package.module:Estimator"')
    try:
        found: object = importlib.import_module(module)
    except ImportError as error:
        raise _wrong(
            f"{path} cannot be imported", str(error), "a module beside noria.toml, or an installed package"
        ) from None
    if not hasattr(found, name):
        raise _wrong(f"{module} has no {name!r}", did_you_mean(name, dir(found)), "check the spelling")
    kind = getattr(found, name)
    if not isinstance(kind, type) or not all(callable(getattr(kind, verb, None)) for verb in ("fit", "predict")):
        raise _wrong(f"{path} is not an estimator", "it lacks fit(X, y) or predict(X)", "give it both methods")
    return kind


def _accepts(kind: Callable[..., Estimator], path: str, names: list[str]) -> None:
    known = _parameters(kind)
    if "**" in known:
        return
    for name in names:
        if name not in known:
            raise _wrong(f"{path} takes no parameter {name!r}", did_you_mean(name, known), ", ".join(known))


def _parameters(kind: Callable[..., Estimator]) -> list[str]:
    found = inspect.signature(kind).parameters.values()
    return ["**" if parameter.kind is parameter.VAR_KEYWORD else parameter.name for parameter in found]


def _encoding(written: object) -> Encoding:
    for known in get_args(Encoding):
        if written == known:
            return known  # type: ignore[no-any-return]  # get_args forgets the type
    raise _wrong(f"encoding = {written!r} does not exist", "", ", ".join(get_args(Encoding)))


def _wrong(what: str, why: str, use: str) -> WrongSetting:
    return WrongSetting(what, why=why, mend=f"use {use}", code="N-TRAIN-011")
