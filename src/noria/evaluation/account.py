"""Why this model was chosen, told from the records: data, split, race, choice, locked rows, gates, advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noria.evaluation.advice import Advice, advice
from noria.evaluation.catalogue import DEFINITIONS, Definition
from noria.evaluation.diagnosis import Diagnosed, diagnosed, told
from noria.evaluation.fold_difference import FoldDifference, fold_difference
from noria.evaluation.wording import estimate, figure, plain

__all__ = ["Account", "Chapter", "account"]

_MOST_TOLD = 12


@dataclass(frozen=True)
class Chapter:
    """A heading and sentences."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """The whole account.

    Parameters
    ----------
    title : str
        What is told of.
    chapters : tuple of Chapter
        In the order of the run.
    advice : tuple of Advice
        What follows.
    winner, runner_up : str or None
        Names in the table of candidates.
    lead : FoldDifference or None
        Of the winner over the runner-up.
    diagnosed : Diagnosed or None
        Whether the winner overfits; None where nothing was looked at, as of a clustering.
    """

    title: str
    chapters: tuple[Chapter, ...]
    advice: tuple[Advice, ...]
    winner: str | None
    runner_up: str | None
    lead: FoldDifference | None
    diagnosed: Diagnosed | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {
            "title": self.title,
            "chapters": [{"title": each.title, "lines": list(each.lines)} for each in self.chapters],
            "advice": [each.to_json() for each in self.advice],
            "winner": self.winner,
            "runner_up": self.runner_up,
            "lead": None if self.lead is None else {**vars(self.lead), "certain": self.lead.is_certain},
            "diagnosis": None if self.diagnosed is None else self.diagnosed.to_json(),
        }


def account(facts: Mapping[str, Any]) -> Account:
    """Tell what the records know, in plain words.

    Parameters
    ----------
    facts : mapping
        As `noria.evaluation.report.html` takes them; each part is told where it is there. Beside those: ``standing``,
        names such as ``champion`` that the version has; ``folds``, how many were asked for; ``stopped``, the step and
        the error of a run that did not get to its end.
    """
    selection, evaluation = _mapping(facts.get("selection")), _mapping(facts.get("evaluation"))
    metric = str(evaluation.get("metric") or facts.get("metric") or "")
    definition = DEFINITIONS.get(metric)
    winner = _mapping(selection.get("winner"))
    runner_up = _runner_up(selection)
    share = _test_share(selection, facts)
    # Draws of a clustering are no folds: they share most rows, and the test for folds does not hold.
    lead = None if definition is not None and definition.task == "clustering" else _lead(winner, runner_up, share)
    seen = diagnosed(selection) if winner and definition is not None and definition.task != "clustering" else None
    split, checks = _mapping(facts.get("split")), _mapping(facts.get("checks"))
    said = (
        advice(
            selection,
            metric,
            test=_mapping(_mapping(evaluation.get("metrics")).get(metric)) or None,
            test_share=share,
            train_rows=split.get("train_rows"),
            findings=_rows(checks.get("findings")),
        )
        if definition is not None and winner
        else ()
    )
    chapters = (
        Chapter("Stopped", _stopped(_mapping(facts.get("stopped")))),
        Chapter("Data", _data(_mapping(facts.get("dataset")), split, checks)),
        Chapter("Split", _split(split, facts.get("folds"))),
        Chapter("Race", _race(selection)),
        Chapter(
            "Choice",
            (
                *_choice(winner, runner_up, lead, _mapping(selection.get("baseline")), definition),
                *_finalists(_rows(selection.get("finalists")), definition),
            ),
        ),
        Chapter("Overfitting", () if seen is None or definition is None else told(seen, definition)),
        Chapter("Locked rows", _locked(evaluation, winner, definition)),
        Chapter("Gates", _gates(_rows(facts.get("verdicts")), facts)),
    )
    return Account(
        title=str(facts.get("model") or facts.get("project") or "run"),
        chapters=tuple(each for each in chapters if each.lines),
        advice=said,
        winner=str(winner["name"]) if winner else None,
        runner_up=str(runner_up["name"]) if runner_up else None,
        lead=lead,
        diagnosed=seen,
    )


def _stopped(stopped: Mapping[str, Any]) -> tuple[str, ...]:
    if not stopped:
        return ()
    lines = [f"The run ended in the step {stopped['step']}: {stopped.get('what') or stopped.get('state')}."]
    return (*lines, *(f"{name}: {stopped[name]}" for name in ("why", "mend") if stopped.get(name)))


def _data(dataset: Mapping[str, Any], split: Mapping[str, Any], checks: Mapping[str, Any]) -> tuple[str, ...]:
    lines = []
    if dataset:
        rows = f" with {figure(dataset['rows'])} rows" if dataset.get("rows") is not None else ""
        lines.append(
            f"It learned from {dataset.get('name')}@{dataset.get('number')}{rows} "
            f"(digest {str(dataset.get('digest') or '')[:12]})."
        )
    features, left_out = split.get("features") or (), _mapping(split.get("left_out"))
    if features:
        lines.append(f"{len(features)} columns were features: {_listed(features)}.")
    if left_out:
        lines.append(f"Left out: {'; '.join(f'{name} ({why})' for name, why in left_out.items())}.")
    findings = _rows(checks.get("findings"))
    lines += [f"The checks found, {one.get('severity')}: {one.get('message')}." for one in findings[:_MOST_TOLD]]
    if checks and not findings:
        lines.append("Every check of the data passed.")
    return tuple(line.replace("..", ".") if line.endswith("..") else line for line in lines)


def _split(split: Mapping[str, Any], folds: object) -> tuple[str, ...]:
    if split.get("train_rows") is None:
        return ()
    lines = [
        f"{figure(split['test_rows'])} rows were locked away before anything was tried ({split.get('method')}); "
        f"{figure(split['train_rows'])} were learned from."
    ]
    if split.get("valid"):
        lines.append("One held-out part of these judged the candidates ([split] valid).")
    elif split.get("task") == "clustering":
        lines.append("Candidates were judged by fitting them again to draws of these.")
    elif folds:
        lines.append(f"Candidates were judged in {folds} folds of these, the preparation fitted anew inside each.")
    return tuple(lines)


def _race(selection: Mapping[str, Any]) -> tuple[str, ...]:
    table = _rows(selection.get("table"))
    if not table:
        return ()
    families = {str(row.get("family")) for row in table}
    counts = Counter(str(row.get("status")) for row in table)
    became = ", ".join(f"{counts[status]} {word}" for status, word in _STATUS.items() if counts[status])
    if any("stability" in _mapping(row.get("details")) for row in table):
        became = became.replace("every fold", "every draw")  # groups are judged by finding them again
    lines = [
        f"{len(table)} candidates of {len(families)} families were tried in "
        f"{float(selection.get('seconds') or 0):.1f} s; it ended because {_ending(str(selection.get('stopped_by')))}.",
        f"Of these {became}.",
    ]
    out = [row for row in table if row.get("status") != "complete"]
    lines += [_fate(row) for row in out[:_MOST_TOLD]]
    if len(out) > _MOST_TOLD:
        lines.append(f"{len(out) - _MOST_TOLD} more stand in the report.")
    lines += [f"{str(note)[:1].upper()}{str(note)[1:]}." for note in selection.get("notes") or ()]
    noted = [row for row in table if row.get("status") == "complete" and row.get("note")]
    lines += [f"{row['name']}: {row['note']}." for row in noted[:_MOST_TOLD]]
    return tuple(lines)


_STATUS = {
    "complete": "judged on every fold",
    "dropped": "dropped as clearly worse",
    "skipped": "skipped",
    "failed": "failed",
}


def _fate(row: Mapping[str, Any]) -> str:
    return f"{row['name']} was {row['status']}: {row.get('note') or 'no reason on record'}."


def _ending(stopped_by: str) -> str:
    counted = stopped_by.endswith("trials") and not stopped_by.startswith("no")
    return f"{stopped_by} were done" if counted else stopped_by


def _choice(
    winner: Mapping[str, Any],
    runner_up: Mapping[str, Any],
    lead: FoldDifference | None,
    baseline: Mapping[str, Any],
    definition: Definition | None,
) -> tuple[str, ...]:
    if not winner:
        return ()
    params = ", ".join(f"{name} {plain(value)}" for name, value in _mapping(winner.get("params")).items())
    if definition is None or winner.get("mean") is None:
        return (f"{winner['name']} was chosen ({params or 'no parameters'}).",)
    named = f"{winner['name']} ({params})" if params else str(winner["name"])
    lines = [f"{named} has the best mean over the {_units(definition)}: {_score(winner, definition)}."]
    details = _mapping(winner.get("details"))
    if "stability" in details:
        lines.append(
            f"It finds {details.get('clusters', 0):.0f} groups, and finds them again in other draws of the rows "
            f"(adjusted Rand index {details['stability']:.2f}; 0.75 counts as found again)."
        )
    if runner_up:
        told = f"The runner-up is {runner_up['name']} with {_score(runner_up, definition)}"
        if lead is not None and lead.low is not None and lead.high is not None:
            told += f": {winner['name']} is {_compared(lead)}"
        lines.append(f"{told}.")
    if baseline.get("mean") is not None and winner.get("family") != "dummy":
        how = "beats" if winner["mean"] < baseline["mean"] else "does NOT beat"
        knows = "nothing" if definition.task == "clustering" else "only the target"
        lines.append(f"It {how} the baseline that knows {knows} ({_score(baseline, definition)}).")
    return tuple(lines)


def _finalists(finalists: Sequence[Mapping[str, Any]], definition: Definition | None) -> tuple[str, ...]:
    if definition is None:
        return ()
    return tuple(
        f"As {each.get('kind')} stood {each.get('name')} with {_score(each, definition)}"
        f"{', and was chosen' if each.get('chosen') else ''}: {each.get('why')}."
        for each in finalists
        if each.get("mean") is not None
    )


def _units(definition: Definition) -> str:
    return "draws among those found again" if definition.task == "clustering" else "folds"


def _promise(definition: Definition) -> str:
    return "the draws" if definition.task == "clustering" else "cross-validation"


def _compared(lead: FoldDifference) -> str:
    sure = "the difference is certain" if lead.is_certain else "the difference may be chance"
    return (
        f"better in {lead.better} of {lead.folds} folds, by {figure(lead.mean)} on average (95 % interval "
        f"{figure(lead.low)} to {figure(lead.high)}, corrected for rows that folds share); {sure}"
    )


def _locked(evaluation: Mapping[str, Any], winner: Mapping[str, Any], definition: Definition | None) -> tuple[str, ...]:
    if definition is None or not evaluation:
        return ()
    found = _mapping(_mapping(evaluation.get("metrics")).get(definition.name))
    lines = [
        f"On {figure(evaluation.get('n'))} locked rows: {definition.title} {estimate(found, definition.name)}"
        + (
            f"; {_promise(definition)} had said {figure(definition.from_error(winner['mean']), definition.name)}."
            if winner.get("mean") is not None
            else "."
        )
    ]
    return (*lines, *(f"{note[:1].upper()}{note[1:]}." for note in evaluation.get("notes") or ()))


def _gates(verdicts: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> tuple[str, ...]:
    lines = []
    for each in verdicts:
        message = str(each.get("message") or "")
        outcome = "passed" if each.get("passed") else "FAILED"
        lines.append(f"{each.get('gate')} {outcome}: {message.partition(': ')[2] or message}.")
    standing = facts.get("standing")
    if standing is not None:
        names = _listed(standing) if standing else ""
        lines.append(f"Today it is the {names}." if names else "Today no alias points to it.")
    return tuple(lines)


def _runner_up(selection: Mapping[str, Any]) -> Mapping[str, Any]:
    name = _mapping(selection.get("winner")).get("name")
    rest = [
        row
        for row in _rows(selection.get("table"))
        if row.get("mean") is not None and row.get("name") != name and row.get("family") != "dummy"
    ]
    return min(rest, key=lambda row: float(row["mean"]), default={})


def _lead(winner: Mapping[str, Any], runner_up: Mapping[str, Any], share: float | None) -> FoldDifference | None:
    one, other = winner.get("scores") or (), runner_up.get("scores") or ()
    return fold_difference(one, other, test_share=share) if one and len(one) == len(other) else None


def _test_share(selection: Mapping[str, Any], facts: Mapping[str, Any]) -> float | None:
    """Give rows judged over rows learned from as recorded; older records tell how many folds were asked for only."""
    if selection.get("test_share") is not None:
        return float(selection["test_share"])
    folds = facts.get("folds")
    return 1 / (folds - 1) if isinstance(folds, int) and folds > 1 else None


def _score(row: Mapping[str, Any], definition: Definition) -> str:
    spread = f" (SD {figure(row['sd'], definition.name)})" if row.get("sd") is not None else ""
    return f"{definition.title} {figure(definition.from_error(row['mean']), definition.name)}{spread}"


def _listed(names: Sequence[object]) -> str:
    shown = [str(name) for name in names[:_MOST_TOLD]]
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return ", ".join(shown) + more


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []
