"""Arrays in, SVG out: one drawing for page, notebook, report and model card.

A drawing uses classes and presentation attributes only, so that it passes a strict content security policy and takes
the colours of the page it stands on, light or dark; `PLOT_CSS` is the one style sheet for all of them. Nothing here
imports numpy.
"""

from noria.plots.bars import bar, cluster_sizes, histogram, overlay, overlay_shares
from noria.plots.binned import binned, spark
from noria.plots.figure import PLOT_CSS, Figure
from noria.plots.graph import Node, graph
from noria.plots.heatmap import confusion, heatmap
from noria.plots.lines import Series, calibration, line, roc, sparkline
from noria.plots.points import intervals, residuals, scatter

__all__ = [
    "PLOT_CSS",
    "Figure",
    "Node",
    "Series",
    "bar",
    "binned",
    "calibration",
    "cluster_sizes",
    "confusion",
    "graph",
    "heatmap",
    "histogram",
    "intervals",
    "line",
    "overlay",
    "overlay_shares",
    "residuals",
    "roc",
    "scatter",
    "spark",
    "sparkline",
]
