"""noria.toml: every error at once, each at its line, with what was expected and what may have been meant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from noria.errors import ProjectNotFound, WrongSetting
from noria.project.effective import effective
from noria.project.example import EXAMPLES
from noria.project.file import Project, load, load_cached, validate

SMALL = '[project]\nname = "loans"\n\n[data]\nsource = "loans.csv"\ntarget = "bad"\n'


def refused(text: str) -> str:
    with pytest.raises(WrongSetting) as caught:
        validate(text)
    assert caught.value.exit_status == 2
    return caught.value.render()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_sound(name: str) -> None:
    project = load(EXAMPLES[name].folder)
    assert project.warnings == ()
    assert project.settings.model.budget_seconds is not None
    assert project.settings.model.budget_seconds <= 25


def test_the_effective_file_of_everything_evaluated_means_the_same(tmp_path: Path) -> None:
    text = (
        SMALL
        + """[evaluate]
threshold = { cost = { false_positive = 1, false_negative = 5 } }
protected = ["sex"]
conformal = { level = 0.8 }
[[gates]]
require = "approval"
[[gates]]
metric = "parity_ratio"
by = "sex"
min = 0.8
[[gates]]
metric = "calibration_slope"
min = 0.8
max = 1.2
"""
    )
    (tmp_path / "noria.toml").write_text(text)
    assert validate(effective(load(tmp_path)))[0] == validate(text)[0]


def test_the_smallest_file() -> None:
    settings, warnings = validate(SMALL)
    assert settings.deploy.endpoint == "loans"
    assert settings.split.test == 0.2
    assert warnings == ()


def test_defaults_that_follow_from_the_task() -> None:
    settings, _ = validate(SMALL + '[model]\ntask = "regression"\n')
    assert (settings.model.metric, settings.split.method) == ("rmse", "random")
    settings, _ = validate(SMALL + '[model]\ntask = "classification"\n')
    assert settings.split.method == "stratified"


WRONG = {
    "unknown key": ("[model]\nfold = 5", 8, "[model] fold: no such setting; did you mean 'folds'?"),
    "unknown section": ("[modle]\nfolds = 5", 7, "[modle]: no such setting; did you mean 'model'?"),
    "key of another section": ("[model]\ntest = 0.2", 8, "it belongs to [split]"),
    "key of a repeated section": ("[model]\ncron = '0 3 * * 1'", 8, "it belongs to [[triggers]]"),
    "text for a number": ('[model]\nfolds = "five"', 8, '[model] folds: expected a whole number, got "five"'),
    "number for a text": ("[model]\nmetric = 3", 8, "[model] metric: expected text in quotes, got 3"),
    "fraction for a whole number": ("[model]\nfolds = 2.5", 8, "expected a whole number, got 2.5"),
    "text for a truth": ('[clean]\ntrim = "yes"', 8, 'expected true or false, got "yes"'),
    "one for a list": ("[deploy]\nsteps = 5", 8, "[deploy] steps: expected a list in square brackets, got 5"),
    "a threshold without a wish": ("[evaluate]\nthreshold = {}", 8, "asks for nothing: write one of cost, capacity"),
    "a threshold of two wishes": (
        "[evaluate]\nthreshold = { capacity = 0.1, recall = 0.9 }", 8, "asks for capacity and recall",
    ),
    "a free mistake": (
        "[evaluate]\nthreshold = { cost = { false_positive = 0, false_negative = 1 } }", 8, "expected more than 0",
    ),
    "a threshold of a value": (
        '[model]\ntask = "regression"\n[evaluate]\nthreshold = { recall = 0.9 }', 10, "decides between two classes",
    ),
    "a gate on nothing": ("[[gates]]\nmin = 0.5", 7, "number 1 metric is missing"),
    "a gate of an unknown name": (
        '[[gates]]\nmetric = "latency"\nmax = 1', 8, "there is no metric 'latency'; did you mean 'latency_ms'?",
    ),
    "a gate on speed the wrong way round": ('[[gates]]\nmetric = "latency_ms"\nmin = 1', 9, "less is better"),
    "a gate by no protected column": (
        '[[gates]]\nmetric = "parity_ratio"\nby = "sex"\nmin = 0.8', 9, "is no protected column",
    ),
    "a metric by a column": ('[[gates]]\nmetric = "recall"\nby = "sex"\nmin = 0.8', 7, "by names a protected column"),
    "an approval with a bound": ('[[gates]]\nrequire = "approval"\nmin = 0.8', 7, "require stands alone"),
    "an age without a time": ('[[gates]]\nmetric = "data_age_days"\nmax = 7', 8, "needs to know when"),
    "speed on a slice": (
        '[[gates]]\nmetric = "latency_ms"\nmax = 1\nslice = "worst"', 7, "neither against the champion nor on a slice",
    ),
    "a person as a group": (
        '[evaluate]\nprotected = ["email"]\n[data.columns]\nemail = { pii = true }', 8, "nobody is a group",
    ),
    "a protected column that is dropped": (
        '[evaluate]\nprotected = ["sex"]\n[data.columns]\nsex = { store = "drop" }', 8, "has no values",
    ),
    "the time as a group": (
        'time = "when"\n[evaluate]\nprotected = ["when"]', 9, "a moment is no group",
    ),
    "a moment as a group": (
        '[evaluate]\nprotected = ["born"]\n[data.columns]\nborn = { type = "timestamp" }', 8, "a moment is no group",
    ),
    "too large": ("[split]\ntest = 1.5", 8, "expected less than 1"),
    "too small": ("[model]\nfolds = 1", 8, "expected at least 2"),
    "no such choice": ('[split]\nmethod = "tmie"', 8, "did you mean 'time'?"),
    "no such metric": ('[[gates]]\nmetric = "roc_uac"\nmin = 0.5', 8, "did you mean 'roc_auc'?"),
    "metric of another task": ('[model]\ntask = "regression"\nmetric = "f1"', 9, "f1 is a metric of classification"),
    "bound on the wrong side": ('[[gates]]\nmetric = "rmse"\nmin = 3', 9, "less is better for rmse: write max"),
    "second of many": (
        '[[gates]]\nmetric = "f1"\nmin = 0.1\n[[gates]]\nmin = 3', 10, "[[gates]] number 2 metric is missing"
    ),
    "no such family": ('[model]\ncandidates = ["ridge",\n "boostnig"]', 8, "did you mean 'boosting'?"),
    "family of another task": (
        '[model]\ntask = "regression"\ncandidates = ["logistic"]', 9, "'logistic'"
    ),
    "rule": ('[prepare]\nnumeric = ["impute:medain"]', 8, "did you mean 'median'?"),
    "rule of a column": ("[prepare]\nincome = 3", 8, "[prepare] income: expected a list in square brackets, got 3"),
    "inside a union": ('[data.checks]\nrules = [{ rule = "x", severity = "eror" }]', 8, "rules[0].severity: expected"),
    "column setting": ('[data.columns]\nage = { type = "itn" }', 8, "did you mean 'int'?"),
    "further table": ('[tables.bureau]\nsource = "b.csv"\nkeys = ["id"]', 9, "did you mean 'key'?"),
    "own step": ("[steps.mine]\nparam = { a = 1 }", 8, "did you mean 'params'?"),
    "cron": ('[[triggers]]\ncron = "0 3 * *"', 8, "needs five fields"),
    "window": ('[monitor]\nwindow = "a fortnight"', 8, "is no window"),
    "split without its column": ('[split]\nmethod = "time"', 8, 'write time = "…" under [data]'),
    "password": ('[store]\ndatabase = "postgresql://me:secret@host/db"', 8, "holds a password"),
    "nan": ("[split]\ntest = nan", 8, "expected a finite number"),
    "date": ("[model]\nmetric = 2026-01-01", 8, "write it in quotes"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_each_error_at_its_line(case: str) -> None:
    text, line, word = WRONG[case]
    told = refused(SMALL + text + "\n")
    assert f"noria.toml:{line}: " in told
    assert word in told


def test_every_error_at_once_in_the_order_of_the_file() -> None:
    told = refused(
        '[project]\nname = "a b"\n[data]\nsource = 3\n[model]\nfolds = "five"\n[[gates]]\nmetric = "f1"\nmin = "x"\n'
    )
    lines = [line.strip() for line in told.splitlines() if line.strip().startswith("noria.toml:")]
    assert [line.split(":")[1] for line in lines] == ["2", "4", "6", "9"]
    assert "4 settings are wrong" in told


def test_what_is_missing() -> None:
    told = refused("[model]\nfolds = 3\n")
    assert "[project] is missing" in told
    assert "[data] is missing" in told
    told = refused('[project]\nname = "x"\n[data]\nsource = "x.csv"\n[model]\ntask = "regression"\n')
    assert "noria.toml:3: [data] target is missing: regression predicts one column" in told


def test_a_secret_is_not_told() -> None:
    told = refused(SMALL + '[store]\ndatabase = "postgresql://me:hunter2@host/db"\n')
    assert "hunter2" not in told
    for source in ("mqtts://b/t#user=me&password=hunter2", "https://h/a.csv#token=hunter2"):
        told = refused(f'[project]\nname = "p"\n[data]\nsource = "{source}"\n')
        assert "hunter2" not in told


def test_what_has_no_effect_is_said_with_its_line() -> None:
    text = '[project]\nname = "x"\n[data]\nsource = "a.csv"\n[tables.a]\nsource = "b.csv"\n'
    text += '[deploy]\nsteps = [10, 100]\nhold = "1h"\n[[triggers]]\ndata = "changed"\ntimezone = "UTC"\n'
    _, warnings = validate(text)
    assert [warning.split(": ")[0] for warning in warnings] == [f"noria.toml:{line}" for line in (5, 8, 9, 12)]
    asked = text.replace("[deploy]\n", '[deploy]\nstrategy = "canary"\n').replace(
        'source = "a.csv"', 'query = "from a"', 1
    )
    assert [warning.split(": ")[0] for warning in validate(asked)[1]] == ["noria.toml:13"]


def test_a_rollout_is_read_from_the_file_and_what_it_does_not_use_is_said() -> None:
    small = SMALL.rstrip() + "\n"
    told = '[deploy]\nstrategy = "ab"\nsplit = 20\nkey = "customer"\n[deploy.gates]\nerrors = 0.01\ndeadline = "2h"\n'
    settings, warnings = validate(small + told)
    rollout = settings.deploy.rollout()
    assert (rollout.strategy, rollout.shares, rollout.key) == ("ab", (("a", 80), ("b", 20)), "customer")
    assert (rollout.gates.errors, rollout.gates.psi, rollout.gates.deadline_seconds) == (0.01, None, 7200.0)
    assert warnings == ()
    _, warnings = validate(small + told.replace('"ab"', '"direct"'))
    assert [warning.partition(": ")[2].partition(";")[0] for warning in warnings] == [
        'only strategy = "ab" splits', 'strategy = "direct" tries nothing, so no gate is looked at'
    ]  # fmt: skip
    assert "[deploy] gates.error: no such setting; did you mean 'errors'?" in refused(
        small + "[deploy.gates]\nerror = 0.01\n"
    )


@pytest.mark.parametrize(("hold", "seconds"), [("", 0.0), ('hold = "5m"\n', 300.0)])
def test_blue_green_holds_where_it_is_told_to(hold: str, seconds: float) -> None:
    settings, _ = validate(SMALL.rstrip() + f'\n[deploy]\nstrategy = "blue-green"\n{hold}')
    assert settings.deploy.rollout().hold_seconds == seconds


def test_a_function_cannot_say_whether_it_changed() -> None:
    text = '[project]\nname = "x"\n[data]\nsource = "python:rows.load"\n[[triggers]]\ndata = "changed"\n'
    assert "noria.toml:6: [[triggers]] number 1 data: a function cannot tell" in refused(text)
    told = refused(text.replace('source = "python:rows.load"', 'query = "from a"\n[tables.a]\nsource = "python:a.b"'))
    assert "cannot tell whether its rows have changed" in told


def test_the_age_of_a_table_is_that_of_no_column() -> None:
    text = '[project]\nname = "x"\n[data]\nquery = "from a"\n[tables.a]\nsource = "a.csv"\n'
    assert "a table has no time column" in refused(text + 'checks = { max_age = "2d" }\n')


def same(one: Project, other: Project) -> None:
    assert other.values == one.values
    assert other.digest == one.digest
    assert other.warnings == one.warnings
    assert other.settings == one.settings


FULL = (
    SMALL
    + """
key = ["id"]
[data.columns]
age = { type = "int", min = 18, values = [1, 2] }
[data.checks]
rules = ["a > 0", { rule = "b > 0", severity = "warn" }]
[prepare]
income = ["impute:mean"]
[model]
candidates = ["ridge", { class = "mine:Model", space = { depth = [1, 2] } }]
[[gates]]
metric = "rmse"
max = 3.5
[[triggers]]
cron = "0 3 * * 1"
[steps.mine]
params = { deep = { er = [1, 2.5, "x"] } }
"""
)


def test_the_kept_copy_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(FULL)
    first = load_cached(tmp_path)
    again = load_cached(tmp_path)
    assert again._settings is None, "the second time nothing is validated"
    same(first, again)
    kept = again.settings
    assert kept.gates[0].max == 3.5
    assert kept.data.columns["age"].values == (1, 2)
    assert kept.data.checks.rules[0] == "a > 0"
    assert kept.data.checks.rules[1].severity == "warn"  # type: ignore[union-attr]
    assert kept.model.budget_seconds == 60.0
    assert kept.prepare.columns == {"income": ["impute:mean"]}
    assert kept.steps["mine"].params["deep"] == {"er": [1, 2.5, "x"]}
    assert kept.deploy.rollout() == first.settings.deploy.rollout()
    with pytest.raises(AttributeError):
        kept.no_such_section  # type: ignore[attr-defined]  # noqa: B018


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(SMALL)
    assert load_cached(tmp_path).name == "loans"
    (tmp_path / "noria.toml").write_text(SMALL.replace("loans", "other"))
    assert load_cached(tmp_path).name == "other"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": "x"}', "\x00"])
def test_a_damaged_copy_is_made_anew(damage: str, tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(SMALL)
    load_cached(tmp_path)
    kept = tmp_path / ".noria" / "cache" / "project.json"
    good = kept.read_text()
    kept.write_text(damage)
    assert load_cached(tmp_path).name == "loans"
    assert json.loads(kept.read_text()) == json.loads(good)


def test_an_unchanged_file_loads_no_heavy_library(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(SMALL)
    load_cached(tmp_path)
    code = (
        "import sys; from pathlib import Path; from noria.project.file import load_cached;"
        f"project = load_cached(Path({str(tmp_path)!r})); project.settings.store.database, project.settings.gates;"
        "print(sorted({'pydantic', 'numpy', 'pandas', 'pyarrow', 'sklearn', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_nothing_can_be_kept_the_file_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(SMALL)
    (tmp_path / ".noria").write_text("in the way")
    assert load_cached(tmp_path).name == "loans"
    assert load_cached(tmp_path).name == "loans"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound):
        load(tmp_path)


@pytest.mark.parametrize("text", [SMALL, FULL, *((e.folder / "noria.toml").read_text() for e in EXAMPLES.values())])
def test_the_effective_file_means_the_same(text: str, tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(text)
    project = load(tmp_path)
    shown = effective(project)
    settings, _ = validate(shown)
    assert settings == project.settings
    assert 'endpoint = "loans"  # default' in shown or "endpoint" in text
