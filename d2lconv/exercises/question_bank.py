"""The questions, as data: a text, its numbers, and the exercise whose wrong answers are the distractors."""

import torch

from d2lconv.arithmetic import explain
from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.templates import Template, block, by_channel, drawn, in_a_row, ones, own, side_by_side, tensors

# Arguments that several questions have

def layer(c_i, c_o, h, w, k, stride=1, padding=0):
    """Return the arguments of the exercises that count."""
    return (c_i, h, w), (c_o, c_i, k, k), stride, padding


def with_biases(c_i, c_o, k, groups=1):
    """Return the arguments of the exercise that counts parameters."""
    return c_i, c_o, k, k, True, groups


# Which part of a result is asked for

def element(Y, o=None, i=0, j=0, **_):
    return Y[i, j] if o is None else Y[o, i, j]


def shape(Y, **_):
    return tuple(Y.shape)


def flat(Y, **_):
    return Y.flatten()


def places(size, k, stride=1, padding=0):
    """Write out how many places a window has along one side."""
    room = f"{size} + 2*{padding} - {k}" if padding else f"{size} - {k}"
    return f"{room} + 1" if stride == 1 else f"({room}) // {stride} + 1"


MISPLACED = of.SAME_SIZE, of.PLUS_ONE, of.EXCHANGED_HW
COUNTED_IN = of.NO_PADDING, of.ONE_SIDE, of.ROUNDING, of.INPUT_PLACES

TEMPLATES = {
    # One output element
    "element": Template(
        "one output element", "corr2d_multi_in", own(draw=0, i=0, j=1), drawn((2, 3, 3), (2, 2, 2)),
        "Two input channels, and a kernel with a slice for each. What is `Y[{i}, {j}]`, the number in row {i} and "
        "column {j} of `corr2d_multi_in(X, K)`?",
        "The window begins in row {i} and column {j}. Each channel meets its own slice, and all products are added: "
        "{sum}.",
        (of.MEAN, of.SHARED, of.ONE_CHANNEL, of.FLIPPED, of.EXCHANGED_HW), element, by_channel),
    "element_out": Template(
        "one output element", "corr2d_multi_in_out", own(draw=0, o=1), drawn((2, 2, 2), (2, 2, 2, 2)),
        "Two kernels, each with a slice for each of the two input channels. What is `Y[{o}, 0, 0]`, the first number "
        "of output channel {o}?",
        "Output channel {o} is made by kernel {o} alone: {sum}.",
        (of.MEAN, of.SHARED, of.ONE_CHANNEL, of.SAME_OUTPUT, of.EXCHANGED_IO), element, by_channel),
    "bias": Template(
        "one output element", "conv2d", own(draw=0, o=1),
        lambda draw, **_: [*tensors(draw, (1, 2, 2, 2)), *tensors(draw, (2, 2, 2, 2)),
                           torch.tensor([10.0, 20.0]).double() + draw],
        "Two input channels, two kernels, and the biases {b}. What is the first number of output channel {o}?",
        "The bias of output channel {o} is added once, after the sum: {sum}.",
        (of.MEAN, of.BIAS_PAIR, of.BIAS_IN, of.BIAS_WIDTH, of.SAME_OUTPUT),
        lambda Y, o, **_: Y[0, o, 0, 0],
        lambda given, **numbers: by_channel((given[0][0], *given[1:]), **numbers)),
    "flip": Template(
        "one output element", "corr2d", own(draw=0), drawn((2, 2), (2, 2)),
        "One channel, and one kernel of the same size. Which number does `Conv2d` give, before any bias?",
        "A layer correlates: the kernel's first element meets the window's first, {sum}. Nothing is flipped.",
        (of.FLIPPED, of.MEAN, of.EXCHANGED_HW), element,
        lambda given, **_: {"grid": side_by_side(*map(block, "XK", given)),
                            "sum": str(explain(given[0], given[1], (0, 0)))}),

    # Shapes
    "shape_in": Template(
        "shapes", "corr2d_multi_in", own(c_i=2, h=3, w=3, k=2), ones("c_i h w", "c_i k k"),
        "`X` has the shape ({c_i}, {h}, {w}) and `K` the shape ({c_i}, {k}, {k}). What is the shape of "
        "`corr2d_multi_in(X, K)`?",
        "The sum runs over the channels, so that one map is left; a kernel of {k} fits into {h} at "
        "{h} - {k} + 1 places.",
        (of.STACKED, *MISPLACED), shape),
    "shape_out": Template(
        "shapes", "corr2d_multi_in_out", own(c_i=2, c_o=3, h=3, w=3, k=2), ones("c_i h w", "c_o c_i k k"),
        "`X` has the shape ({c_i}, {h}, {w}) and `K` the shape ({c_o}, {c_i}, {k}, {k}). What is the shape of "
        "`corr2d_multi_in_out(X, K)`?",
        "Each of the {c_o} kernels makes one map, {h} - {k} + 1 high and {w} - {k} + 1 wide.",
        (of.STACKED, *MISPLACED, of.LAST), shape),
    "shape_layer": Template(
        "shapes", "output_shape", own(c_i=3, c_o=16, h=8, w=10, k=3, stride=2, padding=1), layer,
        "`Conv2d({c_i}, {c_o}, {k}, stride={stride}, padding={padding})` gets an image of the shape "
        "({c_i}, {h}, {w}). What is the shape of the output?",
        "One map for each of the {c_o} kernels, {high} high, and the width in the same way.",
        (*COUNTED_IN, of.LAST, of.EXCHANGED_HW, of.EXCHANGED_IO),
        words=lambda given, h, k, stride, padding, **_: {"high": places(h, k, stride, padding)}),
    "shape_depthwise": Template(
        "shapes", "depthwise", own(c=3, h=6, w=6, k=3), ones("c h w", "c k k"),
        "`X` has the shape ({c}, {h}, {w}), and `Conv2d({c}, {c}, {k}, groups={c})` is depthwise. What is the shape "
        "of the output?",
        "Nothing is summed over channels: {c} maps in, {c} maps out, each {h} - {k} + 1 high.",
        (of.SUMMED, *MISPLACED), shape),
    "shape_groups": Template(
        "shapes", "conv2d", own(c=(3, (2, 3, 4)), c_o=(6, (6, 12)), h=200, w=170, k=3),
        lambda c, c_o, h, w, k: (torch.ones(1, c, h, w), torch.ones(c_o, 1, k, k), None, 1, 0, c),
        "`X` has the shape ({c}, {h}, {w}). `Conv2d({c}, {c_o}, {k}, groups={c})` makes several maps of each channel, "
        "without padding. What is the shape of the output?",
        "{c_o} maps, each {h} - {k} + 1 high and {w} - {k} + 1 wide.",
        (*MISPLACED, of.LAST), lambda Y, **_: tuple(Y[0].shape)),
    "size": Template(
        "shapes", "output_size", own(size=(8, (6, 7, 8, 9, 10, 28, 32)), kernel=3, padding=(1, (0, 1, 2, 3)), stride=2),
        lambda size, kernel, padding, stride: (size, kernel, stride, padding),
        "A kernel of size {kernel} slides over {size} pixels in a row, with padding {padding} on each side and "
        "stride {stride}. At how many places does it stop?",
        "{places} = {answer}.",
        COUNTED_IN,
        words=lambda given, size, kernel, stride, padding: {"places": places(size, kernel, stride, padding)}),
    "weight_shape": Template(
        "shapes", "hwio_to_oihw", own(c_i=3, c_o=(5, (7, 9, 16)), k_h=2, k_w=2), ones("k_h k_w c_i c_o"),
        "What is the shape of `Conv2d({c_i}, {c_o}, ({k_h}, {k_w})).weight`?",
        "Output channels first, then input channels, then rows and columns: one kernel for each output, and in it "
        "one slice for each input.",
        (of.EXCHANGED_IO, of.EXCHANGED_HW, of.RESHAPED, of.SHARED), shape),
    "keras_weight": Template(
        "shapes", "hwio_to_oihw", own(k_h=3, k_w=3, c_i=16, c_o=(32, (7, 9, 16))), ones("k_h k_w c_i c_o"),
        "A Keras kernel has the shape ({k_h}, {k_w}, {c_i}, {c_o}). What is the shape of the same kernel in PyTorch?",
        "Keras writes rows, columns, inputs, outputs; PyTorch writes outputs, inputs, rows, columns.",
        (of.EXCHANGED_IO, of.EXCHANGED_HW, of.RESHAPED), shape),

    # Parameters
    "parameters": Template(
        "parameters", "parameters", own(c_i=3, c_o=5, k=2), with_biases,
        "How many parameters does `Conv2d({c_i}, {c_o}, {k})` have, with its biases?",
        "{c_o} kernels of {c_i} slices, {k}x{k} each, and {c_o} biases: "
        "{c_o} * {c_i} * {k} * {k} + {c_o} = {answer}.",
        (of.BIAS_IN, of.BIAS_PAIR, of.BIAS_NONE, of.SHARED, of.OUTPUTS_OUT)),
    "biases": Template(
        "parameters", "parameters", own(c_i=3, c_o=(5, (2, 3, 4, 5, 6, 8, 16)), k=2), with_biases,
        "How many biases does `Conv2d({c_i}, {c_o}, {k})` have?",
        "One for each output channel, added to its map after the sum.",
        (of.BIAS_IN, of.BIAS_PAIR, of.BIAS_NONE), lambda count, c_i, c_o, k: count - c_i * c_o * k * k),

    # Multiply-adds
    "macs": Template(
        "multiply-adds", "macs",
        own(c_i=(2, (2, 3, 4)), c_o=(3, (3, 4, 5)), h=6, w=6, k=3, stride=(1, (1, 1, 2)), padding=(1, (0, 1))), layer,
        "A layer with {c_o} kernels of {k}x{k} reads {c_i} channels of {h}x{w}, with stride {stride} and padding "
        "{padding}. How many multiply-adds does it do?",
        "Each of the {c_o} * {c_i} * {k} * {k} weights is used once at every output position. There are {rows} "
        "rows of them, and as many columns: {answer}.",
        (of.MAC_TWO, of.NO_PLACES, of.TWO_LOOPS, of.OUTPUTS_OUT, *COUNTED_IN),
        words=lambda given, h, k, stride, padding, **_: {"rows": places(h, k, stride, padding)}),
    "flops": Template(
        "multiply-adds", "flops",
        own(c_i=(3, (2, 3, 4)), c_o=(4, (3, 4, 5)), h=(3, (2, 3, 4, 5)), k=(3, (1, 2, 3))),
        lambda c_i, c_o, h, k: layer(c_i, c_o, h + k - 1, h + k - 1, k),
        "A layer with {c_i} input and {c_o} output channels has {c_o} * {c_i} * {k} * {k} weights. It does a "
        "multiply-add with each of them at {h} * {h} output positions. How many operations (FLOPs) is that?",
        "A multiply-add is a product and a sum, so two operations.",
        (of.MAC_ONE, of.NO_PLACES, of.TWO_LOOPS, of.OUTPUTS_OUT)),

    # Groups
    "parameters_groups": Template(
        "groups", "parameters", own(c_i=(4, (12, 24)), c_o=(8, (12, 24)), k=3, groups=(2, (2, 3, 4, 6))), with_biases,
        "How many parameters does `Conv2d({c_i}, {c_o}, {k}, groups={groups})` have, with its biases?",
        "Each of the {c_o} kernels has {c_i} / {groups} slices, and each output channel one bias: "
        "{c_o} * {c_i} / {groups} * {k} * {k} + {c_o} = {answer}.",
        (of.NO_GROUPS, of.GROUP_KERNEL, of.BIAS_NONE, of.OUTPUTS_OUT)),
    "group_sees": Template(
        "groups", "block_diagonal", own(c=(8, (12,)), groups=(2, (2, 3, 4, 6)), o=(5, range(12))),
        lambda c, groups, o: (torch.ones(c, c // groups, 1, 1), groups),
        "Which input channels does output channel {o} of `Conv2d({c}, {c}, 3, groups={groups})` see? Count from 0.",
        "A group is a run of {c} / {groups} neighbouring channels.",
        (of.INTERLEAVED, of.EVERYWHERE), lambda K, o, **_: K[o].flatten().nonzero().flatten()),
    "depthwise": Template(
        "groups", "depthwise", own(draw=0), drawn((3, 2, 2), (3, 2, 2)),
        "A depthwise layer with three channels. Each is as large as its kernel, so that each map is one number. Which "
        "numbers come out, in their order?",
        "Map `c` comes from channel `c` alone; nothing is summed over channels: {answer}.",
        (of.SUMMED, of.SHARED, of.MEAN, of.FLIPPED), flat, by_channel),
    "group_order": Template(
        "groups", "conv2d", own(step=(10, range(2, 10))),
        lambda step: (step * torch.arange(1.0, 5).reshape(1, 4, 1, 1),
                      torch.tensor([1.0, -1] * 4).reshape(8, 1, 1, 1), None, 1, 0, 4),
        "Four channels have the values {pixel} at one pixel. `Conv2d(4, 8, 1, groups=4)` has two kernels for each of "
        "them: the first keeps the number, the second turns its sign. Which eight numbers come out, in their order?",
        "First all outputs of the first group, then all of the second: {answer}.",
        (of.INTERLEAVED,), flat, lambda given, **_: {"pixel": in_a_row(given[0])}),
    "shuffle": Template(
        "groups", "channel_shuffle", own(c=(6, (6, 8, 9, 10, 12)), groups=2),
        lambda c, groups: (torch.arange(c).reshape(c, 1, 1), groups),
        "A shuffle of {c} channels in {groups} groups: the channels 0 to {last} go in, in which order do they come "
        "out?",
        "The first channel of each group, then the second of each: {answer}.",
        (of.UNSHUFFLE, of.UNMOVED), flat, lambda given, c, **_: {"last": str(c - 1)}),
    "separable": Template(
        "groups", "separable_ratio", own(c_i=8, c_o=(16, (4, 5, 6, 8, 12)), k=(3, (2, 3, 5))),
        lambda c_i, c_o, k: (c_i, c_o, k),
        "A depthwise separable layer leads from {c_i} to {c_o} channels, {k}x{k}, without biases. How many weights "
        "does it have?",
        "Depthwise {c_i} * {k} * {k}, a slice for each input channel, and 1x1 {c_i} * {c_o}: {answer} in all.",
        (of.NO_POINTWISE, of.EXCHANGED_IO), lambda ratio, c_i, c_o, k: ratio * c_i * c_o * k * k),

    # 1x1
    "pixel": Template(
        "1x1", "corr2d_multi_in_out_1x1", own(draw=56), drawn((3, 1, 1), (2, 3, 1, 1)),
        "At one pixel the three channels are {pixel}. A 1x1 layer has two kernels, which are the rows of `K`. Which "
        "two numbers does it give?",
        "Each output is a row of `K` times the channels, as in a matrix product: {sums}.",
        (of.MEAN, of.SHARED, of.ONE_CHANNEL, of.SAME_OUTPUT, of.RELU_FIRST), flat,
        lambda given, **_: {"pixel": in_a_row(given[0]), "grid": "\n".join(block("K", given[1].flatten(1))),
                            "sums": " and ".join(str(explain(given[0], given[1], (o, 0, 0))) for o in range(2))}),
    "grey": Template(
        "1x1", "grey_kernel", own(draw=11), drawn((1, 3, 1, 1)),
        "A layer for colour pictures gets a grey one, three times the same channel. Its kernel's three slices are 1x1: "
        "{slices}. Which single weight, on the grey channel, does the same?",
        "Three equal channels meet three slices, and the results are added: {answer}.",
        (of.GREY_MEAN, of.GREY_ONE), lambda K, **_: K[0, 0, 0, 0],
        lambda given, **_: {"slices": in_a_row(given[0])}),

    # Composition
    "fold_bias": Template(
        "composition", "fold", own(w1=3, b1=(1, (1, 2, 3)), w2=2, b2=(4, (1, 2, 5))),
        lambda w1, b1, w2, b2: [torch.tensor(values, dtype=torch.double)
                                for values in ([[[[w1]]]], [b1], [[[[w2]]]], [b2])],
        "Two 1x1 layers with one channel each and nothing between them: first {w1} * x + {b1}, then {w2} * y + {b2}. "
        "They are one layer. What is its bias?",
        "The second layer sees the first one's bias, too: {w2} * {b1} + {b2} = {answer}.",
        (of.NO_FOLD_BIAS, of.FOLD_ORDER), lambda result, **_: result[1].item()),
    "composed": Template(
        "composition", "composed_size", own(k1=(3, (2, 3, 4, 5, 7)), k2=3, stride=(1, (1, 2))),
        lambda k1, k2, stride: (k1, k2, stride),
        "A layer of {k1}x{k1} with stride {stride}, then one of {k2}x{k2}. How many pixels wide is the square of the "
        "input on which one number of the second layer depends?",
        "Windows overlap; one step of the second layer is {stride} of the first: "
        "{k1} + ({k2} - 1) * {stride} = {answer}.",
        (of.SIZES_ADD, of.NO_FIRST_STRIDE)),

    # In words
    "combined": Template(
        "channels in words", "corr2d_multi_in", own(c=(2, (3, 4, 5, 6))),
        lambda c: tensors(c, (c, 3, 3), (c, 2, 2)),
        "A layer reads {c} input channels. How does one output map come from them?",
        "Each channel has its own slice of the kernel, and all products are added; nothing is averaged.",
        options={"Each channel meets its own slice of the kernel, and the {c} maps are averaged.": of.MEAN,
                 "Each channel meets its own slice of the kernel, and the {c} maps are added.": None,
                 "One and the same slice moves over every channel, and the {c} maps are added.": of.SHARED,
                 "Each channel meets its own slice of the kernel, and the {c} maps stay apart.": of.STACKED}),
    "mismatch": Template(
        "channels in words", "conv2d", own(c=(4, (3, 5, 6))),
        lambda c: [*tensors(c, (1, c, 3, 3)), *tensors(c, (2, c - 1, 2, 2))],
        "An image has {c} channels, and the kernels of a layer have {less} slices. What does `conv2d` do?",
        "{c} channels and {less} slices do not belong together, so it raises an error, as torch does. D2L's own "
        "listing drops a channel in silence.",
        words=lambda given, c: {"less": str(c - 1)},
        options={"It takes the first {less} channels.": of.ZIP, "It takes the first channel alone.": of.ONE_CHANNEL,
                 "It raises an error.": None}),
    "outputs": Template(
        "channels in words", "corr2d_multi_in_out", own(c_i=(2, (2, 3, 4)), c_o=(3, (3, 5, 6))),
        lambda c_i, c_o: tensors(c_i, (c_i, 3, 3), (c_o, c_i, 2, 2)),
        "A layer has {c_o} output channels and {c_i} input channels. What makes output channel 1?",
        "Kernel 1 alone, which has a slice for each of the {c_i} input channels.",
        options={"Kernel 1, on input channel 1 alone.": of.ONE_CHANNEL,
                 "Kernel 0, which all output channels share.": of.SAME_OUTPUT,
                 "Kernel 1, which has a slice for each of the {c_i} input channels.": None,
                 "Kernel 1, with one slice for all {c_i} input channels.": of.SHARED}),
}
