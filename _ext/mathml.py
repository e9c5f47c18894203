"""Mathematics as MathML, made while the book is built: no script, no request, nothing to wait for.

Browsers draw MathML themselves. All they lack is a font with a MATH table, without which no
bracket stretches: `book/_static/math.woff2` is a part of STIX Two Math (OFL-math.txt beside
it), cut out of the copy in the package ziamath, with fonttools and brotli installed, by

    pyftsubset STIXTwoMath-Regular.ttf --output-file=math.woff2 --flavor=woff2 --no-hinting
      --layout-features= --unicodes=20-7E,A0,AF,B1,B7,D7,2C6,2DC,302-305,393,394,398,39B,3A3,
    3A6,3A9,3B1-3C9,2016,2026,2032,210E,2115,211D,2124,2190,2192,21A6,21D2,21D4,2200,2202,2203,2205,
    2207-2209,220F,2211,2212,2217,2218,221A,221E,2225,2227-222A,223C,2248,2260,2261,2264,2265,
    226A,226B,2282,2286,2295,2297,2299,22C5,22C6,22EE,22EF,22F1,2308-230B,25A1,25FB,1D400-1D467,
    1D6E2-1D6FA,1D6FC-1D70F,1D711-1D714,1D716
"""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

FONT = "_static/math.woff2"
logger = logging.getLogger(__name__)


def convert(node, as_block):
    try:
        mathml = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:  # a warning, so that -W stops the build and names the page
        logger.warning("this formula cannot become MathML: %s", error, location=node)
        return ""
    return re.sub(r">\s+<", "><", mathml)  # the converter's indentation


def visit_inline(translator, node):
    translator.body.append(convert(node, as_block=False))
    raise nodes.SkipNode


def visit_block(translator, node):
    # The theme's own class for what may be too wide: it scrolls, by keyboard as well.
    translator.body.append(
        translator.starttag(node, "div", CLASS="math notranslate pst-scrollable-table-container"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(convert(node, as_block=True) + "</div>\n")
    raise nodes.SkipNode


def preload_font(app, pagename, templatename, context, doctree):
    # Without it the font is discovered late, and formulas jump when it arrives.
    if app.env.get_domain("math").has_equations(pagename):
        font = context["pathto"](FONT, resource=True)
        context["metatags"] += (
            f'<link rel="preload" as="font" type="font/woff2" href="{font}" crossorigin />')


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("html-page-context", preload_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
