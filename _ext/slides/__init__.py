"""A deck of slides for each notebook, cut out of its finished page: mathematics, colours, pictures and the
explorer are those of the site. reveal.js comes from the wheel of sphinx-revealjs.

A new slide begins at every heading. It shows what can be read in a lecture: code, outputs (one key press
later, so that there is something to predict), formulas, tables and short paragraphs; of a long paragraph its
first sentence and its questions. The whole paragraph is in the speaker's notes (key S). How much fits on one
slide only a browser knows, so slides.js does the cutting there.
"""

import re
import shutil
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from bs4 import BeautifulSoup, NavigableString, SoupStrainer

from _ext import expect, rewrite_all

from .lessons import Plan, lessons
from .lessons import deck as lesson_deck

HERE = Path(__file__).parent
REVEAL = files("sphinx_revealjs") / "_static/revealjs"
FROM_REVEAL = ["LICENSE", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"]
LONG, SHORT = 40, 6                 # words of a paragraph that is shortened, and of a sentence that says little
WITHOUT_SLIDES = {"solutions"}      # an answer key is not shown to a class
IN_FULL = {"exercises"}             # half of an exercise is none
RELIED_ON = ["section > h1", ".cell > .cell_input", ".cell_output"]
SENTENCE_ENDS = re.compile(r"(?<=[.?!])\s+(?=\W?[A-Z0-9])")


def sentences(paragraph):
    """Split what is in a paragraph, tags and all, into sentences; what a tag encloses is never split."""
    found = [[]]
    for part in paragraph.contents:
        pieces = SENTENCE_ENDS.split(part) if isinstance(part, NavigableString) else [part]
        found[-1].append(pieces[0])
        found += [[piece] for piece in pieces[1:]]
    return ["".join(str(part) for part in sentence) for sentence in found]


def shorten(paragraph):
    """Keep the first sentence and the questions of a long paragraph; the notes keep all of it."""
    if len(paragraph.get_text().split()) <= LONG:
        return str(paragraph)
    first, *others = sentences(paragraph)
    while len(first.split()) < SHORT and others:  # "They do." says too little
        first += " " + others.pop(0)
    kept = [first, *(other for other in others if other.rstrip().endswith("?") or other.startswith("Predict"))]
    return f'<div class="say"><p>{" ".join(kept)}</p><aside class="notes">{paragraph}</aside></div>'


def blocks(section, in_full):
    """List the parts of a section, each as HTML that stays together on a slide."""
    for element in section.find_all(recursive=False):
        if element.name == "p" and not in_full:
            yield shorten(element)
        elif element.name == "details":  # an answer, to be shown after it has been asked for
            answers = "".join(str(part) for part in element.find_all(recursive=False) if part.name != "summary")
            yield f'<p>{element.summary.decode_contents()}</p><div class="fragment">{answers}</div>'
        elif element.name == "section":
            yield from blocks(element, in_full)
        else:
            yield str(element)


def title(page):
    """List what stands above the first cell: the title, the question, what you will do and need."""
    for element in page.find_all(recursive=False):
        if "cell" in element.get("class", []) or element.name == "section":
            return
        keep = element.name != "p" or element.contents[0].name in ("em", "strong")  # the rest is said
        yield shorten(element) if keep else f'<aside class="notes">{element}</aside>'


def deck(page, name, config):
    """Make the HTML of a deck out of that of a page."""
    page = page.section
    about = f'<p class="about"><a href="../{name}.html">The chapter</a>. {config["extra_footer"]}</p>'
    parts = ["\n".join([*title(page), about])]
    parts += ["\n".join(blocks(section, name in IN_FULL)) for section in page.find_all("section", recursive=False)]
    return template(page.h1.get_text(), "\n".join(f"<section>\n{part}\n</section>" for part in parts))


def template(heading, slides):
    return Template((HERE / "slides.html").read_text("utf-8")).substitute(title=escape(heading), slides=slides)


def prepare(text, name):
    """Parse a page's article, and make it fit for a deck: outputs wait for a key, links lead out of it."""
    soup = BeautifulSoup(text, "html.parser", parse_only=SoupStrainer("article"))
    for element in soup.select(".headerlink, .tag_hide-input"):
        element.decompose()
    for link in soup.select("a.image-reference"):
        link.unwrap()  # a click means the next slide, not the picture's file
    for output in soup.select(".cell_output"):
        if not output.select_one(".d2lconv-explorer"):
            output["class"].append("fragment")
    for attribute in ("href", "src"):
        for element in soup.select(f"[{attribute}]"):
            target = element[attribute]
            if not re.match(r"[a-z]+:", target):
                element[attribute] = f"../{name}.html{target}" if target.startswith("#") else f"../{target}"
    for element in soup.select("section[id]"):
        del element["id"]
    return soup


def names(app):
    """The pages that lessons are made of, and those of them that get a deck, the notebooks."""
    pages = [name for name in sorted(app.env.found_docs) if name not in WITHOUT_SLIDES]
    return pages, [name for name in pages if app.env.doc2path(name, base=False).endswith(".ipynb")]


def lead(app, pagename, templatename, context, doctree):
    """Lead to a notebook's deck from the head of its page."""
    if app.builder.name == "html" and pagename in names(app)[1]:
        context["header_buttons"].append({  # on a phone there is no room for it
            "type": "link", "url": f"slides/{pagename}.html", "tooltip": "Slides", "label": "slides-button",
            "icon": "fas fa-person-chalkboard", "classes": "d-none d-sm-inline-block"})


def write(app, exception):
    """Make the decks out of the pages, while these are still as the theme has made them."""
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    (site / "slides").mkdir(exist_ok=True)
    (site / "_static/slides").mkdir(exist_ok=True, parents=True)
    sources, notebooks = names(app)
    pages = {name: prepare((site / f"{name}.html").read_text("utf-8"), name) for name in sources}
    for selector in RELIED_ON:
        expect("slides", any(page.select_one(selector) for page in pages.values()), f"no page has {selector}")
    decks = {name: deck(pages[name], name, app.config.html_theme_options) for name in notebooks}
    decks |= {name: template(lesson["title"], lesson_deck(lesson, pages)) for name, lesson in lessons().items()}
    for name, page in decks.items():
        (site / f"slides/{name}.html").write_text(page, "utf-8")
    for source in [*(REVEAL / name for name in FROM_REVEAL), HERE / "slides.css", HERE / "slides.js"]:
        shutil.copy(source, site / "_static/slides")


def setup(app):
    app.add_directive("lesson", Plan)
    app.connect("env-updated", rewrite_all)
    app.connect("html-page-context", lead, priority=600)  # after the theme has made its buttons
    app.connect("build-finished", write, priority=400)    # before theme_fixes and light_page
    return {"parallel_read_safe": True}
