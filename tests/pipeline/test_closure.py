"""Which edits change a step's key: each case was a stale or a needless result somewhere."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from noria.errors import WrongSetting
from noria.pipeline.cachefile import CacheFile
from noria.pipeline.closure import LAYOUT, Closure, Sources

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    return put


def read(root: Path, module: str = "pipeline") -> Closure:
    return Sources(CacheFile(root / ".cache" / "modules.json", LAYOUT)).closure(module, root)


def identity(root: Path) -> tuple[object, ...]:
    found = read(root)
    return dict(found.modules), found.libraries


BEFORE = {
    "pipeline.py": '''
        """Module doc."""
        import functools
        from helpers import scale

        LIMIT = 3

        def f(table):
            """Doc."""
            # a comment
            return scale(table, LIMIT)
    ''',
    "helpers/__init__.py": "from helpers.inner import factor\n\ndef scale(x, y):\n    return x * y * factor()\n",
    "helpers/inner.py": "def factor():\n    return 2\n",
    "unrelated.py": "X = 1\n",
}


def lay_out(write: Write) -> None:
    for name, text in BEFORE.items():
        write(name, text)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pipeline.py", "# a comment", "# another"),
        ("pipeline.py", '"""Doc."""', '"""Other words."""'),
        ("pipeline.py", '"""Module doc."""', ""),
        ("pipeline.py", "scale(table, LIMIT)", "scale( table,\n                 LIMIT)"),
        ("unrelated.py", "X = 1", "X = 2"),
        ("helpers/inner.py", "return 2", "return 2  # two"),
    ],
)
def test_edits_that_mean_nothing_change_nothing(write: Write, tmp_path: Path, name: str, old: str, new: str) -> None:
    lay_out(write)
    before = identity(tmp_path)
    path = tmp_path / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert identity(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pipeline.py", "LIMIT = 3", "LIMIT = 4"),
        ("pipeline.py", "return scale", "return 1 + scale"),
        ("pipeline.py", "def f(", "@functools.cache\ndef f("),
        ("helpers/__init__.py", "x * y", "x + y"),
        ("helpers/inner.py", "return 2", "return 3"),
        ("helpers/inner.py", "return 2", "return 2.0"),
        ("helpers/inner.py", "return 2", "return True"),
    ],
)
def test_edits_that_mean_something_change_the_closure(
    write: Write, tmp_path: Path, name: str, old: str, new: str
) -> None:
    lay_out(write)
    before = identity(tmp_path)
    path = tmp_path / name
    text = textwrap.dedent(path.read_text())
    assert old in text
    path.write_text(text.replace(old, new))
    assert identity(tmp_path) != before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from numpy import mean as g\ndef f(x): return g(x)", "from numpy import median as g\ndef f(x): return g(x)"),
        ("import numpy as g\ndef f(x): return g.x", "import scipy as g\ndef f(x): return g.x"),
        ("import numpy as a, scipy as b\ndef f(): return a.x", "import numpy as b, scipy as a\ndef f(): return a.x"),
        (
            "def f():\n  from math import sin as g\n  return g\ndef h():\n  from math import cos as g\n  return g",
            "def f():\n  from math import cos as g\n  return g\ndef h():\n  from math import sin as g\n  return g",
        ),
        ("REG = {}\n@REG.setdefault\ndef g(): return 1", "REG = {}\n@REG.setdefault\ndef g(): return 2"),
        ("def g(): return 1\ndef f(): return globals()['g']()", "def g(): return 2\ndef f(): return globals()['g']()"),
    ],
)
def test_the_listed_holes_within_one_file(write: Write, tmp_path: Path, before: str, after: str) -> None:
    write("pipeline.py", before)
    first = identity(tmp_path)
    write("pipeline.py", after)
    assert identity(tmp_path) != first


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("try:\n    from first import g\nexcept ImportError:\n    from second import g", "first.py"),
        ("try:\n    from first import g\nexcept ImportError:\n    from second import g", "second.py"),
        ("import first  # only for what it does when imported", "first.py"),
        ("def f():\n    import first\n    return first.g()", "first.py"),
        ("from package import *\ndef f(): return member.g()", "package/member.py"),
        ("import package\ndef f(): return package.member.g()", "package/member.py"),
        ("from package.member import g", "package/__init__.py"),
        ("from package import member", "package/member.py"),
        ("from package.near import g", "package/member.py"),
        ("from package.deep.down import g", "package/member.py"),
        ("import importlib\ng = importlib.import_module('first')", "first.py"),
        ("from importlib import import_module\nWHICH = {'a': 'first'}\ng = import_module(WHICH['a'])", "first.py"),
        ("from importlib import import_module\nN = 'package.member:g'\ng = import_module(N[:9])", "package/member.py"),
        ("from space.inside import g", "space/inside.py"),
    ],
)
def test_what_is_reached_through_other_files(write: Write, tmp_path: Path, text: str, other: str) -> None:
    write("first.py", "def g(): return 1\n")
    write("second.py", "def g(): return 1\n")
    write("package/__init__.py", "__all__ = ['member']\n")
    write("package/member.py", "def g(): return 1\n")
    write("package/near.py", "from .member import g\n")
    write("package/deep/__init__.py", "")
    write("package/deep/down.py", "from ..member import g\n")
    write("space/inside.py", "def g(): return 1\n")
    write("pipeline.py", text)
    before = identity(tmp_path)
    path = tmp_path / other
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    assert identity(tmp_path) != before


def test_docstrings_count_where_somebody_reads_them(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "from words import g\ndef f(): return g.__doc__")
    write("words.py", "def g():\n    'one'\n")
    before = identity(tmp_path)
    write("words.py", "def g():\n    'two'\n")
    assert identity(tmp_path) != before


def test_what_only_a_type_checker_sees_does_not_count(write: Write, tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {0}\ndef f(): ...\n"
    write("pipeline.py", text.format("numpy"))
    before = identity(tmp_path)
    assert before[1] == frozenset()
    write("pipeline.py", text.format("scipy"))
    assert identity(tmp_path) == before


def test_rings_of_imports_end(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import first")
    write("first.py", "import second")
    write("second.py", "import first, pipeline")
    assert set(read(tmp_path).modules) == {"pipeline", "first", "second"}


def test_the_standard_library_is_left_to_the_python_version(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import json, os.path, sys, collections.abc")
    found = read(tmp_path)
    assert (set(found.modules), found.libraries) == ({"pipeline"}, frozenset())


def test_installed_libraries_are_named_not_read(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import numpy.linalg\nfrom sklearn import svm\nimport not_installed_anywhere")
    found = read(tmp_path)
    assert found.libraries == {"numpy", "sklearn", "not_installed_anywhere"}


def test_a_folder_named_like_a_library_does_not_hide_it(write: Write, tmp_path: Path) -> None:
    write("numpy/notes.py", "X = 1")
    write("pipeline.py", "import numpy")
    assert read(tmp_path).libraries == {"numpy"}


def test_a_module_of_the_project_hides_a_library(write: Write, tmp_path: Path) -> None:
    write("numpy.py", "X = 1")
    write("pipeline.py", "import numpy")
    assert set(read(tmp_path).modules) == {"pipeline", "numpy"}


@pytest.mark.parametrize("name", ["numpy", "statistics"])
def test_a_folder_that_may_come_first_on_the_path_counts_beside_what_it_hides(
    write: Write, tmp_path: Path, name: str
) -> None:
    write("pipeline.py", f"import sys\nsys.path.insert(0, 'src')\nfrom {name}.rates import RATE")
    write(f"src/{name}/__init__.py", "")
    write(f"src/{name}/rates.py", "RATE = 1")
    found = read(tmp_path)
    assert set(found.modules) == {"pipeline", name, f"{name}.rates"}
    assert found.libraries == ({"numpy"} if name == "numpy" else set())


def test_what_perhaps_nobody_loads_stops_nothing(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("pipeline.py", "import numpy, statistics")
    write("legacy/numpy.py", "print 'an old one'")
    write("legacy/statistics.py", "X = 1")
    (tmp_path / "pgdata").mkdir()
    stat = os.stat

    def forbidden(path: Path | str, **more: bool) -> os.stat_result:
        if "pgdata/" in str(path):
            raise PermissionError(13, "Permission denied")
        return stat(path, **more)

    monkeypatch.setattr(os, "stat", forbidden)
    found = read(tmp_path)
    assert set(found.modules) == {"pipeline", "numpy", "statistics"}
    assert found.libraries == {"numpy"}
    write("legacy/numpy.py", "print 'another'")
    assert read(tmp_path).modules["numpy"] != found.modules["numpy"]
    write("pipeline.py", "import broken")
    write("broken.py", "print 'ours'")
    with pytest.raises(WrongSetting, match=r"broken.py is not valid Python"):
        read(tmp_path)


def test_sources_on_the_search_path_are_read(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("project/pipeline.py", "from ours.tools import g")
    write("lib/ours/__init__.py", "")
    write("lib/ours/tools.py", "def g(): return 1")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "lib")])
    assert set(read(tmp_path / "project").modules) == {"pipeline", "ours", "ours.tools"}


def test_noria_s_own_modules_are_followed_but_not_its_face() -> None:
    found = Sources(CacheFile(Path("/nonexistent/modules.json"), LAYOUT)).closure("noria.pipeline.graph", None)
    assert {"noria.pipeline.graph", "noria.pipeline.step", "noria.errors"} <= set(found.modules)
    assert "noria" not in found.modules


def test_loading_by_name_is_noted(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import importlib\ndef f(name): return importlib.import_module(name)")
    assert "line 2" in read(tmp_path).notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "from importlib import import_module as load\ndef f(x): return load('other')",
        "import importlib\nload = importlib.import_module\ndef f(x): return load('other')",
        "import importlib\ndef f(x): return list(map(importlib.import_module, ['other']))",
        "import importlib\ndef f(x): return getattr(importlib, 'import_module')('other')",
        "import pkgutil\ndef f(x): return pkgutil.resolve_name('other:X')",
    ],
)
def test_a_loader_under_another_name_is_followed(write: Write, tmp_path: Path, text: str) -> None:
    write("pipeline.py", text)
    write("other.py", "X = 1")
    assert set(read(tmp_path).modules) == {"pipeline", "other"}


def test_a_call_that_names_its_module_is_no_riddle(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import importlib\ndef f(x): return importlib.import_module('other')")
    write("other.py", "X = 1")
    assert read(tmp_path).notes == ()


def test_a_folder_that_the_code_puts_on_the_path_is_read(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import sys\nsys.path.insert(0, 'src')\nfrom tariffs.rates import RATE")
    write("src/tariffs/__init__.py", "")
    write("src/tariffs/rates.py", "RATE = 1")
    assert set(read(tmp_path).modules) == {"pipeline", "tariffs", "tariffs.rates"}


def test_text_that_only_looks_like_a_module_is_none(write: Write, tmp_path: Path) -> None:
    words = "['head.tail', 'numpy.linalg', 'numpy', 'pipeline.x', '..up']"
    write("pipeline.py", f"import importlib\nW = {words}\ndef f(n): return importlib.import_module(W[n])")
    assert read(tmp_path).libraries == {"numpy"}


def test_a_compiled_pattern_is_not_loading_by_name(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import re\nP = re.compile('a')\ndef f(frame): return frame.eval('a + b')")
    assert read(tmp_path).notes == ()


def test_facts_are_remembered_by_the_file_s_stamp(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "X = 1")
    os.utime(tmp_path / "pipeline.py", ns=(1, 1))
    cache = CacheFile(tmp_path / "modules.json", LAYOUT)
    # The change time cannot be set back, so a file is only remembered once it has rested.
    first = Sources(cache).closure("pipeline", tmp_path)
    assert cache.get(str(tmp_path / "pipeline.py")) is None
    again = Sources(cache).closure("pipeline", tmp_path)
    assert first == again


def test_what_one_project_found_out_of_noria_serves_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = Sources(CacheFile(tmp_path / "one.json", LAYOUT)).closure("noria.pipeline.graph", None)
    monkeypatch.setattr("noria.pipeline.closure.facts", lambda *_: pytest.fail("read again"))
    cache = CacheFile(tmp_path / "two.json", LAYOUT)
    assert Sources(cache).closure("noria.pipeline.graph", None) == first
    assert set(cache.entries) == {str(path) for path in first.files}


def test_an_edit_of_the_same_size_at_the_same_time_is_seen(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "X = 1")
    before = identity(tmp_path)
    stamps = os.stat(tmp_path / "pipeline.py")
    write("pipeline.py", "X = 2")
    os.utime(tmp_path / "pipeline.py", ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    assert identity(tmp_path) != before


def test_a_damaged_cache_is_an_empty_one(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "X = 1")
    before = identity(tmp_path)
    write(".cache/modules.json", "[1, 2")
    assert identity(tmp_path) == before
    write(".cache/modules.json", "[1, 2]")
    assert identity(tmp_path) == before


def test_touching_a_file_is_noticed(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "X = 1")
    found = read(tmp_path)
    assert found.untouched()
    write("pipeline.py", "X = 3")
    assert not found.untouched()


def test_a_broken_file_of_the_project_is_told_with_its_line(write: Write, tmp_path: Path) -> None:
    write("pipeline.py", "import helper")
    write("helper.py", "X = 1\nX = = 2\n")
    with pytest.raises(WrongSetting, match=r"helper.py is not valid Python") as caught:
        read(tmp_path)
    assert "helper.py:2" in caught.value.why


def test_a_missing_module_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="'nowhere' of a step does not exist"):
        read(tmp_path, "nowhere")
