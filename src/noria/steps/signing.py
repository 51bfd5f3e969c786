"""The signature of a trained model, from all its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from noria.preparation.openness import open_columns
from noria.scoring.learning import learn
from noria.steps.matrix import carried_columns, feature_columns, pseudonyms

if TYPE_CHECKING:
    from noria.datasets.settings import DataSettings
    from noria.evaluation.evaluate import Evaluation
    from noria.scoring.signature import Signature
    from noria.steps.outputs import SplitOutput
    from noria.training.model import FittedModel

__all__ = ["signature_of"]


def signature_of(
    split: SplitOutput, settings: DataSettings, model: FittedModel, judged: Evaluation | None = None
) -> Signature:
    """Learn what the model accepts from all its rows: a category of the locked ones is no stranger.

    What is read word by word, or by its hash, may be any text. What was chosen and found out when the model was judged
    goes with it.
    """
    import pyarrow as pa  # noqa: PLC0415 - the engine imports this module to look at it

    parts = getattr(model, "members", (model,))
    anything = frozenset[str]().union(*(open_columns(getattr(part, "preparation", None)) for part in parts))
    return learn(
        pa.concat_tables([split["train"], split["test"]]),
        [(name, "text" if kind == "category" and name in anything else kind) for name, kind in feature_columns(split)],
        carried=carried_columns(split, settings),
        pseudonyms=pseudonyms(settings),
        task=split["about"]["task"],
        target=settings.target,
        positive=cast("str | int | bool | None", settings.positive),
        threshold=None if judged is None or judged.threshold is None else judged.threshold.value,
        regions=None if judged is None or judged.conformal is None else judged.conformal.regions,
    )
