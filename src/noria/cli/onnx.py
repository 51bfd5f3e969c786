"""``noria models export``: a version's estimator for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from noria.cli.opening import as_json, print_json, workspace

__all__ = ["export_version"]


@click.command("export")
@click.argument("ref")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="What to write.")
@click.option("--force", is_flag=True, help="Write over FILE.")
@as_json
def export_version(ref: str, file: Path, form: str, force: bool, json_output: bool) -> None:
    """Write the estimator of a version as an ONNX file.

    The file takes the prepared matrix as float32, and answers probabilities or values; its metadata name the matrix's
    columns. It is written only when ONNX Runtime answers made-up rows with it as the model does. To take rows as they
    are, preparation included, export a bundle: noria deploy export.
    """
    from noria.errors import WrongArgument
    from noria.registry import format as formats
    from noria.scoring.onnx import export_onnx
    from noria.scoring.signature import Signature
    from noria.store.files import write_atomic

    if file.exists() and not force:
        raise WrongArgument(
            f"{file} is there already", mend="name another file, or write over it: --force", code="N-CLI-083"
        )
    opened = workspace()
    version = opened.registry.resolve(ref, model=opened.project.name)
    model = formats.load(opened.registry.files(version), trusted=opened.trusted)
    made = export_onnx(model, Signature.from_json(version.signature), about={"noria.version": version.ref})
    write_atomic(file, made.data)
    if json_output:
        told = {"model": version.model, "version": version.number, "format": form, "file": str(file)}
        print_json({**told, "rows": made.rows, "largest": made.largest, "features": list(made.features)})
        return
    click.echo(f"{file}: {version.ref}, {len(made.data) / 1e3:,.0f} kB")
    click.echo(f"answers as the model does on {made.rows} made-up rows, within {made.largest:.2g}")
    click.echo(f"takes x, float32, {len(made.features)} prepared columns: {', '.join(made.features[:6])}"
               f"{', …' if len(made.features) > 6 else ''}")  # fmt: skip
