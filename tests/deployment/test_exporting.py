"""What is wished for, the names it gets, and the folder it goes into."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.deployment.exporting import export, wishes
from noria.deployment.local import Local
from noria.deployment.names import checked_image, dns_label
from noria.deployment.target import Wishes, Written
from noria.errors import NoriaError, StoreUnavailable, VersionExists, WorkFailed, WrongArgument
from noria.serving.bundle import Bundle


@pytest.mark.parametrize(
    ("wished", "code"),
    [
        ({"image": "Credit:1"}, "N-DEPLOYMENT-010"),
        ({"image": "credit:1\nUSER root"}, "N-DEPLOYMENT-010"),
        ({"image": ""}, None),
        ({"replicas": 0}, "N-DEPLOYMENT-012"),
        ({"replicas": 100_000}, "N-DEPLOYMENT-012"),
        ({"log": "/var/log"}, "N-DEPLOYMENT-013"),
        ({"options": {"cpu": "1"}}, "N-DEPLOYMENT-011"),
    ],
)
def test_wishes(wished: dict[str, object], code: str | None, bundle: Bundle) -> None:
    if code is None:
        assert wishes(Local(), bundle, **wished).image == "credit-risk:1"  # type: ignore[arg-type]  # from the table
        return
    with pytest.raises(WrongArgument) as refused:
        wishes(Local(), bundle, **wished)  # type: ignore[arg-type]  # from the table
    assert refused.value.code == code


@pytest.mark.parametrize(
    "image", ["a", "a/b:1", "registry.example:5000/t/m:v1.2-rc_1", "localhost/x", "a@sha256:" + "0" * 64, "a__b/c-d"]
)
def test_images(image: str) -> None:
    assert checked_image(image) == image


@given(st.text(max_size=140))
def test_any_name_becomes_a_label(name: str) -> None:
    label = dns_label(name)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?", label)
    assert (dns_label(label) == label) or len(label) > 50


def test_names_that_differ_stay_apart() -> None:
    names = ["credit-risk", "credit_risk", "Credit-Risk", "credit.risk", "credit risk", "credit--risk"]
    assert len({dns_label(name) for name in names}) == len(names)


def test_a_file_in_the_way(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(VersionExists):
        export(Local(), bundle, tmp_path / "out", wishes(Local(), bundle))
    assert (tmp_path / "out").read_text() == "mine"


def test_a_target_that_writes_links(bundle: Bundle, tmp_path: Path) -> None:
    class Linking(Local):
        def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
            (folder / "passwd").symlink_to("/etc/passwd")
            return super().write(bundle, folder, wishes)

    with pytest.raises(WorkFailed, match="no plain file"):
        export(Linking(), bundle, tmp_path / "out", wishes(Linking(), bundle))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoriaError) as refused:
        export(Local(), bundle, tmp_path / "file" / "out", wishes(Local(), bundle))
    assert isinstance(refused.value, StoreUnavailable)
