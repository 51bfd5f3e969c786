"""The layers that a network may have: those whose settings are data, so that a file of them runs nobody's code.

Not among them is what can hold code or reads files: Lambda, layers of the user's own, lookups by a vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ACTIVATIONS", "LAYERS", "PARTS"]


def _names(told: str) -> frozenset[str]:
    return frozenset(told.split())


def _settings(*told: str) -> frozenset[str]:
    return _names(" ".join(("name trainable dtype", *told)))


def _weights(*kinds: str) -> str:
    return " ".join(f"{kind}_initializer {kind}_regularizer {kind}_constraint" for kind in kinds)


_NORM = "axis center scale epsilon " + _weights("beta", "gamma")
_POOL = "data_format padding pool_size strides"
_RECURRENT = (
    "units activation recurrent_activation use_bias dropout recurrent_dropout seed return_sequences return_state "
    "go_backwards stateful unroll zero_output_for_mask activity_regularizer " + _weights("kernel", "recurrent", "bias")
)

LAYERS: Mapping[str, frozenset[str]] = {
    "InputLayer": _names("batch_shape dtype sparse ragged name optional"),
    "Dense": _settings(
        "units activation use_bias activity_regularizer quantization_config", _weights("kernel", "bias")
    ),
    "Dropout": _settings("rate seed noise_shape"),
    "AlphaDropout": _settings("rate seed noise_shape"),
    "GaussianDropout": _settings("rate seed"),
    "GaussianNoise": _settings("stddev seed"),
    "ActivityRegularization": _settings("l1 l2"),
    "BatchNormalization": _settings(
        _NORM,
        "momentum renorm renorm_clipping renorm_momentum synchronized",
        "moving_mean_initializer moving_variance_initializer",
    ),
    "LayerNormalization": _settings(_NORM, "rms_scaling"),
    "GroupNormalization": _settings(_NORM, "groups"),
    "UnitNormalization": _settings("axis"),
    "Activation": _settings("activation"),
    "ReLU": _settings("max_value negative_slope threshold"),
    "LeakyReLU": _settings("negative_slope"),
    "PReLU": _settings("shared_axes", _weights("alpha")),
    "ELU": _settings("alpha"),
    "Softmax": _settings("axis"),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _settings()),
    "Concatenate": _settings("axis"),
    "Dot": _settings("axes normalize"),
    "Flatten": _settings("data_format"),
    "Reshape": _settings("target_shape"),
    "RepeatVector": _settings("n"),
    "Rescaling": _settings("scale offset"),
    "Conv1D": _settings(
        "filters kernel_size strides padding data_format dilation_rate groups activation use_bias activity_regularizer",
        _weights("kernel", "bias"),
    ),
    "MaxPooling1D": _settings(_POOL),
    "AveragePooling1D": _settings(_POOL),
    "GlobalMaxPooling1D": _settings("data_format keepdims"),
    "GlobalAveragePooling1D": _settings("data_format keepdims"),
    "LSTM": _settings(_RECURRENT, "unit_forget_bias"),
    "GRU": _settings(_RECURRENT, "reset_after"),
    "MultiHeadAttention": _settings(
        "num_heads key_dim value_dim dropout use_bias output_shape attention_axes seed sliding_window use_gate",
        "activity_regularizer",
        _weights("kernel", "bias"),
    ),
}
"""Kind -> the settings that its config may have. A test holds them against the Keras that is installed."""

ACTIVATIONS = _names(
    "relu linear sigmoid softmax tanh elu selu gelu silu swish softplus softsign exponential relu6 leaky_relu "
    "hard_sigmoid hard_silu mish log_softmax"
)

PARTS: Mapping[str, frozenset[str]] = {
    "keras": _names("Sequential DTypePolicy"),
    "keras.src.models.functional": _names("Functional"),
    "keras.layers": frozenset(LAYERS),
    "keras.initializers": _names(
        "GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal RandomUniform RandomNormal "
        "TruncatedNormal VarianceScaling Orthogonal Zeros Ones Constant"
    ),
    "keras.regularizers": _names("L1 L2 L1L2"),
    "keras.constraints": _names("MaxNorm MinMaxNorm NonNeg UnitNorm"),
    "keras.optimizers": _names("Adam"),
}
"""What a config may name, by module."""
