"""Each class against all others: the figures of scikit-learn, with intervals that hold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support

from noria.errors import WrongSetting
from noria.evaluation.classes import OfClass, class_named, of_classes, weakest
from noria.evaluation.evaluate import Evaluation, evaluate
from noria.evaluation.judged import Judged, Prediction, judged


def rows(truth: object, said: object) -> Judged:
    return judged("classification", np.asarray(truth), Prediction(np.asarray(said)))


def of_text(text: str) -> dict[object, OfClass]:
    """Judge rows written as truth and answer, ``ab`` for an a that is taken for b."""
    pairs = text.split()
    return {each.label: each for each in of_classes(rows([pair[0] for pair in pairs], [pair[1] for pair in pairs]))}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=60))
def test_they_are_those_of_scikit_learn_and_lie_in_their_intervals(pairs: list[tuple[str, str]]) -> None:
    truth, said = zip(*pairs, strict=True)
    found = of_classes(rows(truth, said))
    names = [each.label for each in found]
    precision, recall, f1, support = precision_recall_fscore_support(truth, said, labels=names, zero_division=0)
    assert [each.n for each in found] == support.tolist()
    for place, each in enumerate(found):
        assert (each.precision.value or 0) == pytest.approx(precision[place])
        assert (each.recall.value or 0) == pytest.approx(recall[place])
        assert (each.f1.value or 0) == pytest.approx(f1[place])
        for one in (each.recall, each.precision, each.f1):
            if one.value is not None and one.low is not None and one.high is not None:
                assert one.low <= one.value + 1e-12
                assert one.value - 1e-12 <= one.high


def test_shares_have_wilson_s_interval() -> None:
    found = of_text("aa aa aa ab ab bb bb ba ca")["a"]
    for estimate, hits, n in ((found.recall, 3, 5), (found.precision, 3, 5)):
        expected = binomtest(hits, n).proportion_ci(method="wilson")
        assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_what_is_always_right_is_not_sure_of_itself() -> None:
    found = of_text("aa aa aa bb bc cb")["a"]
    assert found.f1.value == found.recall.value == 1
    assert found.f1.low is not None
    assert found.f1.low < 0.7


@pytest.mark.parametrize("share", [0.06, 0.3])
def test_the_interval_of_f1_holds_the_truth_as_often_as_it_says(share: float) -> None:
    rng = np.random.default_rng(7)
    called = np.array([[0.8, 0.2], [0.1, 0.9]])  # of a row of the class, and of another
    found = share * called[0, 0]
    true_f1 = 2 * found / (share + found + (1 - share) * called[1, 0])
    inside = 0
    for _ in range(400):
        is_one = rng.random(300) < share
        says_one = rng.random(300) < np.where(is_one, called[0, 0], called[1, 0])
        f1 = of_classes(rows(np.where(is_one, "a", "b"), np.where(says_one, "a", "b")))[0].f1
        assert f1.low is not None
        assert f1.high is not None
        inside += f1.low <= true_f1 <= f1.high
    assert 0.92 <= inside / 400 <= 0.985


def test_rows_that_depend_on_each_other_are_worth_less() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 10)
    truth = rng.choice(["a", "b", "c"], 400)
    lucky = np.repeat(rng.random(40) < 0.7, 10)
    said = np.where(lucky, truth, "c")
    alone, together = of_classes(rows(truth, said)), of_classes(rows(truth, said), groups)
    for one, other in zip(alone, together, strict=True):
        assert one.recall.value == other.recall.value
    a, b = alone[0].recall, together[0].recall
    assert a.low is not None
    assert b.low is not None
    assert b.low < a.low


def test_a_class_that_nobody_is_of_or_that_nobody_is_called() -> None:
    found = of_text("aa ab ba ca")
    assert found["c"].called == 0
    assert (found["c"].precision.value, found["c"].precision.low) == (0, None)
    assert found["c"].recall.value == 0
    missing = evaluate(
        "classification", ["a", "b", "a"], Prediction(np.array(["a", "b", "b"])), classes=("a", "b", "z"), resamples=20,
        metric="accuracy",
    ).of_classes[2]  # fmt: skip
    assert (missing.n, missing.called) == (0, 0)
    assert missing.recall.value is missing.precision.value is missing.f1.value is None


def test_the_weakest_of_several_is_named_where_there_is_one() -> None:
    found = weakest(tuple(of_text("aa aa bb bc cc cc cb").values()))
    assert found is not None
    assert found.label == "b"
    assert weakest(tuple(of_text("aa ab bb").values())) is None
    assert weakest(tuple(of_text("aa bb cc").values())) is None
    assert weakest(()) is None
    nobody = judged("classification", ["a", "b", "b"], Prediction(np.array(["a", "b", "c"])), classes=("a", "b", "c"))
    named = weakest(of_classes(nobody))
    assert named is not None
    assert named.label == "b"  # c has no row that could have been found


def test_they_are_kept_with_the_evaluation() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 90)
    found = evaluate("classification", truth, Prediction(rng.permutation(truth)), resamples=20, metric="accuracy")
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.of_classes == found.of_classes
    older = {name: each for name, each in found.to_json().items() if name != "of_classes"}
    assert Evaluation.from_json(older).of_classes == ()


def test_a_class_is_found_by_its_text_and_a_wrong_one_is_told() -> None:
    assert class_named("2", [1, 2, 3]) == class_named(2, [1, 2, 3]) == 1
    with pytest.raises(WrongSetting, match=r"class 7, which is not among the classes '100', .* and 80 more"):
        class_named(7, range(100, 200))
    with pytest.raises(
        WrongSetting, match=r"class 'setsa', which is not among the classes 'setosa', 'virginica'; did you mean"
    ):
        class_named("setsa", ["setosa", "virginica"])
