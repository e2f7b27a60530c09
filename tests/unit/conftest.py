"""Settings of the tests without I/O."""

from __future__ import annotations

from hypothesis import settings

# No deadline per example: on a busy machine the first one pays for imports and loses by chance.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
