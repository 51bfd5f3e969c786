"""The user's own steps, read from ``pipeline.py`` without importing it.

Planning must neither run a user's module nor pay for its imports, so the decorator's arguments and the
parameters' defaults are read from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from noria.errors import StoreUnavailable, WrongSetting, did_you_mean
from noria.pipeline.step import Step

__all__ = ["Found", "discover", "find", "wire"]

_DECORATORS = frozenset({"noria.step", "noria.pipeline.step.step"})
_OPTIONS = ("name", "replaces", "cache")
_CONTEXT = "context"


@dataclass(frozen=True)
class Found:
    """One decorated function, as its source says it.

    Parameters
    ----------
    name, function : str
        Name of the step, and of the function.
    replaces : str or None
        The step whose place it takes.
    cache : bool
        False runs it every time.
    parameters : mapping of str to tuple
        Parameter -> () without default, (value,) with a literal one, (ellipsis,) with a computed one.
    help : str
        First line of the docstring.
    where : str
        ``pipeline.py:12``.
    """

    name: str
    function: str
    replaces: str | None
    cache: bool
    parameters: Mapping[str, tuple[object, ...]]
    help: str
    where: str


def discover(
    path: Path,
    standard: Sequence[Step] = (),
    params: Mapping[str, Mapping[str, object]] | None = None,
) -> list[Step]:
    """Join the steps of a ``pipeline.py`` with the standard ones.

    Parameters
    ----------
    path : Path
        The file; when it does not exist the standard steps are given back alone.
    standard : sequence of Step
        What the user's steps may take, replace, and are taken by.
    params : mapping, optional
        Step -> parameter -> value, from ``[steps.NAME] params``.

    Raises
    ------
    WrongSetting
        The file is not valid Python, or a step in it cannot be wired.
    """
    if not path.exists():
        found: list[Found] = []
    else:
        try:
            source = path.read_bytes()
        except OSError as error:
            raise StoreUnavailable(
                f"cannot read {path}: {error.strerror or error}",
                mend=f"give yourself the right to read {path.name}",
                code="N-PIPELINE-010",
            ) from error
        found = find(source, path.name)
    return wire(found, standard, params or {}, module=path.stem, root=path.resolve().parent)


def find(source: bytes | str, filename: str = "pipeline.py") -> list[Found]:
    """List the decorated functions of a module.

    Examples
    --------
    >>> text = '''
    ... from noria import step
    ... @step
    ... def tidy(clean, minimum=18): ...
    ... '''
    >>> [(found.name, dict(found.parameters)) for found in find(text)]
    [('tidy', {'clean': (), 'minimum': (18,)})]
    """
    try:
        tree = ast.parse(source, filename)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise WrongSetting(
            f"{filename} is not valid Python: {getattr(error, 'msg', error)}",
            why=f"{filename}:{line}: {(getattr(error, 'text', '') or '').strip()}" if line else "",
            mend=f"correct line {line} of {filename}" if line else f"correct {filename}",
            code="N-PIPELINE-011",
        ) from None
    bound = _bound(tree)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if _dotted(target, bound) in _DECORATORS:
                found.append(_read(node, decorator, tree, filename))
    return found


def wire(
    found: Sequence[Found],
    standard: Sequence[Step],
    params: Mapping[str, Mapping[str, object]],
    *,
    module: str,
    root: Path,
) -> list[Step]:
    """Turn functions into steps: parameters named like a step take its output, the others are settings."""
    names = [step.name for step in standard] + [one.name for one in found]
    inputs_by_word = {_word(name): name for name in names}
    for name in params:
        if name not in names:
            raise WrongSetting(
                f"[steps.{name}] is about no step",
                why=f"the steps are: {', '.join(names)}",
                mend=did_you_mean(name, names) or "remove the section",
                code="N-PIPELINE-012",
            )
    own = {one.name: _step(one, inputs_by_word, params.get(one.name, {}), module, root) for one in found}
    _refuse_twins(found)
    steps = {step.name: step for step in standard}
    for one in found:
        if one.replaces is not None:
            _replace(steps, own, one, names)
    clash = next((one for one in found if one.name in steps and one.replaces != one.name), None)
    if clash is not None:
        raise WrongSetting(
            f"{clash.where}: the pipeline already has a step {clash.name!r}",
            mend=f'rename the function, or write @noria.step(replaces="{clash.name}") to take its place',
            code="N-PIPELINE-013",
        )
    return [*steps.values(), *own.values()]


def _replace(steps: dict[str, Step], own: dict[str, Step], one: Found, names: Iterable[str]) -> None:
    old = one.replaces or ""
    if old not in steps:
        twin = old in own
        raise WrongSetting(
            f"{one.where}: step {one.name!r} replaces {old!r}, which is no step noria brings"
            + (" but one of yours" if twin else ""),
            mend=did_you_mean(old, steps) or f"remove replaces={old!r}, or name a standard step",
            code="N-PIPELINE-014",
        )
    kept = old in own[one.name].inputs.values()
    moved = steps.pop(old)
    aside = f"{old}.standard" if old == one.name else old
    if kept:
        steps[aside] = replace(moved, name=aside)
        own[one.name] = _rewire(own[one.name], old, aside)
    for name, step in [*steps.items()]:
        if name != aside:
            steps[name] = _rewire(step, old, one.name)
    for name, step in [*own.items()]:
        if name != one.name:
            own[name] = _rewire(step, old, one.name)


def _rewire(step: Step, old: str, new: str) -> Step:
    return replace(step, inputs={word: new if source == old else source for word, source in step.inputs.items()})


def _step(one: Found, words: Mapping[str, str], given: Mapping[str, object], module: str, root: Path) -> Step:
    inputs = {word: words[word] for word in one.parameters if word in words}
    settings = [word for word in one.parameters if word not in inputs and word != _CONTEXT]
    for word in settings:
        if not one.parameters[word] and word not in given:
            known = [name for name in words if name != _word(one.name)]
            raise WrongSetting(
                f"{one.where}: parameter {word!r} of step {one.name!r} is neither a step nor has it a default",
                why=f"the steps are: {', '.join(known)}",
                mend=did_you_mean(word, [*known, _CONTEXT])
                or f"name it like the step it takes, give it a default, or set it in [steps.{one.name}] params",
                code="N-PIPELINE-015",
            )
    for word in given:
        if word not in settings:
            raise WrongSetting(
                f"[steps.{one.name}] params: {word!r} is no setting of the step",
                why=f"{one.where} has: {', '.join(settings) or 'none'}",
                mend=did_you_mean(word, settings) or f"remove {word}",
                code="N-PIPELINE-016",
            )
    # A computed default is in no params: the code's digest stands for it.
    literal = {word: one.parameters[word][0] for word in settings if one.parameters[word] not in ((), (...,))}
    return Step(
        one.name,
        uses=f"{module}:{one.function}",
        inputs=inputs,
        params={**literal, **given},
        root=root,
        help=one.help,
        cache=one.cache,
    )


def _read(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, decorator: ast.expr, tree: ast.Module, filename: str
) -> Found:
    where = f"{filename}:{node.lineno}"
    if not isinstance(node, ast.FunctionDef) or node not in tree.body:
        kind = {ast.AsyncFunctionDef: "an async function", ast.ClassDef: "a class"}.get(type(node), "not at top level")
        raise WrongSetting(
            f"{where}: {node.name!r} is {kind}, so it cannot be a step",
            mend="decorate a plain function at the top level of the file",
            code="N-PIPELINE-017",
        )
    options = _options(decorator, where)
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs:
        raise WrongSetting(
            f"{where}: step {node.name!r} has parameters without a name of their own (*, ** or before /)",
            mend="name each parameter: the name says which step's output it gets",
            code="N-PIPELINE-018",
        )
    parameters: dict[str, tuple[object, ...]] = {}
    padding: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    pairs = [
        *zip(arguments.args, [*padding, *arguments.defaults], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        parameters[argument.arg] = () if default is None else (_literal(default),)
    name, replaces, cache = options.get("name"), options.get("replaces"), options.get("cache", True)
    return Found(
        name=name if isinstance(name, str) else node.name,
        function=node.name,
        replaces=replaces if isinstance(replaces, str) else None,
        cache=cache is not False,
        parameters=parameters,
        help=(ast.get_docstring(node) or "").strip().partition("\n")[0],
        where=where,
    )


def _options(decorator: ast.expr, where: str) -> dict[str, object]:
    if not isinstance(decorator, ast.Call):
        return {}
    options: dict[str, object] = {}
    for keyword in decorator.keywords:
        value = _literal(keyword.value)
        allowed = (bool,) if keyword.arg == "cache" else (str, type(None))
        if keyword.arg not in _OPTIONS or not isinstance(value, allowed):
            raise WrongSetting(
                f"{where}: @noria.step cannot take {ast.unparse(keyword)}",
                why="its arguments are read without running the file, so they must be literals",
                mend=did_you_mean(keyword.arg or "", _OPTIONS)
                if keyword.arg not in _OPTIONS
                else f"write {keyword.arg} as a literal",
                code="N-PIPELINE-019",
            )
        options[keyword.arg] = value
    if decorator.args:
        raise WrongSetting(
            f"{where}: @noria.step takes its arguments by name",
            mend='write @noria.step(name="...")',
            code="N-PIPELINE-019",
        )
    return options


def _literal(node: ast.expr) -> object:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return ...
    return _as_json(value)


def _as_json(value: object) -> object:
    if isinstance(value, list | tuple):
        items = [_as_json(item) for item in value]
        return ... if ... in items else items
    if isinstance(value, dict):
        mapped = {key: _as_json(item) for key, item in value.items()}
        return ... if ... in mapped.values() or not all(isinstance(key, str) for key in mapped) else mapped
    return value if value is None or isinstance(value, bool | int | float | str) else ...


def _bound(tree: ast.Module) -> dict[str, str]:
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def _dotted(node: ast.expr, bound: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([bound.get(node.id, node.id), *reversed(parts)])


def _word(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _refuse_twins(found: Sequence[Found]) -> None:
    seen: dict[str, Found] = {}
    places: dict[str, Found] = {}
    for one in found:
        other = places.setdefault(one.replaces, one) if one.replaces else one
        if other is not one:
            raise WrongSetting(
                f"two steps replace {one.replaces!r}: {other.name!r} and {one.name!r}",
                why=f"at {other.where} and {one.where}",
                mend="do both in one function, or let one of them be called by the other",
                code="N-PIPELINE-022",
            )
        if one.name in seen:
            raise WrongSetting(
                f"two steps are named {one.name!r}",
                why=f"at {seen[one.name].where} and {one.where}",
                mend="rename one of them",
                code="N-PIPELINE-001",
            )
        seen[one.name] = one
