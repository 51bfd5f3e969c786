"""Where a cloud's API is asked, where that is not the cloud itself: a server of the house, or an emulator."""

from __future__ import annotations

import json
import os

__all__ = ["emulator_key", "endpoint_of"]

_VARIABLES = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("STORAGE_EMULATOR_HOST",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}


def endpoint_of(scheme: str) -> str | None:
    """Give the address that the environment names for a cloud, under the names its own tools read.

    Parameters
    ----------
    scheme : str
        ``s3``, ``gs`` or ``az``.
    """
    found = next((value for name in _VARIABLES.get(scheme, ()) if (value := os.environ.get(name))), None)
    return f"http://{found}" if found is not None and scheme == "gs" and "://" not in found else found


def emulator_key(endpoint: str) -> str:
    """Write what stands for an account's key where Google's storage is emulated: nobody is asked who they are.

    Examples
    --------
    >>> json.loads(emulator_key("http://127.0.0.1:9023"))["gcs_base_url"]
    'http://127.0.0.1:9023'
    """
    nobody = {"client_email": "", "private_key": "", "private_key_id": ""}
    return json.dumps({"gcs_base_url": endpoint.rstrip("/"), "disable_oauth": True, **nobody})
