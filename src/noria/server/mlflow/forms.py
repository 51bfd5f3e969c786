"""Reading what a client of the MLflow protocol sent: all of it as it was meant, or a refusal that names the field.

The protocol is protobuf's JSON: a 64-bit integer may come as a number or as a decimal string, an enum by name or by
number, a field under its name or in camel case, and unknown fields are passed over. MLflow's own server goes on with
whatever it had read when a value does not fit, so that a wrong time becomes 0; here it is a 400.

A form is a `msgspec.Struct`, which says both what fits and how the common case is read: in one step, in C. Whatever
that refuses is read again field by field, and is then either one of the protocol's other spellings or a mistake.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect

from noria.errors import WrongArgument
from noria.security.strict_json import BadJson, decode

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["Form", "Number", "OfRun", "Reader", "Required", "ViewType", "missing", "wrong"]

F = TypeVar("F", bound="Form")
_Convert = Callable[[object, str], object]

Required = Annotated[str, msgspec.Meta(min_length=1)]
"""A text that must be there; an empty one counts as left out, as it does in protobuf."""

Number = Annotated[float, msgspec.Meta(extra={"any": True})]
"""A metric's value: NaN and the infinities are values too."""

_INT64 = 1 << 63
_EXACT = 1 << 53
_MOST_FIELDS = 2_000
_DEPTH = 20
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Form(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A request's fields; what is unknown never gets here, see `Reader`."""

    MOST_BYTES: ClassVar[int] = 32 << 20
    """How large a body may be that holds them."""


class OfRun(Form, kw_only=True):
    """A request about one run."""

    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        """Its id, under either of its names."""
        return self.run_id or self.run_uuid or missing("run_id")


class ViewType(enum.IntEnum):
    """Which of the things that can be deleted are meant."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    @property
    def lifecycle(self) -> Literal["active", "deleted", "all"]:
        """The rooms' own word."""
        return _LIFECYCLES[self]


_LIFECYCLES: dict[ViewType, Literal["active", "deleted", "all"]] = {
    ViewType.ACTIVE_ONLY: "active",
    ViewType.DELETED_ONLY: "deleted",
    ViewType.ALL: "all",
}


class Reader(Generic[F]):
    """Reads requests of one form.

    Parameters
    ----------
    form : type
        A subclass of `Form`.

    Examples
    --------
    >>> class LogParam(OfRun, kw_only=True):
    ...     key: Required
    ...     value: str = ""
    >>> Reader(LogParam).body(b'{"runId": "5f", "key": "depth", "value": "3"}').run
    '5f'
    """

    def __init__(self, form: type[F]) -> None:
        self._form = form
        self._fields = _fields(form)

    def body(self, body: bytes, named: Mapping[str, str] | None = None) -> F:
        """Read a JSON body.

        Parameters
        ----------
        body : bytes
            An object; empty means one without fields.
        named : mapping of str to str, optional
            Fields that the path gave; they count, whatever the body says.

        Raises
        ------
        WrongArgument
            It is not JSON, or a field does not fit.
        """
        if len(body) > self._form.MOST_BYTES:
            wrong("the body", f"{len(body)} bytes", f"it may have {self._form.MOST_BYTES}; send it in parts")
        given = decode(body, max_depth=_DEPTH, constants=True) if body.strip() else {}
        if not isinstance(given, dict):
            raise BadJson("the body is not a JSON object", mend="send an object of the fields", code="N-SERVER-050")
        if named:
            given.update(named)
        return self._read(given)

    def query(self, query: bytes, named: Mapping[str, str] | None = None) -> F:
        """Read the query of an address: a list is a key that is repeated.

        Raises
        ------
        WrongArgument
            It is not UTF-8, or a field does not fit.
        """
        given: dict[str, object] = {}
        for key, value in _pairs(query):
            field = self._fields.get(key)
            if field is None:
                continue
            if field.listed:
                given.setdefault(key, []).append(value)  # type: ignore[attr-defined] # a list by this very line
            elif key in given:
                wrong(key, value, "it is given twice")
            else:
                given[key] = field.from_query(value)
        return self._read({**given, **(named or {})})

    def _read(self, given: dict[str, object]) -> F:
        try:
            return msgspec.convert(given, self._form)
        except msgspec.ValidationError:
            return _struct(self._form)(given, "")  # type: ignore[return-value] # it makes just this


class _Field:
    """How one field is read, under either of its names."""

    def __init__(self, name: str, convert: _Convert, kind: inspect.Type) -> None:
        self.name = name
        self.convert = convert
        self.listed = isinstance(kind, inspect.VarTupleType)
        self._truth = isinstance(kind, inspect.BoolType)

    def from_query(self, value: str) -> object:
        """Give what JSON would have said in place of a text."""
        return {"true": True, "false": False}.get(value.lower(), value) if self._truth else value


def wrong(name: str, value: object, why: str) -> NoReturn:
    """Refuse a value, naming its field."""
    shown = repr(value)
    raise WrongArgument(
        f"Invalid value {shown if len(shown) <= 80 else shown[:77] + '...'} for parameter {name!r}",
        why=why,
        mend=f"correct {name!r}; nothing was stored",
        code="N-SERVER-051",
    )


def missing(name: str) -> NoReturn:
    """Refuse a request that leaves a field out."""
    raise WrongArgument(f"Missing value for required parameter {name!r}", mend=f"send {name!r}", code="N-SERVER-052")


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise WrongArgument(
            "the query of the address cannot be read", why=str(error), mend="encode it as UTF-8", code="N-SERVER-053"
        ) from error
    for key, value in pairs:
        if "\x00" in value:
            wrong(key, value, "it holds the character NUL")
    return pairs


@cache
def _fields(form: type[Form]) -> dict[str, _Field]:
    """Give a form's fields by both of their names."""
    found: dict[str, _Field] = {}
    info = inspect.type_info(form)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - a Form is a struct
    for field in info.fields:
        kind = _bare(field.type)
        read = _Field(field.name, _converter(field.type), kind)
        first, *more = field.name.split("_")
        found[field.name] = found[first + "".join(word.capitalize() for word in more)] = read
    return found


@cache
def _struct(form: type[Form]) -> _Convert:
    fields = _fields(form)
    info = inspect.type_info(form)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - as above
    required = [field.name for field in info.fields if field.required]

    def convert(value: object, where: str) -> object:
        if not isinstance(value, dict):
            wrong(where, value, "it is not an object")
        read: dict[str, object] = {}
        before = f"{where}." if where else ""
        for key, item in value.items():
            field = fields.get(key)
            if field is None or item is None:
                continue
            if field.name in read:
                wrong(before + field.name, item, "it is given under two spellings")
            read[field.name] = field.convert(item, before + field.name)
        for name in required:
            if name not in read:
                missing(before + name)
        return form(**read)

    return convert


def _bare(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _bare(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
    return kind


def _converter(kind: inspect.Type) -> _Convert:
    bare = _bare(kind)
    if isinstance(bare, inspect.StrType):
        return _text(bare)
    if isinstance(bare, inspect.IntType):
        return _whole(bare)
    if isinstance(bare, inspect.BoolType):
        return _truth
    if isinstance(bare, inspect.FloatType):
        return _number
    if isinstance(bare, inspect.EnumType):
        return _one_of(bare.cls)
    if isinstance(bare, inspect.VarTupleType):
        return _several(bare)
    if isinstance(bare, inspect.StructType):
        return _struct(bare.cls)
    raise TypeError(f"no form has fields like {kind}")  # pragma: no cover - forms are ours


def _text(kind: inspect.StrType) -> _Convert:
    most, least = kind.max_length, kind.min_length or 0

    def convert(value: object, where: str) -> object:
        if not isinstance(value, str):
            wrong(where, value, "it is not a text")
        if len(value) < least:
            missing(where)
        if most is not None and len(value) > most:
            wrong(where, value, f"it has {len(value)} characters, and the most is {most}")
        return value

    return convert


def _whole(kind: inspect.IntType) -> _Convert:
    least = -_INT64 if kind.ge is None else kind.ge
    most = _INT64 - 1 if kind.le is None else kind.le

    def convert(value: object, where: str) -> object:
        number: int | None = None
        if isinstance(value, str):
            number = int(value) if _WHOLE.fullmatch(value) else None
        elif isinstance(value, float):
            # Beyond 2^53 a float may already stand for another number than the one that was written.
            number = int(value) if value.is_integer() and abs(value) <= _EXACT else None
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        if number is None:
            wrong(where, value, "it is not a whole number of 64 bits")
        if not least <= number <= most:
            wrong(where, value, f"it is not between {least} and {most}")
        return number

    return convert


def _number(value: object, where: str) -> object:
    if isinstance(value, str):
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if _DECIMAL.fullmatch(value) and math.isfinite(float(value)):
            return float(value)
    elif isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    wrong(where, value, "it is not a number")


def _truth(value: object, where: str) -> object:
    if not isinstance(value, bool):
        wrong(where, value, "it is neither true nor false")
    return value


def _one_of(kind: type[enum.Enum]) -> _Convert:
    names = {member.name: member for member in kind} | {str(member.value): member for member in kind}
    numbers = {member.value: member for member in kind}

    def convert(value: object, where: str) -> object:
        found = names.get(value) if isinstance(value, str) else None
        if found is None and isinstance(value, int | float) and not isinstance(value, bool):
            found = numbers.get(value)
        if found is None:
            wrong(where, value, f"it is none of {', '.join(member.name for member in kind)}")
        return found

    return convert


def _several(kind: inspect.VarTupleType) -> _Convert:
    each, most = _converter(kind.item_type), kind.max_length

    def convert(value: object, where: str) -> object:
        if not isinstance(value, list):
            wrong(where, value, "it is not a list")
        if most is not None and len(value) > most:
            wrong(where, f"{len(value)} items", f"at most {most} can be given at once")
        return tuple([each(item, f"{where}[{place}]") for place, item in enumerate(value)])

    return convert
