"""What all tests share: how many problems are drawn, on which device, and that float32 is exact there."""

import os

import pytest
from hypothesis import HealthCheck, settings

import d2lconv
from d2lconv import corr, loops

# A reader's run draws the same few problems every time; CI looks for new ones, and says how to see them again.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.register_profile("quick", patient, max_examples=100, derandomize=True)
settings.register_profile("ci", patient, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def device():
    """Where the package computes; the oracles always compute on the CPU."""
    return d2lconv.default_device()


@pytest.fixture(scope="session", autouse=True)
def exact():
    """Without TF32, which the error bound does not know."""
    with d2lconv.exact_float32():
        yield


@pytest.fixture(params=[loops, corr], ids=["loops", "corr"])
def form(request):
    """One of the two modules that hold the four functions."""
    return request.param
