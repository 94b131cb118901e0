"""Settings of the whole suite."""

import signal

from hypothesis import HealthCheck, settings

# Two shared cores: a slow example says nothing about the code. And the same examples in every run, so that a push is
# never refused for what it did not change: new ones are searched for by `make fuzz`.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("shared")

# A shell starts its background jobs with Ctrl-C ignored, and what they start inherits that: graders under test, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their argument: a zip's hold the time, and two workers have to collect the same names."""
    return argname if isinstance(val, bytes) else None
