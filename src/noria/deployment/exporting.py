"""Writing a target's folder: whole or not at all, into a place of its own, looked at before it is there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from noria.deployment.names import checked_image, dns_label
from noria.deployment.target import Wishes
from noria.errors import StoreUnavailable, VersionExists, WorkFailed, WrongArgument, did_you_mean
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.deployment.target import Target, Written
    from noria.serving.bundle import Bundle

__all__ = ["export", "wishes"]

_MOST_REPLICAS = 1000


def wishes(
    target: Target,
    bundle: Bundle,
    *,
    image: str | None = None,
    replicas: int = 2,
    log: str = "off",
    options: Mapping[str, str] | None = None,
) -> Wishes:
    """Put what somebody wishes together with what a target takes for granted.

    Raises
    ------
    WrongArgument
        The target has no such option, or a value cannot be one.
    """
    given = options or {}
    for name in given:
        if name not in target.options:
            known = ", ".join(target.options)
            raise WrongArgument(
                f"target {target.name} has no option {name[:60]!r}",
                why=did_you_mean(name, target.options) or (f"it has {known}" if known else "it has none"),
                mend="noria deploy targets     says what each one takes",
                code="N-DEPLOYMENT-011",
            )
    if not 1 <= replicas <= _MOST_REPLICAS:
        raise WrongArgument(
            f"{replicas} replicas are no deployment", mend=f"1 to {_MOST_REPLICAS}", code="N-DEPLOYMENT-012"
        )
    if log not in ("off", "stdout"):
        raise WrongArgument(
            f"answers cannot be logged to {log[:60]!r}",
            why="a container's file system is not kept; what it prints is collected",
            mend="--log stdout, or --log off",
            code="N-DEPLOYMENT-013",
        )
    settled = {name: given.get(name, option.default) for name, option in target.options.items()}
    default = f"{dns_label(bundle.version.model)}:{bundle.version.number}"
    return Wishes(checked_image(image or default), replicas, log, settled)


def export(target: Target, bundle: Bundle, out: Path, wished: Wishes) -> Written:
    """Write a target's files.

    Parameters
    ----------
    target : Target
        Where it goes.
    bundle : Bundle
        What goes.
    out : Path
        A folder that is not there yet, or empty.
    wished : Wishes
        From `wishes`.

    Raises
    ------
    VersionExists
        The folder holds something.
    WorkFailed
        What was written is not in order; nothing is left then.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise VersionExists(
            f"{out} is there already and not an empty folder",
            why="an export writes over nothing, and mixes with nothing",
            mend=f"--out {out}-{bundle.version.number}, or remove it first",
            code="N-DEPLOYMENT-014",
        )
    ensure_folder(out.parent)
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=out.parent))
    try:
        written = target.write(bundle, folder, wished)
        _settle(folder)
        faults = target.check(folder)
        if faults:
            raise WorkFailed(
                f"what target {target.name} wrote is not in order",
                why="\n".join(faults[:10]),
                mend="tell those who maintain the target; nothing was left behind",
                code="N-DEPLOYMENT-015",
            )
        folder.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot write {out}: {error.strerror or error}",
            mend=f"make room or give yourself the right to write in {out.parent}",
            code="N-DEPLOYMENT-016",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return written


def _settle(folder: Path) -> None:
    """Give every entry its rights, whatever the umask, and let none lead out."""
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise WorkFailed(f"{path.name} is no plain file", code="N-DEPLOYMENT-017")
        path.chmod(0o755 if path.is_dir() else 0o644)
