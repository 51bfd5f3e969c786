"""The report of one model: what was chosen, how good it is, whether it may pass, and from what it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noria.evaluation import sections
from noria.evaluation.catalogue import DEFINITIONS
from noria.evaluation.drawings import candidates, drawings
from noria.evaluation.evaluate import Evaluation
from noria.evaluation.fold_comparison import against_winner
from noria.evaluation.report_diagnosis import overfitting, overfitting_figures
from noria.evaluation.report_explained import choice, explained, groups
from noria.evaluation.wording import estimate, figure, interval, plain, title_of
from noria.plots import html_page, markdown_page
from noria.plots.document import (
    Block,
    Cell,
    Column,
    Document,
    Drawings,
    Pairs,
    Paragraph,
    Section,
    Table,
    Tile,
)

if TYPE_CHECKING:
    from noria.plots.figure import Figure

__all__ = ["document", "html", "markdown"]

_MOST_ROWS = 15


def html(facts: Mapping[str, object]) -> str:
    """Write a page that stands by itself: style and drawings inside, no script, nothing from outside.

    Parameters
    ----------
    facts : mapping
        JSON. ``evaluation`` is needed (``Evaluation.to_json``); the rest is shown where it is there: ``project``,
        ``model`` (as ``credit-risk@3``), ``created``, ``run_id``, ``code_commit``, ``code_clean``, ``family``,
        ``selection`` (``Selection.to_json``), ``looks`` (versions judged on the same test rows), ``verdicts``
        (``gates.to_json``), ``dataset`` (a version), ``split``, ``checks`` (a report of the checks), ``params``,
        ``environment``, ``explanation`` (what the model looks at).
    """
    return html_page.write(document(facts))


def markdown(facts: Mapping[str, object]) -> str:
    """Write the same as Markdown, with tables instead of drawings; see `html`."""
    return markdown_page.write(document(facts))


def document(facts: Mapping[str, object]) -> Document:
    """Lay the report out; see `html` for the facts."""
    evaluation = Evaluation.from_json(_mapping(facts["evaluation"]))
    verdicts = _rows(facts.get("verdicts"))
    name = str(facts.get("model") or facts.get("project") or "model")
    parts = (
        _gates(verdicts),
        _metrics(evaluation, sections.looks(_mapping(facts.get("looks")), evaluation)),
        sections.classes(evaluation),
        sections.decision(evaluation),
        sections.regions(evaluation),
        _drawn(evaluation),
        _tables(evaluation),
        _selection(_mapping(facts.get("selection")), evaluation.metric),
        choice(facts),
        overfitting(_mapping(facts.get("selection")), evaluation.metric),
        overfitting_figures(_mapping(facts.get("selection")), evaluation.metric),
        _slices(evaluation),
        groups(_mapping(facts.get("explanation")), _mapping(facts.get("selection"))),
        explained(_mapping(facts.get("explanation"))),
        *(sections.fairness(each, evaluation.positive) for each in evaluation.fairness),
        _prepared(_rows(_mapping(facts.get("selection")).get("preparation"))),
        _data(facts),
        _named("Parameters", _mapping(facts.get("params"))),
        _named("Environment", _flat(_mapping(facts.get("environment"))), folded=True),
    )
    return Document(
        name, _subtitle(facts), _tiles(evaluation, verdicts, facts), tuple(each for each in parts if each)
    )  # fmt: skip


def _subtitle(facts: Mapping[str, object]) -> str:
    commit = str(facts.get("code_commit") or "")
    parts = [
        str(facts.get("created") or ""),
        f"run {facts['run_id']}" if facts.get("run_id") else "",
        f"code {commit[:10]}{'' if facts.get('code_clean', True) else ' with uncommitted changes'}" if commit else "",
    ]
    return " · ".join(part for part in parts if part)


def _tiles(
    evaluation: Evaluation, verdicts: Sequence[Mapping[str, Any]], facts: Mapping[str, object]
) -> tuple[Tile, ...]:
    deciding = evaluation.metrics[evaluation.metric].to_json()
    tiles = [
        Tile(
            title_of(evaluation.metric),
            figure(deciding["value"], evaluation.metric),
            f"95 % interval {interval(deciding, evaluation.metric)}" if deciding["low"] is not None else "",
        )
    ]
    if verdicts:
        passed = sum(bool(each.get("passed")) for each in verdicts)
        whole = passed == len(verdicts)
        tiles.append(Tile("Gates", f"{passed} of {len(verdicts)}", "passed", "good" if whole else "bad"))
    if facts.get("family"):
        tiles.append(Tile("Model", str(facts["family"]), evaluation.task))
    counts = ", ".join(f"{n:,} {label}" for label, n in zip(evaluation.classes, evaluation.counts, strict=True))
    tiles.append(Tile("Test rows", f"{evaluation.n:,}", counts if len(evaluation.classes) <= 4 else ""))
    dataset = _mapping(facts.get("dataset"))
    if dataset:
        tiles.append(Tile("Data", _dataset(dataset), f"{figure(dataset.get('rows'))} rows"))
    return tuple(tiles)


def _gates(verdicts: Sequence[Mapping[str, Any]]) -> Section | None:
    if not verdicts:
        return None
    rows = tuple(
        (
            Cell("passed", "good") if each.get("passed") else Cell("failed", "bad"),
            Cell(str(each.get("gate", "")), "strong"),
            Cell(str(each.get("message", "")).partition(": ")[2] or str(each.get("message", ""))),
        )
        for each in verdicts
    )
    return Section("Gates", (Table((Column("Verdict"), Column("Gate"), Column("Found")), rows),))


def _metrics(evaluation: Evaluation, looks: tuple[Paragraph, ...] = ()) -> Section:
    shown = [evaluation.metric, *(name for name in evaluation.metrics if name != evaluation.metric)]
    rows = tuple(
        (
            Cell(title_of(name), "strong" if name == evaluation.metric else ""),
            Cell(figure(evaluation.metrics[name].value, name), "strong" if name == evaluation.metric else ""),
            Cell(interval(evaluation.metrics[name].to_json(), name), "muted"),
            Cell("higher" if DEFINITIONS[name].greater_is_better else "lower", "muted"),
            Cell(_meaning(name, evaluation), "muted"),
        )
        for name in shown
    )
    columns = (
        Column("Metric"),
        Column("Value", right=True),
        Column(f"{evaluation.level * 100:g} % interval", right=True),
        Column("Better"),
        Column("What it says"),
    )
    how = (
        f"On {evaluation.n:,} locked test rows that no training and no choice has seen. Intervals: percentile "
        f"bootstrap, {evaluation.resamples:,} resamples{', stratified by class' if evaluation.classes else ''}, "
        f"seed {evaluation.seed}."
    )
    notes = tuple(Paragraph(note[:1].upper() + note[1:] + ".", "bad") for note in evaluation.notes)
    return Section("Metrics", (Paragraph(how, "muted"), *looks, *notes, Table(columns, rows)))


def _meaning(name: str, evaluation: Evaluation) -> str:
    several = DEFINITIONS[name].several if len(evaluation.classes) > 2 else ""
    return " ".join(part for part in (DEFINITIONS[name].definition, several) if part)


def _drawn(evaluation: Evaluation) -> Section | None:
    apart = ("slices", "fairness ")  # drawn in sections of their own
    figures: list[Figure] = [each for name, each in drawings(evaluation).items() if not name.startswith(apart)]
    return Section("Plots", (Drawings(tuple(figures)),)) if figures else None


def _tables(evaluation: Evaluation) -> Section | None:
    """Give the drawings as tables, for readers and hosts without them."""
    blocks: list[Block] = []
    if evaluation.confusion is not None and len(evaluation.classes) <= _MOST_ROWS:
        labels = [str(label) for label in evaluation.classes]
        blocks.append(Paragraph("Confusion: truth down, prediction across.", "muted"))
        head = (Column("Truth"), *(Column(label, right=True) for label in labels))
        rows = zip(labels, evaluation.confusion, strict=True)
        blocks.append(Table(head, tuple((Cell(label), *(Cell(f"{n:,}") for n in row)) for label, row in rows)))
    if evaluation.calibration is not None:
        blocks.append(Paragraph("Calibration: predicted and observed share per bin.", "muted"))
        head = tuple(Column(name, right=True) for name in ("Rows", "Predicted", "Observed", "95 % interval"))
        bins = tuple(
            (
                Cell(f"{each.n:,}"),
                Cell(f"{each.predicted:.1%}"),
                Cell(f"{each.observed:.1%}"),
                Cell(f"{each.low:.1%} to {each.high:.1%}", "muted"),
            )
            for each in evaluation.calibration.bins
        )
        blocks.append(Table(head, bins))
        curve = evaluation.calibration
        if curve.reliability is not None and curve.resolution is not None and curve.uncertainty is not None:
            apart = (
                f"The Brier score taken apart: reliability {curve.reliability:.4f} (0 is perfect) - resolution "
                f"{curve.resolution:.4f} (the more the better) + uncertainty {curve.uncertainty:.4f} of the outcome."
            )
            blocks.append(Paragraph(apart, "muted"))
    if evaluation.clusters is not None:
        head = (Column("Cluster"), Column("Rows", right=True), Column("Share", right=True))
        sizes = tuple(
            (Cell("noise" if name == "-1" else name), Cell(f"{n:,}"), Cell(f"{n / evaluation.n:.1%}"))
            for name, n in evaluation.clusters.sizes.items()
        )
        blocks.append(Table(head, sizes))
    if evaluation.residuals is not None:
        rest = evaluation.residuals
        blocks.append(
            Paragraph(f"Truth minus prediction: mean {figure(rest.bias)}, standard deviation {figure(rest.spread)}.")
        )
    return Section("Figures behind the plots", tuple(blocks), folded=True) if blocks else None


def _selection(selection: Mapping[str, Any], metric: str) -> Section | None:
    found = _rows(selection.get("table"))
    if not found:
        return None
    winner = _mapping(selection.get("winner")).get("name")
    definition = DEFINITIONS[metric]
    # Draws of a clustering are no folds: they share most rows, and the test for folds does not hold.
    are_folds = definition.task != "clustering"
    beside = against_winner(found, str(winner), test_share=selection.get("test_share")) if are_folds else {}
    rows = tuple(
        (
            Cell(str(each.get("name")), "strong" if each.get("name") == winner else ""),
            Cell("–" if each.get("mean") is None else figure(definition.from_error(each["mean"]), metric)),
            Cell(figure(each.get("sd"), metric), "muted"),
            Cell(_proven(beside.get(str(each.get("name")))), "muted"),
            Cell(f"{each.get('seconds') or 0:.1f}", "muted"),
            Cell(
                _outcome(each, str(winner)),
                "good" if each.get("name") == winner else "muted",
            ),
            Cell(_params(_mapping(each.get("params"))), "muted"),
        )
        for each in found[:_MOST_ROWS]
    )
    columns = (
        Column("Candidate"),
        Column(definition.title, right=True),
        Column("SD over folds" if are_folds else "SD over draws", right=True),
        Column("Beside the winner"),
        Column("Seconds", right=True),
        Column("Outcome"),
        Column("Parameters"),
    )
    how = " in cross-validation on" if are_folds else ", fitted again to draws of"
    said = [f"{len(found)} candidates{how} the training rows"]
    if selection.get("stopped_by"):
        said.append(f"ended by: {selection['stopped_by']}")
    if selection.get("beats_baseline") is False:
        said.append("the winner does not beat the baseline that knows only the target")
    if beside:
        said.append(
            "beside the winner: corrected resampled t test over the folds, adjusted by Holm's rule for all of them"
        )
    drawn = candidates(selection, metric)
    blocks: tuple[Block, ...] = (Paragraph("; ".join(said) + ".", "muted"),)
    blocks = (*blocks, *((Drawings((drawn,)),) if drawn else ()), *_finalists(selection, metric))
    return Section("Selection", (*blocks, Table(columns, rows)))


def _finalists(selection: Mapping[str, Any], metric: str) -> tuple[Block, ...]:
    """Lay out what the choice was between in the end."""
    definition = DEFINITIONS[metric]
    rows = tuple(
        (
            Cell(str(each.get("kind"))),
            Cell(", ".join(f"{share:.0%} {name}" for name, share in _by_share(_mapping(each.get("members"))))),
            Cell("–" if each.get("mean") is None else figure(definition.from_error(each["mean"]), metric)),
            Cell("–" if each.get("latency_ms") is None else f"{each['latency_ms']:.3g}"),
            Cell("–" if each.get("size_kb") is None else f"{each['size_kb']:,.4g}"),
            Cell("chosen", "good") if each.get("chosen") else Cell(""),
            Cell(str(each.get("why")), "muted"),
        )
        for each in _rows(selection.get("finalists"))
    )
    columns = (
        Column("Finalist"), Column("Made of"), Column(definition.title, right=True),
        Column("CPU ms a row", right=True), Column("kB", right=True), Column(""), Column("Why"),
    )  # fmt: skip
    return (Table(columns, rows),) if rows else ()


def _by_share(members: Mapping[str, Any]) -> list[tuple[str, float]]:
    return sorted(members.items(), key=lambda member: -member[1])


def _proven(found: tuple[str, float] | None) -> str:
    if found is None:
        return ""
    said, p = found
    return f"{'not told apart' if said == 'inconclusive' else said} (p {'< 0.001' if p < 0.001 else f'{p:.3f}'})"


def _slices(evaluation: Evaluation) -> Section | None:
    found = evaluation.slices.get(evaluation.metric, ())
    if not found:
        return None
    rows = tuple(
        (
            Cell(each.name),
            Cell(f"{each.n:,}"),
            Cell(figure(each.estimate.value, evaluation.metric)),
            Cell(interval(each.estimate.to_json(), evaluation.metric), "muted"),
            Cell(figure(each.pulled, evaluation.metric)),
        )
        for each in found[:_MOST_ROWS]
    )
    columns = (
        Column("Slice"),
        Column("Rows", right=True),
        Column(title_of(evaluation.metric), right=True),
        Column("95 % interval", right=True),
        Column("Allowing for chance", right=True),
    )
    whole = estimate(evaluation.metrics[evaluation.metric].to_json(), evaluation.metric)
    how = (
        f"The weakest of {len(found)} slices; all rows have {whole}. "
        "The worst of many small slices looks bad by chance: the last column pulls each value towards the whole by as "
        "much as its own noise asks for."
    )
    drawn = drawings(evaluation).get("slices")
    return Section(
        "Weakest slices",
        (Paragraph(how, "muted"), *((Drawings((drawn,)),) if drawn else ()), Table(columns, rows)),
    )


def _prepared(choices: Sequence[Mapping[str, Any]]) -> Section | None:
    """List the rules that were chosen by "auto"."""
    if not choices:
        return None
    rows = tuple(
        (
            Cell(str(each.get("column")), "strong"),
            Cell(str(each.get("for"))),
            Cell(", ".join(map(str, each.get("rules") or ())) or "as it is"),
            Cell(str(each.get("why")), "muted"),
        )
        for each in choices
    )
    how = "Where [prepare] says auto, rules were chosen from the training rows, for linear families and for trees."
    columns = (Column("Column"), Column("For"), Column("Rules"), Column("Why"))
    return Section("Preparation", (Paragraph(how, "muted"), Table(columns, rows)))


def _data(facts: Mapping[str, object]) -> Section | None:
    dataset, split = _mapping(facts.get("dataset")), _mapping(facts.get("split"))
    checks = _mapping(facts.get("checks"))
    pairs = [
        ("Dataset", _dataset(dataset) if dataset else ""),
        ("Digest", str(dataset.get("digest") or "")),
        ("Source", str(dataset.get("source") or "")),
        ("Rows", figure(dataset.get("rows")) if dataset.get("rows") is not None else ""),
        ("Split", str(split.get("method") or "")),
        ("Rows to train on", figure(split.get("train_rows")) if split.get("train_rows") is not None else ""),
        ("Test rows, digest", str(split.get("test_digest") or "")),
        ("Rows to test on", figure(split.get("test_rows")) if split.get("test_rows") is not None else ""),
        ("Rows back from production", figure(split.get("collected_rows")) if split.get("collected_rows") else ""),
        ("Features", ", ".join(map(str, split.get("features") or ()))),
        ("Left out", "; ".join(f"{name} ({why})" for name, why in _mapping(split.get("left_out")).items())),
    ]
    blocks: list[Block] = [Pairs(tuple((name, value) for name, value in pairs if value))]
    findings = _rows(checks.get("findings"))
    if findings:
        rows = tuple(
            (
                Cell(str(each.get("severity")), "bad" if each.get("severity") == "error" else "muted"),
                Cell(str(each.get("check"))),
                Cell(str(each.get("column") or "")),
                Cell(str(each.get("message"))),
            )
            for each in findings[:_MOST_ROWS]
        )
        blocks.append(Table((Column("Severity"), Column("Check"), Column("Column"), Column("Found")), rows))
    elif checks:
        blocks.append(Paragraph("Every check of the data passed.", "good"))
    return Section("Data", tuple(blocks)) if dataset or split or checks else None


def _named(title: str, values: Mapping[str, object], *, folded: bool = False) -> Section | None:
    if not values:
        return None
    return Section(title, (Pairs(tuple((name, plain(value)) for name, value in values.items())),), folded)


def _outcome(row: Mapping[str, Any], winner: str) -> str:
    status, note = str(row.get("status") or ""), str(row.get("note") or "")
    status = "chosen" if row.get("name") == winner else status
    return f"{status}: {note}" if note else status


def _params(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {plain(value)}" for name, value in params.items()) or "–"


def _dataset(dataset: Mapping[str, Any]) -> str:
    return f"{dataset.get('name')}@{dataset.get('number')}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []
