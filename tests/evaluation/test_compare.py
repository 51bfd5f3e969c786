"""The comment on a pull request."""

from __future__ import annotations

import copy
import re

import pytest

from noria.evaluation.compare import markdown, marker

BASE: dict[str, dict[str, object]] = {
    "data": {
        "name": "credit", "number": 3, "digest": "cd" * 32, "rows": 900, "features": ["age", "income"],
        "method": "stratified",
    },
    "model": {"family": "logistic", "version": 2, "digest": "ee" * 32},
    "params": {"family": "logistic", "C": 0.1},
    "metrics": {
        "accuracy": {"value": 0.70, "low": 0.66, "high": 0.74},
        "roc_auc": {"value": 0.780, "low": 0.74, "high": 0.82},
        "log_loss": {"value": 0.5, "low": 0.48, "high": 0.52},
    },
    "gates": {"roc_auc >= 0.75": {"passed": True, "message": "roc_auc >= 0.75 passed: 0.7800"}},
    "steps": {"ingest": {"output": "1"}, "train": {"output": "2"}, "old": {"output": "9"}},
}  # fmt: skip


@pytest.fixture
def head() -> dict[str, dict[str, object]]:
    changed = copy.deepcopy(BASE)
    changed["data"] |= {"number": 4, "digest": "ab" * 32, "rows": 1000, "features": ["age", "debt"]}
    changed["model"] |= {"family": "boosting", "version": 3, "digest": "ff" * 32}
    changed["params"] = {"family": "boosting", "leaves": 24}
    changed["metrics"] = {
        "accuracy": {"value": 0.80, "low": 0.77, "high": 0.83},
        "roc_auc": {"value": 0.790, "low": 0.75, "high": 0.83},
        "log_loss": {"value": 0.6, "low": 0.58, "high": 0.62},
        "brier": {"value": 0.2, "low": 0.18, "high": 0.22},
    }
    changed["gates"] = {"roc_auc >= 0.8": {"passed": False, "message": "roc_auc >= 0.8 failed: 0.7900 (800 rows)"}}
    changed["steps"] = {"ingest": {"output": "1"}, "train": {"output": "3"}, "mine": {"output": "4"}}
    return changed


def test_it_begins_with_the_hidden_marker(head: dict[str, dict[str, object]]) -> None:
    text = markdown(BASE, head, project="credit-risk")
    assert text.splitlines()[0] == marker("credit-risk") == "<!-- noria:report:credit-risk -->"


def test_a_marker_cannot_be_broken_out_of() -> None:
    assert marker("x --> <b>").count("--") == 2


def test_it_tells_what_changed_and_how_surely(head: dict[str, dict[str, object]]) -> None:
    text = markdown(BASE, head, project="credit", base_name="main", head_name="abc123")
    assert "❌ **1 of 1 gates failed.**" in text
    assert "ROC AUC +0.010: within the noise" in text
    assert "| **ROC AUC** | 0.780 (0.740 to 0.820) | 0.790 (0.750 to 0.830) | +0.010 | within the noise |" in text
    assert "| +0.100 | ✅ clearly better |" in text
    assert "| Log loss |" in text
    assert "❌ clearly worse" in text
    assert "| Brier score | – | 0.200 (0.180 to 0.220) | – |  |" in text
    assert "| ❌ | – | roc_auc &gt;= 0.8 | 0.7900 (800 rows) |" in text
    assert "| – | ✅ | roc_auc &gt;= 0.75 | no longer asked |" in text
    assert "| Rows | 900 | 1000 |" in text
    assert "Features new: debt. Features gone: income." in text
    assert "| leaves | – | 24 |" in text
    assert "other result: train; new: mine; gone: old." in text


def test_the_same_record_twice_has_no_change() -> None:
    text = markdown(BASE, copy.deepcopy(BASE), project="credit", base_name="main")
    assert "The model is the same, byte for byte, as at main." in text
    assert "✅ **The gate passed.**" in text
    assert text.count("No change.") == 2
    assert "Every step gave the same result." in text
    assert "| unchanged |" in text


def test_without_a_base_it_shows_the_head_and_says_so(head: dict[str, dict[str, object]]) -> None:
    text = markdown(None, head, project="credit", base_name="main")
    assert "main recorded no run" in text
    assert "0.790 (0.750 to 0.830)" in text


def test_little_is_enough() -> None:
    assert markdown({}, {}).startswith("<!-- noria:report:model -->")
    text = markdown({"metrics": {"mine": 1.0}}, {"metrics": {"mine": 2.0}, "gates": {}})
    assert "| mine |" in text or "| **mine** |" in text


def test_tables_are_even_and_texts_are_quoted(head: dict[str, dict[str, object]]) -> None:
    head["params"] = {"a|b": "<script>", "x": "@team"}
    text = markdown(BASE, head)
    assert "<script" not in text
    assert "@team" not in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block
