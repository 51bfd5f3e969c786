"""Parts of a date against the standard library's calendar."""

from __future__ import annotations

import calendar
from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noria.preparation.dates import FIELDS, date_fields, field_names

MOMENTS = st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31))


@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_parts_are_the_calendars(moments: list[datetime]) -> None:
    made = date_fields(np.array(moments, dtype="datetime64[us]"), list(FIELDS))
    for row, moment in zip(made, moments, strict=True):
        found = dict(zip(FIELDS, row, strict=True))
        days = (moment - datetime(1970, 1, 1)).total_seconds() / 86400
        assert abs(found.pop("days") - days) < 1e-9 * max(1, abs(days))
        wanted = {
            "year": moment.year, "quarter": (moment.month - 1) // 3 + 1, "month": moment.month,
            "week": moment.isocalendar().week, "day": moment.day, "dow": moment.weekday(),
            "doy": moment.timetuple().tm_yday, "hour": moment.hour, "minute": moment.minute,
            "weekend": float(moment.weekday() >= 5),
        }  # fmt: skip
        assert found == wanted


@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_circles_have_radius_one_and_their_angle(moments: list[datetime]) -> None:
    made = date_fields(np.array(moments, dtype="datetime64[us]"), ["day", "dow", "year"], cyclic=True)
    assert field_names(["day", "dow", "year"], cyclic=True) == ("day_sin", "day_cos", "dow_sin", "dow_cos", "year")
    np.testing.assert_allclose(made[:, 0] ** 2 + made[:, 1] ** 2, 1)
    for row, moment in zip(made, moments, strict=True):
        length = calendar.monthrange(moment.year, moment.month)[1]
        turned = np.arctan2(row[0], row[1]) % (2 * np.pi) / (2 * np.pi) * length
        assert round(turned) % length == moment.day - 1


def test_what_is_missing_stays_missing() -> None:
    made = date_fields(np.array(["NaT", "2026-01-01"], dtype="datetime64[us]"), ["month", "weekend"], cyclic=True)
    assert np.isnan(made[0]).all()
    assert not np.isnan(made[1]).any()
