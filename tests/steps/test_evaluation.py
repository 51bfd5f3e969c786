"""What ``[evaluate]`` asks for, from the out-of-fold answers to the scorer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from lines import Line, people
from loans import Heard

from noria.errors import WrongData, WrongSetting
from noria.evaluation.evaluate import Evaluation
from noria.registry.catalog import Registry
from noria.registry.looks import looks_at
from noria.registry.verdicts import Verdicts
from noria.scoring.scorer import Scorer

CHEAP = {"threshold": {"cost": {"false_positive": 1.0, "false_negative": 6.0}}}


def test_training_gives_what_was_said_of_rows_out_of_fold(context: Heard) -> None:
    line = Line(context, people())
    said = line.train["oof"]
    assert said.column_names == ["row", "p0", "p1"]
    assert said["row"].to_pylist() == list(range(320))
    np.testing.assert_allclose(said["p0"].to_numpy() + said["p1"].to_numpy(), 1.0)


def test_rows_of_a_sample_are_counted_among_all_training_rows(context: Heard) -> None:
    line = Line(context, people(), model={"candidates": ["logistic"], "folds": 2, "trials": 1, "rows": 100})
    rows = line.train["oof"]["row"].to_pylist()
    assert len(rows) == len(set(rows)) == 100
    assert max(rows) > 250
    # The answers fit the rows they are said to be about: income tells.
    income = line.split["train"]["income"].to_numpy()[rows]
    assert np.corrcoef(income, line.train["oof"]["p1"].to_numpy())[0, 1] > 0.9


def test_the_threshold_decides_everywhere_the_same(context: Heard) -> None:
    line = Line(context, people(), positive="yes", evaluate=CHEAP)
    line.gate()
    found = Evaluation.from_json(line.evaluation)
    assert found.threshold is not None
    assert 0.0 < found.threshold.value < 0.4
    assert found.metrics["recall"].value is not None
    assert found.metrics["recall"].value > 0.85
    registry = Registry(context.database, context.blobs)
    version = registry.get("loans", line.register())
    assert version.signature["threshold"] == found.threshold.value
    test = line.split["test"].select(["income", "age"])
    planned, library = Scorer.load(registry, version), Scorer.load(registry, version, planned=False)
    assert (planned.engine, library.engine) == ("plan", "sklearn")
    wanted = None
    for scorer in (planned, library):
        table = scorer.score_table(test)
        called = np.where(table["p.yes"].to_numpy() >= found.threshold.value, "yes", "no").tolist()
        wanted = wanted or called
        assert table["prediction"].to_pylist() == called == wanted
        records = test.to_pylist()
        assert [answer.prediction for answer in scorer.score(records)] == called
        assert [scorer.score([record])[0].prediction for record in records] == called
    argmax = np.where(table["p.yes"].to_numpy() > 0.5, "yes", "no").tolist()
    assert wanted != argmax
    truth = line.split["test"]["bad"].to_numpy(zero_copy_only=False)
    hit = np.array(wanted) == "yes"
    assert found.metrics["recall"].value == pytest.approx(hit[truth == "yes"].mean())


def test_the_same_model_with_another_threshold_is_another_version(context: Heard) -> None:
    plain = Line(context, people(), positive="yes")
    assert not plain.gate({"metric": "recall", "min": 0.9})
    first = plain.register()
    plain.judge(CHEAP)
    assert plain.gate({"metric": "recall", "min": 0.9}), plain.notes
    second = plain.register()
    registry = Registry(context.database, context.blobs)
    one, other = registry.get("loans", first), registry.get("loans", second)
    assert one.model_digest == other.model_digest
    assert (one.number, other.number) == (1, 2)
    assert Scorer.load(registry, one).score([{"income": -0.3, "age": 0.0}])[0].prediction == "no"
    assert Scorer.load(registry, other).score([{"income": -0.3, "age": 0.0}])[0].prediction == "yes"
    judged = [Verdicts(context.database).of(each) for each in (one, other)]
    assert [None if found is None else found.passed for found in judged] == [False, True]


def test_a_threshold_needs_two_classes(context: Heard) -> None:
    table = people()
    three = pa.array(np.where(table["age"].to_numpy() > 0.5, "old", table["bad"].to_numpy(zero_copy_only=False)))
    with pytest.raises(WrongSetting, match="3 classes"):
        Line(context, table.set_column(2, "bad", three), evaluate=CHEAP)


def with_sex(n: int = 500) -> pa.Table:
    table = people(n)
    rng = np.random.default_rng(8)
    sex = np.where(rng.random(n) < 1 / (1 + np.exp(-1.5 * table["income"].to_numpy())), "m", "f")
    return table.append_column("sex", pa.array(sex))


def test_a_protected_column_need_not_be_a_feature(context: Heard) -> None:
    columns = {"sex": {"protected": True}}
    line = Line(context, with_sex(), positive="yes", columns=columns)
    assert "sex" not in line.split["about"]["features"]
    found = Evaluation.from_json(line.evaluation)
    assert [each.column for each in found.fairness] == ["sex"]
    assert found.fairness[0].parity_ratio.value is not None
    assert "sex: selection rates differ beyond four fifths" in line.notes
    assert not line.gate({"metric": "parity_ratio", "min": 0.8, "by": "sex"})
    assert line.gate({"metric": "equalised_odds_gap", "max": 0.99, "by": "sex"}), line.notes


def test_no_value_of_a_personal_column_is_shown(context: Heard) -> None:
    columns = {"sex": {"pii": "sensitive", "use": True}}
    table = with_sex()
    told = pa.array([f"secretive-{value}" for value in table["sex"].to_pylist()])
    line = Line(
        context, table.set_column(3, "sex", told), positive="yes", columns=columns, evaluate={"protected": ["sex"]}
    )  # fmt: skip
    assert "sex" in line.split["about"]["features"]
    found = Evaluation.from_json(line.evaluation)
    assert [group.label for group in found.fairness[0].groups] == ["group 1", "group 2"]
    assert all(one.column != "sex" for one in found.slices["roc_auc"])
    line.gate({"metric": "parity_ratio", "min": 0.8})
    registry = Registry(context.database, context.blobs)
    version = registry.get("loans", line.register())
    assert "secretive" not in line.notes
    for name in ("report.html", "report.md", "evaluation.json"):
        assert b"secretive" not in registry.file(version, name)


def test_a_protected_column_that_is_nowhere_is_told(context: Heard) -> None:
    with pytest.raises(WrongSetting, match="did you mean 'income'"):
        Line(context, people(), evaluate={"protected": ["incom"]})


def test_a_version_serves_the_sets_it_was_judged_with(context: Heard) -> None:
    line = Line(context, people(), positive="yes", evaluate={"conformal": {"level": 0.9}})
    found = Evaluation.from_json(line.evaluation)
    assert found.conformal is not None
    assert found.conformal.n == 320
    assert found.conformal.test is not None
    assert found.conformal.test.share.high is not None
    assert found.conformal.test.share.high > 0.9
    assert "of the locked rows had the truth inside, 90% wanted" in line.notes
    line.gate()
    registry = Registry(context.database, context.blobs)
    version = registry.get("loans", line.register())
    assert version.signature["version"] == 1  # who does not know of sets answers as before
    scorer = Scorer.load(registry, version)
    test = line.split["test"].select(["income", "age"])
    answered = scorer.answer_table(scorer.signature.check_table(test), region=True)
    checked = scorer.signature.check(test.to_pylist())
    regions = scorer.regions(checked, scorer.answer(checked))
    assert answered["set"].to_pylist() == [list(each.classes or ()) for each in regions]
    truth = line.split["test"]["bad"].to_pylist()
    held = np.mean([label in (each.classes or ()) for label, each in zip(truth, regions, strict=True)])
    assert held == pytest.approx(found.conformal.test.share.value)
    assert {len(each.classes or ()) for each in regions} == {1, 2}


def test_intervals_by_group(context: Heard) -> None:
    rng = np.random.default_rng(2)
    kind = rng.choice(["wild", "calm"], 600)
    x = rng.normal(size=600)
    price = 3 * x + rng.normal(size=600) * np.where(kind == "wild", 4.0, 0.5)
    table = pa.table({"x": x, "kind": kind, "price": price})
    model = {"candidates": ["ridge"], "folds": 3, "trials": 1}
    line = Line(
        context, table, target="price", task="regression", model=model,
        evaluate={"conformal": {"level": 0.8, "by": "kind"}},
    )  # fmt: skip
    assert line.train["oof"].column_names == ["row", "value"]
    line.gate()
    registry = Registry(context.database, context.blobs)
    scorer = Scorer.load(registry, registry.get("loans", line.register()))
    rows = [{"x": 0.0, "kind": "wild"}, {"x": 0.0, "kind": "calm"}]
    checked = scorer.signature.check(rows)
    wide, narrow = scorer.regions(checked, scorer.answer(checked))
    assert None not in (wide.low, wide.high, narrow.low, narrow.high)
    assert (wide.high or 0) - (wide.low or 0) > 3 * ((narrow.high or 0) - (narrow.low or 0))
    table = scorer.answer_table(scorer.signature.check_table(pa.Table.from_pylist(rows)), region=True)
    assert table["low"].to_pylist() == pytest.approx([wide.low, narrow.low])
    with pytest.raises(WrongSetting, match="is of type float"):
        line.judge({"conformal": {"by": "x"}})


def test_a_version_without_intervals_says_so(context: Heard) -> None:
    line = Line(context, people(), positive="yes")
    line.gate()
    registry = Registry(context.database, context.blobs)
    scorer = Scorer.load(registry, registry.get("loans", line.register()))
    checked = scorer.signature.check([{"income": 0.0, "age": 0.0}])
    with pytest.raises(WrongData, match="has no intervals and sets"):
        scorer.regions(checked, scorer.answer(checked))


def test_looks_at_the_same_test_rows_are_counted(context: Heard) -> None:
    line = Line(context, people(), positive="yes")
    line.gate()
    registry = Registry(context.database, context.blobs)
    digest = line.split["about"]["test_digest"]
    for look in range(12):
        line.judge({"threshold": {"recall": 0.5 + look / 40}})
        line.gate()
        number = line.register()
        assert looks_at(registry, "loans", digest).versions == tuple(range(1, look + 2))
        page = registry.file(registry.get("loans", number), "report.md").decode()
        assert ("have judged" in page) == (look >= 1)
        assert ("by chance alone" in page) == (look >= 10)
    assert "versions before it were judged on the same test rows" in line.notes
    # The same version once more is no further look, and other rows begin anew.
    line.register()
    assert len(looks_at(registry, "loans", digest).versions) == 12
    assert looks_at(registry, "loans", digest, number=5).versions == (1, 2, 3, 4, 5)
    other = Line(context, people(420), positive="yes")
    other.gate()
    other.register()
    assert looks_at(registry, "loans", other.split["about"]["test_digest"]).versions == (13,)


@pytest.mark.parametrize("named", [True, False])
def test_a_protected_column_of_times_is_refused(context: Heard, named: bool) -> None:
    born = pa.array(range(0, 400 * 86_400_000_000, 86_400_000_000), pa.timestamp("us"))
    table = people().append_column("born", born)
    columns = {"born": {"protected": True}}
    with pytest.raises(WrongSetting, match="'born' holds times"):
        Line(context, table, columns=columns, evaluate={"protected": ["born"]} if named else {})
    # Where no decision between classes is judged, the mark only keeps the column out of the model.
    values = Line(context, table.drop_columns(["bad"]), target="income", task="regression", columns=columns,
                  model={"candidates": ["ridge"], "folds": 2, "trials": 1})  # fmt: skip
    assert "born" not in values.split["about"]["features"]
    assert values.evaluation["fairness"] == []


def test_of_three_classes_each_is_judged_by_group(context: Heard) -> None:
    table = with_sex()
    told = np.where(table["age"].to_numpy() > 0.5, "old", table["bad"].to_numpy(zero_copy_only=False))
    line = Line(context, table.set_column(2, "bad", pa.array(told)), evaluate={"protected": ["sex"]},
                columns={"sex": {"use": False}})  # fmt: skip
    found = Evaluation.from_json(line.evaluation)
    assert [each.name for each in found.fairness] == ["sex, no", "sex, old", "sex, yes"]
    assert "sex, yes: selection rates differ beyond four fifths" in line.notes
    assert not line.gate({"metric": "parity_ratio", "min": 0.8})
    assert "parity_ratio >= 0.8 failed" in line.notes


def test_the_selection_tells_how_much_its_folds_judged(context: Heard) -> None:
    twice = Line(context, people(), model={"candidates": ["logistic"], "folds": 2, "trials": 1, "repeats": 2})
    selection = twice.train["selection"]
    assert selection["test_share"] == pytest.approx(1.0)  # two folds, however often they are drawn
    assert len(selection["winner"]["scores"]) == 4
