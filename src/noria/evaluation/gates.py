"""Gates: figures in, verdicts out. Nothing is read, nothing is written, and who asks twice hears the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from noria.evaluation.classes import class_named
from noria.evaluation.comparison import paired
from noria.evaluation.measured import look_up
from noria.evaluation.measures import MEASURES
from noria.evaluation.metrics import get
from noria.evaluation.slices import worst

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from noria.evaluation.comparison import Comparison
    from noria.evaluation.evaluate import Evaluation
    from noria.evaluation.judged import Answers, Label
    from noria.evaluation.measured import Measured
    from noria.evaluation.metrics import Metric
    from noria.evaluation.resampling import Estimate

__all__ = ["ChampionEvidence", "GateRule", "Rule", "Verdict", "judge", "text", "to_json"]


class GateRule(Protocol):
    """One gate as the project file asks it; see `noria.evaluation.settings.Gate`."""

    @property
    def metric(self) -> str | None:
        """What is judged; None where only agreement is required."""

    @property
    def min(self) -> float | None:
        """The least it may be."""

    @property
    def max(self) -> float | None:
        """The most it may be."""

    @property
    def against(self) -> str | None:
        """``champion`` for a comparison."""

    @property
    def margin(self) -> float | None:
        """The loss that does not matter."""

    @property
    def slice(self) -> str | None:
        """``worst`` for the weakest slice."""

    @property
    def by(self) -> str | None:
        """A protected column."""

    @property
    def of_class(self) -> Label | None:
        """A class, judged against all others."""

    @property
    def require(self) -> str | None:
        """``approval`` for the agreement of another person."""


@dataclass(frozen=True)
class Rule:
    """A gate written in Python."""

    metric: str | None = None
    min: float | None = None
    max: float | None = None
    against: str | None = None
    margin: float | None = None
    slice: str | None = None
    by: str | None = None
    of_class: Label | None = None
    require: str | None = None


@dataclass(frozen=True)
class ChampionEvidence:
    """What the challenger and the champion said of the same test rows.

    Attributes
    ----------
    version : str
        The champion, as in ``credit-risk@3``.
    y : array, shape (n_rows,), or None
        The truth; None in clustering.
    challenger, champion : Prediction
        Of these rows.
    positive, classes, space, groups
        See `noria.evaluation.comparison.paired`.
    note : str
        What the reader must know, as that the champion has trained on some of these rows.
    """

    version: str
    y: ArrayLike | None
    challenger: Answers
    champion: Answers
    classes: tuple[Label, ...] | None = None
    positive: Label | None = None
    space: NDArray[np.float64] | None = None
    groups: NDArray[np.generic] | None = None
    seed: int = 7
    resamples: int = 1000
    note: str = ""

    def compare(self, metric: str, margin: float | None = None) -> Comparison:
        """Compare by one metric, paired."""
        return paired(
            metric,
            self.y,
            self.challenger,
            self.champion,
            margin=margin,
            classes=self.classes,
            positive=self.positive,
            space=self.space,
            groups=self.groups,
            seed=self.seed,
            resamples=self.resamples,
        )


@dataclass(frozen=True)
class Verdict:
    """What a gate said.

    Attributes
    ----------
    gate : str
        The gate as a sentence, ``roc_auc >= 0.75``.
    metric : str
        What was judged.
    passed : bool
        Whether the version may go on.
    value, bound : float or None
        What was found and what was asked; for a comparison the difference's lower bound and minus the margin.
    message : str
        One line for people, with the figures.
    evidence : mapping
        The figures, as JSON.
    """

    gate: str
    metric: str
    passed: bool
    value: float | None
    bound: float | None
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {**vars(self), "evidence": dict(self.evidence)}


def judge(
    gates: Sequence[GateRule],
    evaluation: Evaluation,
    champion: ChampionEvidence | None = None,
    measured: Mapping[str, Measured] | None = None,
) -> tuple[Verdict, ...]:
    """Judge an evaluation by each gate.

    Parameters
    ----------
    gates : sequence of GateRule
        In the order of the project file.
    evaluation : Evaluation
        On the locked test rows.
    champion : ChampionEvidence, optional
        Both models on the same rows; None where there is no champion yet, and every comparison passes.
    measured : mapping of str to Measured, optional
        By measure, what is asked for and the evaluation does not hold: latency, size and the like.

    Raises
    ------
    WrongSetting
        A gate's metric does not fit the task.

    Examples
    --------
    >>> import numpy as np
    >>> from noria.evaluation.evaluate import evaluate
    >>> from noria.evaluation.judged import Prediction
    >>> found = evaluate("regression", np.arange(100.0), Prediction(np.arange(100.0) + 1), resamples=50)
    >>> judge([Rule("rmse", max=0.5)], found)[0].message
    'rmse <= 0.5 failed: 1 (95 % interval 1 to 1, 100 rows)'
    """
    return tuple(_verdict_of(gate, evaluation, champion, measured or {}) for gate in gates)


def text(gate: GateRule) -> str:
    """Write a gate as a sentence.

    Examples
    --------
    >>> text(Rule("roc_auc", min=0.75)), text(Rule("roc_auc", against="champion", margin=0.01))
    ('roc_auc >= 0.75', 'roc_auc not worse than champion by more than 0.01')
    """
    if gate.require:
        return f"{gate.require} of another person"
    name = str(gate.metric) + (" of the worst slice" if gate.slice else "") + (f" by {gate.by}" if gate.by else "")
    name += "" if gate.of_class is None else f" of {gate.of_class}"
    if gate.against:
        return f"{name} not worse than {gate.against}" + (
            "" if gate.margin is None else f" by more than {gate.margin:g}"
        )
    if gate.min is not None and gate.max is not None:
        return f"{name} within {gate.min:g} and {gate.max:g}"
    return f"{name} >= {gate.min:g}" if gate.min is not None else f"{name} <= {gate.max:g}"


def to_json(verdicts: Sequence[Verdict]) -> list[dict[str, object]]:
    """Give verdicts as JSON."""
    return [verdict.to_json() for verdict in verdicts]


def _verdict_of(
    gate: GateRule, evaluation: Evaluation, champion: ChampionEvidence | None, measured: Mapping[str, Measured]
) -> Verdict:
    if gate.require:
        return Verdict(
            text(gate), gate.require, True, None, None, f"{text(gate)}: a promotion waits for it",
            {"require": gate.require},
        )  # fmt: skip
    if gate.metric not in MEASURES:
        return _judge(gate, get(gate.metric, evaluation.task), evaluation, champion)
    found = look_up(gate, evaluation, measured)
    if found.value is None:
        told = found.told if found.passes else f"cannot be judged: {found.told}"
        return _verdict(gate, found.passes, None, told, found.evidence)
    return _verdict(gate, _within(gate, found.value), found.value, found.told, found.evidence)


def _judge(gate: GateRule, metric: Metric, evaluation: Evaluation, champion: ChampionEvidence | None) -> Verdict:
    if gate.against:
        return _against(gate, metric, champion)
    if gate.slice:
        return _slice(gate, metric, evaluation)
    if gate.of_class is not None:
        return _class(gate, gate.of_class, metric, evaluation)
    estimate = evaluation.metrics.get(metric.name)
    if estimate is None or estimate.value is None:
        why = next(
            (note for note in evaluation.notes if "every test row" in note), "it is not defined on the test rows"
        )
        return _verdict(gate, False, None, f"cannot be judged: {why}", {"n": evaluation.n})
    passed = _within(gate, estimate.value)
    return _verdict(
        gate,
        passed,
        estimate.value,
        f"{_told(estimate, metric, evaluation.level)}{evaluation.n:,} rows)",
        {**estimate.to_json(), "n": evaluation.n, "level": evaluation.level},
    )


def _class(gate: GateRule, label: Label, metric: Metric, evaluation: Evaluation) -> Verdict:
    number = class_named(label, evaluation.classes)
    found = evaluation.of_classes[number] if evaluation.of_classes else None
    estimate: Estimate | None = getattr(found, metric.name, None)
    if found is None or estimate is None:
        return _verdict(gate, False, None, f"cannot be judged: {metric.name} was not asked of each class", {})
    if estimate.value is None:
        why = f"no test row is of class {found.label}"
        return _verdict(gate, False, None, f"cannot be judged: {why}", found.to_json())
    among = f"{found.n:,} rows of it, {found.called:,} called so)"
    return _verdict(
        gate,
        _within(gate, estimate.value),
        estimate.value,
        f"{_told(estimate, metric, evaluation.level)}{among}",
        {**found.to_json(), **estimate.to_json(), "level": evaluation.level},
    )


def _slice(gate: GateRule, metric: Metric, evaluation: Evaluation) -> Verdict:
    found = worst(evaluation.slices.get(metric.name, ()))
    if found is None:
        whole = evaluation.metrics.get(metric.name)
        if whole is None or whole.value is None:
            return _verdict(gate, False, None, "cannot be judged: it is not defined on the test rows", {})
        return _verdict(
            gate,
            _within(gate, whole.value),
            whole.value,
            f"no slice has rows enough to be judged by itself; all rows have {_figure(whole.value, metric)}",
            {**whole.to_json(), "n": evaluation.n},
        )
    told = (
        f'{_figure(found.pulled, metric)} for "{found.name}", allowing for chance among '
        f"{len(evaluation.slices[metric.name])} slices; itself "
    )
    return _verdict(
        gate,
        _within(gate, found.pulled),
        found.pulled,
        f"{told}{_told(found.estimate, metric, evaluation.level)}{found.n:,} rows)",
        found.to_json(),
    )


def _against(gate: GateRule, metric: Metric, champion: ChampionEvidence | None) -> Verdict:
    if champion is None:
        return _verdict(gate, True, None, "there is no champion yet", {"champion": None})
    found = champion.compare(metric.name, gate.margin)
    evidence = {**found.to_json(), "champion": champion.version, "note": champion.note}
    if found.difference is None or found.low is None or found.high is None:
        return _verdict(
            gate, False, None, f"cannot be judged: {metric.name} is not defined on the test rows", evidence, 0.0
        )
    told = (
        f"{found.verdict} than {champion.version}"
        if found.verdict in ("better", "worse")
        else f"{found.verdict} to {champion.version}"
        if found.verdict == "equivalent"
        else f"inconclusive against {champion.version}"
    )
    figures = (
        f"{told}: {_figure(found.a, metric)} and {_figure(found.b, metric)}, improvement "
        f"{_figure(found.difference, metric, '+')} (95 % interval {_figure(found.low, metric, '+')} to "
        f"{_figure(found.high, metric, '+')}, margin {found.margin:.4g}, {found.n:,} rows)"
    )
    if not found.non_inferior and found.detectable is not None and found.verdict == "inconclusive":
        figures += f"; these rows can show a difference of {found.detectable:.2g} or more"
    return _verdict(
        gate, found.non_inferior, found.low, figures + (f"; {champion.note}" if champion.note else ""), evidence,
        -found.margin,
    )  # fmt: skip


def _verdict(
    gate: GateRule,
    passed: bool,
    value: float | None,
    figures: str,
    evidence: Mapping[str, object],
    bound: float | None = None,
) -> Verdict:
    if bound is None:
        bound = gate.min if gate.min is not None else gate.max
    sentence = text(gate)
    return Verdict(
        sentence, str(gate.metric), passed, value, bound, f"{sentence} {'passed' if passed else 'failed'}: {figures}",
        evidence,
    )  # fmt: skip


def _within(gate: GateRule, value: float) -> bool:
    return (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)


def _told(estimate: Estimate, metric: Metric, level: float) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{_figure(estimate.value, metric)} ("
    return (
        f"{_figure(estimate.value, metric)} ({level * 100:g} % interval {_figure(estimate.low, metric)} "
        f"to {_figure(estimate.high, metric)}, "
    )


def _figure(value: float | None, metric: Metric, sign: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:{sign}.4f}" if metric.unit == "share" else f"{value:{sign},.4g}"
