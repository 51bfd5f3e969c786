"""A slow machine is no reason to fail: no property here has a deadline. Lets the tests import `streams` beside them."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
sys.path.insert(0, str(Path(__file__).parent))
