"""A model's estimator as an ONNX file: for other runtimes, never for noria's own answers.

The file takes what the preparation gives, the matrix as float32, and answers probabilities or values. It is handed over
only when ONNX Runtime has answered made-up rows with it as the model does, missing values among them: a tree whose
threshold lies where a value often lies parts from its model there, and no label would show it. A value nearer to a
threshold than float32 can tell may still fall on its other side.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from noria.errors import CheckFailed, MissingExtra, WrongArgument
from noria.scoring.compiling.heads import compile_head
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.framing import as_frame
from noria.scoring.plan.network import Network
from noria.scoring.proof.probes import drawn
from noria.training.model import TabularModel, align, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from noria.scoring.signature import Signature
    from noria.training.model import FittedModel

__all__ = ["TOLERANCE", "Exported", "export_onnx"]

TOLERANCE = 1e-4
"""Of a probability, or of a value as a share of how far values spread: what float32 may cost."""

OPSET = 20
_ROWS = 1000
_MISSING = 0.1
_IR = 10
"""Of the format; what ONNX Runtime has read since 1.20."""

_OPERATORS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax", "elu": "Elu", "selu": "Selu",
    "gelu": "Gelu", "softplus": "Softplus",
}  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """An ONNX file and what it was held against.

    Parameters
    ----------
    data : bytes
        The file.
    rows : int
        Made-up rows on which it was compared with the model.
    largest : float
        Largest difference of a probability or value.
    features : tuple of str
        Columns of the matrix that it takes, in order.
    """

    data: bytes
    rows: int
    largest: float
    features: tuple[str, ...]


def export_onnx(model: FittedModel, signature: Signature, *, about: Mapping[str, str] | None = None) -> Exported:
    """Write the estimator of a model as ONNX, and hold it against the model.

    Parameters
    ----------
    model : FittedModel
        As the registry gives it.
    signature : Signature
        What rows to make up.
    about : mapping of str to str, optional
        What else the file's metadata shall say.

    Raises
    ------
    MissingExtra
        A library that writes or reads ONNX is not installed.
    WrongArgument
        No ONNX can be written of this model.
    CheckFailed
        What was written answers otherwise than the model.
    """
    why_not = _why_not(model)
    if not isinstance(model, TabularModel) or why_not:
        raise _unwritable(why_not)
    _demand("onnx", "onnxruntime")
    frame = align(_frame(model, signature), model.columns)
    matrix = np.asarray(model.preparation.transform(frame), dtype=np.float64)
    if matrix.dtype != np.float64 or matrix.ndim != 2:
        raise _unwritable("its matrix is not one of numbers")
    features = _features(model, matrix.shape[1])
    graph = _written(model, matrix.shape[1])
    told = {"noria.features": json.dumps(features), "noria.task": model.task, **(about or {})}
    if model.classes is not None:
        told["noria.classes"] = json.dumps(list(model.classes))
    for name, text in told.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = name, text
    data = bytes(graph.SerializeToString())
    return Exported(data, len(matrix), _compared(data, model, matrix), features)


def _why_not(model: FittedModel) -> str:
    if not isinstance(model, TabularModel):
        return "it is the mean of several models"
    if model.task == "clustering":
        return "it is a clustering"
    if model.ratios is not None:
        return "it was trained on balanced rows, and its probabilities are led back behind the estimator"
    if model.temperature is not None:
        return 'its probabilities are brought to a temperature behind it; write temperature = "never" in [model]'
    return ""


def _frame(model: TabularModel, signature: Signature) -> Any:  # noqa: ANN401 - a pandas frame, which is loaded late
    """Make rows up from what training saw, with values missing where the model takes that."""
    rng = np.random.default_rng(0)
    rows = [drawn(signature, rng) for _ in range(_ROWS)]
    for column in signature.columns:
        if column.missing != "refuse":
            for number in np.flatnonzero(rng.random(_ROWS) < _MISSING):
                rows[number][column.name] = None
    return as_frame({column.name: [row[column.name] for row in rows] for column in signature.columns}, signature)


def _features(model: TabularModel, width: int) -> tuple[str, ...]:
    named = getattr(model.preparation, "get_feature_names_out", None)
    try:
        found = tuple(str(name) for name in named()) if named is not None else ()
    except (AttributeError, ValueError, TypeError):
        found = ()
    return found if len(found) == width else tuple(f"x{number}" for number in range(width))


def _written(model: TabularModel, width: int) -> Any:  # noqa: ANN401 - of a library without types
    head, n_classes = model.head, len(model.classes or ())
    try:
        compiled = compile_head(head, n_classes)
    except Unsupported:
        compiled = None
    if isinstance(compiled, Network):
        return _of_layers(compiled, width)
    kind = type(head).__module__
    if kind == "noria.training.own_network":
        return _of_keras(head, width)
    if kind == "noria.training.boosting":
        return _converted("onnxmltools", "convert_lightgbm", getattr(head, "booster", None), width, zipmap=False)
    if kind == "noria.training.xgboost":
        return _converted("onnxmltools", "convert_xgboost", getattr(head, "booster", None), width)
    if kind.startswith("sklearn."):
        options = {id(head): {"zipmap": False}} if n_classes else None
        return _converted("skl2onnx", "convert_sklearn", head, width, options=options)
    raise _unwritable(f"nothing here writes {type(head).__name__} as ONNX")


def _converted(module: str, function: str, head: object, width: int, **told: object) -> Any:  # noqa: ANN401 - as above
    """Have skl2onnx or onnxmltools write it."""
    _demand("skl2onnx", module)
    from importlib import import_module  # noqa: PLC0415 - beside what it imports

    types = import_module(
        "skl2onnx.common.data_types" if module == "skl2onnx" else "onnxmltools.convert.common.data_types"
    )
    convert: Callable[..., Any] = getattr(import_module(module), function)
    try:
        made = convert(head, initial_types=[("x", types.FloatTensorType([None, width]))], target_opset=15, **told)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _unwritable(f"{module} cannot write it: {str(error).strip().splitlines()[0][:160]}") from error
    return made


def _of_keras(head: object, width: int) -> Any:  # noqa: ANN401 - as above
    """Have Keras write a graph of layers, and lead its answers on to probabilities or the target's unit."""
    import onnx  # noqa: PLC0415 - an extra

    from noria.training.backend import open_keras  # noqa: PLC0415 - heavy

    keras = open_keras("tensorflow", strict=False)
    runs_on = keras.config.backend()
    if runs_on == "jax":
        raise _unwritable("Keras on jax writes no ONNX: it needs tensorflow or torch here")
    _demand("tf2onnx" if runs_on == "tensorflow" else "onnxscript")
    model = cast("Any", head).model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.onnx"
        given = [keras.InputSpec(dtype="float32", shape=(None, width), name="x")]
        model.export(str(path), format="onnx", input_signature=given, verbose=False)
        made = onnx.load(path)
    said = made.graph.output[0].name
    classes = cast("Any", head).fitting.n_classes
    made.graph.node.extend(_end(said, classes, model.output_shape[-1], made.graph.initializer, head))
    del made.graph.output[:]
    made.graph.output.append(_output(classes))
    return made


def _end(said: str, n_classes: int, n_out: int, arrays: Any, head: object) -> list[Any]:  # noqa: ANN401 - as above
    """Give the nodes from what the last layer says to the answer."""
    from onnx import helper  # noqa: PLC0415 - an extra

    if n_classes and n_out > 1:
        return [helper.make_node("Identity", [said], ["probabilities"])]
    if n_classes:
        arrays.append(_array("noria_one", np.ones((1, 1))))
        other = helper.make_node("Sub", ["noria_one", said], ["noria_other"])
        return [other, helper.make_node("Concat", ["noria_other", said], ["probabilities"], axis=1)]
    arrays.append(_array("noria_spread", np.full((1, 1), getattr(head, "spread", 1.0))))
    arrays.append(_array("noria_center", np.full((1, 1), getattr(head, "center", 0.0))))
    wide = helper.make_node("Mul", [said, "noria_spread"], ["noria_wide"])
    return [wide, helper.make_node("Add", ["noria_wide", "noria_center"], ["value"])]


def _of_layers(network: Network, width: int) -> Any:  # noqa: ANN401 - as above
    """Write a stack of layers without the library that fitted it."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - an extra

    nodes: list[Any] = []
    arrays: list[Any] = []
    at = "x"
    for number, layer in enumerate(network.layers):
        arrays.append(_array(f"b{number}", layer.bias))
        if layer.kernel is not None:
            arrays.append(_array(f"w{number}", layer.kernel))
            nodes.append(helper.make_node("Gemm", [at, f"w{number}", f"b{number}"], [f"z{number}"], transB=1))
        else:
            arrays.append(_array(f"s{number}", np.asarray(layer.scale)))
            nodes.append(helper.make_node("Mul", [at, f"s{number}"], [f"m{number}"]))
            nodes.append(helper.make_node("Add", [f"m{number}", f"b{number}"], [f"z{number}"]))
        at = f"z{number}"
        if layer.activation == "silu":
            nodes.append(helper.make_node("Sigmoid", [at], [f"g{number}"]))
            nodes.append(helper.make_node("Mul", [at, f"g{number}"], [f"a{number}"]))
        elif layer.activation == "leaky_relu":
            nodes.append(helper.make_node("LeakyRelu", [at], [f"a{number}"], alpha=0.2))
        elif layer.activation != "linear":
            nodes.append(helper.make_node(_OPERATORS[layer.activation], [at], [f"a{number}"]))
        if layer.activation != "linear":
            at = f"a{number}"
    n_out = len(network.layers[-1].bias)
    n_classes = 0 if network.output == "value" else max(2, n_out)
    nodes += _end(at, n_classes, n_out, arrays, network)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])
    graph = helper.make_graph(nodes, "noria", [given], [_output(n_classes)], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR)


def _output(n_classes: int) -> Any:  # noqa: ANN401 - as above
    from onnx import TensorProto, helper  # noqa: PLC0415 - an extra

    name, width = ("probabilities", n_classes) if n_classes else ("value", 1)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])


def _array(name: str, values: NDArray[np.float64]) -> Any:  # noqa: ANN401 - as above
    from onnx import numpy_helper  # noqa: PLC0415 - an extra

    return numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name)


def _compared(data: bytes, model: TabularModel, matrix: NDArray[np.float64]) -> float:
    """Ask the file and the model; give the largest difference."""
    said = _asked(data, matrix.astype(np.float32), len(model.classes or ()))
    own = answer(model.head, matrix, model.task, model.classes)
    expected = np.asarray(own.values if own.proba is None else own.proba, dtype=np.float64).reshape(said.shape)
    known = np.isfinite(expected)
    apart = np.abs(said - expected)[known]
    unit = 1.0 if own.proba is not None else max(float(np.std(expected[known])), 1e-12)
    apart = np.where(np.isnan(apart), np.inf, apart)
    if (apart > TOLERANCE * unit).any():
        wrong = ~(np.abs(said - expected) <= TOLERANCE * unit) & known
        rows = int(wrong.reshape(len(matrix), -1).any(axis=1).sum())
        raise CheckFailed(
            "the ONNX file does not answer as the model does, and is not handed over",
            why=f"{rows} of {len(matrix)} made-up rows differ, by up to {apart.max():.3g}: ONNX computes in float32",
            mend="export the model itself: noria deploy export local",
            code="N-SCORING-031",
        )
    return float(apart.max(initial=0.0))


def _asked(data: bytes, X: NDArray[np.float32], n_classes: int) -> NDArray[np.float64]:
    import onnxruntime  # noqa: PLC0415 - an extra

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level, settings.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    names: Sequence[str] = [output.name for output in session.get_outputs()]
    wanted = next((name for name in names if name.startswith("prob")), names[-1])
    said = np.asarray(session.run([wanted], {session.get_inputs()[0].name: X})[0], dtype=np.float64)
    return said.reshape(len(X), n_classes) if n_classes else said.reshape(len(X))


def _demand(*modules: str) -> None:
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtra(
                f"ONNX needs {module}, which is not installed",
                mend="pip install onnxscript" if module == "onnxscript" else 'pip install "noria[onnx]"',
                code="N-SCORING-030",
            )


def _unwritable(why: str) -> WrongArgument:
    return WrongArgument(
        "this model cannot be written as ONNX",
        why=why,
        mend="export the model itself: noria deploy export local, or mlflow",
        code="N-SCORING-032",
    )
