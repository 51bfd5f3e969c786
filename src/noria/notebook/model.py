"""Models and their versions in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongArgument
from noria.notebook.listing import Listing
from noria.notebook.markup import heading, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from noria.plots.figure import Figure
    from noria.registry.verdicts import Judgement
    from noria.registry.version import ModelVersion
    from noria.workspace import Workspace

__all__ = ["ShownModel", "ShownVersion", "model_listing"]


@dataclass(frozen=True, repr=False, eq=False)
class ShownVersion:
    """One version of a model; `record` holds every field."""

    record: ModelVersion
    workspace: Workspace

    @property
    def ref(self) -> str:
        """How people write it: ``credit-risk@3``."""
        return self.record.ref

    @property
    def metrics(self) -> Mapping[str, object]:
        """What the evaluation found on the locked test rows."""
        return self.record.metrics

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases that point here."""
        all_of = self.workspace.aliases.all(self.record.model)
        return tuple(alias for alias, number in all_of.items() if number == self.record.number)

    @property
    def judgement(self) -> Judgement | None:
        """What the gates said last; None when it was never judged."""
        return self.workspace.verdicts.of(self.record)

    @property
    def plots(self) -> Mapping[str, Figure]:
        """The drawings of its evaluation, as ``roc`` or ``calibration``; each shows itself and saves itself as SVG."""
        import json  # noqa: PLC0415 - beside its one use

        from noria.evaluation.drawings import drawings  # noqa: PLC0415 - loads numpy

        if "evaluation.json" not in self.record.files:
            return {}
        return drawings(json.loads(self.workspace.registry.file(self.record, "evaluation.json")))

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Score a data frame with this version.

        Parameters
        ----------
        rows : DataFrame
            One row each, with the columns the version was trained on.

        Raises
        ------
        WrongData
            The rows do not fit what the version was trained on.
        """
        import pyarrow as pa  # noqa: PLC0415 - only where rows are scored

        from noria.scoring.scorer import Scorer  # noqa: PLC0415 - loads the model's libraries

        scorer = Scorer.load(self.workspace.registry, self.record, trusted=self.workspace.trusted)
        answered: pd.DataFrame = scorer.score_table(pa.Table.from_pandas(rows, preserve_index=False)).to_pandas()
        return answered

    def frame(self) -> pd.DataFrame:
        """Give the metrics with their intervals as a data frame."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is asked for

        return pd.DataFrame(self._rows(), columns=["metric", "value", "low", "high"])

    def __repr__(self) -> str:
        aliases = f" ({', '.join(self.aliases)})" if self.aliases else ""
        metrics = ", ".join(f"{row[0]} {text(row[1])}" for row in self._rows()[:4])
        return f"{self.ref}{aliases}: {self.record.family}; {metrics}"

    def _rows(self) -> list[list[object]]:
        rows: list[list[object]] = []
        deciding = self.workspace.project.settings.model.metric
        for name, value in sorted(self.record.metrics.items(), key=lambda item: (item[0] != deciding, item[0])):
            found = value if isinstance(value, dict) else {"value": value}
            rows.append([name, found.get("value"), found.get("low"), found.get("high")])
        return rows

    def _repr_html_(self) -> str:
        record = self.record
        note = ", ".join([*self.aliases, record.family, f"data {record.dataset}", f"registered {text(record.created)}"])
        judged = self.judgement
        gates = [
            [verdict.get("gate"), "passed" if verdict.get("passed") else "failed", verdict.get("message")]
            for verdict in (judged.verdicts if judged else ())
        ]
        return (
            heading(self.ref, note)
            + table(["metric", "value", "low", "high"], self._rows(), empty="no metrics")
            + table(["gate", "verdict", "evidence"], gates, empty="no gates were set" if judged else "never judged")
        )


@dataclass(frozen=True, repr=False, eq=False)
class ShownModel:
    """A model: its versions, by number or by alias."""

    name: str
    workspace: Workspace

    def __getitem__(self, which: int | str) -> ShownVersion:
        return ShownVersion(self.workspace.registry.get(self.name, which), self.workspace)

    @property
    def champion(self) -> ShownVersion:
        """The version in production.

        Raises
        ------
        AliasNotFound
            There is none.
        """
        return self["champion"]

    @property
    def versions(self) -> Listing[ShownVersion]:
        """All versions, newest first."""
        shown = tuple(ShownVersion(one, self.workspace) for one in self.workspace.registry.versions(self.name))
        columns = {
            "version": lambda one: one.record.number,
            "aliases": lambda one: ", ".join(one.aliases),
            "family": lambda one: one.record.family,
            "gates": lambda one: {True: "passed", False: "failed", None: "not judged"}[
                one.judgement.passed if one.judgement else None
            ],
            "data": lambda one: one.record.dataset,
            "registered": lambda one: one.record.created,
        }
        return Listing(self.name, shown, columns, self.__getitem__)

    def frame(self) -> pd.DataFrame:
        """Give the versions as a data frame."""
        return self.versions.frame()

    def __repr__(self) -> str:
        return repr(self.versions)

    def _repr_html_(self) -> str:
        return self.versions._repr_html_()


def model_listing(workspace: Workspace) -> Listing[ShownModel]:
    """Give the models."""
    shown = tuple(ShownModel(name, workspace) for name in workspace.registry.models())
    columns = {
        "model": lambda model: model.name,
        "versions": lambda model: len(model.versions),
        "champion": lambda model: workspace.aliases.current(model.name),
    }

    def by_name(name: str) -> ShownModel:
        model, at, which = name.partition("@")
        if at:
            raise WrongArgument(
                f"{name!r} names a version, and here stand models",
                mend=f"project.models[{model!r}][{which if which.isdigit() else repr(which)}]",
                code="N-NOTEBOOK-010",
            )
        workspace.registry.get(name)  # tells a wrong name, with the nearest one
        return ShownModel(name, workspace)

    return Listing("Models", shown, columns, by_name)
