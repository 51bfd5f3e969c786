"""The same checks and profile by others: a part of data.py, run by the Python of their own environment."""

from __future__ import annotations

import sys
import warnings

warnings.filterwarnings("ignore")

NUMBERS = ["x0", "x1", "x2", "x3", "x4", "x5", "n0", "n1", "n2", "n3", "m0", "m1"]
WHOLE = ["opened_at", "x0", "x1", "n0", "c0", "code"]
CLASSES = ["c0", "c1", "c2", "c3"]
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon"]
LOW, HIGH = -1000.0, 1e9
PATTERN = "^A[0-9]+$"


def pandera_polars(path: str) -> str:
    import pandera.polars as pa
    import polars as pl

    checks: dict[str, list[object]] = {name: [] for name in [*NUMBERS, *WHOLE, *CLASSES, "id", "y"]}
    for name in NUMBERS:
        checks[name].append(pa.Check.in_range(LOW, HIGH))
    for name in CLASSES:
        checks[name].append(pa.Check.isin(WORDS))
    checks["code"].append(pa.Check.str_matches(PATTERN))
    columns = {
        name: pa.Column(checks=found, nullable=name not in WHOLE, unique=name == "id") for name, found in checks.items()
    }
    rule = pa.Check(lambda data: data.lazyframe.select(pl.col("n0") <= pl.col("n0") + 1))
    schema = pa.DataFrameSchema(columns, checks=[rule])
    # A LazyFrame would pass whatever its values are: only a DataFrame is checked.
    made = schema.validate(pl.read_parquet(path), lazy=True)
    return f"{made.height:,} rows passed"


def great_expectations(path: str) -> str:
    import great_expectations as gx
    import pandas as pd

    asked = gx.expectations
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_pandas("rows")
    batch = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite("checks")
    for name in NUMBERS:
        suite.add_expectation(asked.ExpectColumnValuesToBeBetween(column=name, min_value=LOW, max_value=HIGH))
    for name in WHOLE:
        suite.add_expectation(asked.ExpectColumnValuesToNotBeNull(column=name))
    for name in CLASSES:
        suite.add_expectation(asked.ExpectColumnValuesToBeInSet(column=name, value_set=WORDS))
    suite.add_expectation(asked.ExpectColumnValuesToMatchRegex(column="code", regex=PATTERN))
    suite.add_expectation(
        asked.ExpectColumnPairValuesAToBeGreaterThanB(column_A="opened_at", column_B="opened_at", or_equal=True)
    )
    suite.add_expectation(asked.ExpectColumnValuesToBeUnique(column="id"))
    made = batch.get_batch(batch_parameters={"dataframe": pd.read_parquet(path)}).validate(suite)
    return f"{len(made.results)} expectations, success {made.success}"


def ydata_profiling(path: str) -> str:
    import pandas as pd
    from ydata_profiling import ProfileReport

    rows = pd.read_parquet(path)
    rows = rows.sample(min(100_000, len(rows)), random_state=0)
    page = ProfileReport(rows, minimal=True, progress_bar=False).to_html()
    return f"{len(rows):,} rows sampled, a page of {len(page) // 1024:,} kB"


if __name__ == "__main__":
    print(globals()[sys.argv[1]](sys.argv[2]))
