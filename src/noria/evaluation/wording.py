"""How figures are written in reports."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from noria.evaluation.catalogue import DEFINITIONS

__all__ = ["change", "estimate", "figure", "interval", "plain", "title_of"]


def figure(value: object, metric: str = "") -> str:
    """Write a figure: shares with three decimals, others with four digits.

    Examples
    --------
    >>> figure(0.78125, "roc_auc"), figure(12345.678), figure(None)
    ('0.781', '12,346', '–')
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    if metric in DEFINITIONS and DEFINITIONS[metric].unit == "share":
        return f"{value:.3f}"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def interval(value: object, metric: str = "") -> str:
    """Write the interval of an estimate.

    Examples
    --------
    >>> interval({"value": 0.8, "low": 0.75, "high": 0.84}, "roc_auc")
    '0.750 to 0.840'
    """
    if not isinstance(value, Mapping) or value.get("low") is None or value.get("high") is None:
        return "–"
    return f"{figure(value['low'], metric)} to {figure(value['high'], metric)}"


def estimate(value: object, metric: str = "") -> str:
    """Write an estimate in one piece.

    Examples
    --------
    >>> estimate({"value": 0.8, "low": 0.75, "high": 0.84}, "roc_auc"), estimate(0.8, "roc_auc")
    ('0.800 (0.750 to 0.840)', '0.800')
    """
    if not isinstance(value, Mapping):
        return figure(value, metric)
    shown = figure(value.get("value"), metric)
    return shown if value.get("low") is None else f"{shown} ({interval(value, metric)})"


def change(value: float, metric: str = "") -> str:
    """Write a difference with its sign.

    Examples
    --------
    >>> change(0.0123, "roc_auc"), change(-0.00001, "roc_auc")
    ('+0.012', '0.000')
    """
    written = figure(abs(value), metric)
    return written if not any(digit in written for digit in "123456789") else ("+" if value > 0 else "-") + written


def plain(value: object) -> str:
    """Write a parameter.

    Examples
    --------
    >>> plain(0.1), plain([64, 32]), plain(True), plain("auto")
    ('0.1', '[64, 32]', 'true', 'auto')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, default=str)


def title_of(metric: str) -> str:
    """Give a metric's title, or its name where it is nobody's."""
    return DEFINITIONS[metric].title if metric in DEFINITIONS else metric
