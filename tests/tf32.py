"""TF32 without the GPU that has it: a convolution loses what NVIDIA's tensor cores do not take of its factors."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from d2lconv import runtime


def ten_bits(tensor):
    """Round to ten binary digits behind the leading one, as TF32 does."""
    mantissa, exponent = torch.frexp(tensor)
    return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)


def allowed():
    """Tell whether torch's switch lets convolutions take TF32; it does, as torch comes."""
    name, exact, (_, convolutions, *_) = runtime.switches()
    return getattr(convolutions, name) != exact


class TF32(TorchDispatchMode):
    """Round the float32 factors of torch's convolutions, where that is allowed."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.convolution.default and args[0].dtype == torch.float32 and allowed():
            args = (*map(ten_bits, args[:2]), *args[2:])
        return function(*args, **kwargs or {})
