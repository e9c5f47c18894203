"""Run a network once, on a copy, and note every call of a layer."""

import contextlib
import copy
import dataclasses
import io
import sys
import traceback
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CONTAINERS = nn.Sequential, nn.ModuleList, nn.ModuleDict
NOT_THE_USERS = Path(torch.__file__).parent, Path(__file__)


def run(model, X, repair=""):
    """Run a copy of a network on a copy of its input, after the lines of a repair, and return the `Trace`."""
    names = {"torch": torch, "nn": nn, "d2l": sys.modules[__package__]}
    names |= {"model": duplicate(model), "X": tree_map_only(Tensor, torch.clone, X)}
    trace = Trace()
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.random.fork_rng(devices=range(torch.cuda.device_count())))
        if any(hasattr(module, "_orig_mod") for module in model.modules()):  # torch.compile has made it
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if repair:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        try:
            exec(repair, names)
            trace.follow(names["model"], names["X"])
        except Exception as error:
            trace.error = error
    return trace


def duplicate(model):
    """Copy a network, but let the copy's parameters share their memory with the original's."""
    shared = {p: nn.Parameter(p.detach(), p.requires_grad) for p in model.parameters() if not is_lazy(p)}
    made = [t for module in model.modules() for t in vars(module).values() if isinstance(t, Tensor) and t.grad_fn]
    return copy.deepcopy(model, {id(t): twin for t, twin in shared.items()} | {id(t): t.detach() for t in made})


@dataclasses.dataclass
class Call:
    """One call of a module: what it is given, and the first tensor that goes in and comes out."""

    name: str
    module: nn.Module
    inside: bool  # of another layer
    given: Any
    input: Tensor | None
    output: Tensor | None = None


class Trace(TorchFunctionMode):
    """The calls of a network's modules, in order; and if it stops, the error and the operation that raised it."""

    def __init__(self):
        super().__init__()
        self.model = self.X = self.error = None
        self.calls, self.open, self.operation = [], [], ("", [])

    def follow(self, model, X):
        """Call a network as its input demands: a tuple holds several, a dict named ones."""
        self.model, self.X = model, X
        for name, module in model.named_modules():
            module.register_forward_pre_hook(partial(self.enter, name), with_kwargs=True, prepend=True)
            module.register_forward_hook(self.leave)
        with self:
            if isinstance(X, dict):
                model(**X)
            else:
                model(*X if isinstance(X, tuple) else (X,))

    def enter(self, name, module, args, kwargs):
        """Note that a module begins."""
        given = [*args, *kwargs.values()]
        inside = any(is_layer(call.module) for call in self.open)
        self.open.append(Call(name, module, inside, given[0] if given else None, first_tensor(given)))
        self.calls.append(self.open[-1])

    def leave(self, module, args, output):
        """Note that a module ends; of its tensors keep all but the memory."""
        call = self.open.pop()
        while call.module is not module:  # it raised, and the network caught that
            call = self.open.pop()
        call.given, call.input, call.output = None, hollow(call.input), hollow(first_tensor(output))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        try:
            return func(*args, **(kwargs or {}))
        except Exception:
            self.operation = func.__name__, [tuple(t.shape) for t in tree_leaves(args) if isinstance(t, Tensor)]
            raise

    @property
    def refused(self):
        """The call of the layer that refused; None if the network ran, or its own code refused."""
        return next((call for call in self.open if is_layer(call.module)), None)

    def layers(self):
        """List the calls of layers, and of other modules that hold parameters themselves."""
        return [call for call in self.calls if not call.inside
                and (is_layer(call.module) or [*call.module.parameters(recurse=False)])]

    def mixed(self):
        """Return the calls between which the network's own code has mixed the images of a batch, or None."""
        ran = [call for call in self.layers() if call.input is not None and call.output is not None]
        return next(((before, after) for before, after in pairwise(ran) if before.output.ndim == 4
                     and after.input.ndim == 2 and len(before.output) != len(after.input)), None)

    def line(self):
        """Return the last line that ran of code that is not torch's, or nothing."""
        frames = [frame for frame in traceback.extract_tb(self.error.__traceback__)
                  if frame.name not in ("__torch_function__", "__torch_dispatch__")  # of modes that watch the network
                  and not any(Path(frame.filename).is_relative_to(path) for path in NOT_THE_USERS)]
        return frames[-1].line if frames else ""


def is_layer(module):
    """Say whether a module computes something itself, rather than by the modules in it."""
    from_torch = type(module).__module__.startswith("torch.nn.") and not isinstance(module, CONTAINERS)
    return from_torch or not [*module.children()]


def first_tensor(nest):
    """Find the first tensor in nested tuples, lists and dicts."""
    return next((leaf for leaf in tree_leaves(nest) if isinstance(leaf, Tensor)), None)


def hollow(tensor):
    """Return a tensor of the same shape and dtype, without memory."""
    return None if tensor is None else torch.empty_like(tensor, device="meta")
