"""A profile drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.plots.bars import bar
from noria.plots.binned import binned, spark
from noria.plots.heatmap import heatmap
from noria.plots.svg import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noria.datasets.profiled import Association, ColumnProfile, Relation, TargetProfile
    from noria.plots.figure import Figure

__all__ = ["associations", "column", "information", "relation", "small", "wording"]

_WIDTH, _HEIGHT = 310.0, 180.0
_BARS = 10
_MOST_FEATURES = 25
_MOST_NAMES = 30


def column(found: ColumnProfile) -> Figure | None:
    """Draw how a column's values are spread; None where they are not shown or there are none."""
    missing = f", {found.missing:,} missing" if found.missing else ""
    if found.histogram is not None:
        beyond = found.histogram.below + found.histogram.above
        note = f"{found.distinct:,} values{missing}" + (f", {beyond:,} rows beyond" if beyond else "")
        return binned(
            found.histogram.edges, found.histogram.counts, times=found.type == "timestamp", title=found.name,
            subtitle=note, y_title="", width=_WIDTH, height=_HEIGHT,
        )  # fmt: skip
    if not found.top:
        return None
    shown = found.top[:_BARS]
    rest = "" if len(shown) == found.distinct else f", the {len(shown)} most frequent"
    return bar(
        [_word(value) for value, _ in shown], [count for _, count in shown], title=found.name,
        subtitle=f"{found.distinct:,} values{missing}{rest}", texts=[f"{count:,}" for _, count in shown], width=_WIDTH,
    )  # fmt: skip


def small(found: ColumnProfile) -> Figure | None:
    """Draw the same at the size of a word."""
    if found.histogram is not None:
        return spark(found.histogram.counts, title=found.name)
    return spark([count for _, count in found.top], title=found.name) if found.top else None


def associations(found: Sequence[Association]) -> Figure | None:
    """Draw how strongly pairs of columns hang together; None where no pair does."""
    names: list[str] = []
    for each in found:
        names += [name for name in (each.a, each.b) if name not in names]
        if len(names) >= _MOST_NAMES:
            break
    names = names[:_MOST_NAMES]
    if len(names) < 2:
        return None
    strength = {(each.a, each.b): each.strength for each in found}
    values = [
        [None if a == b else strength.get((a, b), strength.get((b, a), 0.0)) for b in names] for a in names
    ]  # fmt: skip
    room = min(72.0, 750.0 / len(names)) - 4
    return heatmap(values, names, [shorten(name, 11.0, room) for name in names], highest=1.0, width=1000.0)


def information(found: TargetProfile) -> Figure:
    """Draw what each column tells of the target, in bits."""
    shown = found.relations[:_MOST_FEATURES]
    return bar(
        [each.name for each in shown],
        [each.information for each in shown],
        texts=[f"{each.information:.3f}  {wording(each)}" for each in shown],
        title=f"What each column alone tells of {found.name}",
        subtitle="Mutual information in bits",
        width=680.0,
    )


def relation(found: Relation, target: TargetProfile) -> Figure | None:
    """Draw the target by bins of a column; None for a target of several classes."""
    if not found.rates or all(rate is None for rate in found.rates):
        return None
    pairs = [
        (label, rate, count)
        for label, rate, count in zip(found.labels, found.rates, found.counts, strict=True)
        if rate is not None
    ]
    if target.task == "classification":
        texts = [f"{rate:.1%} of {count:,}" for _, rate, count in pairs]
        said = f"Share of {target.positive}; {target.base:.1%} in all" if target.base is not None else ""
    else:
        texts = [f"{rate:.4g} of {count:,}" for _, rate, count in pairs]
        said = f"Mean of {target.name}; {target.base:.4g} in all" if target.base is not None else ""
    return bar(
        [label for label, _, _ in pairs], [rate for _, rate, _ in pairs], texts=texts, title=found.name,
        subtitle=said, width=_WIDTH,
    )  # fmt: skip


def wording(found: Relation) -> str:
    """Write the measure with its value.

    Examples
    --------
    >>> from noria.datasets.profiled import Relation
    >>> wording(Relation("age", "auc", 0.71, 0.1))
    'AUC 0.710'
    """
    names = {"auc": "AUC", "spearman": "rank correlation", "correlation_ratio": "η", "cramers_v": "Cramér's V"}
    return f"{names[found.measure]} {found.value:.3f}"


def _word(value: object) -> str:
    text = str(value)
    return "(empty)" if not text else text[:40]
