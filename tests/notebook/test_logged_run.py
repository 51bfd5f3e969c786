"""A run of one's own code in a notebook: its numbers as they were logged, NaN and infinities included."""

from __future__ import annotations

from pathlib import Path

from noria.notebook.run import ShownRun, run_listing
from noria.workspace import Workspace

PROJECT = '[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\n'


def test_odd_numbers_are_shown_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(PROJECT)
    workspace = Workspace(tmp_path)
    run = workspace.runs.start("logged", "<b>mine</b>", beats=False)
    workspace.runs.log_metrics(run, {"auc": float("nan"), "loss": float("-inf"), "f1": 0.5})
    workspace.runs.log_params(run, {"lr": 0.1, "layers": [1, 2]})
    shown = ShownRun(workspace.runs.get(run), workspace)
    page = shown._repr_html_()
    for text in ("NaN", "-Infinity", "0.5", "[1,2]", "&lt;b&gt;mine"):
        assert text in page
    assert "Steps" not in page
    assert "auc NaN" in repr(shown)
    assert shown.metrics["loss"] == float("-inf")
    assert shown.frame()["value"].isna().sum() == 1
    assert "NaN" in run_listing(workspace)._repr_html_()
    workspace.close()
