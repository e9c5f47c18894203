"""The misconceptions that we know: a name, a hint, and the section of the book that clears it up.

`WRONGS` is the registry: for each exercise, small wrong implementations. A learner's function has a
misconception when it returns what such an implementation returns, however it is written.
"""

import dataclasses

from d2lconv.exercises.report import Section

# The sections that reports send a learner to; a test finds the heading of each in the book's sources.
READ = {
    "sum": Section("input_channels", "Why the sum, and not the mean?"),
    "counts differ": Section("input_channels", "What happens when the number of channels is wrong?"),
    "own slice": Section("output_channels", "Is the same kernel applied to every input channel?"),
    "outputs": Section("output_channels", "How do I get three channels out?"),
    "sizes": Section("output_channels", "What is the output size of a convolution?"),
    "parameters": Section("output_channels", "How many parameters, and one bias per what?"),
    "matrix": Section("one_by_one", "Why is it a matrix product?"),
    "agree": Section("speed", "Why do two right programs differ in the last digit?"),
    "edges": Section("one_by_one", "What is a 1x1 convolution for?"),
    "fold": Section("one_by_one", "Are two 1x1 layers better than one?"),
    "activation": Section("what_conv2d_does", "Is the activation applied before the sum?"),
    "colours": Section("what_conv2d_does", "How can a kernel look for a colour?"),
    "grey": Section("what_conv2d_does", "How do I put a grayscale image into a network for RGB?"),
    "padding": Section("what_conv2d_does", "What does padding change here?"),
    "macs": Section("what_conv2d_does", "MACs or FLOPs?"),
    "groups": Section("groups", "What do groups and depthwise do?"),
    "blocks": Section("groups", "Is a grouped convolution still a convolution?"),
    "depthwise": Section("groups", "What is a depthwise convolution?"),
    "separable": Section("groups", "How much does it save?"),
    "shuffle": Section("groups", "What do groups lose?"),
    "memory": Section("groups", "Why can fewer FLOPs still be slower?"),
    "whole layer": Section("build_conv2d", "What does a whole layer still need?"),
    "kernel gradient": Section("build_conv2d", "What is the gradient with respect to the kernel?"),
    "input gradient": Section("build_conv2d", "What is the gradient with respect to the input?"),
    "first or last": Section("frameworks", "What do NCHW and HWIO mean?"),
    "flip": Section("frameworks", "Correlation or convolution: why does SciPy disagree?"),
    "formula": Section("notation", "The formula"),
    "care": Section("coming_from_d2l", "What differs, and why"),
    "rounding": Section("solutions", "What shape comes out?"),
    "growth": Section("solutions", "What if the channels double, or the padding?"),
    "compose": Section("solutions", "Can one kernel do the work of two?"),
    "strips": Section("solutions", "How wide should a strip be?"),
}


# What to read before an exercise, and where a wrong answer is one that we do not know.
TOPICS = {
    "corr2d": "formula", "corr2d_multi_in": "sum", "corr2d_multi_in_out": "outputs",
    "corr2d_multi_in_out_1x1": "matrix", "conv2d": "whole layer", "depthwise": "depthwise",
    "compose": "fold", "as_matrix": "matrix", "block_diagonal": "blocks", "channel_shuffle": "shuffle",
    "hwio_to_oihw": "first or last", "red_only": "colours", "grey_kernel": "grey", "fold": "fold",
    "corners": "edges", "weight_gradient": "kernel gradient", "input_gradient": "input gradient",
    "output_size": "formula", "output_shape": "sizes", "parameters": "parameters", "macs": "macs",
    "flops": "macs", "memory": "memory", "backward": "kernel gradient", "growth": "parameters",
    "composed_size": "fold", "separable_ratio": "separable", "strip_reads": "sizes", "strip_width": "memory",
    "agree": "agree",
}


@dataclasses.dataclass(frozen=True)
class Misconception:
    """A wrong belief: what it is called, what to think of instead, where to read on."""

    name: str
    hint: str
    read: Section


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A wrong implementation of an exercise, from a misconception."""

    misconception: Misconception
    exercise: str
    function: object


WRONGS = []


def wrong(misconception, exercises, lift=None):
    """Register a wrong implementation for exercises, each in the form that ``lift`` gives it there."""
    def register(function):
        for exercise in exercises.split():
            lifted = lift[exercise](function) if lift else function
            WRONGS.append(Wrong(misconception, exercise, lifted))
        return function
    return register


def wrongs(exercise):
    """The pairs of misconception and wrong implementation for one exercise, in order of preference."""
    return [(entry.misconception, entry.function) for entry in WRONGS if entry.exercise == exercise]


def known(name, read, hint):
    """Make a misconception."""
    return Misconception(name, hint, READ[read])


MEAN = known("mean instead of sum", "sum",
             "A convolution adds all products up, and divides by nothing: the mean is right only up to scale.")
SHARED = known("one shared kernel", "own slice",
               "Every input channel has its own slice of the kernel, with its own weights: K[o, c] meets X[c].")
ONE_CHANNEL = known("only one input channel seen", "own slice",
                    "Every input channel has a part in the sum: go through all of them, and add each one's map.")
STACKED = known("maps stacked instead of summed", "sum",
                "The maps of the input channels are added up, so that one map is left for each kernel.")
SAME_OUTPUT = known("the same kernel for every output channel", "outputs",
                    "Output channel o is made by kernel o alone, K[o]; with one kernel all maps would be equal.")
FLIPPED = known("kernel flipped (true convolution)", "flip",
                "Layers correlate: the kernel's first element meets the window's first. Flipping it is what "
                "mathematics, and SciPy's convolve, call convolution.")
ZIP = known("channels truncated by zip", "counts differ",
            "zip stops at the shorter of the two, without a word: compare the channel counts first. (And of "
            "several kernels, zip X with one at a time.)")
UNCHECKED = known("unchecked channel counts", "counts differ",
                  "Here no two channels belong together. A careful function compares the counts and raises.")
LAST = known("channels last", "first or last",
             "Here channels come first: (c, h, w). X.movedim(-1, 0) brings them there, movedim(0, -1) back.")
EXCHANGED_HW = known("height and width exchanged", "formula",
                     "Rows come before columns: i runs down the height, j along the width. On square images "
                     "the exchange does not show, so test with one that is not.")
SQUARE = known("height used for the width, too", "formula",
               "Take both sides from the shape, (h, w) = X.shape[-2:], and the same for the kernel.")
EXCHANGED_IO = known("c_o and c_i exchanged", "outputs",
                     "The kernel's first axis counts output channels, its second input channels.")
RELU_FIRST = known("activation before the sum", "activation",
                   "Sum over the channels first; an activation, if there is one, sees only the sum.")
BIAS_IN = known("one bias per input channel", "parameters",
                "A bias belongs to an output channel, and is added to its map: c_o of them in all.")
BIAS_PAIR = known("bias added once per channel pair", "parameters",
                  "Add the bias once, after the sum over input channels; inside the sum it counts c_i times.")
BIAS_WIDTH = known("bias added along the width", "parameters",
                   "Y + bias lines the biases up with the last axis, the columns; bias[:, None, None] lines them up "
                   "with the channels.")
BIAS_NONE = known("bias forgotten", "parameters", "Each output channel has one bias more, if the layer has any.")
SAME_SIZE = known("`same` instead of `valid`", "padding",
                  "Nothing is padded unless asked for: the kernel stays inside, so k - 1 rows and columns go.")
FULL_SIZE = known("`full` instead of `valid`", "sizes",
                  "The kernel stays inside the image: no window hangs over the border.")
ONE_SIDE = known("padding on one side", "padding",
                 "padding=p means p on each of the two sides, 2 p in all. (In D2L's formulas p is the total.)")
ROUNDING = known("floor and ceiling in the output size", "rounding",
                 "The last window must fit whole: divide by the stride with //, downwards, then add one.")
PLUS_ONE = known("off by one in the output size", "sizes",
                 "A window of k fits into h at h - k + 1 places: the first place counts, too.")
GROUP_KERNEL = known("one group's kernel on all groups", "groups",
                     "Every group has its own kernels: group g takes the g-th part of K's first axis.")
INTERLEAVED = known("groups interleaved", "groups",
                    "A group is a run of neighbouring channels: the first c/groups, then the next.")
NO_GROUPS = known("groups left out", "groups",
                  "A kernel sees only its own group's input channels: c_i / groups of them.")
SUMMED = known("channels summed where they stay apart", "depthwise",
               "Depthwise does not sum over channels: map c comes from channel c alone.")
RESHAPED = known("reshaped where it should be transposed", "matrix",
                 "reshape keeps the order of the numbers in memory and only folds it anew. To exchange axes "
                 "take movedim, permute or .T.")
TRANSPOSED = known("transposed where it should be reshaped", "matrix",
                   "Here the numbers keep their order, rows first: fold them with reshape, exchange no axes.")
IN_PLACE = known("input changed in place", "care",
                 "A function should leave its arguments alone: make something new (X + 1, not X += 1), or "
                 "work on X.clone().")
MAC_ONE = known("multiply-adds counted as one operation where two are meant", "macs",
                "One multiply-add is two operations, a product and a sum: FLOPs are twice the MACs.")
MAC_TWO = known("operations counted where multiply-adds are meant", "macs",
                "A product and the sum that takes it in are one multiply-add (MAC).")
INPUT_PLACES = known("input positions counted instead of output positions", "sizes",
                     "Work is done once for each output element: count h_out * w_out places.")
NO_PLACES = known("weights counted once instead of at every position", "macs",
                  "Every weight is used again at each of the h_out * w_out places.")
TWO_LOOPS = known("sum over input channels left out", "sum",
                  "Each output element sums over k_h * k_w places in every one of the c_i channels.")
CORRELATED = known("kernels correlated where they are convolved", "compose",
                   "Write the composition out: the offsets of the two kernels add, so K[a] collects "
                   "K2[b] * K1[a - b]. That is the full true convolution, one of the two flipped.")
VALID_COMPOSE = known("`valid` instead of `full`", "compose",
                      "Every shift at which the kernels touch counts: the sizes add to k1 + k2 - 1.")
MIDDLE = known("middle channels not summed right", "compose",
               "A path from c to o can lead through every middle channel m: sum K2[o, m] with K1[m, c] over m.")
SIZES_ADD = known("sizes added without the overlap", "compose",
                  "Two windows of size k1, one step apart, cover k1 + 1 pixels, not 2 * k1.")
NO_STRIDE = known("stride of the first layer left out", "compose",
                  "One step of the second layer is s steps of the first: k1 + (k2 - 1) * s.")
EXACT = known("exact equality of floats", "agree",
              "Two orders of summation round differently: compare up to a bound, not with ==.")
ABSOLUTE = known("one absolute threshold for all sizes", "agree",
                 "1e-6 is far too strict for large numbers and far too generous for small ones: scale the "
                 "bound with |K| @ |X|, the sum of the absolute products.")
RELATIVE = known("a bound relative to the result", "agree",
                 "Where products cancel, the sum is small but its error is not: scale the bound with the sum "
                 "of the absolute products, |K| @ |X|.")
EITHER = known("either edge instead of both", "edges",
               "A corner needs both edges: take away a bias so large that one alone stays below zero.")
NO_FOLD_BIAS = known("first bias not carried through the second layer", "fold",
                     "The second layer sees the first one's bias, too: b = K2 b1 + b2.")
FOLD_ORDER = known("layers folded in the wrong order", "fold",
                   "The first layer acts first, so it stands on the right: K = K2 @ K1.")
EVERYWHERE = known("every kernel on every channel", "blocks",
                   "Outside its own group a kernel has weight zero: only the blocks on the diagonal are filled.")
UNSHUFFLE = known("shuffle undone instead of done", "shuffle",
                  "Fold into (groups, c/groups), exchange the two, and unfold: one channel from each group in turn.")
BLUE = known("the wrong colour", "colours", "RGB: red is channel 0. (OpenCV's images have blue there.)")
GREY_MEAN = known("mean instead of sum over the kernel's slices", "grey",
                  "Three equal channels meet three slices, and the results are added: sum the slices.")
GREY_FIRST = known("only the first slice kept", "grey",
                   "All three slices see the grey image: add them up, leave none out.")
NOT_FLIPPED = known("kernel not flipped on the way back", "input gradient",
                    "Going back, a pixel meets the kernel's elements in the opposite order: flip it in space.")
ONE_WAY = known("one of the two gradients left out", "kernel gradient",
                "Backward makes two results, dX and dK, each with as many multiply-adds as forward.")
TOTAL_PADDING = known("padding taken as the total", "padding",
                      "Here padding=p is p on each side, as in torch: 2 p in all. In D2L's formulas p is the total.")
LINEAR = known("factor two instead of four", "growth",
               "Each of the doubled inputs meets each of the doubled outputs: two times two.")
WIDE_STRIP = known("strip read without its overlap", "strips",
                   "Delta columns of output need k + Delta - 1 columns of input.")
K_PLUS = known("strip read one column too wide", "strips",
               "Delta windows, each one column further, cover k + Delta - 1 columns, not k + Delta.")
ONE_STRIP = known("image read once whatever the strip", "strips",
                  "Neighbouring strips share k - 1 columns, and both read them.")
NO_POINTWISE = known("one of the separable layer's two halves left out", "separable",
                     "Separable is depthwise (c_i * k * k) and then 1x1 (c_i * c_o): add both.")
INVERTED = known("ratio upside down", "separable", "Asked is separable divided by ordinary: less than one.")
OUTPUTS_OUT = known("output channels left out", "parameters", "There is one whole kernel for each output channel.")
MEMORY_IN_OUT = known("the weights left out", "memory", "Input, weights and output all have to be held.")
