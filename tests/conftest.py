"""Settings of all tests.

Property tests take the same examples each time, so that a run says something about the code and
nothing about luck. To look for new failures: `pytest --hypothesis-profile=search`.
"""

import pytest
from hypothesis import HealthCheck, settings

# So that what they assert on an engine tells what differs, as in a test itself.
pytest.register_assert_rewrite("tests.engines.engine", "tests.engines.streamed")

_SLOW = [HealthCheck.too_slow]  # a busy machine is no failure

settings.register_profile("fixed", deadline=None, max_examples=60, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("search", deadline=None, max_examples=2_000, suppress_health_check=_SLOW)
settings.load_profile("fixed")
