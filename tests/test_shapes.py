"""The shapes that the docstrings state, as formulas, are those that come out."""

import inspect
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d2lconv import Conv2d, conv2d, conv2d_cost, corr, draw, explain, explore, loops

NAMES = ("corr2d", "corr2d_multi_in", "corr2d_multi_in_out", "corr2d_multi_in_out_1x1")
FOUR = [pytest.param(getattr(module, name), id=f"{module.__name__}.{name}")
        for module in (loops, corr) for name in NAMES]
small = st.integers(1, 3)
SIZES = {"n": small, "c_i": small, "c_o": small, "k_h": small, "k_w": small,
         "h": st.integers(3, 6), "w": st.integers(3, 6)}
GEOMETRY = {"stride": st.integers(1, 3), "padding": st.integers(0, 2), "dilation": st.integers(1, 2), "groups": small}


def stated(function, **sizes):
    """Read ``Shapes: ``inputs -> output`` out of a docstring, with these sizes put in."""
    inputs, output = re.search(r"Shapes: ``(.+) -> (.+?)``", inspect.getdoc(function)).groups()
    return eval(f"[{inputs}], {output}", {}, sizes)


@pytest.mark.parametrize("function", FOUR)
@given(sizes=st.fixed_dictionaries(SIZES))
def test_the_four_functions(function, sizes):
    inputs, output = stated(function, **sizes)
    assert function(*(torch.zeros(shape) for shape in inputs)).shape == output


@pytest.mark.parametrize("function", [conv2d, conv2d_cost])
@given(sizes=st.fixed_dictionaries(SIZES), geometry=st.fixed_dictionaries(GEOMETRY))
def test_the_whole_layer(function, sizes, geometry):
    groups, padding = geometry["groups"], geometry["padding"]
    sizes |= {"groups": groups, "c_i": sizes["c_i"] * groups, "c_o": sizes["c_o"] * groups,
              "h": sizes["h"] + 2, "w": sizes["w"] + 2}
    formula = re.search(r"h_out = (.+?)``", " ".join(inspect.getdoc(function).split()))[1]
    for side, extent, kernel in (("h_out", "h", "k_h"), ("w_out", "w", "k_w")):
        sizes[side] = eval(formula, {}, {**geometry, "top": padding, "bottom": padding,
                                         "h": sizes[extent], "k_h": sizes[kernel]})
    (image, weight, bias), output = stated(conv2d, **sizes)
    weight = tuple(int(size) for size in weight)
    if function is conv2d:
        assert conv2d(*map(torch.zeros, (image, weight, bias)), **geometry).shape == output
    else:
        assert conv2d_cost(image, weight, **geometry).output_shape == output


@pytest.mark.parametrize("function", FOUR)
@pytest.mark.parametrize("given", [(), (torch.ones(2, 2),)], ids=["nothing", "an image alone"])
def test_what_is_missing_is_said_as_python_says_it(function, given):
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) missing . required positional arguments?: '[XK]'"):
        function(*given)


@pytest.mark.parametrize("function", [conv2d, conv2d_cost, Conv2d, explain, draw, explore])
def test_the_options_of_a_layer_have_the_order_that_torch_gives_them(function):
    order = "stride", "padding", "dilation", "groups"
    assert [name for name in inspect.signature(function).parameters if name in order] == [*order]
