"""What is said of a step whose process ended before it could answer."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import StepFailed

if TYPE_CHECKING:
    from noria.pipeline.pool import Death

__all__ = ["told"]

_SHOWN_LINES = 3


def told(step: str, death: Death, log: Path, root: Path) -> StepFailed:
    """Turn the end of a process into an error with its mend.

    Parameters
    ----------
    step : str
        What it was at.
    death : Death
        How it ended.
    log : Path
        Where it printed.
    root : Path
        The project's folder, which paths are shown from.
    """
    shown = log.relative_to(root) if log.is_relative_to(root) else log
    why = [f"it had used up to {death.peak_bytes / 1e6:,.0f} MB of memory", *_last_lines(log)]
    mend = f"what it printed is in {shown}"
    if death.signal == signal.SIGKILL:
        what = "was killed (signal 9)"
        why.insert(
            0,
            "the kernel ended it because memory ran out"
            if death.oom_kills
            else "most often that is the system ending what takes too much memory",
        )
        mend = f"let it work on less at a time, or run fewer steps at once with --jobs 1\n{mend}"
    elif death.signal:
        what = f"crashed ({_name(death.signal)})"
    else:
        what = f"ended its process with status {death.status}"
    return StepFailed(f"step {step!r} {what}", why="\n".join(why), mend=mend, code="N-PIPELINE-033")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have numbers only
        return f"signal {number}"


def _last_lines(log: Path) -> list[str]:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-_SHOWN_LINES:]
