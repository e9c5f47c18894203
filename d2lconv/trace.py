"""Run a network once, on a copy, and note every call of a layer."""

import contextlib
import copy
import io
import re
import sys
import traceback
import warnings
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
VIEW = re.compile(r"(torch\.(flatten|reshape)\((?P<x>\w+)(?=[,)])|\.(view|reshape|flatten)\()([^()]|\([^()]*\))*\)")


@dataclass(eq=False)
class Call:
    """One call of a module: all that it is given, and the first tensors that go in and come out, without memory."""

    name: str
    module: Any
    given: Any
    input: Tensor | None
    output: Tensor | None = None


class Trace(TorchFunctionMode):
    """The calls of a network's layers, in order; and if it stops, the error and the operation that raised it."""

    def __init__(self, model: nn.Module, X: Any, lines: str = "", trial: bool = False) -> None:
        """Run a copy of a network on a copy of its input, after some lines of code.

        A trial is silent, and a view that mixes the images of a batch makes a row of each instead.
        """
        super().__init__()
        self.model: Any = duplicate(model)
        self.X = tree_map_only(Tensor, torch.clone, X)
        self.trial = trial
        self.mended: list[str] = []  # lines to write in the network's own code
        self.calls: list[Call] = []
        self.open: list[Call] = []
        self.operation: tuple[str, Any] = "", ()
        self.error: Exception | None = None
        compiled = any(hasattr(module, "_orig_mod") for module in model.modules())
        eager = torch.compiler.set_stance("force_eager") if compiled else contextlib.nullcontext()
        quiet = contextlib.redirect_stdout(io.StringIO() if trial else sys.stdout)
        with torch.no_grad(), torch.random.fork_rng(range(torch.cuda.device_count())), warnings.catch_warnings():
            if trial:
                warnings.simplefilter("ignore")
            with eager, quiet:
                self.follow(lines)

    def follow(self, lines: str) -> None:
        """Run the lines, and the network: a tuple holds several inputs, a dict named ones."""
        names: dict[str, Any] = {"torch": torch, "nn": nn, "d2l": sys.modules[__package__]}
        names |= {"model": self.model, "X": self.X}
        try:
            exec(lines, names)
            self.model, self.X = model, X = names["model"], names["X"]
            for name, module in model.named_modules():
                module.register_forward_pre_hook(partial(self.enter, name), with_kwargs=True, prepend=True)
                module.register_forward_hook(self.leave)
            with self:
                if isinstance(X, dict):
                    model(**X)
                else:
                    model(*X if isinstance(X, tuple) else (X,))
        except Exception as error:
            self.error = error

    def enter(self, name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Note that a module begins; those that another layer holds do not count."""
        given = [*args, *kwargs.values()]
        call = Call(name, module, given[0] if given else None, hollow(given))
        if not self.refused and (is_layer(module) or [*module.parameters(recurse=False)]):
            self.calls.append(call)
        self.open.append(call)

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        """Note that a module ends."""
        call = self.open.pop()
        while call.module is not module:  # it raised, and the network caught that
            call = self.open.pop()
        call.given, call.output = None, hollow(output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own = not self.refused or not known(self.refused.module)
        view = self.trial and own and args and func.__name__ in ("view", "reshape", "flatten")
        rows = view and args[0].ndim == 4 and len(tree_leaves(args[1:])) < 3
        try:
            y = func(*args, **(kwargs or {}))
            if not rows or y.ndim > 2 or len(y) == len(args[0]):
                return y
        except Exception as error:
            self.operation = func.__name__, args
            if view and "not compatible" in str(error):
                line = users_line(traceback.extract_stack())
                self.mended.append(line.replace(".view(", ".reshape("))
                return args[0].reshape(*args[1:])
            if not rows:
                raise
        line = users_line(traceback.extract_stack())
        self.mended.append(VIEW.sub(r"\g<x>.flatten(1)", line))
        return args[0].flatten(1)

    @property
    def refused(self) -> Call | None:
        """The call of the layer that has begun and not ended; None if all have, or the network's own code refused."""
        layers = (call for call in self.open if is_layer(call.module))
        return next((call for call in layers if call.name or known(call.module)), None)

    def times(self, module: nn.Module) -> int:
        """Count the calls of a layer."""
        return sum(call.module is module for call in self.calls)

    def mixed(self) -> tuple[Call, Call] | None:
        """Return the calls between which the network's own code has mixed the images of a batch, or None."""
        suspects = (1, 2, 4) if self.trial or self.error else (1, 2)  # numbers of axes
        for before, after in pairwise(self.calls):
            images, x = size(before.output), size(after.input)
            if len(images) == 4 and len(x) in suspects and images[0] != x[0]:
                return before, after
        return None

    def reached(self) -> int:
        """Count how often a layer was begun and ended, up to one that got mixed images."""
        mixed = self.mixed()
        calls = self.calls[:self.calls.index(mixed[1])] if mixed else self.calls
        return len(calls) + sum(call.output is not None for call in calls)


def duplicate(model: nn.Module) -> nn.Module:
    """Copy a network, but let the copy's parameters share their memory with the original's."""
    shared = {p: nn.Parameter(p.detach(), p.requires_grad) for p in model.parameters() if not is_lazy(p)}
    made = [t for module in model.modules() for t in vars(module).values() if isinstance(t, Tensor) and t.grad_fn]
    return copy.deepcopy(model, {id(t): twin for t, twin in shared.items()} | {id(t): t.detach() for t in made})


def known(module: nn.Module) -> bool:
    """Tell whether a module is torch's or ours."""
    return type(module).__module__.startswith(("torch.nn.", "d2lconv."))


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
    lines = [frame.line or "" for frame in frames if not frame.name.startswith("__torch_")
             and not any(Path(frame.filename).is_relative_to(path) for path in NOT_THE_USERS)]
    return lines[-1] if lines else ""
