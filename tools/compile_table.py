"""Write the tables of what compiles into docs/reference/what-compiles.md, from random pipelines fitted and proven now.

    python tools/compile_table.py [pipelines a line] [word ...]

With words only the lines whose name holds one of them, and those the page lacks, are found out again.
Each line is found out, none is typed in: an estimator is fitted behind random preparations on random tables, compiled,
and the plan compared with the library by the proof that registering uses. Takes some minutes.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pyarrow as pa
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from noria.errors import NoriaError
from noria.preparation.frame import frame
from noria.preparation.recipe import CODES, preparation
from noria.scoring.compiling.compile import compile_model
from noria.scoring.compiling.heads import readable
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.learning import learn
from noria.scoring.proof.equivalence import Verdict, prove
from noria.training.boosting import BOOSTING
from noria.training.catboost import CATBOOST
from noria.training.ensemble import EnsembleModel
from noria.training.family import Fitting
from noria.training.forest import RANDOM_FOREST
from noria.training.keras import KERAS_MLP
from noria.training.linear import LOGISTIC, RIDGE
from noria.training.model import TabularModel, columns_of
from noria.training.own_network import NetworkMeta, OwnNetwork
from noria.training.xgboost import XGBOOST

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "what-compiles.md"
BEGIN, END = "<!-- written by tools/compile_table.py -->", "<!-- end -->"
NUMERIC = [
    [], ["impute:median"], ["impute:mean", "indicator"], ["impute:median", "scale:robust"], ["scale:minmax"],
    ["log", "impute:constant=0"], ["clip:p5,p95", "impute:median"], ["impute:most_frequent", "scale:quantile"],
]  # fmt: skip
CATEGORY = [
    ["impute:constant", "onehot:rare=0.01"], ["onehot"], ["ordinal"], ["target"], ["impute:most_frequent", "onehot"],
]  # fmt: skip
RULES = {
    "number": ["impute:mean", "impute:median", "impute:most_frequent", "impute:constant=0", "impute:knn",
               "impute:iterative", "indicator", "scale:standard", "scale:robust", "scale:minmax", "scale:quantile",
               "scale:maxabs", "scale:power", "scale:boxcox", "log", "clip:p1,p99", "outliers:iqr,clip",
               "outliers:zscore,null", "outliers:iqr,flag", "outliers:iqr,drop", "outliers:forest,flag", "products"],
    "string": ["impute:constant", "impute:most_frequent", "onehot", "onehot:rare=0.2", "onehot:max=3", "ordinal",
               "target", "woe", "frequency", "count", "hash:buckets=8", "tfidf:max=20"],
    "timestamp": ["dates:month,dow,hour,cyclic", "dates:year,quarter,week,day,doy,minute,weekend,days"],
}  # fmt: skip
NAMED = {"number": "numbers", "string": "categories", "timestamp": "times"}
HEADER = [
    "| | pipelines | rows compared | equal to the bit | largest difference | why not |",
    "|---|---|---|---|---|---|",
]


def stack(meta: NetworkMeta) -> object:
    """Build a network as a user does."""
    import keras  # noqa: PLC0415 - heavy

    return keras.Sequential(
        [
            keras.Input((meta.n_features,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(24, activation="gelu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(meta.n_outputs, activation=meta.activation),
        ]
    )


OWN = {
    "noria.training.boosting.LightGBM": BOOSTING,
    "noria.training.xgboost.XGBoost": XGBOOST,
    "noria.training.keras.KerasMLP": KERAS_MLP,
    "noria.training.own_network.OwnNetwork": replace(
        KERAS_MLP, build=lambda params, fitting: OwnNetwork(params, fitting, stack, "stack")
    ),
    "noria.training.catboost.CatBoost": CATBOOST,
}
OTHERS = [
    "sklearn.neighbors.KNeighborsClassifier", "sklearn.neural_network.MLPClassifier",
    "sklearn.ensemble.GradientBoostingClassifier", "sklearn.ensemble.AdaBoostClassifier",
    "sklearn.ensemble.BaggingClassifier", "sklearn.gaussian_process.GaussianProcessClassifier",
    "sklearn.naive_bayes.BernoulliNB",
    "sklearn.ensemble.GradientBoostingRegressor", "sklearn.kernel_ridge.KernelRidge",
    "sklearn.linear_model.SGDRegressor",
]  # fmt: skip


@dataclass
class Line:
    """What came of the pipelines of one line."""

    pipelines: int = 0
    rows: int = 0
    bit_equal: int = 0
    difference: float = 0.0
    share: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)

    def take(self, rng: np.random.Generator, make: Callable[[], object], task: str, **more: object) -> None:
        """Fit, compile and prove one pipeline."""
        self.judge(lambda: proven(rng, make, task, **more))

    def judge(self, ask: Callable[[], Verdict]) -> None:
        """Count what came of one proof."""
        self.pipelines += 1
        try:
            verdict = ask()
        except Unsupported as problem:
            self.reasons[problem.reason] = self.reasons.get(problem.reason, 0) + 1
            return
        if not verdict.equal:
            self.reasons[verdict.reason] = self.reasons.get(verdict.reason, 0) + 1
            return
        self.rows += verdict.rows
        self.bit_equal += verdict.bit_equal
        self.difference = max(self.difference, verdict.max_difference)
        self.share = max(self.share, verdict.max_share)

    def cells(self) -> str:
        """Write the cells behind the name."""
        if not self.pipelines:
            return "could not be fitted | | | | "
        done = self.pipelines - sum(self.reasons.values())
        why = "; ".join(f"{text} ({count})" if count > 1 else text for text, count in self.reasons.items())
        if not done:
            return f"no | | | | {why}"
        share = "all" if self.bit_equal == self.rows else f"{100 * self.bit_equal / self.rows:.1f} %"
        share = share.replace("100.0 %", "over 99.9 %")
        away = "0" if self.difference == 0 else f"{self.difference:.1e}"
        return f"{done} of {self.pipelines} | {self.rows:,} | {share} | {away} | {why}"


def table_of(rng: np.random.Generator, rows: int) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Draw a table with missing values, and its types."""
    made: dict[str, object] = {}
    columns = []
    for number in range(int(rng.integers(2, 6))):
        values = rng.lognormal(size=rows) if rng.random() < 0.4 else rng.normal(size=rows) * 10.0 ** rng.integers(-2, 4)
        made[f"n{number}"] = pa.array(values, mask=rng.random(rows) < rng.choice([0.0, 0.1]))
        columns.append((f"n{number}", "float"))
    made["flag"] = rng.random(rows) < 0.5
    columns.append(("flag", "bool"))
    for number in range(int(rng.integers(1, 3))):
        names = [f"k{place}" for place in range(int(rng.integers(2, 12)))]
        made[f"c{number}"] = pa.array(rng.choice(names, rows), mask=rng.random(rows) < rng.choice([0.0, 0.1]))
        columns.append((f"c{number}", "category"))
    if rng.random() < 0.5:
        moments = np.datetime64("2024-01-01") + rng.integers(0, 10**9, rows).astype("timedelta64[s]")
        made["at"] = pa.array(moments.astype("datetime64[us]"))
        columns.append(("at", "timestamp"))
    return pa.table(made), columns


def proven(rng: np.random.Generator, make: Callable[[], object], task: str, **more: object) -> Verdict:
    """Fit a pipeline on a random table, compile it, and compare."""
    rows = 300
    table, columns = table_of(rng, rows + 150)
    learned = table.slice(0, rows)
    X = frame(learned, columns)
    n_classes = int(rng.integers(2, 4)) if task == "classification" else 0
    signal = np.nan_to_num(X["n0"].to_numpy()) + rng.normal(size=rows) * (1e-9 + np.nanstd(X["n0"].to_numpy()))
    if task == "classification":
        y = np.searchsorted(np.quantile(signal, np.linspace(0, 1, n_classes + 1)[1:-1]), signal)
    else:
        y = signal
    encoding = str(more.get("encoding") or rng.choice(["linear", "tree"]))
    rules = SimpleNamespace(
        numeric=more.get("numeric", NUMERIC[rng.integers(len(NUMERIC))]),
        category=more.get("category", CATEGORY[rng.integers(len(CATEGORY))]),
        columns=more.get("columns", {}),
    )
    prepared = preparation(columns, rules, encoding=encoding, task=task)  # type: ignore[arg-type]
    matrix = np.asarray(prepared.fit_transform(X, y), float)
    codes = getattr(prepared, "output_indices_", {}).get(CODES) if encoding == "tree" else None
    coded = () if codes is None else tuple(range(codes.start, codes.stop))
    head = make() if "fitting" not in more else more["fitting"](n_classes, coded)  # type: ignore[operator]
    head.fit(matrix, y)  # type: ignore[attr-defined]
    classes = tuple("abc"[:n_classes]) or None
    model = TabularModel(task, "x", columns_of(X), prepared, head, classes)  # type: ignore[arg-type]
    signature = learn(learned, columns, task=task, target="y")
    return prove(compile_model(model), model, signature, table.slice(rows), seed=int(rng.integers(2**31)))


def proven_mean(rng: np.random.Generator, task: str) -> Verdict:
    """Fit three models behind two preparations on a random table, compile their mean, and compare."""
    rows = 300
    table, columns = table_of(rng, rows + 150)
    X = frame(table.slice(0, rows), columns)
    signal = np.nan_to_num(X["n0"].to_numpy()) + rng.normal(size=rows)
    y = signal if task == "regression" else np.searchsorted(np.quantile(signal, [0.3, 0.7]), signal)
    classes = None if task == "regression" else ("a", "b", "c")
    prepared = {one: preparation(columns, encoding=one, task=task) for one in ("linear", "tree")}  # type: ignore[arg-type]
    matrices = {one: np.asarray(each.fit_transform(X, y), float) for one, each in prepared.items()}
    fitting = Fitting(task=task, seed=1, n_classes=len(classes or ()), n_rows=rows)  # type: ignore[arg-type]
    members = []
    for family in (RIDGE if classes is None else LOGISTIC, BOOSTING, RANDOM_FOREST):
        head = family.build(dict(family.portfolio[0]), fitting)
        head.fit(matrices[family.encoding], y)
        members.append(TabularModel(task, "x", columns_of(X), prepared[family.encoding], head, classes))  # type: ignore[arg-type]
    model = EnsembleModel(tuple(members), tuple(rng.integers(1, 9, 3).astype(float).tolist()))
    signature = learn(table.slice(0, rows), columns, task=task, target="y")
    return prove(compile_model(model), model, signature, table.slice(rows), seed=int(rng.integers(2**31)))


def of_name(name: str) -> type:
    """Import a class."""
    module, _, one = name.rpartition(".")
    return getattr(import_module(module), one)  # type: ignore[no-any-return]


def made_by(name: str) -> Callable[[], object]:
    """Give what makes a small estimator of a class."""
    kind = of_name(name)
    takes = kind().get_params() if hasattr(kind(), "get_params") else {}
    small = {"n_estimators": 12, "max_iter": 60, "random_state": 0}
    if "HistGradient" in name:
        small["max_iter"] = 12
    if "Logistic" in name or "SGD" in name or "Perceptron" in name:
        small["max_iter"] = 300
    if "LogisticRegressionCV" in name:
        small |= {"Cs": 3, "cv": 3}
    return lambda: kind(**{key: value for key, value in small.items() if key in takes})


def _within(inside: Callable[[object], object] | None, make: Callable[[], object]) -> Callable[[], object]:
    return make if inside is None else lambda: inside(make())


def found(name: str, task: str, pipelines: int, *, inside: Callable[[object], object] | None = None) -> Line:
    """Prove some pipelines with an estimator; a pipeline that cannot be fitted is drawn anew."""
    rng = np.random.default_rng(sum(map(ord, name + task)))
    line = Line()
    own = OWN.get(name)
    complete = False
    for _ in range(4 * pipelines):
        if line.pipelines == (min(pipelines, 2) if "Keras" in name or "Network" in name else pipelines):
            break
        before = line.pipelines
        more: dict[str, object] = {}
        if own is not None:
            more["encoding"] = own.encoding
            more["fitting"] = lambda n, codes: own.build({}, Fitting(task, 1, n_classes=n, categorical=codes))  # type: ignore[union-attr,arg-type]
        elif complete:
            numeric = [one for one in NUMERIC if any(rule.startswith("impute") for rule in one)]
            more |= {"encoding": "linear", "numeric": numeric[rng.integers(len(numeric))], "category": CATEGORY[0]}
        make = (lambda: None) if own is not None else made_by(name)
        try:
            line.take(rng, _within(inside, make), task, **more)
        except (ValueError, NoriaError):  # it needs all values, or cannot be fitted on what was drawn
            line.pipelines = before
            complete = True
    return line


WORDS: list[str] = []


def stays(shown: str, lines: list[str]) -> bool:
    """Take a line as the page has it, where words ask for others only."""
    if not WORDS or any(word in shown for word in WORDS):
        return False
    known = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {shown} | ")]
    lines += known[:1]
    return bool(known)


def estimators(pipelines: int) -> list[str]:
    """Write a line for each estimator that has a reader, and for some that have none."""
    lines = [*HEADER]
    for asked, names in readable().items():
        for name in names:
            clusters = "cluster" in name.lower()
            task = "clustering" if clusters else "regression" if asked == "values and clusters" else "classification"
            inside = (lambda one: CalibratedClassifierCV(one, cv=2)) if "calibration" in asked else None
            if asked == "labels alone" and name in readable()["probabilities"]:
                continue
            shown = f"`{name}`" + (", calibrated" if inside else "") + (f", {task}" if name in OWN else "")
            if stays(shown, lines):
                continue
            line = found(name, task, pipelines, inside=inside)
            click.echo(f"{shown} {line.cells()}")
            lines.append(f"| {shown} | {line.cells()} |")
    for task in ("regression", "classification"):
        shown = f"the mean of a linear model, boosting and a forest, {task}"
        if stays(shown, lines):
            continue
        rng, line = np.random.default_rng(sum(map(ord, task))), Line()
        for _ in range(pipelines):
            line.judge(lambda: proven_mean(rng, task))  # noqa: B023 - asked at once
        lines.append(f"| {shown} | {line.cells()} |")
    if not stays("`TransformedTargetRegressor`, logarithm", lines):
        ridge = "sklearn.linear_model.Ridge"
        line = found(
            ridge,
            "regression",
            pipelines,
            inside=lambda one: TransformedTargetRegressor(one, func=np.log1p, inverse_func=np.expm1),
        )
        lines.append(f"| `TransformedTargetRegressor`, logarithm | {line.cells()} |")
    for name in OTHERS:
        if stays(f"`{name}`", lines):
            continue
        line = found(name, "classification" if "Class" in name or "NB" in name or "Disc" in name else "regression", 2)
        lines.append(f"| `{name}` | {line.cells()} |")
    return lines


def rules(pipelines: int) -> list[str]:
    """Write a line for each rule of preparation, before a linear model and a forest in turn."""
    lines = [*HEADER]
    heads = {
        "linear": lambda: LogisticRegression(max_iter=300),
        "tree": lambda: RandomForestClassifier(10, random_state=0),
    }
    plainly = {"numeric": ["impute:median", "scale:standard"], "category": ["impute:constant", "onehot"]}
    for kind, some in RULES.items():
        for rule in some:
            if stays(f"`{rule}` ({NAMED[kind]})", lines):
                continue
            rng = np.random.default_rng(sum(map(ord, rule)))
            line = Line()
            for number in range(8 * pipelines):
                if line.pipelines == pipelines:
                    break
                name = ("linear", "tree")[number % 2]
                own = [rule] if rule.startswith(("impute", "indicator")) else ["impute:median", rule]
                if rule.startswith("outliers"):
                    own = [rule, "impute:median"]
                if kind == "timestamp":
                    own = [rule, "impute:median"]
                if kind == "string":
                    own = [rule, "onehot"] if rule.startswith("impute") else [rule]
                if rule == "indicator":
                    own = ["impute:median", "indicator"]
                column = {"number": "n0", "string": "c0", "timestamp": "at"}[kind]
                try:
                    line.take(rng, heads[name], "classification", encoding=name, columns={column: own}, **plainly)
                except (ValueError, NoriaError) as error:
                    click.echo(f"{rule} {error}")
                    line.pipelines -= 1
            click.echo(f"{rule} {line.cells()}")
            lines.append(f"| `{rule}` ({NAMED[kind]}) | {line.cells()} |")
    return lines


def main(pipelines: int) -> None:
    """Find everything out and write the page."""
    warnings.simplefilter("ignore")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "lightgbm", "numpy"))
    written = [
        BEGIN, "",
        f"Found out with {libraries}; {pipelines} pipelines a line.", "",
        "### Rules of preparation", "", *rules(pipelines), "",
        "### Estimators", "", *estimators(pipelines), "",
        END,
    ]  # fmt: skip
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    PAGE.write_text(before + "\n".join(written) + after, encoding="utf-8")


if __name__ == "__main__":
    WORDS += sys.argv[2:]
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
