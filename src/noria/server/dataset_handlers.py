"""The pages of datasets: tables, folders of files, and what differs between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.datasets.folder_version import FolderVersion
from noria.server import drawings
from noria.server.asking import as_json, site_of
from noria.server.pages import dataset_diff, datasets, folders

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from noria.workspace import Workspace

__all__ = ["api_dataset", "api_dataset_diff", "api_datasets", "dataset", "dataset_diff_page", "dataset_list"]


def dataset_list(request: Request) -> Response:
    """The datasets."""
    site = site_of(request)
    rows = datasets.overview(site.workspace)
    known = datasets.folders(site.workspace)
    return site.page(request, "datasets.html", title="Datasets", active="datasets", rows=rows, folders=known)


def dataset(request: Request) -> Response:
    """One version of a dataset."""
    site = site_of(request)
    view = _view(site.workspace, request)
    if isinstance(view, folders.FolderView):
        return site.page(request, "folder.html", title=view.ref, active="datasets", view=view)
    return site.page(
        request, "dataset.html", title=view.ref, active="datasets", view=view, telling=drawings.telling(view.target)
    )


def dataset_diff_page(request: Request) -> Response:
    """What differs between two versions of a dataset."""
    site = site_of(request)
    view = dataset_diff.one(site.workspace, *_versions(request))
    return site.page(request, "dataset_diff.html", title=f"{view.old} → {view.new}", active="datasets", view=view)


def api_datasets(request: Request) -> Response:
    """Datasets."""
    return as_json(datasets.overview(site_of(request).workspace))


def api_dataset(request: Request) -> Response:
    """One version of a dataset."""
    return as_json(_view(site_of(request).workspace, request))


def api_dataset_diff(request: Request) -> Response:
    """What differs between two versions of a dataset."""
    return as_json(dataset_diff.differences(site_of(request).workspace, *_versions(request)))


def _view(workspace: Workspace, request: Request) -> datasets.DatasetView | folders.FolderView:
    found = datasets.find(workspace, str(request.path_params["ref"]))
    if isinstance(found, FolderVersion):
        return folders.one(workspace, found, request.query_params.get("in"))
    return datasets.one(workspace, found)


def _versions(request: Request) -> tuple[str, str]:
    return str(request.path_params["ref"]), request.query_params.get("from", "").strip()[:300]
