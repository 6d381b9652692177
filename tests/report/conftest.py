"""A browser without a screen, shared by all tests, and the reports that it opens."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
END = date(2024, 12, 31)
ARMS = pl.lit("control"), pl.lit("mail")
WHOLE: dict[str, Any] = {
    "by": "country",
    "cac": {"home": 20.0, "abroad": 300.0, "island": 10.0},
    "group": "arm",
    "start": "2024-03-01",
    "currency": "£",
    "title": "A shop",
}
COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}


def simulated(customers: int = 150, *, seed: int = 3) -> pl.DataFrame:
    """Return orders of two years of customers who came in its first half, and who leave."""
    draw = np.random.default_rng(seed)
    begin = draw.integers(0, 365, customers)
    rate = draw.gamma(0.8, 0.06, customers)
    leave = draw.exponential(200.0, customers)
    people, days = [], []
    for i in range(customers):
        day, left = 0.0, min(leave[i], 730.0 - begin[i])
        while day < left:
            people.append(i)
            days.append(int(begin[i] + day))
            day += 1.0 + draw.exponential(1.0 / max(rate[i], 1e-4))
    mean = 400.0 / draw.gamma(4.0, 3.0, customers)
    amounts = np.round(draw.gamma(3.0, mean[people] / 3.0), 2)
    dates = [END - timedelta(days=730 - each) for each in days]
    country = np.array(["home", "abroad", "island"])[draw.integers(0, 3, customers)][people]
    return pl.DataFrame(
        {"customer_id": people, "date": dates, "amount": amounts, "country": country}
    ).with_columns(arm=pl.when(pl.col("customer_id") % 2 == 0).then(ARMS[0]).otherwise(ARMS[1]))


def made(orders: Any, **options: Any) -> clv.Report:
    """Return a report; small logs have warnings, of which the page tells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        settings = {"observed_until": END, "models": ("BGNBD", "MBGNBD")} | options
        return clv.report(orders, **(COLUMNS | settings))


@dataclass(frozen=True)
class Browser:
    """A page in Chromium, and what is asked of it."""

    driver: Any

    def open(self, path: Path, *, width: int = 1400, dark: bool = False) -> None:
        """Load a file as a screen of this width shows it, in a tab that has seen nothing else."""
        self.emulate(width=width, dark=dark)
        self.logs()
        self.driver.get(path.as_uri())

    def emulate(self, *, width: int = 1400, dark: bool = False, media: str = "") -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": [scheme]}
        )
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page."""
        return self.driver.execute_script(script, *arguments)

    def logs(self) -> tuple[list[str], list[str]]:
        """Return what the console says, and addresses asked for, since the last time."""
        console = [each["message"] for each in self.driver.get_log("browser")]
        events = [
            json.loads(each["message"])["message"] for each in self.driver.get_log("performance")
        ]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return console, [each["request"]["url"] for each in sent]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        return self.run("return document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs Debian's chromium and chromium-driver; see tests/setup/chromium.sh")
    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    session = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(session)
    finally:
        session.quit()


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a whole report of simulated orders."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    made(simulated(), **WHOLE).save(path)
    return path


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[clv.Report], Path]:
    """Return a function that saves a report to a file of its own."""

    def save(report: clv.Report) -> Path:
        path = tmp_path_factory.mktemp("report") / "report.html"
        report.save(path)
        return path

    return save
