"""The synthetic streams of the monitoring tests serve here as well; no property has a deadline."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.append(str(Path(__file__).parent.parent / "monitoring"))
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
