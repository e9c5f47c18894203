"""`make bench` compares programs that do the same, and its record says what was measured where."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
BENCH = runpy.run_path(str(ROOT / "benchmarks" / "ops.py"))
RECORD = json.loads((ROOT / "d2lconv" / "measured.json").read_text(encoding="utf-8"))
LAYERS = {  # one of each kind, and who takes part
    "LeNet-5, 2": {"torch", "ours", "two lines", "numpy", "jax", "product", "listing"},
    "ResNet-50, 2 mid": {"torch", "ours", "two lines", "numpy", "jax", "product", "winograd"},
    "ResNet-50, 3 way": {"torch", "ours", "two lines", "numpy", "jax", "product"},
    "MobileNet, 7 deep": {"torch", "ours", "two lines", "jax"}}


@pytest.mark.peers
@pytest.mark.parametrize("layer", LAYERS)
def test_all_who_take_turns_compute_the_same(layer):
    found = BENCH["candidates"](layer, 1)
    assert set(found) == LAYERS[layer]
    expected = found["torch"]()
    for name in set(found) - {"torch", "product"}:
        Y = found[name]()
        Y = Y if isinstance(Y, torch.Tensor) else torch.from_numpy(np.array(Y))
        Y = Y.reshape(expected.shape)
        assert (Y - expected).norm() < 1e-4 * expected.norm(), name


def test_every_candidate_gets_its_turn_in_every_round():
    calls = []
    times = BENCH["take_turns"]({"torch": lambda: calls.append("torch"), "ours": lambda: calls.append("ours")}, 0)
    assert {name: len(measured) for name, measured in times.items()} == {"torch": 5, "ours": 5}
    assert calls.count("torch") == calls.count("ours") == 7  # two rounds warm up
    assert [set(calls[i:i + 2]) for i in range(4, 14, 2)] == [{"torch", "ours"}] * 5


def test_the_record_names_the_machine_and_has_each_layer_in_each_setting():
    assert {"processor", "cores", "caches", "torch", "numpy", "jax"} <= set(RECORD["environment"])
    settings = [(row["kind"], row["threads"], row["batch"]) for row in RECORD["rows"]]
    assert ("forward", 1, 1) in settings
    for setting in set(settings):
        rows = [row for row in RECORD["rows"] if (row["kind"], row["threads"], row["batch"]) == setting]
        assert [row["layer"] for row in rows] == [layer["layer"] for layer in RECORD["layers"]]
        assert all("ours" in row["ratio"] for row in rows)
