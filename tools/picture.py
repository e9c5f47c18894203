"""Photograph the explorer on the built landing page, for the README: python tools/picture.py"""

from pathlib import Path

from browser import installed
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed())
        page = browser.new_page(viewport={"width": 760, "height": 1000}, color_scheme="light")
        page.goto((ROOT / "_build" / "html" / "index.html").as_uri())
        page.locator(".d2lconv-explorer .stage").screenshot(path=ROOT / "book" / "_static" / "explorer.png")
