"""Rules may look at one row and at nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.checks.rules import parse
from noria.datasets.sql import session
from noria.errors import WrongSetting

COLUMNS = ["amount", "limits", "Odd Name", "at", "limit", "order", "date", "left", "day"]


@pytest.mark.parametrize(
    "rule",
    [
        "amount <= limits", "amount between 1 and 5 or limits is null", "upper(\"Odd Name\") in ('A', 'B')",
        "AMOUNT > 0 -- a comment", "not (amount = 3)", "regexp_matches(\"Odd Name\", '^x')", "amount::int > 2",
        "case when amount > 1 then limits > 2 else true end", "coalesce(amount, 0) * 2 + 1 < abs(limits)",
        "amount <= limit and \"order\" > limit",
        "order = 1 or Limit = 2 /* order */", "date > date '2020-01-01'",
        "left(\"Odd Name\", 1) = 'x' and left > 0",
        "at - interval 3 day < at and day > 0", "amount::date > at",
        "at > timestamp '2020-01-01' and date_part('year', at) < 2030", "\"Odd Name\" like 'a%'",
    ],
)  # fmt: skip
def test_what_a_rule_may_say(rule: str) -> None:
    kinds = {
        "Odd Name": pa.string(),
        "at": pa.timestamp("us"),
        "date": pa.timestamp("us"),
        "amount": pa.timestamp("us"),
    }
    kinds = {name: kinds.get(name, pa.int64()) for name in COLUMNS}
    if "::date" not in rule:
        kinds["amount"] = pa.int64()
    table = pa.table({name: pa.nulls(1, kind) for name, kind in kinds.items()})
    with session({"t": table}) as duck:
        parsed = parse(duck, rule, COLUMNS)
        assert duck.execute(f"SELECT {parsed.broken} FROM t").fetchone() is not None
    assert set(parsed.columns) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("amount <", "syntax error"), ("", "it is empty"), ("-- nothing", "it is empty"),
        ("amount == 1 &&", "syntax error"),
        ("amont > 1", "no column 'amont'"), ("t.amount > 1", "no column 't.amount'"), ("1 = 1", "looks at no column"),
        ("amount > 1; DROP TABLE t", "syntax error"), ("amount > 1) UNION SELECT (1", "more than one condition"),
        ("amount > 1) FROM read_csv('/etc/passwd'", "syntax error"),
        ("amount in (SELECT 1)", "a query inside"),
        ("exists (SELECT * FROM read_csv('/etc/passwd'))", "a query inside"),
        ("amount > avg(amount)", "sums up many rows"), ("row_number() over () > amount", "a window"),
        ("random() > amount", "another answer each time"), ("at > now()", "another answer each time"),
        ("at > current_date", "time of day"), ("amount > ?", "a placeholder"), ("columns(*) > 1", "a star"),
        ("read_text(\"Odd Name\") = 'x'", "not among those"), ("getvariable('x') = amount", "not among those"),
        ("amount > 1 GROUP BY ALL HAVING (true", "more than one condition|syntax error"),
        ("amount > " + "1 + " * 900 + "1", "longer than"),
    ],
)  # fmt: skip
def test_what_a_rule_may_not_say(rule: str, why: str) -> None:
    with session({}) as duck, pytest.raises(WrongSetting, match=r"cannot be used") as caught:
        parse(duck, rule, COLUMNS)
    assert re.search(why, caught.value.why), caught.value.why
    assert caught.value.mend


@settings(deadline=None, max_examples=80)
@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(["amount", "(", ")", "--", "/*", "'", '"', ";", " or ", "=1", "1", " at "]), max_size=6
    ).map("".join)
)
def test_any_text_is_permitted_or_refused(rule: str) -> None:
    table = pa.table({name: pa.array([1]) for name in COLUMNS})
    with session({"t": table}) as duck:
        try:
            parsed = parse(duck, rule, COLUMNS)
        except WrongSetting:
            return
        try:
            found = duck.execute(f"SELECT count(*) FILTER (WHERE {parsed.broken}) FROM t").fetchall()
        except duckdb.Error:
            return  # types that do not fit
    assert len(found) == 1
    assert found[0][0] in (0, 1)


def test_the_session_sees_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    secret = pa.table({"a": [1]})
    with session({"t": secret}) as duck:
        for query in (
            f"SELECT * FROM read_csv('{tmp_path}/a.csv')", f"SELECT * FROM '{tmp_path}/a.csv'", "INSTALL httpfs",
            f"COPY t TO '{tmp_path}/b.csv'", "SET enable_external_access = true", f"ATTACH '{tmp_path}/x.db'",
            "SELECT * FROM secret",
        ):  # fmt: skip
            with pytest.raises(duckdb.Error):
                duck.execute(query).fetchall()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]
