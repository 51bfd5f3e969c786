"""What an image is built from: a Dockerfile, pinned libraries, this noria and the bundle.

One image fits every platform: it takes the argument ``serve``, listens where the platform's environment says (see
`noria.serving.platform`), runs as nobody in particular, and writes nothing, so that its root may be read-only.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from noria.deployment.names import checked_image
from noria.deployment.requirements import pins
from noria.deployment.wheel import wheel
from noria.errors import NoriaError
from noria.serving.bundle import Bundle
from noria.store.files import contained, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BUNDLE", "IMAGE", "PORT", "USER", "build_commands", "bundle_faults", "context_faults", "environment", "labels",
    "write_context", "write_files",
]  # fmt: skip

IMAGE = "image"
"""The folder beside a platform's own files that its image is built from."""

BUNDLE = "/srv/bundle"
PORT = 8080
USER = 10001
"""Of no account: a number is all that a cluster can check before it starts a container."""

PACKAGES = "/opt/noria/site-packages"

_DOCKERFILE = """\
# {ref}, bundle {digest}
FROM {base}
COPY requirements.txt {wheel} /tmp/noria/
# Into a folder of its own: the same in every base, whether Python there is Debian's or not.
RUN python3 -m pip install --no-cache-dir --no-deps --target {packages} \\
    -r /tmp/noria/requirements.txt /tmp/noria/{wheel} && rm -rf /tmp/noria
COPY bundle {bundle}
{environment}
LABEL {labels}
USER {user}:{user}
EXPOSE {port}
STOPSIGNAL SIGTERM
ENTRYPOINT ["python3", "-m", "noria.serving"]
CMD ["serve"]
"""

_IGNORED = """\
# Nothing but what the Dockerfile copies.
*
!requirements.txt
!noria-*.whl
!bundle
"""


def environment() -> dict[str, str]:
    """Give the environment that an image sets."""
    return {
        "NORIA_BUNDLE": BUNDLE,
        "NORIA_HOST": "0.0.0.0",  # noqa: S104 - a container: its platform decides who reaches it
        "PYTHONPATH": PACKAGES,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "HOME": "/tmp",  # noqa: S108 - inside the container, where no other place may be written
    }


def labels(bundle: Bundle) -> dict[str, str]:
    """Give what an image says of itself."""
    return {
        "noria.bundle": bundle.digest,
        "noria.model": bundle.version.ref,
        "org.opencontainers.image.title": bundle.version.model,
        "org.opencontainers.image.version": str(bundle.version.number),
    }


def write_context(bundle: Bundle, folder: Path, *, base: str = "") -> None:
    """Write what an image is built from.

    Parameters
    ----------
    bundle : Bundle
        What answers in it.
    folder : Path
        Empty.
    base : str
        Image to build on; the slim one of this Python when left out.
    """
    name, built = wheel()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = _DOCKERFILE.format(
        ref=bundle.version.ref,
        digest=bundle.digest,
        base=checked_image(base) if base else f"python:{version}-slim",
        wheel=name,
        packages=PACKAGES,
        bundle=BUNDLE,
        environment="ENV " + " \\\n    ".join(f"{key}={value}" for key, value in environment().items()),
        labels=" \\\n      ".join(f'{key}="{value}"' for key, value in labels(bundle).items()),
        user=USER,
        port=PORT,
    )
    requirements = "".join(f"{pin}\n" for pin in pins(bundle.scorer().engine))
    write_files(folder, {"Dockerfile": text, ".dockerignore": _IGNORED, "requirements.txt": requirements})
    write_atomic(folder / name, built)
    bundle.write(folder / "bundle")


def build_commands(image: str, folder: str = IMAGE) -> tuple[str, ...]:
    """Say how the image is made and sent to where the platform pulls from."""
    return f"docker build -t {image} {folder}     # or: podman build, buildah bud", f"docker push {image}"


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write text files by path."""
    for path, text in files.items():
        write_atomic(contained(folder, path), text)


def bundle_faults(folder: Path) -> list[str]:
    """Load a bundle and let it answer; name what is wrong."""
    try:
        Bundle.read(folder).scorer()
    except NoriaError as error:
        return [f"{error.what}: {error.why}" if error.why else error.what]
    return []


def context_faults(folder: Path) -> list[str]:
    """Look an image's folder over."""
    lacking = [name for name in ("Dockerfile", ".dockerignore", "requirements.txt") if not (folder / name).is_file()]
    if not any(folder.glob("noria-*.whl")):
        lacking.append("noria's wheel")
    return [f"{name} is missing" for name in lacking] + bundle_faults(folder / "bundle")
