"""Steps are read from the source: what is found, how it is wired, what is refused and with which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import WrongSetting
from noria.pipeline.discovery import discover, find
from noria.pipeline.step import Step

STANDARD = (
    Step("ingest", "noria.steps.ingest:ingest"),
    Step("clean", "noria.steps.clean:clean", {"table": "ingest"}),
    Step("train", "noria.steps.train:train", {"table": "clean"}),
)


def wired(tmp_path: Path, text: str, params: dict[str, dict[str, object]] | None = None) -> dict[str, Step]:
    path = tmp_path / "pipeline.py"
    path.write_text(text)
    return {step.name: step for step in discover(path, STANDARD, params)}


def refused(tmp_path: Path, text: str, params: dict[str, dict[str, object]] | None = None) -> WrongSetting:
    with pytest.raises(WrongSetting) as caught:
        wired(tmp_path, text, params)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "import noria\n@noria.step\ndef f(): ...",
        "import noria as wheel\n@wheel.step()\ndef f(): ...",
        "from noria import step\n@step\ndef f(): ...",
        "from noria import step as pas\n@pas(cache=True)\ndef f(): ...",
        "from noria.pipeline.step import step\n@step\ndef f(): ...",
        "import noria.pipeline.step\n@noria.pipeline.step.step\ndef f(): ...",
    ],
)
def test_every_way_of_writing_the_decorator_is_found(text: str) -> None:
    assert [found.name for found in find(text)] == ["f"]


def test_other_decorators_are_not_steps() -> None:
    assert find("from elsewhere import step\n@step\ndef f(): ...\n@other.step\ndef g(): ...") == []


def test_nothing_is_imported(tmp_path: Path) -> None:
    steps = wired(tmp_path, "from noria import step\nraise SystemExit\n@step\ndef extra(clean): ...")
    assert steps["extra"].inputs == {"clean": "clean"}


def test_no_file_means_the_standard_steps(tmp_path: Path) -> None:
    assert discover(tmp_path / "pipeline.py", STANDARD) == list(STANDARD)


def test_parameters_are_wired_by_name(tmp_path: Path) -> None:
    text = """
from noria import step
@step
def features(clean, context, *, depth=3, names=("a", "b"), rate=-0.5, now=object()):
    '''Make features.

    More.
    '''
"""
    step = wired(tmp_path, text)["features"]
    assert step.inputs == {"clean": "clean"}
    assert step.params == {"depth": 3, "names": ["a", "b"], "rate": -0.5}
    assert (step.uses, step.root, step.help) == ("pipeline:features", tmp_path.resolve(), "Make features.")


def test_the_project_file_overrides_defaults(tmp_path: Path) -> None:
    text = "from noria import step\n@step\ndef features(clean, depth=3, fill=None): ..."
    assert wired(tmp_path, text, {"features": {"depth": 5}})["features"].params == {"depth": 5, "fill": None}


def test_a_setting_without_default_may_come_from_the_project_file(tmp_path: Path) -> None:
    text = "from noria import step\n@step\ndef features(clean, depth): ..."
    assert wired(tmp_path, text, {"features": {"depth": 5}})["features"].params == {"depth": 5}


def test_dashes_of_a_step_name_become_underscores(tmp_path: Path) -> None:
    text = """
from noria import step
@step(name="my-features")
def features(clean): ...
@step
def report(my_features): ...
"""
    assert wired(tmp_path, text)["report"].inputs == {"my_features": "my-features"}


def test_replacing_takes_over_everybody_downstream(tmp_path: Path) -> None:
    text = """
from noria import step
@step(replaces="clean")
def tidy(ingest): ...
@step
def report(clean): ...
"""
    steps = wired(tmp_path, text)
    assert "clean" not in steps
    assert steps["train"].inputs == {"table": "tidy"}
    assert steps["report"].inputs == {"clean": "tidy"}


def test_replacing_may_keep_the_old_one_as_input(tmp_path: Path) -> None:
    steps = wired(tmp_path, "from noria import step\n@step(replaces='clean')\ndef tidy(clean): ...")
    assert steps["tidy"].inputs == {"clean": "clean"}
    assert steps["clean"].inputs == {"table": "ingest"}
    assert steps["train"].inputs == {"table": "tidy"}


def test_replacing_under_the_same_name_puts_the_old_one_aside(tmp_path: Path) -> None:
    steps = wired(tmp_path, "from noria import step\n@step(replaces='clean')\ndef clean(clean): ...")
    assert steps["clean"].inputs == {"clean": "clean.standard"}
    assert steps["clean.standard"].uses == "noria.steps.clean:clean"
    assert steps["train"].inputs == {"table": "clean"}


def test_a_name_that_is_taken_is_refused_with_the_mend(tmp_path: Path) -> None:
    error = refused(tmp_path, "from noria import step\n@step\ndef clean(ingest): ...")
    assert "pipeline.py:3" in error.what
    assert 'replaces="clean"' in error.mend


def test_two_in_one_place_are_refused(tmp_path: Path) -> None:
    both = "from noria import step\n" + "".join(
        f"@step(replaces='clean')\ndef {name}(clean): ...\n" for name in ("tidy", "neat")
    )
    error = refused(tmp_path, both)
    assert error.what == "two steps replace 'clean': 'tidy' and 'neat'"
    assert error.why == "at pipeline.py:3 and pipeline.py:5"


def test_twins_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, "from noria import step\n@step\ndef a(): ...\n@step(name='a')\ndef b(): ...")
    assert "pipeline.py:3 and pipeline.py:5" in error.why


def test_replacing_nothing_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, "from noria import step\n@step(replaces='claen')\ndef tidy(ingest): ...")
    assert error.mend == "did you mean 'clean'?"


def test_a_parameter_that_is_nothing_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, "from noria import step\n@step\ndef tidy(ingset): ...")
    assert "pipeline.py:3: parameter 'ingset'" in error.what
    assert error.mend == "did you mean 'ingest'?"


@pytest.mark.parametrize(
    ("params", "message"),
    [({"tidy": {"dept": 3}}, "'dept' is no setting"), ({"tidyy": {}}, "about no step")],
)
def test_settings_for_nothing_are_refused(tmp_path: Path, params: dict[str, dict[str, object]], message: str) -> None:
    error = refused(tmp_path, "from noria import step\n@step\ndef tidy(ingest, depth=1): ...", params)
    assert message in error.what
    assert "did you mean" in error.mend


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@step\nasync def f(): ...", "an async function"),
        ("@step\nclass F: ...", "a class"),
        ("def g():\n    @step\n    def f(): ...", "not at top level"),
        ("@step\ndef f(*args): ...", "without a name"),
        ("@step\ndef f(a, /): ...", "without a name"),
        ("@step(name=NAME)\ndef f(): ...", "cannot take name=NAME"),
        ("@step(replace='x')\ndef f(): ...", "cannot take replace='x'"),
        ("@step('x')\ndef f(): ...", "by name"),
    ],
)
def test_what_cannot_be_a_step_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    error = refused(tmp_path, f"from noria import step\n{text}")
    assert message in error.what
    assert error.what.startswith("pipeline.py:")


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, "from noria import step\ndef f(:\n    ...")
    assert error.why == "pipeline.py:2: def f(:"
    assert error.mend == "correct line 2 of pipeline.py"
