"""conv2d_cost: the book's numbers, and what torch's flop counter, Keras and the tensors themselves say."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from torch.utils.flop_counter import FlopCounterMode

from d2lconv import Conv2d, conv2d, conv2d_cost
from strategies import MISTAKES, invalid_problems, problems

GEOMETRY = ("stride", "padding", "dilation", "groups")


def cost_of(problem):
    """Ask for the cost of a drawn problem, from its shapes."""
    return conv2d_cost(problem.input.shape, problem.weight.shape, problem.bias is not None,
                       **{name: problem.arguments[name] for name in GEOMETRY},
                       itemsize=problem.input.element_size())


def counted(function, *arguments, **more):
    """How many operations torch counts in a call."""
    with FlopCounterMode(display=False) as counter:
        function(*arguments, **more)
    return counter.get_total_flops()


def test_the_layer_of_the_books_exercise():
    cost = conv2d_cost((128, 256, 256), (128, 128, 5, 5), padding=2)
    assert cost.macs == (128 * 256 * 256) * (128 * 5 * 5) == 26_843_545_600
    assert cost.flops == 2 * cost.macs == 53_687_091_200


def test_the_1x1_layer_of_a_real_network():
    cost = conv2d_cost((64, 56, 56), (256, 64, 1, 1))
    assert cost.parameters == 64 * 256 == 16_384
    assert cost.macs == (64 * 256) * (56 * 56) == 51_380_224


def test_depthwise_separable_costs_a_fraction():
    dense = conv2d_cost((128, 256, 256), (128, 128, 5, 5), padding=2)
    depthwise = conv2d_cost((128, 256, 256), (128, 1, 5, 5), padding=2, groups=128)
    pointwise = conv2d_cost((128, 256, 256), (128, 128, 1, 1))
    separable = depthwise.macs + pointwise.macs
    assert separable * 128 * 25 == dense.macs * (25 + 128)  # 1/c_o + 1/k^2 of the dense layer
    assert round(dense.macs / separable, 1) == 20.9


def test_memory_by_hand():
    cost = conv2d_cost((2, 3, 5, 4), (6, 3, 2, 2), bias=True, itemsize=2)
    assert cost.input_bytes == (2*3*5*4) * 2
    assert cost.weight_bytes == (6*3*2*2 + 6) * 2
    assert cost.output_bytes == (2*6*4*3) * 2


def test_a_number_is_float32_unless_said_otherwise():
    assert conv2d_cost((1, 5, 5), (1, 1, 2, 2)).input_bytes == torch.ones(1, 5, 5).nbytes


def test_the_bias_adds_parameters_and_no_operations():
    without, with_bias = (conv2d_cost((3, 5, 5), (4, 3, 2, 2), bias=bias) for bias in (False, True))
    assert with_bias.parameters == without.parameters + 4
    assert with_bias.flops == without.flops


def test_an_empty_batch_costs_nothing_but_its_weights():
    cost = conv2d_cost((0, 3, 5, 5), (4, 3, 2, 2))
    assert (cost.output_shape, cost.macs, cost.output_bytes, cost.parameters) == ((0, 4, 4, 4), 0, 0, 48)


def test_sizes_beyond_64_bits_are_exact():
    assert conv2d_cost((10**9, 1, 10**9, 10**9), (1, 1, 1, 1)).macs == 10**27


def test_shapes_may_come_in_any_form():
    assert conv2d_cost([3, 5, 5], torch.Size([4, 3, 2, 2])) == conv2d_cost((3, 5, 5), (4, 3, 2, 2))


def test_a_cost_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        conv2d_cost((3, 5, 5), (4, 3, 2, 2)).macs = 0


@given(problems())
def test_it_says_what_the_tensors_say(problem):
    cost, Y = cost_of(problem), conv2d(**problem.arguments)
    weights = [problem.weight] + [problem.bias] * (problem.bias is not None)
    assert cost.output_shape == Y.shape
    assert cost.parameters == sum(t.numel() for t in weights)
    assert cost.input_bytes == problem.input.numel() * problem.input.element_size()
    assert cost.weight_bytes == sum(t.numel() * t.element_size() for t in weights)
    assert cost.output_bytes == Y.numel() * Y.element_size()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@given(problems())
def test_it_agrees_with_torchs_flop_counter(problem):
    arguments = {name: value.to("meta", torch.float32) if torch.is_tensor(value) else value
                 for name, value in problem.arguments.items()}  # torch counts a complex product as three
    cost = cost_of(problem)
    assert counted(torch.nn.functional.conv2d, **arguments) == cost.flops
    depthwise = problem.weight.shape[1] == 1 < problem.arguments["groups"]
    if problem.weight[0].numel() > 1 and math.prod(cost.output_shape) > 1 and not depthwise:
        # elsewhere there is no matrix product to count: one number in a window, one dot product, or one channel each
        assert counted(conv2d, **arguments) == cost.flops


@given(invalid_problems(mistakes=[name for name, (error, _, _) in MISTAKES.items()
                                  if error is ValueError and "bias" not in name]))
def test_it_refuses_the_shapes_that_conv2d_refuses(drawn):
    problem, error = drawn
    with pytest.raises(error):
        cost_of(problem)


@pytest.mark.parametrize(("channels", "groups", "bias"), [((3, 16), 1, True), ((16, 32), 1, False), ((8, 16), 4, True)])
def test_it_counts_the_parameters_of_the_layer(channels, groups, bias):
    layer = Conv2d(*channels, 3, groups=groups, bias=bias)
    cost = conv2d_cost((channels[0], 9, 9), layer.weight.shape, bias=bias, groups=groups)
    assert cost.parameters == sum(parameter.numel() for parameter in layer.parameters())


@pytest.mark.peers
@pytest.mark.parametrize(("channels", "groups", "bias", "parameters"), [
    ((3, 16), 1, True, 448), ((16, 32), 1, True, 4_640), ((32, 64), 1, True, 18_496), ((8, 16), 4, False, 288)])
def test_it_agrees_with_keras(channels, groups, bias, parameters, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras
    layer = keras.layers.Conv2D(channels[1], 3, groups=groups, use_bias=bias)
    layer.build((None, 9, 9, channels[0]))
    cost = conv2d_cost((channels[0], 9, 9), (channels[1], channels[0] // groups, 3, 3), bias=bias, groups=groups)
    assert cost.parameters == layer.count_params() == parameters


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({"input_shape": (3, -5, 5)}, ValueError, "input_shape must be at least 0, but is -5"),
    ({"input_shape": (3.0, 5, 5)}, TypeError, "input_shape must be an integer, but is 3.0"),
    ({"input_shape": (None, 3, 5, 5)}, TypeError, "input_shape must be an integer, but is None"),
    ({"input_shape": (2, 5, 5)}, ValueError, "2 input channels, but weight is made for 3"),
    ({"input_shape": torch.ones(3, 5, 5)}, TypeError, "input_shape must be a tuple of sizes"),
    ({"bias": 2}, TypeError, "bias must be True or False, but is 2"),
    ({"weight_shape": (4, 3, 6, 2)}, ValueError, "6 high, but input is only 5"),
    ({"weight_shape": (3, 2, 2)}, ValueError, "c_o is missing"),
    ({"groups": 3}, ValueError, "groups"),
    ({"itemsize": 0}, ValueError, "itemsize must be at least 1"),
    ({"itemsize": torch.float32}, TypeError, "itemsize must be an integer"),
], ids=str)
def test_it_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        conv2d_cost(**{"input_shape": (3, 5, 5), "weight_shape": (4, 3, 2, 2), **arguments})
