"""The whole layer: the contraction, with batch, bias, stride, padding, dilation and groups."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from d2lconv.runtime import autocast_dtype
from d2lconv.tiling import correlate_with_bias
from d2lconv.validation import IntOrPair, as_pair, check_bool, check_conv2d, check_int, depthwise_hint, resolve_padding


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: IntOrPair = 1,
           padding: IntOrPair | str = 0, dilation: IntOrPair = 1, groups: int = 1) -> Tensor:
    """Correlate a batch of images, or one image, with a stack of kernels.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``, where
    ``h_out = (h + top + bottom - dilation * (k_h - 1) - 1) // stride + 1``, and so for the width. The
    same without ``n``. ``stride``, ``padding`` (in pixels on each side) and ``dilation`` are integers
    or pairs (vertical, horizontal); ``padding`` may be ``"valid"`` (none) or ``"same"`` (with stride
    1, the output is as large as the input; an odd pixel is added at the bottom and at the right).

    Raises ``ValueError`` for a wrong shape or value, ``TypeError`` for a wrong or mixed dtype or
    device. int32 and int64 are exact but for overflow; half types are summed in float32. Under
    `torch.autocast` the arguments are cast, as torch casts them. Large images are worked on in tiles,
    to save memory, but not under `torch.compile`, `torch.export` and `torch.jit.trace`.

    >>> input = torch.arange(9.).reshape(1, 3, 3)
    >>> conv2d(input, torch.ones(1, 1, 3, 3), padding=1)
    tensor([[[ 8., 15., 12.],
             [21., 36., 27.],
             [20., 33., 24.]]])

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
    """
    tensors = input, weight, bias
    if has_torch_function(tensors):
        return handle_torch_function(conv2d, tensors, *tensors, stride, padding, dilation, groups)
    if isinstance(input, Tensor) and (dtype := autocast_dtype(input.device.type)):
        input, weight, bias = (autocast(tensor, dtype) for tensor in tensors)
    geometry = check_conv2d(input, weight, bias, stride, padding, dilation, groups)
    one_image = input.ndim == 3
    images = input.unsqueeze(0) if one_image else input
    Y = correlate_with_bias(images, weight, bias, geometry)
    if has_channels_last(images) or has_channels_last(weight):
        Y = Y.movedim(1, -1).contiguous()  # and not memory_format=, which vmap does not know
        Y = Y.movedim(-1, 1)
    return Y.squeeze(0) if one_image else Y


def autocast(tensor: Any, dtype: torch.dtype) -> Any:
    """Do what `torch.autocast` does with an argument: all floating types but float64 follow it."""
    followers = torch.float32, torch.float16, torch.bfloat16
    if isinstance(tensor, Tensor) and tensor.dtype in followers:
        return tensor.to(dtype)
    return tensor


def has_channels_last(tensor: Tensor) -> bool:
    """Tell whether the channels of a pixel are neighbours in memory, as in `torch.channels_last`."""
    return tensor.stride(1) == 1 and tensor.stride(3) > 1


class Conv2d(nn.Module):
    """A layer that holds its kernels and biases; its ``state_dict`` loads to and from ``torch.nn.Conv2d``.

    Shapes: ``weight (c_o, c_i / groups, k_h, k_w)``, ``bias (c_o,)``; input and output as `conv2d`.
    Weights and biases are drawn as torch draws them, evenly from ``+-1 / sqrt(c_i / groups * k_h * k_w)``.
    It is no subclass of ``torch.nn.Conv2d``: a function that asks ``isinstance``, as initialisers do, skips it.

    Raises ``ValueError`` for channel counts that ``groups`` does not divide and for a ``padding_mode``
    other than ``"zeros"``, and what `conv2d` raises.

    >>> layer = Conv2d(3, 5, kernel_size=2)
    >>> layer
    Conv2d(3, 5, kernel_size=(2, 2), stride=(1, 1))
    >>> layer.weight.shape, layer(torch.ones(3, 64, 64)).shape
    (torch.Size([5, 3, 2, 2]), torch.Size([5, 63, 63]))

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """

    bias: nn.Parameter | None

    def __init__(self, in_channels: int, out_channels: int, kernel_size: IntOrPair, stride: IntOrPair = 1,
                 padding: IntOrPair | str = 0, dilation: IntOrPair = 1, groups: int = 1, bias: bool = True,
                 padding_mode: str = "zeros", device: torch.device | str | None = None,
                 dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.in_channels = check_int("in_channels", in_channels, 1)
        self.out_channels = check_int("out_channels", out_channels, 1)
        self.kernel_size = as_pair("kernel_size", kernel_size, 1)
        self.stride = as_pair("stride", stride, 1)
        self.dilation = as_pair("dilation", dilation, 1)
        self.groups = check_int("groups", groups, 1)
        resolve_padding(padding, self.stride, self.dilation, self.kernel_size)  # raises if it makes no sense
        self.padding = padding if isinstance(padding, str) else as_pair("padding", padding, 0)
        self.padding_mode = padding_mode
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                hint = depthwise_hint(in_channels, out_channels, groups)
                raise ValueError(f"{name}={channels} must be divisible by groups={groups}.{hint}")
        if padding_mode != "zeros":
            raise ValueError(f'padding_mode must be "zeros", but is {padding_mode!r}: for another border, '
                             f'pad the images first with torch.nn.functional.pad, and take padding=0.')
        shape = self.out_channels, self.in_channels // self.groups, *self.kernel_size
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        if check_bool("bias", bias):
            self.bias = nn.Parameter(torch.empty(self.out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, from torch's global generator."""
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # evenly from +-1 / sqrt(c_i / groups * k_h * k_w)
        if self.bias is not None:
            bound = self.weight[0].numel() ** -0.5
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply `conv2d` with the layer's weight and bias."""
        return conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Show the arguments as torch does: the first four always, the others where they are unusual."""
        usual = {"kernel_size": None, "stride": None, "padding": (0, 0), "dilation": (1, 1), "groups": 1}
        shown = [f"{self.in_channels}, {self.out_channels}"]
        for name, value in usual.items():
            if getattr(self, name) != value:
                shown.append(f"{name}={getattr(self, name)}")
        if self.bias is None:
            shown.append("bias=False")
        return ", ".join(shown)
