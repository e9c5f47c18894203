"""What goes between a judge and a student's process: a line of JSON for a question, and one for its answer."""

import base64
import json
import numbers
import socket
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

LONGEST = 64 << 20  # bytes of one line
NAMED = {"ellipsis": ..., "dict": {}, "set": set()}  # what checkers and reprlib know by the name of its type


def encode(value: Any) -> bytes:
    """Write a value as a line; raise ``ValueError`` if it is too long for one."""
    return json.dumps(pack(value)).encode() + b"\n"


def receive(end: socket.socket, seconds: float) -> Any:
    """Return the next value; raise ``OSError`` or ``EOFError`` if none comes in time, or what `unpack` raises."""
    until, line = time.monotonic() + seconds, bytearray()
    while not line.endswith(b"\n"):
        end.settimeout(max(until - time.monotonic(), 0.001))
        part = end.recv(1 << 20)
        line += part
        if not part or len(line) > LONGEST or time.monotonic() > until:  # drop by drop is no answer, either
            raise EOFError
    return json.loads(line, object_hook=unpack)


def pack(value: Any) -> Any:
    """Make of a value what JSON can carry: tensors, arrays, numbers, strings; of anything else, its type's name.

    >>> pack((1, [True, None]))
    {'tuple': [1, [True, None]]}
    """
    if isinstance(value, list):
        return [pack(part) for part in value]
    if isinstance(value, tuple):
        return {"tuple": pack([*value])}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Real):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    if not hasattr(value, "__array__"):
        return {"other": type(value).__name__}
    tensor = torch.as_tensor(value).detach().cpu().to_dense().resolve_conj().resolve_neg().contiguous()
    if tensor.nbytes > LONGEST // 2:
        raise ValueError(f"the answer has {tensor.numel():,} numbers")
    text = base64.b64encode(tensor.reshape(-1).view(torch.uint8).numpy().tobytes()).decode()
    kind = "tensor" if isinstance(value, Tensor) else "array"
    return {kind: [str(tensor.dtype).removeprefix("torch."), [*tensor.shape], text]}


def unpack(packed: dict[str, Any]) -> Any:
    """Make again what JSON could not carry; what has another form is an error, and nothing of it ever runs.

    >>> unpack({"tuple": [1, [True, None]]})
    (1, [True, None])
    """
    ((kind, held),) = packed.items()
    if kind == "tuple":
        return tuple(held)
    if kind == "other":
        return NAMED.get(held, type(held, (), {})())
    name, shape, text = held
    raw = np.frombuffer(bytearray(base64.b64decode(text)), np.uint8)
    tensor = torch.from_numpy(raw).view(getattr(torch, name)).reshape(shape)
    return tensor.numpy() if kind == "array" else tensor
