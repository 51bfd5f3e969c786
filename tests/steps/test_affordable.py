"""A sample where one is asked for; what does not fit into memory is refused before it is tried."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from loans import FILE, Heard, start, turn

from noria.datasets.schema import infer
from noria.datasets.settings import DataSettings
from noria.errors import WrongData
from noria.steps import affordable as room
from noria.steps.affordable import affordable
from noria.workspace import Workspace

DATA = DataSettings.model_validate({"source": "a.csv", "target": "y"})


def parts(rows: int = 1000) -> Any:
    numbers = range(rows)
    table = pa.table(
        {
            "x": [float(number) for number in numbers],
            "kind": ["abc"[number % 3] for number in numbers],
            "who": [number // 10 for number in numbers],
            "y": ["yes" if number % 10 == 0 else "no" for number in numbers],
        }
    )
    about = {"task": "classification", "features": ["x", "kind"]}
    return {"train": table, "test": table.slice(0, 5), "schema": infer(table).to_json(), "about": about}


def test_a_sample_keeps_the_shares_and_the_test_rows(context: Heard) -> None:
    split = parts()
    made = affordable(split, DATA, 100, context, seed=7)
    assert Counter(made["train"]["y"].to_pylist()) == {"no": 90, "yes": 10}
    assert made["test"] is split["test"]
    assert made["train"].equals(affordable(split, DATA, 100, context, seed=7)["train"])
    assert not made["train"].equals(affordable(split, DATA, 100, context, seed=8)["train"])
    assert any("100 of 1,000 training rows" in str(said) for said in context.said)
    assert affordable(split, DATA, 5000, context, seed=7)["train"].num_rows == 1000
    assert affordable(split, DATA, None, context, seed=7)["train"] is split["train"]


def test_groups_stay_whole(context: Heard) -> None:
    data = DATA.model_copy(update={"group": "who"})
    taken = affordable(parts(), data, 105, context, seed=7)["train"]
    assert taken.num_rows == 100
    assert set(Counter(taken["who"].to_pylist()).values()) == {10}


def test_what_does_not_fit_is_refused_with_what_would(context: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    split = parts()
    monkeypatch.setattr(room, "available_bytes", lambda: 100_000)
    with pytest.raises(WrongData, match="training takes about") as caught:
        affordable(split, DATA, None, context, seed=7)
    fitting = int(caught.value.mend.split("rows = ")[1].split()[0])
    assert affordable(split, DATA, fitting, context, seed=7)["train"].num_rows == fitting
    monkeypatch.setattr(room, "available_bytes", lambda: None)
    assert affordable(split, DATA, None, context, seed=7)["train"].num_rows == 1000


def test_a_project_learns_from_a_sample(tmp_path: Path) -> None:
    root = start(tmp_path / "p", FILE.replace("folds = 2", "folds = 2\nrows = 100"))
    done = turn(root).run()
    assert done.ok
    runs = Workspace(root).runs
    assert done.run_id is not None
    assert runs.get(done.run_id).params["model.rows"] == 100
