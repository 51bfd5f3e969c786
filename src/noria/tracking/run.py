"""A run of your own code, while it goes on."""

from __future__ import annotations

import itertools
import os
import shutil
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from noria.errors import NoriaError, WrongArgument
from noria.runs.operations import Finish, Lines, Metrics, Params, Start, Tags, checked_name, number_to
from noria.tracking.lifetime import watch_child
from noria.tracking.shipping import File
from noria.tracking.wording import plain, plain_text, real, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from noria.runs.operations import Ending
    from noria.tracking.channel import Channel, Said

__all__ = ["ActiveRun"]

_FLUSH_SECONDS = 10.0
_ENDINGS = ("finished", "failed", "killed")
_STOPPED = (130, 143)
_NOTE = "mlflow.note.content"


class Watcher(Protocol):
    """Something that goes on beside the run, until it ends."""

    def stop(self) -> None:
        """Stop."""


class ActiveRun:
    """A run that is going on: see `noria.start_run`.

    No method waits for disk or network, but for those that take files, which copy them. What cannot be recorded is
    warned of once (`noria.tracking.channel.LostRun`), and the training goes on; only a call that makes no sense, such
    as a metric that is no number, raises.

    Parameters
    ----------
    id : str
        32 hexadecimal digits.
    name : str
        For people.
    open_channel : callable
        Opens a way out: of this process, and of each that is forked from it.
    start : Start
        The first word.
    url : str
        Its page; empty without a server.
    child : callable
        Starts a run within this one.
    """

    def __init__(
        self,
        id: str,
        name: str,
        *,
        open_channel: Callable[[], Channel],
        start: Start | None,
        url: str = "",
        child: Callable[[str | None], ActiveRun],
    ) -> None:
        self.id = id
        self.name = name
        self.url = url
        self._open_channel = open_channel
        self._child = child
        self._owner = os.getpid()
        self._ended = False
        self._names: set[str] = set()
        self._steps: dict[str, Iterator[int]] = {}
        self._params: dict[str, object] = {}
        self._files = 0
        self._watchers: list[Watcher] = []
        self._channel = open_channel()
        self._append: Callable[[Said], None] = self._channel.append
        if start is not None:
            self._append(start)

    # ---- numbers

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number.

        Parameters
        ----------
        name : str
            Of the metric; ``loss/train`` stands under ``loss`` in pages.
        value : float
            Any number, NaN and infinities included.
        step : int, optional
            Where in the curve; the next of this metric, from 0, when left out.

        Raises
        ------
        WrongArgument
            The name is none, or the value no number.
        """
        if name not in self._names:
            self._names.add(checked_name(name))
        if type(value) is not float:
            value = real(name, value)
        if step is None:
            steps = self._steps.get(name) or self._steps.setdefault(name, itertools.count())
            step = next(steps)
        elif type(step) is not int or not -(1 << 63) <= step < 1 << 63:
            step = whole(name, step)
        self._append((time.time_ns() // 1_000_000, step, name, value))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record several numbers; see `log_metric`."""
        for name, value in metrics.items():
            self.log_metric(name, value, step)

    # ---- words

    def log_param(self, name: str, value: object) -> None:
        """Record a setting, once: another value later is warned of and not taken."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Record settings: anything JSON can say as it is, anything else as its text."""
        new: dict[str, object] = {}
        for name, value in params.items():
            said = plain(value)
            known = self._params.setdefault(checked_name(name, "param"), said)
            if known is said:
                new[name] = said
            elif known != said:
                self._channel.warn(
                    f"param {name}", f"param {name!r} is {known!r:.80} and stays so; {said!r:.80} is not taken"
                )
        if new:
            self._append(Params(new))

    def set_tag(self, name: str, value: object) -> None:
        """Label the run; a later value replaces this one."""
        self.set_tags({name: value})

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Label the run."""
        self._append(Tags({checked_name(name, "tag"): plain_text(value) for name, value in tags.items()}))

    def note(self, text: str) -> None:
        """Write the note that the run's page shows; a later one replaces it."""
        self.set_tag(_NOTE, text)

    def log(self, text: str) -> None:
        """Add to the run's log: one line or several."""
        self._lines(str(text).splitlines())

    # ---- data and files

    def log_input(self, data: object, *, name: str | None = None, context: str | None = "training") -> None:
        """Name data that the run reads: a dataset version of noria, a data frame, an Arrow table, an array.

        Of a table in memory the columns, the number of rows and a digest of the content are recorded, not the rows.

        Raises
        ------
        WrongArgument
            It is nothing of these.
        """
        from noria.tracking.inputs import described  # noqa: PLC0415 - only when asked for

        self._append(described(data, name, context))

    def log_artifact(self, path: str | Path, to: str | None = None) -> None:
        """Keep a file, or all files of a folder, as they are now.

        Parameters
        ----------
        path : path
            The file or folder. It is copied, so that it may change afterwards.
        to : str, optional
            Its name in the run, with ``/`` between folders; its own name when left out.
        """
        source = Path(path)
        target = to or source.resolve().name
        if not source.is_dir():
            self._keep(target, partial(shutil.copyfile, source))
            return
        for file in sorted(source.rglob("*")):
            if file.is_file():
                inner = f"{target}/{file.relative_to(source).as_posix()}"
                self._keep(inner, partial(shutil.copyfile, file))

    def log_text(self, text: str, to: str) -> None:
        """Keep a text as a file."""
        self._keep(to, lambda kept: kept.write_bytes(str(text).encode("utf-8", "replace")))

    def log_dict(self, value: object, to: str) -> None:
        """Keep a dict or list as a JSON file."""
        from noria.tracking.contents import json_bytes  # noqa: PLC0415 - only when asked for

        content = json_bytes(value)
        self._keep(to, lambda kept: kept.write_bytes(content))

    def log_figure(self, figure: object, to: str) -> None:
        """Keep a figure of matplotlib, plotly, Pillow or noria; the ending of the name says in which form."""
        from noria.tracking.contents import figure_bytes  # noqa: PLC0415 - only when asked for

        content = figure_bytes(figure, to)
        self._keep(to, lambda kept: kept.write_bytes(content))

    def log_table(self, table: object, to: str = "table.csv") -> None:
        """Keep a table as ``.csv``, ``.json`` or ``.parquet``: a data frame, a list of rows, a dict of columns."""
        from noria.tracking.contents import table_bytes  # noqa: PLC0415 - only when asked for

        content = table_bytes(table, to)
        self._keep(to, lambda kept: kept.write_bytes(content))

    # ---- its course

    def child(self, name: str | None = None) -> ActiveRun:
        """Start a run within this one, in the same place."""
        return self._child(name)

    def flush(self, seconds: float = _FLUSH_SECONDS) -> bool:
        """Wait until all that was said has arrived, at most so long; say whether it has."""
        return self._channel.flush(seconds)

    def finish(self, status: Ending = "finished", error: BaseException | None = None) -> None:
        """End the run, waiting at most ten seconds until all has arrived; what has not is sent later.

        Raises
        ------
        WrongArgument
            The status is none of ``finished``, ``failed``, ``killed``.
        """
        if status not in _ENDINGS:
            raise WrongArgument(
                f"a run cannot end as {status!r}", mend=f"say one of {', '.join(_ENDINGS)}", code="N-TRACKING-027"
            )
        if self._ended:
            return
        self._ended = True
        for watcher in self._watchers:
            watcher.stop()
        # A child that was forked does not end the run of its parent.
        if self._owner == os.getpid():
            self._append(Finish(_now(), status, None if error is None else _told(error)))
        elif self._append == self._first_word:  # it has said nothing
            self._append = self._too_late
            return
        channel = self._channel
        if not channel.close(_FLUSH_SECONDS):
            channel.warn("away", f"not all has arrived yet; the rest waits in {channel.path.parent}: noria sync")
        self._append = self._too_late

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.finish()
        elif isinstance(error, KeyboardInterrupt) or (isinstance(error, SystemExit) and error.code in _STOPPED):
            self.finish("killed")
        else:
            self.finish("failed", error)

    def __repr__(self) -> str:
        state = "ended" if self._ended else "running"
        return f"<run {self.id[:8]} {self.name!r}, {state}{', ' + self.url if self.url else ''}>"

    def end_with_process(self, error: BaseException | None) -> None:
        """Finish: the process ends, perhaps because of an error."""
        if not self._ended:
            self.__exit__(None if error is None else type(error), error, None)

    def forget_parent(self) -> None:
        """Speak with a voice of its own after a fork, from the first word that this process says."""
        self._channel.forget()
        self._watchers = []
        self._append = self._too_late if self._ended else self._first_word

    # ---- within

    def _first_word(self, said: Said) -> None:
        self._find_voice()
        self._append(said)

    def _find_voice(self) -> None:
        self._channel = self._open_channel()
        self._append = self._channel.append
        watch_child()

    def _too_late(self, _said: Said) -> None:
        self._channel.warn("late", "it has ended; what is said now is not recorded")

    def _watch_with(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def _lines(self, lines: Sequence[str]) -> None:
        if lines:
            self._append(Lines(_now(), [plain_text(line) for line in lines]))

    def _at_once(self, metrics: Mapping[str, float]) -> None:
        step = next(self._steps.setdefault("system/", itertools.count()))
        self._append(Metrics(_now(), step, {name: number_to(value) for name, value in metrics.items()}))

    def _keep(self, to: str, write: Callable[[Path], object]) -> None:
        path = checked_file(to)
        if self._append == self._first_word:  # files lie beside the journal
            self._find_voice()
        folder = self._channel.path.with_suffix(".files")
        kept = folder / uuid.uuid4().hex
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            write(kept)
        except OSError as error:
            kept.unlink(missing_ok=True)
            self._channel.warn(f"file {path}", f"{path} is not kept: {error}")
            return
        self._append(File(path, kept.name))


def checked_file(name: str) -> str:
    """Give the name of a file in a run back when it is one.

    Raises
    ------
    WrongArgument
        It is absolute, climbs, or holds what no file's name should.

    Examples
    --------
    >>> checked_file("plots/roc.png")
    'plots/roc.png'
    """
    parts = name.split("/") if isinstance(name, str) else [""]
    odd = any(part in ("", ".", "..") for part in parts) or any(sign in "\\#%" or sign < " " for sign in str(name))
    if odd or parts[0][1:2] == ":" or len(str(name)) > 500 or plain_text(name) != name:
        raise WrongArgument(
            f"{str(name)[:80]!r} cannot be the name of a file in a run",
            mend="give a relative name such as plots/roc.png, without '..', '\\', '#' or '%'",
            code="N-TRACKING-028",
        )
    return name


def _told(error: BaseException) -> dict[str, str]:
    if isinstance(error, NoriaError):
        return {name: plain_text(value) for name, value in error.to_dict().items()}
    where = traceback.extract_tb(error.__traceback__)[-3:]
    lines = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in where]
    return {
        "type": type(error).__name__,
        "what": plain_text(f"{type(error).__name__}: {error}")[:2_000],
        "why": plain_text("\n".join(lines)),
        "mend": "",
        "code": "",
    }


def _now() -> int:
    return time.time_ns() // 1_000_000
