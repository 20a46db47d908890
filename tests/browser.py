"""A real headless browser for tests of pages: Debian's chromium, driven by selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromedriver")


def require() -> None:
    """Skip where there is no browser, and say so; fail where there has to be one (CI)."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    try:
        import selenium  # noqa: F401
    except ImportError:
        missing.append("selenium")
    if missing and os.environ.get("CI"):
        pytest.fail(f"no browser to test pages with: {', '.join(missing)} missing; .ci/run installs them")
    if missing:
        pytest.skip(
            f"no browser to test pages with: {', '.join(missing)} missing (apt-get install chromium chromium-driver)"
        )


@contextmanager
def browser(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """A browser with a window of a size; as small as a phone if asked."""
    require()
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, width: int, height: int, *, dark: bool = False) -> None:
    """Give a page the size of a device, and its preference of colours."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preference = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})


def visit(driver: Any, page: Path) -> None:
    """Open a file."""
    driver.get(page.absolute().as_uri())


def complaints(driver: Any) -> list[str]:
    """What the browser's console holds: errors, warnings, refused requests."""
    return [entry["message"] for entry in driver.get_log("browser")]
