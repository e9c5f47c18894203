"""Print a book from its built pages: python tools/pdf.py FILE, or of the student edition FILE SITE TOC

One page is made of all pages, in the order of _toc.yml; the ids of each get its name in front, since
many chapters end "In practice", and every exercise is called like its solution. (Sphinx's own
single page keeps such ids as they are, and half of its links lead to the wrong place.) A browser prints it.
"""

import re
import sys
from pathlib import Path
from urllib.parse import urljoin

from browser import installed
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SITE, TOC = ROOT / "_build/html", ROOT / "_toc.yml"
STYLE = Path(__file__).with_suffix(".css")
QUESTION = ":is(.d2lconv-question, .d2lconv-practice)"  # on paper, its text alone: no form and no answer
NOT_ON_PAPER = f".headerlink, .tag_hide-input, {QUESTION} script, {QUESTION} details"
FOOTER = """<div style="width: 100%; font: 8px sans-serif; color: #444; text-align: center">
<span class="pageNumber"></span> / <span class="totalPages"></span></div>"""


def chapters(toc):
    return re.findall(r"(?:root|file): (\w+)", toc.read_text("utf-8"))


def article(name, names, site):
    """Take a page's article, so that it can be printed beside others."""
    whole = BeautifulSoup((site / f"{name}.html").read_text("utf-8"), "html.parser")
    page, address = whole.select_one("article"), whole.select_one("link[rel=canonical]")["href"]
    for element in page.select(NOT_ON_PAPER):
        element.decompose()
    for link in page.select("a.image-reference"):
        link.unwrap()  # leads to a file that stays behind
    for element in page.select("[id]"):
        element["id"] = f"{name}--{element['id']}"
    for link in page.select("a[href]"):
        target = re.fullmatch(r"(?:(\w+)\.html)?(?:#(.*))?", link["href"])
        if target and (target[1] or name) in names:
            place = f"--{target[2]}" if target[2] else ""
            link["href"] = f"#{target[1] or name}{place}"
        else:  # slides are not on paper
            link["href"] = urljoin(address, link["href"])
    for image in page.select("img"):
        image["loading"] = "eager"
    for details in page.select("details"):
        details["open"] = ""
        if site != SITE and "hint" in details.summary.get_text().lower():
            details.decompose()  # for students: on paper, a hint is open or is not there
    page["id"] = name
    return str(page)


def single_page(site, toc):
    styles = "".join(f'<link rel="stylesheet" href="_static/{name}">' for name in ("pygments.css", "custom.css"))
    title = BeautifulSoup((site / "index.html").read_text("utf-8"), "html.parser").select_one("article h1").contents[0]
    names = chapters(toc)
    articles = "".join(article(name, names, site) for name in names)
    return (f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>'
            f'{styles}<style>{STYLE.read_text("utf-8")}</style></head>'
            f'<body><main>{articles}</main></body></html>')


def make_pdf(target, site=SITE, toc=TOC):
    source = Path(site).resolve() / "print.html"
    source.write_text(single_page(Path(site), Path(toc)), "utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=installed())
            page = browser.new_page()
            page.goto(source.as_uri())
            page.evaluate("document.fonts.ready")
            page.pdf(path=target, format="A4", outline=True, tagged=True, print_background=True,
                     margin={"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"},
                     display_header_footer=True, header_template="<span></span>", footer_template=FOOTER)
            browser.close()
    finally:
        source.unlink()


if __name__ == "__main__":
    make_pdf(*sys.argv[1:] if len(sys.argv) in (2, 4) else sys.exit(__doc__))
