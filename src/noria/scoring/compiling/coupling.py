"""Support vector machines with coupled probabilities, read into plans."""

from __future__ import annotations

from noria.scoring.compiling.fitted import fitted
from noria.scoring.compiling.machine import compile_machine_decision
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.coupled import Coupled

__all__ = ["compile_coupled"]


def compile_coupled(estimator: object, n_classes: int) -> Coupled:
    """Compile `noria.training.coupled.CoupledMachines`."""
    slope, offset = fitted(estimator, "slope_", 1), fitted(estimator, "offset_", 1)
    n_pairs = n_classes * (n_classes - 1) // 2
    if not len(slope) == len(offset) == n_pairs > 0:
        raise Unsupported(f"its curves are not those of {n_classes} classes")
    decisions = compile_machine_decision(getattr(estimator, "machine_", None), n_classes)
    if decisions.rule != "decision":
        raise Unsupported("its machine does not tell the decision of each pair")
    # Of two classes alone the decision speaks for the second.
    return Coupled(decisions, -slope if n_classes == 2 else slope, offset, n_classes)
