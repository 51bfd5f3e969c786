"""Artifacts: what goes up comes down, whatever it is called."""

import hashlib
import inspect
import os
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from PIL import Image

import mlflow
from mlflow import MlflowClient

mpl.use("Agg")
CLIENT = MlflowClient()
STEPS = "key" in inspect.signature(mlflow.log_image).parameters  # images by step are newer than 2.9


def _paths(run_id, path=None):
    """List every file of a run, with its size."""
    found = {}
    for one in CLIENT.list_artifacts(run_id, path):
        found.update(_paths(run_id, one.path) if one.is_dir else {one.path: one.file_size})
    return found


def folders():
    names = {"plain.txt": b"x", "with space.txt": b"", "ünï/ço dé.txt": b"\0\xff", "a/b/c/d.bin": bytes(256)}
    names |= {"100% sure.txt": b"%", "plus+and&eq=.txt": b"&", "a;b,c'd(e).txt": b";", "日本/語.json": b"{}"}
    mlflow.set_experiment("files")
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        for name, content in names.items():
            target = Path(folder, "up", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        mlflow.log_artifacts(f"{folder}/up")
        mlflow.log_artifacts(f"{folder}/up", "beneath/it all")
        mlflow.log_artifact(f"{folder}/up/with space.txt", "single")
        mlflow.log_artifact(f"{folder}/up/a")
    expected = {name: len(content) for name, content in names.items()}
    expected |= {f"beneath/it all/{name}": len(content) for name, content in names.items()}
    expected |= {"single/with space.txt": 0}
    found = _paths(run.info.run_id)
    assert found == expected, sorted(set(found.items()) ^ set(expected.items()))
    with tempfile.TemporaryDirectory() as folder:
        there = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=folder))
        for name, content in names.items():
            assert (there / name).read_bytes() == content, name
            assert (there / "beneath/it all" / name).read_bytes() == content, name
    with tempfile.TemporaryDirectory() as folder:
        part = CLIENT.download_artifacts(run.info.run_id, "beneath/it all/ünï", folder)
        assert [one.name for one in Path(part).iterdir()] == ["ço dé.txt"]
    assert [(one.path, one.is_dir) for one in CLIENT.list_artifacts(run.info.run_id, "beneath")] == [
        ("beneath/it all", True)
    ]
    assert CLIENT.list_artifacts(run.info.run_id, "none") == []


def large_file():
    content = os.urandom(1 << 20) * 20
    mlflow.set_experiment("files")
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        Path(folder, "large.bin").write_bytes(content)
        mlflow.log_artifact(f"{folder}/large.bin")
        Path(folder, "large.bin").unlink()
        got = Path(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/large.bin", dst_path=folder))
        assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(content).digest()
    assert _paths(run.info.run_id) == {"large.bin": 20 << 20}


def overwriting():
    mlflow.set_experiment("files")
    with mlflow.start_run() as run:
        for text in ("first", "second, longer", ""):
            mlflow.log_text(text, "x.txt")
            assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/x.txt") == text
    assert _paths(run.info.run_id) == {"x.txt": 0}


def texts_and_dicts():
    mlflow.set_experiment("files")
    with mlflow.start_run() as run:
        mlflow.log_text("grüße", "deep/er/ü.txt")
        mlflow.log_dict({"a": [1, 2], "ü": None}, "x.json")
        mlflow.log_dict({"a": {"b": 1}}, "x.yaml")
    root = run.info.artifact_uri
    assert mlflow.artifacts.load_text(f"{root}/deep/er/ü.txt") == "grüße"
    assert mlflow.artifacts.load_dict(f"{root}/x.json") == {"a": [1, 2], "ü": None}


def figures_and_images():
    from matplotlib.figure import Figure

    mlflow.set_experiment("files")
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    with mlflow.start_run() as run:
        figure = Figure()
        figure.subplots().plot([1, 2, 3])
        mlflow.log_figure(figure, "plots/curve.png")
        mlflow.log_figure(figure, "plots/curve.svg")
        mlflow.log_image(pixels, "pixels.png")
        mlflow.log_image(Image.fromarray(pixels), "pil.png")
        if STEPS:
            for step in range(3):
                mlflow.log_image(pixels, key="by step/k", step=step)
    assert np.array_equal(np.asarray(mlflow.artifacts.load_image(f"{run.info.artifact_uri}/pixels.png")), pixels)
    names = _paths(run.info.run_id)
    assert names["plots/curve.png"] > 0 and names["plots/curve.svg"] > 0
    assert not STEPS or sum(name.startswith("images/") for name in names) == 6


def tables():
    mlflow.set_experiment("files")
    with mlflow.start_run() as run:
        mlflow.log_table({"question": ["a", "ü"], "score": [1, 2]}, "table.json")
        mlflow.log_table(pd.DataFrame({"question": ["c"], "score": [3]}), "table.json")
    got = mlflow.load_table("table.json", run_ids=[run.info.run_id])
    assert list(got["question"]) == ["a", "ü", "c"] and list(got["score"]) == [1, 2, 3]
    assert "table.json" in mlflow.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]


def removed():
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    mlflow.set_experiment("files")
    with mlflow.start_run() as run:
        mlflow.log_text("x", "a/x.txt")
        mlflow.log_text("y", "a/y.txt")
        mlflow.log_text("z", "z.txt")
    files = get_artifact_repository(run.info.artifact_uri)
    files.delete_artifacts("a/x.txt")
    assert _paths(run.info.run_id) == {"a/y.txt": 1, "z.txt": 1}
    files.delete_artifacts("a")
    assert _paths(run.info.run_id) == {"z.txt": 1}
