"""The summary of a network: what it counts, that it changes nothing, and that its repairs repair."""

import copy
import dataclasses
import importlib.util
import re
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import max_pool2d, relu
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

import d2lconv as d2l
from d2lconv.reasons import meant

POOLED = nn.AdaptiveAvgPool2d(1), nn.Flatten()


class Residual(nn.Module):
    """A block as in ResNet, with a shortcut where one is needed."""

    def __init__(self, c_i, c_o, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(c_i, c_o, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_o)
        self.conv2 = nn.Conv2d(c_o, c_o, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_o)
        self.shortcut = nn.Conv2d(c_i, c_o, 1, stride) if c_i != c_o else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + self.shortcut(x))


class UNet(nn.Module):
    """One step down, one step up, and the maps of both together."""

    def __init__(self, joined=32):
        super().__init__()
        self.down, self.bottom = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(32, 16, 2, stride=2), nn.Conv2d(joined, 2, 1)

    def forward(self, x):
        down = relu(self.down(x))
        bottom = relu(self.bottom(max_pool2d(down, 2)))
        return self.out(torch.cat([self.up(bottom), down], 1))


def separable(c_i, c_o, stride=1):
    """A block as in MobileNet."""
    depthwise = nn.Conv2d(c_i, c_i, 3, stride, padding=1, groups=c_i, bias=False)
    return nn.Sequential(depthwise, nn.BatchNorm2d(c_i), nn.ReLU(),
                         nn.Conv2d(c_i, c_o, 1, bias=False), nn.BatchNorm2d(c_o), nn.ReLU())


def resnet():
    return nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3), nn.MaxPool2d(3, 2, 1), Residual(16, 16), Residual(16, 32, 2),
                         *POOLED, nn.Linear(32, 10))


def mobilenet():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), separable(8, 16), separable(16, 32, 2), *POOLED, nn.Linear(32, 10))


@pytest.mark.peers
@pytest.mark.parametrize("make", [resnet, mobilenet, UNet])
def test_it_agrees_with_torchinfo(make):
    import torchinfo

    model, X = make(), torch.rand(2, 3, 32, 48)
    report, oracle = d2l.summary(model, X), torchinfo.summary(model, input_data=X, verbose=0)
    leaves = [info for info in oracle.summary_list if info.is_leaf_layer]
    assert [row.kind for row in report.rows] == [info.class_name for info in leaves]
    assert [row.input_shape for row in report.rows] == [tuple(info.input_size) for info in leaves]
    assert [row.output_shape for row in report.rows] == [tuple(info.output_size) for info in leaves]
    assert [row.parameters for row in report.rows] == [info.num_params for info in leaves]
    assert report.parameters == oracle.total_params
    for row, info in zip(report.rows, leaves):
        if row.kind == "Conv2d":  # torchinfo counts a bias as one more multiply-add of each number
            assert row.macs == info.macs - (0 if info.module.bias is None else torch.Size(info.output_size).numel())


@pytest.mark.parametrize("make", [resnet, mobilenet, UNet])
def test_it_counts_the_multiply_adds_that_torch_counts(make):
    model, X = make(), torch.rand(2, 3, 32, 48)
    with FlopCounterMode(display=False) as counter:
        model(X)
    assert d2l.summary(model, X).macs * 2 == counter.get_total_flops()


def test_names_are_those_of_named_modules_in_the_order_of_execution():
    report = d2l.summary(UNet(), torch.rand(1, 3, 8, 8))
    assert [row.name for row in report.rows] == ["down", "bottom", "up", "out"]
    assert [row.kind for row in report.rows] == ["Conv2d", "Conv2d", "ConvTranspose2d", "Conv2d"]


def test_a_layer_called_twice_has_two_rows_and_is_counted_once():
    layer = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    report = d2l.summary(nn.Sequential(layer, nn.ReLU(), layer), torch.rand(1, 4, 5, 6))
    assert [(row.name, row.parameters) for row in report.rows] == [("0", 144), ("1", 0), ("0", 0)]
    assert report.parameters == 144
    assert report.macs == 2 * 144 * 30


def test_two_layers_with_the_same_weight_count_it_once():
    one, other = nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False)
    other.weight = one.weight
    report = d2l.summary(nn.Sequential(one, other), torch.rand(2, 5))
    assert [row.parameters for row in report.rows] == [25, 0]
    assert report.parameters == 25


def test_a_lazy_layer_is_counted_as_it_will_be_and_stays_lazy():
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    report = d2l.summary(model, torch.rand(2, 3, 6, 6))
    assert [row.weight_shape for row in report.rows] == [(8, 3, 3, 3), (8,), None, (10, 128)]
    assert report.parameters == 8 * 27 + 8 + 16 + 1280 + 10
    assert [type(layer) for layer in model] == [nn.LazyConv2d, nn.LazyBatchNorm2d, nn.Flatten, nn.LazyLinear]
    assert is_lazy(model[1].running_mean)


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")  # torch warns of itself
def test_a_compiled_network_is_run_uncompiled():
    def compiler(*_):
        raise AssertionError("it was compiled")

    compiled = torch.compile(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(10, 2)), backend=compiler)
    report = d2l.summary(compiled, torch.rand(1, 3, 6, 6))
    assert report.failed == "_orig_mod.2"
    assert report.failed in dict(compiled.named_modules())
    assert report.repairs == ("model._orig_mod[2] = nn.Linear(128, 2)",)


def test_half_precision_takes_half_the_memory():
    model, X = nn.Sequential(nn.Conv2d(3, 8, 3)), torch.rand(1, 3, 6, 6)
    full, half = d2l.summary(model, X), d2l.summary(copy.deepcopy(model).half(), X.half())
    assert half.ok
    assert full.rows[0].output_bytes == 2 * half.rows[0].output_bytes == 4 * 8 * 16


def test_our_own_layer_counts_as_torchs():
    ours, theirs = (d2l.summary(layer(6, 9, (2, 3), 2, 1, groups=3), torch.rand(2, 6, 8, 9)).rows[0]
                    for layer in (d2l.Conv2d, nn.Conv2d))
    assert ours == theirs


def test_a_parameter_outside_of_every_layer_is_counted():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.layer = nn.Parameter(torch.ones(7)), nn.ReLU()

        def forward(self, x):
            return self.layer(x) * self.scale

    report = d2l.summary(Scaled(), torch.rand(7))
    assert sum(row.parameters for row in report.rows) == report.parameters == 7


def test_it_changes_nothing():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(), nn.Flatten(),
                          nn.Linear(5, 2))
    X, state = torch.randn(2, 3, 6, 6), copy.deepcopy(model.state_dict())
    before, seeds = X.clone(), torch.random.get_rng_state()
    assert not d2l.summary(model, X).ok
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert torch.equal(X, before)
    assert torch.equal(torch.random.get_rng_state(), seeds)
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_what_the_network_prints_while_repairs_are_tried_is_not_shown(capsys):
    class Talking(nn.Module):
        def forward(self, x):
            print(x.shape)
            return x

    d2l.summary(nn.Sequential(Talking(), nn.Conv2d(3, 8, 3)), torch.rand(1, 1, 6, 6))
    assert capsys.readouterr().out == "torch.Size([1, 1, 6, 6])\n"


def test_what_the_network_warns_of_while_repairs_are_tried_is_not_shown():
    class Wary(nn.Module):
        def forward(self, x):
            warnings.warn("grey", UserWarning, stacklevel=1)
            return x

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        report = d2l.summary(nn.Sequential(Wary(), nn.Conv2d(3, 8, 3)), torch.rand(1, 1, 6, 6))
    assert len(report.repairs) == 2
    assert [str(warning.message) for warning in shown] == ["grey"]


def test_only_a_module_has_a_summary():
    with pytest.raises(TypeError, match=r"Module, but its type is function\.$"):
        d2l.summary(relu, torch.rand(2))
    with pytest.raises(TypeError, match=r"Module, but its type is type\. Make one of this class\.$"):
        d2l.summary(nn.ReLU, torch.rand(2))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore::FutureWarning")
def test_a_network_that_is_no_longer_in_python_has_no_summary():
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 8, 3)))
    for model in (scripted, nn.Sequential(scripted, nn.ReLU())):
        with pytest.raises(TypeError, match=r"in Python, but torch\.jit has compiled it"):
            d2l.summary(model, rgb)


def test_the_original_exception_is_kept():
    report = d2l.summary(nn.Sequential(nn.Conv2d(3, 8, 3)), torch.rand(1, 1, 6, 6))
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 1 channels instead"):
        raise report.error


def test_the_drawing_shows_every_change_of_shape():
    report = d2l.summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *POOLED), torch.rand(1, 3, 6, 6))
    assert report.draw().description == "3@6x6 -> 0 Conv2d -> 8@4x4 -> 2 AdaptiveAvgPool2d -> 8@1x1"


class Bypassed(nn.Module):
    """Uses the weight of its layer, and not the layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return torch.conv2d(x, self.conv.weight)


@pytest.mark.parametrize(("model", "X", "words"), [
    (nn.Conv3d(3, 2, 3), torch.rand(1, 3, 8, 8, 8), "only images can be drawn"),
    (Bypassed(), torch.rand(1, 1, 4, 4), "no layer ran"),
], ids=["volumes", "nothing"])
def test_what_cannot_be_drawn_is_said(model, X, words):
    with pytest.raises(ValueError, match=words):
        d2l.summary(model, X).draw()


def test_a_row_of_numbers_is_drawn_without_a_batch_too():
    assert d2l.summary(nn.Linear(3, 2), torch.rand(3)).draw().description == "3@1x1 -> Linear -> 2@1x1"
    assert d2l.summary(nn.PReLU(), torch.tensor(1.0)).draw().description == "1@1x1"


class Measured(nn.Module):
    """Ends in a number, and asks on its way for something that is no tensor."""

    def __init__(self):
        super().__init__()
        self.conv, self.height, self.loss = nn.Conv2d(1, 2, 3), Height(), nn.MSELoss()

    def forward(self, x):
        return self.loss(self.conv(x), torch.zeros(self.height(x) - 2))


class Height(nn.Module):
    def forward(self, x):
        return x.shape[2]


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_layer_that_returned_did_not_refuse_whatever_it_returned():
    report = d2l.summary(Measured(), torch.rand(1, 1, 4, 4))
    assert report.ok
    assert [row.cells()[3] for row in report.rows] == ["2@2x2", "()", "()"]


class GivesNothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = TakesNothing()

    def forward(self, x):
        return self.own(None)


class TakesNothing(nn.Module):
    def forward(self, x):
        return x + 1


def test_a_module_that_is_given_nothing_and_stops_is_named():
    assert d2l.summary(GivesNothing(), torch.rand(1)).failed == "own"


class OwnKernel(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(2, 3, 2, 2))

    def forward(self, x):
        return d2l.conv2d(x, self.kernel)


def test_the_line_that_is_quoted_is_the_users_and_not_ours():
    assert "return d2l.conv2d(x, self.kernel)" in d2l.summary(OwnKernel(), torch.rand(1, 1, 4, 4)).advice


@pytest.mark.parametrize(("layer", "X", "words"), [
    (nn.MaxPool1d(5), torch.rand(1, 2, 3), "looks at 5 numbers"),
    (nn.Conv1d(64, 2, 4), torch.rand(1, 64, 1), "model = nn.Conv1d(64, 2, 1)"),
    (nn.MaxPool3d((5, 2, 2)), torch.rand(1, 2, 3, 6, 6), "looks at 5x2x2 numbers"),
    (nn.Unfold(5), torch.rand(1, 2, 3, 3), "looks at 5x5 numbers"),
], ids=["one axis", "a channel is no side", "three axes", "two, without saying so"])
def test_a_kernel_has_as_many_sides_as_its_layer(layer, X, words):
    assert words in d2l.summary(layer, X).advice


def test_a_recurrent_layer_that_is_called_again_is_written_whole():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(10, 20)

        def forward(self, x):
            y, _ = self.gru(x)
            return self.gru(y[0, 0])

    assert "None" not in d2l.summary(Twice(), torch.rand(3, 2, 10)).advice


def test_what_is_given_and_is_no_tensor_has_no_shape():
    report = d2l.summary(nn.Sequential(nn.Linear(3, 2)), np.ones((2, 3)))
    assert report.rows[0].cells()[:4] == ["0", "Linear", "", "refused"]


TABLE = """\
layer  kind     in        out       weight   parameters   MACs  bytes out
0      Conv2d   3@6x6     8@4x4     8x3x3x3         224  3,456        512
1      Flatten  8@4x4     (1, 128)                                    512
2      Linear   (1, 128)  refused   2x9              20
total                                               244  3,456      1,024
✗ 2: mat1 and mat2 shapes cannot be multiplied (1x128 and 9x2)
→ model[2] is made for 9 features, but gets 128: its input is (1, 128), from 8 channels of 4x4.
Write:
    model[2] = nn.Linear(128, 2)"""


def test_a_report_is_a_table_with_what_was_raised_and_the_advice():
    report = d2l.summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(9, 2)), torch.rand(1, 3, 6, 6))
    assert repr(report) == TABLE
    assert [row.output_bytes for row in report.rows] == [512, 512, 0]


def test_heads_are_marked_and_numbers_stand_on_the_right_and_the_row_that_refused_is_bold():
    html = d2l.summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 1, 3)), torch.rand(1, 3, 6, 6))._repr_html_()
    cells = re.findall('<(t[hd]) style="[^"]*text-align: (left|right)">([^<]*)<', html)
    assert cells[:8] == [("th", "left", head) for head in ("layer", "kind", "in", "out", "weight")] + [
        ("th", "right", head) for head in ("parameters", "MACs", "bytes out")]
    assert cells[8:16] == [("td", "left", text) for text in ("0", "Conv2d", "3@6x6", "8@4x4", "8x3x3x3")] + [
        ("td", "right", text) for text in ("224", "3,456", "512")]
    assert re.findall(r'<tr style="font-weight: (\w+)">', html) == ["inherit", "inherit", "bold", "inherit"]


@pytest.mark.parametrize(("model", "place"), [
    (nn.Conv2d(1, 6, 3), "Conv2d"), (nn.Sequential(nn.ReLU(), nn.Conv2d(1, 6, 3)), "1"), (UNet(), "the network"),
], ids=["the layer alone", "a layer", "own code"])
def test_what_was_raised_stands_behind_the_place_where(model, place):
    report = d2l.summary(model, torch.rand(2, 3, 9, 9))
    assert f"\n✗ {place}: {report.error}\n→ " in repr(report)


def test_a_report_is_not_changed_by_accident():
    report = d2l.summary(nn.ReLU(), torch.rand(2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.advice = ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.rows[0].macs = 0


def test_a_layer_with_one_output_is_counted():
    assert d2l.summary(nn.Conv2d(3, 1, 3), torch.rand(2, 3, 5, 5)).macs == 27 * 2 * 9


def test_a_report_reads_the_same_in_text_and_html():
    report = d2l.summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(9, 2)), torch.rand(1, 3, 6, 6))
    words = re.sub("<[^>]+>", " ", report._repr_html_()).split()
    assert words == repr(report).split()
    assert {"3@6x6", "8@4x4", "8x3x3x3", "224", "3,456", "refused", "mat1"} <= {*words}


# Networks that stop at a layer. Whoever types the repair has a network that runs.

def net(*layers, out):
    """A small classifier of these layers."""
    return nn.Sequential(*layers, nn.ReLU(), *POOLED, nn.Linear(out, 10))


class Branches(nn.Module):
    """Two inputs, a colour image and a grey one, side by side."""

    def __init__(self):
        super().__init__()
        self.colour, self.grey = nn.Conv2d(3, 4, 3), nn.Conv2d(1, 4, 3)

    def forward(self, x, mask):
        return torch.cat([self.colour(x), self.grey(mask)], 1)


rgb, grey, row = torch.rand(2, 3, 28, 28), torch.rand(2, 1, 28, 28), torch.rand(2, 784)
photo = (torch.rand(28, 28, 3) * 255).byte()
BROKEN = {  # the network, what it is given, the layer that refuses, and the repairs
    "grey images": (net(nn.Conv2d(3, 16, 3), out=16), grey, "0",
                    "model[0] = nn.Conv2d(1, 16, 3)", "X = X.expand(-1, 3, -1, -1)"),
    "colour images": (net(nn.Conv2d(1, 16, 3, padding="same"), out=16), rgb, "0",
                      "model[0] = nn.Conv2d(3, 16, 3, padding='same')", "X = X.mean(1, keepdim=True)"),
    "channels last": (net(nn.Conv2d(3, 16, 3), out=16), rgb.movedim(1, -1), "0", "X = X.movedim(-1, 1)"),
    "RGBA": (net(nn.Conv2d(3, 16, 3), out=16), torch.rand(2, 4, 28, 28), "0", "X = X[:, :3]"),
    "RGBA, channels last": (net(nn.Conv2d(3, 16, 3), out=16), torch.rand(2, 28, 28, 4), "0",
                            "X = X[..., :3].movedim(-1, 1)"),
    "one RGBA": (net(nn.Conv2d(3, 16, 3), out=16), torch.rand(4, 28, 28), "0", "X = X[:3][None]"),
    "no channel axis": (net(nn.Conv2d(1, 16, 3), out=16), grey[:, 0], "0", "X = X[:, None]"),
    "no batch axis": (nn.Sequential(nn.Conv2d(3, 16, 3), nn.Flatten(), nn.Linear(10816, 10)), rgb[0], "2",
                      "X = X[None]"),
    "no batch axis at a normalisation": (net(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), out=4), rgb[0], "1", "X = X[None]"),
    "a matrix": (net(nn.Conv2d(1, 16, 3), out=16), grey[0, 0], "0", "X = X[None, None]"),
    "a row": (nn.Sequential(nn.Linear(784, 9), nn.BatchNorm1d(9)).eval(), row[0], "1", "X = X[None]"),
    "an axis too many": (net(nn.Conv2d(3, 16, 3), out=16), rgb[:, None], "0", "X = X.squeeze(1)"),
    "bytes": (net(nn.Conv2d(3, 16, 3), out=16), photo, "0", "X = X.movedim(-1, 0)[None].float() / 255"),
    "an array": (net(nn.Conv2d(3, 16, 3), out=16), photo.numpy(), "0",
                 "X = torch.tensor(X).movedim(-1, 0)[None].float() / 255"),
    "an array of float64": (nn.Sequential(nn.Linear(3, 2)), np.ones((2, 3)), "0", "X = torch.tensor(X).float()"),
    "a list": (net(nn.Conv2d(3, 16, 3), out=16), [rgb[0], rgb[1]], "0", "X = torch.stack(X)"),
    "a shape": (net(nn.Conv2d(3, 16, 3), out=16), (2, 3, 28, 28), None, "X = torch.rand(X)"),
    "float64": (net(nn.Conv2d(3, 16, 3), out=16), rgb.double(), "0", "X = X.float()"),
    "a half network": (nn.Sequential(nn.Linear(784, 10)).half(), row, "0", "X = X.half()"),
    "a half layer": (nn.Sequential(nn.Linear(700, 10)).half(), row.half(), "0", "model[0] = nn.Linear(784, 10).half()"),
    "a network in bfloat16": (nn.Sequential(nn.Linear(784, 10)).bfloat16(), row, "0", "X = X.bfloat16()"),
    "a network in float64": (nn.Sequential(nn.Linear(784, 10)).double(), row, "0", "X = X.double()"),
    "indices": (nn.Sequential(nn.Embedding(10, 4)), torch.ones(2, 3), "0", "X = X.long()"),
    "the layer before": (net(nn.Conv2d(1, 16, 3), nn.Conv2d(32, 8, 3), out=8), grey, "1",
                         "model[1] = nn.Conv2d(16, 8, 3)"),
    "our layer": (net(d2l.Conv2d(3, 16, 3, stride=2), out=16), grey, "0", "model[0] = d2l.Conv2d(1, 16, 3, stride=2)",
                  "X = X.expand(-1, 3, -1, -1)"),
    "in_features": (nn.Sequential(nn.Conv2d(1, 16, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1568, 10)), grey, "3",
                    "model[3] = nn.Linear(2704, 10)"),
    "in_features without a bias": (nn.Sequential(nn.Linear(100, 10, bias=False)), row, "0",
                                   "model[0] = nn.Linear(784, 10, bias=False)"),
    "images for a linear layer": (nn.Sequential(nn.Linear(784, 9), nn.ReLU()), grey, "0",
                                  "model[0] = nn.Sequential(nn.Flatten(), model[0])"),
    "no flattening": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(784, 9)), grey, "1",
                      "model[1] = nn.Sequential(nn.Flatten(), nn.Linear(2704, 9))"),
    "no pooling": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(4, 9)), grey, "1",
                   "model[1] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), model[1])"),
    "normalisation": (net(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(8), out=4), grey, "1", "model[1] = nn.BatchNorm2d(4)"),
    "normalisation without weights": (net(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(8, affine=False), out=4), grey, "1",
                                      "model[1] = nn.BatchNorm2d(4, affine=False)"),
    "normalisation of rows": (net(nn.Conv2d(1, 4, 3), nn.BatchNorm1d(4), out=4), grey, "1",
                              "model[1] = nn.BatchNorm2d(4)"),
    "normalisation of maps": (nn.Sequential(nn.Linear(784, 9), nn.BatchNorm2d(9)), row, "1",
                              "model[1] = nn.BatchNorm1d(9)"),
    "normalisation of one image": (nn.Sequential(nn.Linear(784, 9), nn.BatchNorm1d(9)), row[:1], "1", "model.eval()"),
    "normalisation in groups": (net(nn.Conv2d(1, 6, 3), nn.GroupNorm(4, 16), out=6), grey, "1",
                                "model[1] = nn.GroupNorm(2, 6)"),
    "normalisation of layers": (net(nn.Conv2d(1, 6, 3), nn.LayerNorm(6), out=6), grey, "1",
                                "model[1] = nn.GroupNorm(1, 6)"),
    "a slope for each channel": (net(nn.Conv2d(1, 6, 3), nn.PReLU(8), out=6), grey, "1",
                                 "model[1] = nn.PReLU(num_parameters=6)"),
    "transposed": (nn.Sequential(nn.Conv2d(1, 6, 3), nn.ConvTranspose2d(8, 1, 2, stride=2)), grey, "1",
                   "model[1] = nn.ConvTranspose2d(6, 1, 2, stride=2)"),
    "depthwise": (net(nn.Conv2d(3, 6, 3), nn.Conv2d(8, 8, 3, groups=8), out=6), rgb, "1",
                  "model[1] = nn.Conv2d(6, 12, 3, groups=6)\nmodel[5] = nn.Linear(12, 10)"),
    "groups": (net(nn.Conv2d(4, 6, 3, groups=2), out=6), rgb, "0", "model[0] = nn.Conv2d(3, 6, 3)"),
    "a large kernel": (net(nn.Conv2d(1, 6, 3), nn.MaxPool2d(5), nn.Conv2d(6, 6, 7), out=6), grey, "2",
                       "model[2] = nn.Conv2d(6, 6, 7, padding=3)"),
    "a spread kernel": (net(nn.Conv2d(1, 6, 3, dilation=9), out=6), grey[..., :9, :9], "0",
                        "model[0] = nn.Conv2d(1, 6, 3, padding=9, dilation=9)"),
    "a wide kernel": (net(nn.Conv2d(1, 6, (1, 5)), out=6), grey[..., :3], "0",
                      "model[0] = nn.Conv2d(1, 6, (1, 5), padding=(0, 2))"),
    "pooled away": (net(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), out=6), grey[..., :5, :5], "1",
                    "model[1] = nn.AdaptiveMaxPool2d(1)"),
    "pooled away by a list": (net(nn.Conv2d(1, 6, 5), nn.MaxPool2d([2, 2]), out=6), grey[..., :5, :5], "1",
                              "model[1] = nn.AdaptiveMaxPool2d(1)"),
    "averaged away": (net(nn.Conv2d(1, 6, 3), nn.AvgPool2d(32), out=6), grey, "1",
                      "model[1] = nn.AdaptiveAvgPool2d(1)"),
    "images for an LSTM": (nn.Sequential(nn.LSTM(28, 8, batch_first=True)), grey, "0", "X = X.squeeze(1)"),
    "longer steps": (nn.Sequential(nn.LSTM(32, 8, batch_first=True)), grey[:, 0], "0",
                     "model[0] = nn.LSTM(28, 8, batch_first=True)"),
    "an LSTM with its state": (nn.Sequential(nn.LSTM(28, 8), nn.Linear(8, 2)), grey[:, 0], "1",
                               "model[1].register_forward_pre_hook(lambda layer, given: given[0][0])"),
    "maps for an LSTM": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.LSTM(104, 8, batch_first=True)), grey, "1",
                         "model[1].register_forward_pre_hook(lambda layer, given: "
                         "given[0].flatten(1, 2).movedim(1, -1))"),
    "Conv1d": (net(nn.Conv1d(3, 6, 3), out=6), rgb, "0", "model[0] = nn.Conv2d(3, 6, 3)"),
    "Upsample": (nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear")), rgb[0], "0", "X = X[None]"),
    "one of two inputs": (Branches(), (rgb, grey[:, 0]), "grey", "X = (X[0], X[1][:, None])"),
    "one of two named inputs": (Branches(), {"x": rgb, "mask": grey.double()}, "grey", "X['mask'] = X['mask'].float()"),
    "deep inside": (nn.Sequential(Residual(3, 8), nn.Sequential(nn.Conv2d(4, 8, 1))), rgb, "1.0",
                    "model[1][0] = nn.Conv2d(8, 8, 1)"),
    "the layer alone": (nn.Conv2d(1, 6, 3), torch.rand(2, 5, 8, 8), "", "model = nn.Conv2d(5, 6, 3)"),
    "joined": (UNet(16), rgb, "out", "model.out = nn.Conv2d(32, 2, 1)"),
    "odd sides": (UNet(), rgb[..., 1:, 1:], None, "X = nn.functional.pad(X, (0, 1, 0, 1))"),
    "rows of pixels": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(2704, 9)), row, "0",
                       "X = X.reshape(-1, 1, 28, 28)"),
    "rows of pixels for a layer that takes any channels": (
        nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 4, 3)), row, "0", "X = X.reshape(-1, 1, 28, 28)"),
    "sequences without a channel axis": (nn.Conv1d(1, 4, 3), torch.rand(2, 28), "", "X = X[:, None]"),
    "one sequence": (nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)), torch.rand(3, 28), "1", "X = X[None]"),
    "sequences for a linear layer": (nn.Sequential(nn.Conv1d(3, 4, 3), nn.Linear(104, 9)), torch.rand(2, 3, 28), "1",
                                     "model[1] = nn.Sequential(nn.Flatten(), model[1])"),
    "sequences with channels last": (nn.Sequential(nn.Conv1d(3, 4, 3), nn.Flatten(), nn.Linear(104, 9)),
                                     torch.rand(2, 28, 3), "0", "X = X.movedim(-1, 1)"),
    "a sequence after an embedding": (nn.Sequential(nn.Embedding(9, 2), nn.Conv1d(2, 4, 3)), torch.ones(3, 7).long(),
                                      "1", "model[1].register_forward_pre_hook(lambda layer, given: "
                                           "given[0].movedim(-1, 1))"),
    "patches": (nn.Sequential(nn.Conv2d(3, 64, 4, 4), nn.Flatten(2), nn.LayerNorm(64)), rgb, "2",
                "model[2].register_forward_pre_hook(lambda layer, given: given[0].movedim(1, -1))"),
    "patches for a transformer": (
        nn.Sequential(nn.Conv2d(3, 24, 7, 7), nn.Flatten(2), nn.TransformerEncoderLayer(24, 4, 48, batch_first=True)),
        rgb, "2", "model[2].register_forward_pre_hook(lambda layer, given: given[0].movedim(1, -1))"),
    "rows of coloured pixels": (net(nn.Conv2d(3, 16, 3), out=16), rgb.flatten(1), "0",
                                "X = X.reshape(-1, 3, 28, 28)"),
    "rows for a generator": (nn.ConvTranspose2d(100, 8, 4), torch.rand(2, 100), "", "X = X[:, :, None, None]"),
    "a batch flattened with its images": (nn.Sequential(nn.Flatten(0), nn.Linear(784, 9)), grey, "1",
                                          "model[0] = nn.Flatten()"),
    "as large a side as there should be channels": (
        nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(28, 8, 1)), rgb, "1", "model[1] = nn.Conv2d(16, 8, 1)"),
    "frames first": (nn.Conv3d(3, 4, 3), torch.rand(2, 5, 3, 8, 8), "", "X = X.movedim(2, 1)"),
    "a batch with its labels": (net(nn.Conv2d(3, 16, 3), out=16), [rgb, torch.zeros(2)], "0", "X = X[0]"),
    "an image with its label": (net(nn.Conv2d(3, 16, 3), out=16), (rgb[0], 7), None, "X = X[0][None]"),
    "a picture from a file": (net(nn.Conv2d(3, 16, 3), out=16), Image.fromarray(photo.numpy()), "0",
                              "import numpy as np\nX = torch.tensor(np.array(X)).movedim(-1, 0)[None].float() / 255"),
    "frames of a film": (net(nn.Conv2d(3, 16, 3), out=16), torch.rand(2, 5, 3, 8, 8), "0", "X = X.flatten(0, 1)"),
    "volumes": (nn.Sequential(nn.Conv3d(1, 4, 3), nn.Flatten()), torch.rand(2, 8, 9, 9), "0", "X = X[:, None]"),
    "volumes of other channels": (nn.Conv3d(3, 4, 3), torch.rand(2, 5, 8, 8, 8), "", "model = nn.Conv3d(5, 4, 3)"),
    "one image of other channels, or grey images": (
        nn.Conv2d(3, 4, 3), torch.rand(5, 8, 8), "", "X = X[:, None].expand(-1, 3, -1, -1)",
        "model = nn.Conv2d(5, 4, 3)"),
    "one grey image": (nn.Conv2d(3, 4, 3), torch.rand(1, 8, 8), "", "X = X.expand(1, 3, -1, -1)",
                       "model = nn.Conv2d(1, 4, 3)"),
    "a matrix for colours": (nn.Conv2d(3, 4, 3), torch.rand(8, 8), "", "X = X.expand(1, 3, -1, -1)"),
    "grey images, channels last": (nn.Conv2d(3, 4, 3), torch.rand(2, 8, 8, 1), "",
                                   "X = X.movedim(-1, 1).expand(-1, 3, -1, -1)"),
    "images for Conv3d": (nn.Conv3d(3, 4, 3), rgb, "", "model = nn.Conv2d(3, 4, 3)"),
    "sequences for Conv2d": (nn.Conv2d(1, 4, 3), torch.rand(2, 1, 28), "", "model = nn.Conv1d(1, 4, 3)"),
    "sequences without a channel axis, and in_features": (
        nn.Sequential(nn.Conv1d(1, 8, 5), nn.Flatten(), nn.Linear(100, 2)), torch.rand(16, 100), "0",
        "X = X[:, None]\nmodel[2] = nn.Linear(768, 2)"),
    "a layer of an own type": (nn.Sequential(type("Mine", (nn.Conv2d,), {})(1, 8, 3)), rgb, "0",
                               "model[0] = nn.Conv2d(3, 8, 3)", "X = X.mean(1, keepdim=True)"),
    "a parametrized layer": (
        nn.Sequential(*map(nn.utils.parametrizations.spectral_norm, (nn.Conv2d(3, 8, 3), nn.Conv2d(4, 2, 3)))), rgb,
        "1", "model[1] = nn.Conv2d(8, 2, 3)"),
    "complex numbers": (net(nn.Conv2d(1, 16, 3), out=16), torch.complex(grey, grey), "0", "X = X.abs().float()"),
    "a layer of another type": (net(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 8, 1).double(), out=8), rgb, "1",
                                "model[1] = model[1].float()"),
    "a shared layer": (nn.Sequential(*[nn.Conv2d(3, 8, 3)] * 2), rgb, "0", "model[1] = nn.Conv2d(8, 8, 3)"),
    "an index too large": (nn.Embedding(10, 4), torch.tensor([[1, 12]]), "", "model = nn.Embedding(13, 4)"),
    "an index too large, with a point": (nn.Embedding(10, 4), torch.tensor([[1.0, 12.0]]), "",
                                         "X = X.long()\nmodel = nn.Embedding(13, 4)"),
    "rows that make more channels": (nn.Sequential(nn.Linear(10, 72), nn.Unflatten(1, (4, 3, 3)), nn.Conv2d(4, 2, 3)),
                                     torch.rand(2, 10), "1",
                                     "model[1] = nn.Unflatten(1, (-1, 3, 3))\nmodel[2] = nn.Conv2d(8, 2, 3)"),
    "normalisation of all sizes": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.LayerNorm([8, 9, 9])), rgb, "1",
                                   "model[1] = nn.LayerNorm([8, 26, 26])"),
    "exchanged features": (nn.Sequential(nn.Flatten(), nn.Linear(10, 784, bias=False)), grey, "1",
                           "model[1] = nn.Linear(784, 10, bias=False)"),
    "features that seem exchanged": (nn.Sequential(nn.Linear(784, 64), nn.Linear(32, 64), nn.Linear(64, 10)), row, "1",
                                     "model[1] = nn.Linear(64, 64)"),
    "features that seem exchanged in the last layer": (
        nn.Sequential(nn.Linear(784, 10), nn.Linear(20, 10)), row, "1", "model[1] = nn.Linear(10, 10)"),
    "exchanged channels": (net(nn.Conv2d(16, 3, 3), nn.Conv2d(16, 8, 3), out=8), rgb, "0",
                           "model[0] = nn.Conv2d(3, 16, 3)"),
    "exchanged channels, transposed": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(4, 8, 2, stride=2), nn.Conv2d(4, 2, 1)), rgb, "1",
        "model[1] = nn.ConvTranspose2d(8, 4, 2, stride=2)"),
    "a layer shared by three": (nn.Sequential(*[nn.Conv2d(3, 8, 3)] * 3), rgb, "0",
                                "model[1] = nn.Conv2d(8, 8, 3)\nmodel[2] = nn.Conv2d(8, 8, 3)"),
    "five faults": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(8), nn.Flatten(),
                    nn.Linear(9, 5)),
                    rgb.movedim(1, -1), "0",
                    "X = X.movedim(-1, 1)\nmodel[1] = nn.Conv2d(8, 6, 3)\nmodel[2] = nn.BatchNorm2d(6)\n"
                    "model[4] = nn.Linear(3456, 5)"),
}


def call(model, X):
    """Call a network with one input, with several, or with named ones."""
    return model(**X) if isinstance(X, dict) else model(*X) if isinstance(X, tuple) else model(X)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_repair_works_when_it_is_typed_in(fault):
    model, X, failed, *repairs = BROKEN[fault]
    report = d2l.summary(model, X)
    assert report.failed == failed
    assert [re.sub("  #.*", "", repair) for repair in report.repairs] == repairs
    with pytest.raises(type(report.error), match=re.escape(str(report.error))):
        call(model, X)
    for repair in report.repairs:
        typed = {"torch": torch, "nn": nn, "d2l": d2l, "model": copy.deepcopy(model), "X": copy.copy(X)}
        exec(repair, typed)
        call(typed["model"], typed["X"])
        assert all(line in report.advice for line in repair.splitlines())


# Networks whose own code refuses. The advice is a line to write there.

OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.fc = nn.Linear(144, 10)

    def forward(self, x):
        x = self.conv(x)
        {line}
        return self.fc(x)
"""


def own(line, folder):
    """Make a network with this line in its own code."""
    path = folder / f"own{len(list(folder.iterdir()))}.py"
    path.write_text(OWN.format(line=line), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Net()


@pytest.mark.parametrize(("line", "repair", "given"), [
    ("x = x.view(-1, 100)", "x = x.flatten(1)", "(2, 4, 6, 6)"),
    ("x = x.reshape(2, 4 * 25)", "x = x.flatten(1)", "(2, 4, 6, 6)"),
    ("x = x.movedim(1, -1).view(2, -1)", "x = x.movedim(1, -1).reshape(2, -1)", "(2, 6, 6, 4)"),
    ("x = torch.reshape(x.relu(), (-1, 100))", "x = x.relu().flatten(1)", "(2, 4, 6, 6)"),
    ("x = x.relu().view(int(max(1, min(2, 3))), (100))", "x = x.relu().flatten(1)", "(2, 4, 6, 6)"),
    ("_, x = '\N{BULLET}', (x + x).view(-1, 100)", "_, x = '\N{BULLET}', (x + x).flatten(1)", "(2, 4, 6, 6)"),
    ("x = torch.reshape(x + x, (-1, 100))", "x = (x + x).flatten(1)", "(2, 4, 6, 6)"),
    ("x = torch.reshape(x.movedim(1, -1).view(2, -1), (2, -1))",
     "x = torch.reshape(x.movedim(1, -1).reshape(2, -1), (2, -1))", "(2, 6, 6, 4)"),
])
def test_a_line_of_the_networks_own_code_is_shown_and_written_anew(line, repair, given, tmp_path):
    X = torch.rand(2, 1, 8, 8)
    report = d2l.summary(own(line, tmp_path), X)
    assert report.failed is None
    assert line in report.advice
    assert given in report.advice
    assert report.advice.endswith(f"rite: {repair}")
    assert d2l.summary(own(repair, tmp_path), X).ok


@pytest.mark.parametrize("line", ["x = x.view(-1, 100)", "x = x.view(x.size(0), 100)", "x = x.reshape(-1)",
                                  "x = torch.flatten(x)", "x = x.view(x.size(1), -1)", "x = x.view(-1, 144)"])
def test_what_follows_a_line_of_the_networks_own_code_is_repaired_too(line, tmp_path):
    X = torch.rand(9, 1, 10, 10)
    report = d2l.summary(own(line, tmp_path), X)
    assert report.advice.endswith(" Write: x = x.flatten(1)\nand:\n    model.fc = nn.Linear(256, 10)")
    model = own("x = x.flatten(1)", tmp_path)
    model.fc = nn.Linear(256, 10)
    assert d2l.summary(model, X).ok


@pytest.mark.parametrize(("line", "repair"), [
    ("x = torch.flatten(torch.relu(x))", "x = torch.relu(x).flatten(1)"),
    ("x = x.view(\n            -1, 144)", ".flatten(1) in place of view"),
    ("flat = torch.flatten; x = flat(x)", ".flatten(1) in place of flatten"),
    ("x = torch.reshape(x,\n            (-1, 144))", ".flatten(1) in place of reshape"),
])
def test_a_line_that_is_advised_is_another_and_whole_or_only_what_to_write_in_it_is_said(line, repair, tmp_path):
    report = d2l.summary(own(line, tmp_path), torch.rand(9, 1, 10, 10))
    assert report.advice.endswith(f" Write: {repair}\nand:\n    model.fc = nn.Linear(256, 10)")


def test_a_layer_that_the_networks_own_code_calls_twice_is_told_to_be_two(tmp_path):
    report = d2l.summary(own("x = self.conv(x)", tmp_path), torch.rand(2, 1, 8, 8))
    assert report.failed == "conv"
    assert report.advice.endswith("This call needs a layer of its own: nn.Conv2d(4, 4, 3)")


def test_what_refuses_after_the_last_repair_is_said(tmp_path):
    model = own("x = nn.BatchNorm2d(4).eval()(x) + x[:, :2]", tmp_path)
    report = d2l.summary(nn.Sequential(nn.Conv2d(3, 1, 1), model), torch.rand(2, 5, 8, 8))
    assert report.failed == "0"
    assert "To get further, write:\n    model[0] = nn.Conv2d(5, 1, 1)\nThen: No layer refused" in report.advice


@pytest.mark.parametrize(("line", "said"), [
    ("x = torch.cat([x, x.mean((2, 3))], 1)", "All must have as many axes: .flatten(1) makes a row of each image."),
    ("x = x.flatten(2) @ x.flatten(2)", "Their last axes agree: write .transpose(-2, -1) after the second."),
    ("x = torch.stack([x, x, x[:, :2]])", "There, stack was given (2, 4, 6, 6) and (2, 4, 6, 6) and (2, 2, 6, 6)."),
    ("x = torch.cat([torch.zeros(1, 1, 36), x.flatten(2)], 1)", "A batch of one is repeated by .expand(2, -1, -1)."),
    ("x = torch.cat([x, x[..., 1:]], 1)", "Only the axis along which they are joined may differ."),
    ("x = x + x[..., 2:, 2:]", "There, add was given (2, 4, 6, 6) and (2, 4, 4, 4)."),
    ("x = torch.conv2d(x, self.conv.weight)", "There, conv2d was given (2, 4, 6, 6) and (4, 1, 3, 3)."),
    ("x = x.flatten(1) + x.flatten(2)", "There, add was given (2, 144) and (2, 4, 36)."),
    ("x = x.view(2, 3, 2, 6, 6)", "There, view was given (2, 4, 6, 6). Each image has 144 numbers there."),
])
def test_what_an_operation_was_given_is_said(line, said, tmp_path):
    assert d2l.summary(own(line, tmp_path), torch.rand(2, 1, 8, 8)).advice.endswith(said)


def test_images_that_are_joined_instead_of_their_channels_are_noticed(tmp_path):
    model = own("x = self.conv2(torch.cat([x, x]))", tmp_path)
    model.conv2 = nn.Conv2d(8, 8, 3)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.repairs == ()
    assert "model.conv2 gets (4, 4, 6, 6). torch.cat joins images, unless" in report.advice


def test_a_layer_that_takes_images_that_are_joined_by_mistake_is_no_repair(tmp_path):
    model = own("x = self.conv2(torch.cat([x, x])).mean((2, 3))", tmp_path)
    model.conv2, model.fc = nn.Conv2d(8, 8, 3), nn.Linear(8, 10)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.repairs == ()
    assert "torch.cat joins images" in report.advice


def test_images_that_are_joined_where_nothing_refuses_are_left_alone(tmp_path):
    model = own("x = self.conv2(torch.cat([x, x])).mean((2, 3))", tmp_path)
    model.fc = nn.Linear(8, 10)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.ok
    assert report.advice == ""


def test_channels_that_become_images_for_a_while_are_left_alone(tmp_path):
    model = own("x = x.flatten(0, 1).mean((1, 2)).view(2, -1)", tmp_path)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.repairs == ("model.fc = nn.Linear(4, 10)",)


def test_maps_that_are_joined_along_another_axis_than_the_channels_are_noticed(tmp_path):
    model = own("x = self.conv2(torch.cat((x, x), dim=2))", tmp_path)
    model.conv2 = nn.Conv2d(8, 8, 3)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.advice.startswith("model.conv2 is made for 8 channels, but gets 4: its input is (2, 4, 12, 6). "
                                    "torch.cat joins rows or columns, unless it is given the axis of the channels, 1.")


def test_images_that_are_stacked_instead_of_joined_are_noticed(tmp_path):
    model = own("x = self.conv2(torch.stack([x, x], 1))", tmp_path)
    model.conv2 = nn.Conv2d(8, 8, 3)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.repairs == ()
    assert report.advice == ("model.conv2 (Conv2d) gets a tensor of 5 axes, (2, 2, 4, 6, 6). "
                             "torch.stack makes an axis; torch.cat, with axis 1, joins channels.")


@pytest.mark.parametrize(("move", "axis"), [("permute(0, 2, 3, 1)", 3), ("transpose(1, 2)", 2), ("movedim(1, 3)", 3)])
def test_channels_that_the_networks_own_code_puts_elsewhere_are_put_back(move, axis, tmp_path):
    model, X = own(f"x = self.conv2(x.{move}).flatten(1)", tmp_path), torch.rand(2, 1, 8, 8)
    report = d2l.summary(model, X)
    assert report.failed == "conv2"
    assert report.repairs == (
        f"model.conv2.register_forward_pre_hook(lambda layer, given: given[0].movedim({axis}, 1))"
        "  # its channels are there\nmodel.fc = nn.Linear(72, 10)",)
    exec(report.repairs[0], {"nn": nn, "model": model})
    assert d2l.summary(model, X).ok


def test_maps_that_are_as_high_as_there_should_be_channels_are_left_as_they_are(tmp_path):
    model = own("x = self.conv2(nn.functional.max_pool2d(x, 2)).flatten(1)", tmp_path)
    model.conv2 = nn.Conv2d(3, 8, 3)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.repairs == ("model.conv2 = nn.Conv2d(4, 8, 3)\nmodel.fc = nn.Linear(8, 10)",)


def test_a_film_may_need_a_convolution_in_three_dimensions():
    report = d2l.summary(nn.Conv2d(3, 4, 3), torch.rand(2, 3, 5, 8, 8))
    assert report.repairs == ("model = nn.Conv3d(3, 4, 3)",)


def test_a_module_of_an_own_type_without_others_in_it_has_a_row():
    mine = type("Mine", (nn.Module,), {"forward": lambda self, x: x + 1})
    assert [row.kind for row in d2l.summary(nn.Sequential(mine(), nn.ReLU()), rgb).rows] == ["Mine", "ReLU"]


def test_a_layer_of_torch_that_holds_others_has_one_row():
    model = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3))
    rows = d2l.summary(model, torch.rand(2, 5, 8)).rows
    assert [row.name for row in rows] == ["0", "1"]
    assert rows[0].parameters == sum(p.numel() for p in model[0].parameters())


def test_a_parametrized_layer_has_one_row():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3)), nn.ReLU())
    assert [row.name for row in d2l.summary(model, rgb).rows] == ["0", "1"]


def test_an_axis_that_is_squeezed_away_is_noticed(tmp_path):
    line = "x = nn.AdaptiveAvgPool2d(1)(x).squeeze()"
    report = d2l.summary(own(line, tmp_path), torch.rand(1, 1, 8, 8))
    assert report.advice.startswith("The network mixes the images: model.conv returns (1, 4, 6, 6), but ")
    assert f" Write: {line.replace('squeeze()', 'flatten(1)')}" in report.advice


def test_an_axis_that_is_squeezed_away_and_put_back_is_left_alone(tmp_path):
    model = own("x = x.mean((2, 3), keepdim=True).squeeze().view(1, -1)", tmp_path)
    report = d2l.summary(model, torch.rand(1, 1, 8, 8))
    assert report.repairs == ("model.fc = nn.Linear(4, 10)",)


def test_of_two_views_in_a_line_the_one_at_fault_is_mended(tmp_path):
    line = "x = x.squeeze(); x = x.view(x.size(0), 100)"
    report = d2l.summary(own(line, tmp_path), torch.rand(2, 1, 8, 8))
    assert report.advice.endswith(" Write: x = x.squeeze(); x = x.flatten(1)")


def test_a_view_is_mended_although_what_refuses_comes_later(tmp_path):
    line = "x = nn.BatchNorm1d(4).eval()(x.mean((2, 3), keepdim=True).squeeze())"
    report = d2l.summary(own(line, tmp_path), torch.rand(1, 1, 8, 8))
    assert report.advice.endswith(f" Write: {line.replace('squeeze()', 'flatten(1)')}\n"
                                  "and:\n    model.fc = nn.Linear(4, 10)")


def test_a_forgotten_return_is_noticed():
    class Forgetful(nn.Module):
        def forward(self, x):
            x = x + 1

    alone, inside = (d2l.summary(model, torch.rand(1, 3, 8, 8))
                     for model in (Forgetful(), nn.Sequential(Forgetful(), nn.Conv2d(3, 8, 3))))
    assert alone.ok
    assert alone.advice == "The network returns nothing. Has its forward a return?"
    assert inside.advice == "model[1] is given nothing. Has the forward before it a return?"
    assert d2l.summary(nn.Sequential(nn.Conv2d(3, 8, 3)), None).advice == "model[0] is given nothing."


@pytest.mark.parametrize(("layers", "kind", "better"), [
    ([nn.Conv2d(3, 3, 1)], "list", "nn.ModuleList"),
    ({"one": [nn.Conv2d(3, 3, 1)]}, "dict", "nn.ModuleDict"),
    (nn.ModuleList([nn.Conv2d(3, 3, 1)]), "", ""),
    ([1, "text", None], "", ""),
])
def test_layers_where_torch_does_not_see_them_are_noticed(layers, kind, better):
    model = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 3))
    model[0].own, model[0].known = layers, [model[1]]
    right, wrong = (d2l.summary(model, torch.rand(1, c, 8, 8)).advice for c in (3, 1))
    assert right == (kind and f"model[0].own holds layers in a {kind}, where torch does not see them: they have no "
                              f"rows here, and no optimizer gets their weights. Make it an {better}.")
    assert wrong.split("\n")[5:] == [right] * bool(right)


def test_a_network_that_catches_what_a_layer_raises_is_followed_to_its_end(tmp_path):
    model = own("x = self.conv2(x)", tmp_path)

    class Patient(nn.Module):
        def __init__(self):
            super().__init__()
            self.refuses, self.takes = model.fc, nn.Sequential(nn.Conv2d(1, 4, 3))

        def forward(self, x):
            try:
                return self.refuses(x)
            except RuntimeError:
                return self.takes(x)

    report = d2l.summary(nn.Sequential(Patient(), nn.ReLU()), torch.rand(2, 1, 8, 8))
    assert report.ok
    assert [row.output_shape for row in report.rows][-2:] == [(2, 4, 6, 6)] * 2


def test_a_layer_that_is_called_again_after_it_has_raised_has_a_row_for_each_call():
    class Patient(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(36, 2)

        def forward(self, x):
            try:
                return self.fc(x)
            except RuntimeError:
                return self.fc(x.flatten(1))

    report = d2l.summary(Patient(), torch.rand(2, 1, 6, 6))
    assert report.ok
    assert report.failed is None
    assert [row.output_shape for row in report.rows] == [None, (2, 2)]
    assert [row.parameters for row in report.rows] == [74, 0]


def test_a_layer_that_is_made_and_not_called_is_noticed(tmp_path):
    report = d2l.summary(own("x = self.conv2(nn.ReLU(x))", tmp_path), torch.rand(1, 1, 8, 8))
    assert report.advice == "model.conv2 takes a tensor, but is given an object of type ReLU. Call it: nn.ReLU()(x)."


@pytest.mark.parametrize(("model", "X", "advice"), [
    (nn.Conv2d(3, 8, 3), torch.rand(1, 3, 8, 8).double(),
     "The input is torch.float64, but model.weight is torch.float32.\nWrite:\n    X = X.float()  # as the weights are"),
    (nn.Conv2d(3, 8, 3), torch.rand(2, 1, 8, 8),
     "model is made for 3 channels, but gets 1: its input is (2, 1, 8, 8).\nWrite:\n    model = nn.Conv2d(1, 8, 3)\n"
     "or:\n    X = X.expand(-1, 3, -1, -1)  # the same grey three times"),
    (nn.Conv2d(3, 8, 3), torch.ones(9, 9, 3).byte(),
     "The input is torch.uint8, but model.weight is torch.float32.\nWrite:\n    X = X.movedim(-1, 0)[None].float() "
     "/ 255  # channels first, in a batch of one, bytes become numbers from 0 to 1"),
    (nn.Conv3d(3, 8, 3), torch.rand(2, 9, 9, 9),
     "model is made for 3 channels, but gets 2: its input is (2, 9, 9, 9).\nWrite:\n    model = nn.Conv3d(2, 8, 3)"),
    (nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(4, 5, 1)), torch.rand(2, 3, 9, 9),
     "model[1] is made for 4 channels, but gets 8: its input is (2, 8, 9, 9).\n"
     "Write:\n    model[1] = nn.Conv2d(8, 5, 1)"),
    (nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 10)), torch.rand(2, 3, 8, 8),
     "model[1] is made for 8 features, but gets 6: its input is (2, 8, 6, 6), maps that are not flattened.\nWrite:\n"
     "    model[1] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), model[1])"),
    *((nn.Conv2d(c, 8, 3), torch.rand(10), "model (Conv2d) gets a tensor of 1 axis, (10,).") for c in (1, 3)),
    (nn.BatchNorm2d(1), torch.rand(2, 1, 1, 4, 4),
     "model (BatchNorm2d) gets a tensor of 5 axes, (2, 1, 1, 4, 4).\nWrite:\n    X = X.squeeze(1)  # one axis less"),
    (nn.BatchNorm2d(4), torch.rand(1, 4, 1, 1),
     "model (BatchNorm2d) gets (1, 4, 1, 1).\n"
     "Write:\n    model.eval()  # a single value has no statistics to normalise with"),
    (nn.Conv2d(3, 8, 5), torch.rand(3, 4, 9),
     "model looks at 5x5 numbers, but its input is only (3, 4, 9).\nWrite:\n    model = nn.Conv2d(3, 8, 5, padding=2)"),
], ids=["dtype", "channels", "channels inside", "not flattened", "bytes", "a volume", "one axis", "one axis for grey",
        "five axes", "one value", "a small image"])
def test_an_advice_reads_as_a_whole(model, X, advice):
    assert d2l.summary(model, X).advice == advice


@pytest.mark.parametrize("axis", [2, 3])
def test_maps_that_are_joined_along_rows_or_columns_are_noticed(axis):
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(8, 4, 3)

        def forward(self, x):
            x = self.first(x)
            return self.second(torch.cat([x, x], axis))

    report = d2l.summary(Joined(), torch.rand(2, 3, 8, 7))
    assert report.repairs == ()
    assert "torch.cat joins rows or columns, unless it is given the axis of the channels, 1." in report.advice


@pytest.mark.parametrize(("operation", "shapes", "said"), [
    ("view", [(2, 4, 6, 6)], "Each image has 144 numbers there."),
    ("reshape", [(2, 4, 6, 6)], "Each image has 144 numbers there."),
    ("cat", [(2, 4, 6, 6), (2, 4)], "All must have as many axes: .flatten(1) makes a row of each image."),
    ("cat", [(1, 4, 6, 6), (2, 4, 6, 6)], "A batch of one is repeated by .expand(2, -1, -1, -1)."),
    ("cat", [(1, 1, 6, 6), (2, 1, 6, 6)], "A batch of one is repeated by .expand(2, -1, -1, -1)."),
    ("cat", [(2, 4, 6, 6), (3, 4, 6, 6)], "Only the axis along which they are joined may differ."),
    ("cat", [(1, 4, 6, 6), (2, 4, 6, 5)], "Only the axis along which they are joined may differ."),
    ("matmul", [(2, 3, 4), (2, 5, 4)], "Their last axes agree: write .transpose(-2, -1) after the second."),
    ("bmm", [(2, 3, 4), (2, 5, 4)], "Their last axes agree: write .transpose(-2, -1) after the second."),
    ("bmm", [(2, 3, 4), (2, 5, 6)], ""),
    *((name, [(2, 4, 6, 6), (2, 4)], "For one number for each channel, write [:, :, None, None] after the second.")
      for name in ("add", "sub", "mul", "div")),
    ("mul", [(2, 4, 6, 6), (4,)], "For one number for each channel, write [:, None, None] after the second."),
    ("mul", [(2, 4, 6, 6), (6,)], ""),
    *((name, shapes, "Before the sum, (2, 4, 6, 12) needs a layer of its own: "
       "self.shortcut = nn.Conv2d(4, 8, 1, stride=2)")
      for name in ("add", "sub") for shapes in ([(2, 4, 6, 12), (2, 8, 3, 6)], [(2, 8, 3, 6), (2, 4, 6, 12)])),
    ("add", [(2, 8, 6, 6), (2, 4, 6, 6)],
     "Before the sum, (2, 4, 6, 6) needs a layer of its own: self.shortcut = nn.Conv2d(4, 8, 1)"),
    ("add", [(2, 4, 6, 9), (2, 8, 3, 3)], ""),
    ("add", [(2, 4, 9, 6), (2, 8, 3, 3)], ""),
    ("add", [(2, 4, 6, 6), (4, 8, 6)], ""),
    ("erfinv", [(2, 4, 6, 6)], ""),
])
def test_what_is_meant_by_an_operation_is_guessed_from_its_shapes(operation, shapes, said):
    assert meant(operation, shapes).strip() == said


@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, padding=2), nn.AvgPool2d(3, padding=2)], ids=["max", "average"])
def test_a_window_as_large_as_its_input_is_not_too_large(pool):
    report = d2l.summary(pool, torch.rand(1, 1, 3, 3))
    assert "at most half" in str(report.error)
    assert "looks at" not in report.advice


def test_a_layer_of_attention_is_told_how_many_features_it_gets():
    class Attentive(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.attention = nn.Conv2d(3, 8, 7, 7), nn.MultiheadAttention(8, 2)

        def forward(self, x):
            x = self.patches(x).flatten(2)
            return self.attention(x, x, x)

    report = d2l.summary(Attentive(), rgb)
    assert report.advice == "model.attention is made for 8 features, but gets 16: its input is (2, 8, 16)."


def test_a_layer_of_an_own_type_is_called_a_layer():
    report = d2l.summary(nn.Sequential(type("Mine", (nn.Conv2d,), {})(1, 8, 3)), rgb)
    assert report.advice.startswith("model[0] is made for 1 channel, but gets 3")
    assert "model[0] = nn.Conv2d(3, 8, 3)  # in place of Mine\n" in report.advice


def test_a_layer_with_a_forward_of_its_own_is_not_replaced(tmp_path):
    class Standardised(nn.Conv2d):
        def forward(self, x):
            return torch.conv2d(x, self.weight - self.weight.mean())

    report = d2l.summary(nn.Sequential(Standardised(1, 8, 3)), rgb)
    assert report.repairs == ("X = X.mean(1, keepdim=True)  # grey, the mean of the colours",)
    assert report.failed == "0"
    assert report.advice.startswith("model[0] is made for 1 channel, but gets 3: its input is (2, 3, 28, 28). "
                                    "model[0] refused, in its own code: return torch.conv2d(x,")
    assert "torch.conv2d(x, self.weight - self.weight.mean())\nThere, conv2d was given (2, 3, 28, 28)" in report.advice


@pytest.mark.parametrize(("X", "got"), [(torch.tensor([3, 12]), "torch.int64 from 3 to 12"),
                                        (torch.tensor([-1, 2]), "torch.int64 from -1 to 2"),
                                        (torch.tensor([0.5, 2]), "torch.float32 from 0.5 to 2.0")])
def test_an_embedding_is_told_which_integers_it_takes(X, got):
    report = d2l.summary(nn.Embedding(10, 4), X)
    assert report.advice.startswith(f"model takes integers from 0 to 9, but gets {got}.")


def test_an_embedding_without_an_index_is_told_to_take_integers():
    report = d2l.summary(nn.Embedding(10, 4), torch.rand(0))
    assert report.repairs == ("X = X.long()  # indices are integers",)


def test_a_nested_list_is_told_to_be_no_tensor():
    report = d2l.summary(nn.Conv2d(3, 8, 3), [[1.0, 2.0], [3.0, 4.0]])
    assert report.advice == "model takes a tensor, but is given an object of type list."


def test_factors_are_told_to_have_as_many_axes(tmp_path):
    report = d2l.summary(own("x = x * x.mean((2, 3))", tmp_path), torch.rand(2, 1, 8, 8))
    assert report.advice.endswith("write [:, :, None, None] after the second.")


def test_a_sum_is_told_which_shortcut_it_needs(tmp_path):
    report = d2l.summary(own("x = self.conv2(x) + x", tmp_path), torch.rand(2, 1, 8, 8))
    assert report.failed is None
    assert report.advice.endswith("(2, 4, 6, 6) needs a layer of its own: self.shortcut = nn.Conv2d(4, 8, 1, stride=2)")
    assert nn.Conv2d(4, 8, 1, stride=2)(torch.rand(2, 4, 6, 6)).shape == (2, 8, 3, 3)


def test_a_convolution_that_shrinks_a_branch_is_padded():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3)

        def forward(self, x):
            return self.conv(x) + x

    report = d2l.summary(Branch(), torch.rand(1, 4, 8, 8))
    assert report.repairs == ("model.conv = nn.Conv2d(4, 4, 3, padding=1)",)


def test_of_several_layers_only_those_that_shrink_a_branch_are_padded():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.point, self.pool = nn.Conv2d(4, 8, 3), nn.Conv2d(8, 4, 1), nn.MaxPool2d(3, 1, 1)

        def forward(self, x):
            return self.point(self.pool(self.conv(x))) + x

    report = d2l.summary(Branch(), torch.rand(1, 4, 8, 8))
    assert report.repairs == ("model.conv = nn.Conv2d(4, 8, 3, padding=1)",)


@pytest.mark.parametrize("n", [2, 4, 8, 16, 32])
def test_sides_are_padded_to_what_a_network_halves_again_and_again(n):
    class Down(nn.Module):
        def forward(self, x):
            return nn.functional.interpolate(max_pool2d(x, n), scale_factor=n) + x

    report = d2l.summary(Down(), torch.rand(1, 3, n + 1, 2 * n - 1))
    assert report.repairs == (f"X = nn.functional.pad(X, (0, 1, 0, {n - 1}))  # sides that {n} divides",)


def test_a_layer_that_refuses_by_a_hook_is_the_one_that_refused():
    def refuse(layer, given):
        raise ValueError("not today")

    model = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 3))
    model[1].register_forward_pre_hook(refuse)
    assert d2l.summary(model, rgb).failed == "1"


def test_a_layer_that_is_called_again_after_images_are_mixed_is_told():
    class Mixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu = nn.Conv2d(1, 4, 3), nn.ReLU()

        def forward(self, x):
            x = self.relu(self.conv(x))
            return self.relu(x.view(-1))

    report = d2l.summary(Mixing(), torch.rand(2, 1, 8, 8))
    told = "The network mixes the images: model.relu returns (2, 4, 6, 6), but model.relu gets (288,)."
    assert report.advice.startswith(told)


def test_a_line_of_a_mode_of_the_users_own_is_not_taken_for_the_networks(tmp_path):
    class Watching(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    line = "x = x.view(2, 4, 35)"
    with Watching():
        report = d2l.summary(own(line, tmp_path), torch.rand(2, 1, 8, 8))
    assert report.advice.startswith(f"No layer refused, but the network's own code: {line}")


def test_a_line_of_torch_is_not_taken_for_the_networks(tmp_path):
    line = "x = nn.functional.interpolate(x, (2, 2, 2))"
    report = d2l.summary(own(line, tmp_path), torch.rand(2, 1, 8, 8))
    assert f"the network's own code: {line}\n" in report.advice


def test_a_view_into_maps_is_not_made_rows(tmp_path):
    report = d2l.summary(own("x = x.view(2, 4, 35)", tmp_path), torch.rand(2, 1, 8, 8))
    assert report.advice.endswith(" Each image has 144 numbers there.")


def test_of_two_views_of_one_name_the_first_is_mended_if_it_is_the_first_that_fails(tmp_path):
    report = d2l.summary(own("x = x.view(2, 100); x = x.view(2, -1)", tmp_path), torch.rand(2, 1, 8, 8))
    assert report.advice.endswith(" Write: x = x.flatten(1); x = x.view(2, -1)")


def test_a_network_that_mixes_the_images_of_a_batch_is_told(tmp_path):
    report = d2l.summary(own("x = x.view(-1, 144)", tmp_path), torch.rand(9, 1, 10, 10))
    assert report.ok
    assert "x.flatten(1)" in report.advice


def test_where_nothing_helps_the_report_says_what_it_knows():
    report = d2l.summary(nn.Sequential(nn.Conv2d(1, 6, 3), nn.PixelShuffle(2)), torch.rand(1, 1, 8, 8))
    assert report.failed == "1"
    assert report.repairs == ()
    assert report.advice == "model[1] (PixelShuffle) gets (1, 6, 6, 6)."


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is one device here")
def test_a_network_on_another_device_is_told():
    report = d2l.summary(nn.Sequential(nn.Conv2d(1, 6, 3)).cuda(), torch.rand(1, 1, 8, 8))
    assert [repair.split("  ")[0] for repair in report.repairs] == ['X = X.to("cuda:0")']


# Networks that are right, or almost: what they do on purpose is no fault.

def written_as(forward, **layers):
    """Make a network with these layers and this forward."""
    model = type("Written", (nn.Module,), {"forward": forward})()
    for name, layer in layers.items():
        setattr(model, name, layer)
    return model


def each_pixel(self, x):
    """Give a linear layer each pixel as a row."""
    x = self.conv(x)
    n, c, h, w = x.shape
    return self.out(self.fc(x.movedim(1, -1).reshape(-1, c)).view(n, h, w, -1).movedim(-1, 1))


def each_region(self, x):
    """Cut more regions than there are images, as a detector does."""
    maps = self.conv(x)
    return self.out(self.fc(torch.stack([maps[n // 3, :, :4, :4] for n in range(6)]).flatten(1)))


def each_bag(self, x):
    """Take the mean over the instances of a bag, which the batch is."""
    return self.out(self.fc(self.conv(x).mean((2, 3)).view(-1, 4).mean(0, keepdim=True)))


def both_poolings(self, x):
    """Give one network the means and the maxima, as an attention over channels does."""
    x = self.conv(x)
    mean, largest = self.fc(torch.cat([x.mean((2, 3)), x.amax((2, 3))])).chunk(2)
    return self.out(x * (mean + largest)[:, :, None, None])


APART = {  # the forward, the features that its linear layer takes and returns, and what comes then
    "each pixel": (each_pixel, 4, 6, nn.Conv2d(6, 2, 1), "nn.Conv2d(6, 2, 1)"),
    "each region": (each_region, 64, 6, nn.Linear(6, 2), "nn.Linear(6, 2)"),
    "each bag": (each_bag, 4, 6, nn.Linear(6, 2), "nn.Linear(6, 2)"),
    "both poolings": (both_poolings, 4, 4, nn.Conv2d(4, 2, 1), "nn.Conv2d(4, 2, 1)"),
}


@pytest.mark.parametrize("case", APART)
def test_images_that_are_taken_apart_on_purpose_are_left_alone(case):
    forward, c_i, c_o, out, text = APART[case]
    X = torch.rand(2, 3, 8, 8)
    model = written_as(forward, conv=nn.Conv2d(3, 4, 1), fc=nn.Linear(c_i, c_o), out=out)
    assert d2l.summary(model, X).advice == ""
    model.fc = nn.Linear(99, c_o)
    assert d2l.summary(model, X).repairs == (f"model.fc = nn.Linear({c_i}, {c_o})",)
    assert d2l.summary(model, X).advice.startswith("model.fc is made for 99 features, but gets")
    model.fc, model.out = nn.Linear(c_i, c_o), type(out)(99, *(2, 1)[:1 + isinstance(out, nn.Conv2d)])
    assert d2l.summary(model, X).repairs == (f"model.out = {text}",)


def rows_of_frames(self, x):
    """Give each video's frames as one row."""
    return self.fc(self.conv(x.flatten(0, 1)).view(len(x), -1))


def row_of_each_frame(self, x):
    """Give each frame as a row, and each video as what its rows become."""
    return self.fc(self.conv(x.flatten(0, 1)).mean((2, 3))).view(len(x), -1)


@pytest.mark.parametrize(("forward", "c_i"), [(rows_of_frames, 3 * 4 * 16), (row_of_each_frame, 4)])
def test_frames_of_videos_are_no_mixed_images(forward, c_i):
    model = written_as(forward, conv=nn.Conv2d(2, 4, 1), fc=nn.Linear(c_i, 5))
    report = d2l.summary(model, torch.rand(2, 3, 2, 4, 4))
    assert (report.ok, report.advice) == (True, "")


def test_pixels_that_are_maps_again_are_no_mixed_images_though_nothing_of_them_is_returned():
    def forward(self, x):
        return each_pixel(self, x).sum()

    model = written_as(forward, conv=nn.Conv2d(3, 4, 1), fc=nn.Linear(4, 6), out=nn.Identity())
    assert d2l.summary(model, torch.rand(2, 3, 8, 8)).advice == ""


def test_the_line_that_mixes_is_mended_and_not_a_right_one_before(tmp_path):
    model = own("rows = x.reshape(len(x), -1); x = x.view(-1, 9)", tmp_path)
    assert d2l.summary(model, torch.rand(2, 1, 8, 8)).advice.endswith(
        "Write: rows = x.reshape(len(x), -1); x = x.flatten(1)")


def test_channels_as_images_on_purpose_are_not_made_rows():
    def forward(self, x):
        return self.fc(self.conv(x).flatten(0, 1))

    model = written_as(forward, conv=nn.Conv2d(3, 4, 1), fc=nn.Linear(99, 5))
    assert d2l.summary(model, torch.rand(2, 3, 8, 8)).repairs == (
        "model.fc = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))",)


def test_three_layers_in_a_row_are_made_anew_though_each_repair_adds_layers():
    def forward(self, x):
        x = self.a(x).view(-1, 4, 2, 2)
        return self.c(self.b(x).view(-1, 4, 2, 2))

    model = written_as(forward, a=nn.Linear(36, 16), b=nn.Linear(16, 16), c=nn.Linear(16, 2))
    assert d2l.summary(model, torch.rand(2, 4, 3, 3)).repairs == ("\n".join(
        f"model.{name} = nn.Sequential(nn.Flatten(), model.{name})" for name in "abc"),)


def test_the_module_inside_is_named_and_not_the_network_with_a_parameter_of_its_own():
    def inner(self, x):
        return x @ self.weight

    def forward(self, x):
        return self.a(x) * self.scale

    leaf = written_as(inner)
    leaf.weight = nn.Parameter(torch.ones(3, 4))
    model = written_as(forward, a=leaf)
    model.scale = nn.Parameter(torch.ones(1))
    assert d2l.summary(model, torch.rand(2, 5)).failed == "a"


@pytest.mark.parametrize("norm", [nn.Identity(), nn.BatchNorm2d(8)])
def test_a_shortcut_without_its_stride_is_told_its_stride(norm):
    block = Residual(4, 8, 2)
    block.shortcut = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), norm)
    report = d2l.summary(block, torch.rand(2, 4, 8, 8))
    assert report.repairs == ("model.shortcut[0] = nn.Conv2d(4, 8, 1, stride=2, bias=False)",)
    assert "self.shortcut" not in report.advice.split("There, ")[1]


@pytest.mark.parametrize(("stride", "size"), [(2, (8, 12)), (2, (12, 8)), (4, (4, 12))])
@pytest.mark.parametrize("sum_of", [torch.add, torch.sub])
def test_the_stride_of_a_shortcut_is_that_of_the_heights_and_widths(sum_of, stride, size):
    def forward(self, x):
        return sum_of(self.conv(x), self.shortcut(x))

    model = written_as(forward, conv=nn.Conv2d(4, 8, 3, stride, padding=1), shortcut=nn.Conv2d(4, 8, 1))
    report = d2l.summary(model, torch.rand(2, 4, *size))
    assert report.repairs == (f"model.shortcut = nn.Conv2d(4, 8, 1, stride={stride})",)


def test_maps_and_one_number_for_each_channel_are_no_shortcut():
    def forward(self, x):
        x = self.conv(x)
        return x + x.mean((2, 3))

    report = d2l.summary(written_as(forward, conv=nn.Conv2d(3, 4, 1)), torch.rand(2, 3, 8, 8))
    assert report.advice.endswith("For one number for each channel, write [:, :, None, None] after the second.")


@pytest.mark.parametrize(("size", "repairs"), [
    ((8, 12), ("X = nn.functional.pad(X, (0, 4, 0, 0))  # sides that 8 divides",)),
    ((4, 12), ())])
def test_sides_are_made_larger_unless_the_image_is_smaller_than_what_must_divide_them(size, repairs):
    def forward(self, x):
        small = self.conv(x)[:, :, ::8, ::8]
        return x + small.repeat_interleave(8, 2).repeat_interleave(8, 3)

    report = d2l.summary(written_as(forward, conv=nn.Conv2d(3, 3, 1)), torch.rand(2, 3, *size))
    assert report.repairs == repairs


def test_a_layer_that_is_not_the_shortcut_is_given_no_stride(tmp_path):
    model = own("x = self.conv2(x) + nn.functional.pad(x, (0, 0, 0, 0))", tmp_path)
    model.conv = nn.Conv2d(1, 4, 1)
    report = d2l.summary(model, torch.rand(2, 1, 8, 8))
    assert report.repairs == ()
    assert report.advice.endswith("self.shortcut = nn.Conv2d(4, 8, 1, stride=2)")


def test_an_earlier_map_of_other_channels_is_not_taken_for_one_that_was_joined():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1), nn.Conv2d(16, 8, 1))
    report = d2l.summary(model, rgb)
    assert report.repairs == ("model[2] = nn.Conv2d(8, 8, 1)",)
    assert "torch.cat" not in report.advice


def test_sides_are_not_padded_until_they_agree_with_something_else_by_chance():
    model = written_as(lambda self, x: x * self.factors, factors=nn.Parameter(torch.ones(32)))
    report = d2l.summary(model, torch.rand(2, 32, 28, 28))
    assert report.repairs == ()
    assert report.advice.endswith("For one number for each channel, write [:, None, None] after the second.")
    assert d2l.summary(nn.ReflectionPad2d(8), torch.rand(2, 3, 6, 6)).repairs == ()
    assert d2l.summary(nn.PixelUnshuffle(2), torch.rand(2, 3, 7, 9)).repairs != ()


@pytest.mark.parametrize(("holder", "place"), [
    (nn.ModuleDict({"0": nn.Conv2d(4, 2, 1)}), "model.holder['0']"),
    (nn.ModuleDict({"conv-1": nn.Conv2d(4, 2, 1)}), "model.holder['conv-1']"),
    (nn.Sequential(OrderedDict([("first", nn.ReLU()), ("2", nn.Conv2d(4, 2, 1))])), "model.holder[1]"),
    (nn.Sequential(OrderedDict(first=nn.Conv2d(4, 2, 1))), "model.holder.first"),
    (nn.ModuleList([nn.Identity(), nn.Conv2d(4, 2, 1)]), "model.holder[1]"),
])
def test_the_way_to_a_layer_can_be_typed(holder, place):
    model = written_as(lambda self, x: [*self.holder.modules()][-1](x), holder=holder)
    assert d2l.summary(model, rgb).repairs == (f"{place} = nn.Conv2d(3, 2, 1)",)


def test_a_module_without_others_in_it_whose_own_code_refuses_is_named():
    model = nn.Sequential(nn.ReLU(), written_as(lambda self, x: x.view(2, 5), in_channels=1), nn.Conv2d(9, 9, 9))
    report = d2l.summary(model, rgb)
    assert report.failed == "1"
    assert report.rows[-1].cells()[3] == "refused"
    assert report.advice.startswith("model[1] refused, in its own code: model = nn.Sequential(")


def test_what_a_network_on_several_devices_holds_is_seen():
    report = d2l.summary(nn.DataParallel(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 2, 3))).cpu(), rgb)
    assert report.failed == "module.1"
    assert report.repairs == ("model.module[1] = nn.Conv2d(8, 2, 3)",)


def test_a_repair_is_not_better_because_it_adds_layers():
    model = written_as(lambda self, x: x * self.fc(self.pool(x)), pool=nn.AdaptiveAvgPool2d(1), fc=nn.Linear(3, 3))
    report = d2l.summary(model, rgb)
    assert report.repairs == ("model.fc = nn.Sequential(nn.Flatten(), model.fc)",)
    assert report.advice.endswith("For one number for each channel, write [:, :, None, None] after the second.")


@pytest.mark.parametrize(("model", "X", "said"), [
    (nn.CrossEntropyLoss(), (rgb, torch.zeros(2, 1, 28, 28).long()), "(2, 3, 28, 28) and (2, 1, 28, 28)"),
    (nn.LayerNorm([3, 9, 9]), rgb, "(2, 3, 28, 28)"),
    (nn.MaxUnpool2d(2), rgb, "(2, 3, 28, 28)"),
    (nn.Bilinear(8, 8, 2), (torch.rand(2, 8), torch.rand(2, 7)), "(2, 8) and (2, 7)"),
])
def test_all_that_a_layer_gets_is_listed_and_its_axes_only_where_they_are_at_fault(model, X, said):
    assert d2l.summary(model, X).advice.split(".")[0] == f"model ({type(model).__name__}) gets {said}"


def test_weights_that_a_forward_writes_are_those_of_the_copy():
    def clipped(self, x):
        self.conv.weight.clamp_(-1e-3, 1e-3)
        return self.conv(x)

    model = written_as(clipped, conv=nn.Conv2d(4, 8, 3))
    before = model.conv.weight.clone()
    assert not d2l.summary(model, rgb).ok
    assert torch.equal(model.conv.weight, before)


def test_a_row_that_a_convolution_gets_becomes_a_pixel():
    model = nn.Sequential(*POOLED, nn.Conv2d(3, 8, 1))
    assert d2l.summary(model, rgb).repairs == (
        "model[2].register_forward_pre_hook(lambda layer, given: given[0][:, :, None, None])  # each row is one pixel",)


def test_a_transposed_convolution_that_is_a_pixel_short_is_padded_at_its_output():
    model = written_as(lambda self, x: x + self.up(self.down(x)), down=nn.Conv2d(3, 8, 3, 2, 1),
                       up=nn.ConvTranspose2d(8, 3, 3, 2, 1))
    report = d2l.summary(model, rgb)
    assert report.repairs == ("model.up = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)",)
