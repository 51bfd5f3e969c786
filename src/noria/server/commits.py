"""One writer for all who write: what waits together is made durable together.

A commit costs the same whether one request waits for it or a hundred. So the requests' works queue up, a single
thread takes what waits, runs each behind a savepoint of its own, commits once and then answers all of them. Nothing
waits for company: an idle server commits a lone work at once.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from noria.errors import StoreBusy

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from noria.store.database import Database

__all__ = ["GroupCommit"]

T = TypeVar("T")
_Waiting = tuple["Callable[[sa.Connection], Any]", "Future[Any]"]

_MOST = 512


class GroupCommit:
    """Runs works in shared transactions: a `noria.store.database.Write`.

    Parameters
    ----------
    database : Database
        Where to.

    Examples
    --------
    >>> import tempfile
    >>> import sqlalchemy as sa
    >>> from noria.store.database import Database
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     database = Database(f"sqlite:///{folder}/a.db")
    ...     with GroupCommit(database) as write:
    ...         write(lambda connection: connection.execute(sa.text("SELECT 42")).scalar())
    ...     database.close()
    42
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="noria-commits", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sa.Connection], T]) -> Future[T]:
        """Queue a work; its future is done when what it wrote survives a crash."""
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise StoreBusy("the server is stopping", mend="try again in a moment", code="N-SERVER-081")
            self._waiting.put((work, future))
        return future

    def __call__(self, work: Callable[[sa.Connection], T], /) -> T:
        """Do a work and wait until it is durable."""
        return self.submit(work).result()

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._gate:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def __enter__(self) -> GroupCommit:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < _MOST:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._waiting.put(None)  # once this batch is done
                    break
                batch.append(more)
            self._commit(batch)

    def _commit(self, batch: list[_Waiting]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._database.transaction() as connection:
                for work, future in batch:
                    answers.append((future, *_done(connection, work, alone=len(batch) == 1)))
                if len(answers) == 1 and answers[0][2] is not None:
                    raise answers[0][2]
        except Exception as error:  # noqa: BLE001 - whatever kept the commit from happening is everyone's answer
            for _work, future in batch:
                future.set_exception(error)
            return
        for future, result, failure in answers:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)


def _done(
    connection: sa.Connection, work: Callable[[sa.Connection], T], *, alone: bool
) -> tuple[T | None, BaseException | None]:
    """Do one work; what it wrote is undone when it fails, and the others' stays."""
    if not alone:
        connection.exec_driver_sql("SAVEPOINT one")
    try:
        result = work(connection)
    except Exception as error:  # noqa: BLE001 - the one who asked gets it, and the writer goes on
        if not alone:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one")
            connection.exec_driver_sql("RELEASE SAVEPOINT one")
        return None, error
    if not alone:
        connection.exec_driver_sql("RELEASE SAVEPOINT one")
    return result, None
