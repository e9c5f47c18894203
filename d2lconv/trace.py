"""Run a network once, on a copy, and note every call of a layer."""

import contextlib
import copy
import io
import re
import sys
import traceback
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
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
VIEWS = "view", "reshape", "flatten"


@dataclass(eq=False)
class Call:
    """One call of a module: what it is given, and the first tensors that go in and come out, without memory."""

    name: str
    module: Any
    given: Any
    input: Tensor | None
    output: Tensor | None = None


class Trace(TorchFunctionMode):
    """The calls of a network's layers, in order; and if it stops, the error and the operation that raised it."""

    def __init__(self, model: nn.Module, X: Any, lines: str = "", trial: Collection[str] = ()) -> None:
        """Run a copy of a network on a copy of its input, after some lines of code.

        A trial is silent, and where one of its views mixes the images of a batch, it makes a row of each instead.
        """
        super().__init__()
        self.model: Any = duplicate(model)
        self.X = tree_map_only(Tensor, torch.clone, X)
        self.trial = trial
        self.mended: list[str] = []  # lines to write in the network's own code
        self.calls: list[Call] = []
        self.open: list[Call] = []
        self.operation: tuple[str, Any] = "", ()
        self.returns_nothing = False
        self.error: Exception | None = None
        with undisturbed(model, silent=bool(trial)):
            try:
                self.follow(lines)
            except Exception as error:
                self.error = error

    def follow(self, lines: str) -> None:
        """Run the lines, and the network: a tuple holds several inputs, a dict named ones."""
        names: dict[str, Any] = {"torch": torch, "nn": nn, "d2l": sys.modules[__package__]}
        names |= {"model": self.model, "X": self.X}
        exec(lines, names)
        self.model, self.X = model, X = names["model"], names["X"]
        hooks = []
        for name, module in model.named_modules():
            enter = partial(self.enter, name)
            hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True, prepend=True))
            hooks.append(module.register_forward_hook(self.leave))
        try:
            with self:
                output = model(**X) if isinstance(X, dict) else model(*X) if isinstance(X, tuple) else model(X)
            self.returns_nothing = output is None
        finally:
            for hook in hooks:  # whoever looks at a parametrized weight calls modules, too
                hook.remove()

    def enter(self, name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Note that a module begins; those that another layer holds do not count."""
        given = [*args, *kwargs.values()]
        call = Call(name, module, given[0] if given else None, hollow(given))
        last = self.refused
        if last and known(last.module) and module not in {*last.module.modules()}:
            del self.open[self.open.index(last):]  # it raised, and the network caught that
        if not self.refused and (is_layer(module) or [*module.parameters(recurse=False)]):
            self.calls.append(call)
        self.open.append(call)

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        """Note that a module ends."""
        call = self.open.pop()
        while call.module is not module:  # as above, and no other layer has begun since
            call = self.open.pop()
        call.given, call.output = None, hollow(output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own_code = not self.refused or not known(self.refused.module)
        try:
            if own_code and args and func.__name__ in self.trial:
                return self.view(func, args, kwargs or {})
            return func(*args, **(kwargs or {}))
        except Exception:
            self.operation = func.__name__, args
            raise

    def view(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Compute a view; if it mixes images, or cannot be had, note the line, and return a row of each image."""
        x, *shape = args
        line = users_line(traceback.extract_stack())
        to_rows = x.ndim == 4 and len(tree_leaves(shape)) < 3
        try:
            y = func(*args, **kwargs)
            if not to_rows or y.ndim > 2 or y.shape[:1] == x.shape[:1]:
                return y
        except Exception as error:
            if "not compatible" in str(error):
                self.mended.append(line.replace(".view(", ".reshape("))
                return x.reshape(*shape)
            if not to_rows:
                raise
        call = rf"(torch\.{func.__name__}\((?P<x>\w+)(?=[,)])|\.{func.__name__}\()([^()]|\([^()]*\))*\)"
        self.mended.append(re.sub(call, r"\g<x>.flatten(1)", line, count=1))
        return x.flatten(1)

    @property
    def refused(self) -> Call | None:
        """The call of the layer that has begun and not ended; None if all have, or the network's own code refused."""
        layers = (call for call in self.open if is_layer(call.module))
        return next((call for call in layers if call.name or known(call.module)), None)

    @property
    def mixed(self) -> tuple[Call, Call] | None:
        """The calls between which the network's own code has mixed the images of a batch, or None."""
        suspects = (1, 2, 4) if self.trial or self.error else (1, 2)  # numbers of axes
        for before, after in pairwise(self.calls):
            images, x = size(before.output), size(after.input)
            if len(images) == 4 and len(x) in suspects and images[0] != x[0]:
                return before, after
        return None

    @property
    def ok(self) -> bool:
        """Whether the network ran to its end, and kept the images apart."""
        return self.error is None and self.mixed is None

    @property
    def reached(self) -> int:
        """How often a layer was begun and ended, up to one that got mixed images."""
        calls = self.calls[:self.calls.index(self.mixed[1])] if self.mixed else self.calls
        return len(calls) + sum(call.output is not None for call in calls)

    def times(self, module: nn.Module) -> int:
        """Count the calls of a layer."""
        return sum(call.module is module for call in self.calls)


@contextlib.contextmanager
def undisturbed(model: nn.Module, silent: bool) -> Iterator[None]:
    """Let a network run uncompiled and without gradients, and put the random generators back."""
    compiled = any(hasattr(module, "_orig_mod") for module in model.modules())
    eager = torch.compiler.set_stance("force_eager") if compiled else contextlib.nullcontext()
    quiet = contextlib.redirect_stdout(io.StringIO()) if silent else contextlib.nullcontext()
    devices = range(torch.cuda.device_count())
    with torch.no_grad(), torch.random.fork_rng(devices), warnings.catch_warnings(), eager, quiet:
        if silent:
            warnings.simplefilter("ignore")
        yield


def duplicate(model: nn.Module) -> nn.Module:
    """Copy a network, but let the copy's parameters share their memory with the original's."""
    parameters = [p for p in model.parameters() if not is_lazy(p)]
    twins: dict[int, Tensor] = {id(p): nn.Parameter(p.detach(), p.requires_grad) for p in parameters}
    for module in model.modules():
        computed = [t for t in vars(module).values() if isinstance(t, Tensor) and t.grad_fn]
        twins |= {id(t): t.detach() for t in computed}  # torch does not copy them
    return copy.deepcopy(model, twins)


def known(module: nn.Module) -> bool:
    """Tell whether what a module computes is written in torch or here."""
    forward = type(module).forward
    return forward is not nn.Module.forward and forward.__module__.startswith(("torch.nn.", "d2lconv."))


def is_layer(module: nn.Module) -> bool:
    """Tell whether a module computes something itself, rather than by the modules in it."""
    return (known(module) and not isinstance(module, CONTAINERS)) or not [*module.children()]


def hollow(nest: Any) -> Tensor | None:
    """Find the first tensor in nested tuples, lists and dicts, and return one like it without memory."""
    tensor = next((leaf for leaf in tree_leaves(nest) if isinstance(leaf, Tensor)), None)
    return None if tensor is None else torch.empty_like(tensor, device="meta")


def size(tensor: Tensor | None) -> tuple[int, ...]:
    """Return the shape of a tensor, if there is one."""
    return () if tensor is None else tuple(tensor.shape)


def users_line(frames: list[traceback.FrameSummary]) -> str:
    """Return the last line that is not torch's, nor of a mode that watches the network."""
    for frame in reversed(frames):
        of_torch = any(Path(frame.filename).is_relative_to(path) for path in NOT_THE_USERS)
        if not of_torch and not frame.name.startswith("__torch_"):
            return frame.line or ""
    return ""
