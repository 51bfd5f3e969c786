"""One of several processes of ``noria serve``; its supervisor starts it, nobody else."""

from __future__ import annotations

import sys

from noria.automation.rollouts import RolloutWatch
from noria.serving.worker import main

if __name__ == "__main__":
    sys.exit(main(RolloutWatch()))
