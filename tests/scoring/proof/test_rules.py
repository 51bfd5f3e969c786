"""Every rule of preparation that compiles, before a linear model and before trees: proven, and explained by column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from noria.preparation.frame import frame
from noria.preparation.openness import open_columns
from noria.preparation.recipe import preparation
from noria.preparation.settings import PrepareSettings
from noria.scoring.compiling.compile import compile_model
from noria.scoring.learning import learn
from noria.scoring.plan.contributions import explained
from noria.scoring.plan.origins import origins
from noria.scoring.proof.equivalence import prove
from noria.training.model import TabularModel, columns_of

COLUMNS = [("a", "float"), ("b", "float"), ("g", "category"), ("note", "category"), ("t", "timestamp")]
RULES: list[dict[str, list[str]]] = [
    {"a": ["outliers:zscore=2,flag", "impute:median"]},
    {"a": ["outliers:iqr=1,null", "impute:median", "indicator", "scale:standard"]},
    {"a": ["impute:mean", "scale:standard", "outliers:zscore=1.5,flag"]},
    {"a": ["outliers:iqr,drop", "impute:median", "outliers:iqr,clip"]},
    {"a": ["impute:median", "scale:power"], "b": ["impute:median", "scale:boxcox"]},
    {"a": ["scale:maxabs", "impute:constant=0"]},
    {"g": ["woe"], "note": ["frequency"]},
    {"g": ["count"], "note": ["hash:buckets=6"]},
    {"note": ["tfidf:max=12"]},
    {"t": ["dates:year,month,dow,hour,cyclic", "impute:median", "scale:standard"]},
    {"t": ["dates:week,doy,minute,weekend,days,quarter,day", "impute:mean", "indicator", "scale:minmax"]},
]


def table(rows: int = 260) -> pa.Table:
    rng = np.random.default_rng(11)
    words = np.array(["late", "paid", "never", "well", "again", "twice"])
    moments = np.datetime64("2024-01-01") + rng.integers(0, 10**8, rows).astype("timedelta64[s]")
    return pa.table(
        {
            "a": pa.array(rng.standard_t(2, rows), mask=rng.random(rows) < 0.1),
            "b": pa.array(rng.lognormal(size=rows)),
            "g": pa.array(rng.choice(["x", "y", "z"], rows), mask=rng.random(rows) < 0.1),
            "note": pa.array([" ".join(rng.choice(words, 3)) for _ in range(rows)], mask=rng.random(rows) < 0.1),
            "t": pa.array(moments.astype("datetime64[us]")),
        }
    )


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("encoding", ["linear", "tree"])
def test_a_rule_is_proven_and_explained(rules: dict[str, list[str]], encoding: str) -> None:
    rows = table()
    learned, rest = rows.slice(0, 200), rows.slice(200)
    X, y = frame(learned, COLUMNS), np.arange(200) % 2
    prepared = preparation(COLUMNS, PrepareSettings.model_validate(rules), encoding=encoding, task="classification")  # type: ignore[arg-type]
    matrix = np.asarray(prepared.fit_transform(X, y), dtype=float)
    head = LogisticRegression(max_iter=500) if encoding == "linear" else RandomForestClassifier(15, random_state=0)
    model = TabularModel("classification", "x", columns_of(X), prepared, head.fit(matrix, y), ("no", "yes"))
    plan = compile_model(model)
    free = open_columns(prepared)
    signature = learn(rows, [(n, "text" if n in free else k) for n, k in COLUMNS], task="classification", target="y")
    verdict = prove(plan, model, signature, rest)
    assert verdict.equal, verdict.reason
    # Contributions of the columns add up to what the head says of the prepared row.
    asked = plan.matrix(rest.to_pydict(), rest.num_rows)
    made = explained(plan.head, asked, origins(plan))
    said = np.asarray(plan.head.answer(asked), dtype=float)
    total = made.base + made.parts.sum(axis=1)
    if made.of == "log-odds":
        np.testing.assert_allclose(total[:, -1], np.log(said[:, 1] / said[:, 0]), rtol=1e-9, atol=1e-9)
    else:
        np.testing.assert_allclose(total, said, rtol=1e-9, atol=1e-9)
    assert made.parts.shape[1] == len(plan.columns)
