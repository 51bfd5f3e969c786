"""Reports: complete, self-contained, and deaf to what users' texts try."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from noria.evaluation import report
from noria.evaluation.drawings import candidates, drawings
from noria.evaluation.evaluate import evaluate
from noria.evaluation.judged import Prediction

VOID = {"meta", "br", "img", "link"}


class Balanced(HTMLParser):
    """Holds that every element is closed, and collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_the_page_is_balanced_inert_and_self_contained(facts: dict[str, object]) -> None:
    page = report.html(facts)
    found = parsed(page)
    assert not found.seen & {"script", "img", "link", "iframe", "object"}
    assert not {name for name in found.attributes if name.startswith("on") or name in ("style", "src", "href")}
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "url(" not in page
    assert "nan" not in re.sub(r"<[^>]*>", " ", page).lower().split()


def test_the_page_says_everything(facts: dict[str, object]) -> None:
    page = report.html(facts)
    for expected in (
        "credit-risk@3", "run abc", "code 0123456789 with uncommitted changes", "3 of 4", "ROC AUC", "credit@4",
        "roc_auc &gt;= 0.99", "Weakest slices", "Confusion matrix", "Calibration", "logistic", "chosen", "failed: ",
        "stratified", "Environment", "libraries.numpy",
    ):  # fmt: skip
        assert expected in page, expected
    assert page.count("<svg") == len(drawings(facts["evaluation"])) + 1


def test_markdown_says_the_same_without_drawings(facts: dict[str, object]) -> None:
    text = report.markdown(facts)
    assert text.startswith("# credit-risk@3\n")
    for expected in ("## Gates", "❌ failed", "✅ passed", "**ROC AUC**", "## Weakest slices", "Confusion", "- C: 0.1"):
        assert expected in text, expected
    assert "<svg" not in text
    assert "<img" not in text
    assert "@team" not in text.replace("@\u200bteam", "")
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_an_evaluation_alone_is_enough() -> None:
    y = np.arange(60.0)
    found = evaluate("regression", y, Prediction(y + np.sin(y)), resamples=30)
    page = report.html({"evaluation": found.to_json()})
    parsed(page)
    assert "Residuals" in page
    assert "## Metrics" in report.markdown({"evaluation": found.to_json()})


def test_every_task_is_drawn() -> None:
    rng = np.random.default_rng(0)
    space = np.vstack([rng.normal(0, 1, (60, 3)), rng.normal(5, 1, (60, 3)), rng.uniform(-9, 9, (5, 3))])
    labels = np.repeat([0, 1, -1], [60, 60, 5])
    clustered = evaluate("clustering", None, Prediction(labels), space=space, resamples=20)
    assert list(drawings(clustered)) == ["clusters", "cluster_sizes"]
    parsed(report.html({"evaluation": clustered.to_json()}))
    codes = rng.integers(0, 3, 120)
    proba = rng.dirichlet(np.ones(3), 120)
    several = evaluate("classification", codes, Prediction(proba.argmax(axis=1), proba, (0, 1, 2)), resamples=20)
    assert list(drawings(several)) == ["roc", "confusion"]
    page = report.html({"evaluation": several.to_json()})
    assert "Mean over classes" in page
    found = several.of_classes[1]
    row = f"| **1** | {found.n} | {found.called} | {found.recall.value:.3f} ({found.recall.low:.3f} to "
    assert row in report.markdown({"evaluation": several.to_json()})


def test_one_class_and_one_row_are_reported_with_their_notes() -> None:
    said = Prediction(np.array([True]), np.array([[0.3, 0.7]]), (False, True))
    found = evaluate("classification", [True], said, resamples=20)
    page = report.html({"evaluation": found.to_json()})
    parsed(page)
    assert "Only 1 test rows" in page
    assert "Not defined on these rows" in page


@pytest.mark.parametrize("selection", [{}, {"table": []}, {"table": [{"name": "a", "mean": None, "status": "failed"}]}])
def test_a_selection_without_results_has_no_drawing(selection: dict[str, object]) -> None:
    assert candidates(selection, "roc_auc") is None


def _table(metric: str, scores: list[list[float]], **rest: object) -> dict[str, object]:
    names = ("one", "two")
    rows = [
        {"name": name, "family": name, "params": {}, "scores": own, "mean": float(np.mean(own)), "sd": 0.01,
         "seconds": 1.0, "status": "complete", "note": ""}
        for name, own in zip(names, scores, strict=True)
    ]  # fmt: skip
    return {"winner": rows[0], "table": rows, **rest}


def test_candidates_are_held_against_the_winner_by_the_share_their_folds_judged() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=80)
    found = evaluate("regression", y, Prediction(y + rng.normal(size=80)), resamples=20).to_json()
    scores = [[0.10, 0.11, 0.12, 0.10, 0.11], [0.13, 0.14, 0.17, 0.12, 0.12]]
    pages = [
        report.markdown({"evaluation": found, "selection": _table("rmse", scores, **share)})
        for share in ({}, {"test_share": 0.4566})
    ]
    assert "worse (p 0.0" in pages[0]
    assert "not told apart (p 0.0" in pages[1]


def test_draws_of_a_clustering_are_not_taken_for_folds() -> None:
    rng = np.random.default_rng(0)
    space = np.vstack([rng.normal(0, 1, (60, 3)), rng.normal(5, 1, (60, 3))])
    found = evaluate("clustering", None, Prediction(np.repeat([0, 1], 60)), space=space, resamples=20).to_json()
    scores = [[0.10, 0.11, 0.12, 0.10, 0.11], [0.30, 0.32, 0.33, 0.29, 0.31]]
    page = report.markdown({"evaluation": found, "selection": _table("silhouette", scores)})
    assert "resampled t test" not in page
    assert "worse (p" not in page
    assert "2 candidates, fitted again to draws of the training rows" in page


def test_the_temperature_of_the_winner_is_told_too(facts: dict[str, object]) -> None:
    selection = _table("log_loss", [[0.10, 0.11, 0.12, 0.10, 0.11], [0.13, 0.14, 0.17, 0.12, 0.12]])
    for row, note in zip(selection["table"], ("temperature 0.35", "temperature 0.87"), strict=True):  # type: ignore[call-overload]
        row["note"] = note
    page = report.markdown({**facts, "selection": selection})
    assert "chosen: temperature 0.35" in page
    assert "complete: temperature 0.87" in page
