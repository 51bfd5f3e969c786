"""The decorator only marks; it reads literal arguments."""

from __future__ import annotations

import noria
from noria.pipeline.step import MARK, Step, StepMark, step


def test_a_marked_function_stays_itself() -> None:
    def tidy(clean: list[int]) -> list[int]:
        return clean

    assert step(tidy) is tidy
    assert getattr(tidy, MARK) == StepMark()


def test_arguments_are_kept() -> None:
    @step(name="tidy-up", replaces="clean", cache=False)
    def tidy(clean: list[int]) -> list[int]:
        return clean

    assert getattr(tidy, MARK) == StepMark(name="tidy-up", replaces="clean", cache=False)
    assert tidy([1]) == [1]


def test_noria_step_is_this_one() -> None:
    assert noria.step is step


def test_uses_is_taken_apart() -> None:
    made = Step("train", "noria.steps.train:train")
    assert (made.module, made.function) == ("noria.steps.train", "train")
