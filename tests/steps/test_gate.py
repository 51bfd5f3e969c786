"""The last steps: who is compared with whom on which rows, and what becomes of a version."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest
from lines import Line, people
from loans import FILE, Heard, start, turn

from noria.datasets.marks import COLLECTED, RECENT
from noria.evaluation.judged import Prediction
from noria.evaluation.metrics import error_for
from noria.monitoring import drift
from noria.monitoring.reference import Reference, reference_from_json
from noria.monitoring.watch import read_reference
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.verdicts import Verdicts
from noria.scoring.scorer import Scorer
from noria.steps.matrix import of_group

FOREST = {"candidates": ["random_forest"], "folds": 2, "trials": 1}
AGAINST = {"metric": "roc_auc", "against": "champion", "margin": 0.05}


def test_without_a_champion_every_comparison_passes(context: Heard) -> None:
    line = Line(context, people())
    assert line.gate(AGAINST)
    assert "there is no champion yet" in line.notes
    verdicts = Verdicts(context.database).latest("loans", line.gates["model_digest"])
    assert verdicts is not None
    assert [verdict["passed"] for verdict in verdicts.verdicts] == [True]


def test_what_passed_becomes_the_challenger_and_what_failed_does_not(context: Heard) -> None:
    line = Line(context, people())
    assert not line.gate({"metric": "roc_auc", "min": 0.999})
    assert line.register() == 1
    assert Aliases(context.database).all("loans") == {}
    assert line.gate({"metric": "roc_auc", "min": 0.5})
    number = line.register()
    assert Aliases(context.database).current("loans", "challenger") == number


@pytest.mark.parametrize(
    ("collected", "said"),
    [
        (0, "80 rows)"),
        (40, "on all test rows: only 8 of them came back from production"),
        (360, "on held-out rows that came back from production"),
    ],
)
def test_the_champion_is_compared_on_recent_rows_where_they_suffice(collected: int, said: str, context: Heard) -> None:
    line = Line(context, people(collected=collected))
    line.gate()
    number = line.register()
    assert line.gate(AGAINST, champion=number)
    assert "equivalent to loans@1" in line.notes
    assert said in line.notes


def test_rows_that_the_champion_learned_from_do_not_decide(context: Heard) -> None:
    table = people(1400, collected=900)
    first = Line(context, pa.concat_tables([table.slice(0, 500), table.slice(500, 450)]), model=FOREST)
    first.gate()
    number = first.register()
    # The split is drawn anew over what has come in since: of the test rows many are in the champion's forest.
    second = Line(context, table, model=FOREST)
    assert second.gate({**AGAINST, "margin": 0.1}, champion=number), second.notes
    assert "that the champion trained on are left out" in second.notes


def test_a_champion_that_learned_from_nearly_all_test_rows_is_said_to(context: Heard) -> None:
    first = Line(context, people())
    first.gate()
    number = first.register()
    first.split = {**first.split, "test": first.split["train"]}
    first.gate(AGAINST, champion=number)
    assert "the champion trained on 320 of them, which flatters it" in first.notes


def test_a_row_without_a_group_is_a_group_of_its_own(context: Heard) -> None:
    shops = [None if row % 4 == 0 else row // 3 for row in range(400)]
    line = Line(context, people().append_column("shop", pa.array(shops)), group="shop")
    assert line.gate(AGAINST)
    of_row = of_group(line.split["train"], "shop")
    assert of_row is not None
    missing = line.split["train"]["shop"].null_count
    assert len(set(of_row)) == missing + len(set(line.split["train"]["shop"].drop_null().to_pylist()))


@pytest.mark.parametrize("positive", [False, 0, "false"])
def test_the_positive_class_is_the_same_one_everywhere(positive: object, context: Heard) -> None:
    table = people()
    yes = pa.array([value == "yes" for value in table["bad"].to_pylist()])
    line = Line(context, table.set_column(2, "bad", yes), positive=positive)
    assert line.gate({"metric": "roc_auc", "min": 0.5})
    registry = Registry(context.database, context.blobs)
    version = registry.get("loans", line.register())
    known = read_reference(registry.file(version, "reference.json"))
    scorer = Scorer.load(registry, version)
    test = line.split["test"]
    answered = scorer.score_table(test.select(["income", "age"]))
    assert known.positive == "False"
    assert known.prediction is not None
    assert answered["score"].to_pylist() == answered["p.False"].to_pylist()
    assert known.prediction.low == pytest.approx(min(answered["score"].to_pylist()))
    truth, proba = np.array([True, False, True]), np.array([[0.1, 0.9], [0.2, 0.8], [0.4, 0.6]])
    error = error_for("recall", positive=cast("bool", positive))
    assert error(truth, Prediction(np.array([True, True, True]), proba, (False, True))) == 1.0


def test_clusterings_are_compared_in_one_space(context: Heard) -> None:
    line = Line(context, people().drop_columns(["bad"]), target=None)
    line.gate({"metric": "silhouette", "min": -1.0})
    number = line.register()
    rule = {"metric": "silhouette", "against": "champion"}
    assert line.gate(rule, champion=number)
    assert "not worse than champion passed" in line.notes


def shifted(n: int, new: int) -> pa.Table:
    """Old customers, and new ones with a higher income and another threshold."""
    rng = np.random.default_rng(4)
    recent = np.arange(n) >= n - new
    income = rng.normal(size=n) + 2 * recent
    answer = np.where(income - 2 * recent + rng.normal(size=n) > 0, "yes", "no")
    marks = {COLLECTED: recent, RECENT: recent}
    return pa.table({"income": income, "age": rng.normal(size=n), "bad": answer, **marks})


def referred(line: Line) -> Reference:
    version = Registry(line.context.database, line.context.blobs).get("loans", line.register())
    data = Registry(line.context.database, line.context.blobs).file(version, "reference.json")
    return reference_from_json(json.loads(data))


def test_after_a_shift_the_monitor_compares_with_the_new_time(context: Heard) -> None:
    line = Line(context, shifted(1200, 600))
    line.gate()
    reference = referred(line)
    assert reference.features["income"].rows == 600
    assert reference.metrics["roc_auc"].rows == line.split["about"]["collected_test_rows"] == 120
    assert "the 120 locked rows that came in since the alert" in line.notes
    rng = np.random.default_rng(9)

    def judged(shift: float) -> bool:
        rows = pa.table({"x.income": rng.normal(size=400) + shift, "x.age": rng.normal(size=400), "score": [0.5] * 400})
        found = drift.judge(reference, reference.count(rows))
        return any(one.name == "income" for one in found.flagged)

    assert not judged(2)  # the new customers go on as they came
    assert judged(0)


def test_too_few_rows_of_a_new_time_say_nothing_by_themselves(context: Heard) -> None:
    line = Line(context, shifted(400, 40))
    line.gate()
    reference = referred(line)
    assert reference.features["income"].rows == 400
    assert reference.metrics["roc_auc"].rows == 80


OWN = """\
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from weights import SLOPE


class Line(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.middle_ = float(np.median(np.asarray(X)[:, 0]))
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-SLOPE * (np.asarray(X)[:, 0] - self.middle_)))
        return np.column_stack([p, 1 - p])[:, ::-1 if self.classes_[0] == "yes" else 1]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
"""


def test_an_estimator_beside_the_project_file_reaches_every_step(tmp_path: Path) -> None:
    text = FILE.replace('["logistic"]', '[{ class = "shop:Line" }]').replace(
        "min = 0.5", 'min = 0.0\n[[gates]]\nmetric = "roc_auc"\nagainst = "champion"'
    )
    root = start(tmp_path / "own", text)
    (root / "shop.py").write_text(OWN)
    (root / "weights.py").write_text("SLOPE = 1.0\n")
    first = turn(root).run()
    assert first.ok, first.error
    again = turn(root)
    assert again.run().nothing_to_do
    Aliases(again.database).move("loans", "champion", 1, actor="a test", reason="it is there", at=datetime.now(UTC))
    judged = turn(root).run()
    assert judged.ok, judged.error
    assert judged.ran == ("gate",)
    # A module that the estimator imports is part of it.
    (root / "weights.py").write_text("SLOPE = 9.0\n")
    changed = turn(root).run()
    assert changed.ok, changed.error
    assert changed.cached == ("ingest", "check", "clean", "split")
    assert set(changed.ran) == {"train", "evaluate", "gate", "register"}
    assert Registry(again.database, again.blobs).get("loans", 1).family == "Line"
    # Scored in bulk in a process of its own, from a file with the names of the source.
    command = [sys.executable, "-m", "noria", "predict", str(root / "loans.csv"), "--model", "1"]
    scored = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert scored.returncode == 0, scored.stderr
    assert scored.stdout.startswith("id,prediction,score,p.no,p.yes")


def test_an_estimator_that_is_nowhere_is_told(tmp_path: Path) -> None:
    root = start(tmp_path / "own", FILE.replace('["logistic"]', '[{ class = "nowhere:Line" }]'))
    failed = turn(root).run()
    assert failed.error is not None
    assert failed.error.code == "N-TRAIN-011"
    assert "beside noria.toml" in failed.error.mend
