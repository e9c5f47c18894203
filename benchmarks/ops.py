"""Measure the contraction against torch.nn.functional.conv2d: `make bench` prints and stores the table.

Everything is a ratio of times from one run: the two are called in turn, after warming up with the
real sizes, and the median over the rounds is taken. Absolute times depend on the machine, and on
what else it does.
"""

import argparse
import json
import math
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from d2lconv import conv2d, conv2d_cost, default_device, exact_float32, loops
from d2lconv.contraction import columns, dealt, strips, windows

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
    """Call functions in turn for so many seconds, at least 5 times; return the list of times of each.

    In every round the order is another: who comes second finds the image in the cache.
    """
    on_gpu = default_device().type == "cuda"
    for function in [*functions, *functions]:  # fresh memory and cold caches are nobody's fault
        function()
    times, end = [[] for _ in functions], time.perf_counter() + seconds
    while len(times[0]) < 5 or time.perf_counter() < end:
        for function, measured in random.sample([*zip(functions, times)], len(functions)):
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
    row = max(W[0, :, 0].numel(), len(K) * W.shape[3])
    matrices = K.reshape(groups, len(K) // groups, -1)
    filled = (columns(dealt(W[images, :, rows]), groups) for images, rows in strips(len(W), W.shape[2], row))
    ready = [(matrices.repeat(len(strip) // groups, 1, 1), strip) for strip in filled]
    ours, theirs, alone = take_turns([
        lambda: conv2d(X, K, None, stride, padding, 1, groups),
        lambda: torch.nn.functional.conv2d(X, K, None, stride, padding, 1, groups),
        lambda: [torch.bmm(*pair) for pair in ready]], seconds)
    return {"ratio": ratio(ours, theirs), "product": round(statistics.median(a / o for a, o in zip(alone, ours)), 2),
            "microseconds": [round(1e6 * statistics.median(times)) for times in (ours, theirs)]}


def backward(name, batch, seconds):
    """Compare the gradients with respect to image and weight, without the way forward."""
    (*_, stride, padding, groups), tensors_ = LAYERS[name], tensors(name, batch)
    X, K = (t.requires_grad_() for t in tensors_)
    outputs = [f(X, K, None, stride, padding, 1, groups) for f in (conv2d, torch.nn.functional.conv2d)]
    dY = torch.ones_like(outputs[0])
    ours, theirs = take_turns([lambda Y=Y: torch.autograd.grad(Y, (X, K), dY, retain_graph=True)
                               for Y in outputs], seconds)
    return {"ratio": ratio(ours, theirs)}


def listing(name, seconds):
    """Compare D2L's loops over pixels with torch; return None where they would not end in reasonable time."""
    (*_, stride, padding, groups), (X, K) = LAYERS[name], tensors(name, 1)
    X = torch.nn.functional.pad(X, [padding] * 4)
    steps = len(K) * X[0].numel()  # of Python, about
    if stride != 1 or groups != 1 or steps > 30_000:
        return None
    ours, theirs = take_turns([lambda: loops.corr2d_multi_in_out(X[0], K),
                               lambda: torch.nn.functional.conv2d(X, K)], seconds)
    return ratio(ours, theirs)["median"]


def extra_memory(name, enlarged=1):
    """Run a layer once, in a process of its own; return the MiB beyond input, weight and output."""
    if not Path("/proc/self/clear_refs").exists() or default_device().type != "cpu":
        return None
    line = subprocess.run([sys.executable, __file__, "--memory", name, str(enlarged)],
                          check=True, capture_output=True, text=True)
    return round(float(line.stdout), 1)


def measure_memory(name, enlarged):
    """Print by how much this process grew at most during one call, less the output."""
    def status(name):
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024

    (*_, stride, padding, groups), (X, K) = LAYERS[name], tensors(name, 1)
    conv2d(X, K, None, stride, padding, 1, groups)  # what the libraries need once
    X = X.repeat(1, 1, enlarged, enlarged)
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far, the parent's too
    before = status("VmRSS")
    Y = conv2d(X, K, None, stride, padding, 1, groups)
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
    record = {"environment": environment(), "layers": [], "forward": [], "backward": [], "memory": {}}
    torch.set_num_threads(1)  # the loops use no more, and two that meet at a small layer may wait long for each other
    print(f"{'layer':20} {'image':>15} {'weight':>18} stride loops / torch   extra MiB")
    for name, (image, weight, stride, *_) in LAYERS.items():
        row = {"layer": name, "image": image, "weight": weight, "stride": stride,
               "listing": listing(name, seconds), "memory": extra_memory(name)}
        record["layers"].append(row)
        print(f"{name:20} {'x'.join(map(str, image)):>15} {'x'.join(map(str, weight)):>18} {stride:6} "
              f"{row['listing'] or '':>13} {row['memory'] if row['memory'] is not None else '':>11}", flush=True)
    for count in threads:
        torch.set_num_threads(count)
        for batch in batches:
            print(f"\n{count} thread(s), batch {batch}, microseconds\n"
                  f"{'layer':20} {'ours':>8} {'torch':>8} {'ours / torch':>20} {'product alone':>14}")
            for name in LAYERS:
                with torch.no_grad():
                    row = {"layer": name, "threads": count, "batch": batch, **forward(name, batch, seconds)}
                record["forward"].append(row)
                (low, high), middle = row["ratio"]["quartiles"], row["ratio"]["median"]
                ours, theirs = row["microseconds"]
                print(f"{name:20} {ours:8} {theirs:8} {middle:6.2f} ({low:.2f} to {high:.2f}) {row['product']:>14.0%}",
                      flush=True)
            rows = [row for row in record["forward"] if (row["threads"], row["batch"]) == (count, batch)]
            print(f"geometric mean {mean(rows)}")
    print(f"\nbackward, {count} thread(s), batch 1")
    for name in LAYERS:
        record["backward"].append({"layer": name, **backward(name, 1, seconds)})
        print(f"{name:20} {record['backward'][-1]['ratio']['median']:6.2f}", flush=True)
    print(f"geometric mean {mean(record['backward'])}")
    for enlarged in (1, 2, 4, 8):
        side, extra = 224 * enlarged, extra_memory("VGG-16, 1.2", enlarged)
        if extra is not None:
            record["memory"][side] = extra
            print(f"extra memory, 64 -> 64 channels at {side}x{side}: {extra} MiB")
    record["exponents"] = exponents(seconds)
    print("exponents", record["exponents"])
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.3, help="for each layer and setting")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, torch.get_num_threads()}))
    parser.add_argument("--output", type=Path, default=RECORD)
    parser.add_argument("--memory", nargs=2, metavar=("LAYER", "ENLARGED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.memory[0], int(options.memory[1]))
    else:
        record = run(options.seconds, options.batches, options.threads)
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print("written to", options.output.name)
