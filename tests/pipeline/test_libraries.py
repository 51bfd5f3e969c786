"""Versions are read from the metadata beside the code, and noticed when they change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from noria.pipeline.cachefile import CacheFile
from noria.pipeline.libraries import ABSENT, LAYOUT, Libraries

Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def versions(folder: Path, *tops: str) -> dict[str, str]:
    cache = CacheFile(folder / "libraries.json", LAYOUT)
    found = Libraries(cache).versions(tops)
    cache.save()
    return found


def test_an_upgrade_is_noticed(install: Install, site: Path, tmp_path: Path) -> None:
    install(site, "waterwheel", "1.0")
    assert versions(tmp_path, "waterwheel") == {"waterwheel": "1.0"}
    install(site, "waterwheel", "1.1")
    assert versions(tmp_path, "waterwheel") == {"waterwheel": "1.1"}


def test_what_a_library_requires_counts_too(install: Install, site: Path, tmp_path: Path) -> None:
    install(site, "waterwheel", "1.0", requires="Bucket_Chain>=1|paint ; extra == 'pretty'|not-there")
    install(site, "Bucket.Chain", "3.2")
    install(site, "paint", "9")
    assert versions(tmp_path, "waterwheel") == {"bucket-chain": "3.2", "waterwheel": "1.0"}


def test_requirements_may_run_in_a_ring(install: Install, site: Path, tmp_path: Path) -> None:
    install(site, "aaa", "1", requires="bbb")
    install(site, "bbb", "2", requires="aaa")
    assert versions(tmp_path, "aaa") == {"aaa": "1", "bbb": "2"}


def test_names_that_differ_from_the_distribution_s(install: Install, site: Path, tmp_path: Path) -> None:
    install(site, "water-tools", "2", record="wheel_of/__init__.py,,\nsingle.py,,\nfast.cpython-311.so,,\n")
    assert versions(tmp_path, "wheel_of", "single", "fast") == {"water-tools": "2"}


def test_what_is_not_installed_is_said(install: Install, site: Path, tmp_path: Path) -> None:
    assert versions(tmp_path, "waterwheel") == {"waterwheel": ABSENT}
    install(site, "waterwheel", "1")
    assert versions(tmp_path, "waterwheel") == {"waterwheel": "1"}


def test_the_first_on_the_path_wins(
    install: Install, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "later"
    later.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(later)])
    install(site, "waterwheel", "1")
    install(later, "waterwheel", "2")
    assert versions(tmp_path, "waterwheel") == {"waterwheel": "1"}


def test_what_a_library_brings_inside_itself_is_no_installation(
    install: Install, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "waterwheel", "1", requires="bucket")
    inside = site / "millstone" / "thirdparty_files"
    inside.mkdir(parents=True)
    install(inside, "bucket", "0.1")
    before = versions(tmp_path, "waterwheel", "bucket")
    monkeypatch.setattr(sys, "path", [str(inside), *sys.path])  # as Ray does when it is imported
    assert versions(tmp_path, "waterwheel", "bucket") == before == {"bucket": ABSENT, "waterwheel": "1"}


def test_the_real_ones_are_found(tmp_path: Path) -> None:
    found = versions(tmp_path, "sklearn")
    assert {"scikit-learn", "numpy", "scipy", "joblib"} <= set(found)


def test_noria_itself_is_left_out(install: Install, site: Path, tmp_path: Path) -> None:
    install(site, "waterwheel", "1", requires="noria")
    install(site, "noria", "1")
    assert versions(tmp_path, "waterwheel", "noria") == {"waterwheel": "1"}
