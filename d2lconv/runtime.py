"""Where to compute, and how exactly."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch


def default_device() -> torch.device:
    """Return the device to compute on: ``D2LCONV_DEVICE`` if set, else CUDA if present, else the CPU.

    Raises ``RuntimeError`` if ``D2LCONV_DEVICE`` names a device that is not available here.

    >>> torch.ones(1, device=default_device()).device == default_device()
    True

    Source: ``try_gpu`` of Dive into Deep Learning, section 6.7.
    """
    wanted = os.environ.get("D2LCONV_DEVICE")  # a tensor's own device has its index, too: cuda:0
    if not wanted:
        return torch.empty(0, device="cuda" if torch.cuda.is_available() else "cpu").device
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RuntimeError(f"D2LCONV_DEVICE asks for {wanted!r}, which is not available here: set it to cpu, "
                           f"or unset it. torch says: {str(error).splitlines()[0]}") from error


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Compute float32 in float32, in convolutions and matrix products; afterwards each switch is as before.

    On NVIDIA GPUs since 2020, torch lets cuDNN convolutions round float32 inputs to 11 binary digits (TF32), and
    after `torch.set_float32_matmul_precision` matrix products round, too, with ``"medium"`` on CPUs as well.
    Works as ``with exact_float32():`` and as the decorator ``@exact_float32()``. Inside, torch since 2.9 refuses
    the older names of the switch: `torch.backends.cudnn.allow_tf32`, and `torch.backends.cudnn.flags`, which reads it.

    >>> with exact_float32():
    ...     torch.ones(2, 2) @ torch.ones(2, 2)
    tensor([[2., 2.],
            [2., 2.]])

    Source: https://pytorch.org/docs/stable/notes/cuda.html
    """
    name, exact, places = switches()
    before = [getattr(place, name) for place in places]
    try:
        for place in places:
            setattr(place, name, exact)
        yield
    finally:
        for place, value in zip(places, before):
            setattr(place, name, value)


def switches() -> tuple[str, Any, tuple[Any, ...]]:
    """Return the name of torch's switch, its value for exact float32, and the places that have one.

    torch 2.9 renamed it, and raises when both names are used: we use the newer one that is there.
    """
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    if hasattr(cuda.matmul, "fp32_precision"):
        return "fp32_precision", "ieee", (cuda.matmul, cudnn.conv, mkldnn.matmul, mkldnn.conv)
    return "allow_tf32", False, (cuda.matmul, cudnn)


def autocast_dtype(device_type: str) -> torch.dtype | None:
    """Return the dtype that `torch.autocast` asks for on such a device, or None where it is switched off."""
    if not torch.amp.is_autocast_available(device_type) or not torch.is_autocast_enabled(device_type):
        return None
    return torch.get_autocast_dtype(device_type)


def autocast_off(device_type: str) -> contextlib.AbstractContextManager[object]:
    """Switch `torch.autocast` off, which would round factors; do nothing where it is off."""
    if autocast_dtype(device_type):
        return torch.autocast(device_type, enabled=False)
    return contextlib.nullcontext()
