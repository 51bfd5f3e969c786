"""Where a project's rows come from: one source, or a query over several tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from noria.errors import WrongSetting
from noria.sources.change import VOLATILE, token
from noria.sources.kind import Pull
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from noria.checks.settings import CheckSettings
    from noria.project.file import Project
    from noria.project.pulls import Pulls

__all__ = ["Origin", "looked_up", "origin_of"]


@dataclass(frozen=True)
class Origin:
    """One source, or a query over tables that each have one.

    Attributes
    ----------
    source : str or None
        ``[data] source``.
    query : str or None
        ``[data] query``, where there is no source.
    tables : mapping of str to mapping
        ``[tables]`` as JSON: name -> source, key, incremental and checks.
    incremental : mapping, optional
        ``[data] incremental`` as JSON, where there is a source.
    """

    source: str | None
    query: str | None = None
    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    incremental: Mapping[str, object] | None = None

    @property
    def text(self) -> str:
        """Where the rows come from, for people.

        Examples
        --------
        >>> Origin(None, "SELECT * FROM loans JOIN bureau USING (id)", {"loans": {}, "bureau": {}}).text
        'a query over loans, bureau'
        """
        return self.source if self.source is not None else f"a query over {', '.join(self.tables)}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that is read."""
        if self.source is not None:
            return (self.source,)
        return tuple(str(table["source"]) for table in self.tables.values())

    @property
    def is_pulled(self) -> bool:
        """Whether any source is pulled bit by bit."""
        if self.source is not None:
            return bool(self.incremental)
        return any(table.get("incremental") for table in self.tables.values())

    def token(self, *, root: Path, cache: Path) -> str:
        """Say which state of the sources this is, as `noria.sources.change.token`; volatile where one of them is."""
        columns = [_column(self.incremental)] if self.source is not None else [
            _column(table.get("incremental")) for table in self.tables.values()
        ]  # fmt: skip
        found = [
            token(source, root=root, cache=cache, changed=column)
            for source, column in zip(self.sources, columns, strict=True)
        ]
        if self.source is not None:
            return found[0]
        return VOLATILE if VOLATILE in found else digest_json(found)

    def read(
        self,
        *,
        root: Path,
        na_values: Sequence[str] = (),
        rename: Mapping[str, str] | None = None,
        note: Callable[[str], None] = lambda _text: None,
        progress: Callable[[float | None, str], None] = lambda _done, _text: None,
        pulls: Pulls | None = None,
        key: Sequence[str] = (),
        store: Path | None = None,
    ) -> pa.Table:
        """Read the rows.

        Parameters
        ----------
        root : Path
            Folder that relative paths start from.
        na_values : sequence of str
            Cells that mean "missing", in each table.
        rename : mapping of str to str, optional
            Name in the source, or in the query's result -> name to use.
        note : callable
            Told what the checks of a table found, and what is odd about the rows.
        progress : callable
            Told how far a long pull is.
        pulls : Pulls, optional
            What was pulled before; without it every source is read whole.
        key : sequence of str
            ``[data] key``.
        store : Path, optional
            The folder ``.noria``.

        Raises
        ------
        CheckFailed
            A table breaks a check of its own.
        WrongSetting
            The query cannot be run, or a check names what is not there.
        WrongData, SourceNotFound
            As `noria.sources.source.read`.
        """
        from noria.sources.source import finished, read  # noqa: PLC0415 - only where rows are read

        pull = Pull(root, tuple(na_values), store, note, progress)

        def rows(
            source: str,
            wanted: object,
            name: str,
            key: Sequence[str],
            rename: Mapping[str, str] | None = None,
        ) -> pa.Table:
            if pulls is None or not wanted:
                return read(source, root=root, na_values=na_values, rename=rename, store=store, note=note,
                            progress=progress)  # fmt: skip
            found = pulls.pull(
                source, cast("Mapping[str, object]", wanted), pull, table=name, key=key, rename=rename or {}
            )
            return finished(found, source, na_values=na_values, note=note)

        if self.source is not None:
            return rows(self.source, self.incremental, "", key, rename)
        from noria.datasets.query import select  # noqa: PLC0415 - as above

        as_read = {
            name: rows(str(table["source"]), table.get("incremental"), name, cast("Sequence[str]", table["key"]))
            for name, table in self.tables.items()
        }
        read_tables = {name: _checked(name, as_read, table, note) for name, table in self.tables.items()}
        return select(self.query or "", read_tables, rename=rename)


def looked_up(
    checks: CheckSettings, tables: Mapping[str, Mapping[str, object]], *, root: Path, na_values: Sequence[str] = ()
) -> dict[str, pa.Table]:
    """Read the tables that ``[data.checks] references`` look values up in: the columns wanted, no others.

    Parameters
    ----------
    checks : CheckSettings
        Names the tables.
    tables : mapping of str to mapping
        ``[tables]`` as JSON.
    root, na_values
        As in `Origin.read`.
    """
    from noria.sources.source import read  # noqa: PLC0415 - only where rows are read

    found = {}
    for name, columns in checks.tables_named.items():
        if name in tables:  # what is not there is told by the check itself
            table = read(str(tables[name]["source"]), root=root, na_values=na_values)
            # Where a column is not there, the check that wants it tells which are.
            found[name] = table.select(columns) if set(columns) <= set(table.column_names) else table
    return found


def origin_of(project: Project) -> Origin:
    """Give where the rows of a project come from."""
    values = cast("Mapping[str, Mapping[str, object]]", project.values)
    tables = cast("Mapping[str, Mapping[str, object]]", values["tables"])
    return Origin(
        source=cast("str | None", values["data"]["source"]),
        query=cast("str | None", values["data"]["query"]),
        tables=tables,
        incremental=cast("Mapping[str, object] | None", values["data"]["incremental"]),
    )


def _column(incremental: object) -> str | None:
    return str(incremental["column"]) if isinstance(incremental, dict) else None


def _checked(
    name: str, tables: Mapping[str, pa.Table], settings: Mapping[str, object], note: Callable[[str], None]
) -> pa.Table:
    from noria.checks.settings import CheckSettings  # noqa: PLC0415 - only where rows are read
    from noria.checks.suite import run  # noqa: PLC0415 - as above
    from noria.datasets.schema import infer  # noqa: PLC0415 - as above

    table, checks = tables[name], CheckSettings.model_validate(settings["checks"])
    key = tuple(cast("Sequence[str]", settings["key"]))
    if not key and checks == CheckSettings():
        return table
    try:
        report = run(table, infer(table), checks, key=key, tables=tables)
    except WrongSetting as error:
        what, why, mend = (
            text.replace("[data.checks]", f"[tables.{name}.checks]").replace("the key", f"[tables.{name}] key")
            for text in (error.what, error.why, error.mend)
        )
        raise WrongSetting(what, why=why, mend=mend, code=error.code) from error
    for finding in report.findings:
        note(f"table {name}: {finding.severity}: {finding.message}")
    report.raise_if_failed(f"table {name}")
    return report.kept if report.quarantined is not None else table
