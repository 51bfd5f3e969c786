"""The filter language: ``metrics.auc > 0.8 and params.kind = 'svm'``.

It is the grammar people know from MLflow, and somewhat more: OR, NOT and parentheses, AND binding closer than OR.
One pass over the letters, no regular expression, bounded in length, depth and number of comparisons, so that no text
takes longer than its length is worth. What comes out is a small tree; nothing here knows a table.

In the lenient dialect, for people rather than programs, a bare name that is no attribute is a metric where it is
compared with a number and a param otherwise, and a bare word is a text: ``auc > .8 and model = svm``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from noria.errors import WrongArgument, did_you_mean
from noria.runs.vocabulary import RUNS, Entity, Kind, Vocabulary

__all__ = [
    "And",
    "Comparison",
    "Condition",
    "Not",
    "Or",
    "OrderKey",
    "parse",
    "parse_order",
    "parse_orders",
]

_LONGEST = 10_000
_DEEPEST = 50
_ALTERNATING = 20
"""SQLite reads brackets only so deep, and those that AND and OR in turn need are the ones that cannot be left out."""

_MOST = 100
_ORDERS = 20


@dataclass(frozen=True)
class Comparison:
    """One comparison.

    Parameters
    ----------
    entity : str
        What sort of thing is compared.
    key : str
        Its name; for attributes and datasets the canonical one.
    operator : str
        ``= != > >= < <= LIKE ILIKE IN``, ``NOT IN``, ``IS NULL`` or ``IS NOT NULL``.
    value : float, int, str, tuple of str, or None
        What with.
    """

    entity: Entity
    key: str
    operator: str
    value: float | int | str | tuple[str, ...] | None


@dataclass(frozen=True)
class And:
    """All of them hold."""

    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """One of them holds."""

    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """It does not hold."""

    item: Condition


Condition = Comparison | And | Or | Not


@dataclass(frozen=True)
class OrderKey:
    """What a listing is ordered by, and which way."""

    entity: Entity
    key: str
    descending: bool = False


_DATASET = {"name": "name", "digest": "digest", "context": "context"}
_SYMBOLS = (">=", "<=", "!=", "<>", "==", "=", ">", "<")
_RELATIONS = frozenset({"=", "!=", ">", ">=", "<", "<="})
_TEXT = frozenset({"=", "!=", "LIKE", "ILIKE"})
_MEMBERS = _TEXT | {"IN", "NOT IN"}
_NULL = frozenset({"IS NULL", "IS NOT NULL"})
_KEYWORDS = frozenset({"and", "or", "not", "like", "ilike", "in", "is", "null", "asc", "desc"})
_STOPS = frozenset(" \t\r\n()=<>!,'\"`")


@dataclass(frozen=True)
class _Token:
    kind: Literal["word", "text", "key", "number", "symbol", "end"]
    text: str
    at: int

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def parse(text: str, vocabulary: Vocabulary = RUNS, *, lenient: bool = False) -> Condition | None:
    """Read a filter; None when it asks for nothing.

    Parameters
    ----------
    text : str
        The filter.
    vocabulary : Vocabulary
        What it may speak of.
    lenient : bool
        Take bare names and bare words as people mean them.

    Raises
    ------
    WrongArgument
        It cannot be read; the error says from which letter on.

    Examples
    --------
    >>> parse("metrics.auc > .8")
    Comparison(entity='metric', key='auc', operator='>', value=0.8)
    >>> parse("auc > .8 and model = svm", lenient=True).items[1]
    Comparison(entity='param', key='model', operator='=', value='svm')
    """
    if len(text) > _LONGEST:
        raise _wrong(vocabulary, 0, f"it is longer than {_LONGEST:,} letters")
    tokens = _tokens(text, vocabulary)
    if len(tokens) == 1:
        return None
    reader = _Reader(tokens, vocabulary, lenient)
    found = reader.either(0)
    left = reader.next()
    if left.kind != "end":
        raise _wrong(vocabulary, left.at, f"{_shown(left)} is not expected there")
    if _alternations(found) > _ALTERNATING:
        raise _wrong(vocabulary, 0, f"AND and OR stand one in the other more than {_ALTERNATING} times")
    return found


def parse_order(text: str, vocabulary: Vocabulary = RUNS, *, lenient: bool = False) -> OrderKey:
    """Read what a listing is to be ordered by.

    Raises
    ------
    WrongArgument
        It cannot be read.

    Examples
    --------
    >>> parse_order("metrics.`val loss` DESC")
    OrderKey(entity='metric', key='val loss', descending=True)
    """
    if len(text) > _LONGEST:
        raise _wrong(vocabulary, 0, f"it is longer than {_LONGEST:,} letters")
    reader = _Reader(_tokens(text, vocabulary), vocabulary, lenient)
    entity, key, _kind, at = reader.identifier()
    if entity == "dataset":
        raise _wrong(vocabulary, at, "nothing is ordered by the data sets of a run")
    if entity == "bare":
        entity = "metric"
    direction = reader.next()
    descending = direction.keyword == "desc"
    if direction.kind != "end":
        if direction.keyword not in ("asc", "desc"):
            raise _wrong(vocabulary, direction.at, f"{_shown(direction)} is not expected there: write ASC or DESC")
        last = reader.next()
        if last.kind != "end":
            raise _wrong(vocabulary, last.at, f"{_shown(last)} is not expected there")
    return OrderKey(entity, key, descending)


def parse_orders(texts: Sequence[str], vocabulary: Vocabulary = RUNS, *, lenient: bool = False) -> list[OrderKey]:
    """Read by what, then by what a listing is to be ordered.

    Raises
    ------
    WrongArgument
        One cannot be read, or they are more than a database sorts by.
    """
    if len(texts) > _ORDERS:
        raise WrongArgument(
            f"the order names {len(texts):,} things",
            why=f"{vocabulary.noun} are ordered by {_ORDERS} at most",
            mend="leave out the last ones",
            code="N-RUNS-033",
        )
    return [parse_order(text, vocabulary, lenient=lenient) for text in texts]


class _Reader:
    def __init__(self, tokens: list[_Token], vocabulary: Vocabulary, lenient: bool) -> None:
        self._tokens = tokens
        self._place = 0
        self._vocabulary = vocabulary
        self._lenient = lenient
        self._comparisons = 0

    def next(self) -> _Token:
        token = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _peek(self) -> _Token:
        return self._tokens[self._place]

    def either(self, depth: int) -> Condition:
        items = [self._both(depth)]
        while self._peek().keyword == "or":
            self.next()
            items.append(self._both(depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _both(self, depth: int) -> Condition:
        items = [self._one(depth)]
        while self._peek().keyword == "and":
            self.next()
            items.append(self._one(depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _one(self, depth: int) -> Condition:
        token = self._peek()
        if depth > _DEEPEST:
            raise self._wrong(token, f"it is nested deeper than {_DEEPEST} levels")
        if token.keyword == "not":
            self.next()
            return Not(self._one(depth + 1))
        if token.kind == "symbol" and token.text == "(":
            self.next()
            inner = self.either(depth + 1)
            closing = self.next()
            if closing.text != ")" or closing.kind != "symbol":
                raise self._wrong(closing, 'a ")" is missing')
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > _MOST:
            raise self._wrong(self._peek(), f"it holds more than {_MOST:,} comparisons")
        entity, key, kind, at = self.identifier()
        operator = self._operator()
        if entity == "bare":
            number = self._peek().kind == "number" and operator in _RELATIONS
            entity, kind = ("metric", "number") if number else ("param", "text")
        self._allow(entity, key, kind, operator, at)
        if operator in _NULL:
            return Comparison(entity, key, operator, None)
        if operator in ("IN", "NOT IN"):
            return Comparison(entity, key, operator, self._list())
        return Comparison(entity, key, operator, self._value(kind, f"{entity} {key!r}"))

    def identifier(self) -> tuple[Entity | Literal["bare"], str, Kind, int]:
        token = self.next()
        if token.kind not in ("word", "key") or token.keyword in _KEYWORDS:
            raise self._wrong(token, f"a name is expected, not {_shown(token)}")
        prefix, dot, key = token.text.partition(".")
        entity = self._vocabulary.entities.get(prefix.lower()) if token.kind == "word" and dot else None
        if entity is None:
            return self._bare(token)
        if not key:
            quoted = self.next()
            if quoted.kind not in ("key", "text"):
                raise self._wrong(quoted, f"a name is expected after {token.text!r}")
            key = quoted.text
        if entity == "attribute":
            return self._attribute(key, token)
        if entity == "dataset":
            if key.lower() not in _DATASET:
                raise self._wrong(token, f"a data set has name, digest and context, not {key!r}")
            return entity, _DATASET[key.lower()], "members", token.at
        return entity, key, "number" if entity == "metric" else "text", token.at

    def _bare(self, token: _Token) -> tuple[Entity | Literal["bare"], str, Kind, int]:
        known = token.text.lower() in self._vocabulary.attributes
        if known or not self._lenient or self._vocabulary is not RUNS:
            return self._attribute(token.text, token)
        return "bare", token.text, "text", token.at

    def _attribute(self, name: str, token: _Token) -> tuple[Entity, str, Kind, int]:
        found = self._vocabulary.attributes.get(name.lower())
        if found is None:
            known = sorted(self._vocabulary.attributes)
            hint = did_you_mean(name.lower(), known) or f"there are {', '.join(known)}"
            raise self._wrong(token, f"{self._vocabulary.noun} have no attribute {name[:80]!r}: {hint}")
        return "attribute", found[0], found[1], token.at

    def _operator(self) -> str:
        token = self.next()
        if token.kind == "symbol" and token.text in _SYMBOLS:
            return {"<>": "!=", "==": "="}.get(token.text, token.text)
        word = token.keyword
        if word in ("like", "ilike", "in"):
            return word.upper()
        if word == "not" and self._peek().keyword == "in":
            self.next()
            return "NOT IN"
        if word == "is":
            negated = self._peek().keyword == "not"
            if negated:
                self.next()
            if self.next().keyword == "null":
                return "IS NOT NULL" if negated else "IS NULL"
        raise self._wrong(token, f"a comparison is expected, such as = or LIKE, not {_shown(token)}")

    def _allow(self, entity: str, key: str, kind: Kind, operator: str, at: int) -> None:
        if entity in ("param", "tag"):
            allowed = _TEXT | _NULL
        elif kind == "number":
            allowed = _RELATIONS
        else:
            allowed = _MEMBERS if kind == "members" else _TEXT
        if operator not in allowed:
            raise _wrong(
                self._vocabulary,
                at,
                f"{entity} {key!r} cannot be compared by {operator}; {', '.join(sorted(allowed))} can",
            )

    def _value(self, kind: Kind, what: str) -> float | int | str:
        token = self.next()
        if kind == "number":
            if token.kind != "number":
                raise self._wrong(token, f"{what} is compared with a number without quotes, not {_shown(token)}")
            return _number(token.text)
        if token.kind == "text" or (self._lenient and token.kind in ("word", "key", "number")):
            return token.text
        raise self._wrong(token, f"{what} is compared with a text in quotes, not {_shown(token)}")

    def _list(self) -> tuple[str, ...]:
        opening = self.next()
        if opening.text != "(" or opening.kind != "symbol":
            raise self._wrong(opening, "a list in parentheses is expected: ('a', 'b')")
        values = []
        while True:
            values.append(str(self._value("text", "a list")))
            token = self.next()
            if token.kind == "symbol" and token.text == ")":
                return tuple(values)
            if token.kind != "symbol" or token.text != ",":
                raise self._wrong(token, 'a list goes on with "," and ends with ")"')

    def _wrong(self, token: _Token, why: str) -> WrongArgument:
        return _wrong(self._vocabulary, token.at, why)


def _alternations(condition: Condition) -> int:
    if isinstance(condition, Comparison):
        return 0
    if isinstance(condition, Not):
        return _alternations(condition.item)
    return 1 + max(map(_alternations, condition.items))


def _tokens(text: str, vocabulary: Vocabulary) -> list[_Token]:
    found: list[_Token] = []
    place, end = 0, len(text)
    while place < end:
        letter = text[place]
        start = place
        if letter.isspace():
            place += 1
        elif letter in "'\"`":
            content, place = _quoted(text, place, vocabulary)
            found.append(_Token("key" if letter == "`" else "text", content, start))
        elif letter in "(),":
            found.append(_Token("symbol", letter, start))
            place += 1
        elif letter in "=<>!":
            two = text[place : place + 2]
            symbol = two if two in _SYMBOLS else letter
            found.append(_Token("symbol", symbol, start))
            place += len(symbol)
        else:
            while place < end and text[place] not in _STOPS and not text[place].isspace():
                place += 1
            if place == start:
                raise _wrong(vocabulary, start, f"{letter!r} means nothing there")
            word = text[start:place]
            found.append(_Token("number" if _is_number(word) else "word", word, start))
    found.append(_Token("end", "", end))
    return found


def _quoted(text: str, place: int, vocabulary: Vocabulary) -> tuple[str, int]:
    quote, start = text[place], place
    parts: list[str] = []
    place += 1
    while True:
        closing = text.find(quote, place)
        if closing < 0:
            raise _wrong(vocabulary, start, f"the {quote} that opens there is never closed")
        parts.append(text[place:closing])
        place = closing + 1
        if text[place : place + 1] != quote:
            return "".join(parts), place
        parts.append(quote)  # a quote written twice stands for itself
        place += 1


def _is_number(word: str) -> bool:
    if not (word[0] in "+-." or word[0].isdigit()) or not word.isascii() or "_" in word:
        return False
    try:
        return float(word) == float(word)
    except ValueError:
        return False


def _number(word: str) -> float | int:
    try:
        whole = int(word) if len(word) <= 20 else None
    except ValueError:
        whole = None
    # Beyond 64 bits no database takes a whole number.
    return whole if whole is not None and -(1 << 63) <= whole < 1 << 63 else float(word)


def _shown(token: _Token) -> str:
    return "the end" if token.kind == "end" else repr(token.text[:80])


def _wrong(vocabulary: Vocabulary, at: int, why: str) -> WrongArgument:
    return WrongArgument(
        f"the filter for {vocabulary.noun} cannot be read at letter {at + 1}: {why}",
        mend="write it like: metrics.auc > 0.8 and params.kind = 'svm'"
        if "metric" in vocabulary.entities
        else "write it like: name LIKE 'credit%' and tags.team = 'risk'",
        code="N-RUNS-030",
    )
