"""Files that an installed package brings along."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from noria.errors import SourceNotFound
from noria.sources.paths import matching
from noria.store.files import contained

__all__ = ["locate"]


def locate(location: str) -> Path:
    """Find ``NAME/path/in/it`` without importing the package.

    Raises
    ------
    SourceNotFound
        The package is not installed, or has no such file.

    Examples
    --------
    >>> locate("noria/py.typed").name
    'py.typed'
    """
    name, _, inside = location.partition("/")
    try:
        # Only the top level: finding `a.b` would run a's code.
        spec = find_spec(name) if name.isidentifier() else None
    except ValueError:
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise SourceNotFound(
            f"no package {name!r} is installed",
            why=f"asked for: package:{location}",
            mend=f"pip install {name}" if name.isidentifier() else "write package:NAME/path/in/it.csv",
            code="N-SOURCE-013",
        )
    contained(Path(folders[0]), inside)
    return matching(inside, Path(folders[0]))[0]
