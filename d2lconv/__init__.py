"""How convolutions handle channels: the lesson in code.

>>> import torch, d2lconv as d2l
>>> X, K = torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2)
>>> d2l.corr2d_multi_in(torch.stack([X, X + 1]), torch.stack([K, K + 1]))
tensor([[ 56.,  72.],
        [104., 120.]])
"""

from d2lconv import loops, winograd
from d2lconv.arithmetic import explain
from d2lconv.conv import Conv2d, conv2d
from d2lconv.corr import corr2d, corr2d_multi_in, corr2d_multi_in_out, corr2d_multi_in_out_1x1
from d2lconv.cost import conv2d_cost
from d2lconv.exercises.questions import ask, practice
from d2lconv.explorer import explore
from d2lconv.figures import draw, draw_stacks, draw_weight
from d2lconv.runtime import default_device, exact_float32
from d2lconv.summary import summary
from d2lconv.validation import shapes

__all__ = [
    "Conv2d",
    "ask",
    "conv2d",
    "conv2d_cost",
    "corr2d",
    "corr2d_multi_in",
    "corr2d_multi_in_out",
    "corr2d_multi_in_out_1x1",
    "default_device",
    "draw",
    "draw_stacks",
    "draw_weight",
    "exact_float32",
    "explain",
    "explore",
    "loops",
    "practice",
    "shapes",
    "summary",
    "winograd",
]
