"""Directives for Markdown pages, made when the site is built: ``{explore}``, the interactive figure, and
``{practice}``, the questions."""

from docutils import nodes
from docutils.parsers.rst import Directive

import d2lconv


class Shown(Directive):
    """Put what a function of the package returns here: as HTML, or as plain text where HTML is not shown."""

    def run(self):
        shown = getattr(d2lconv, self.name)()
        return [nodes.raw("", shown._repr_html_(), format="html"),
                nodes.raw("", repr(shown), format="text")]


def setup(app):
    for name in ("explore", "practice"):
        app.add_directive(name, Shown)
    return {"parallel_read_safe": True}
