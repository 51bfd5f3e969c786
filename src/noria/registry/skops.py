"""scikit-learn objects as skops files, opened only when every type in them is on noria's own list.

A skops file is a zip with a schema: a tree of nodes, each naming a class and how to rebuild it. The tree is read as
plain JSON and compared with the lists below before anything is imported or constructed. skops keeps a list of its
own, which grows with what is installed; ours is pinned here, and nothing in a file can add to it.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping

from noria.errors import UntrustedFormat
from noria.registry.bounds import OutOfBounds, check_bounds

__all__ = ["ALLOWED", "dumps", "loads", "types_in"]

_SKLEARN = {
    "calibration": ("CalibratedClassifierCV", "_CalibratedClassifier", "_SigmoidCalibration"),
    "cluster._kmeans": ("KMeans",),
    "compose._column_transformer": ("ColumnTransformer",),
    "compose._target": ("TransformedTargetRegressor",),
    "discriminant_analysis": ("LinearDiscriminantAnalysis",),
    "dummy": ("DummyClassifier", "DummyRegressor"),
    "ensemble._iforest": ("IsolationForest",),
    "ensemble._forest": (
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "RandomForestClassifier",
        "RandomForestRegressor",
    ),
    "ensemble._hist_gradient_boosting.binning": ("_BinMapper",),
    "ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
    ),
    "ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
    "impute._base": ("MissingIndicator", "SimpleImputer"),
    "impute._iterative": ("IterativeImputer",),
    "impute._knn": ("KNNImputer",),
    "isotonic": ("IsotonicRegression",),
    "linear_model._base": ("LinearRegression",),
    "linear_model._bayes": ("BayesianRidge",),
    "linear_model._coordinate_descent": ("ElasticNet", "Lasso"),
    "linear_model._huber": ("HuberRegressor",),
    "linear_model._logistic": ("LogisticRegression",),
    "linear_model._ridge": ("Ridge", "RidgeClassifier"),
    "model_selection._split": ("KFold", "StratifiedKFold"),
    "naive_bayes": ("BernoulliNB", "GaussianNB", "MultinomialNB"),
    "pipeline": ("Pipeline",),
    "preprocessing._data": (
        "MaxAbsScaler",
        "MinMaxScaler",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "StandardScaler",
    ),
    "preprocessing._encoders": ("OneHotEncoder", "OrdinalEncoder"),
    "preprocessing._function_transformer": ("FunctionTransformer",),
    "preprocessing._label": ("LabelBinarizer", "LabelEncoder"),
    "preprocessing._target_encoder": ("TargetEncoder",),
    "svm._classes": ("SVC", "SVR", "LinearSVC", "LinearSVR"),
    "tree._classes": (
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    ),
    "_loss.link": ("IdentityLink", "Interval", "LogitLink", "MultinomialLogit", "HalfLogitLink", "LogLink"),
    "_loss.loss": ("HalfBinomialLoss", "HalfMultinomialLoss", "HalfSquaredError"),
}
_NORIA = {
    "preparation.encoders": ("Frequency", "Hashed", "Products", "WeightOfEvidence", "Words"),
    "preparation.outliers": ("Outliers", "Positive", "Strangers"),
    "preparation.transforms": ("Clip", "DateFields", "DateParts", "FromOthers", "Numbers", "SignedLog", "Strings"),
    "training.centers": ("CenterClusters",),
    "training.coupled": ("CoupledMachines",),
    "training.clustering": ("DensityClusters", "OneCluster"),
    "training.hierarchy": ("HierarchyClusters",),
    "training.mixture": ("MixtureClusters",),
}


def _spell(root: str, names: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(f"{root}.{module}.{name}" for module, found in names.items() for name in found)


ALLOWED: Mapping[str, frozenset[str]] = {
    "ObjectNode": _spell("sklearn", _SKLEARN) | _spell("noria", _NORIA),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
    "LossNode": frozenset(
        f"sklearn._loss._loss.Cy{name}" for name in ("HalfBinomialLoss", "HalfMultinomialLoss", "HalfSquaredError")
    ),
    "TupleNode": frozenset({"builtins.tuple", "sklearn.impute._iterative._ImputerTriplet"}),
    "DictNode": frozenset({"builtins.dict"}),
    "ListNode": frozenset({"builtins.list"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "JsonNode": frozenset({"builtins.str"}),
    "TypeNode": frozenset(
        {f"builtins.{name}" for name in ("bool", "float", "int", "str")}
        | {f"numpy.{name}" for name in ("float32", "float64", "int32", "int64", "uint8", "bool", "object_", "str_")}
    ),
    "NdArrayNode": frozenset(
        f"numpy.{name}"
        for name in ("ndarray", "float32", "float64", "int32", "int64", "uint8", "uint32", "uint64", "bool")
    ),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
}
"""Which classes each kind of node may name. No kind that calls a function, binds a method or reduces is here."""

CALLER_NODES = ("ObjectNode", "TypeNode")
"""Kinds of node for which a caller may trust further classes."""

MOST_BYTES = 4 * 2**30
MOST_MEMBERS = 200_000
DEEPEST = 200


def dumps(value: object) -> bytes:
    """Write a fitted scikit-learn object."""
    import skops.io  # noqa: PLC0415 - heavy

    return _reproducible(bytes(skops.io.dumps(value)))


def _reproducible(data: bytes) -> bytes:
    """Write a skops file so that equal objects give equal bytes.

    skops names nodes and arrays by their address in memory and stamps them with the time. A model trained again on the
    same rows would get another digest: a second version of the same model, and no mend for a damaged file.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}

    def renamed(value: object) -> object:
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if not isinstance(value, dict):
            return value
        node = {key: renamed(item) for key, item in value.items()}
        address = node.get("__id__")
        if isinstance(address, int):
            node["__id__"] = numbers.setdefault(address, len(numbers) + 1)
        file = node.get("file")
        if isinstance(file, str) and file in members:
            suffix = file.rpartition(".")[2]
            node["file"] = names.setdefault(file, f"{len(names) + 1}.{suffix}")
        return node

    schema = json.dumps(renamed(json.loads(members["schema.json"])), indent=2)
    kept = {new: members[old] for old, new in names.items()}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in {**kept, "schema.json": schema.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
    return written.getvalue()


def loads(data: bytes, *, name: str, trusted: Collection[str] = ()) -> object:
    """Rebuild an object after every type in the file was found on the list.

    Parameters
    ----------
    data : bytes
        A skops file.
    name : str
        Of the file, for messages.
    trusted : collection of str
        Further classes, ``package.module.Class`` or ``package.module:Class``, that the *caller* vouches for. Never
        taken from a file. A class may live in a module below the one named, as one does that a package re-exports.

    Raises
    ------
    UntrustedFormat
        The file is no skops file, names a type that is not on the list, or holds a tree that points outside itself.
    """
    import skops.io  # noqa: PLC0415 - heavy

    found = types_in(data, name=name)
    for loader, type_name in found:
        allowed = type_name in ALLOWED.get(loader, frozenset())
        if not allowed and not (loader in CALLER_NODES and _vouched(type_name, trusted)):
            raise UntrustedFormat(
                f"{name} holds {type_name} ({loader}), which noria does not load",
                why="only types on noria's own list are loaded, and nothing in a file can add to it",
                mend=f'if the class is your own and you trust it: [model] trusted = ["{type_name}"]'
                if loader in CALLER_NODES
                else "train the model again, or get the file from whom you trust",
                code="N-REG-101",
            )
    names = sorted({type_name for _, type_name in found})
    if any("._iterative." in type_name for type_name in names):
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415 - the class hides until then
    try:
        made: object = skops.io.loads(data, trusted=names)
    except UntrustedFormat:
        raise
    except (
        ValueError, TypeError, KeyError, AttributeError, ImportError, OSError, IndexError, EOFError,
        RecursionError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise _broken(name, f"{type(error).__name__}: {error}") from None
    except skops.io.exceptions.UntrustedTypesFoundException as error:
        raise _broken(name, str(error)) from None
    try:
        check_bounds(made)
    except OutOfBounds as error:
        raise _broken(name, str(error)) from None
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise _broken(name, f"a part of it is missing or of another kind: {type(error).__name__} {error}") from None
    return made


def _vouched(type_name: str, trusted: Collection[str]) -> bool:
    module, _, kind = type_name.rpartition(".")
    for name in trusted:
        package, _, wanted = name.replace(":", ".").rpartition(".")
        if kind == wanted and package and (module == package or module.startswith(f"{package}.")):
            return True
    return False


def types_in(data: bytes, *, name: str = "the file") -> frozenset[tuple[str, str]]:
    """List (kind of node, class) of everything in a skops file, importing nothing.

    Raises
    ------
    UntrustedFormat
        It is no skops file, or one too large or too deep to be a model.
    """
    if not data.startswith(b"PK\x03\x04"):
        raise _broken(name, "it is not a zip file")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_BYTES:
                raise _broken(name, "it unpacks to more than a model may")
            schema = json.loads(archive.read("schema.json"))
    except (
        zipfile.BadZipFile, zlib.error, KeyError, ValueError, RecursionError, NotImplementedError, EOFError
    ) as error:  # fmt: skip
        raise _broken(name, f"no readable schema: {error}") from None
    return frozenset(_nodes(schema, name, 0))


def _nodes(value: object, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEEPEST:
        raise _broken(name, "its tree is too deep")
    if isinstance(value, Mapping):
        if "__loader__" in value or "__class__" in value or "__module__" in value:
            loader, module, kind = (value.get(key) for key in ("__loader__", "__module__", "__class__"))
            if not (isinstance(loader, str) and isinstance(module, str) and isinstance(kind, str)):
                raise _broken(name, "a node does not say what it is")
            yield loader, f"{module}.{kind}"
        for child in value.values():
            yield from _nodes(child, name, depth + 1)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child, name, depth + 1)


def _broken(name: str, why: str) -> UntrustedFormat:
    return UntrustedFormat(
        f"{name} is not a model file that noria loads",
        why=why,
        mend="the file was altered or is of another kind: train again, or restore it",
        code="N-REG-102",
    )
