"""The contract of deployment targets, for those of noria and of other packages.

A test module makes a class of its own from `TargetContract` and gives two fixtures, ``target`` and ``bundle``::

    class TestMine(TargetContract):
        @pytest.fixture
        def target(self) -> Target:
            return MyTarget()
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

import pytest

from noria.deployment.exporting import export, wishes
from noria.deployment.targets import named, names
from noria.errors import NoriaError, VersionExists, WrongArgument
from noria.serving.bundle import MANIFEST, Bundle

if TYPE_CHECKING:
    from pathlib import Path

    from noria.deployment.target import Target, Written

__all__ = ["TargetContract"]

_SECRET = "not-for-anybody-7Q2x"  # noqa: S105 - must not be found again


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _export(target: Target, bundle: Bundle, out: Path, **more: object) -> Written:
    return export(target, bundle, out, wishes(target, bundle, **more))  # type: ignore[arg-type]  # as `wishes` has them


class TargetContract:
    """What holds for every target; `bundle` may be any that answers."""

    def test_it_introduces_itself(self, target: Target) -> None:
        """Its name can be typed, its summary is a line, and its options say what they mean."""
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}", target.name)
        assert 0 < len(target.summary) <= 120
        assert "\n" not in target.summary
        assert all(re.fullmatch(r"[a-z][a-z_]*", name) and option.meaning for name, option in target.options.items())

    def test_what_it_wrote_is_in_order(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """It finds no fault with its own files, and says what to type next."""
        written = _export(target, bundle, tmp_path / "out")
        assert list(target.check(tmp_path / "out")) == []
        assert written.commands
        text = b"\n".join(_files(tmp_path / "out").values()) + "\n".join(written.commands).encode()
        assert [blank for blank in written.blanks if blank.encode() not in text] == []

    def test_the_bundle_is_in_it(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """The version's files are there as they are, once at least, and answer."""
        _export(target, bundle, tmp_path / "out")
        held = [path.parent for path in (tmp_path / "out").rglob(MANIFEST)]
        assert held
        for folder in held:
            assert Bundle.read(folder, digest=bundle.digest).contents == bundle.contents

    def test_twice_the_same(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """Equal bundles and wishes give equal bytes."""
        _export(target, bundle, tmp_path / "a", replicas=3)
        _export(target, bundle, tmp_path / "b", replicas=3)
        assert _files(tmp_path / "a") == _files(tmp_path / "b")

    def test_rights_and_links(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """Nothing is a link, leads out, or may be written by others, whatever the umask."""
        before = os.umask(0)
        try:
            _export(target, bundle, tmp_path / "out")
        finally:
            os.umask(before)
        for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")):
            mode = path.lstat().st_mode
            assert stat.S_ISDIR(mode) or stat.S_ISREG(mode), path
            assert not mode & 0o022, path
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_no_secret_and_no_place_of_here(
        self, target: Target, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What this environment and machine hold does not travel."""
        for name in ("AWS_SECRET_ACCESS_KEY", "NORIA_TOKEN", "MLFLOW_TRACKING_PASSWORD", "HOME"):
            monkeypatch.setenv(name, f"{tmp_path}/{_SECRET}")
        _export(target, bundle, tmp_path / "out")
        for path, data in _files(tmp_path / "out").items():
            assert _SECRET.encode() not in data, path
            assert str(tmp_path).encode() not in data, path

    def test_it_mixes_with_nothing(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """A folder that holds something is left as it is; an empty one is taken."""
        (tmp_path / "out").mkdir()
        _export(target, bundle, tmp_path / "out")
        before = _files(tmp_path / "out")
        with pytest.raises(VersionExists):
            _export(target, bundle, tmp_path / "out")
        assert _files(tmp_path / "out") == before

    def test_an_altered_bundle_is_found(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """A byte that changed after the export is a fault."""
        _export(target, bundle, tmp_path / "out")
        path = next(path for path in sorted((tmp_path / "out").rglob("settings.json")))
        path.write_bytes(path.read_bytes() + b" ")
        assert list(target.check(tmp_path / "out"))

    def test_a_model_that_cannot_be_loaded_goes_nowhere(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        """Nothing is written, not even in part, of a model that would not answer there."""
        held = dict.fromkeys(bundle.held, b"PK")
        broken = Bundle(bundle.version, bundle.endpoint, bundle.policies, held)
        with pytest.raises(NoriaError):
            _export(target, broken, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_an_unknown_option(self, target: Target, bundle: Bundle) -> None:
        """It is refused before anything is written."""
        with pytest.raises(WrongArgument):
            wishes(target, bundle, options={"no_such_option": "1"})

    def test_it_is_found_by_its_name(self, target: Target) -> None:
        """The command line knows it."""
        assert target.name in names()
        assert type(named(target.name)) is type(target)
