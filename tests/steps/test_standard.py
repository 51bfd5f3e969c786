"""Each setting is in the key of the steps that depend on it, and of no other."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from loans import FILE, turn

from noria.project.file import load
from noria.steps.lock import LOCK
from noria.steps.standard import STANDARD, graph_of, standard_steps
from noria.workspace import Workspace

# What is written -> what is written instead -> the steps that must run for it, before their outputs decide more.
CHANGES = {
    "a gate's bound": ("min = 0.5", "min = 0.55", {"gate"}),
    "a further gate": ("[deploy]", '[[gates]]\nmetric = "brier"\nmax = 0.4\n[deploy]', {"gate"}),
    "a gate on the worst slice": (
        "[deploy]", '[[gates]]\nmetric = "roc_auc"\nslice = "worst"\nmin = 0.1\n[deploy]', {"evaluate", "gate"},
    ),
    "the monitor's window": ('window = "100 rows"', 'window = "200 rows"\non_drift = "retrain"', set()),
    "the endpoint": ('endpoint = "loans"', 'endpoint = "credit"', set()),
    "a trigger": ("[deploy]", '[[triggers]]\ncron = "0 3 * * *"\n[deploy]', set()),
    "the test's share": ("test = 0.25", "test = 0.3", {"split"}),
    "a preparation": ('"scale:standard"', '"scale:robust"', {"train"}),
    "a candidate": ('["logistic"]', '["logistic", "svm"]', {"train"}),
    "the folds": ("folds = 2", "folds = 3", {"train"}),
    "the metric": ("folds = 2", 'folds = 2\nmetric = "log_loss"', {"train", "evaluate", "register"}),
    "a bound of a check": ("[clean]", "[data.checks]\nrows = { min = 5 }\n[clean]", {"check"}),
    "a cast": ("[clean]", '[clean]\ncast = { grade = "text" }', {"clean"}),
    "a missing mark": ("[clean]", '[clean]\nna_values = ["?"]', {"ingest", "clean"}),
    "a renaming": ('Inc = "income"', 'Inc = "pay"', {"ingest", "clean"}),
    "a column's role": (
        "[data.columns]", '[data.columns]\ngrade = { use = false }',
        {"check", "split", "train", "evaluate", "gate", "register"},
    ),
    "the key": ('key = ["id"]', 'key = ["id", "grade"]', set(STANDARD)),
}  # fmt: skip


@pytest.fixture
def edited(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, to be changed at will."""
    return Path(shutil.copytree(finished, tmp_path / "loans"))


def params_of(text: str, root: Path) -> dict[str, str]:
    (root / "noria.toml").write_text(text)
    values = load(root).values
    steps = standard_steps(values, name="loans", token="t")  # type: ignore[arg-type]
    return {step.name: json.dumps(dict(step.params), sort_keys=True) for step in steps}


@pytest.mark.parametrize("what", CHANGES)
def test_a_setting_is_in_the_keys_it_belongs_to(what: str, tmp_path: Path) -> None:
    old, new, wanted = CHANGES[what]
    assert FILE.count(old) == 1
    before, after = params_of(FILE, tmp_path), params_of(FILE.replace(old, new), tmp_path)
    assert {step for step in STANDARD if before[step] != after[step]} == wanted


@pytest.mark.parametrize("what", ["a gate's bound", "the monitor's window", "a preparation"])
def test_the_plan_says_the_same(what: str, edited: Path) -> None:
    old, new, wanted = CHANGES[what]
    (edited / "noria.toml").write_text(FILE.replace(old, new))
    _, planned = turn(edited).plan()
    assert {one.step for one in planned if one.state == "run"} >= wanted
    first = min((STANDARD.index(step) for step in wanted), default=len(STANDARD))
    assert all(one.state == "cached" for one in planned if STANDARD.index(one.step) < first)


def test_what_a_change_does_not_touch_does_not_run(edited: Path) -> None:
    done = turn(edited).run()
    assert done.nothing_to_do
    (edited / "noria.toml").write_text(FILE.replace("min = 0.5", "min = 0.51"))
    moved = turn(edited).run()
    # The verdict is the same, so that registering has nothing new to say: no second version.
    assert (moved.ran, moved.version) == (("gate",), done.version)
    (edited / "noria.toml").write_text(FILE.replace("min = 0.5", "min = 0.51").replace("100 rows", "300 rows"))
    assert turn(edited).run().nothing_to_do


def test_what_was_taken_back_counts_again(edited: Path) -> None:
    """A bound moved and moved back, a preparation tried and dropped: verdict, challenger and lock are those of now."""
    root, opened = edited, Workspace(edited)
    first = turn(root).run()
    model = opened.registry.get("loans", 1).model_digest
    lock = (root / LOCK).read_text()

    (root / "noria.toml").write_text(FILE.replace("min = 0.5", "min = 0.999"))
    assert turn(root).run().gates_passed is False
    assert not opened.verdicts.latest("loans", model).passed
    (root / "noria.toml").write_text(FILE)
    back = turn(root).run()
    assert back.ran == ("gate", "register")
    assert (back.version, back.gates_passed) == (first.version, True)
    assert opened.verdicts.latest("loans", model).passed
    assert turn(root).run().nothing_to_do

    (root / "noria.toml").write_text(FILE.replace('"scale:standard"', '"scale:robust"'))
    other = turn(root).run()
    assert other.version != first.version
    assert opened.aliases.current("loans", "challenger") == other.version
    (root / "noria.toml").write_text(FILE)
    assert turn(root).run().ran == ("gate", "register")
    assert opened.aliases.current("loans", "challenger") == first.version
    now = tomllib.loads((root / LOCK).read_text())
    assert {**now, "run": None} == {**tomllib.loads(lock), "run": None}


def test_rows_in_another_order_change_nothing_that_is_learned(edited: Path) -> None:
    table = edited / "loans.csv"
    kept = table.read_bytes()
    table.write_bytes(kept + b"\n")  # an empty line: other bytes, the same rows
    try:
        ran = turn(edited).run().ran
    finally:
        table.write_bytes(kept)
    assert "ingest" in ran
    assert "clean" not in ran


def test_the_plan_says_which_rows_came_back_and_who_is_champion(tmp_path: Path) -> None:
    before, values = params_of(FILE, tmp_path), load(tmp_path).values
    for given, wanted in (
        ({"collected": "d" * 64}, {"ingest"}),
        ({"champion": 3}, {"gate"}),
        ({"day": "2026-01-01"}, set()),
        ({"networks": {"nets.build": "a1"}}, {"train"}),
    ):
        steps = standard_steps(values, name="loans", token="t", **given)  # type: ignore[arg-type]
        after = {step.name: json.dumps(dict(step.params), sort_keys=True) for step in steps}
        assert {step for step in STANDARD if before[step] != after[step]} == wanted, given


def test_a_check_of_freshness_runs_once_a_day(tmp_path: Path) -> None:
    text = FILE.replace("[clean]", '[data.checks]\nmax_age = "400d"\n[clean]')
    (tmp_path / "noria.toml").write_text(text)
    values = load(tmp_path).values
    days = [
        standard_steps(values, name="x", token="t", day=day)[1].params["day"] for day in ("2026-01-01", "2026-01-02")
    ]  # type: ignore[arg-type]
    assert days == ["2026-01-01", "2026-01-02"]


def test_a_networks_code_is_in_the_key_of_the_training_and_trusted_by_none(tmp_path: Path) -> None:
    text = FILE.replace('["logistic"]', '["logistic", { build = "nets_beside:build" }]')
    (tmp_path / "noria.toml").write_text(text)
    (tmp_path / "loans.csv").write_text("id,Inc,grade,email,bad\n1,2,A,a@example.org,yes\n")
    trained = []
    for width in (8, 16):
        (tmp_path / "nets_beside.py").write_text(f"def build(meta):\n    return {width}\n")
        workspace = Workspace(tmp_path)
        graph = graph_of(workspace.project, workspace.database, workspace.blobs, store=workspace.store)
        assert workspace.trusted == ()
        assert all(graph[name].params["trusted"] == {} for name in ("train", "evaluate", "gate", "register"))
        trained.append(graph["train"].params["networks"])
        workspace.close()
    assert list(trained[0]) == ["nets_beside.build"]
    assert trained[0] != trained[1]
