"""The printed book: every chapter can be found in it, every link leads somewhere, nothing points to this machine."""

import re
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
from bs4 import BeautifulSoup

from strategies import THOROUGH

ROOT = Path(__file__).parent.parent
CHAPTERS = re.findall(r"(?:root|file): (\w+)", (ROOT / "_toc.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def book(tmp_path_factory, site, browser):
    """Print it, in a process of its own, for the browser of other tests may be running in this one."""
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    subprocess.run([sys.executable, "-m", "tools.pdf", path], cwd=ROOT, check=True, timeout=300)
    return pypdf.PdfReader(path)


@pytest.fixture(scope="module")
def links(book):
    """The links of all pages."""
    return [link.get_object() for page in book.pages for link in page.get("/Annots", ())]


@pytest.fixture(scope="module")
def text(book):
    """The words of the first chapters, a page in a line; all take a quarter of a minute to read."""
    pages = book.pages if THOROUGH else book.pages[:60]
    return "\n".join(" ".join(page.extract_text().split()) for page in pages)


def heading(chapter):
    page = BeautifulSoup((ROOT / f"_build/html/{chapter}.html").read_text("utf-8"), "html.parser")
    return page.select_one("article h1").contents[0]


def test_the_outline_lists_the_chapters_in_their_order(book):
    assert [entry.title for entry in book.outline if not isinstance(entry, list)] == list(map(heading, CHAPTERS))


def test_links_within_the_book_lead_to_places_in_it(book, links):
    wanted = {link["/Dest"] for link in links if "/Dest" in link}
    assert len(wanted) > 50
    assert wanted <= set(book.named_destinations)


def test_no_link_leads_to_a_file(links):
    addresses = {link["/A"]["/URI"] for link in links if "/A" in link}
    assert addresses
    assert not [address for address in addresses if not re.match("https?://(?!localhost|127)", address)]


def test_it_is_tagged_and_says_its_title_and_language(book):
    assert book.root_object["/MarkInfo"]["/Marked"]
    assert book.root_object["/Lang"] == "en"
    assert book.metadata.title == heading("index")


def test_the_first_page_shows_the_explorer_without_its_buttons_and_its_number(book):
    text = book.pages[0].extract_text()
    assert re.search(r"= *19 *\+ *37|19 \+ 37", text)
    assert "56" in text
    assert "Undo" not in text
    assert f"1 / {len(book.pages)}" in text


def test_code_mathematics_and_outputs_are_text(text):
    for part in ("corr2d_multi_in_out", "torch.Size([3, 2, 2, 2])", "∑", "104., 120."):
        assert part in text


def test_on_paper_a_question_is_its_text_without_its_answer(text):
    assert "Which input channels does output channel 2 of Conv2d(4, 4, 3, groups=2) see?" in text
    assert "Wrong answers, and the beliefs that lead there" not in text
    assert "Next question" not in text
