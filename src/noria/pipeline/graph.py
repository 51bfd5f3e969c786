"""The steps and their wiring: a directed graph without rings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from noria.errors import StepNotFound, WrongSetting, did_you_mean
from noria.pipeline.step import Step

__all__ = ["Graph"]

# A step's name becomes the name of its log file, hence no slashes and no leading dot.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


class Graph:
    """Steps in an order in which each comes after what it takes.

    Parameters
    ----------
    steps : iterable of Step
        In the order they are to be shown where the wiring leaves a choice.

    Raises
    ------
    WrongSetting
        Two steps share a name, a step takes the output of one that is not there, or the wiring runs in a ring.

    Examples
    --------
    >>> graph = Graph([Step("train", "m:f", {"table": "clean"}), Step("clean", "m:g")])
    >>> graph.order()
    ('clean', 'train')
    >>> graph.downstream("clean")
    ('train',)
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps: dict[str, Step] = {}
        for step in steps:
            self._check(step)
            if step.name in self.steps:
                other = self.steps[step.name]
                raise WrongSetting(
                    f"two steps are named {step.name!r}",
                    why=f"one is {other.uses}, the other {step.uses}",
                    mend=f'rename one, or write @noria.step(replaces="{step.name}") to take the place of the first',
                    code="N-PIPELINE-001",
                )
            self.steps[step.name] = step
        self._wire()
        self._order = self._sorted()

    def __getitem__(self, name: str) -> Step:
        try:
            return self.steps[name]
        except KeyError:
            hint = did_you_mean(name, self.steps)
            raise StepNotFound(
                f"the pipeline has no step {name!r}",
                why=f"it has: {', '.join(self._order)}",
                mend=hint or "see them all with: noria plan",
                code="N-PIPELINE-002",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.steps

    def __iter__(self) -> Iterator[Step]:
        return (self.steps[name] for name in self._order)

    def __len__(self) -> int:
        return len(self.steps)

    def order(self) -> tuple[str, ...]:
        """Name the steps, each after everything it takes; ties keep the order they were given in."""
        return self._order

    def upstream(self, name: str) -> tuple[str, ...]:
        """Name the steps whose output this one takes, each once."""
        return tuple(dict.fromkeys(self[name].inputs.values()))

    def downstream(self, name: str) -> tuple[str, ...]:
        """Name every step that depends on this one, however far, in order."""
        reached = {self[name].name}
        for candidate in self._order:
            if reached.intersection(self.steps[candidate].inputs.values()):
                reached.add(candidate)
        return tuple(found for found in self._order if found in reached and found != name)

    def _check(self, step: Step) -> None:
        if not _NAME.fullmatch(step.name):
            raise WrongSetting(
                f"{step.name!r} cannot name a step",
                mend="use a letter, then letters, digits, '_', '-' or '.'",
                code="N-PIPELINE-003",
            )
        if not step.module or not step.function:
            raise WrongSetting(
                f"step {step.name!r} does not say which function it runs: got {step.uses!r}",
                mend="write package.module:function",
                code="N-PIPELINE-004",
            )
        both = sorted(set(step.inputs) & set(step.params))
        if both:
            raise WrongSetting(
                f"step {step.name!r} gets {both[0]!r} twice: as a parameter and from step {step.inputs[both[0]]!r}",
                mend=f"remove {both[0]} from [steps.{step.name}] params",
                code="N-PIPELINE-005",
            )

    def _wire(self) -> None:
        for step in self.steps.values():
            for parameter, source in step.inputs.items():
                if source not in self.steps:
                    hint = did_you_mean(source, self.steps)
                    raise WrongSetting(
                        f"step {step.name!r} takes the output of {source!r}, which is no step",
                        why=f"parameter {parameter!r} of {step.uses}; the steps are: {', '.join(self.steps)}",
                        mend=hint or "name one of the steps",
                        code="N-PIPELINE-006",
                    )

    def _sorted(self) -> tuple[str, ...]:
        sorter = TopologicalSorter({name: sorted(set(step.inputs.values())) for name, step in self.steps.items()})
        try:
            sorter.prepare()
        except CycleError as error:
            ring = " -> ".join(reversed(error.args[1]))
            raise WrongSetting(
                f"the steps run in a ring: {ring}",
                mend="let one of them take something that comes earlier",
                code="N-PIPELINE-007",
            ) from None
        place = {name: number for number, name in enumerate(self.steps)}
        ordered: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=place.__getitem__)
            ordered += ready
            sorter.done(*ready)
        return tuple(ordered)
