"""Preparation through the whole pipeline: chosen, left out, balanced, of one's own; it ends in a model that answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from loans import FILE, Heard, start, turn

from noria.cli.data import data
from noria.cli.plan import plan
from noria.errors import WrongSetting
from noria.preparation.choosing import Chosen, choose
from noria.preparation.recipe import preparation
from noria.scoring.scorer import Scorer
from noria.sources.source import read
from noria.steps.rehearsal import rehearse
from noria.steps.split import split
from noria.steps.train import train
from noria.steps.turn import TurnResult
from noria.training.folds import Fold, folds
from noria.workspace import Workspace

OWN = '''
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Roots(TransformerMixin, BaseEstimator):
    """Square roots of what lies above the least value of training."""

    def __init__(self, power=0.5):
        self.power = power

    def fit(self, X, y=None):
        values = np.asarray(X, dtype=float)
        self.n_features_in_ = values.shape[1]
        self.least_ = np.nanmin(values, axis=0)
        return self

    def transform(self, X):
        return np.maximum(np.asarray(X, dtype=float) - self.least_, 0) ** self.power
'''


def rare(n: int = 600) -> str:
    """A table in which one in ten is bad, with missing values, texts and a stray."""
    rng = np.random.default_rng(3)
    income = rng.lognormal(3, 0.5, n)
    bad = np.where(rng.random(n) < 0.25 / (1 + np.exp((income - 18) / 4)), "yes", "no")
    age = rng.normal(40, 9, n).round(1)
    lines = [
        f"{i},{'' if i % 9 == 0 else f'{income[i]:.2f}'},{'x' if i % 3 else 'y'},{1e6 if i == 7 else age[i]},"
        f"paid {('late', 'well', 'never')[i % 3]} on day {i % 40},{bad[i]}"
        for i in range(n)
    ]
    return "\n".join(["id,Inc,grade,age,note,bad", *lines, ""])


def project(root: Path, prepare: str, *, more: str = "", model: str = "") -> Path:
    text = FILE.replace('numeric = ["impute:median", "scale:standard"]', prepare).replace("email = { pii = true }", "")
    text = text.replace("[split]", f"{more}\n[split]").replace("folds = 2", f"folds = 2\n{model}")
    text = text.replace("min = 0.5", "min = 0.0")
    return start(root, text, rare())


def run(root: Path) -> tuple[TurnResult, list[str]]:
    said: list[str] = []
    done = turn(root).run(on_event=lambda event: said.append(str(event.text)) if event.kind == "note" else None)
    assert done.ok, done.error
    return done, said


def scorer(root: Path) -> Scorer:
    opened = Workspace(root)
    return Scorer.load(opened.registry, opened.registry.get("loans", "latest"), trusted=opened.trusted)


RENAMED = ["id", "income", "grade", "age", "note", "bad"]
ROW = {"income": 12.0, "grade": "x", "age": 41.0, "note": "paid late on day 3"}


def test_auto_is_told_before_during_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path / "p", 'numeric = "auto"\ncategory = "auto"')
    _, said = run(root)
    assert any(line.startswith("age (linear): impute:median, outliers:iqr=3,clip, scale:standard - ") for line in said)
    assert any(line.startswith("income (tree): as it is - ") for line in said)
    opened = Workspace(root)
    version = opened.registry.get("loans", "latest")
    selection = json.loads(opened.registry.file(version, "selection.json"))
    assert {one["column"] for one in selection["preparation"]} == {"income", "grade", "age", "note"}
    assert "rules were chosen from the training rows" in opened.registry.file(version, "report.html").decode()
    monkeypatch.chdir(root)
    shown = CliRunner().invoke(plan, [], catch_exceptions=False).output
    assert "auto chooses" in shown
    assert "outliers:iqr=3,clip" in shown
    assert 0 < scorer(root).score([ROW])[0].probabilities["yes"] < 1  # type: ignore[index]


def test_auto_chooses_by_the_rows_a_fold_learns_from_and_by_no_others(
    context: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What judges a candidate, and what is locked away, has no say in the rules that the candidate is given."""
    days, n = 86_400_000_000, 300
    rng = np.random.default_rng(4)
    age = rng.normal(40, 4, n).clip(32, 48)
    age[150:225:5] = 900.0  # only rows that judge, and that the last fit learns from, are far out
    table = pa.table(
        {
            "when": pa.array(range(0, n * days, days), pa.timestamp("us")), "age": age,
            "name": [f"n{k}" if k >= 225 else f"n{k % 5}" for k in range(n)], "bad": ["yes", "no"] * (n // 2),
        }
    )  # fmt: skip
    asked: list[pd.DataFrame] = []
    given: list[Chosen] = []
    cut: list[Fold] = []

    def choosing(rows: pd.DataFrame, *args: Any, **more: Any) -> Chosen:
        asked.append(rows)
        return choose(rows, *args, **more)

    def preparing(columns: Any, recipe: Any, **more: Any) -> object:
        given.append(recipe)
        return preparation(columns, recipe, **more)

    def cutting(*args: Any, **more: Any) -> list[Fold]:
        cut.extend(folds(*args, **more))
        return cut

    monkeypatch.setattr("noria.steps.fitting.folds", cutting)
    data = {"source": "people.csv", "target": "bad", "time": "when", "columns": {"name": {"use": True}}}
    out = split(table, context, data=data, settings={"method": "time", "test": 0.25}, task=None)
    monkeypatch.setattr("noria.steps.fitting.choose", choosing)
    monkeypatch.setattr("noria.steps.fitting.preparation", preparing)
    train(out, context, data=data, prepare={"numeric": "auto", "category": "auto"},
          model={"candidates": ["logistic"], "folds": 2, "trials": 1, "diagnose": "never"})  # fmt: skip
    each = [rows.index.tolist() for rows in asked]
    told, rest = each[:3], each[3:]  # for the three kinds of families, from all rows there are to learn from
    assert told == [list(range(225))] * 3
    in_turn = [rows.tolist() for rows, _ in cut]
    assert rest == [*in_turn, *in_turn, list(range(225))]  # the baseline, the candidate, the final fit
    rules = [{one.column: one.rules for one in recipe.choices} for recipe in given[-3:]]
    assert rules[0]["age"] == ("impute:median", "scale:standard")
    assert rules[2]["age"] == ("impute:median", "outliers:iqr=3,clip", "scale:standard")
    # Of the locked rows nothing is seen: each of them has a name of its own.
    assert rules[2]["name"] == ("impute:constant", "onehot:rare=0.01")
    assert max(rows["name"].nunique() for rows in asked) == 5


def test_a_transformer_of_ones_own_is_fitted_saved_and_asked(tmp_path: Path) -> None:
    root = tmp_path / "p"
    project(root, 'income = ["impute:median", { class = "mine_prep:Roots", args = { power = 0.4 } }, "scale:standard"]')
    (root / "mine_prep.py").write_text(OWN)
    rehearse(Workspace(root).project, read("loans.csv", root=root).rename_columns(RENAMED))  # runs none of its code
    assert "mine_prep" not in sys.modules
    run(root)
    asked = scorer(root)
    assert asked.engine != "plan"
    assert "Roots" in asked.reason
    assert 0 < asked.score([ROW])[0].probabilities["yes"] < 1  # type: ignore[index]
    # Its code is in the key: changed, the model is trained anew.
    (root / "mine_prep.py").write_text(OWN.replace("self.power\n", "self.power * 1\n"))
    _, planned = turn(root).plan()
    assert {one.step for one in planned if one.state == "run"} >= {"train"}


def test_a_text_that_is_read_word_by_word_may_be_any(tmp_path: Path) -> None:
    root = project(tmp_path / "p", 'note = ["tfidf:max=20"]\ngrade = ["hash:buckets=4"]')
    run(root)
    asked = scorer(root)
    assert asked.engine == "plan"
    answers = asked.score([ROW, {**ROW, "note": "never heard of", "grade": "new"}])
    assert len(answers) == 2


def test_rows_are_left_out_and_classes_balanced_in_training_alone(tmp_path: Path) -> None:
    root = project(
        tmp_path / "p",
        'income = ["impute:drop_rows", "log", "scale:standard"]\nage = ["outliers:zscore=5,drop", "impute:median"]',
        model='balance = "class_weight"',
    )
    done, _ = run(root)
    opened = Workspace(root)
    version = opened.registry.get("loans", "latest")
    meta = json.loads(opened.registry.files(version)["meta.json"])
    assert len(meta["ratios"]) == 2
    asked = scorer(root)
    assert asked.engine == "plan"
    rows = [{**ROW, "income": float(income)} for income in np.random.default_rng(1).lognormal(3, 0.5, 300)]
    mean = np.mean([one.probabilities["yes"] for one in asked.score(rows)])  # type: ignore[index]
    assert mean < 0.3  # one in ten is bad, and a balanced model alone would say one in two
    assert done.metrics["roc_auc"]["value"] is not None


def test_a_validation_part_judges_instead_of_folds(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "", more="")
    text = (root / "noria.toml").read_text().replace("test = 0.25", "test = 0.25\nvalid = 0.15")
    (root / "noria.toml").write_text(text)
    done, _ = run(root)
    winner = next(one for one in done.selection if one["family"] == "logistic")
    assert len(winner["scores"]) == 1  # type: ignore[arg-type]


def test_the_rows_that_are_held_back_are_recorded(tmp_path: Path) -> None:
    root = project(tmp_path / "p", "")
    run(root)
    lock = (root / "noria.lock").read_text()
    digest = next(line for line in lock.splitlines() if line.startswith("test_digest"))
    (root / "noria.toml").write_text((root / "noria.toml").read_text().replace("trials = 1", "trials = 2"))
    run(root)
    assert digest in (root / "noria.lock").read_text()
    (root / "noria.toml").write_text((root / "noria.toml").read_text().replace("test = 0.25", "test = 0.25\nseed = 8"))
    run(root)
    assert digest not in (root / "noria.lock").read_text()


def test_a_clustering_keeps_every_row(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "loans"\n[data]\nsource = "loans.csv"\nkey = ["id"]\n[model]\ntask = "clustering"\n'
        'candidates = ["kmeans"]\ntrials = 1\n[prepare]\nage = ["impute:drop_rows"]\n'
    )
    root = start(tmp_path / "p", text, rare())
    done = turn(root).run()
    assert isinstance(done.error, WrongSetting)
    assert "learns from every row" in done.error.what


def sensor(n: int = 400) -> str:
    rng = np.random.default_rng(2)
    load = np.cumsum(rng.normal(size=n)).round(3)
    lines = [
        f"{i},2026-01-{1 + i // 24:02d}T{i % 24:02d}:00:00,{'a' if i % 2 else 'b'},{'' if i % 11 == 0 else load[i]},"
        f"{load[i - 2] if i > 1 else 0:.3f}"
        for i in range(n)
    ]
    return "\n".join(["id,at,pump,load,next", *lines, ""])


def test_history_is_learned_from_and_given_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        '[project]\nname = "pumps"\n[data]\nsource = "loans.csv"\ntarget = "next"\nkey = ["id"]\ntime = "at"\n'
        '[history]\nby = "pump"\nload = ["forward", "lag:1", "mean:1d"]\nnext = ["lag:1"]\n'
        '[split]\nmethod = "time"\ntest = 0.2\n[model]\ncandidates = ["ridge"]\ntrials = 1\nfolds = 2\n'
    )
    root = start(tmp_path / "p", text, sensor(700))
    said: list[str] = []
    done = turn(root).run(on_event=lambda event: said.append(str(event.text)) if event.kind == "note" else None)
    assert done.ok, done.error
    assert any("filled in from earlier rows" in line for line in said)
    opened = Workspace(root)
    signature = opened.registry.get("pumps", "latest").signature
    assert {"load", "load_lag_1", "load_mean_1d", "next_lag_1"} <= {one["name"] for one in signature["columns"]}  # type: ignore[index,union-attr]
    monkeypatch.chdir(root)
    (root / "new.csv").write_text("id,at,pump,load\n900,2026-02-01T00:00:00,a,\n")
    result = CliRunner().invoke(data, ["history", "new.csv", "-o", "ready.csv"], catch_exceptions=False)
    assert "wrote 1 rows" in result.stderr
    header, row = (root / "ready.csv").read_text().splitlines()
    made = dict(zip(header.replace('"', "").split(","), row.split(","), strict=True))
    assert made["load"] == made["load_lag_1"] != ""  # the last known value is carried on


@pytest.mark.parametrize(
    ("data", "says"),
    [("", "needs an order of the rows"), ('time = "at"', "rows are split by time")],
)
def test_history_that_cannot_be_is_refused(tmp_path: Path, data: str, says: str) -> None:
    text = (
        f'[project]\nname = "pumps"\n[data]\nsource = "loans.csv"\ntarget = "next"\n{data}\n[history]\n'
        'next = ["lag:1"]\n[model]\ntask = "regression"\n'
    )
    root = start(tmp_path / "p", text, sensor())
    with pytest.raises(WrongSetting) as caught:
        _ = Workspace(root).project
    assert says in caught.value.what


def test_a_column_that_is_renamed_and_not_stored(tmp_path: Path) -> None:
    text = FILE.replace('Inc = "income"', 'Inc = "income", email = "mail"').replace(
        "email = { pii = true }", 'mail = { pii = true, store = "drop" }'
    )
    done = turn(start(tmp_path / "p", text)).run()
    assert done.ok, done.error
    assert "mail" not in Workspace(tmp_path / "p").datasets.get("loans").schema.names
