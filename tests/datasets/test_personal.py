"""Personal data are found before they are stored, and kept back."""

from __future__ import annotations

import random
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noria.datasets.personal import detect, protect, refuse_untagged
from noria.datasets.schema import infer
from noria.datasets.settings import ColumnSettings, DataSettings
from noria.errors import WrongData, WrongSetting
from noria.security.pseudonyms import Pseudonyms

# Examples of the registry of ISO 13616.
IBANS = ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947"]
# Numbers that card companies publish for tests.
CARDS = ["4111 1111 1111 1111", "5555555555554444", "378282246310005", "6011-1111-1111-1117"]
PHONES = ["+49 30 901820", "+1 (202) 456-1111", "+44 20 7946 0018", "+41 44 668 18 00"]
MAILS = ["ada@example.org", "a.b+c@mail.example.co.uk", "grace.hopper@navy.example", "x@y.example"]


@pytest.mark.parametrize(
    ("values", "what"), [(IBANS, "IBAN"), (CARDS, "payment cards"), (PHONES, "phone numbers"), (MAILS, "e-mail")]
)
def test_what_people_are_reached_by_is_found(values: list[str], what: str) -> None:
    (found,) = detect(pa.table({"c": values * 3, "x": [1.5] * 12}))
    assert what in found.text
    assert found.share == 1
    assert not any(value in found.text + found.mend for value in values)


@given(st.sampled_from(IBANS), st.integers(2, 14), st.integers(1, 9))
def test_a_wrong_digit_is_no_account(iban: str, place: int, more: int) -> None:
    plain = iban.replace(" ", "")
    if not plain[place].isdigit():
        return
    other = plain[:place] + str((int(plain[place]) + more) % 10) + plain[place + 1 :]
    assert detect(pa.table({"c": [other] * 9})) == ()


@given(st.sampled_from(CARDS), st.integers(1, 8), st.integers(1, 9))
def test_a_wrong_digit_is_no_card(card: str, place: int, more: int) -> None:
    digits = [each for each in card if each.isdigit()]
    digits[place] = str((int(digits[place]) + more) % 10)
    assert detect(pa.table({"c": ["".join(digits)] * 9})) == ()


@given(st.integers(0, 2**32))
def test_numbers_by_chance_are_nobodys(seed: int) -> None:
    rng = random.Random(seed)
    table = pa.table(
        {
            "order_ref": [rng.randrange(10**15, 10**16) for _ in range(400)],
            "device": [f"{rng.randrange(10**12):012x}" for _ in range(400)],
            "note": ["call back @ noon", "rate 3.5 %"] * 200,
            "name": ["pump", "valve"] * 200,
            "at": [f"2026-01-{1 + n % 28:02d}T10:00:00" for n in range(400)],
            "amount": [f"{rng.randrange(10**6)},{rng.randrange(100):02d}" for _ in range(400)],
        }
    )
    assert detect(table) == ()


def test_numbers_dialled_from_abroad() -> None:
    assert "phone" in detect(pa.table({"c": ["0044 20 7946 0018"] * 9}))[0].text


def test_a_few_among_many_are_found_and_fewer_are_not() -> None:
    many = pa.table({"c": ["nothing"] * 97 + MAILS[:3]})
    assert detect(many)[0].share == pytest.approx(0.03)
    assert detect(pa.table({"c": ["nothing"] * 199 + MAILS[:1]})) == ()


@pytest.mark.parametrize("name", ["Email", "e-mail", "firstName", "last_name", "Date of Birth", "customer_iban", "ssn"])
def test_what_a_name_says(name: str) -> None:
    (found,) = detect(pa.table({name: ["a"] * 9}))
    assert (found.is_certain, found.column) == (False, name)


@pytest.mark.parametrize("name", ["name", "assignee", "mailing_cost", "classname", "birth_weight", "phonebook_size"])
def test_what_a_name_does_not_say(name: str) -> None:
    assert detect(pa.table({name: ["a"] * 9})) == ()


def test_untagged_columns_are_refused_and_tagged_ones_are_not() -> None:
    table = pa.table({"contact": MAILS * 3, "first_name": ["Ada"] * 12})
    with pytest.raises(WrongData, match="'contact' holds e-mail addresses") as caught:
        refuse_untagged(table, {}, "people.csv")
    assert 'contact = { pii = true, store = "drop" }' in caught.value.mend
    for said in (ColumnSettings(pii=True), ColumnSettings(pii=False), ColumnSettings(store="drop")):
        (left,) = refuse_untagged(table, {"contact": said}, "people.csv")
        assert left.column == "first_name"


def test_columns_are_kept_back() -> None:
    names = Pseudonyms(b"k" * 32)
    table = pa.table({"id": [1, 2, None], "mail": ["a", None, "b"], "x": [1.0, 2.0, 3.0]})
    said = {"id": ColumnSettings(store="pseudonym"), "mail": ColumnSettings(store="drop"), "x": ColumnSettings(max=9)}
    kept = protect(table, said, lambda: names)
    assert kept.to_pylist()[0] == {"id": names.of("1"), "x": 1.0}
    assert kept["id"].null_count == 1
    assert protect(table, {"x": ColumnSettings(max=9)}, partial(pytest.fail, "no key is needed")) is table
    with pytest.raises(WrongSetting, match="no such column") as caught:
        protect(table, {"mial": ColumnSettings(store="drop")}, lambda: names)
    assert "mail" in caught.value.mend


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"y": {"store": "drop"}}, "is the target"),
        ({"y": {"store": "pseudonym"}}, "is the target"),
        ({"id": {"store": "drop"}}, "is the key"),
        ({"at": {"store": "pseudonym"}}, "is the time"),
        ({"x": {"store": "drop", "use": True}}, "needs the values"),
        ({"x": {"store": "pseudonym", "min": 3}}, "does not keep"),
        ({"x": {"pii": "rather"}}, "direct"),
    ],
)
def test_what_cannot_be_asked_for(columns: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        DataSettings.model_validate({"source": "a.csv", "target": "y", "key": ["id"], "time": "at", "columns": columns})


def test_what_a_model_may_not_see() -> None:
    table = pa.table(
        {"id": ["nym-1"] * 9, "sex": ["f", "m", "f"] * 3, "age": list(range(9)), "town": ["a", "b", "c"] * 3}
    )
    said = {
        "id": {"store": "pseudonym"}, "sex": {"protected": True}, "town": {"pii": "quasi"}, "age": {"pii": False},
    }  # fmt: skip
    schema = infer(table, DataSettings.model_validate({"source": "a.csv", "columns": said}))
    assert schema.features() == ("age",)
    assert [schema[name].pii for name in ("id", "sex", "town", "age")] == [True, False, True, False]
    said["sex"] = {"protected": True, "use": True}
    assert infer(table, DataSettings.model_validate({"source": "a.csv", "columns": said})).features() == ("sex", "age")
