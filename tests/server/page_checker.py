"""What holds for every page: nothing inline, nothing from elsewhere, every element closed, every drawing heard."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from noria.server.headers import PAGE_POLICY

if TYPE_CHECKING:
    import httpx

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Checker(HTMLParser):
    """Notes what is not allowed on a page, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.labelled = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if "style" in names or tag == "style":
            self.wrong.append(f"style in <{tag}>")
        self.wrong += [f"{name} in <{tag}>" for name in names if name.startswith("on")]
        if tag == "script" and "src" not in names:
            self.wrong.append("inline script")
        for name in ("src", "href", "action"):
            if re.match(r"\w+:|//", names.get(name) or ""):
                self.wrong.append(f"{name}={names[name]} leads elsewhere")
        if names.get("id"):
            self.ids.append(str(names["id"]))
        if tag == "svg" and not (names.get("aria-label") or names.get("aria-hidden") or names.get("role")):
            self.wrong.append("a drawing nobody can hear")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()


def check(response: httpx.Response) -> None:
    checker = Checker()
    checker.feed(response.text)
    assert checker.wrong == []
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids), "an id stands twice"
    assert response.headers["content-security-policy"] == PAGE_POLICY
