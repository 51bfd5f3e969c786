from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from noria.scoring.plan.heads import restore_head
from noria.scoring.plan.unsound import Unsound


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(Unsound, match="no kind of head"):
        restore_head("linear2", {}, {})


def test_a_bottomless_nest_is_refused() -> None:
    facts: dict[str, object] = {"heads": []}
    for _ in range(30):
        facts = {"heads": [{"kind": "certain", "facts": facts}]}
    with pytest.raises(Unsound, match="too deep"):
        restore_head("certain", facts, {})


def test_a_head_cannot_reach_the_arrays_of_another() -> None:
    inner = {"kind": "constant", "facts": {}}
    with pytest.raises(Unsound, match="missing"):
        restore_head("ensemble", {"heads": [inner]}, {"weights": np.ones(1), "said": np.ones(1), "1/said": np.ones(1)})


def test_answering_needs_numpy_and_nothing_else_of_the_field() -> None:
    code = """
import sys, numpy as np
from noria.scoring.plan.heads import restore_head
head = restore_head("linear", {"link": "sigmoid"}, {"weights": np.ones((1, 2)), "intercept": np.zeros(1)})
head.answer(np.zeros((1, 2)))
print(sorted({"scipy", "sklearn", "pandas", "keras"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
