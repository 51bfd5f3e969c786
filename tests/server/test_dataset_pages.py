"""The pages of folders of files and of two versions held against each other."""

from __future__ import annotations

import os
from dataclasses import replace

import pyarrow as pa
import pytest
from page_browser import Browser
from page_checker import check

from noria.datasets.schema import Schema, infer
from noria.server.pages import dataset_diff


@pytest.fixture
def scans(changing: Browser) -> Browser:
    """Two versions of a folder: one file changed, two went, one came; and a third table of credits."""
    folder = changing.workspace.root / "scans"
    for name, size in (("train/cat/1.png", 300), ("train/cat/2.png", 200), ("valid/1.png", 9), ("labels.csv", 40)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    folders = changing.workspace.datasets.folders
    folders.add(folder, note="the first <delivery>")
    (folder / "labels.csv").write_bytes(b"y" * 50)
    (folder / "train/cat/2.png").unlink()
    (folder / "valid/1.png").unlink()
    (folder / "new <b>").mkdir()
    (folder / "new <b>" / "a&b.png").write_bytes(b"z" * 700)
    folders.add(folder, note="corrected")
    changing.workspace.datasets.tag("scans@2", "prod")
    return changing


def people(browser: Browser, names: list[str], *, personal: bool, count: int = 1) -> None:
    rows = pa.table({"id": list(range(len(names))), "who": names, "n": [count] * len(names)})
    schema = Schema(tuple(replace(column, pii=personal and column.name == "who") for column in infer(rows).columns))
    browser.workspace.datasets.commit("people", rows, source="people.csv", schema=schema)


def test_a_folder_has_a_page(scans: Browser) -> None:
    response = scans.get("/datasets/scans@2")
    check(response)
    page = response.text
    assert "corrected" in page
    assert "noria data checkout scans@2" in page
    assert "prod" in page
    for told in ("1 changed", "1 added", "2 removed"):
        assert told in page
    assert "new &lt;b&gt;/" in page
    assert "/datasets/scans@2?in=new+%3Cb%3E" in page
    assert "the first &lt;delivery&gt;" in page, "the note of the other version, in the list"
    assert '<option value="1" selected>' in page
    first = scans.get("/datasets/scans@1")
    check(first)
    assert "What changed" not in first.text


def test_a_folder_is_found_from_the_list_and_by_searching(scans: Browser) -> None:
    assert 'href="/datasets/scans@2"' in scans.get("/datasets").text
    assert scans.get("/search", params={"q": "scans@1"}).headers["location"] == "/datasets/scans@1"
    assert scans.get("/search", params={"q": "scans@prod"}).headers["location"] == "/datasets/scans@2"
    assert 'href="/datasets/scans@latest"' in scans.get("/search", params={"q": "scan"}).text
    assert scans.get("/datasets/scans@latest").status_code == 200
    assert scans.get("/datasets/scans").status_code == 200


def test_one_walks_into_a_folder(scans: Browser) -> None:
    page = scans.get("/datasets/scans@2", params={"in": "train"}).text
    assert "cat/" in page
    assert "1 file, 300 B" in page
    assert "?in=train%2Fcat" in page
    response = scans.get("/datasets/scans@2", params={"in": "new <b>"})
    check(response)
    assert "a&amp;b.png" in response.text
    for wrong in ("valid", "../..", "trai", "\x00"):
        assert scans.get("/datasets/scans@2", params={"in": wrong}).status_code == 404


def test_where_all_lies_in_one_folder_that_is_looked_at(changing: Browser) -> None:
    folder = changing.workspace.root / "deep"
    for name in ("a/b/c/1", "a/b/d/2"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    changing.workspace.datasets.folders.add(folder)
    assert "?in=a%2Fb%2Fc" in changing.get("/datasets/deep@1").text
    assert "?in=a#" in changing.get("/datasets/deep@1?in=").text


def test_names_that_are_no_text_are_shown_all_the_same(changing: Browser) -> None:
    folder = changing.workspace.root / "odd"
    (folder / os.fsdecode(b"d\xff")).mkdir(parents=True)
    (folder / os.fsdecode(b"d\xff") / os.fsdecode(b"\xfe.bin")).write_bytes(b"1")
    (folder / "plain").write_bytes(b"22")
    changing.workspace.datasets.folders.add(folder)
    (folder / "plain").unlink()
    changing.workspace.datasets.folders.add(folder)
    for path in ("/datasets/odd@1", "/datasets/odd@2", "/datasets/odd@2/diff"):
        response = changing.get(path)
        assert response.status_code == 200
        check(response)
    assert "d\\xff/" in changing.get("/datasets/odd@1").text
    assert changing.get("/api/datasets/odd@1").json()["places"][0]["name"] == "d\\xff"


def test_an_empty_folder_has_a_page(changing: Browser) -> None:
    folder = changing.workspace.root / "nothing"
    folder.mkdir()
    changing.workspace.datasets.folders.add(folder)
    response = changing.get("/datasets/nothing@1")
    assert response.status_code == 200
    check(response)
    assert "The folder is empty" in response.text


def test_two_folders_are_held_against_each_other(scans: Browser) -> None:
    response = scans.get("/datasets/scans@2/diff", params={"from": "1"})
    check(response)
    for told in ("labels.csv", "40 B → 50 B", "train/cat/2.png", "valid/1.png", "new &lt;b&gt;/a&amp;b.png"):
        assert told in response.text
    assert "noria data diff scans@1 scans@2" in response.text
    assert "the same contents" in scans.get("/datasets/scans@2/diff", params={"from": "2"}).text
    found = scans.get("/api/datasets/scans@2/diff").json()
    assert found["removed"] == {"train/cat/2.png": 200, "valid/1.png": 9}
    assert (found["a"], found["b"]) == ("scans@1", "scans@2")


def test_many_files_are_bounded_and_counted_truly(changing: Browser) -> None:
    folder = changing.workspace.root / "many"
    folder.mkdir()
    changing.workspace.datasets.folders.add(folder)
    for number in range(130):
        (folder / f"{number:03}").write_bytes(b"x")
    changing.workspace.datasets.folders.add(folder)
    page = changing.get("/datasets/many@2/diff").text
    assert "The first 100 of 130." in page
    assert "<td" in page
    assert ">099<" in page
    assert ">100<" not in page
    assert "and 120 more" in changing.get("/datasets/many@2").text


def test_two_tables_are_held_against_each_other(changing: Browser) -> None:
    datasets = changing.workspace.datasets
    old = datasets.read(datasets.get("credit-risk", 2))
    age = [None if at == 0 else value for at, value in enumerate(old["age"].to_pylist())]
    new = old.set_column(old.column_names.index("age"), "age", pa.array(age, pa.int64())).slice(0, old.num_rows - 7)
    datasets.commit("credit-risk", new.append_column("channel", pa.array(["web"] * len(new))), source="credit.csv")
    response = changing.get("/datasets/credit-risk@3/diff")
    check(response)
    page = response.text
    assert "credit-risk@2" in page
    assert f"{new.num_rows - 1:,}" in page, "the rows that are the same"
    assert "channel" in page
    assert "Removed rows" in page
    assert str(old["age"][0].as_py()) in page
    assert "Spread, before and after" in page
    found = changing.get("/api/datasets/credit-risk@3/diff").json()
    assert (found["added"], found["removed"], found["changed"]) == (0, 7, 1)
    assert found["examples"] == [{"id": str(old["id"][0].as_py()), "age": [str(old["age"][0].as_py()), None]}]
    assert 'href="/datasets/credit-risk@3/diff"' in changing.get("/datasets/credit-risk@3").text
    back = changing.get("/datasets/credit-risk@2/diff", params={"from": "credit-risk@3"}).text
    assert "Added rows" in back


@pytest.mark.parametrize("declared", ["before", "now", "later"])
def test_what_is_personal_is_not_on_the_page(changing: Browser, declared: str) -> None:
    people(changing, ["Adalbert", "Brunhild"], personal=declared == "before")
    people(changing, ["Adalbert", "Bertrada", "Cunigunde"], personal=declared == "now")
    if declared == "later":
        people(changing, ["Adalbert"], personal=True, count=2)
    for path in ("/datasets/people@2/diff?from=1", "/api/datasets/people@2/diff?from=1"):
        text = changing.get(path).text
        assert "(personal)" in text
        for name in ("Adalbert", "Brunhild", "Bertrada", "Cunigunde"):
            assert name not in text


def test_what_was_compared_before_a_column_became_personal_is_not_shown_again(changing: Browser) -> None:
    people(changing, ["Adalbert", "Brunhild"], personal=False)
    people(changing, ["Adalbert", "Bertrada"], personal=False)
    assert "Brunhild" in changing.get("/datasets/people@2/diff").text
    people(changing, ["Adalbert", "Bertrada"], personal=True)
    assert changing.workspace.datasets.get("people").number == 2, "the same rows are the same version"
    assert "Brunhild" not in changing.get("/datasets/people@2/diff").text


def test_what_is_too_large_for_a_page_says_so(changing: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_diff, "_MOST_CELLS", 1000)
    response = changing.get("/datasets/credit-risk@2/diff")
    assert response.status_code == 200
    check(response)
    assert "noria data diff credit-risk@1 credit-risk@2 --html diff.html" in response.text
    refused = changing.get("/api/datasets/credit-risk@2/diff")
    assert refused.status_code == 400
    assert "--json" in refused.json()["error"]["mend"]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/datasets/credit-risk@1/diff", 404, "no version before credit-risk@1"),
        ("/datasets/credit-risk@2/diff?from=9", 404, "no version 9"),
        ("/datasets/credit-risk@2/diff?from=no@1", 404, "no dataset"),
        ("/datasets/credit-risk@2/diff?from=scans@1", 400, "a table and a folder"),
        ("/datasets/scans@2/diff?from=credit-risk@1", 400, "a table and a folder"),
        ("/datasets/scans@7", 404, "no version 7"),
        ("/datasets/scans@nowhere", 404, "nowhere"),
        ("/datasets/%E2%82%AC/diff", 404, "no dataset"),
    ],
)
def test_what_is_not_there_is_told(scans: Browser, path: str, status: int, told: str) -> None:
    response = scans.get(path)
    assert response.status_code == status
    assert told in response.text
    assert "mend:" in response.text
