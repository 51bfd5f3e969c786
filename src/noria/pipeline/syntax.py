"""What one source file says: a digest of its meaning, and what it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from noria.store.blobs import digest_bytes

__all__ = ["Facts", "facts", "opaque"]

_DIGITS = 32
_MODULE_LIKE = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?")
_LOADERS = frozenset({"import_module", "__import__", "find_spec", "run_module", "reload", "resolve_name"})
_UNREADABLE = frozenset({"exec", "eval", "run_path", "spec_from_file_location", "entry_points", "compile"})
_PASSED_ON = frozenset({"import_module", "__import__", "run_module", "run_path", "resolve_name"})
_READS_DOCS = frozenset({"__doc__", "getdoc", "get_docstring"})


@dataclass(frozen=True)
class Facts:
    """One file, read.

    Parameters
    ----------
    digest : str
        Of the syntax tree without positions, comments and docstrings.
    documented : str
        The same with docstrings, for closures in which somebody reads them.
    imports : tuple of str
        Dotted names that may be modules; leading dots are relative to the file's package.
    stars : tuple of str
        Modules of ``from x import *``.
    exports : tuple of str
        ``__all__``, where it is literal.
    strings : tuple of str
        Names that may be modules, in a file that loads modules by name.
    dynamic : str
        How it loads code that cannot be followed, or "".
    reads_docs : bool
        It reads docstrings as data.
    """

    digest: str
    documented: str
    imports: tuple[str, ...] = ()
    stars: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    dynamic: str = ""
    reads_docs: bool = False

    def to_json(self) -> list[object]:
        """Give the fields as JSON, in order."""
        return [
            self.digest,
            self.documented,
            list(self.imports),
            list(self.stars),
            list(self.exports),
            list(self.strings),
            self.dynamic,
            self.reads_docs,
        ]


def facts(source: bytes, filename: str) -> Facts:
    r"""Read a file of Python source.

    Raises
    ------
    SyntaxError
        It is not valid Python.

    Examples
    --------
    >>> facts(b"import a.b  # why", "m.py").imports
    ('a.b',)
    >>> facts(b"def f(): return 1", "m.py").digest == facts(b"def f():\n    'Doc.'\n    return 1", "m.py").digest
    True
    """
    reader = _Reader()
    reader.body(ast.parse(source, filename).body, docstring=True)
    bare = digest_bytes("\n".join(reader.bare).encode(errors="surrogatepass"))[:_DIGITS]
    documented = digest_bytes("\n".join([*reader.bare, *reader.docs]).encode(errors="surrogatepass"))[:_DIGITS]
    chains = {
        ".".join([reader.bound[head], *rest]) for head, *rest in reader.chains if head in reader.bound and len(rest) < 6
    }
    return Facts(
        digest=bare,
        documented=documented,
        imports=tuple(sorted(reader.imports | chains)),
        stars=tuple(sorted(reader.stars)),
        exports=tuple(reader.exports),
        strings=tuple(sorted(reader.strings)) if reader.dynamic else (),
        dynamic=reader.dynamic,
        reads_docs=reader.reads_docs,
    )


def opaque(content: bytes) -> Facts:
    """Read a file that is no source, such as a compiled module, by its bytes alone."""
    digest = digest_bytes(content)[:_DIGITS]
    return Facts(digest=digest, documented=digest)


@dataclass
class _Reader:
    """One walk over the tree: writes it down without positions and collects what it imports.

    `ast.dump` followed by `ast.walk` does the same in twice the time, which is seconds for a large project.
    """

    bare: list[str] = field(default_factory=list)
    docs: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    stars: set[str] = field(default_factory=set)
    exports: list[str] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)
    chains: set[tuple[str, ...]] = field(default_factory=set)
    bound: dict[str, str] = field(default_factory=dict)
    dynamic: str = ""
    reads_docs: bool = False
    called: set[int] = field(default_factory=set)

    def body(self, nodes: list[ast.stmt], *, docstring: bool) -> None:
        self.bare.append("[")
        for position, node in enumerate(nodes):
            if position == 0 and docstring and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                value = node.value.value
                if isinstance(value, str):
                    self.docs.append(f"{len(self.bare)} {value!r}")
                    continue
            self.node(node)
        self.bare.append("]")

    def node(self, node: ast.AST) -> None:
        special = _SPECIAL.get(type(node))
        if special is not None and special(self, node):
            return
        self.bare.append(type(node).__name__)
        documented = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self.node(value)
            elif isinstance(value, list):
                if name == "body" and documented:
                    self.body(value, docstring=True)
                    continue
                self.bare.append("[")
                for item in value:
                    if isinstance(item, ast.AST):
                        self.node(item)
                    else:
                        self.bare.append(repr(item))
                self.bare.append("]")
            else:
                self.bare.append(repr(value))

    def type_checking(self, node: ast.AST) -> bool:
        # What only a type checker sees is never executed, so it changes no result.
        if isinstance(node, ast.If) and _word(node.test) == "TYPE_CHECKING":
            self.body(node.orelse, docstring=False)
            return True
        return False

    def plain_import(self, node: ast.Import) -> bool:
        for alias in node.names:
            self.imports.add(alias.name)
            top = alias.name.partition(".")[0]
            self.bound[alias.asname or top] = alias.name if alias.asname else top
        return False

    def from_import(self, node: ast.ImportFrom) -> bool:
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.stars.add(origin)
                self.imports.add(origin)
                continue
            target = origin + alias.name if origin.endswith(".") else f"{origin}.{alias.name}"
            self.imports.add(target)
            self.bound[alias.asname or alias.name] = target
            if alias.asname != alias.name and alias.asname:
                self.passed_on(alias.name, node)
        return False

    def passed_on(self, word: str, node: ast.AST) -> None:
        """Note a loader that is renamed or handed on, so that its calls cannot be told from others."""
        if word in _PASSED_ON and id(node) not in self.called:
            self.dynamic = self.dynamic or f"{word}, line {getattr(node, 'lineno', 0)}"

    def attribute(self, node: ast.Attribute) -> bool:
        if node.attr in _READS_DOCS:
            self.reads_docs = True
        self.passed_on(node.attr, node)
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.chains.add((inner.id, *reversed(parts)))
        return False

    def name(self, node: ast.Name) -> bool:
        if node.id in _READS_DOCS:
            self.reads_docs = True
        self.passed_on(node.id, node)
        self.bare.append(node.id)
        return True

    def constant(self, node: ast.Constant) -> bool:
        value = node.value
        if isinstance(value, str) and len(value) < 200 and _MODULE_LIKE.fullmatch(value):
            self.strings.add(value.partition(":")[0])
            self.passed_on(value, node)
            self.reads_docs = self.reads_docs or value in _READS_DOCS
        self.bare.append(repr(value))
        return True

    def call(self, node: ast.Call) -> bool:
        word = _word(node.func)
        self.called.add(id(node.func))
        if word in _LOADERS:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self.imports.add(first.value.partition(":")[0])
            else:
                self.dynamic = self.dynamic or f"{word}, line {node.lineno}"
        # re.compile and frame.eval are not what is meant
        elif word in _UNREADABLE and (isinstance(node.func, ast.Name) or word not in ("compile", "eval", "exec")):
            self.dynamic = self.dynamic or f"{word}, line {node.lineno}"
        return False

    def assign(self, node: ast.AST) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets) and isinstance(
            value, ast.List | ast.Tuple
        ):
            for item in value.elts:
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    self.exports.append(item.value)
        return False


_SPECIAL: Mapping[type[ast.AST], Callable[..., bool]] = {
    ast.If: _Reader.type_checking,
    ast.Import: _Reader.plain_import,
    ast.ImportFrom: _Reader.from_import,
    ast.Attribute: _Reader.attribute,
    ast.Name: _Reader.name,
    ast.Constant: _Reader.constant,
    ast.Call: _Reader.call,
    ast.Assign: _Reader.assign,
    ast.AnnAssign: _Reader.assign,
    ast.AugAssign: _Reader.assign,
}
"""Node type -> what to collect from it; True when it has also been written down."""


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
