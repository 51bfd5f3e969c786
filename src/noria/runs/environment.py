"""What a run was made with: Python, the machine, the versions of the main libraries."""

from __future__ import annotations

import os
import sys

__all__ = ["LIBRARIES", "current_user", "environment"]

LIBRARIES = (
    "noria",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "lightgbm",
    "skops",
    "duckdb",
    "joblib",
    "xgboost-cpu",
    "catboost",
    "keras",
    "tensorflow-cpu",
    "optuna",
)
"""Distributions whose version may change a model."""


def environment() -> dict[str, object]:
    """Describe this Python and machine, importing none of the libraries.

    Returns
    -------
    dict
        ``python``, ``platform``, ``processors`` and ``libraries`` (installed ones, name -> version).

    Examples
    --------
    >>> sorted(environment())
    ['libraries', 'platform', 'processors', 'python']
    """
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only where it is asked for

    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    system = os.uname()
    return {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "platform": f"{system.sysname} {system.release} {system.machine}",
        "processors": os.cpu_count() or 1,
        "libraries": found,
    }


def current_user() -> str:
    """Name who this process works for; empty where the machine does not know, as in some containers."""
    import getpass  # noqa: PLC0415 - only where a run begins

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
