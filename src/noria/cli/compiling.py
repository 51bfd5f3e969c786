"""``noria models compile``: the compiled plan of a version, made and proven again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion

__all__ = ["compile_version", "planned"]


@click.command("compile")
@click.argument("ref")
@as_json
def compile_version(ref: str, json_output: bool) -> None:
    """Make and prove the compiled plan of a version.

    Registering a version does this by itself. It is wanted for versions that are older than plans, and on a machine
    whose libraries compute otherwise than those a plan was proven with. The plan is compared with the model on made-up
    rows: every column missing, unseen categories, thresholds and their neighbours; where one differs, the version
    answers through its own library, and this says why.
    """
    from noria.scoring.proof.files import reason_of, told_of

    opened = workspace()
    version = opened.registry.resolve(ref, model=opened.project.name)
    files = planned(opened.registry, version, opened.trusted)
    if json_output:
        reason = reason_of(files)
        print_json({"model": version.model, "version": version.number, "compiled": not reason, "reason": reason})
        return
    click.echo(f"{version.ref} {told_of(files)}")


def planned(registry: Registry, version: ModelVersion, trusted: Collection[str] = ()) -> Mapping[str, bytes]:
    """Compile a registered version, prove the plan and lay it beside the model."""
    from noria.registry import format as formats
    from noria.scoring.proof.compiled import compiled
    from noria.scoring.proof.files import FOLDER
    from noria.scoring.signature import Signature

    model = formats.load(registry.files(version), trusted=trusted)
    files = compiled(model, Signature.from_json(version.signature))
    registry.attach(version, files, instead_of=FOLDER)
    return files
