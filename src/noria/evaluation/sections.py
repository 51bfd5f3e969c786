"""Sections of the report about what is decided by a model: the threshold, intervals, fairness, looks at the rows."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from noria.evaluation.drawings import rates
from noria.evaluation.fairness import told_of
from noria.evaluation.wording import estimate, figure, title_of
from noria.plots.document import Block, Cell, Column, Drawings, Paragraph, Section, Table

if TYPE_CHECKING:
    from noria.evaluation.conformal import Coverage
    from noria.evaluation.evaluate import Evaluation
    from noria.evaluation.fairness import Fairness

__all__ = ["MANY_LOOKS", "classes", "decision", "fairness", "looks", "regions"]

MANY_LOOKS = 10
"""Versions judged on the same test rows, from which on their figures are no longer taken at their word."""
_MOST_CLASSES = 50


def looks(known: Mapping[str, Any], evaluation: Evaluation) -> tuple[Paragraph, ...]:
    """Say how many versions were judged on these test rows, and what that does to the best of them."""
    count = len(known.get("versions") or ()) + bool(known.get("new"))
    if count < 2:
        return ()
    told = f"These test rows have judged {count} versions of the model, this one included."
    if count <= MANY_LOOKS:
        return (Paragraph(told, "muted"),)
    deciding = evaluation.metrics[evaluation.metric]
    if deciding.low is not None and deciding.high is not None:
        # Blom's approximation of the largest of so many normal values.
        normal = NormalDist()
        error = (deciding.high - deciding.low) / (2 * normal.inv_cdf(0.975))
        luck = figure(normal.inv_cdf((count - 0.375) / (count + 0.25)) * error, evaluation.metric)
        told += (
            f" Were they all equally good, the best of them would still look better by up to {luck} in "
            f"{title_of(evaluation.metric)} by chance alone."
        )
    told += (
        " Whoever chooses among them by these figures fits the test rows: judge the next on rows that nobody has seen."
    )
    return (Paragraph(told, "bad"),)


def classes(evaluation: Evaluation) -> Section | None:
    """Say how each of several classes fares."""
    if not 2 < len(evaluation.of_classes) <= _MOST_CLASSES:
        return None
    rows = tuple(
        (
            Cell(str(each.label), "strong"),
            Cell(f"{each.n:,}"),
            Cell(f"{each.called:,}"),
            *(Cell(estimate(getattr(each, name).to_json(), "recall")) for name in ("recall", "precision", "f1")),
        )
        for each in evaluation.of_classes
    )
    titles = ("Rows", "Called so", "Recall", "Precision", "F1")
    how = (
        "Each class against all others: how many of its rows are found, how many called so are right, and both "
        f"in one. With {evaluation.level * 100:g} % intervals; a gate can ask for one class (of_class)."
    )
    table = Table((Column("Class"), *(Column(title, right=True) for title in titles)), rows)
    return Section("Classes", (Paragraph(how, "muted"), table))


def decision(evaluation: Evaluation) -> Section | None:
    """Say from which probability on rows are called positive, and what that comes to."""
    chosen = evaluation.threshold
    if chosen is None:
        return None
    bounds = (
        "" if chosen.low is None or chosen.high is None else f" (95 % interval {chosen.low:.3f} to {chosen.high:.3f})"
    )
    how = (
        f"A row is called {evaluation.positive} from a probability of {chosen.value:.3f} on{bounds}: {chosen.rule}. "
        f"Chosen on {chosen.chosen.n:,} answers about training rows by models that had not seen them; the test rows "
        "only check it."
    )
    named = (
        ("Out of fold", chosen.chosen), ("Out of fold, at 0.5", chosen.half),
        ("Test rows", chosen.test), ("Test rows, at 0.5", chosen.test_half),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(name, "strong" if each.threshold == chosen.value else ""),
            *(Cell(estimate(one.to_json(), "recall")) for one in (each.called, each.recall, each.precision)),
            *(() if each.cost is None else (Cell(estimate(each.cost.to_json())),)),
        )
        for name, each in named
        if each is not None
    )
    titles = ("Called", "Recall", "Precision", *(() if chosen.chosen.cost is None else ("Cost of a row",)))
    columns = (Column("Rows"), *(Column(title, right=True) for title in titles))
    return Section("Decision", (Paragraph(how, "muted"), Table(columns, rows)))


def regions(evaluation: Evaluation) -> Section | None:
    """Say how wide intervals or sets are, and how many test rows had the truth inside."""
    found = evaluation.conformal
    if found is None:
        return None
    level, by = found.regions.level, found.regions.by
    values = evaluation.task == "regression"
    what = (
        f"An answer plus and minus {figure(found.regions.quantile)} shall hold the truth in {level:.0%} of rows."
        if values
        else f"Sets of classes shall hold the true one in {level:.0%} of rows: the likelier classes, down to where "
        f"{found.regions.quantile:.3f} of probability is gathered."
    )
    how = (
        f"{what} Found on {found.n:,} answers about training rows by models that had not seen them. The model learned "
        "from more rows than they, so that nothing is guaranteed: the test rows tell whether it holds."
    )
    rows = tuple(
        (
            Cell(name, "" if name != "all rows" else "strong"),
            Cell(f"{each.n:,}"),
            Cell(estimate(each.share.to_json(), "recall"), _tone(each, level)),
            Cell(figure(each.size), "muted"),
        )
        for name, each in (("all rows", found.test), *((f"{by}: {group}", one) for group, one in found.groups.items()))
        if each is not None
    )
    head = (
        Column("Test rows"), Column("Rows", right=True), Column("Truth inside", right=True),
        Column("Mean width" if values else "Mean classes", right=True),
    )  # fmt: skip
    return Section("Intervals" if values else "Sets of classes", (Paragraph(how, "muted"), Table(head, rows)))


def _tone(found: Coverage, level: float) -> Literal["", "bad"]:
    return "bad" if found.share.high is not None and found.share.high < level else ""


def fairness(found: Fairness, positive: object) -> Section:
    """Show who is called, and who is wronged, by a protected column."""
    measures = ("selection_rate", "tpr", "fpr", "precision", "calibration")
    rows = tuple(
        (
            Cell(group.label, "strong"),
            Cell(f"{group.n:,}"),
            Cell(f"{group.positives:,}"),
            *(Cell(estimate(getattr(group, name).to_json(), "recall")) for name in measures),
        )
        for group in found.judged
    )
    titles = ("Rows", "Positive", "Called", "TPR", "FPR", "Precision", "Calibration")
    told = [told_of(found)]
    if found.equalised_odds_gap.value is not None:
        told.append(f"error rates differ by up to {estimate(found.equalised_odds_gap.to_json(), 'recall')}")
    blocks: list[Block] = [Paragraph("; ".join(told)[:1].upper() + "; ".join(told)[1:] + ".")]
    how = (
        f"Called means predicted {found.of or positive}; TPR and FPR are the share called of those who are "
        "and of those who are not; calibration is the mean probability minus what came true. The intervals of ratio "
        "and gap allow for the differences that chance alone makes."
    )
    blocks.append(Paragraph(how, "muted"))
    few = [f"{group.label} ({group.n:,} rows)" for group in found.small]
    few += [f"{found.suppressed:,} rows of groups too small to be named"] if found.suppressed else []
    if few:
        blocks.append(Paragraph(f"Too few rows to be judged: {', '.join(few)}.", "bad"))
    if found.personal:
        blocks.append(Paragraph("The column is personal: its values are not shown.", "muted"))
    drawn = rates(found)
    if drawn:
        blocks.append(Drawings((drawn,)))
    if rows:
        blocks.append(Table((Column("Group"), *(Column(title, right=True) for title in titles)), rows))
    return Section(f"Fairness: {found.name}", tuple(blocks))
