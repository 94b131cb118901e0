"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# Two shared cores: a slow example says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
