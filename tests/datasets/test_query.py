"""One table made of several."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from noria.datasets.query import select
from noria.errors import WrongData, WrongSetting

LOANS = pa.table({"id": [1, 2, 3], "customer": [10, 20, 10], "amount": [5.0, 7.5, None]})
BUREAU = pa.table({"customer": [10, 20], "score": [600, 700]})


def test_a_join() -> None:
    query = "select l.id, sum(amount)::decimal(9, 1) as total, any_value(score)::integer as score from loans l " \
            "join bureau using (customer) group by l.id order by l.id"  # fmt: skip
    made = select(query, {"loans": LOANS, "bureau": BUREAU})
    assert made.to_pylist()[1] == {"id": 2, "total": 7.5, "score": 700}
    assert made.schema.types == [pa.int64(), pa.float64(), pa.int64()]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("selec 1", "syntax error"), ("select * from loan", "loan"), ("select 1; select 2", "more than one"),
        ("drop table loans", "SELECT"), ("select * from read_csv('{file}')", "disabled"),
        ("select * from '{file}'", "disabled"),
        ("set enable_external_access = true", "SELECT"), ("copy loans to '{file}'", "SELECT"),
    ],
)  # fmt: skip
def test_what_cannot_be_run(query: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    with pytest.raises(WrongSetting, match="query cannot be run") as caught:
        select(query.format(file=file), {"loans": LOANS})
    assert why in caught.value.why
    assert "tables: loans" in caught.value.why
    assert file.read_text() == "a\n1\n"


def test_no_rows_and_doubled_names() -> None:
    with pytest.raises(WrongData, match="gives no rows"):
        select("select * from loans where id > 9", {"loans": LOANS})
    with pytest.raises(WrongData, match="upper and lower"):
        select("select id, customer as ID from loans", {"loans": LOANS})
