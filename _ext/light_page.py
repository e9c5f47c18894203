"""A light page: what the theme shows and does, in a fraction of its bytes (`make bench-site` says which).

Five steps over the finished HTML. Each relies on something in today's theme, and stops the
build when that is no longer there.
"""

import base64
import hashlib
import io
import logging
import posixpath
import re
from functools import partial
from pathlib import Path

from fontTools import subset
from PIL import Image

import _ext

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table that it cuts

DRAWN = re.compile(r"_images/[0-9a-f]{64}\.")  # by a cell
DOTS = 200  # an inch, in figures that do not say it: those of d2lconv.figures
THEME = "styles/pydata-sphinx-theme.css"
BASIC = '@import "../basic.css";'
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
expect = partial(_ext.expect, "light_page")
STYLESHEET = re.compile(
    r'<link(?=[^>]*rel="stylesheet")[^>]*href="([^"]*?)_static/([^"?]+)[^"]*"[^>]*>\s*')
ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\?([^"]+)"\}')
ICON_FONT = re.compile(r'url\(([^)]+/fa-[a-z]+-\d+)\.woff2\) format\("woff2"\),url\(\1\.ttf\) '
                       r'format\("truetype"\)')


def lighten(app, exception):
    if exception or app.builder.name != "html":
        return
    site = Path(app.outdir)
    pages = {path: path.read_text("utf-8") for path in sorted(site.glob("*.html"))}
    for text in ("<article", "logo__image", 'src="_images/'):
        expect(any(text in page for page in pages.values()), f"no page has {text}")
    icons = icons_in_use(site, pages.values())
    for path, page in pages.items():
        page = drop_icon_script(page)
        page = size_images(page, site)
        page = defer_scripts(page, site, is_search=path.name == "search.html")
        page = bundle_styles(page, site, icons)
        path.write_text(page, "utf-8")


# 1. A megabyte of script would draw every icon as SVG; the stylesheet's own fonts suffice.

def drop_icon_script(page):
    tag = r'<script defer src="[^"]*/fontawesome\.js[^"]*"></script>\s*'
    expect(len(re.findall(tag, page)) == 1, "a page does not load fontawesome.js once")
    return re.sub(tag, "", page)


# 2. Images say their size before they arrive, and all but an article's first wait to be near. A figure never
#    shrinks to less than a pixel a point, so that its text can be read on a phone: then it scrolls in its box.
#    Its inch is 100 pixels wide, at whatever resolution it is stored.

def size_images(page, site):
    def improve(image):
        tag, file = image[0], image[1]
        if "logo__image" in tag:
            return tag
        added = "" if image.start() == first else ' loading="lazy"'
        if not file.endswith(".svg") and "width=" not in tag:
            with Image.open(site / file) as picture:
                (width, height), dots = picture.size, picture.info.get("dpi", (DOTS,))[0]
            if DRAWN.match(file):
                inch = 100 / float(dots)
                width, height, points = round(width * inch), round(height * inch), round(width * inch * 0.72)
                before = re.search(' style="([^"]*)"', tag)
                tag = tag.replace(before[0], "") if before else tag
                added += f' style="min-width: {points}px; {before[1] if before else ""}"'
            added += f' width="{width}" height="{height}"'
        return tag.replace("<img", "<img" + added, 1)

    local = re.compile(r'<img [^>]*?src="[^":]*?((?:_static|_images)/[^"]+)"[^>]*>')
    article = page.find("<article") % len(page)  # the search page has none
    first = next((image.start() for image in local.finditer(page, article)), None)
    return local.sub(improve, page)


# 3. Of 1,400 icons the pages show some thirty: the stylesheet carries those, and no others.

def icons_in_use(site, pages):
    css = (site / "_static" / THEME).read_text("utf-8")
    script = (site / "_static/scripts/pydata-sphinx-theme.js").read_text("utf-8")
    rules = expect(ICON_RULE.findall(css), "no icon is written `.fa-name:before{content:...}`")
    named = set(re.findall(r"\bfa-[a-z0-9-]+", " ".join([script, *pages])))
    icons = {icon for names, icon in rules if named & set(re.findall(r"fa-[a-z0-9-]+", names))}
    # Some are not named by a class: an admonition's, or a list's.
    rest = ICON_RULE.sub("", css) + (site / "_static/styles/sphinx-book-theme.css").read_text("utf-8")
    icons.update(re.findall(r"[\ue000-\uf8ff]|(?<=\\)f[0-9a-f]{3}\b", rest))
    return {code_point(icon) for icon in icons}


def embed_icon_fonts(css, site, icons):
    def embed(source):
        options = subset.Options(flavor="woff", layout_features=[])
        cutter, data = subset.Subsetter(options), io.BytesIO()
        cutter.populate(unicodes=icons)
        with subset.load_font(site / "_static" / f"{source[1]}.ttf", options) as font:
            cutter.subset(font)
            subset.save_font(font, data, options)
        return f"url(data:font/woff;base64,{base64.b64encode(data.getvalue()).decode()})"

    expect(len(ICON_FONT.findall(css)) == 3, "its stylesheet does not name three icon fonts")
    css = ICON_RULE.sub(lambda rule: rule[0] if code_point(rule[2]) in icons else "", css)
    return ICON_FONT.sub(embed, css)


def code_point(icon):
    return ord(icon) if len(icon) == 1 else int(icon, 16)


# 4. Scripts wait until the page stands; the search index is for the search page alone.

def defer_scripts(page, site, is_search):
    # A script in the page itself reads this one's variable at once, so it cannot wait.
    options = (site / "_static/documentation_options.js").read_text("utf-8").strip()
    tag = r'<script src="[^"]*/documentation_options\.js[^"]*"></script>'
    expect(len(re.findall(tag, page)) == 1, "a page does not load documentation_options.js once")
    page = re.sub(tag, lambda _: f"<script>{options}</script>", page)
    for name in SEARCH:
        tag = rf'<script src="[^"]*\b{name}[^"]*"></script>\s*'
        expect(re.search(tag, page), f"a page does not load {name}")
        if not is_search:
            page = re.sub(tag, "", page)
    return re.sub(r"<script (?=[^>]*\bsrc=)(?![^>]*\b(?:defer|async)\b)", "<script defer ", page)


# 5. One stylesheet instead of ten.

def bundle_styles(page, site, icons):
    links = list(STYLESHEET.finditer(page))
    names = [link[2] for link in links]
    expect(THEME in names, f"a page does not load {THEME}")
    expect(not any("media=" in link[0] for link in links), "a stylesheet is for one medium only")
    css = "\n".join(read_style(name, site) for name in names)
    # Named after what is in it, so that a browser never shows an old one.
    digest = hashlib.sha256((css + str(sorted(icons))).encode()).hexdigest()[:8]
    bundle = site / "_static" / f"light-{digest}.css"
    if not bundle.exists():
        bundle.write_text(embed_icon_fonts(css, site, icons), "utf-8")
    first = links[0]
    page = STYLESHEET.sub("", page)
    tag = f'<link rel="stylesheet" href="{first[1]}_static/{bundle.name}" />\n'
    return page[:first.start()] + tag + page[first.start():]


def read_style(name, site):
    def from_static(url):
        return f"url({posixpath.normpath(posixpath.join(posixpath.dirname(name), url[1]))})"

    css = (site / "_static" / name).read_text("utf-8")
    css = re.sub(r"""url\(["']?(?!["']?data:)([^"')]+)["']?\)""", from_static, css)
    if name == "styles/theme.css":
        expect(BASIC in css, f"{name} does not import basic.css")
        css = css.replace(BASIC, (site / "_static/basic.css").read_text("utf-8"))
    expect("@import" not in css, f"{name} imports another stylesheet")
    return css


def setup(app):
    # After the theme, which rewrites pygments.css at the same event.
    app.connect("env-updated", _ext.rewrite_all)
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
