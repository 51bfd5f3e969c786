"""Runs flows in a stock client's environment: ``run_flows.py NOTES FLOW.py …``; prints one JSON line for each function.

The address of the server is in MLFLOW_TRACKING_URI, as a user would give it. Every public function that a file of flows
defines is one flow; it says by an exception that the server did not do what the client expects.
"""

import inspect
import json
import runpy
import sys
import time
import traceback
import warnings
from pathlib import Path

import proto_check

warnings.filterwarnings("ignore")


def main(notes, files):
    """Run every flow, whatever becomes of the others."""
    proto_check.watch(Path(notes))
    told, sys.stdout = sys.stdout, sys.stderr  # what the client prints is not ours
    for file in files:
        for name, flow in runpy.run_path(file).items():
            if not inspect.isfunction(flow) or name.startswith("_") or flow.__code__.co_filename != file:
                continue
            began, error = time.monotonic(), None
            try:
                flow()
            except BaseException:
                error = traceback.format_exc()
            line = {"flow": f"{Path(file).stem}.{name}", "error": error, "seconds": round(time.monotonic() - began, 2)}
            print(json.dumps(line), file=told, flush=True)


main(sys.argv[1], sys.argv[2:])
