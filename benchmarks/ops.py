"""Measure the contraction against torch.nn.functional.conv2d: `make bench` prints and stores the table.

Everything is a ratio of times from one run: the two are called in turn, after warming up with the
real sizes, and the median over the rounds is taken. Absolute times depend on the machine, and on
what else it does.
"""

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from d2lconv import conv2d, conv2d_cost, default_device, exact_float32, loops
from d2lconv.contraction import columns, multiply, strips, windows

RECORD = Path(__file__).resolve().parent.parent / "d2lconv" / "measured.json"
LAYERS = {  # name: image, weight, stride, padding, groups
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


def tensors(name, batch):
    """Draw the image and the weight of a layer, always the same."""
    (c_i, h, w), weight, *_ = LAYERS[name]
    g = torch.Generator("cpu").manual_seed(0)
    X, K = torch.randn(batch, c_i, h, w, generator=g), torch.randn(weight, generator=g)
    return X.to(default_device()), K.to(default_device())


def take_turns(functions, seconds):
    """Call functions in turn for so many seconds, at least 5 times; return the list of times of each."""
    on_gpu = default_device().type == "cuda"
    for function in [*functions, *functions]:  # fresh memory and cold caches are nobody's fault
        function()
    times, end = [[] for _ in functions], time.perf_counter() + seconds
    while len(times[0]) < 5 or time.perf_counter() < end:
        for function, measured in zip(functions, times):
            if on_gpu:
                torch.cuda.synchronize()
            start = time.perf_counter()
            function()
            if on_gpu:
                torch.cuda.synchronize()
            measured.append(time.perf_counter() - start)
    return times


def ratio(times, reference):
    """Return the median, and the quartiles, of the ratio in each round."""
    low, middle, high = statistics.quantiles([t / r for t, r in zip(times, reference)], n=4)
    return {"median": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}


def forward(name, batch, seconds):
    """Compare one layer without gradients, and find the share of the matrix product alone."""
    (*_, stride, padding, groups), (X, K) = LAYERS[name], tensors(name, batch)
    padded = torch.nn.functional.pad(X, [padding] * 4)
    W = windows(padded, K.shape[2:], (stride, stride))
    matrix = K.reshape(groups, len(K) // groups, -1)
    row = max(W[0, :, 0].numel(), len(K) * W.shape[3])
    ready = [columns(W[images, :, rows], groups) for images, rows in strips(len(W), W.shape[2], row)]
    ours, theirs, alone = take_turns([
        lambda: conv2d(X, K, None, stride, padding, 1, groups),
        lambda: torch.nn.functional.conv2d(X, K, None, stride, padding, 1, groups),
        lambda: [multiply(matrix, strip) for strip in ready]], seconds)
    share = statistics.median(a / o for a, o in zip(alone, ours))
    return {"ratio": ratio(ours, theirs), "product": round(share, 2), "microseconds": round(1e6 * min(theirs))}


def backward(name, batch, seconds):
    """Compare the gradients with respect to image and weight, without the way forward."""
    (*_, stride, padding, groups), tensors_ = LAYERS[name], tensors(name, batch)
    X, K = (t.requires_grad_() for t in tensors_)
    outputs = [f(X, K, None, stride, padding, 1, groups) for f in (conv2d, torch.nn.functional.conv2d)]
    dY = torch.ones_like(outputs[0])
    ours, theirs = take_turns([lambda Y=Y: torch.autograd.grad(Y, (X, K), dY, retain_graph=True)
                               for Y in outputs], seconds)
    return {"ratio": ratio(ours, theirs)}


def listing(name):
    """Compare the loops over pixels with torch, once, for a layer where they end in reasonable time."""
    X, K = tensors(name, 1)
    ours, theirs = take_turns([lambda: loops.corr2d_multi_in_out(X[0], K),
                               lambda: torch.nn.functional.conv2d(X, K)], 0)
    return ratio(ours, theirs)


def extra_memory(side):
    """Run 64 -> 64 channels, 3x3, in a process of its own; return the MiB beyond input, weight and output."""
    line = subprocess.run([sys.executable, __file__, "--memory", str(side)], check=True, capture_output=True, text=True)
    return float(line.stdout)


def measure_memory(side):
    """Print by how much this process grew at most during one call, less the output."""
    def status(name):
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024

    X, K = torch.randn(1, 64, side, side), torch.randn(64, 64, 3, 3)
    conv2d(X[:, :, :64, :64].clone(), K, padding=1)  # what the libraries need once
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far, the parent's too
    before = status("VmRSS")
    Y = conv2d(X, K, padding=1)
    print(status("VmHWM") - before - Y.numel() * Y.element_size() / 2**20)


def exponents(seconds):
    """Fit time ~ size ** exponent, for the pixels, the input and the output channels."""
    found = {}
    for axis, shapes in {
        "h*w": [((32, 2**n, 2**n), (32, 32, 3, 3)) for n in range(5, 10)],
        "c_i": [((2**n, 64, 64), (32, 2**n, 3, 3)) for n in range(4, 9)],
        "c_o": [((32, 64, 64), (2**n, 32, 3, 3)) for n in range(4, 10)],
    }.items():
        sizes, medians = [], []
        for image, weight in shapes:
            X, K = (torch.randn(shape, device=default_device()) for shape in (image, weight))
            sizes.append(math.log(conv2d_cost(image, weight, padding=1).macs))
            medians.append(math.log(statistics.median(take_turns([lambda: conv2d(X, K, padding=1)], seconds)[0])))  # noqa: B023
        found[axis] = round(statistics.linear_regression(sizes, medians).slope, 2)
    return found


def mean(rows, key="ratio"):
    """The geometric mean of the medians."""
    return round(statistics.geometric_mean(row[key]["median"] for row in rows), 3)


def environment():
    """What a ratio depends on besides the code."""
    on_gpu = default_device().type == "cuda"
    return {"device": torch.cuda.get_device_name() if on_gpu else platform.machine(),
            "system": platform.system(), "python": platform.python_version(), "torch": torch.__version__,
            "threads": torch.get_num_threads()}


@exact_float32()
def run(seconds, batches, threads):
    """Measure everything, print it as it comes, and return the record."""
    record = {"environment": environment(), "forward": [], "backward": [], "listing": {}, "memory": {}}
    for count in threads:
        torch.set_num_threads(count)
        for batch in batches:
            print(f"\n{count} thread(s), batch {batch}\n{'layer':20} {'ours / torch':>20} {'product alone':>14}")
            for name in LAYERS:
                with torch.no_grad():
                    row = {"layer": name, "threads": count, "batch": batch, **forward(name, batch, seconds)}
                record["forward"].append(row)
                (low, high), middle = row["ratio"]["quartiles"], row["ratio"]["median"]
                print(f"{name:20} {middle:6.2f} ({low:.2f} to {high:.2f}) {row['product']:>14.0%}", flush=True)
            rows = [row for row in record["forward"] if (row["threads"], row["batch"]) == (count, batch)]
            print(f"geometric mean {mean(rows)}")
    print(f"\nbackward, {count} thread(s), batch 1")
    for name in LAYERS:
        record["backward"].append({"layer": name, **backward(name, 1, seconds)})
        print(f"{name:20} {record['backward'][-1]['ratio']['median']:6.2f}", flush=True)
    print(f"geometric mean {mean(record['backward'])}")
    for name in ("classic, 2x2", "LeNet-5, 2"):
        record["listing"][name] = listing(name)
        print(f"loops over pixels, {name}: {record['listing'][name]['median']:.0f} times torch")
    if Path("/proc/self/clear_refs").exists() and default_device().type == "cpu":
        for side in (448, 896, 1792):
            record["memory"][side] = round(extra_memory(side), 1)
            print(f"extra memory, 64 -> 64 channels at {side}x{side}: {record['memory'][side]} MiB")
    record["exponents"] = exponents(seconds)
    print("exponents", record["exponents"])
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.3, help="for each layer and setting")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, torch.get_num_threads()}))
    parser.add_argument("--output", type=Path, default=RECORD)
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.memory)
    else:
        record = run(options.seconds, options.batches, options.threads)
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print("written to", options.output.name)
