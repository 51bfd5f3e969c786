"""Ray Serve: an application file, and the module that it names. noria needs Ray only where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.deployment.context import bundle_faults, write_files
from noria.deployment.names import dns_label
from noria.deployment.target import Option, Written
from noria.deployment.yaml import dumps
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from noria.deployment.target import Wishes
    from noria.serving.bundle import Bundle

__all__ = ["Ray"]

_MODULE = '''\
"""{ref} as a deployment of Ray Serve: the bundle beside this file answers, in noria's own protocols."""

from pathlib import Path

from ray import serve

from noria.serving.standalone import application

BUNDLE = Path(__file__).parent / "bundle"


@serve.deployment
@serve.ingress(lambda: application(BUNDLE, digest="{digest}"))
class Model:
    """Each replica loads the bundle, checks it, and answers."""


app = Model.bind()
'''


class Ray:
    """An application of Ray Serve."""

    name = "ray"
    summary = "an application file for Ray Serve with the bundle; runs where ray[serve] and noria are installed"
    options: Mapping[str, Option] = {
        "cpu": Option("1", "processors that a replica reserves; a fraction will do"),
    }

    def write(self, bundle: Bundle, folder: Path, wishes: Wishes) -> Written:
        """Write application, module and bundle."""
        processors = _processors(wishes.options["cpu"])
        bundle.write(folder / "bundle")
        comment = f"{bundle.version.ref}, bundle {bundle.digest}"
        text = _MODULE.format(ref=bundle.version.ref, digest=bundle.digest)
        write_files(
            folder,
            {
                "serve.yaml": dumps(_application(bundle, wishes.replicas, processors), comment=comment),
                "noria_model.py": text,
            },
        )
        return Written(
            (
                "serve run serve.yaml     # here, while you watch",
                "serve deploy serve.yaml     # onto a running cluster, each of whose nodes has this folder",
            )
        )

    def check(self, folder: Path) -> Sequence[str]:
        """Let the bundle answer, and read the module."""
        faults = bundle_faults(folder / "bundle")
        try:
            compile((folder / "noria_model.py").read_text(encoding="utf-8"), "noria_model.py", "exec")
        except (OSError, SyntaxError, ValueError) as error:
            faults.append(f"noria_model.py: {error}")
        return faults


def _processors(text: str) -> float:
    try:
        wanted = float(text)
    except ValueError:
        wanted = -1.0
    if not 0 <= wanted <= 1024:
        raise WrongArgument(f"cpu={text[:40]} is no number of processors", mend="cpu=0.5", code="N-DEPLOYMENT-022")
    return wanted


def _application(bundle: Bundle, replicas: int, processors: float) -> dict[str, object]:
    name = dns_label(bundle.version.model)
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "127.0.0.1", "port": 8000},
        "applications": [
            {
                "name": name,
                "route_prefix": "/",
                "import_path": "noria_model:app",
                "deployments": [
                    {
                        "name": "Model",
                        "num_replicas": replicas,
                        "ray_actor_options": {"num_cpus": processors},
                    }
                ],
            }
        ],
    }
