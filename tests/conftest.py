"""Fixtures of every test, and how long drawn examples may take: a busy machine is no finding."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.databases"]

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
