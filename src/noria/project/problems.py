"""What is wrong with a project file: every error at once, each with its line, the value got and what was expected."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongSetting, did_you_mean
from noria.project.lines import Path, find_lines, line_of
from noria.sources.credential import hidden

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

__all__ = ["Problem", "from_validation", "refuse"]

_EXPECTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dataclass_type": "a table",
    "none_required": "nothing",
    "finite_number": "a finite number",
    "string_too_short": "a longer text",
    "too_short": "more items",
    "too_long": "fewer items",
}
_MEND = "mend the lines named; `noria schema` lists every setting"
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: at which key, what, and what may have been meant."""

    path: Path
    message: str
    hint: str = ""

    def render(self, lines: Mapping[Path, int], name: str) -> str:
        """Lay it out as ``noria.toml:12: [model] folds: expected a whole number, got "five"``."""
        between = " " if self.message.startswith("is ") else ": "
        text = f"{name}:{line_of(dict(lines), self.path)}: {_title(self.path)}{between}{self.message}"
        return f"{text}; {self.hint}" if self.hint else text


def refuse(problems: Sequence[Problem], *, text: str, name: str = "noria.toml") -> WrongSetting:
    """Make one error out of all the problems, in the order of the file.

    Parameters
    ----------
    problems : sequence of Problem
        At least one.
    text : str
        The file's TOML; the lines are found in it.
    name : str
        How the file is called.
    """
    lines = find_lines(text)
    told = sorted(set(problems), key=lambda problem: (line_of(lines, problem.path), str(problem.path)))
    shown = [problem.render(lines, name) for problem in told]
    if len(shown) == 1:
        return WrongSetting(shown[0], mend=_MEND, code="N-PROJECT-010")
    return WrongSetting(
        f"{name}: {len(shown)} settings are wrong", why="\n".join(shown), mend=_MEND, code="N-PROJECT-010"
    )


def from_validation(
    errors: Sequence[ErrorDetails], *, data: Mapping[str, object], schema: Mapping[str, object]
) -> list[Problem]:
    """Tell what the types found, one problem a place.

    Parameters
    ----------
    errors : sequence of dict
        What pydantic lists.
    data : mapping
        The parsed file.
    schema : mapping
        JSON Schema of the project file; it knows the keys that could have been meant.
    """
    places: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(_place(error, data), []).append(error)
    # A union tells of every alternative: where one was entered and found wrong inside, the others are noise.
    outer = {path[:size] for path in places for size in range(len(path))}
    noise = {path for path in outer & places.keys() if _type_only(places[path])}
    return [_problem(path, found, data, schema) for path, found in places.items() if path not in noise]


def known_keys(schema: Mapping[str, object], path: Path) -> list[str]:
    """Give the keys that the schema knows at a path, over all alternatives."""
    nodes = [schema]
    for part in path:
        nodes = [child for node in nodes for child in _children(schema, node, part)]
    found: dict[str, None] = {}
    for node in nodes:
        for option in _options(schema, node):
            found.update(dict.fromkeys(_mapping(option.get("properties"))))
    return list(found)


def _problem(
    path: Path, errors: list[ErrorDetails], data: Mapping[str, object], schema: Mapping[str, object]
) -> Problem:
    unknown = next((error for error in errors if error["type"] in _UNKNOWN), None)
    if unknown is not None and len({error["type"] for error in errors}) == 1:
        return Problem(path, "no such setting", _meant(str(path[-1]), path[:-1], schema))
    if all(error["type"] == "missing" for error in errors):
        return Problem(path, "is missing and has no default")
    got = _at(data, path)
    choices: list[str] = []
    expected: list[str] = []
    said: list[str] = []
    for error in errors:
        if error["type"] in {"literal_error", "enum"}:
            choices += _choices(error)
        elif error["type"] in _EXPECTED:
            expected.append(_EXPECTED[error["type"]])
        elif error["type"] not in _UNKNOWN:
            said.append(_said(error))
    if choices:
        expected.insert(0, _either(choices))
    shown = f", got {_show(got)}"
    if said and not (expected and isinstance(got, list | dict) is False and _type_only(errors)):
        # The value has the right type and breaks a rule: the rule says more than the other alternatives of a union.
        told = isinstance(got, dict) or _show(got).strip('"') in said[0]
        return Problem(path, said[0] + ("" if told else shown))
    hint = did_you_mean(got, choices) if isinstance(got, str) and choices else ""
    return Problem(path, f"expected {' or '.join(dict.fromkeys(expected))}{shown}", hint)


def _type_only(errors: list[ErrorDetails]) -> bool:
    return all(error["type"] in _EXPECTED or error["type"] in {"literal_error", "enum"} for error in errors)


def _said(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error" | "assertion_error":
            return error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        case "greater_than_equal":
            return f"expected at least {context['ge']}"
        case "greater_than":
            return f"expected more than {context['gt']}"
        case "less_than_equal":
            return f"expected at most {context['le']}"
        case "less_than":
            return f"expected less than {context['lt']}"
        case "string_pattern_mismatch":
            return f"expected text of the form {context['pattern']}"
        case _:
            return error["msg"][:1].lower() + error["msg"][1:]


def _choices(error: ErrorDetails) -> list[str]:
    # pydantic lists them as one text: 'a', 'b' or 'c'
    text = str(error.get("ctx", {}).get("expected", ""))
    return [part.strip().strip("'") for part in text.replace(" or ", ", ").split(",") if part.strip()]


def _either(choices: Sequence[str]) -> str:
    quoted = [json.dumps(choice) for choice in dict.fromkeys(choices)]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


def _place(error: ErrorDetails, data: Mapping[str, object]) -> Path:
    # A location names the alternative of a union too ("list[str]", "Literal"); only what the file holds is a place.
    path: Path = ()
    here: object = data
    parts = list(error["loc"])
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if _holds(here, part):
            here = here[part]  # type: ignore[index]  # a dict or a list, as _holds has seen
        elif not (last and error["type"] == "missing"):
            continue
        path = (*path, part)
    return path


def _holds(container: object, part: str | int) -> bool:
    if isinstance(container, dict):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)


def _meant(key: str, around: Path, schema: Mapping[str, object]) -> str:
    known = known_keys(schema, around)
    homes = [f"[{section}]" for section in known_keys(schema, ()) if key in known_keys(schema, (section,))]
    homes += [f"[[{section}]]" for section in known_keys(schema, ()) if key in known_keys(schema, (section, 0))]
    hint = "" if homes else did_you_mean(key, known)
    if hint:
        return hint
    if homes:
        return "it belongs to " + " or ".join(homes)
    if not around and known:
        return "the sections are " + ", ".join(known)
    return f"known here: {', '.join(known)}" if known else ""


def _options(schema: Mapping[str, object], node: Mapping[str, object]) -> list[Mapping[str, object]]:
    reference = node.get("$ref")
    if isinstance(reference, str):
        definitions = _mapping(schema.get("$defs"))
        return _options(schema, _mapping(definitions.get(reference.rsplit("/", 1)[-1])))
    found: list[Mapping[str, object]] = [node]
    for word in ("anyOf", "oneOf", "allOf"):
        alternatives = node.get(word)
        if isinstance(alternatives, list):
            for alternative in alternatives:
                found += _options(schema, _mapping(alternative))
    return found


def _children(schema: Mapping[str, object], node: Mapping[str, object], part: str | int) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    for option in _options(schema, node):
        if isinstance(part, int):
            found.append(_mapping(option.get("items")))
        else:
            named = _mapping(option.get("properties")).get(part)
            found.append(_mapping(option.get("additionalProperties") if named is None else named))
            found += [_mapping(of_names) for of_names in _mapping(option.get("patternProperties")).values()]
    return [child for child in found if child]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part) if isinstance(part, str) else None
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _show(value: object) -> str:
    text = json.dumps(_hidden(value), ensure_ascii=False, default=str)
    if isinstance(value, dict):
        text = "a table" if len(text) > 60 else text
    return text if len(text) <= 60 else text[:57] + "…"


def _hidden(value: object) -> object:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {name: _hidden(held) for name, held in value.items()}
    return [_hidden(held) for held in value] if isinstance(value, list) else value


def _title(path: Path) -> str:
    if not path:
        return "the file"
    section, *rest = path
    head = f"[{section}]"
    if rest and isinstance(rest[0], int):
        head = f"[[{section}]] number {rest[0] + 1}"
        rest = rest[1:]
    words = ""
    for part in rest:
        words += f"[{part}]" if isinstance(part, int) else (f".{part}" if words else str(part))
    return f"{head} {words}" if words else head
