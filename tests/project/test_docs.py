"""What the documentation tells to type can be typed: every command, every setting, every piece of Python."""

from __future__ import annotations

import ast
import re
import shlex
import sys
import tomllib
from pathlib import Path

import click
import pytest

from noria.cli.main import noria
from noria.project.file import validate

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "generated" not in path.parts and "_build" not in path.parts)
BLOCK = re.compile(r"^[ ]*```(\w+)\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)
SMALL = '[project]\nname = "x"\n[data]\nsource = "x.csv"\ntarget = "y"\nkey = ["id"]\n'


def blocks(kind: str) -> list[tuple[str, str]]:
    """Find the fenced blocks of a kind, with the page they stand on."""
    return [
        (str(page.relative_to(DOCS)), "\n".join(line.strip() for line in text.splitlines()))
        for page in PAGES
        for found, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == kind
    ]


def commands() -> list[tuple[str, str]]:
    """Find every line that calls noria."""
    found = []
    for page, text in blocks("text"):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("noria "):
                found.append((page, line.split("   ")[0].split(" | ")[0]))
    return found


def test_there_are_pages() -> None:
    assert len(PAGES) > 15
    assert len(commands()) > 20


@pytest.mark.parametrize(("page", "line"), commands())
def test_each_command_is_understood(page: str, line: str) -> None:
    arguments = shlex.split(line)[1:]
    command: click.Command = noria
    context = click.Context(command, info_name="noria")
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None, f"{page}: {line}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    # Parses the arguments and stops short of doing anything.
    command.make_context(command.name, list(arguments), parent=context)


@pytest.mark.parametrize(("page", "text"), blocks("toml"))
def test_each_setting_is_sound(page: str, text: str) -> None:
    alone = tomllib.loads(text)
    if "project" not in alone:  # a piece of a file: what it does not say itself is put before it
        whole = {"source", "query"} & alone.get("data", {}).keys()
        text = (SMALL.partition("[data]")[0] if whole else SMALL) + text
    validate(text)


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_each_piece_of_python_is_python(page: str, text: str) -> None:
    # Indentation was taken off with the list the block stands in, so only the first level is looked at.
    raw = next(t for p in PAGES for k, t in BLOCK.findall(p.read_text()) if k == "python" and t.split() == text.split())
    ast.parse(raw)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", page.read_text(encoding="utf-8")):
            if "generated" not in target:
                assert (page.parent / target).resolve().is_file(), f"{page.name} -> {target}"


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        assert name == "index" or f"\n{name}\n" in index, name


def test_the_reference_is_written_from_the_code() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import generate
    finally:
        sys.path.remove(str(DOCS))
    settings = generate.settings()
    assert "| `folds` | whole number | `5` |" in settings
    assert "### [tables.NAME.checks]" in settings
    assert "`N-PROJECT-010`" in generate.errors()
    assert "### noria ci init" in generate.commands()


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *PAGES], ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)[^):]*\)", page.read_text(encoding="utf-8")):
        # The generated pages are no files in git: a link to them works in the built documentation only.
        if "generated/" in target and page.is_relative_to(DOCS):
            continue
        assert (page.parent / target).exists(), target
