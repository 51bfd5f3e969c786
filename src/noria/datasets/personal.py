"""Personal data in a table: found before it is stored, and taken out or put under another name.

Nothing here ever quotes a value: what is found is told by column and share.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from noria.errors import WrongData, WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from noria.datasets.settings import ColumnSettings
    from noria.security.pseudonyms import Pseudonyms

__all__ = ["Suspicion", "detect", "protect", "refuse_untagged"]

_MOST_LOOKED_AT = 10_000
_BLOCK = 1 << 16
_FEWEST = 5
_CERTAIN = 0.01
_BY_CHANCE = 0.5
"""One number in ten passes Luhn's check by chance, and some begin with 00: a few hits among many digits say nothing."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*\.[A-Za-z]{2,24}")
_PHONE = re.compile(r"[1-9][\d\s()/.-]{6,20}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}( ?[A-Z0-9]{1,4}){3,8}")
_DIGITS = re.compile(r"[\d -]{13,23}")
_SOUNDS = (
    (re.compile(r"e_?-?mail"), "an e-mail address"),
    (re.compile(r"(first|last|full|given|family|middle|maiden)_?name|surname|vorname|nachname"), "a person's name"),
    (re.compile(r"(tele)?phone|mobile_?(nr|no|number)|telefon|handy"), "a phone number"),
    (re.compile(r"iban|bank_?account|account_?number|card_?number|kontonummer"), "a bank account"),
    (re.compile(r"street|postal_?address|home_?address|strasse|straße"), "an address"),
    (re.compile(r"ssn|social_?security|passport|national_?id|tax_?id|driver_?s?_?licen[cs]e"), "an official number"),
    (re.compile(r"birth_?(date|day)|date_?of_?birth|dob|geburtsdatum"), "a date of birth"),
    (re.compile(r"ip_?addr(ess)?"), "a network address"),
)


@dataclass(frozen=True)
class Suspicion:
    """A column that seems to hold personal data.

    Attributes
    ----------
    column : str
        Which.
    what : str
        What it seems to hold, such as ``e-mail addresses``.
    share : float
        Of the values looked at; 0 where only the column's name says so.
    """

    column: str
    what: str
    share: float = 0.0

    @property
    def is_certain(self) -> bool:
        """Whether the values say so, and not the name alone."""
        return self.share > 0

    @property
    def text(self) -> str:
        """The finding, for people."""
        if self.is_certain:
            return f"column {self.column!r} holds {self.what} in {self.share:.0%} of its values"
        return f"column {self.column!r} sounds like {self.what}"

    @property
    def mend(self) -> str:
        """What to write."""
        name = self.column if re.fullmatch(r"[A-Za-z0-9_-]+", self.column) else f'"{self.column}"'
        return f'[data.columns]\n{name} = {{ pii = true, store = "drop" }}'


def detect(table: pa.Table, tagged: Sequence[str] = ()) -> tuple[Suspicion, ...]:
    """Look for columns that seem to hold personal data.

    Found by value: e-mail addresses, phone numbers with a country code, bank accounts (IBAN, with its check digits),
    payment cards (13 to 19 digits that pass Luhn's check). Found by name: those and names, addresses, birth dates,
    official numbers.

    Parameters
    ----------
    table : pyarrow.Table
        Rows; of each column 10,000 values are looked at, spread evenly.
    tagged : sequence of str
        Columns of which it is said already whether they are personal.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"contact": [f"p{n}@example.org" for n in range(9)], "first_name": ["Ada"] * 9, "x": [1] * 9})
    >>> [found.text for found in detect(table)]
    ["column 'contact' holds e-mail addresses in 100% of its values", "column 'first_name' sounds like a person's name"]
    """
    found = []
    for name in table.column_names:
        if name in tagged or name.startswith("_noria_"):
            continue
        said = _by_value(name, table.column(name)) or _by_name(name)
        if said is not None:
            found.append(said)
    return tuple(found)


def refuse_untagged(table: pa.Table, columns: Mapping[str, ColumnSettings], source: str) -> tuple[Suspicion, ...]:
    """Refuse rows whose values are personal in a column of which nothing is said; give what only sounds so.

    Raises
    ------
    WrongData
        Before anything is stored.
    """
    found = detect(table, [name for name, said in columns.items() if said.pii is not None or said.store != "plain"])
    certain = [each for each in found if each.is_certain]
    if certain:
        first, more = certain[0], len(certain) - 1
        raise WrongData(
            f"{source}: {first.text}" + (f", and {more} more column{'s' * (more > 1)} like it" if more else ""),
            why="noria.toml does not say whether that is personal; nothing has been stored\n"
            + "\n".join(each.text for each in certain[1:]),
            mend=first.mend + '\n(or store = "pseudonym", or only pii = true; pii = false if it just looks so)',
            code="N-DATA-060",
        )
    return found


def protect(table: pa.Table, columns: Mapping[str, ColumnSettings], pseudonyms: Callable[[], Pseudonyms]) -> pa.Table:
    """Drop the columns that are not to be stored, and put pseudonyms in the place of others.

    Parameters
    ----------
    table : pyarrow.Table
        Rows as read.
    columns : mapping of str to ColumnSettings
        ``[data.columns]``.
    pseudonyms : callable
        Gives the project's; asked where a column needs them.

    Raises
    ------
    WrongSetting
        A column that is to be kept back is not there: misspelt, it would be stored.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from noria.datasets.settings import ColumnSettings
    >>> from noria.security.pseudonyms import Pseudonyms
    >>> said = {"email": ColumnSettings(store="drop"), "id": ColumnSettings(store="pseudonym")}
    >>> rows = pa.table({"id": [7, None], "email": ["a@b.org", None], "age": [30, 40]})
    >>> protect(rows, said, lambda: Pseudonyms(b"k" * 32)).to_pylist()
    [{'id': 'nym-aed60f37747ddf77c71fd7bc1e44a7b3', 'age': 30}, {'id': None, 'age': 40}]
    """
    import pyarrow as pa  # noqa: PLC0415 - only where rows are read

    for name, said in columns.items():
        if said.store == "plain":
            continue
        if name not in table.column_names:
            raise WrongSetting(
                f"[data.columns] {name} is not to be stored as it is, and the data has no such column",
                why=f"columns: {', '.join(table.column_names[:40])}",
                mend=did_you_mean(name, table.column_names) or f"correct or remove columns.{name} in noria.toml",
                code="N-DATA-061",
            )
        if said.store == "drop":
            table = table.drop_columns([name])
            continue
        column = table.column(name)
        blocks = (column.slice(start, _BLOCK).to_pylist() for start in range(0, len(column), _BLOCK))
        names = pa.chunked_array([pa.array(pseudonyms().all_of(block), pa.string()) for block in blocks], pa.string())
        table = table.set_column(table.column_names.index(name), name, names)
    return table


def _by_value(name: str, cells: pa.ChunkedArray) -> Suspicion | None:
    import pyarrow as pa  # noqa: PLC0415 - as above

    if not (pa.types.is_string(cells.type) or pa.types.is_integer(cells.type)):
        return None
    present = cells.drop_null()
    if len(present) < _FEWEST:
        return None
    step = max(1, len(present) // _MOST_LOOKED_AT)
    values = [str(value).strip() for value in present.take(pa.array(range(0, len(present), step))).to_pylist()]
    tests: tuple[tuple[str, Callable[[str], bool], float], ...] = (
        ("e-mail addresses", _is_email, _CERTAIN),
        ("bank accounts (IBAN)", _is_iban, _CERTAIN),
        ("phone numbers", partial(_is_phone, abroad="+"), _CERTAIN),
        ("phone numbers", partial(_is_phone, abroad="00"), _BY_CHANCE),
        ("payment cards", _is_card, _BY_CHANCE),
    )
    for what, is_one, least in tests:
        share = sum(map(is_one, values)) / len(values)
        if share > least:
            return Suspicion(name, what, share)
    return None


def _by_name(name: str) -> Suspicion | None:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace(" ", "_")
    for pattern, what in _SOUNDS:
        if re.search(rf"(^|_)({pattern.pattern})($|_)", words):
            return Suspicion(name, what)
    return None


def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def _is_phone(text: str, abroad: str) -> bool:
    """ITU-T E.164: the country's code after what one dials to leave one's own, at most 15 digits."""
    number = text.removeprefix(abroad)
    return number != text and _PHONE.fullmatch(number) is not None and 8 <= sum(map(str.isdigit, number)) <= 15


def _is_iban(text: str) -> bool:
    """ISO 13616: the first four characters at the end, letters as 10 to 35, the number leaves 1 when divided by 97."""
    if _IBAN.fullmatch(text) is None:
        return False
    plain = text.replace(" ", "")
    return 15 <= len(plain) <= 34 and int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """ISO/IEC 7812: Luhn's check digit, and a first digit that payment cards have."""
    if _DIGITS.fullmatch(text) is None:
        return False
    digits = [int(each) for each in text if each.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in (3, 4, 5, 6):
        return False
    doubled = [digit if place % 2 == 0 else 2 * digit - 9 * (digit > 4) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
