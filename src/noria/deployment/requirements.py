"""The libraries a bundle answers with, at the very versions of this environment: the model was checked with those."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from noria.errors import MissingExtra
from noria.training.backend import backend_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closure", "libraries", "pins"]

_SERVER = ("blake3", "httptools", "msgspec", "numpy", "sqlalchemy", "uvicorn", "uvloop")

_PREPARATION = ("pandas", "pyarrow", "scikit-learn", "scipy", "skops")
"""What a model that is not compiled needs, whatever its head."""

_LIBRARIES = {
    "plan": (),
    "sklearn": _PREPARATION,
    "lightgbm": (*_PREPARATION, "lightgbm"),
    "xgboost": (*_PREPARATION, "xgboost-cpu"),
    "catboost": (*_PREPARATION, "catboost"),
    "keras": (*_PREPARATION, "keras"),
}
"""What an engine needs beyond the server's own."""

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def libraries(engine: str) -> tuple[str, ...]:
    """Name what an engine needs beyond the server's own; see `noria.scoring.scorer.Scorer.engine`.

    Examples
    --------
    >>> libraries("plan"), libraries("lightgbm+xgboost")[-2:]
    ((), ('lightgbm', 'xgboost-cpu'))
    """
    return tuple(dict.fromkeys(library for one in engine.split("+") for library in _LIBRARIES[one]))


def pins(engine: str) -> tuple[str, ...]:
    """Give ``name==version`` lines of all that serving a model of an engine needs, sorted."""
    needed = libraries(engine)
    if "keras" in engine.split("+"):
        needed = (*needed, backend_distribution())
    found = closure((*_SERVER, *needed))
    return tuple(f"{name}=={distribution(name).version}" for name in found)


def closure(names: Iterable[str]) -> tuple[str, ...]:
    """Name distributions and all that they require of what is installed here, sorted.

    A requirement under a marker that does not hold here is not installed here, so that no marker has to be judged;
    only those of extras may be installed for other reasons, and are left out.

    Raises
    ------
    MissingExtra
        One of the names given is not installed.

    Examples
    --------
    >>> "numpy" in closure(["pandas"])
    True
    """
    waiting, found = [(name, True) for name in names], dict[str, str]()
    while waiting:
        name, demanded = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            if demanded:
                raise MissingExtra(
                    f"the model needs {name}, which is not installed here",
                    why="an export takes the versions of this environment",
                    mend=f"pip install {name}",
                    code="N-DEPLOYMENT-020",
                ) from None
            continue
        found[key] = name
        for line in installed.requires or ():
            required, _, marker = line.partition(";")
            match = _NAME.match(required)
            if match and "extra" not in marker:
                waiting.append((match[1], False))
    return tuple(sorted(found))
