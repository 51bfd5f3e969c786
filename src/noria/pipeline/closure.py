"""All the code a step can reach, found without running any of it.

Granularity is the module: a change anywhere in a reached module, other than in comments, docstrings and
layout, changes the closure. Libraries installed from distributions count by their version instead.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from noria.errors import WrongSetting
from noria.pipeline.cachefile import CacheFile, Stamp, settled, stamp
from noria.pipeline.libraries import INSTALLED
from noria.pipeline.syntax import Facts, facts, opaque

__all__ = ["LAYOUT", "Closure", "Sources"]

LAYOUT = f"2 {sys.version_info[0]}.{sys.version_info[1]}"
"""Version of remembered facts: a syntax tree reads differently under another Python."""

_PACKAGE = "noria"
_HOME = Path(__file__).resolve().parent.parent.parent
_TOLD: dict[str, object] = {}
"""Facts of files of all projects of this process, as a cache file has them: noria's own are the same for each."""
_COMPILED = (".so", f".cpython-{sys.version_info[0]}{sys.version_info[1]}-x86_64-linux-gnu.so", ".abi3.so")


@dataclass(frozen=True)
class Closure:
    """What a step's result can depend on, as far as its code says.

    Parameters
    ----------
    modules : mapping of str to str
        Module -> digest of its meaning.
    libraries : frozenset of str
        Top-level names that are imported from installed distributions.
    notes : tuple of str
        What could not be followed.
    files : mapping of Path to Stamp
        The files read, to find out later whether they were touched.
    """

    modules: Mapping[str, str]
    libraries: frozenset[str]
    notes: tuple[str, ...]
    files: Mapping[Path, Stamp]

    def untouched(self) -> bool:
        """Say whether every file still is as it was read."""
        return all(stamp(path) == found for path, found in self.files.items())


@dataclass(frozen=True)
class _Located:
    """A module's file; None for a folder without ``__init__.py``."""

    file: Path | None
    package: bool


class Sources:
    """Reads source files, each once as long as it is not touched.

    Parameters
    ----------
    cache : CacheFile
        Where facts are remembered between processes.
    """

    def __init__(self, cache: CacheFile) -> None:
        self._cache = cache
        self._read: dict[Path, tuple[Facts, Stamp]] = {}
        self._tops: dict[tuple[str, Path | None], Path | str | None] = {}
        self._folders: dict[Path, list[Path]] = {}
        self._perhaps: set[Path] = set()
        self._located: dict[tuple[Path, str], _Located | None] = {}

    def closure(self, module: str, root: Path | None) -> Closure:
        """Follow the imports from a module.

        Parameters
        ----------
        module : str
            Dotted name of the module that holds the step's function.
        root : Path, optional
            Folder searched first.

        Raises
        ------
        WrongSetting
            The module does not exist, or a reached file of the project is not valid Python.
        """
        reached: dict[str, _Located] = {}
        libraries: set[str] = set()
        work = [module]
        while work:
            for name, located in self._modules(work.pop(), root, libraries):
                if name not in reached:
                    reached[name] = located
                    work += self._imports(name, located, root)
        if not any(located.file for located in reached.values()) and module not in reached:
            raise WrongSetting(
                f"module {module!r} of a step does not exist",
                why=f"looked in {root or _HOME}" + (f"; {module} is an installed library" if libraries else ""),
                mend="correct the name of the module",
                code="N-PIPELINE-020",
            )
        read = {name: self._facts(located.file) for name, located in reached.items() if located.file}
        documented = any(one.reads_docs for one, _ in read.values())
        return Closure(
            modules={name: one.documented if documented else one.digest for name, (one, _) in sorted(read.items())},
            libraries=frozenset(libraries),
            notes=tuple(
                f"module {name} loads code by name ({one.dynamic}): followed only where the name is written out"
                for name, (one, _) in sorted(read.items())
                if one.dynamic and not name.startswith(f"{_PACKAGE}.")
            ),
            files={located.file: read[name][1] for name, located in reached.items() if located.file},
        )

    def _imports(self, name: str, located: _Located, root: Path | None) -> list[str]:
        if located.file is None or located.file.suffix != ".py":
            return []
        one, _ = self._facts(located.file)
        package = name if located.package else name.rpartition(".")[0]
        found = [_absolute(target, package) for target in one.imports]
        for target in one.stars:
            origin = _absolute(target, package)
            for inner, place in self._modules(origin, root, set()):
                if inner == origin and place.file is not None and place.file.suffix == ".py":
                    found += [f"{origin}.{export}" for export in self._facts(place.file)[0].exports]
        for text in one.strings:
            target = _absolute(text, package)
            top = target.partition(".")[0]
            # Any text may look like a name: it counts where the project, or for a dotted one a library, has it.
            if isinstance(self._top(top, root), Path) or ("." in text and self._is_installed(top)):
                found.append(target)
        return [target for target in found if target]

    def _modules(self, target: str, root: Path | None, libraries: set[str]) -> Iterator[tuple[str, _Located]]:
        """Give the modules along a dotted name, as far as its parts are modules."""
        parts = target.split(".")
        home, hidden = self._top(parts[0], root), False
        if isinstance(home, str):
            libraries.add(home)
        if not isinstance(home, Path):
            # A folder that the project's code puts first on the path, such as `src`, hides what is installed.
            home = self._beside(parts[0], root)
            if home is None:
                return
            hidden = True
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            located = self._locate(home, name)
            if located is None:
                return
            if hidden and located.file is not None:
                self._perhaps.add(located.file)
            # noria's own face lists lazy names and its version: it would rerun everything at each upgrade.
            if name != _PACKAGE:
                yield name, located
            if not located.package:
                return

    def _top(self, top: str, root: Path | None) -> Path | str | None:
        """Say where a top-level name comes from: a folder of sources, a library by name, or Python itself."""
        key = (top, root)
        if key not in self._tops:
            self._tops[key] = self._find_top(top, root)
        return self._tops[key]

    def _is_installed(self, top: str) -> bool:
        if not top.isidentifier():
            return False
        try:
            return importlib.util.find_spec(top) is not None
        except (ImportError, ValueError):
            return False

    def _find_top(self, top: str, root: Path | None) -> Path | str | None:
        if not top.isidentifier() or top in sys.builtin_module_names:
            return None
        if root is not None:
            own = self._locate(root, top)
            if own is not None and own.file is not None:
                return root
        if top == _PACKAGE:
            return _HOME
        if top in sys.stdlib_module_names:
            return None
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            spec = None
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
        for place in places:
            if place is not None and place not in ("built-in", "frozen", "namespace"):
                path = Path(place)
                if any(part in INSTALLED for part in path.parts):
                    return top
                if spec is not None and spec.origin is not None:
                    return path.parent.parent if path.stem == "__init__" else path.parent
        if root is not None and self._locate(root, top) is not None:
            return root
        return self._beside(top, root) or top

    def _beside(self, top: str, root: Path | None) -> Path | None:
        """Find a name in the folders of the project, such as ``src``."""
        if root is None or not top.isidentifier():
            return None
        if root not in self._folders:
            entries = root.iterdir() if root.is_dir() else ()
            self._folders[root] = sorted(one for one in entries if one.is_dir() and not one.name.startswith("."))
        for folder in self._folders[root]:
            found = self._locate(folder, top)
            if found is not None and found.file is not None:
                return folder
        return None

    def _locate(self, home: Path, name: str) -> _Located | None:
        key = (home, name)
        if key not in self._located:
            self._located[key] = _look(home.joinpath(*name.split(".")))
        return self._located[key]

    def _facts(self, path: Path) -> tuple[Facts, Stamp]:
        known = self._read.get(path)
        if known is None:
            known = self._read[path] = self._find_facts(path)
        return known

    def _find_facts(self, path: Path) -> tuple[Facts, Stamp]:
        found, name = stamp(path), str(path)
        for entry in (self._cache.get(name), _TOLD.get(name)):
            if found is None or not isinstance(entry, list) or entry[0] != found:
                continue
            self._cache.put(name, entry)
            digest, documented, imports, stars, exports, strings, dynamic, reads_docs = entry[1]
            return Facts(digest, documented, imports, stars, exports, strings, dynamic, reads_docs), found
        content = b""
        try:
            content = path.read_bytes()
            one = facts(content, str(path)) if path.suffix == ".py" else opaque(content)
        except (SyntaxError, ValueError, RecursionError, OSError) as error:
            if path not in self._perhaps:
                raise _unreadable(path, error) from error
            return opaque(content), found or []  # perhaps nobody loads it, so it stops nothing
        if found is not None and settled(found, time.time_ns()):
            _TOLD[name] = [found, one.to_json()]
            self._cache.put(name, _TOLD[name])
        return one, found or []


def _unreadable(path: Path, error: Exception) -> WrongSetting:
    if isinstance(error, OSError):
        return WrongSetting(
            f"cannot read {path}: {error.strerror or error}",
            mend="give yourself the right to read it",
            code="N-PIPELINE-021",
        )
    line = getattr(error, "lineno", None)
    return WrongSetting(
        f"{path.name} is not valid Python: {getattr(error, 'msg', None) or error}",
        why=f"{path}:{line}: {(getattr(error, 'text', None) or '').strip()}" if line else str(path),
        mend=f"correct line {line} of {path.name}" if line else f"correct {path.name}",
        code="N-PIPELINE-011",
    )


def _look(path: Path) -> _Located | None:
    # `os.path` takes a folder that may not be looked into for one that holds nothing; `Path` raises.
    if os.path.isdir(path):
        init = path / "__init__.py"
        return _Located(init if os.path.isfile(init) else None, package=True)
    source = path.with_name(f"{path.name}.py")
    if os.path.isfile(source):
        return _Located(source, package=False)
    for ending in _COMPILED:
        compiled = path.with_name(path.name + ending)
        if os.path.isfile(compiled):
            return _Located(compiled, package=False)
    return None


def _absolute(target: str, package: str) -> str:
    bare = target.lstrip(".")
    level = len(target) - len(bare)
    if level == 0:
        return bare
    parts = package.split(".") if package else []
    if level - 1 > len(parts):
        return ""
    kept = parts[: len(parts) - (level - 1)]
    return ".".join([*kept, bare] if bare else kept)
