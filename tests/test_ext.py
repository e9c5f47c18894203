"""The site's own extensions: formulas become MathML or stop the build, figures get a description, and the light
page does its five steps or says which of the things it relies on is gone."""

from pathlib import Path
from types import SimpleNamespace

import pydata_sphinx_theme
import pytest
import sphinx_book_theme
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import _ext
from _ext import light_page, mathml, slides, theme_fixes

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
BOOK_THEME = Path(sphinx_book_theme.__file__).parent / "theme/sphinx_book_theme/static"

PAGE = """<html><head>
<link href="_static/styles/theme.css?digest=1" rel="stylesheet" />
<link href="_static/styles/pydata-sphinx-theme.css?digest=1" rel="stylesheet" />
<link rel="stylesheet" type="text/css" href="_static/styles/sphinx-book-theme.css?v=1" />
<script defer src="_static/scripts/fontawesome.js?digest=1"></script>
<script src="_static/documentation_options.js?v=1"></script>
<script src="_static/doctools.js?v=1"></script>
<script>DOCUMENTATION_OPTIONS.pagename = 'page';</script>
<script src="_static/searchtools.js"></script>
<script src="_static/language_data.js"></script>
<script src="searchindex.js"></script>
</head><body><img src="_static/logo.svg" class="logo__image" /><i class="fa-solid fa-rocket"></i>
<article><img src="_images/one.png" /><img src="_images/two.png" /></article>
</body></html>"""


@pytest.fixture
def stock(tmp_path):
    """A page as the theme makes it, with the theme's own stylesheets, fonts and scripts."""
    files = {file: (THEME / file).read_bytes() for file in (
        "styles/theme.css", "styles/pydata-sphinx-theme.css", "scripts/pydata-sphinx-theme.js",
        *(f"vendor/fontawesome/webfonts/fa-{style}.ttf" for style in ("solid-900", "regular-400", "brands-400")))}
    files["styles/sphinx-book-theme.css"] = (BOOK_THEME / "styles/sphinx-book-theme.css").read_bytes()
    files["basic.css"] = b"div.basic { background: url(file.png) }"
    files["documentation_options.js"] = b"const DOCUMENTATION_OPTIONS = {};"
    for name, content in files.items():
        (tmp_path / "_static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "_static" / name).write_bytes(content)
    (tmp_path / "_images").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "_images/one.png")
    Image.new("RGB", (40, 10)).save(tmp_path / "_images/two.png")
    for name in ("page", "search"):
        (tmp_path / f"{name}.html").write_text(PAGE)
    return tmp_path


def lighten(folder):
    app = SimpleNamespace(outdir=folder, builder=SimpleNamespace(name="html"))
    light_page.lighten(app, exception=None)
    return (folder / "page.html").read_text("utf-8")


def styles(folder):
    return next(folder.glob("_static/light-*.css")).read_text("utf-8")


# Mathematics.

@pytest.mark.parametrize("formula", [
    r"X_{c,\,i+a,\,j+b}", r"\frac{1}{c_i}", r"\sum_{c=0}^{c_i-1} K_{c,a,b}", r"\lfloor (h + 2p - k)/s \rfloor",
    r"\mathbf{X} \in \mathbb{R}^{c_i \times h \times w}", r"\left( \frac{a}{b} \right)^2", r"h_\text{out}",
    r"|Y - Y_{ref}| \le g \cdot (|X| \star |K|)", r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
    r"\begin{pmatrix} 0 & 1 \\ 2 & 3 \end{pmatrix}", r"\partial L / \partial K", r"2^{-24}", r"\sqrt{x}"])
def test_the_books_kind_of_formula_becomes_mathml(formula):
    made = mathml.convert(nodes.math("", formula), as_block=False)
    assert made.startswith("<math")
    assert "\\" not in made
    assert "merror" not in made


@pytest.mark.parametrize("formula", [r"\nonsense{x}", r"\begin{align} a \end{align}", r"\color{red} x"])
def test_a_formula_that_cannot_be_drawn_is_a_warning_at_its_place(formula, monkeypatch):
    said = []
    monkeypatch.setattr(mathml.logger, "warning", lambda *text, location: said.append((text, location)))
    node = nodes.math("", formula)
    mathml.convert(node, as_block=True)
    assert [place for _, place in said] == [node]


# A light page: what it does.

def test_no_page_loads_the_icon_script(stock):
    assert "fontawesome.js" not in lighten(stock)


def test_images_tell_their_size_and_all_but_the_first_wait(stock):
    page = lighten(stock)
    assert '<img width="30" height="20" src="_images/one.png" />' in page
    assert '<img loading="lazy" width="40" height="10" src="_images/two.png" />' in page
    assert '<img src="_static/logo.svg" class="logo__image" />' in page


def test_the_stylesheet_carries_the_icons_in_use_and_no_others(stock):
    lighten(stock)
    css = styles(stock)
    assert css.count("url(data:font/woff;base64,") == 3
    assert ".fa-rocket:before{" in css
    assert ".fa-guitar:before{" not in css
    assert len(css) < len((stock / "_static/styles/pydata-sphinx-theme.css").read_text("utf-8"))


def test_scripts_wait_and_keep_their_order(stock):
    page = lighten(stock)
    assert "<script>const DOCUMENTATION_OPTIONS = {};</script>" in page
    assert '<script defer src="_static/doctools.js?v=1"></script>' in page
    assert page.index("const DOCUMENTATION_OPTIONS") < page.index("DOCUMENTATION_OPTIONS.pagename")


def test_only_the_search_page_loads_the_search_index(stock):
    assert "searchindex.js" not in lighten(stock)
    search = (stock / "search.html").read_text("utf-8")
    assert [search.index(f'{name}"') for name in light_page.SEARCH] == sorted(
        search.index(f'{name}"') for name in light_page.SEARCH)


def test_there_is_one_stylesheet_and_what_it_names_is_where_it_says(stock):
    page = lighten(stock)
    assert page.count('rel="stylesheet"') == 1
    assert "div.basic { background: url(file.png) }" in styles(stock)


def test_a_second_build_writes_every_page_anew(tmp_path):
    (tmp_path / "index.rst").write_text("Title\n=====\n")
    for _ in range(2):
        app = Sphinx(tmp_path, None, tmp_path / "out", tmp_path / "trees", "html", status=None, warning=None)
        app.connect("env-updated", _ext.rewrite_all)
        app.build()
        (tmp_path / "out/index.html").unlink()  # what is not written stays away


# A light page: what it relies on. Take one away, and the build stops and says so.

@pytest.mark.parametrize(("tag", "message"), [
    ('<script defer src="_static/scripts/fontawesome.js?digest=1"></script>', "fontawesome.js"),
    ('<script src="_static/documentation_options.js?v=1"></script>', "documentation_options.js"),
    ('<script src="_static/searchtools.js"></script>', "searchtools.js"),
    (' class="logo__image"', "logo__image"),
    ("<article>", "<article"),
    ('<script src="_static/language_data.js"></script>', "language_data.js"),
    ('<script src="searchindex.js"></script>', "searchindex.js"),
    ('<link href="_static/styles/pydata-sphinx-theme.css?digest=1" rel="stylesheet" />', "does not load styles/"),
])
def test_a_page_without_a_familiar_tag_stops_the_build(stock, tag, message):
    assert tag in PAGE
    for name in ("page", "search"):
        (stock / f"{name}.html").write_text(PAGE.replace(tag, ""))
    with pytest.raises(ExtensionError, match=f"{message}.*The theme has changed"):
        lighten(stock)


def test_a_stylesheet_for_print_only_stops_the_build(stock):
    (stock / "page.html").write_text(PAGE.replace(' rel="stylesheet"', ' media="print" rel="stylesheet"'))
    with pytest.raises(ExtensionError, match="one medium only"):
        lighten(stock)


@pytest.mark.parametrize(("written", "instead", "message"), [
    (":before{content:", "::before{content:", "no icon is written"),
    (".woff2) format", ".woff3) format", "three icon fonts"),
    ("@font-face", '@import "other.css";@font-face', "imports another stylesheet"),
])
def test_a_stylesheet_written_otherwise_stops_the_build(stock, written, instead, message):
    sheet = stock / "_static/styles/pydata-sphinx-theme.css"
    assert written in sheet.read_text("utf-8")
    sheet.write_text(sheet.read_text("utf-8").replace(written, instead), "utf-8")
    with pytest.raises(ExtensionError, match=message):
        lighten(stock)


# Texts for those who cannot see a figure.

def described(source, text):
    """The alternative text that the picture of one cell gets."""
    image = nodes.image(mime_type="image/png")
    words = nodes.literal_block(text, text, mime_type="text/plain")
    cell = nodes.container("", nodes.literal_block(source, source),
                           nodes.container("", image, words, nb_element="mime_bundle"), nb_element="cell_code")
    theme_fixes.describe_figures(None, nodes.container("", cell))
    return image["alt"]


def test_a_figure_that_has_words_is_described_by_them():
    assert described("# A comment\nd2l.draw(X, K)", "19 + 37 = 56") == "19 + 37 = 56"


def test_a_plain_figure_is_described_by_the_comment_above_its_code():
    assert described("# A red stripe\nplt.show()", "<Figure size 640x480 with 1 Axes>") == "A red stripe"


def test_a_plain_figure_without_a_comment_points_to_the_text():
    assert described("plt.show()", "<Figure size 640x480 with 1 Axes>") .startswith("A chart")


def test_a_figure_never_shrinks_to_less_than_a_pixel_a_point(stock):
    drawn = f"_images/{'0' * 64}.png"
    Image.new("RGB", (300, 20)).save(stock / drawn, dpi=(100, 100))  # three inches, 216 points
    (stock / "page.html").write_text(PAGE.replace("_images/one.png", drawn))
    page = lighten(stock)
    assert 'style="min-width: 216px; "' in page


TABLE = """<table class="table"><thead><tr><th class="head"><p>minutes</p></th><th class="head"><p>what</p></th>
<th class="head"><p>ask</p></th></tr></thead><tbody><tr><td><p>0</p></td><td></td><td><p>Why?</p></td></tr></table>"""


def test_a_cell_of_a_wide_table_says_its_column():
    table = theme_fixes.TABLE.sub(theme_fixes.label, TABLE)
    assert '<td role="cell" data-label="ask"><p>Why?</p></td>' in table


def test_a_narrow_table_stays_as_it_is():
    narrow = TABLE.replace('<th class="head"><p>ask</p></th>', "")
    assert theme_fixes.TABLE.sub(theme_fixes.label, narrow) == narrow


FIXABLE = (TABLE + '<button class="btn search-button-field" aria-label="Search"></button><summary aria-label="Toggle '
           'hidden content"></summary><div class="cell_output docutils container"><img /></div>'
           '<div role="list"><div role="doc-biblioentry"></div></div>')


def fix(folder, page):
    (folder / "page.html").write_text(page)
    theme_fixes.correct(SimpleNamespace(outdir=folder, builder=SimpleNamespace(name="html")), exception=None)
    return (folder / "page.html").read_text("utf-8")


def test_what_a_screen_reader_stumbles_over_is_put_right(tmp_path):
    page = fix(tmp_path, FIXABLE)
    assert "aria-label" not in page
    assert 'role="list"' not in page
    assert '<div class="cell_output docutils container" tabindex="0">' in page


@pytest.mark.parametrize("gone", ["search-button-field", "Toggle hidden content", "cell_output", 'role="list"',
                                  "doc-biblioentry", 'class="table"', 'class="head"'])
def test_a_page_without_what_is_to_be_put_right_stops_the_build(tmp_path, gone):
    with pytest.raises(ExtensionError, match=r"theme_fixes: .*The theme has changed"):
        fix(tmp_path, FIXABLE.replace(gone, "other"))


@pytest.mark.parametrize("gone", ["h1", "cell_input", "cell_output"])
def test_pages_of_which_no_slides_can_be_cut_stop_the_build(tmp_path, gone):
    page = '<article><section><h1>A</h1><div class="cell"><p class="cell_input"></p><p class="cell_output"></p></div>'
    (tmp_path / "a.html").write_text(page.replace(gone, "other"))
    env = SimpleNamespace(found_docs={"a"}, doc2path=lambda name, base: "a.ipynb")
    with pytest.raises(ExtensionError, match=f"slides: no page has .*{gone}"):
        slides.write(SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(name="html"), env=env), exception=None)
