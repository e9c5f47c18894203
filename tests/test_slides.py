"""The decks in a real browser, at the size of a projector: nothing is cut off, nothing comes from outside."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml

from d2lconv import ask, corr2d_multi_in

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
LESSONS = ["lesson50", "lesson80"]
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb") if path.stem != "solutions")
DECKS = [*CHAPTERS, *LESSONS]
SIZE = {"width": 1280, "height": 720}
READY = "window.Reveal && Reveal.isReady()"

# Go to each slide, and measure all that stands on it. Formulas and pictures that do not fit would hang over.
# The explorer grows with its channels; its box must fit, and lets it be scrolled.
LOOK = """() => Reveal.getSlides().map(slide => {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    const parts = [...slide.querySelectorAll("*")].filter(part => part.checkVisibility()
        && !part.closest("aside") && (part.matches(".cell") || !part.closest(".d2lconv-explorer")));
    const boxes = parts.filter(part => !part.querySelector(".d2lconv-explorer") || part.matches(".cell"))
        .map(part => part.getBoundingClientRect());
    return {
        title: slide.querySelector("h1, h2").textContent,
        below: Math.max(...boxes.map(box => box.bottom)) - 720,
        beside: Math.max(...boxes.map(box => box.right)) - 1280,
        filled: Math.max(...boxes.map(box => box.bottom)),
        when: slide.querySelector(".when")?.textContent.replace("minutes ", ""),
        place: `#/${h}`,
        vote: !!slide.querySelector(".vote"),
        content: [...slide.children].filter(part => part.checkVisibility()).length,
        zoom: Math.min(1, ...[...slide.querySelectorAll("[style*=zoom]")].map(part => +part.style.zoom)),
        formulas: [...slide.querySelectorAll("math")].filter(part => part.querySelector("merror")).length,
        links: [...slide.querySelectorAll("a[href]")].map(link => link.href),
        images: [...slide.querySelectorAll("img")].filter(image => !image.naturalWidth).length,
    };
})"""


@pytest.fixture(scope="module")
def decks(browser, site):
    """Open each deck once, light, then dark; note what it asks for, what it complains of, what it shows."""
    seen = {}
    with browser.new_context(viewport=SIZE) as context:
        for number, name in enumerate(DECKS):
            page, requests, complaints = context.new_page(), [], []
            page.emulate_media(color_scheme="dark" if number % 2 else "light")
            page.on("request", lambda request, requests=requests: requests.append(request.url))
            page.on("requestfailed", lambda request, said=complaints: said.append(request.url))
            page.on("console", lambda message, said=complaints: said.append(message.text))
            page.on("pageerror", lambda error, said=complaints: said.append(str(error)))
            page.goto(f"{site}slides/{name}.html")
            page.wait_for_function(READY)
            seen[name] = {"slides": page.evaluate(LOOK), "requests": requests, "complaints": complaints}
            page.close()
    return seen


@pytest.fixture
def page(new_page):
    return new_page(SIZE)


def wrong(decks, key, is_wrong):
    return {f"{name} {number}, {slide['title']}: {slide[key]}" for name, deck in decks.items()
            for number, slide in enumerate(deck["slides"], 1) if is_wrong(slide[key])}


def test_no_slide_overflows(decks):
    assert not wrong(decks, "below", lambda pixels: pixels > 0.5)
    assert not wrong(decks, "beside", lambda pixels: pixels > 0.5)


def test_nothing_is_made_too_small_to_be_read(decks):
    assert not wrong(decks, "zoom", lambda factor: factor < 0.6)


def test_no_slide_is_empty(decks):
    assert not wrong(decks, "content", lambda number: number < 2)


def test_formulas_and_pictures_are_there(decks):
    assert not wrong(decks, "formulas", bool)
    assert not wrong(decks, "images", bool)


def test_no_request_leaves_the_machine_and_no_deck_complains(decks, site):
    assert not [url for deck in decks.values() for url in deck["requests"] if not url.startswith((site, "data:"))]
    assert not {name: deck["complaints"] for name, deck in decks.items() if deck["complaints"]}


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_leads_to_its_deck_and_back(decks, site, name):
    assert f'href="slides/{name}.html"' in (SITE / f"{name}.html").read_text("utf-8")
    assert any(f"{site}{name}.html" in slide["links"] for slide in decks[name]["slides"][:2])


def test_every_link_in_a_deck_leads_somewhere(decks, site):
    def leads(link):
        path, _, anchor = link.removeprefix(site).partition("#")
        file = SITE / path
        return file.is_file() and (not anchor or f'id="{anchor}"' in file.read_text("utf-8"))

    assert not wrong(decks, "links", lambda links: [one for one in links if one.startswith(site) and not leads(one)])


def test_an_output_waits_for_a_key_and_the_notes_keep_the_whole_paragraph(page, site):
    page.goto(f"{site}slides/input_channels.html")
    page.wait_for_function(READY)
    page.keyboard.press("PageDown")
    output = page.locator("section.present .cell_output").first
    output.wait_for(state="hidden")
    page.keyboard.press("PageDown")
    output.wait_for(state="visible")
    assert "Channels can be numbered in any order" in page.evaluate(
        "Reveal.getSlides().map(slide => Reveal.getSlideNotes(slide) ?? '').join()")


def test_the_explorer_works_inside_and_keeps_the_arrow_keys(page, site):
    page.goto(f"{site}slides/input_channels.html")
    page.wait_for_function(READY)
    page.evaluate("""() => {
        const {h, v} = Reveal.getIndices(document.querySelector(".d2lconv-explorer").closest("section"));
        Reveal.slide(h, v);
    }""")
    page.wait_for_function("location.hash")  # the deck writes it a moment later
    where, words = page.url, page.locator("section.present .d2lconv-explorer .lines")
    page.locator("section.present [role=gridcell]").first.click()
    assert "= 56" in words.inner_text()
    page.keyboard.press("ArrowRight")
    assert "= 72" in words.inner_text()
    page.locator("section.present [data-do='panel:more']").click()
    page.locator("section.present input[name=padding][value='1']").check(force=True)
    assert page.url == where


def test_the_explorers_digits_can_be_read_from_the_last_row(page, site):
    page.goto(f"{site}slides/input_channels.html")
    page.wait_for_function(READY)
    sizes = page.evaluate("""() => [...document.querySelectorAll(".reveal .d2lconv-explorer .stage .c")].map(cell => {
        Reveal.slide(...Object.values(Reveal.getIndices(cell.closest("section"))));
        const zoom = cell.currentCSSZoom ?? 1;
        return zoom * parseFloat(getComputedStyle(cell).fontSize);
    })""")
    assert sizes
    assert min(sizes) >= 20


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_has_at_most_30_slides_and_none_is_three_quarters_blank(decks, name):
    assert 15 < len(decks[name]["slides"]) <= 30
    assert not wrong({name: decks[name]}, "filled", lambda bottom: bottom < 720 / 4)


@pytest.mark.parametrize("name", LESSONS)
def test_no_card_of_a_lesson_is_cut_in_two(decks, name):
    titles = [slide["title"] for slide in decks[name]["slides"]]
    assert not [title for title, following in pairwise(titles) if title == following]


@pytest.mark.parametrize("name", LESSONS)
def test_a_vote_is_four_fifths_of_its_size_or_more(decks, name):
    votes = [slide for slide in decks[name]["slides"] if slide["vote"]]
    assert len(votes) > 5
    assert min(slide["zoom"] for slide in votes) >= 0.8


@pytest.mark.parametrize("name", LESSONS)
def test_the_plan_leads_to_the_slide_of_its_minute(decks, site, page, name):
    page.goto(f"{site}teach.html")
    rows = page.eval_on_selector_all(f"tr:has(a[href^='slides/{name}'])", """rows => rows.map(row =>
        [row.cells[0].textContent.trim(), row.querySelector("a[href^=slides]").hash])""")
    assert len(rows) > 5
    for minutes, place in rows:
        assert next(slide["when"] for slide in decks[name]["slides"] if slide["place"] == place) == minutes


@pytest.mark.parametrize("name", LESSONS)
def test_an_answer_to_a_vote_waits_for_a_key(page, site, name):
    page.goto(f"{site}slides/{name}.html")
    page.wait_for_function(READY)
    page.evaluate("""() => {
        const {h, v} = Reveal.getIndices(document.querySelector(".vote .fragment").closest("section"));
        Reveal.slide(h, v);
    }""")
    answer = page.locator("section.present .vote .fragment")
    assert page.locator("section.present .vote ol > li").count() > 2
    assert not answer.is_visible()
    assert "The answer is number" in page.locator("section.present aside.notes").text_content()
    page.keyboard.press("PageDown")
    answer.wait_for(state="visible")


@pytest.mark.parametrize("name", LESSONS)
def test_the_first_vote_is_not_uncovered_and_the_next_key_leads_to_the_explorer(page, site, name):
    page.goto(f"{site}slides/{name}.html#/1")
    page.wait_for_function(READY)
    assert page.locator("section.present .vote ol > li").count() > 2
    page.keyboard.press("PageDown")
    page.locator("section.present .d2lconv-explorer").wait_for(state="visible")


def test_the_numbers_in_the_notes_of_the_exercise_on_paper_are_right():
    lessons = yaml.safe_load((ROOT / "_ext/slides/lessons.yml").read_text("utf-8"))
    cards = [card for lesson in LESSONS for part in lessons[lesson]["parts"] if isinstance(part, dict)
             for card in part["cards"] if card["title"].startswith("On paper")]
    assert len(cards) == 2
    for card in cards:
        grid = ask("element", **card["ask"]["element"]).grid  # for each channel a head, and three rows of X and K
        rows = [[int(number) for number in line.split()] for line in grid.splitlines() if line and "X" not in line]
        X = torch.tensor([row[:3] for row in rows]).reshape(2, 3, 3)
        K = torch.tensor([row[3:] for row in rows if row[3:]]).reshape(2, 2, 2)
        Y = corr2d_multi_in(X, K).tolist()
        assert "{}, {} in its first row, and {}, {} in its second".format(*Y[0], *Y[1]) in card["notes"]
