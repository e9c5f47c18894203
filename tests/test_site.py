"""The built site in a real browser. Each page is opened twice, on a desk and on a phone, and everything
about it is noted down; the tests then ask the notes. What only happens when a reader acts comes last."""

import gzip
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
CHAPTERS = [line.split()[-1] for line in (ROOT / "_toc.yml").read_text().splitlines()
            if re.match(r"\s*(- file|root):", line)]
DESK = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", "reduced_motion": "reduce"}
PHONE = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark", "reduced_motion": "reduce",
         "has_touch": True}

# What axe finds, and why we leave it to the theme. Nothing: all that is serious could be mended from here.
LEFT_TO_THE_THEME = {}

WATCH_SHIFTS = """
    window.shift = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({type: "layout-shift", buffered: true});
"""
LOAD_EVERYTHING = """async () => {
    document.querySelectorAll("img").forEach(image => image.loading = "eager");
    await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
    await document.fonts.ready;
}"""
# One word of each colour on each ground is enough for axe, which would measure thousands.
THIN_OUT_CODE = """() => {
    const seen = new Set();
    document.querySelectorAll(".highlight span[class]").forEach(word => {
        const kind = word.className + " on " + word.closest("[class*=highlight-]")?.className;
        if (seen.has(kind)) word.replaceWith(...word.childNodes); else seen.add(kind);
    });
}"""
LOOK = """() => {
    const prose = document.querySelector("main").cloneNode(true);
    prose.querySelectorAll("pre, code, script, style, math").forEach(element => element.remove());
    return {
        prose: prose.textContent,
        formulas: document.querySelectorAll("math").length,
        empty_formulas: [...document.querySelectorAll("math")]
            .filter(math => math.checkVisibility() && !math.getBoundingClientRect().width).length,
        broken_formulas: document.querySelectorAll("merror").length,
        broken_images: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
        links: [...document.querySelectorAll("a[href]")].map(link => link.href),
        description: document.querySelector("meta[name=description]")?.content,
        too_wide: document.documentElement.scrollWidth - innerWidth,
        shift: window.shift,
    };
}"""


@dataclass
class Visit:
    """One page, opened once: what it asked for, what it complained of, and what it showed."""

    page: str
    screen: str
    requests: list = field(default_factory=list)
    complaints: list = field(default_factory=list)
    barriers: list = field(default_factory=list)

    def __str__(self):
        return f"{self.page} ({self.screen})"


def visit(browser, site, name, screen, options):
    note = Visit(name, screen)
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.add_init_script(WATCH_SHIFTS)
        page.on("request", lambda request: note.requests.append(request.url))
        page.on("requestfailed", lambda request: note.complaints.append(f"failed: {request.url}"))
        page.on("response", lambda reply: reply.ok or note.complaints.append(f"{reply.status}: {reply.url}"))
        page.on("console", lambda said: said.type in ("error", "warning") and note.complaints.append(said.text))
        page.on("pageerror", lambda error: note.complaints.append(str(error)))
        page.goto(site + name)
        page.evaluate(LOAD_EVERYTHING)
        vars(note).update(page.evaluate(LOOK))
        page.evaluate(THIN_OUT_CODE)
        note.barriers += barriers(page)
        if screen == "desk":  # where the theme was light: in the dark one only colours differ
            page.evaluate("document.documentElement.dataset.theme = 'dark'")
            note.barriers += barriers(page, runOnly=["color-contrast"])
    return note


def barriers(page, **options):
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]
            if rule["impact"] in ("serious", "critical") and rule["id"] not in LEFT_TO_THE_THEME]


@pytest.fixture(scope="module")
def visits(browser, site):
    return [visit(browser, site, path.name, screen, options)
            for path in sorted(SITE.glob("*.html"))
            for screen, options in (("desk", DESK), ("phone", PHONE))]


@pytest.fixture
def page(browser):
    with browser.new_context(**DESK) as context:
        yield context.new_page()


def file_of(site, url):
    return SITE / unquote(urlsplit(url.removeprefix(site)).path)


@cache
def weight(file):
    """Bytes over the wire: text goes compressed."""
    data = file.read_bytes()
    return len(gzip.compress(data) if file.suffix in (".html", ".css", ".js", ".svg") else data)


# What every page is.

def test_every_chapter_is_a_page():
    assert all((SITE / f"{name}.html").exists() for name in CHAPTERS)


def test_no_request_leaves_the_machine(visits, site):
    assert not [(str(visit), url) for visit in visits for url in visit.requests
                if not url.startswith((site, "data:"))]


def test_no_page_complains(visits):
    assert not [(str(visit), visit.complaints) for visit in visits if visit.complaints]


def test_every_image_can_be_seen(visits):
    assert not [(str(visit), visit.broken_images) for visit in visits if visit.broken_images]


def test_all_mathematics_is_rendered(visits):
    assert sum(visit.formulas for visit in visits) > 0
    assert not [str(visit) for visit in visits if visit.broken_formulas or visit.empty_formulas]
    raw = re.compile(r"\$|\\[()\[\]]|\\[a-z]{2,}|\{(?:eq|cite|func|ref|doc)\}")
    assert not [(str(visit), raw.findall(visit.prose)) for visit in visits if raw.search(visit.prose)]


def test_no_page_scrolls_sideways_on_a_phone(visits):
    assert not [(str(visit), visit.too_wide) for visit in visits if visit.too_wide > 0]


def test_nothing_serious_stands_in_a_readers_way_in_light_or_dark(visits):
    assert not [(str(visit), visit.barriers) for visit in visits if visit.barriers]


def test_a_page_weighs_at_most_250_kilobytes(visits, site):
    weights = {str(visit): sum(weight(file_of(site, url)) for url in {*visit.requests} if url.startswith(site))
               for visit in visits}
    assert not {page: bytes for page, bytes in weights.items() if bytes > 250_000}


def test_a_page_makes_at_most_30_requests(visits):
    assert not [(str(visit), len(visit.requests)) for visit in visits if len(visit.requests) > 30]


def test_pages_stand_still_while_they_load(visits):
    assert not [(str(visit), visit.shift) for visit in visits if visit.shift >= 0.1]


def test_every_page_says_in_plain_words_what_it_is_about(visits):
    plain = re.compile(r"[^\\$_{}]{20,}")
    assert not [(str(visit), visit.description) for visit in visits
                if not plain.fullmatch(visit.description or "")]


def test_every_link_within_the_site_leads_somewhere(visits, site):
    def leads(url):
        file, anchor = file_of(site, url), unquote(urlsplit(url).fragment)
        return file.is_file() and (not anchor or f'id="{anchor}"' in file.read_text("utf-8"))

    links = {(visit.page, url) for visit in visits for url in visit.links if url.startswith(site)}
    assert not [link for link in links if not leads(link[1])]


# Ways in and out.

@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if (ROOT / f"book/{name}.ipynb").exists()])
def test_a_chapter_opens_in_colab_and_on_binder(chapter):
    project = urlsplit(CONFIG["repository"]["url"]).path
    html = (SITE / f"{chapter}.html").read_text("utf-8")
    assert f'href="https://colab.research.google.com/github{project}/blob/main/book/{chapter}.ipynb"' in html
    assert f'href="https://mybinder.org/v2/gh{project}/main?urlpath=lab/tree/book/{chapter}.ipynb"' in html


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_can_be_corrected_and_shared(chapter):
    html = (SITE / f"{chapter}.html").read_text("utf-8")
    repository, address = CONFIG["repository"]["url"], CONFIG["html"]["baseurl"]
    assert f'href="{repository}/edit/main/book/{chapter}.' in html
    assert f'href="{repository}/issues/new' in html
    assert f'property="og:url" content="{address}{chapter}.html"' in html
    assert f'property="og:image" content="{address}_static/social.png"' in html
    assert (SITE / "_static/social.png").exists()


def test_the_sitemap_lists_the_chapters():
    tree = ElementTree.parse(SITE / "sitemap.xml")
    listed = {place.text for place in tree.iterfind(".//{*}loc")}
    assert listed == {f"{CONFIG['html']['baseurl']}{name}.html" for name in CHAPTERS}


def test_a_wrong_address_shows_a_page_that_leads_home(page, site):
    failed = []
    page.on("response", lambda reply: reply.ok or failed.append(reply.url))
    page.goto(f"{site}no/such/page.html")
    assert failed == [f"{site}no/such/page.html"]  # what the page itself needs was found
    page.get_by_role("link", name="Home").first.click()
    assert page.url == f"{site}index.html"


# What a reader does. The page was made lighter; it must still do all of this.

def test_search_finds_a_phrase(page, site):
    page.goto(site + "index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("several input channels")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a[href*='input_channels.html']")


def test_the_theme_switch_turns_the_page_dark_and_it_stays_dark(page, site):
    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.goto(site + "index.html")
    light = background()
    for _ in range(3):
        if page.get_attribute("html", "data-mode") != "dark":
            page.click(".theme-switch-button")
    assert background() != light
    page.reload()
    assert background() != light


def test_icons_are_drawn(page, site):
    page.goto(site + "input_channels.html")
    page.wait_for_function("document.fonts.ready")
    assert page.evaluate("""() => document.fonts.check("900 16px 'Font Awesome 6 Free'", "\\uf135")""")
    assert page.locator(".fa-rocket").bounding_box()["width"] > 8


def test_the_launch_menu_opens(page, site):
    page.goto(site + "input_channels.html")
    page.click(".dropdown-launch-buttons button")
    assert page.get_by_role("link", name="Colab").is_visible()


def test_the_sidebar_opens_on_a_phone(browser, site):
    with browser.new_context(**PHONE) as context:
        page = context.new_page()
        page.goto(site + "index.html")
        page.tap(".header-article-item .primary-toggle")
        page.get_by_role("link", name="Notation").first.tap()
        page.wait_for_url(site + "notation.html")


def test_a_cell_can_be_copied(page, site):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site + "input_channels.html")
    cell = page.locator(".cell_input:not(details *) .highlight").first
    cell.hover()
    cell.get_by_role("button").click()
    assert page.evaluate("navigator.clipboard.readText()").strip() == cell.locator("pre").inner_text().strip()


def test_the_first_cell_can_be_unfolded(page, site):
    page.goto(site + "input_channels.html")
    cell = page.locator("details.above-input").first
    assert not cell.locator("pre").is_visible()
    cell.locator("summary").click()
    assert cell.locator("pre").is_visible()
