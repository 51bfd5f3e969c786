"""The page on kinds of one's own: its package is installed, and its test is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from noria.errors import WorkFailed, WrongArgument, WrongData, WrongSetting
from noria.sources.plugins import kind_of
from noria.sources.reference import parse
from noria.sources.source import read, token

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "own-source.md"


def install(folder: Path, module: str, code: str, **entries: str) -> None:
    """Put a package on the path as pip would."""
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[noria.sources]\n{lines}\n")


def test_the_page_keeps_the_contract(tmp_path: Path) -> None:
    kind, contract = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    install(tmp_path, "noria_fixed", kind, fixed="noria_fixed:Fixed")
    (tmp_path / "test_fixed.py").write_text(contract)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", "test_fixed.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert done.returncode == 0, done.stdout
    assert "9 passed, 2 skipped" in done.stdout


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    install(
        tmp_path,
        "odd_kinds",
        "from noria.sources.kind import Reference\n"
        "import pyarrow as pa\n"
        "class Plain:\n"
        "    name = 'plain'\n    summary = 'x'\n"
        "    def parse(self, text): return Reference('plain', text.partition(':')[2], {}, text)\n"
        "    def token(self, reference, pull): return 'one'\n"
        "    def read(self, reference, pull):\n"
        "        if reference.location == 'frame': return pa.table({'a': [1]})\n"
        "        if reference.location == 'reader': return pa.table({'a': [1]}).to_reader()\n"
        "        if reference.location == 'number': return 7\n"
        "        raise KeyError('nowhere')\n",
        plain="odd_kinds:Plain",
        gone="odd_kinds:Gone",
        python="odd_kinds:Plain",
    )
    monkeypatch.syspath_prepend(tmp_path)
    kind_of.cache_clear()
    yield tmp_path
    kind_of.cache_clear()


def test_what_it_gives_is_taken_or_told(odd: Path) -> None:
    assert read("plain:frame", root=odd).to_pylist() == read("plain:reader", root=odd).to_pylist() == [{"a": 1}]
    assert token("plain:frame", root=odd) == "one"
    with pytest.raises(WrongData, match="gave int, not rows"):
        read("plain:number", root=odd)
    with pytest.raises(WorkFailed, match="plain:else failed in odd_kinds: KeyError: 'nowhere'"):
        read("plain:else", root=odd)


def test_a_package_that_cannot_be_loaded_is_told(odd: Path) -> None:
    with pytest.raises(WrongSetting, match=r"gone: cannot be loaded from odd_kinds:Gone"):
        parse("gone:x")


def test_a_package_takes_no_prefix_of_ours(odd: Path) -> None:
    assert type(kind_of("python")).__module__ == "noria.sources.kinds.function"


def test_an_unknown_prefix_names_those_there_are(odd: Path) -> None:
    with pytest.raises(WrongArgument, match="unknown prefix 'plane'") as caught:
        parse("plane:x")
    assert caught.value.mend == "did you mean 'plain'?"
