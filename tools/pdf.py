"""Print a book from its built pages: python -m tools.pdf FILE [SITE TOC]; photograph one: python -m tools.pdf pictures

One page is made of all pages, in the order of _toc.yml; the ids of each get its name in front, since
many chapters end "In practice", and every exercise is called like its solution. (Sphinx's own
single page keeps such ids as they are, and half of its links lead to the wrong place.) A browser prints it.
SITE and TOC are those of the student edition.
"""

import base64
import json
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from bs4 import BeautifulSoup

from tools import ROOT

SITE, TOC = ROOT / "_build/html", ROOT / "_toc.yml"
QUESTION = ":is(.d2lconv-question, .d2lconv-practice)"  # on paper, its text alone: no form and no answer
NOT_ON_PAPER = f".headerlink, .tag_hide-input, {QUESTION} script, {QUESTION} details"
FOOTER = """<div style="width: 100%; font: 8px sans-serif; color: #444; text-align: center">
<span class="pageNumber"></span> / <span class="totalPages"></span></div>"""
STYLE = """
:root { color-scheme: light; }
body { margin: 0; color: #1d242d; font: 10.5pt/1.5 Georgia, "DejaVu Serif", "Times New Roman", serif; }
article { break-before: page; }
article:first-child { break-before: auto; }
h1, h2, h3, dt { font-family: system-ui, "Helvetica Neue", Arial, sans-serif; line-height: 1.2; break-after: avoid; }
h1, h2, h3 { white-space: pre-wrap; } /* or the outline loses the space at which a heading breaks */
h1 { font-size: 22pt; }
h2 { margin-top: 1.6em; font-size: 14pt; }
a { color: #1257ab; text-decoration: none; }
code, pre { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 8.5pt; }
pre { margin: 0.4em 0; padding: 0.4em 0.8em; white-space: pre-wrap; break-inside: avoid; }
.cell_input .highlight { border-left: 3px solid #1257ab; background: #f3f5f8; }
.cell_output .highlight { background: none; }
.cell_input { break-after: avoid; }
img, figure { max-width: 100%; break-inside: avoid; }
p { orphans: 3; widows: 3; }
blockquote { margin: 1em 0; padding: 0.1em 1em; border-left: 3px solid #9a3f00; background: #f3f5f8; }
blockquote { break-inside: avoid; }
table { border-collapse: collapse; font-size: 9.5pt; }
tr { break-inside: avoid; }
th, td { padding: 0.2em 0.6em; border-bottom: 1px solid #8a94a0; text-align: left; vertical-align: top; }
th p, td p { margin: 0; }
details { margin: 1em 0; padding-left: 1em; border-left: 1px solid #8a94a0; }
summary { list-style: none; font-weight: bold; }
math { font-size: 1.1em; }
div.math { text-align: center; }
.eqno, .toctree-wrapper { display: none; }

/* Nothing can be pressed on paper: of the explorer there remain the numbers and the arithmetic. */
.d2lconv-explorer { break-inside: avoid; }
.d2lconv-explorer :is(.bar, .panel, .answer, .note) { display: none !important; }
"""


def installed():
    """The path of the Chromium that is installed here; None leaves the choice to Playwright, which may have its own.

    The one without windows comes first: others draw a window around each page, for nobody.
    """
    names = "chromium-headless-shell", "chromium", "google-chrome", "chromium-browser"
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def page_of(address, **options):
    """Open a page in a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed())
        page = browser.new_page(**options)
        page.goto(address)
        yield page
        browser.close()


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
            f'{styles}<style>{STYLE}</style></head>'
            f'<body><main>{articles}</main></body></html>')


def make_pdf(target, site=SITE, toc=TOC):
    source = Path(site).resolve() / "print.html"
    source.write_text(single_page(Path(site), Path(toc)), "utf-8")
    try:
        with page_of(source.as_uri()) as page:
            page.evaluate("document.fonts.ready")
            page.pdf(path=target, format="A4", outline=True, tagged=True, print_background=True,
                     margin={"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"},
                     display_header_footer=True, header_template="<span></span>", footer_template=FOOTER)
    finally:
        source.unlink()


def photograph():
    """Return the first JPEG among the outputs of the first chapter, which takes it apart."""
    chapter = json.loads((ROOT / "book/input_channels.ipynb").read_text("utf-8"))
    outputs = [output for cell in chapter["cells"] for output in cell.get("outputs", [])]
    return base64.b64decode(next(o["data"]["image/jpeg"] for o in outputs if "image/jpeg" in o.get("data", {})))


def make_pictures(folder=ROOT / "book/_static"):
    """Make the landing page's picture, and the README's: the explorer on the landing page."""
    (folder / "channels.jpg").write_bytes(photograph())
    size = {"width": 760, "height": 1000}
    with page_of((SITE / "index.html").as_uri(), viewport=size, color_scheme="light") as page:
        page.locator(".d2lconv-explorer .stage").screenshot(path=folder / "explorer.png")


if __name__ == "__main__":
    if sys.argv[1:] == ["pictures"]:
        make_pictures()
    else:
        make_pdf(*sys.argv[1:] if len(sys.argv) in (2, 4) else sys.exit(__doc__))
