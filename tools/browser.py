"""Which browser prints, photographs and tests the pages."""

import shutil


def installed():
    """The path of the Chromium that is installed here; None leaves the choice to Playwright, which may have its own."""
    return next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
