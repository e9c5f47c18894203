"""A pytest plugin: nbval as everybody here runs it (pytest -p tests.nbval_settings FOLDER)."""

from pathlib import Path

import pytest

import tests.ipc  # noqa: F401 - kernels without ports

SANITIZE = Path(__file__).with_name("nbval-sanitize.cfg")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Set what nbval's own command line would."""
    config.option.nbval = True
    config.option.nbval_current_env = True
    config.option.nbval_cell_timeout = 120
    config.option.nbval_sanitize_with = str(SANITIZE)
