"""What gates can judge besides metrics: fairness, calibration, speed, size, steadiness, and the age of the data.

No numbers are computed here, so the project file can be checked without loading numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import WrongSetting, did_you_mean
from noria.evaluation import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.evaluation.catalogue import Task

__all__ = ["MEASURES", "Measure", "known"]


@dataclass(frozen=True)
class Measure:
    """What a gate judges that is no metric of the test rows.

    Attributes
    ----------
    name, title : str
        As written in the project file, and on a page.
    task : str or None
        Where it applies; None for any.
    greater_is_better : bool or None
        Direction; None where it should lie between two bounds.
    by : bool
        Whether it is about a protected column, which the gate names.
    unit : str
        Written behind the figure.
    definition : str
        One sentence.
    """

    name: str
    title: str
    task: Task | None
    greater_is_better: bool | None
    definition: str
    by: bool = False
    unit: str = ""


_ALL = (
    Measure(
        "parity_ratio", "Parity ratio", "classification", True,
        "Least selection rate of a group of the protected column over the largest; 0.8 is the rule of four fifths.",
        by=True,
    ),
    Measure(
        "equalised_odds_gap", "Equalised odds gap", "classification", False,
        "Largest difference between groups of the protected column in true or in false positive rate.", by=True,
    ),
    Measure(
        "calibration_slope", "Calibration slope", "classification", None,
        "Slope of the outcome over the logit of the probability: 1 is perfect, less is over-confident, more too timid.",
    ),
    Measure(
        "latency_ms", "Latency", None, False,
        "Processor time of a request of one row, by the compiled plan where there is one.", unit=" ms",
    ),
    Measure("size_kb", "Size", None, False, "Bytes of the model's files, in thousands.", unit=" kB"),
    Measure(
        "fold_sd", "Spread of the folds", None, False,
        "Standard deviation of the deciding metric over the folds of the winner.",
    ),
    Measure(
        "data_drift", "Drift of the data", None, False,
        "Largest population stability index of a feature against the champion's data, of those that moved by more than "
        "chance explains; the first version passes.",
    ),
    Measure(
        "data_age_days", "Age of the data", None, False, "Days since the newest [data] time of the rows.", unit=" days",
    ),
)  # fmt: skip

MEASURES: Mapping[str, Measure] = {each.name: each for each in _ALL}
"""Every measure, by name."""


def known(name: str) -> str:
    """Give the name of a metric or measure as the rooms know it.

    Raises
    ------
    WrongSetting
        There is none of that name.

    Examples
    --------
    >>> known("parity_ratio"), known("roc_auc")
    ('parity_ratio', 'roc_auc')
    >>> known("parity")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    noria.errors.WrongSetting: there is no metric 'parity'; did you mean 'parity_ratio'?
      mend: one of roc_auc, ...
    """
    if name in MEASURES:
        return name
    try:
        return catalogue.find(name).name
    except WrongSetting as error:
        hint = did_you_mean(name, list(MEASURES))
        told = error.what + (f"; {hint}" if hint and "did you mean" not in error.what else "")
        raise WrongSetting(told, mend=f"{error.mend}, {', '.join(MEASURES)}", code="N-EVAL-001") from None
