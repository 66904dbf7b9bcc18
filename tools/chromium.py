"""The browser that tests the pages and prints them."""

import shutil

NAMES = "chromium", "chromium-browser", "google-chrome"


def chromium():
    """Its path, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)
