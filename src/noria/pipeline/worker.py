"""The process that runs steps: ``python -P -c "… noria.pipeline.worker …"``, started by the pool.

Tasks come in and events go out as JSON lines over two pipes of their own; what a step prints goes to
its log file. The worker writes outputs to the content store, where they change nothing until the runner
publishes them.
"""

from __future__ import annotations

import ctypes
import faulthandler
import inspect
import json
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from noria import errors
from noria.errors import BlobNotFound, CorruptedBlob, NoriaError, StepFailed, WrongSetting, did_you_mean
from noria.pipeline.artifact import ArtifactRef, decode, encode
from noria.pipeline.context import StepContext
from noria.pipeline.undeclared import reads
from noria.store.blobs import Blobs
from noria.store.memory import put_aside

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Hello", "Task", "die_with", "main"]

_PR_SET_PDEATHSIG = 1
_TELL_LINES = 6
_TELL_FILES = 3


class Hello(TypedDict):
    """The first line a worker gets."""

    path: list[str]
    root: str
    objects: str
    database_url: str
    log: str
    executor: str
    hands: int | None


class Task(TypedDict):
    """One step to run."""

    step: str
    uses: str
    root: str | None
    inputs: dict[str, dict[str, object]]
    params: dict[str, object]
    seed: int
    run_id: str
    log: str
    forced: bool
    parts: dict[str, object]


class _Unreadable(Exception):
    """An input cannot be read back."""

    def __init__(self, parameter: str, error: NoriaError) -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.error = error


def main(inbox: int, outbox: int, parent: int) -> None:
    """Serve tasks until the runner closes its end.

    Parameters
    ----------
    inbox, outbox : int
        File descriptors of the pipes.
    parent : int
        The runner's process id.
    """
    die_with(parent)
    os.set_inheritable(inbox, False)
    os.set_inheritable(outbox, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to handle
    faulthandler.enable()
    lock = threading.Lock()

    def send(message: Mapping[str, object]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with lock:
            view = memoryview(line)
            while view:
                view = view[os.write(outbox, view) :]

    with os.fdopen(inbox, "rb") as tasks:
        hello = cast("Hello", json.loads(tasks.readline() or b"null"))
        if hello is None:
            return
        sys.path[:] = hello["path"]
        worker = _Worker(hello, send)
        for line in tasks:
            send(worker.run(cast("Task", json.loads(line))))


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent dies, however it dies; else a killed run would go on working."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    with suppress(OSError):
        # When memory runs out the kernel should take the worker, whose step can be told, not the runner.
        Path("/proc/self/oom_score_adj").write_text("300")


class _Worker:
    def __init__(self, hello: Hello, send: Callable[[Mapping[str, object]], None]) -> None:
        self._root = Path(hello["root"])
        self._blobs = Blobs(Path(hello["objects"]))
        self._database_url = hello["database_url"]
        self._idle_log = hello["log"]
        self._executor, self._hands = hello["executor"], hello["hands"]
        put_aside(self._root / ".noria" / "tmp")
        self._send = send

    def run(self, task: Task) -> dict[str, object]:
        """Run one step; every failure becomes a message."""
        _redirect(task["log"])
        try:
            return {"kind": "done", "output": self._perform(task).to_json()}
        except _Unreadable as error:
            traceback.print_exception(error.error)
            return {"kind": "unreadable", "parameter": error.parameter, "error": _fields(error.error)}
        except NoriaError as error:
            traceback.print_exception(error)
            return {"kind": "failed", "error": _fields(error)}
        except BaseException as error:  # noqa: BLE001 - the step runner's face: whatever user code raises is told
            traceback.print_exception(error)
            return {"kind": "failed", "error": _fields(_told(task, error, self._root))}
        finally:
            _redirect(self._idle_log)

    def _perform(self, task: Task) -> ArtifactRef:
        given: dict[str, object] = {}
        for parameter, fields in task["inputs"].items():
            try:
                given[parameter] = decode(ArtifactRef.from_json(fields), self._blobs)
            except (CorruptedBlob, BlobNotFound) as error:
                raise _Unreadable(parameter, error) from error
        given.update(task["params"])
        root = task["root"]
        if root is not None:
            sys.path.insert(0, root)
        try:
            function = _function(task)
            context = self._context(task)
            wanted = inspect.signature(function).parameters
            if "context" in wanted:
                given["context"] = context
            _check(task, wanted, given)
            for parameter in task["inputs"]:
                given[parameter] = _as_annotated(given[parameter], wanted[parameter].annotation)
            _seed(task["seed"])
            try:
                output = function(**given) if root is None else _watched(function, given, context)
            finally:
                context.close()
        finally:
            if root is not None and root in sys.path:
                sys.path.remove(root)
        return encode(output, self._blobs, step=task["step"])

    def _context(self, task: Task) -> StepContext:
        return StepContext(
            task["step"], task["run_id"], self._root, task["seed"], self._blobs, self._database_url, self._send,
            forced=task["forced"], parts=task["parts"], executor=self._executor, hands=self._hands,
        )  # fmt: skip


def _watched(function: Callable[..., object], given: Mapping[str, object], context: StepContext) -> object:
    """Call a step of the user's own, and say which files it read that are in no key."""
    with reads(context.root) as found:
        output = function(**given)
    for name in found[:_TELL_FILES]:
        context.note(
            f"it read {name}, which is in no key: a change of that file runs nothing again "
            "(write cache=False, or give the step what it says as a parameter)"
        )
    return output


def _function(task: Task) -> Callable[..., object]:
    name, _, attribute = task["uses"].partition(":")
    module = import_module(name)
    function = getattr(module, attribute, None)
    if not callable(function):
        raise WrongSetting(
            f"step {task['step']!r} uses {task['uses']}, but the module has no function {attribute!r}",
            why=f"looked in {module.__file__}",
            mend=did_you_mean(attribute, vars(module)) or "correct the name of the function",
            code="N-PIPELINE-030",
        )
    return cast("Callable[..., object]", function)


def _check(task: Task, wanted: Mapping[str, inspect.Parameter], given: Mapping[str, object]) -> None:
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in wanted.values()):
        return
    extra = [name for name in given if name not in wanted]
    lacking = [name for name, one in wanted.items() if one.default is one.empty and name not in given]
    if extra or lacking:
        name = (extra or lacking)[0]
        raise WrongSetting(
            f"step {task['step']!r} "
            + (f"is given {name!r}, which {task['uses']} does not take" if extra else f"is not given {name!r}"),
            why=f"{task['uses']} takes: {', '.join(wanted) or 'nothing'}",
            mend=did_you_mean(name, wanted) if extra else f"give {name!r} a value in [steps.{task['step']}] params",
            code="N-PIPELINE-031",
        )


def _as_annotated(value: object, annotation: object) -> object:
    # Tables travel as Arrow; a function that says it works on a DataFrame gets one.
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if text.rpartition(".")[2] == "DataFrame" and hasattr(value, "to_pandas"):
        return value.to_pandas()
    return value


def _seed(seed: int) -> None:
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def _redirect(log: str) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]


def _fields(error: NoriaError) -> dict[str, str]:
    # A class the runner may not have loaded is told as the nearest one of `noria.errors`.
    known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return {**error.to_dict(), "type": known.__name__}


def _told(task: Task, error: BaseException, project: Path) -> StepFailed:
    message = str(error).strip() or "no message"
    first, *rest = message.splitlines()
    why = [_where(error, task, project), *(line for line in rest[:_TELL_LINES] if line.strip())]
    mend = [f"the whole traceback is in {_relative(task['log'], project)}"]
    if isinstance(error, MemoryError):
        mend.insert(0, "the step ran out of memory: let it work on less at a time")
    if isinstance(error, ModuleNotFoundError) and error.name:
        mend.insert(0, f"pip install {error.name.partition('.')[0]}, or correct the import")
    return StepFailed(
        f"step {task['step']!r} failed: {type(error).__name__}: {first}",
        why="\n".join(line for line in why if line),
        mend="\n".join(mend),
        code="N-PIPELINE-032",
    )


def _where(error: BaseException, task: Task, project: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(error.filename, project)}:{error.lineno}: {(error.text or '').strip()}"
    homes = [task["root"]] if task["root"] else [str(Path(errors.__file__).parent)]
    frames = [frame for frame in _frames(error.__traceback__) if _inside(frame.filename, homes)]
    if not frames:
        return ""
    last = frames[-1]
    return f"{_relative(last.filename, project)}:{last.lineno}, in {last.name}: {last.line or ''}".rstrip(": ")


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    machinery = {__file__, str(Path(__file__).with_name("artifact.py"))}
    return [frame for frame in traceback.extract_tb(trace) if frame.filename not in machinery]


def _inside(filename: str, homes: list[str]) -> bool:
    if "site-packages" in filename and not any("site-packages" in home for home in homes):
        return False
    return any(filename.startswith(home.rstrip("/") + "/") for home in homes)


def _relative(filename: str, project: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(project)) if path.is_relative_to(project) else filename
