"""Make the pictures of the README and of the landing page: python tools/picture.py

The README's is the explorer on the built landing page, photographed; the landing page's is the photograph
that the first chapter has taken apart.
"""

import base64
import json
from pathlib import Path

from browser import installed
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent


def photograph():
    """Return the first JPEG among the outputs of the first chapter."""
    chapter = json.loads((ROOT / "book" / "input_channels.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in chapter["cells"] for output in cell.get("outputs", [])]
    return base64.b64decode(next(o["data"]["image/jpeg"] for o in outputs if "image/jpeg" in o.get("data", {})))


if __name__ == "__main__":
    (ROOT / "book" / "_static" / "channels.jpg").write_bytes(photograph())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed())
        page = browser.new_page(viewport={"width": 760, "height": 1000}, color_scheme="light")
        page.goto((ROOT / "_build" / "html" / "index.html").as_uri())
        page.locator(".d2lconv-explorer .stage").screenshot(path=ROOT / "book" / "_static" / "explorer.png")
