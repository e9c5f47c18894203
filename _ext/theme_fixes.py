"""Small things that the theme and its extensions leave undone, put right in every page."""

import html
import re
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes

from _ext import expect, rewrite_all
from tools.notebooks import alternative

# Each of these is a mistake to a screen reader (and to axe and Lighthouse).
WRONG = [
    # a label that differs from the text it stands for: "Search" for "Search Ctrl+K"
    (r'(<button class="[^"]*search-button-field[^"]*"[^>]*?) aria-label="[^"]*"', r"\1"),
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # a figure that scrolls in its box on a phone, and cannot be reached with keys
    (r'(<div class="cell_output docutils container")(?=>\s*<img)', r'\1 tabindex="0"'),
    # roles that are obsolete, or promise list items which are not there
    *((rf' role="{role}"(?= |>)', "") for role in ("list", "doc-biblioentry")),
]

TABLE = re.compile(r'<table class="table">.*?</table>', re.DOTALL)
ROLES = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "th": "columnheader", "td": "cell"}


def label(table):
    """Write into each cell of a wide table the name of its column: on a phone, a row becomes a card.

    A browser forgets that it is a table where its parts are no longer laid out as one, hence the roles.
    """
    table = table[0]
    heads = re.findall(r'<th class="head[^"]*">(.*?)</th>', table, re.DOTALL)
    if len(expect("theme_fixes", heads, "a table has no head")) < 3:
        return table
    names = cycle(re.sub("<.*?>", "", head) for head in heads)
    table = re.sub(r"<(table|thead|tbody|tr|th|td)\b", lambda tag: f'<{tag[1]} role="{ROLES[tag[1]]}"', table)
    table = re.sub('<td role="cell"', lambda cell: f'{cell[0]} data-label="{next(names)}"', table)
    return table.replace('class="table"', 'class="table cards"', 1)


def describe_figures(app, doctree):
    """Give every figure of a notebook a text for those who cannot see it, as `make notebooks` does."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        source = next(iter(cell.findall(nodes.literal_block))).astext()
        for output in cell.findall(nodes.container):
            if output.get("nb_element") == "mime_bundle":
                parts = {part.get("mime_type"): part for part in output.children}
                text = parts["text/plain"].astext() if "text/plain" in parts else ""
                for image in output.findall(nodes.image):
                    image.setdefault("alt", alternative(source, text))
                    image["classes"] += ["drawing"] if text and not text.startswith("<") else []  # without paper


def describe(app, pagename, templatename, context, doctree):
    """Say what a page is about, for search engines and previews: its first real paragraph does."""
    paragraphs = (" ".join(node.astext().split()) for node in doctree.findall(nodes.paragraph)) if doctree else ()
    text = next((paragraph for paragraph in paragraphs if len(paragraph) > 60),
                f"{app.config.html_title}: {context.get('title', pagename)}")
    context["metatags"] = (context.get("metatags", "")
                           + f'<meta name="description" content="{html.escape(text)}" />\n')
    if doctree:
        context["meta"] = {**(context["meta"] or {}), "og:description": text}


def spread_address(app, config):
    """The site's address stands in _config.yml once, as `baseurl`."""
    config.ogp_site_url = config.html_baseurl
    # 404.html is shown under any address, so its links start at the server's root.
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path


def correct(app, exception):
    if exception or app.builder.name != "html":
        return
    pages = {path: path.read_text("utf-8") for path in Path(app.outdir).glob("*.html")}
    for wrong, right in [*WRONG, (TABLE, label)]:
        found = {path: page for path, page in pages.items() if re.search(wrong, page)}
        expect("theme_fixes", found, f"no page has {wrong}")
        pages |= {path: re.sub(wrong, right, page) for path, page in found.items()}
    for path, page in pages.items():
        path.write_text(page, "utf-8")


def setup(app):
    app.connect("config-inited", spread_address, priority=400)  # before notfound checks it
    app.connect("doctree-read", describe_figures)
    app.connect("env-updated", rewrite_all)
    app.connect("html-page-context", describe, priority=400)    # before opengraph looks
    app.connect("build-finished", correct)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
