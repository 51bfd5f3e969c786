"""Where a project's rows come from: one source, or a query over several tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from noria.errors import WrongSetting
from noria.sources.change import VOLATILE, token
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from noria.project.file import Project

__all__ = ["Origin", "origin_of"]


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
        ``[tables]`` as JSON: name -> source, key and checks.
    """

    source: str | None
    query: str | None = None
    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

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

    def token(self, *, root: Path, cache: Path) -> str:
        """Say which state of the sources this is, as `noria.sources.change.token`; volatile where one of them is."""
        found = [token(source, root=root, cache=cache) for source in self.sources]
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
            Told what the checks of a table found.

        Raises
        ------
        CheckFailed
            A table breaks a check of its own.
        WrongSetting
            The query cannot be run, or a check names what is not there.
        WrongData, SourceNotFound
            As `noria.sources.source.read`.
        """
        from noria.sources.source import read  # noqa: PLC0415 - only where rows are read

        if self.source is not None:
            return read(self.source, root=root, na_values=na_values, rename=rename)
        from noria.datasets.query import select  # noqa: PLC0415 - as above

        read_tables = {
            name: _checked(name, read(str(table["source"]), root=root, na_values=na_values), table, note)
            for name, table in self.tables.items()
        }
        return select(self.query or "", read_tables, rename=rename)


def origin_of(project: Project) -> Origin:
    """Give where the rows of a project come from."""
    values = cast("Mapping[str, Mapping[str, object]]", project.values)
    tables = cast("Mapping[str, Mapping[str, object]]", values["tables"])
    return Origin(
        source=cast("str | None", values["data"]["source"]),
        query=cast("str | None", values["data"]["query"]),
        tables=tables,
    )


def _checked(name: str, table: pa.Table, settings: Mapping[str, object], note: Callable[[str], None]) -> pa.Table:
    from noria.checks.settings import CheckSettings  # noqa: PLC0415 - only where rows are read
    from noria.checks.suite import run  # noqa: PLC0415 - as above
    from noria.datasets.schema import infer  # noqa: PLC0415 - as above

    checks = CheckSettings.model_validate(settings["checks"])
    key = tuple(cast("Sequence[str]", settings["key"]))
    if not key and checks == CheckSettings():
        return table
    try:
        report = run(table, infer(table), checks, key=key)
    except WrongSetting as error:
        what, why, mend = (
            text.replace("[data.checks]", f"[tables.{name}.checks]") for text in (error.what, error.why, error.mend)
        )
        raise WrongSetting(what, why=why, mend=mend, code=error.code) from error
    for finding in report.findings:
        note(f"table {name}: {finding.severity}: {finding.message}")
    report.raise_if_failed(f"table {name}")
    return report.kept if report.quarantined is not None else table
