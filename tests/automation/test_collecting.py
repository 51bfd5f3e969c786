"""What counts as a labelled row of the new period."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from noria.automation.collecting import labelled_since

NOW = datetime(2026, 5, 4, 3, tzinfo=UTC)


def test_a_shadows_answer_is_no_further_customer() -> None:
    joined = pa.table(
        {
            "prediction_id": ["a", "a-shadow", "b", "c"],
            "ts": pa.array([NOW] * 4, pa.timestamp("us", "UTC")),
            "arm": ["live", "shadow", "canary", "live"],
            "label": ["bad", "bad", "good", None],
        }
    )
    assert labelled_since(joined, NOW) == 2
