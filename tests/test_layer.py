"""Conv2d: the contract of torch.nn.Conv2d."""

import copy
import pickle

import pytest
import torch
from torch.func import functional_call

from d2lconv import Conv2d
from oracles import assert_conv2d, torch_conv2d
from strategies import tensors

# The layers of torch's own tests, and one of a single output channel: positional arguments, others, an input's shape.
LAYERS = [
    ((3, 4, 3), {}, (2, 3, 7, 5)), ((3, 4, (3, 2)), {}, (3, 7, 5)), ((3, 4, [3, 3], (2, 2), (1, 1)), {}, (2, 3, 6, 6)),
    ((3, 2, (3, 3), (2, 2), (1, 1), (2, 2)), {}, (2, 3, 8, 8)), ((3, 4, (3, 2), 1, 0, 1, 1, False), {}, (2, 3, 6, 5)),
    ((4, 6, (3, 2)), {"groups": 2}, (2, 4, 6, 5)), ((2, 4, (3, 4)), {"padding": "valid"}, (2, 2, 6, 5)),
    ((2, 4, (3, 4)), {"padding": "same", "dilation": 2}, (2, 2, 6, 5)), ((4, 8, 3), {"groups": 4}, (2, 4, 6, 6)),
    ((4, 5, 3), {"padding": "same"}, (4, 6, 6)), ((1, 1, 1), {"bias": False, "stride": 3}, (0, 1, 4, 4)),
    ((3, 1, 2), {}, (3, 5, 5)),
]


@pytest.fixture(params=LAYERS, ids=lambda row: f"{row[0]} {row[1]}")
def layers(request, device):
    """Ours and torch's, drawn with the same seed, and an input."""
    arguments, more, shape = request.param
    drawn = []
    for layer in (Conv2d, torch.nn.Conv2d):
        torch.manual_seed(7)
        drawn.append(layer(*arguments, **more, device="cpu").to(device))
    return *drawn, tensors(shape, device=device)


def test_the_same_seed_draws_the_same_weights_as_torch(layers):
    ours, theirs, _ = layers
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(ours.state_dict()[name], theirs.state_dict()[name]) for name in ours.state_dict())


def test_the_layer_applies_conv2d_as_torchs_does(layers):
    ours, theirs, X = layers
    geometry = {name: getattr(theirs, name) for name in ("stride", "padding", "dilation", "groups")}
    assert_conv2d(ours(X), X, theirs.weight, theirs.bias, oracle=torch_conv2d, **geometry)


def test_the_layer_shows_itself_as_torchs_does(layers):
    ours, theirs, _ = layers
    assert repr(ours) == repr(theirs)


def test_the_state_loads_both_ways(layers):
    ours, theirs, _ = layers
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(1)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.weight, theirs.weight)
    ours.weight.data.mul_(2)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours.weight, theirs.weight)


def test_float64_weights_are_torchs_but_for_the_last_bit():
    drawn = []
    for layer in (Conv2d, torch.nn.Conv2d):
        torch.manual_seed(7)
        drawn.append(layer(5, 4, 3, dtype=torch.float64).weight)
    torch.testing.assert_close(*drawn, rtol=1e-15, atol=0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))],
                         ids=["deepcopy", "pickle"])
def test_a_copy_computes_the_same(copied, device):
    layer, X = Conv2d(4, 6, 3, stride=2, padding="valid", groups=2).to(device), tensors((4, 7, 7), device=device)
    assert torch.equal(copied(layer)(X), layer(X))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64], ids=str)
@pytest.mark.parametrize("made", [lambda dtype: Conv2d(2, 3, 3, dtype=dtype), lambda dtype: Conv2d(2, 3, 3).to(dtype)],
                         ids=["made", "moved"])
@pytest.mark.filterwarnings("ignore:Complex modules are a new feature")
def test_the_layer_can_be_of_another_dtype(made, dtype, device):
    layer, X = made(dtype).to(device), tensors((2, 5, 5), dtype=dtype, device=device)
    assert_conv2d(layer(X), X, layer.weight, layer.bias)


def test_the_layer_can_be_made_without_memory():
    layer = torch.nn.utils.skip_init(Conv2d, 2, 3, 3)
    assert layer.weight.shape == (3, 2, 3, 3)
    assert Conv2d(2, 3, 3, device="meta")(torch.empty(1, 2, 9, 9, device="meta")).shape == (1, 3, 7, 7)


def test_the_layer_can_be_called_with_other_parameters(device):
    layer, X, K = Conv2d(2, 3, 2, bias=False).to(device), *tensors((2, 5, 5), (3, 2, 2, 2), device=device)
    assert_conv2d(functional_call(layer, {"weight": K}, (X,)), X, K)


def test_the_layer_learns_as_torchs_does(device):
    ours, theirs = (layer(2, 3, 3, padding=1, device=device, dtype=torch.float64)
                    for layer in (Conv2d, torch.nn.Conv2d))
    theirs.load_state_dict(ours.state_dict())
    X, wanted = tensors((4, 2, 5, 5), (4, 3, 5, 5), dtype=torch.float64, device=device)
    for layer in (ours, theirs):
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        for _ in range(5):
            optimizer.zero_grad()
            (layer(X) - wanted).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-10, atol=1e-12)


def test_a_second_backward_step_needs_the_graph_as_with_torch(device):
    Y = Conv2d(3, 3, 3).to(device)(tensors((2, 3, 5, 5), device=device)).sum()
    Y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        Y.backward()


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({"in_channels": 0}, ValueError, "in_channels must be at least 1, but is 0"),
    ({"out_channels": 0}, ValueError, "out_channels must be at least 1"),
    ({"out_channels": 5.0}, TypeError, "out_channels must be an integer, but is 5.0"),
    ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1"),
    ({"kernel_size": (3, 3, 3)}, ValueError, "kernel_size must be an integer or a pair"),
    ({"stride": 0}, ValueError, "stride must be at least 1"),
    ({"stride": -1}, ValueError, "stride must be at least 1, but is -1"),
    ({"dilation": 0}, ValueError, "dilation must be at least 1"),
    ({"padding": -1}, ValueError, "padding must be at least 0, but is -1"),
    ({"bias": 2}, TypeError, "bias must be True or False, but is 2"),
    ({"padding": "foo"}, ValueError, '"same", "valid", an integer or a pair, but is \'foo\''),
    ({"padding": "same", "stride": 2}, ValueError, 'padding="same" keeps the size only with stride 1'),
    ({"padding": "same", "stride": (1, 3)}, ValueError, "stride 1"),
    ({"groups": 0}, ValueError, "groups must be at least 1"),
    ({"groups": -1}, ValueError, "groups must be at least 1"),
    ({"groups": 2}, ValueError, "in_channels=3 must be divisible by groups=2"),
    ({"groups": 3}, ValueError, "out_channels=4 must be divisible by groups=3"),
    ({"padding_mode": "reflect"}, ValueError, 'padding_mode must be "zeros".* torch.nn.functional.pad'),
    ({"padding_mode": 3}, ValueError, 'padding_mode must be "zeros", but is 3'),
], ids=str)
def test_the_layer_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        Conv2d(**{"in_channels": 3, "out_channels": 4, "kernel_size": 3, **arguments})


@pytest.mark.parametrize(("X", "words"), [
    (None, "input must be a torch.Tensor"), (torch.ones(1, 2, 9, 9), "2 input channels, but weight .* for 3"),
    (torch.ones(9, 9), "c_i is missing"), (torch.ones(1, 1, 3, 9, 9), "5 axes"),
    (torch.ones(3, 9, 9).double(), "torch.float64, but weight is torch.float32"),
], ids=["nothing", "channels", "plane", "5 axes", "dtype"])
def test_the_layer_refuses_an_input_that_is_not_for_it(X, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Conv2d(3, 4, 3)(X)


def test_under_autocast_two_layers_give_torchs_dtype(layers, device):
    ours, theirs, X = layers
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        assert ours(X).dtype == theirs(X).dtype == torch.bfloat16
        torch.testing.assert_close(ours(X), theirs(X), rtol=0.02, atol=0.02)
