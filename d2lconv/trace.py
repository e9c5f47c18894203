"""Run a network once, on a copy, and note every call of a layer.

A layer is a module whose `forward` is written in torch or here; all else is the network's own code. Hooks watch its
modules, and a mode of torch watches the operations that its own code calls. `Trace` is one such run, and `after` runs
the network again, as if somebody had typed a few lines before: so repairs are tried.
"""

import ast
import copy
import io
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

NOT_THE_USERS = torch.__file__.removesuffix("__init__.py"), __file__.removesuffix("trace.py")
VIEWS = "view", "reshape", "flatten", "squeeze"


@dataclass(eq=False)
class Call:
    """One call of a module: what it is given until it returns, its shapes, and the first tensors in and out, hollow."""

    name: str
    module: Any
    given: Any
    input: Tensor | None
    shapes: list[tuple[int, ...]]
    output: Tensor | None = None
    returned: bool = False


class Trace(TorchFunctionMode):
    """The calls of a network's layers, in order; and if it stops, the error, and the layer that refused."""

    def __init__(self, model: nn.Module, X: Any, lines: str = "", mends: int = 0) -> None:
        """Run a copy of a network on a copy of its input, after some lines of code.

        From ``mends=1`` on, a row is made where a view fails; from 2 on, also where it leaves the images mixed.
        """
        super().__init__()
        self.start = model, X
        self.lines = lines
        self.mends = mends
        self.model: Any = duplicate(model)
        self.X = tree_map_only(Tensor, torch.clone, X)
        self.mended: list[str] = []  # lines to write in the network's own code
        self.calls: list[Call] = []
        self.refused: Call | None = None  # the layer that runs; in the end, the one that did not return
        self.operation: tuple[str, list[Any]] = "", []  # the one that raised, and the shapes that it was given
        self.error: Exception | None = None
        self.moved = False  # whether a view or torch.cat has made another first axis
        self.result: Tensor | None = None
        try:
            result = self.run()
            self.result, self.returns_nothing = hollow(result), result is None
            self.refused = None
        except Exception as error:
            self.error = error
        self.mixed = self.mixing()

    def after(self, lines: str) -> "Trace":
        """Run the same network after more lines, in silence; mend its views, those that succeed only if that helps."""
        lines = f"{self.lines}\n{lines}".strip()
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = Trace(*self.start, lines, max(1, self.mends))
            if run.moved and not run.ok and run.mends == 1:
                run = max(run, Trace(*self.start, lines, 2), key=Trace.reached)
        return run

    def reached(self) -> tuple[bool, int]:
        """Return whether a run is as it should be, and how often a layer began and ended before images were mixed.

        Layers that a repair puts in the place of one count as one.
        """
        calls = self.calls
        if self.mixed:
            calls = calls[:calls.index(self.mixed[1])]
        given = dict(self.start[0].named_modules(remove_duplicate=False))
        places = groupby(calls, lambda call: call if call.name in given else call.name.rpartition(".")[0])
        ended = [all(call.returned for call in place) for _, place in places]
        return self.ok, len(ended) + sum(ended)

    def run(self) -> Any:
        """Type the lines, and call the network: a tuple holds several inputs, a dict named ones."""
        with torch.no_grad(), torch.random.fork_rng(range(torch.cuda.device_count())), ExitStack() as watch:
            names: dict[str, Any] = {"torch": torch, "nn": nn, "d2l": sys.modules[__package__]}
            names |= {"model": self.model, "X": self.X}
            exec(self.lines, names)
            self.model, self.X = model, X = names["model"], names["X"]
            for name, module in model.named_modules():
                if hasattr(module, "_orig_mod"):
                    watch.enter_context(torch.compiler.set_stance("force_eager"))
                enter = partial(self.enter, name)
                watch.enter_context(module.register_forward_pre_hook(enter, with_kwargs=True, prepend=True))
                watch.enter_context(module.register_forward_hook(self.leave))
            watch.enter_context(self)
            if isinstance(X, dict):
                return model(**X)
            return model(*X) if isinstance(X, tuple) else model(X)

    def enter(self, name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Note that a module begins, unless it is a part of the layer that runs."""
        if self.refused and module in [*self.refused.module.modules()][1:]:
            return
        given = [*args, *kwargs.values()]
        call = Call(name, module, given[0] if given else None, hollow(given), shapes(given))
        self.refused = call if is_layer(module) else None  # what raised before has been caught
        if self.refused or [*module.parameters(recurse=False)] or not [*module.children()]:
            self.calls.append(call)

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        """Note what a module returns."""
        call = next((call for call in reversed(self.calls) if call.module is module), None)
        if call:
            call.given, call.output, call.returned = None, hollow(output), True
        if call is self.refused:
            self.refused = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, watched = func.__name__, args and not self.refused
        compute = partial(self.mend, func) if watched and self.mends and name in VIEWS else func
        try:
            y = compute(*args, **(kwargs or {}))
        except Exception:
            self.operation = name, shapes(args)
            raise
        if watched and name in (*VIEWS, "cat"):
            self.moved |= shape_of(y)[:1] != shapes(args)[0][:1]
        return y

    def mend(self, func: Any, x: Tensor, *shape: Any, **kwargs: Any) -> Tensor:
        """Compute a view; if it cannot be had, or mixes images, note a better line, and compute that."""
        line = users_line(traceback.extract_stack())
        to_rows = x.ndim == 4 and len(tree_leaves(shape)) < 3
        try:
            y: Tensor = func(x, *shape, **kwargs)
        except Exception as error:
            if "not compatible" in str(error):
                self.mended.append(line.replace(".view(", ".reshape("))
                return x.reshape(*shape)
            if not to_rows:
                raise
        else:
            if self.mends < 2 or not to_rows or y.shape[:1] == x.shape[:1]:
                return y
        self.mended.append(flattened(line, func.__name__))
        return x.flatten(1)

    @property
    def stopped(self) -> Call | None:
        """The layer that refused, or the module without others in it whose own code did, or None."""
        if self.refused or not self.error or not self.calls:
            return self.refused
        last = self.calls[-1]
        return None if last.returned or [*last.module.children()] else last

    @property
    def ok(self) -> bool:
        """Whether the network ran to its end, and kept the images apart."""
        return self.error is None and self.mixed is None

    def mixing(self) -> tuple[Call, Call] | None:
        """Find the calls between which the network's own code has mixed the images of a batch."""
        if not self.moved:
            return None
        suspects = (1, 2, 4) if self.mends or self.error else (1, 2)  # numbers of axes
        batches = {shape[:1] for shape in shapes(self.X)}
        for n, (before, after) in enumerate(pairwise(self.calls), 2):
            images, x = shape_of(before.output), shape_of(after.input)
            later = [*(call.input for call in self.calls[n:]), self.result]
            kept_later = images[:1] in [shape_of(y)[:1] for y in later]
            apart = kept_later or x[:1] in {images[:1], *batches}
            if len(images) == 4 and len(x) in suspects and not apart:
                return before, after
        return None


def duplicate(model: nn.Module, memory: Callable[[Tensor], Tensor] = torch.detach) -> nn.Module:
    """Copy a network, but let the copy's parameters share their memory with the original's, or copy that, too."""
    twins: dict[int, Tensor] = {}
    for p in model.parameters():
        if not is_lazy(p):
            twins[id(p)] = nn.Parameter(memory(p.detach()), p.requires_grad)
    for buffer in model.buffers():
        if is_lazy(buffer):  # torch does not copy it
            kind: Any = type(buffer)
            twins[id(buffer)] = kind(device=buffer.device, dtype=buffer.dtype)
    for module in model.modules():
        for tensor in vars(module).values():
            if isinstance(tensor, Tensor) and tensor.grad_fn:  # nor this
                twins[id(tensor)] = memory(tensor.detach())
    return copy.deepcopy(model, twins)


def is_layer(module: nn.Module) -> bool:
    """Tell whether what a module computes is written in torch or here, and not by the modules in it."""
    forward = type(module).forward
    ours = forward.__module__.startswith(("torch.nn.modules.", "d2lconv."))
    return ours and forward is not nn.Module.forward and not isinstance(module, nn.Sequential)


def hollow(nest: Any) -> Tensor | None:
    """Find the first tensor in nested tuples, lists and dicts, and return one like it without memory."""
    tensor = next((leaf for leaf in tree_leaves(nest) if isinstance(leaf, Tensor)), None)
    return None if tensor is None else torch.empty_like(tensor, device="meta")


def shapes(nest: Any) -> list[tuple[int, ...]]:
    """List the shapes of the tensors in nested tuples, lists and dicts."""
    return [shape_of(leaf) for leaf in tree_leaves(nest) if isinstance(leaf, Tensor)]


def shape_of(tensor: Tensor | None) -> tuple[int, ...]:
    """Return the shape of a tensor, if there is one."""
    return () if tensor is None else tuple(tensor.shape)


def flattened(line: str, name: str) -> str:
    """Write a line with flatten(1) in place of the first method of this name; if it is not whole, say only that."""
    with suppress(SyntaxError, ValueError):
        calls: list[Any] = [node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call)]
        named = [call for call in calls if getattr(call.func, "attr", "") == name]
        call = min(named, key=attrgetter("end_col_offset"))
        old = str(ast.get_source_segment(line, call))
        if ast.unparse(call.func.value) == "torch":
            call.func.value = call.args[0]
        call.func.attr = "flatten"
        call.args, call.keywords = [ast.Constant(1)], []
        return line.replace(old, ast.unparse(call))
    return f".flatten(1) in place of {name}"


def users_line(frames: list[traceback.FrameSummary]) -> str:
    """Return the last line that is not torch's, nor ours, nor of another mode that watches torch's operations."""
    for frame in reversed(frames):
        if not (frame.filename.startswith(NOT_THE_USERS) or frame.name.startswith("__torch_")):
            return frame.line or ""
    return ""
