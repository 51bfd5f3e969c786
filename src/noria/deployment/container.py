"""A container image: what to build it from, and where a root file system is given, the image itself."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from noria.deployment import oci
from noria.deployment.context import (
    BUNDLE,
    PACKAGES,
    PORT,
    USER,
    build_commands,
    context_faults,
    environment,
    labels,
    write_context,
)
from noria.deployment.requirements import pins
from noria.deployment.target import Option, Written
from noria.deployment.wheel import package_files
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.deployment.target import Wishes
    from noria.serving.bundle import Bundle

__all__ = ["Container", "installed_files"]

_LAYOUT = "oci"
_UNWANTED = frozenset({"direct_url.json", "INSTALLER", "REQUESTED"})
"""Said of how a package came here: nothing to do with what it is."""


class Container:
    """A folder that container tools build, and optionally an image layout that needs none of them."""

    name = "container"
    summary = "Dockerfile, pinned libraries, noria and the bundle; with rootfs= an OCI image too, without a daemon"
    options: Mapping[str, Option] = {
        "base": Option("", "image to build on; python:3.X-slim of this Python when left out"),
        "rootfs": Option("", "tar of a root file system with python3: an OCI image layout is written on it"),
    }

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the folder, and the image where a root file system is given."""
        write_context(bundle, folder, base=wishes.options["base"])
        build, push = build_commands(wishes.image, ".")
        run = f"docker run --rm --read-only --cap-drop=all -p {PORT}:{PORT} {wishes.image}"
        rootfs = wishes.options["rootfs"]
        if not rootfs:
            return Written((build, run, push))
        _write_layout(bundle, folder / _LAYOUT, Path(rootfs), wishes)
        copy = f"skopeo copy oci:{_LAYOUT}:{bundle.version.number} docker://{wishes.image}     # no daemon needed"
        return Written((copy, f"podman pull oci:{_LAYOUT}:{bundle.version.number}"))

    def check(self, folder: Path) -> Sequence[str]:
        """Let the bundle answer, and read the image through."""
        layout = folder / _LAYOUT
        return [*context_faults(folder), *(oci.faults(layout) if layout.exists() else ())]


def installed_files(names: Sequence[str]) -> dict[str, Path]:
    """Give the files of installed distributions, by their path in site-packages.

    What lies outside, such as commands, is left out, and so is what differs from install to install.
    """
    found: dict[str, Path] = {}
    for name in names:
        for file in distribution(name).files or ():
            parts = file.parts
            if ".." in parts or "__pycache__" in parts or file.is_absolute() or file.name in _UNWANTED:
                continue
            found[file.as_posix()] = Path(str(file.locate()))
    return found


def _write_layout(bundle: Bundle, folder: Path, rootfs: Path, wishes: Wishes) -> None:
    if not rootfs.is_file():
        raise WrongArgument(
            f"rootfs {rootfs} is no file",
            mend="mmdebstrap --variant=minbase --include=python3,ca-certificates bookworm base.tar     makes one",
            code="N-DEPLOYMENT-021",
        )
    libraries = [pin.partition("==")[0] for pin in pins(bundle.scorer().engine)]
    packages: dict[str, bytes | Path] = {**installed_files(libraries), **package_files()}
    layers = [
        oci.base_layer(folder, rootfs),
        oci.file_layer(folder, {f"{PACKAGES[1:]}/{path}": content for path, content in packages.items()}),
        # A layer of its own, and the last: a new version of the model ships this alone.
        oci.file_layer(folder, {f"{BUNDLE[1:]}/{path}": data for path, data in bundle.contents.items()}),
    ]
    process = oci.Process(
        entrypoint=("python3", "-m", "noria.serving"),
        arguments=("serve",),
        environment={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **environment(),
            "NORIA_PREDICTION_LOG": wishes.log,
        },
        user=f"{USER}:{USER}",
        port=PORT,
        labels=labels(bundle),
    )
    oci.write_layout(folder, layers, process, reference=str(bundle.version.number))
