"""Measure the layer against torch and others: `make bench` prints the tables and stores the record.

Everything is a ratio of times from one run: the candidates are called in turn, in an order that is
drawn anew in every round, after warming up with the real sizes; the median over the rounds is kept.
Each number of threads has a process of its own, which may use so many cores and no more. Absolute
times depend on the machine, and on what else it does.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import pad

from d2lconv import conv2d, conv2d_cost, default_device, exact_float32, loops, winograd
from d2lconv.contraction import is_depthwise

RECORD = Path(__file__).resolve().parent.parent / "d2lconv" / "measured.json"
OUTLIER = ("VGG-16, 1.1", 16, 1)  # layer, images, threads: torch copies 2 * 205 MB of fresh memory there
COPIES = 2**29  # bytes of windows; candidates that would copy more are left out
GEOMETRY = ("image", "weight", "stride", "padding", "groups")
LAYERS = {
    "classic, 2x2": ((2, 3, 3), (3, 2, 2, 2), 1, 0, 1),
    "classic, 1x1": ((3, 3, 3), (2, 3, 1, 1), 1, 0, 1),
    "LeNet-5, 1": ((1, 28, 28), (6, 1, 5, 5), 1, 2, 1),
    "LeNet-5, 2": ((6, 14, 14), (16, 6, 5, 5), 1, 0, 1),
    "AlexNet, 1": ((3, 224, 224), (96, 3, 11, 11), 4, 1, 1),
    "AlexNet, 2": ((96, 26, 26), (256, 96, 5, 5), 1, 2, 1),
    "AlexNet, 3": ((256, 12, 12), (384, 256, 3, 3), 1, 1, 1),
    "VGG-16, 1.1": ((3, 224, 224), (64, 3, 3, 3), 1, 1, 1),
    "VGG-16, 1.2": ((64, 224, 224), (64, 64, 3, 3), 1, 1, 1),
    "VGG-16, 2.1": ((64, 112, 112), (128, 64, 3, 3), 1, 1, 1),
    "VGG-16, 3.1": ((128, 56, 56), (256, 128, 3, 3), 1, 1, 1),
    "VGG-16, 4.1": ((256, 28, 28), (512, 256, 3, 3), 1, 1, 1),
    "VGG-16, 5.1": ((512, 14, 14), (512, 512, 3, 3), 1, 1, 1),
    "ResNet-50, 7x7": ((3, 224, 224), (64, 3, 7, 7), 2, 3, 1),
    "ResNet-50, 2 in": ((256, 56, 56), (64, 256, 1, 1), 1, 0, 1),
    "ResNet-50, 2 mid": ((64, 56, 56), (64, 64, 3, 3), 1, 1, 1),
    "ResNet-50, 2 out": ((64, 56, 56), (256, 64, 1, 1), 1, 0, 1),
    "ResNet-50, 3 mid": ((128, 56, 56), (128, 128, 3, 3), 2, 1, 1),
    "ResNet-50, 3 way": ((256, 56, 56), (512, 256, 1, 1), 2, 0, 1),
    "ResNet-50, 4 in": ((1024, 14, 14), (256, 1024, 1, 1), 1, 0, 1),
    "ResNet-50, 5 mid": ((512, 7, 7), (512, 512, 3, 3), 1, 1, 1),
    "forum, 1": ((3, 150, 150), (16, 3, 3, 3), 1, 0, 1),
    "forum, 2": ((16, 74, 74), (32, 16, 3, 3), 1, 0, 1),
    "forum, 3": ((32, 36, 36), (64, 32, 3, 3), 1, 0, 1),
    "MobileNet, 1 deep": ((32, 112, 112), (32, 1, 3, 3), 1, 1, 32),
    "MobileNet, 1 point": ((32, 112, 112), (64, 32, 1, 1), 1, 0, 1),
    "MobileNet, 2 deep": ((64, 112, 112), (64, 1, 3, 3), 2, 1, 64),
    "MobileNet, 7 deep": ((512, 14, 14), (512, 1, 3, 3), 1, 1, 512),
    "MobileNet, 7 point": ((512, 14, 14), (512, 512, 1, 1), 1, 0, 1),
    "ResNeXt-50, 2 mid": ((128, 56, 56), (128, 4, 3, 3), 1, 1, 32),
}


def drawn(name, batch):
    """Draw the images and the weight of a layer, always the same."""
    (c_i, h, w), weight, *_ = LAYERS[name]
    g = torch.Generator("cpu").manual_seed(0)
    X, K = torch.randn(batch, c_i, h, w, generator=g), torch.randn(weight, generator=g)
    return X.to(default_device()), K.to(default_device())


def two_lines(X, K, stride, padding, groups):
    """What one writes without a library: windows as a view, and one contraction."""
    W = pad(X, [padding] * 4).unfold(2, K.shape[2], stride).unfold(3, K.shape[3], stride)
    if groups == 1:
        return torch.tensordot(K, W, dims=([1, 2, 3], [1, 4, 5])).transpose(0, 1)
    W, K = W.unflatten(1, (groups, -1)), K.unflatten(0, (groups, -1))
    return torch.einsum("ngcijab,gocab->ngoij", W, K).flatten(1, 2)


def numpy_two_lines(X, K, stride, padding):
    """The same in NumPy."""
    X = np.pad(X, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    W = np.lib.stride_tricks.sliding_window_view(X, K.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.tensordot(K, W, axes=([1, 2, 3], [1, 4, 5])).swapaxes(0, 1)


def jax_compiled(X, K, stride, padding, groups):
    """JAX's own convolution, compiled: return a function without arguments that waits for the result."""
    import jax
    convolution = jax.jit(lambda X, K: jax.lax.conv_general_dilated(
        X, K, (stride, stride), [(padding, padding)] * 2, feature_group_count=groups))
    X, K = jax.numpy.asarray(X), jax.numpy.asarray(K)
    return lambda: convolution(X, K).block_until_ready()


def candidates(name, batch):
    """Name the functions that compute a layer, and what is measured beside them."""
    (image, weight, stride, padding, groups), (X, K) = LAYERS[name], drawn(name, batch)
    c_o, c_k, k_h, k_w = weight
    plain, cost = stride == groups == 1, conv2d_cost((batch, *image), weight, False, stride, padding, 1, groups)
    numbers, places = c_k * k_h * k_w, math.prod(cost.output_shape[2:])
    found = {"torch": lambda: torch.nn.functional.conv2d(X, K, None, stride, padding, 1, groups),
             "ours": lambda: conv2d(X, K, None, stride, padding, 1, groups)}
    if 4 * batch * groups * numbers * places < COPIES:
        found["two lines"] = lambda: two_lines(X, K, stride, padding, groups)
    if batch > 1:
        return found
    if not is_depthwise(image[0], c_o, groups):  # the matrix product alone, on matrices of these sizes
        rows, columns = torch.randn(groups, c_o // groups, numbers).to(X), torch.randn(groups, numbers, places).to(X)
        found["product"] = lambda: torch.bmm(rows, columns)
    if plain and (k_h, k_w) == (3, 3):
        padded = pad(X[0], [padding] * 4)
        if winograd.tile_size(padded, K) > 1:  # elsewhere it goes the ordinary way
            found["winograd"] = lambda: winograd.corr2d_multi_in_out_3x3(pad(X[0], [padding] * 4), K)
    if plain and c_o * math.prod(image) < 30_000:  # where loops end in reasonable time
        found["listing"] = lambda: loops.corr2d_multi_in_out(pad(X[0], [padding] * 4), K)
    if default_device().type == "cpu":
        if groups == 1:
            found["numpy"] = lambda: numpy_two_lines(X.numpy(), K.numpy(), stride, padding)
        if importlib.util.find_spec("jax"):
            found["jax"] = jax_compiled(X.numpy(), K.numpy(), stride, padding, groups)
    return found


def backward(name):
    """Name the two ways back: the gradients of image and weight, without the way forward."""
    (*_, stride, padding, groups), (X, K) = LAYERS[name], drawn(name, 1)
    X.requires_grad_(), K.requires_grad_()

    def back(convolution):
        Y = convolution(X, K, None, stride, padding, 1, groups)
        dY = torch.ones_like(Y)
        return lambda: torch.autograd.grad(Y, (X, K), dY, retain_graph=True)

    return {"torch": back(torch.nn.functional.conv2d), "ours": back(conv2d)}


def take_turns(functions, seconds):
    """Call the functions in turn for so many seconds, at least 5 times; return the times of each."""
    wait = torch.cuda.synchronize if default_device().type == "cuda" else lambda: None
    for function in [*functions.values()] * 2:  # fresh memory and cold caches are nobody's fault
        function()
    times, end = {name: [] for name in functions}, time.perf_counter() + seconds
    while len(times["torch"]) < 5 or time.perf_counter() < end:
        for name in random.sample([*functions], len(functions)):
            wait()
            start = time.perf_counter()
            functions[name]()
            wait()
            times[name].append(time.perf_counter() - start)
    return times


def compare(functions, seconds):
    """Return torch's median time, and the quartiles of every candidate's ratio to it, round by round."""
    times, found = take_turns(functions, seconds), {}
    reference = times.pop("torch")
    for name, measured in times.items():
        low, middle, high = statistics.quantiles([t / r for t, r in zip(measured, reference)], n=4)
        found[name] = {"median": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}
    return {"microseconds": round(1e6 * statistics.median(reference), 1), "ratio": found}


@exact_float32()
def measure(threads, batches, layers, seconds):
    """Measure every layer on so many threads, both ways, printing as it goes."""
    rows = []
    for kind, batch in [*(("forward", batch) for batch in batches), ("backward", 1)]:
        print(f"\n{kind}, {batch} image(s), {threads} thread(s): torch's microseconds, and multiples of them")
        for name in layers:
            with torch.set_grad_enabled(kind == "backward"):
                found = compare(backward(name) if kind == "backward" else candidates(name, batch), seconds)
            rows.append({"kind": kind, "layer": name, "threads": threads, "batch": batch, **found})
            others = "  ".join(f"{other} {ratio['median']:.2f}" for other, ratio in found["ratio"].items())
            print(f"{name:20}{found['microseconds']:>11.1f}  {others}", flush=True)
        same = [row for row in rows if (row["kind"], row["batch"]) == (kind, batch)]
        for other in sorted({name for row in same for name in row["ratio"]}):
            both = [row for row in same if other in row["ratio"]]
            print(f"geometric mean of {other} over {len(both)} layers {mean(both, other)}, of ours {mean(both)}")
        usual = [row for row in same if (row["layer"], batch, threads) != OUTLIER]
        if 0 < len(usual) < len(same):
            print(f"geometric mean of ours without {OUTLIER[0]}, where torch is slow: {mean(usual)}")
    return rows


def mean(rows, name="ours"):
    """The geometric mean of a candidate's ratios."""
    return round(statistics.geometric_mean(row["ratio"][name]["median"] for row in rows), 3)


def extra_memory(side):
    """Return by how many MiB a layer of 64 channels makes a process grow, beyond image, weight and output."""
    def status(name):
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024

    X, K = torch.randn(1, 64, 28, 28), torch.randn(64, 64, 3, 3)
    conv2d(X, K, padding=1)  # what the libraries need once
    X = X.repeat(1, 1, side // 28, side // 28)
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far
    before = status("VmRSS")
    Y = conv2d(X, K, padding=1)
    return round(status("VmHWM") - before - Y.nbytes / 2**20, 1)


def environment():
    """What a ratio depends on besides the code."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    caches = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    read = [[(cache / part).read_text().strip() for part in ("level", "type", "size")] for cache in caches]
    on_gpu = default_device().type == "cuda"
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "jax")
                if importlib.util.find_spec(name)}
    return {"processor": named[0] if named else platform.processor(), "cores": os.cpu_count(),
            "caches": {f"L{level} {kind.lower()}": size for level, kind, size in read},
            "device": torch.cuda.get_device_name() if on_gpu else "cpu", "system": platform.system(),
            "python": platform.python_version(), **versions}


def on_cores(threads, *options):
    """Run this file in a process of its own, on so many cores; return what it printed last, and show the rest."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    limits["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"  # JAX has no other way
    command = [sys.executable, __file__, "--worker", str(threads), *map(str, options)]
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | limits) as worker:
        for line in worker.stdout:
            print(last, end="", flush=True)
            last = line
    return json.loads(last) if worker.returncode == 0 else sys.exit(worker.returncode)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.4, help="for each layer and setting")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, torch.get_num_threads()}))
    parser.add_argument("--layers", default="", help="only those whose name contains this; nothing is stored then")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = [name for name in LAYERS if options.layers in name]
    if options.worker:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.worker])
        torch.set_num_threads(options.worker)
        result = (extra_memory(options.memory) if options.memory
                  else measure(options.worker, options.batches, chosen, options.seconds))
        print(json.dumps(result))
        return
    common = ("--seconds", options.seconds, "--batches", *options.batches, "--layers", options.layers)
    rows = [row for threads in options.threads for row in on_cores(threads, *common)]
    if options.layers:
        return
    layers = [{"layer": name, **dict(zip(GEOMETRY, LAYERS[name]))} for name in LAYERS]
    record = {"environment": environment(), "layers": layers, "rows": rows,
              "memory": {side: on_cores(1, "--memory", side) for side in (224, 448, 896, 1792)}}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("MiB beyond image and output, for 64 channels at each size:", record["memory"])


if __name__ == "__main__":
    main()
