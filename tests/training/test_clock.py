from __future__ import annotations

import pytest

from noria.training.clock import Budget


def test_no_budget_has_no_end() -> None:
    budget = Budget(None)
    assert budget.fits(1e9)
    assert budget.share() == 0


def test_the_reserve_is_not_given_away() -> None:
    now = [0.0]
    budget = Budget(100, lambda: now[0])
    budget.reserve = 20
    now[0] = 10
    assert budget.left() == pytest.approx(67)
    assert budget.fits(50)
    assert not budget.fits(60)
    assert budget.share() == pytest.approx(0.1)
