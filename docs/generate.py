"""Write the reference pages that follow from the code: settings, command line, error codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import click

import noria
from noria.cli.main import COMMANDS
from noria.preparation.recipe import KEPT_FOR_TREES
from noria.preparation.vocabulary import KINDS
from noria.project.schema import json_schema

PACKAGE = Path(noria.__file__).parent
CODE = re.compile(r"^N-[A-Z]+-\d{3}$")


def write_all(folder: Path) -> None:
    """Write every generated page, leaving those that have not changed untouched (Sphinx rebuilds by date)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("settings.md", settings()),
        ("rules.md", rules()),
        ("cli.md", commands()),
        ("errors.md", errors()),
    ):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ── noria.toml ──────────────────────────────────────────────────────────────────────────────────────────────────────


def settings() -> str:
    """Write a table of settings for every section of the JSON Schema."""
    schema = json_schema()
    lines = [
        "# noria.toml",
        "",
        "Written from the types that read the file. `noria check` prints your file with every default filled in;",
        "`noria schema` prints the JSON Schema for editors. A key that is not listed here is refused.",
        "",
    ]
    for name, node in _mapping(schema["properties"]).items():
        lines += _section(schema, name, _mapping(node))
    return "\n".join(lines) + "\n"


def _section(schema: Mapping[str, object], name: str, node: Mapping[str, object], depth: int = 2) -> list[str]:
    target, header = _record(schema, name, node)
    lines = [f"{'#' * depth} {header}", "", str(node.get("description") or target.get("description", "")), ""]
    rows, inner = [], []
    name = header.strip("[]")
    for key, field in _mapping(target.get("properties")).items():
        field = _mapping(field)
        found, inner_header = _record(schema, f"{name}.{key}", field)
        if found.get("properties") and "items" not in field:
            inner.append((f"{name}.{key}", field))
            rows.append((f"`{key}`", "table", "", f"see `{inner_header}` below"))
            continue
        required = key in (target.get("required") or [])
        default = "*required*" if required else _literal(field.get("default"))
        rows.append((f"`{key}`", _kind(schema, field), default, str(field.get("description", ""))))
    if rows:
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
        lines.append("")
    if target.get("additionalProperties") not in (None, False) and rows:
        lines += ["Any further key is the name of a column.", ""]
    for inner_name, field in inner:
        lines += _section(schema, inner_name, field, min(depth + 1, 4))
    return lines


def _record(schema: Mapping[str, object], name: str, node: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
    """Follow references to the table a setting is, and how its header is written."""
    node = _resolve(schema, node)
    if "items" in node:
        return _resolve(schema, _mapping(node["items"])), f"[[{name}]]"
    extra = _mapping(node.get("additionalProperties"))
    for pattern in _mapping(node.get("patternProperties")).values():
        extra = _mapping(pattern)
    if extra and not node.get("properties"):
        return _resolve(schema, extra), f"[{name}.NAME]"
    for option in node.get("anyOf", []) if isinstance(node.get("anyOf"), list) else []:
        found = _resolve(schema, _mapping(option))
        if found.get("properties"):
            return found, f"[{name}]"
    return node, f"[{name}]"


def _kind(schema: Mapping[str, object], node: Mapping[str, object]) -> str:
    if "$ref" in node:
        resolved = _resolve(schema, node)
        return "table" if resolved.get("properties") else _kind(schema, resolved)
    if "enum" in node:
        return " or ".join(f"`{_plain(value)}`" for value in node["enum"])  # type: ignore[union-attr]
    if "const" in node:
        return f"`{_plain(node['const'])}`"
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(node.get(word), list):
            kinds = [_kind(schema, _mapping(option)) for option in node[word] if _mapping(option).get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    match node.get("type"):
        case "string":
            return "text"
        case "integer":
            return "whole number"
        case "number":
            return "number"
        case "boolean":
            return "true or false"
        case "array":
            items = _mapping(node.get("items"))
            return f"list of {_kind(schema, items)}" if items else "list"
        case "object":
            return "table"
        case _:
            return "any value"


def _resolve(schema: Mapping[str, object], node: Mapping[str, object]) -> Mapping[str, object]:
    while "$ref" in node:
        node = _mapping(_mapping(schema["$defs"])[str(node["$ref"]).rsplit("/", 1)[-1]])
    return node


def _literal(value: object) -> str:
    if value is None or value == {}:
        return ""
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return str(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


# ── rules of preparation ────────────────────────────────────────────────────────────────────────────────────────────


def rules() -> str:
    """Write every rule of preparation with what it may say, from the words that read them."""
    lines = [
        "# Rules of preparation",
        "",
        "Written from the code that reads them.",
        "[Prepare your data](../../how-to/prepare-data.md) says how they go together.",
        "",
        "| rule | for | what follows the colon | what it does |",
        "|---|---|---|---|",
    ]
    for name, kind in KINDS.items():
        said = " ".join(
            [
                " or ".join(f"`{choice}`" for choice in kind.choices),
                f"({kind.default} if left out)" if kind.default else "",
                f"e.g. `{kind.example}`" if kind.example else "",
            ]
        )
        cells = (f"`{name}`", ", ".join(f"{one}s" for one in kind.features), " ".join(said.split()), kind.help)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += [
        "",
        "## What trees keep of them",
        "",
        "Forests and boosting split on values: rules for all numbers or all categories are left out for them; numbers",
        "go in as they are, categories as codes. They hold nevertheless where a column has rules of its own, or where",
        f"one of the rules is {', '.join(f'`{name}`' for name in KEPT_FOR_TREES if name != 'own')}, or a class of",
        "your own.",
    ]
    return "\n".join(lines) + "\n"


# ── the command line ────────────────────────────────────────────────────────────────────────────────────────────────


def commands() -> str:
    """Write every command with its options, from the parser itself."""
    lines = [
        "# Command line",
        "",
        "Data go to standard output, talk to standard error.",
        "",
    ]
    for title, group in COMMANDS.items():
        lines += [f"## {title}", ""]
        for name, (module, attribute, _) in group.items():
            command = _command(module, attribute)
            if command is not None:
                lines += list(_describe(command, f"noria {name}"))
    return "\n".join(lines) + "\n"


def _command(module: str, attribute: str) -> click.Command | None:
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    assert isinstance(found, click.Command)
    return found


def _describe(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, max_content_width=100)
    yield f"### {name}"
    yield ""
    yield "```text"
    yield command.get_help(context)
    yield "```"
    yield ""
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _describe(found, f"{name} {inner}")


# ── error codes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def errors() -> str:
    """List every error code in the source with its class, exit status and message."""
    found = sorted({entry for path in PACKAGE.rglob("*.py") for entry in _codes(path)}, key=lambda entry: entry[::2])
    lines = [
        "# Error codes",
        "",
        "Every error says what happened, why, and how to mend it, and carries a code that does not change.",
        "`…` stands for what is filled in. See [exit statuses](../exit-status.md).",
        "",
        "| code | status | what happened |",
        "|---|---|---|",
    ]
    lines += [f"| `{code}` | {status} | {_cell(what)} |" for code, status, what in found]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([|<>*_`\[\]{}\\$~])", r"\\\1", " ".join(text.split()))


def _codes(path: Path) -> Iterator[tuple[str, int | str, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = {
        id(node): owner for owner in ast.walk(tree) if isinstance(owner, ast.ClassDef) for node in ast.walk(owner)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        code = next((k.value for k in node.keywords if k.arg == "code"), None)
        if isinstance(code, ast.Constant) and isinstance(code.value, str) and CODE.match(code.value):
            owner = owners.get(id(node))
            name = node.func.id if isinstance(node.func, ast.Name) else owner.name if owner is not None else ""
            yield code.value, _status(name, path), _message(node.args[0])


def _status(name: str, path: Path) -> int | str:
    """Give the exit status of an error's class, which a room may have made from one of noria.errors."""
    kind = getattr(import_module("noria.errors"), name, None)
    if kind is None:
        inside = path.relative_to(PACKAGE.parent).with_suffix("")
        kind = getattr(import_module(".".join(inside.parts)), name, None)
    return getattr(kind, "exit_status", "…")


def _message(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _message(node.left) + _message(node.right)
    return "…"
