"""What a new project holds works: the example step, the ignored store, the data with their papers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from noria.errors import NotFound, VersionExists, WrongArgument
from noria.pipeline.discovery import discover
from noria.pipeline.step import Step
from noria.project.begin import check_name, from_example, from_text, refuse_taken, source_for
from noria.project.example import EXAMPLES, example
from noria.project.file import validate

CLEAN = Step("clean", uses="noria.steps.clean:clean")
TOML = '[project]\nname = "x"\n[data]\nsource = "data/x.csv"\n'


def test_the_step_in_pipeline_py_works_once_uncommented(tmp_path: Path) -> None:
    from_text(tmp_path / "new", TOML)
    path = tmp_path / "new" / "pipeline.py"
    assert [step.name for step in discover(path, [CLEAN])] == ["clean"]
    head, _, rest = path.read_text().partition("# import noria\n")
    code = "\n".join(line.removeprefix("#").removeprefix(" ") for line in rest.split("# `warn_above`")[0].splitlines())
    path.write_text(f"{head}import noria\n{code}\n")
    (added,) = (step for step in discover(path, [CLEAN]) if step.name != "clean")
    assert added.name == "missing_cells"
    assert added.inputs == {"clean": "clean"}
    assert added.params == {"warn_above": 0.2}


def test_that_step_counts(tmp_path: Path) -> None:
    import pyarrow as pa

    from_text(tmp_path / "new", TOML)
    text = (tmp_path / "new" / "pipeline.py").read_text().partition("# import noria\n")[2].split("# `warn_above`")[0]
    code = "import noria\n" + "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
    noted: list[str] = []

    class Context:
        note = staticmethod(noted.append)

    space: dict[str, object] = {}
    exec(code, space)
    table = pa.table({"a": [1, None, None], "b": [1, 2, 3]})
    assert space["missing_cells"](table, Context()) == {"a": 2 / 3, "b": 0.0}  # type: ignore[operator]
    assert noted == ["a: 67% of the cells are empty"]


def test_the_settings_shown_in_pipeline_py_are_sound() -> None:
    validate(TOML + "[steps.missing_cells]\nparams = { warn_above = 0.1 }\n")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_has_its_data_and_papers(name: str) -> None:
    found = example(name)
    readme = (found.folder / "README.md").read_text(encoding="utf-8")
    for word in ("## Source and licence", "## Citation", "## Changes made here"):
        assert word in readme
    for part in (found.data, found.stream):
        with gzip.open(found.folder / part, "rt") as file:
            rows = sum(1 for _ in file) - 1
        assert f"| {rows:,} |" in readme, f"{part} has {rows:,} rows"


def test_the_examples_are_small() -> None:
    assert sum(path.stat().st_size for path in example("credit").folder.parent.rglob("*.gz")) < 400_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_two_files_share_no_row_and_all_columns(name: str) -> None:
    found = example(name)
    heads, keys = [], []
    for part in (found.data, found.stream):
        with gzip.open(found.folder / part, "rt") as file:
            heads.append(file.readline())
            keys.append({line.split(",", 1)[0] for line in file})
    assert heads[0] == heads[1]
    assert keys[0].isdisjoint(keys[1])


def test_an_example_is_copied_byte_by_byte(tmp_path: Path) -> None:
    written = from_example(tmp_path / "new", "credit")
    assert all(path.is_file() for path in written)
    for path in example("credit").folder.rglob("*"):
        if path.is_file():
            copy = tmp_path / "new" / path.relative_to(example("credit").folder)
            assert copy.read_bytes() == path.read_bytes()
    assert ".noria/" in (tmp_path / "new" / ".gitignore").read_text().splitlines()


def test_no_such_example() -> None:
    with pytest.raises(NotFound, match="did you mean 'sensors'"):
        example("sensor")


def test_a_taken_folder(tmp_path: Path) -> None:
    refuse_taken(tmp_path / "new")
    refuse_taken(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(VersionExists, match="not empty"):
        refuse_taken(tmp_path)
    with pytest.raises(VersionExists, match="is a file"):
        refuse_taken(tmp_path / "file")


@pytest.mark.parametrize("name", ["", "a b", "-x", ".hidden", "ü", "a" * 129, "a\nb", "a/"])
def test_names(name: str) -> None:
    if name in {"", "a/"}:
        assert check_name(Path(name))
        return
    with pytest.raises(WrongArgument):
        check_name(Path(name))


def test_a_large_file_is_named_where_it_is(tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_text("x")
    with large.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    assert source_for(small) == ("data/small.csv", small)
    assert source_for(large) == (str(large), None)
