"""The built site in a real browser. Each page is opened once, and everything about it is noted down; the first
tests ask these notes, for all pages together. What only happens when a reader acts comes after them."""

import gzip
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from axe_playwright_python.base import AXE_SCRIPT
from test_explorer import SET, STATES, VARIANTS

from strategies import some

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
CHAPTERS = re.findall(r"(?:root|file): (\w+)", (ROOT / "_toc.yml").read_text("utf-8"))
DESK = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", "reduced_motion": "reduce"}
WIDTHS = [320, 360, 480, 688, 1024, 1280]
PHONE = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark", "reduced_motion": "reduce",
         "has_touch": True}

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
LOOK = """() => {
    const prose = document.querySelector("main").cloneNode(true);
    prose.querySelectorAll("pre, code, script, style, math").forEach(element => element.remove());
    const formulas = [...document.querySelectorAll("math")];
    return {
        prose: prose.textContent,
        formulas: formulas.length,
        broken_formulas: formulas.filter(formula => formula.querySelector("merror")
            || formula.checkVisibility() && !formula.getBoundingClientRect().width).length,
        broken_images: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
        links: [...document.querySelectorAll("a[href]")].map(link => link.href),
        description: document.querySelector("meta[name=description]")?.content,
        too_wide: document.documentElement.scrollWidth - innerWidth,
        shift: window.shift,
    };
}"""
# Contrast is slow to measure, so once for each colour, size and ground of text that a page has.
ONE_TEXT_OF_EACH_LOOK = """() => {
    const seen = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    document.querySelectorAll("[data-look]").forEach(element => delete element.dataset.look);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement, style = getComputedStyle(element);
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        let ground = element;
        while (ground.parentElement && getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)")
            ground = ground.parentElement;
        const look = [style.color, style.fontSize, style.fontWeight, getComputedStyle(ground).backgroundColor];
        if (!seen.has(look.join())) element.dataset.look = seen.add(look.join()).size;
    }
}"""
CONFIGURE_AXE = "axe.configure({rules: [{id: 'color-contrast', selector: '[data-look]'}]})"
RULES = {"rules": {"label-content-name-mismatch": {"enabled": True}}, "resultTypes": ["violations"]}


def barriers(page):
    """What axe calls serious or critical."""
    page.evaluate(ONE_TEXT_OF_EACH_LOOK)
    found = page.evaluate("options => axe.run(options)", RULES)["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]
            if rule["impact"] in ("serious", "critical")]


def fonts(page):
    """What the formulas are drawn with; `True` means a font that came with the page."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("DOM.enable")
    devtools.send("CSS.enable")
    root = devtools.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    formulas = devtools.send("DOM.querySelectorAll", {"nodeId": root, "selector": "math"})["nodeIds"]
    used = [devtools.send("CSS.getPlatformFontsForNode", {"nodeId": formula})["fonts"] for formula in formulas]
    devtools.detach()
    return {(font["familyName"], font["isCustomFont"]) for found in used for font in found}


def visit(page, address):
    """Open a page, note what it asks for, what it complains of, and what it shows; let axe look by night or by day."""
    requests, complaints = [], []
    listeners = {
        "request": lambda request: requests.append(request.url),
        "requestfailed": lambda request: complaints.append(f"failed: {request.url}"),
        "response": lambda reply: reply.status < 400 or complaints.append(f"{reply.status}: {reply.url}"),
        "console": lambda said: said.type in ("error", "warning") and complaints.append(said.text),
        "pageerror": lambda error: complaints.append(str(error)),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.set_viewport_size(PHONE["viewport"])
    page.emulate_media(color_scheme="dark")
    page.goto(address)
    page.evaluate(LOAD_EVERYTHING)
    seen = {**page.evaluate(LOOK), "fonts": fonts(page)}

    page.evaluate(AXE_SCRIPT)
    page.evaluate(CONFIGURE_AXE)
    serious = []
    for look in some((PHONE, DESK), 1, seed=address.rpartition("/")[2]):
        page.set_viewport_size(look["viewport"])
        page.emulate_media(color_scheme=look["color_scheme"])
        serious += barriers(page)

    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return SimpleNamespace(requests=requests, complaints=complaints, barriers=serious, **seen)


@pytest.fixture(scope="module")
def visits(browser, site):
    with browser.new_context(**PHONE) as context:
        page = context.new_page()
        page.add_init_script(WATCH_SHIFTS)
        return {path.name: visit(page, site + path.name) for path in sorted(SITE.glob("*.html"))}


@pytest.fixture
def page(new_page):
    return new_page(**DESK)


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
    assert not [(name, url) for name, page in visits.items() for url in page.requests
                if not url.startswith((site, "data:"))]


def test_no_page_complains(visits):
    assert not {name: page.complaints for name, page in visits.items() if page.complaints}


def test_every_image_can_be_seen(visits):
    assert not {name: page.broken_images for name, page in visits.items() if page.broken_images}


def test_all_mathematics_is_rendered(visits):
    raw = re.compile(r"\$|\\[()\[\]]|\\[a-z]{2,}|\{(?:eq|cite|func|ref|doc)\}")
    assert sum(page.formulas for page in visits.values()) > 0
    assert not {name: page.broken_formulas for name, page in visits.items() if page.broken_formulas}
    assert not {name: raw.findall(page.prose) for name, page in visits.items() if raw.search(page.prose)}


def test_every_sign_in_a_formula_is_in_the_books_own_font(visits):
    """Else cut the font again, with that sign: _ext/mathml.py says how."""
    assert not {name: page.fonts for name, page in visits.items() if page.fonts - {("STIX Two Math", True)}}


def test_no_page_scrolls_sideways_on_a_phone(visits):
    assert not {name: page.too_wide for name, page in visits.items() if page.too_wide > 0}


def test_nothing_serious_stands_in_a_readers_way_in_light_or_dark(visits):
    assert not {name: page.barriers for name, page in visits.items() if page.barriers}


def test_a_page_weighs_at_most_250_kilobytes(visits, site):
    weights = {name: sum(weight(file_of(site, url)) for url in {*page.requests} if url.startswith(site))
               for name, page in visits.items()}
    assert not {name: bytes for name, bytes in weights.items() if bytes > 250_000}


def test_a_page_makes_at_most_30_requests(visits):
    assert not {name: len(page.requests) for name, page in visits.items() if len(page.requests) > 30}


def test_pages_stand_still_while_they_load(visits):
    assert not {name: page.shift for name, page in visits.items() if page.shift >= 0.1}


def test_every_page_says_in_plain_words_what_it_is_about(visits):
    plain = re.compile(r"[^\\$_{}]{20,}")
    assert not {name: page.description for name, page in visits.items()
                if not plain.fullmatch(page.description or "")}


def test_every_link_within_the_site_leads_somewhere(visits, site):
    def leads(url):
        file, anchor = file_of(site, url), unquote(urlsplit(url).fragment)
        if not file.is_file() or not anchor:
            return file.is_file()
        text = file.read_text("utf-8")
        if anchor.startswith("/"):  # the number of a slide
            return int(anchor[1:]) < text.count("<section")
        return f'id="{anchor}"' in text

    assert not {(name, url) for name, page in visits.items() for url in page.links
                if url.startswith(site) and not leads(url)}


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

@pytest.fixture(scope="module")
def reader(context, site):
    """Someone who goes from the front page to a search, and from there to the next."""
    page = context(**DESK).new_page()
    page.goto(site + "index.html")
    return page


@pytest.mark.parametrize(("words", "chapter"), {
    "multiple input channels": "input_channels",
    "sum or average channels": "what_conv2d_does",
    "same kernel every channel": "what_conv2d_does",
    "how many parameters bias": "output_channels",
    "expected input to have 3 channels but got 1": "what_conv2d_does",
    "channels first or last": "what_conv2d_does",
    "groups depthwise": "groups",
    "1x1 convolution fully connected": "one_by_one",
    "scipy convolve2d flipped": "frameworks",
    "MACs FLOPs": "what_conv2d_does",
    "how many filters should a layer have": "what_conv2d_does",
    "TF32 GPU": "frameworks",
    "padding zeros border": "what_conv2d_does",
    "HSV": "input_channels",
    "RGBA alpha": "input_channels",
    "grayscale": "input_channels",
    "greyscale": "input_channels",
    "kernel as large as image": "one_by_one",
    "own kernels for each image of a batch": "groups",
    "mat1 and mat2 shapes cannot be multiplied": "errors",
    "in_features": "errors",
    "kernel size can't be greater than actual input size": "errors",
}.items(), ids=lambda value: value)
def test_search_finds_a_question_in_the_learners_words(reader, words, chapter):
    reader.keyboard.press("Control+k")
    reader.keyboard.type(words)
    with reader.expect_navigation():
        reader.keyboard.press("Enter")
    reader.wait_for_selector(f"#search-results li a[href*='{chapter}.html']")


def test_the_theme_switch_turns_the_page_dark_and_it_stays_dark(browser, site):
    with browser.new_context(**DESK) as alone:  # other pages shall not find what is stored
        page = alone.new_page()

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


def test_the_sidebar_opens_on_a_phone(new_page, site):
    page = new_page(**PHONE)
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


def test_a_summary_fits_on_a_desk_and_its_messages_wrap_on_a_phone(page, site):
    def cut_off(what):
        return page.locator(f".d2lconv-report {what}").evaluate_all(
            "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.innerText)")

    page.goto(site + "errors.html")
    assert cut_off("[aria-label=layers]") == []
    page.set_viewport_size(PHONE["viewport"])
    assert cut_off("[aria-label=layers]") != []
    assert cut_off("> div:not([aria-label])") == []


# The explorer in its place. (tests/test_explorer.py looks at it alone.)

CUT = """([states, desk]) => {
    // In each state: whether each number lies inside its cell, and its matrix inside all that clips it. In a matrix all
    // cells are equally wide, so the longest number and the two outer cells of its diagonal speak for the others.
    const root = document.querySelector(".d2lconv-explorer"), found = [];
    const edges = ({left, top, right, bottom}) => [left, top, -right, -bottom];
    const within = (one, other) => one.every((edge, n) => edge > other[n] - 0.6);
    const inside = (one, other) => within(edges(one.getBoundingClientRect()), edges(other.getBoundingClientRect()));
    const clips = box => getComputedStyle(box).overflowX !== "visible";
    const around = box => box ? [box, ...around(box.parentElement)] : [];
    const text = cell => { const range = document.createRange(); range.selectNodeContents(cell); return range; };
    const outer = around(root.parentElement).filter(box => box.clientWidth && clips(box));
    for (const state of states) {
        root.explorer.draw(state);
        for (const matrix of root.querySelectorAll(".stage .matrix")) {
            const cells = [...matrix.querySelectorAll(".c")];
            const size = cell => cell.textContent.length;
            const longest = cells.reduce((one, other) => size(other) > size(one) ? other : one);
            let shown = [cells[0], cells.at(-1), longest];
            if (!shown.every(cell => inside(text(cell), cell))) found.push([state, "its cell", matrix.textContent]);
            const boxes = around(matrix).slice(0, around(matrix).indexOf(root)).filter(clips);
            if (!desk && clips(matrix) && matrix.scrollWidth > matrix.clientWidth) // it scrolls to what is chosen
                shown = [...matrix.querySelectorAll(".lit")];
            for (const box of [...boxes, root, ...outer])
                if (!shown.every(cell => inside(text(cell), box)))
                    found.push([state, box.className, matrix.textContent]);
        }
        if (document.documentElement.scrollWidth > innerWidth) found.push([state, "the page"]);
        if (found.length > 5) break;
    }
    return found;
}"""


@pytest.fixture
def landing(new_page, site):
    """Open the landing page in a window of some size."""
    def open_page(width, height):
        page = new_page({"width": width, "height": height}, reduced_motion="reduce")
        page.goto(site + "index.html")
        return page

    return open_page


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_is_cut_in_any_state(landing, width):
    page = landing(width, 800)
    numbers = some(range(len(STATES)), 40, seed=width)
    states = page.evaluate(f"states => states.map({SET})", [STATES[n] for n in numbers])
    states = [state | VARIANTS[n % len(VARIANTS)] for n, state in zip(numbers, states)]
    assert page.evaluate(CUT, [states, width >= 688]) == []


@pytest.mark.parametrize("fault", [
    ".result { flex: none !important; width: 60px; overflow: hidden; }", ".c { width: 20px !important; }",
    ".stage { width: 2000px; }"])
def test_a_number_that_is_cut_is_noticed(landing, fault):
    page = landing(1280, 800)
    page.add_style_tag(content=f".d2lconv-explorer {{ {fault} }}")
    state = page.evaluate(SET, {"c_i": 4, "c_o": 4, "k": 2, "size": 5, "padding": 2})
    assert page.evaluate(CUT, [[state], True])


@pytest.mark.parametrize(("width", "height", "most"), [(1280, 720, 600), (390, 844, 800)])
def test_a_whole_explorer_fits_on_a_screen(landing, width, height, most):
    explorers = landing(width, height).locator(".d2lconv-explorer").all()
    assert len(explorers) == 2  # of numbers, and of a photograph
    assert max(explorer.bounding_box()["height"] for explorer in explorers) <= most


def test_the_photograph_is_on_the_second_screen(landing):
    page = landing(1280, 720)
    box = page.locator(".d2lconv-explorer").nth(1).bounding_box()
    assert box["y"] < 2 * 720
