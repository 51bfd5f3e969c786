"""Amazon SageMaker: the model as an archive, and the documents of the calls that make an endpoint of it."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

from noria.deployment.context import IMAGE, build_commands, context_faults, write_context, write_files
from noria.deployment.names import dns_label
from noria.deployment.target import Option, Written
from noria.serving.bundle import MANIFEST, Bundle
from noria.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noria.deployment.target import Wishes

__all__ = ["SageMaker"]

_ARCHIVE = "model.tar.gz"
_MODEL = "/opt/ml/model"
"""Where the platform lays the archive out."""


class SageMaker:
    """A model archive, a model, an endpoint's configuration and an endpoint."""

    name = "sagemaker"
    summary = "model.tar.gz and the documents for create-model, create-endpoint-config and create-endpoint"
    options: Mapping[str, Option] = {
        "role": Option("ROLE_ARN", "ARN of the role that reads the archive and pulls the image"),
        "bucket": Option("BUCKET", "bucket the archive is put into"),
        "instance": Option("ml.m5.large", "type of machine"),
    }

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write the archive, the documents and the image's folder."""
        write_context(bundle, folder / IMAGE)
        write_atomic(folder / _ARCHIVE, _packed(bundle.contents))
        name = f"{dns_label(bundle.version.model, longest=40)}-{bundle.version.number}-{bundle.digest[:8]}"
        address = f"s3://{wishes.options['bucket']}/{name}/{_ARCHIVE}"
        documents = _documents(bundle, wishes, name=name, address=address)
        write_files(folder, {f"{path}.json": json.dumps(each, indent=2) + "\n" for path, each in documents.items()})
        given = wishes.options
        return Written(
            (
                *build_commands(wishes.image),
                f"aws s3 cp {_ARCHIVE} {address}",
                *(f"aws sagemaker {path} --cli-input-json file://{path}.json" for path in documents),
            ),
            blanks=tuple(word for word in ("ROLE_ARN", "BUCKET") if word in given.values()),
            notes=(
                "a new version is a new model and configuration; update-endpoint then moves the endpoint to it",
                "answers must come within 60 seconds",
            ),
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Compare archive, documents and the image's bundle."""
        faults = context_faults(folder / IMAGE)
        if faults:
            return faults
        held = Bundle.read(folder / IMAGE / "bundle").contents
        try:
            with tarfile.open(folder / _ARCHIVE) as archive:
                manifest = archive.extractfile(MANIFEST)
                if manifest is None or manifest.read() != held[MANIFEST]:
                    faults.append(f"{_ARCHIVE} holds another bundle than the image")
            json.loads((folder / "create-model.json").read_bytes())
        except (OSError, tarfile.TarError, KeyError, ValueError) as error:
            faults.append(f"{type(error).__name__}: {error}")
        return faults


def _documents(bundle: Bundle, wishes: Wishes, *, name: str, address: str) -> dict[str, dict[str, object]]:
    environment = {
        # The image holds the bundle too; the archive's is the one that counts here.
        "NORIA_BUNDLE": _MODEL,
        "NORIA_BUNDLE_DIGEST": bundle.digest,
        "NORIA_PREDICTION_LOG": wishes.log,
    }
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": wishes.replicas,
        "InstanceType": wishes.options["instance"],
        "InitialVariantWeight": 1.0,
    }
    return {
        "create-model": {
            "ModelName": name,
            "ExecutionRoleArn": wishes.options["role"],
            "PrimaryContainer": {"Image": wishes.image, "ModelDataUrl": address, "Environment": environment},
        },
        "create-endpoint-config": {"EndpointConfigName": name, "ProductionVariants": [variant]},
        "create-endpoint": {"EndpointName": dns_label(bundle.version.model), "EndpointConfigName": name},
    }


def _packed(files: Mapping[str, bytes]) -> bytes:
    """Pack files the same way every time."""
    held = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=held, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return held.getvalue()
