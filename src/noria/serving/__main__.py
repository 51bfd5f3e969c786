"""``python -m noria.serving --bundle FOLDER``: what a container runs.

No command-line library: an image holds what answers, and no more.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from noria.errors import NoriaError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a bundle until told to stop; give the exit status."""
    given = _parser().parse_args(arguments)
    # Answers are small: threads inside the libraries only get into each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        from noria.serving.platform import Platform  # noqa: PLC0415 - after the number of threads is set
        from noria.serving.standalone import BundleServer  # noqa: PLC0415 - as above

        told = Platform.told(
            os.environ, bundle=given.bundle, host=given.host, port=given.port, log=given.log, grpc_port=given.grpc_port
        )
        server = BundleServer(told, on_ready=lambda url: _say(f"serving {name} at {url}; predictions: {told.log}"))
        name = f"{server.bundle.version.ref} ({server.bundle.digest[:12]})"
        server.run()
    except NoriaError as error:
        _say(error.render())
        return error.exit_status
    _say("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m noria.serving",
        description="Serve one model version from files alone.",
        epilog="The environment says the rest: NORIA_BUNDLE, NORIA_BUNDLE_DIGEST, NORIA_HOST, NORIA_PREDICTION_LOG, "
        "NORIA_GRPC_PORT, PORT, AIP_HTTP_PORT, AIP_HEALTH_ROUTE, AIP_PREDICT_ROUTE.",
    )
    parser.add_argument("command", nargs="?", choices=["serve"], help="said by some platforms; means nothing more")
    parser.add_argument("--bundle", metavar="FOLDER", help="as `noria deploy export local` writes it")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="0 takes a free one (8080)")
    parser.add_argument("--grpc-port", type=int, help="answer over gRPC there, too; 0 takes a free one")
    parser.add_argument("--log", metavar="WHERE", help="predictions: off, stdout, or a folder (off)")
    return parser


def _say(text: str) -> None:
    # Standard output may be the prediction log.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
