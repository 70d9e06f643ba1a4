"""Pages in a real browser: what their tests share."""

import json
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

Browser = webdriver.Chrome

PHONE, DESKTOP = 390, 1280


def open_page(browser: Browser, page: Path, width: int = DESKTOP) -> None:
    for log in ("browser", "performance"):
        browser.get_log(log)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    # What is folded away has to fit, too.
    for folded in browser.find_elements(By.CSS_SELECTOR, "details:not([open]) > summary"):
        folded.click()


def requests(browser: Browser) -> list[str]:
    messages = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
