"""Every metric by name: what it measures, which way is better, and where the definition comes from.

No numbers are computed here, so the project file can be checked without loading numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from noria.errors import WrongSetting, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULTS", "DEFINITIONS", "WITHOUT_A_CLASS", "Definition", "Needs", "Task", "find", "names"]

Task = Literal["regression", "classification", "clustering"]
Needs = Literal["proba", "label", "value", "count", "cluster"]


@dataclass(frozen=True)
class Definition:
    """What a metric is.

    Attributes
    ----------
    name : str
        As written in the project file.
    title : str
        As written on a page.
    task : str
        Where it applies.
    greater_is_better : bool
        Direction.
    needs : str
        What it reads of a prediction: probabilities, labels, values, values above zero of a truth that is not below, or
        cluster labels.
    several : str
        What it is for more than two classes, where that differs.
    biased : bool
        Whether chance alone moves it upwards: its interval allows for that and reaches far below the value.
    unit : str
        ``share`` on a scale of about one; ``target`` in the target's units; ``free`` otherwise.
    proper : bool
        Whether it asks of probabilities how sure they are, and is best where they are true: a proper scoring rule
        (Gneiting and Raftery 2007, J. American Statistical Association 102(477)).
    definition : str
        One sentence, for two classes.
    source : str
        Where it was defined.
    """

    name: str
    title: str
    task: Task
    greater_is_better: bool
    needs: Needs
    definition: str
    source: str
    unit: Literal["share", "target", "free"] = "share"
    several: str = ""
    biased: bool = False
    proper: bool = False

    def error(self, value: float) -> float:
        """Turn a value into an error for the search: lower is better.

        Examples
        --------
        >>> DEFINITIONS["roc_auc"].error(0.75), DEFINITIONS["rmse"].error(2.0)
        (0.25, 2.0)
        """
        if not self.greater_is_better:
            return value
        return 1 - value if self.unit == "share" else -value

    def from_error(self, error: float) -> float:
        """Turn the search's error back into the metric; `error` is its own inverse.

        Examples
        --------
        >>> DEFINITIONS["roc_auc"].from_error(0.25)
        0.75
        """
        return self.error(error)


_ALL = (
    Definition(
        "roc_auc", "ROC AUC", "classification", True, "proba",
        "Chance that a random positive row scores above a random negative one, ties as half.",
        "Hanley & McNeil (1982), Radiology 143(1)", several="Mean over classes of each against the rest.",
    ),
    Definition(
        "gini", "Gini", "classification", True, "proba", "2 AUC - 1, the accuracy ratio of credit scoring.",
        "Engelmann, Hayden & Tasche (2003), Deutsche Bundesbank discussion paper 01/2003",
    ),
    Definition(
        "average_precision", "Average precision", "classification", True, "proba",
        "Sum over thresholds of precision times the step in recall.",
        "Manning, Raghavan & Schütze (2008), Introduction to Information Retrieval, ch. 8",
        several="Mean over classes.",
    ),
    Definition(
        "ks", "KS", "classification", True, "proba",
        "Largest distance between the score distributions of positives and negatives.",
        "Thomas, Edelman & Crook (2002), Credit Scoring and Its Applications, ch. 7", several="Mean over classes.",
        biased=True,
    ),
    Definition(
        "log_loss", "Log loss", "classification", False, "proba",
        "Mean of -log of the probability given to the true class, in nats; probabilities are kept above 2.2e-16.",
        "Good (1952), J. Royal Statistical Society B 14(1)", unit="free", proper=True,
    ),
    Definition(
        "brier", "Brier score", "classification", False, "proba",
        "Mean squared difference between P(positive) and the outcome.",
        "Brier (1950), Monthly Weather Review 78(1)", several="Summed over classes, from 0 to 2.", proper=True,
    ),
    Definition(
        "ece", "Calibration error", "classification", False, "proba",
        "Mean distance between predicted and observed share over 15 bins of equal mass. "
        "Too high in small samples; the interval allows for that and reaches below the value.",
        "Naeini, Cooper & Hauskrecht (2015), AAAI; Guo et al. (2017), ICML", several="Of the winning class.",
        biased=True,
    ),
    Definition(
        "accuracy", "Accuracy", "classification", True, "label", "Share of rows whose class is right.",
        "Metz (1978), Seminars in Nuclear Medicine 8(4)",
    ),
    Definition(
        "balanced_accuracy", "Balanced accuracy", "classification", True, "label",
        "Mean recall over the classes present.",
        "Brodersen et al. (2010), ICPR",
    ),
    Definition(
        "precision", "Precision", "classification", True, "label",
        "Share of rows called positive that are; 0 where none is called.",
        "van Rijsbergen (1979), Information Retrieval, ch. 7", several="Mean over classes.",
    ),
    Definition(
        "recall", "Recall", "classification", True, "label",
        "Share of positive rows that are called so.",
        "van Rijsbergen (1979), Information Retrieval, ch. 7", several="Mean over classes.",
    ),
    Definition(
        "f1", "F1", "classification", True, "label",
        "Harmonic mean of precision and recall of the positive class.",
        "van Rijsbergen (1979), Information Retrieval, ch. 7", several="Mean over classes.",
    ),
    Definition(
        "macro_f1", "Macro F1", "classification", True, "label", "Mean of F1 over all classes, each counting the same.",
        "Opitz & Burst (2019), arXiv:1911.03347",
    ),
    Definition(
        "mcc", "Matthews correlation", "classification", True, "label",
        "Correlation between predicted and true class; 0 where one of them is constant.",
        "Matthews (1975), Biochim. Biophys. Acta 405(2); Gorodkin (2004), Comput. Biol. Chem. 28",
    ),
    Definition(
        "specificity", "Specificity", "classification", True, "label",
        "Share of negative rows that are not called positive.",
        "Yerushalmy (1947), Public Health Reports 62(40)", several="Mean over classes.",
    ),
    Definition(
        "f2", "F2", "classification", True, "label", "F-measure in which recall counts twice as much as precision.",
        "van Rijsbergen (1979), Information Retrieval, ch. 7", several="Mean over classes.",
    ),
    Definition(
        "f05", "F0.5", "classification", True, "label",
        "F-measure in which precision counts twice as much as recall.",
        "van Rijsbergen (1979), Information Retrieval, ch. 7", several="Mean over classes.",
    ),
    Definition(
        "kappa", "Cohen's kappa", "classification", True, "label",
        "Agreement of predicted and true class beyond what their shares alone would give.",
        "Cohen (1960), Educational and Psychological Measurement 20(1)",
    ),
    Definition(
        "lift_10", "Lift at 10 %", "classification", True, "proba",
        "How many times more positives are in the tenth of the rows with the highest scores than among all; of equal "
        "scores at the border as many as fit, each alike.",
        "Piatetsky-Shapiro & Masand (1999), KDD", several="Mean over classes.", unit="free",
    ),
    Definition(
        "rmse", "RMSE", "regression", False, "value", "Root of the mean squared error, in the target's units.",
        "Gauss (1823), Theoria combinationis observationum", unit="target",
    ),
    Definition(
        "mae", "MAE", "regression", False, "value", "Mean absolute error, in the target's units.",
        "Willmott & Matsuura (2005), Climate Research 30", unit="target",
    ),
    Definition(
        "median_ae", "Median absolute error", "regression", False, "value",
        "Half of the rows are predicted closer than this, in the target's units.",
        "Hampel (1974), J. American Statistical Association 69", unit="target",
    ),
    Definition(
        "r2", "R²", "regression", True, "value",
        "Share of the target's variance explained; 0 for always predicting the mean, negative if worse.",
        "Wright (1921), J. Agricultural Research 20",
    ),
    Definition(
        "mape", "MAPE", "regression", False, "value",
        "Mean absolute error as a share of the true value, over rows whose true value is not near zero "
        "(above 1e-9 of the largest); undefined where more than a tenth of the rows is.",
        "Hyndman & Koehler (2006), International J. Forecasting 22(4)",
    ),
    Definition(
        "pinball_10", "Pinball loss at 10 %", "regression", False, "value",
        "Loss of a prediction meant to lie above a tenth of the truths: too high costs nine times as much as too low.",
        "Koenker & Bassett (1978), Econometrica 46(1)", unit="target",
    ),
    Definition(
        "pinball_90", "Pinball loss at 90 %", "regression", False, "value",
        "Loss of a prediction meant to lie above nine tenths of the truths: too low costs nine times as much.",
        "Koenker & Bassett (1978), Econometrica 46(1)", unit="target",
    ),
    Definition(
        "poisson_deviance", "Poisson deviance", "regression", False, "count",
        "Mean deviance of counts: twice what the log-likelihood of a Poisson lacks to a perfect prediction's. Only "
        "where no truth is below and every prediction above zero.",
        "McCullagh & Nelder (1989), Generalized Linear Models, ch. 2", unit="free",
    ),
    Definition(
        "tweedie_deviance", "Tweedie deviance", "regression", False, "count",
        "Mean deviance of power 1.5, for sums of claims that are often exactly zero; where Poisson deviance is.",
        "Jørgensen (1987), J. Royal Statistical Society B 49(2)", unit="free",
    ),
    Definition(
        "silhouette", "Silhouette", "clustering", True, "cluster",
        "Mean over rows of how much nearer the own cluster is than the next; from -1 to 1. Noise is left out; "
        "over 3,000 rows a sample of that size.",
        "Rousseeuw (1987), J. Computational and Applied Mathematics 20",
    ),
    Definition(
        "davies_bouldin", "Davies-Bouldin", "clustering", False, "cluster",
        "Mean over clusters of the worst ratio of spread to distance. Noise is left out.",
        "Davies & Bouldin (1979), IEEE PAMI 1(2)", unit="free",
    ),
    Definition(
        "calinski_harabasz", "Calinski-Harabasz", "clustering", True, "cluster",
        "Spread between clusters over spread within, each by its degrees of freedom. Noise is left out.",
        "Calinski & Harabasz (1974), Communications in Statistics 3(1)", unit="free",
    ),
    Definition(
        "noise_share", "Noise share", "clustering", False, "cluster", "Share of rows in no cluster (label -1).",
        "Ester et al. (1996), KDD",
    ),
)  # fmt: skip

DEFINITIONS: Mapping[str, Definition] = {each.name: each for each in _ALL}
"""Every metric, by name."""

WITHOUT_A_CLASS = frozenset({"log_loss", "brier", "accuracy", "mcc", "kappa"})
"""Metrics over all rows, which say the same of several classes where one has no row; the others are means over them."""

DEFAULTS: Mapping[Task, str] = {"classification": "roc_auc", "regression": "rmse", "clustering": "silhouette"}
"""What decides where the project file names no metric."""

_ALIASES = {
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "ap": "average_precision",
    "pr_auc": "average_precision",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "brier_score": "brier",
    "acc": "accuracy",
    "f1_macro": "macro_f1",
    "f1_score": "f1",
    "matthews_corrcoef": "mcc",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "median_absolute_error": "median_ae",
    "r_squared": "r2",
    "sensitivity": "recall",
    "tnr": "specificity",
    "cohen_kappa": "kappa",
    "lift": "lift_10",
    "f_beta": "f2",
    "fbeta": "f2",
    "pinball": "pinball_90",
    "poisson": "poisson_deviance",
    "tweedie": "tweedie_deviance",
}


def names(task: Task | None = None) -> tuple[str, ...]:
    """List the metrics, of one task or of all.

    Examples
    --------
    >>> names("regression")
    ('rmse', 'mae', 'median_ae', 'r2', 'mape', 'pinball_10', 'pinball_90', 'poisson_deviance', 'tweedie_deviance')
    """
    return tuple(each.name for each in _ALL if task in (None, each.task))


def find(name: str | None, task: Task | None = None) -> Definition:
    """Look a metric up; no name gives what the task is decided by.

    Parameters
    ----------
    name : str or None
        As written in the project file.
    task : str, optional
        Where it must apply.

    Raises
    ------
    WrongSetting
        There is no such metric, or it belongs to another task.

    Examples
    --------
    >>> find(None, "regression").name
    'rmse'
    >>> find("acuracy")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    noria.errors.WrongSetting: there is no metric 'acuracy'; did you mean 'accuracy'?
      mend: one of roc_auc, gini, ...
    """
    if name is None:
        name = DEFAULTS[task or "classification"]
    found = DEFINITIONS.get(name)
    if found is None:
        same = _ALIASES.get(name.lower())
        hint = f"did you mean {same!r}?" if same else did_you_mean(name, names(task))
        raise WrongSetting(
            f"there is no metric {name!r}" + (f"; {hint}" if hint else ""),
            mend="one of " + ", ".join(names(task)),
            code="N-EVAL-001",
        )
    if task is not None and found.task != task:
        raise WrongSetting(
            f"the metric {name!r} is for {found.task}, the task here is {task}",
            mend=f"one of {', '.join(names(task))}",
            code="N-EVAL-002",
        )
    return found
