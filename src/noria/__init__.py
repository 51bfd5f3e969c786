"""The whole MLOps loop in one package: from data to a watched model, and round again.

Every name loads on first use, so that ``import noria`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for true; `typing` itself would be most of what the import costs
if TYPE_CHECKING:
    from noria.errors import NoriaError
    from noria.notebook.facade import Project, open
    from noria.pipeline.artifact import Files
    from noria.pipeline.context import StepContext
    from noria.pipeline.step import step
    from noria.tracking.run import ActiveRun
    from noria.tracking.start import start_run

__version__ = "0.1.0"

__all__ = ["ActiveRun", "Files", "NoriaError", "Project", "StepContext", "__version__", "open", "start_run", "step"]

_HOMES = {
    "ActiveRun": "noria.tracking.run",
    "Files": "noria.pipeline.artifact",
    "NoriaError": "noria.errors",
    "Project": "noria.notebook.facade",
    "StepContext": "noria.pipeline.context",
    "open": "noria.notebook.facade",
    "start_run": "noria.tracking.start",
    "step": "noria.pipeline.step",
}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - nothing is paid before a name is asked for

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'noria' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
