"""What an eye sees, on all pages of the built site, from a phone to a desk, in light and in dark: nothing is
cut, nothing overlaps, nothing is wider than its column or too small to be read, every picture has a description
of its own. Each page has two of the four looks, weekly all. The last test spoils a page in each of these ways,
and each must be noticed."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image
from test_site import LOAD_EVERYTHING

from strategies import some

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
LOOKS = [(320, "light"), (360, "dark"), (768, "light"), (1280, "dark")]
DESK = 688     # from this width of the window up, no box scrolls sideways
SMALLEST = 9   # pixels on the screen; points in a figure
VAGUE = ("A chart", "A drawing", "No description")

STILL = "* { transition: none !important; animation: none !important; }"  # the sidebar slides in and out
SETTLE = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
LOOK = """desk => {
    const faults = [];
    const seen = element => element.checkVisibility({visibilityProperty: true, opacityProperty: true});
    const unseen = element => {  // but for a screen reader
        for (let up = element; up !== article; up = up.parentElement)
            if (getComputedStyle(up).clipPath !== "none" || getComputedStyle(up).clip !== "auto") return true;
        return false;
    };
    const words = text => text.trim().replace(/\\s+/g, " ").slice(0, 50);
    const article = document.querySelector(".bd-article-container") ?? document.body;
    const inside = (box, frame, formula) => box.left > frame.left - 1.5 && box.right < frame.right + 1.5
        && (formula || box.top > frame.top - 1.5 && box.bottom < frame.bottom + 1.5);  // its lines are high and empty
    const frameOf = element => {
        const box = element.getBoundingClientRect(), x = box.left + element.clientLeft, y = box.top + element.clientTop;
        return {left: x, top: y, right: x + element.clientWidth, bottom: y + element.clientHeight};
    };
    article.querySelectorAll("details").forEach(element => element.open = true);

    // On a phone a long formula, a wide picture and the explorer may scroll, in a box of their own.
    const mayScroll = (frame, style) => !desk && /auto|scroll/.test(style.overflowX)
        && frame.closest(".math, math, .cell_output, .d2lconv-explorer, .d2lconv-question")
        && !frame.querySelector(":scope pre");
    const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT), boxes = [];
    while (texts.nextNode()) {
        const text = texts.currentNode, element = text.parentElement, range = document.createRange();
        if (!text.data.trim() || !seen(element) || unseen(element)) continue;
        // The space that ends a line of printed text hangs out of its box, and is not seen.
        const parts = !/^pre/.test(getComputedStyle(element).whiteSpace) ? [[0, text.length]]
            : [...text.data.matchAll(/\\S+/g)].map(({0: word, index}) => [index, index + word.length]);
        const lines = parts.flatMap(([start, end]) => {
            range.setStart(text, start), range.setEnd(text, end);
            return [...range.getClientRects()].filter(box => box.width > 1 && box.height > 1);
        });
        let scrolls = false;
        for (let frame = element; frame !== article; frame = frame.parentElement) {
            const style = getComputedStyle(frame);
            if (style.overflowX === "visible" && style.overflowY === "visible" || style.display === "inline") continue;
            scrolls ||= mayScroll(frame, style);
            if (scrolls && frame.scrollLeft === 0 && lines.every(line => line.left > frameOf(frame).left - 1.5)) break;
            if (!lines.every(line => inside(line, frameOf(frame), element.closest("math")))) {
                faults.push(`cut: ${words(frame.textContent)}`);
                break;
            }
        }
        if (!scrolls && lines.some(line => line.right > innerWidth + 1 || line.left < -1))
            faults.push(`cut: ${words(text.data)}`);
        const matrix = element.ownerSVGElement && element.getScreenCTM();
        const size = parseFloat(getComputedStyle(element).fontSize)
            * (matrix ? Math.hypot(matrix.a, matrix.b) : element.currentCSSZoom ?? 1);
        if (size < 9 && !element.closest("math")) faults.push(`small: ${words(text.data)}, ${size.toFixed(1)} px`);
        if (element.closest("td, th")) for (const {0: word, index} of text.data.matchAll(/[\\w.]{2,}/g)) {
            range.setStart(text, index), range.setEnd(text, index + word.length);
            if (word.length < 14 && range.getClientRects().length > 1)
                faults.push(`broken: ${word} in ${words(element.closest("tr").textContent)}`);
        }
        if (!element.closest("math, svg")) boxes.push(...lines.map(box => ({box, element, text: text.data})));
    }

    // Two texts that lie on each other. Lines of one paragraph may touch.
    boxes.sort((one, other) => one.box.top - other.box.top);
    boxes.forEach((one, n) => {
        for (let m = n + 1; m < boxes.length && boxes[m].box.top < one.box.bottom - 4; m++) {
            const other = boxes[m];
            if (one.box.right - 3 > other.box.left && other.box.right - 3 > one.box.left
                    && other.box.bottom - 4 > one.box.top)
                faults.push(`overlap: ${words(one.text)} | ${words(other.text)}`);
        }
    });

    for (const element of article.querySelectorAll("img, svg, table, video, iframe, pre")) {
        if (!seen(element) || element.parentElement.closest("svg")) continue;
        let column = element.parentElement;
        while (column !== article && getComputedStyle(column).display === "inline") column = column.parentElement;
        const box = element.getBoundingClientRect(), frame = column.getBoundingClientRect();
        let scrolls = false;
        for (let up = column; up; up = up.parentElement) scrolls ||= mayScroll(up, getComputedStyle(up));
        if (!scrolls && (box.right > frame.right + 1.5 || box.left < frame.left - 1.5))
            faults.push(`wide: ${element.localName} ${words(element.alt ?? element.textContent)}`);
    }

    // A light plate in the dark.
    if (document.documentElement.dataset.theme === "dark") for (const element of article.querySelectorAll("*")) {
        const [red, green, blue, alpha = 1] = getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number);
        const box = element.getBoundingClientRect();
        if (alpha > 0.5 && Math.min(red, green, blue) > 160 && box.width * box.height > 10000
                && seen(element) && element.localName !== "img")
            faults.push(`bright: ${element.localName}.${element.className} ${words(element.textContent)}`);
    }

    if (document.documentElement.scrollWidth > innerWidth) faults.push("sideways: the page");
    const images = [...article.querySelectorAll("img")].filter(seen);
    return {
        faults: [...new Set(faults)],
        images: images.map(image =>
            ({file: image.currentSrc, alt: image.alt, width: image.getBoundingClientRect().width})),
    };
}"""


def text_in(file, shown):
    """The size in pixels of the smallest text in a figure that is shown so many pixels wide."""
    with Image.open(file) as picture:
        dots, _ = picture.info.get("dpi", (200, 200))  # what d2lconv.figures saves with
        return SMALLEST * shown / (picture.width / dots * 72)


def descriptions(images):
    """What is wrong with the descriptions of a page's pictures."""
    texts = [image["alt"].strip() for image in images]
    return [*(f"undescribed: {text!r}" for text in texts if len(text) < 10 or text.startswith(VAGUE)),
            *(f"described twice: {text}" for text in {*texts} if texts.count(text) > 1)]


def look(page, figure=lambda url: None, looks=LOOKS):
    """List what is wrong with the page that is open, each fault once, where it is seen first."""
    faults = {}
    page.add_style_tag(content=STILL)
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        page.evaluate(SETTLE)
        seen = page.evaluate(LOOK, width >= DESK)
        found = seen["faults"] + descriptions(seen["images"])
        for image in seen["images"]:
            file = figure(image["file"])
            if file and text_in(file, image["width"]) < SMALLEST - 0.1:
                found.append(f"small: {text_in(file, image['width']):.1f} px in {image['alt'][:50]}")
        for fault in found:
            faults.setdefault(fault, f"{width} px, {theme}: {fault}")
    return faults


@pytest.fixture(scope="module")
def sight(browser, site):
    """What is wrong with every page."""
    def figure(url):
        path = SITE / unquote(urlsplit(url).path.removeprefix(urlsplit(site).path))
        return path if path.parent.name == "_images" and len(path.stem) == 64 and path.suffix != ".svg" else None

    with browser.new_context(reduced_motion="reduce") as context:
        page, found = context.new_page(), {}
        for path in sorted(SITE.glob("*.html")):
            page.goto(site + path.name)
            page.evaluate(LOAD_EVERYTHING)
            found[path.stem] = look(page, figure, some(LOOKS, 2, seed=path.stem))
    return found


def of_kind(sight, *kinds):
    return [f"{name}: {words}" for name, faults in sight.items()
            for fault, words in faults.items() if fault.startswith(kinds)]


def test_nothing_is_cut_and_no_page_scrolls_sideways(sight):
    assert len(sight) > 15
    assert not of_kind(sight, "cut:", "sideways:")


def test_nothing_is_wider_than_its_column(sight):
    assert not of_kind(sight, "wide:")


def test_no_text_lies_on_another(sight):
    assert not of_kind(sight, "overlap:")


def test_no_text_is_too_small_to_be_read_in_figures_too(sight):
    assert not of_kind(sight, "small:")


def test_no_word_is_broken_in_a_table(sight):
    assert not of_kind(sight, "broken:")


def test_no_plate_is_bright_in_the_dark(sight):
    assert not of_kind(sight, "bright:")


def test_every_picture_has_a_description_of_its_own(sight):
    assert not of_kind(sight, "undescribed:", "described twice:")


PICTURE = '<img width="40" height="40" alt="{}" src="data:image/svg+xml,%3Csvg xmlns=\'http://www.w3.org/2000/svg\'/%3E">'


@pytest.mark.parametrize(("kind", "spoilt"), [
    ("cut:", '<pre style="overflow: auto">expected input[1, 1, 8, 8] to have 3 channels, but got 1 instead</pre>'),
    ("cut:", '<div style="height: 10px; overflow: hidden">the lower half of this line is gone</div>'),
    ("cut:", '<div class="math" style="overflow: auto; display: flex; justify-content: center"><span>'
             + "x+" * 200 + "</span></div>"),  # no scrolling leads to its beginning
    ("sideways:", '<div style="width: 1300px">wide</div>'),
    ("wide:", '<p><svg width="330" height="9"></svg></p>'),
    ("overlap:", '<p>One line</p><p style="margin-top: -38px">lies on another.</p>'),
    ("small:", '<p style="font-size: 8px">small print</p>'),
    ("small:", '<svg viewBox="0 0 1000 100" width="300"><text y="50" font-size="14">shrunk</text></svg>'),
    ("broken:", '<table><td style="width: 2em; overflow-wrap: anywhere; max-width: 2em">input</td></table>'),
    ("bright:", '<div style="background: #eee; height: 100px">paper</div>'),
    ("undescribed:", PICTURE.format("")),
    ("undescribed:", PICTURE.format("A chart; the text around it says what it shows")),
    ("described twice:", 2 * PICTURE.format("A blue square on white paper")),
])
def test_a_page_that_is_made_bad_is_noticed(new_page, kind, spoilt):
    page = new_page({"width": 1280, "height": 720})
    page.set_content(f"<!doctype html><html><main><article><p>Good.</p>{spoilt}</article></main></html>")
    assert any(fault.startswith(kind) for fault in look(page))


def test_a_page_that_is_good_passes(new_page):
    page = new_page({"width": 1280, "height": 720})
    page.set_content(f"<!doctype html><article><p>Good.</p>{PICTURE.format('A blue square')}</article>")
    assert not look(page)


def test_small_text_in_a_figure_is_noticed(tmp_path):
    Image.new("RGB", (1000, 100)).save(tmp_path / "wide.png", dpi=(100, 100))  # ten inches, 720 points
    assert text_in(tmp_path / "wide.png", shown=720) == pytest.approx(9, rel=1e-3)
    assert text_in(tmp_path / "wide.png", shown=320) < 5
