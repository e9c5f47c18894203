"""Directives for Markdown pages, made when the site is built: ``{explore}``, the interactive figure, and
``{practice}``, the questions. ``{explore} photograph`` shows a photograph and four kernels."""

import matplotlib.pyplot as plt
import torch
from docutils import nodes
from docutils.parsers.rst import Directive
from matplotlib.cbook import get_sample_data
from torch.nn.functional import interpolate

import d2lconv

SOBEL = torch.tensor([[1., 0, -1], [2, 0, -2], [1, 0, -1]])
POINT = torch.tensor([[0., 0, 0], [0, 1, 0], [0, 0, 0]])


def photograph():
    """Make a colour photograph of 64x64 pixels from 0 to 255, and four kernels.

    They see vertical edges, red, red but not white, and the mean of all that the window shows.
    """
    pixels = torch.tensor(plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    square = pixels.movedim(-1, 0)[None, :, :512].float()
    X = interpolate(square, (64, 64), mode="area")[0].round()
    edges = SOBEL.expand(3, 3, 3)
    red = torch.stack([POINT, 0 * POINT, 0 * POINT])
    red_not_white = torch.stack([2 * POINT, -POINT, -POINT])
    mean = torch.full((3, 3, 3), 1 / 27)
    return X, torch.stack([edges, red, red_not_white, mean])


class Shown(Directive):
    """Put what a function of the package returns here: as HTML, or as plain text where HTML is not shown."""

    optional_arguments = 1

    def run(self):
        given = photograph() if self.arguments == ["photograph"] else ()
        shown = getattr(d2lconv, self.name)(*given)
        return [nodes.raw("", shown._repr_html_(), format="html"),
                nodes.raw("", repr(shown), format="text")]


def setup(app):
    for name in ("explore", "practice"):
        app.add_directive(name, Shown)
    return {"parallel_read_safe": True}
