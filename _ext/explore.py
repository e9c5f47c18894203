"""The directive ``{explore}``: the interactive figure on a Markdown page, made when the site is built."""

from docutils import nodes
from docutils.parsers.rst import Directive

from d2lconv import explore


class Explore(Directive):
    """Put the figure of the classic example here, as HTML, or as plain text where HTML is not shown."""

    def run(self):
        figure = explore()
        return [nodes.raw("", figure._repr_html_(), format="html"),
                nodes.raw("", repr(figure), format="text")]


def setup(app):
    app.add_directive("explore", Explore)
    return {"parallel_read_safe": True}
