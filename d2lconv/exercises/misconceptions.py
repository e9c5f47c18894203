"""The misconceptions that we know: a name, a first hint, and the section of the book that clears it up.

A learner's function has a misconception when it returns what a wrong answer with it returns, however it is
written. A hint asks or points; the formula is in the section.
"""

from d2lconv.exercises.engine.report import Misconception, Section

# The sections that reports send a learner to; a test finds the heading of each in the book's sources.
READ = {
    "loops": Section("input_channels", "How to write a convolution with multiple input channels in Python"),
    "sum": Section("input_channels", "Why the sum, and not the mean?"),
    "counts differ": Section("input_channels", "What happens when the number of channels is wrong?"),
    "own slice": Section("output_channels", "Is the same kernel applied to every input channel?"),
    "outputs": Section("output_channels", "How do I get three channels out?"),
    "sizes": Section("output_channels", "What is the output size of a convolution?"),
    "parameters": Section("output_channels", "How many parameters, and one bias per what?"),
    "matrix": Section("one_by_one", "Why is a 1x1 convolution a matrix product?"),
    "agree": Section("speed", "Why do two right programs differ in the last digit?"),
    "edges": Section("one_by_one", "What is a 1x1 convolution for?"),
    "fold": Section("one_by_one", "Are two 1x1 layers better than one?"),
    "fold biases": Section("one_by_one", "Can I fold a 1x1 layer into the layer after it?"),
    "activation": Section("what_conv2d_does", "Is the activation applied before the sum?"),
    "colours": Section("what_conv2d_does", "How can a kernel look for a colour?"),
    "grey": Section("what_conv2d_does", "How do I put a grayscale image into a network for RGB?"),
    "padding": Section("what_conv2d_does", "What does padding change here?"),
    "macs": Section("what_conv2d_does", "MACs or FLOPs?"),
    "groups": Section("groups", "What do groups and depthwise do?"),
    "blocks": Section("groups", "Is a grouped convolution still a convolution?"),
    "depthwise": Section("groups", "What is a depthwise convolution?"),
    "separable": Section("groups", "How much does a separable convolution save?"),
    "shuffle": Section("groups", "What do groups lose?"),
    "memory": Section("groups", "Why can fewer FLOPs still be slower?"),
    "whole layer": Section("build_conv2d", "What does a whole layer still need?"),
    "kernel gradient": Section("build_conv2d", "What is the gradient with respect to the kernel?"),
    "input gradient": Section("build_conv2d", "What is the gradient with respect to the input?"),
    "first or last": Section("frameworks", "What do NCHW and HWIO mean?"),
    "flip": Section("frameworks", "Correlation or convolution: why does SciPy disagree?"),
    "formula": Section("notation", "The formula"),
    "care": Section("coming_from_d2l", "What differs, and why"),
}


def known(name, read, hint):
    """Make a misconception."""
    return Misconception(name, hint, READ[read])


# Which channels, which slices

MEAN = known("mean instead of sum", "sum",
             "A convolution adds all products up, and divides by nothing.")
SHARED = known("one shared kernel", "own slice",
               "Every input channel has its own slice of the kernel, with its own weights: K[o, c] meets X[c].")
OTHER_CHANNEL = known("one channel for all kernels", "depthwise",
                      "Kernel c meets channel c: which channel does yours meet each time?")
ONE_CHANNEL = known("only one input channel seen", "own slice",
                    "Every input channel has a part in the sum: go through all of them, and add each one's map.")
LEFT_OUT = known("first or last channel left out", "own slice",
                 "range(n) counts from 0 to n - 1, and range(1, n) leaves 0 out: which channels does your loop see?")
REVERSED = known("from the last to the first", "own slice",
                 "What is numbered 0 belongs to what is numbered 0: channel, slice, kernel, map. Nothing is "
                 "turned around.")
NEIGHBOUR = known("a neighbour taken instead", "own slice",
                  "Two indices that should be equal differ by one. (X[c - 1] is the last channel where c is 0.)")
NO_SUM = known("the maps put together without a sum", "sum",
               "The maps of the input channels are added: no maximum, no product, no difference.")
STACKED = known("maps stacked instead of summed", "sum",
                "The maps of the input channels are added up, so that one map is left for each kernel.")
SAME_OUTPUT = known("the same kernel for every output channel", "outputs",
                    "Output channel o is made by kernel o alone, K[o]; with one kernel all maps would be equal.")
EVERYWHERE = known("every kernel on every channel", "blocks",
                   "A kernel, or a slice, meets its own channels only: which ones does it see, and which not?")
SUMMED_FIRST = known("channels summed before the kernel", "sum",
                     "First each channel meets its own slice, then the maps are added. Added before, channel 0 meets "
                     "slice 1, too.")
SUMMED = known("channels summed where they stay apart", "depthwise",
               "Nothing is summed over these channels: map c comes from channel c alone.")
ZIP = known("channels truncated by zip", "counts differ",
            "Where two counts differ, zip, or a loop over one of them, leaves the rest out without a word: "
            "compare the counts first. With several kernels: loop over the kernels, and zip X with each of them.")
UNCHECKED = known("unchecked channel counts", "counts differ",
                  "Here no two channels belong together. A careful function compares the counts and raises.")
RELU_FIRST = known("activation before the sum", "activation",
                   "Sum over the channels first; an activation, if there is one, sees only the sum.")
IN_PLACE = known("input changed in place", "care",
                 "A function should leave its arguments alone: make something new (X + 1, not X += 1), or "
                 "work on X.clone().")

REMEMBERED = known("the answer depends on earlier calls", "care",
                   "The same arguments must give the same answer: what does your function keep from one call to the "
                   "next? (A cache by shape, a default list, a global; random numbers; or torch.empty, which fills "
                   "nothing: take torch.zeros.)")

# Which product, which axis

FLIPPED = known("kernel flipped (true convolution)", "flip",
                "Layers correlate: the kernel's first element meets the window's first. Flipping it is what "
                "mathematics, and SciPy's convolve, call convolution.")
FLIPPED_ONE = known("kernel flipped along one axis", "flip",
                    "Layers correlate, and flip nothing. (NumPy's [::-1] turns the rows around, not the columns.)")
PART = known("only a part of the window summed", "formula",
             "All k_h * k_w products of a window are added. Does a later one replace an earlier one (= for +=), does "
             "an index keep one row, or does a slice end too early?")
POOLED = known("windows side by side, as in pooling", "formula",
               "Without a stride the windows overlap: each is one place further than the one before.")
MATMUL = known("matrix product instead of products of elements", "formula",
               "Each number of the window meets the number at the same place in the kernel: that is *, not @.")
ADDED = known("window and kernel added instead of multiplied", "formula",
              "Each number of the window is multiplied by the number at the same place in the kernel.")
LARGEST = known("the largest product instead of their sum", "formula",
                "All products of a window are added; the largest of several numbers is what pooling takes.")
EXCHANGED_HW = known("height and width exchanged", "formula",
                     "Rows come before columns: i runs down the height, j along the width. The shape "
                     "of a square result does not show it, so test with one that is not.")
SQUARE = known("height used for the width, too", "formula",
               "There are two sides, and they may differ: where does your function take one of them for both?")
NOT_SQUARE = known("what is not square is refused", "formula",
                   "Your function's own check, quoted above, refuses it. Nothing in the sum needs equal sides: "
                   "use both sides, and the check can go.")
EXCHANGED_IO = known("c_o and c_i exchanged", "outputs",
                     "Inputs and outputs have changed places. Conv2d is called with the input channels first; its "
                     "weight has the output channels first.")
NOT_EXCHANGED = known("channels not exchanged on the way back", "input gradient",
                      "Going back, the output's channels come in and the input's go out: which axis of K is "
                      "summed over now?")
RESHAPED = known("reshaped where it should be transposed", "matrix",
                 "reshape keeps the order of the numbers in memory and only folds it anew. To exchange axes, "
                 "take movedim, permute or .T.")
TRANSPOSED = known("transposed where it should be reshaped", "matrix",
                   "Here the numbers keep their order, rows first: fold them with reshape, exchange no axes.")


ON_ITS_SIDE = known("the matrix on its side", "matrix",
                    "M @ X.reshape(-1) meets a row of M with all of X: what does a row belong to, and what a column?")


def between(axis):
    """Channels between height and width."""
    return known("maps stacked along the wrong axis", "outputs",
                 f"The maps are numbered by axis {axis} of the result: which axis does torch.stack make new?")


LAST = known("channels last", "first or last",
             "Here channels come before height and width, (c, h, w). movedim(-1, -3) brings them there.")

# Which size

SAME_SIZE = known("`same` instead of `valid`", "padding",
                  "Nothing is padded unless asked for: the kernel stays inside, so k - 1 rows and columns go.")
FULL_SIZE = known("`full` instead of `valid`", "sizes",
                  "The kernel stays inside the image: no window hangs over the border.")
ONE_SIDE = known("padding on one side", "padding",
                 "padding=p means p on each of the two sides, 2 p in all. (In D2L's formulas p is the total.)")
TOTAL_PADDING = known("padding taken as the total", "padding",
                      "Here padding=p is p on each side, as in torch: 2 p in all. In D2L's formulas p is the total.")
NO_PADDING = known("padding left out", "padding", "The zeros around the image make it larger before the kernel slides.")
NO_STRIDE = known("stride left out", "formula", "With a stride s the kernel stops at every s-th place only.")
ONE_AXIS = known("stride or padding along one axis only", "formula",
                 "One number holds for both axes: height and width get the same stride, and the same padding.")
STRIDE_SIZE = known("stride in the size only", "formula",
                    "The size is right, but the windows are neighbours: where in X does window (i, j) begin?")
THINNED = known("image thinned before the convolution", "formula",
                "A stride skips windows, not pixels: each window still has neighbouring pixels.")
PADDED_TWICE = known("padding added twice", "padding", "padding=p is p on each side, once: is X padded already?")
PADDED_AFTER = known("padded after instead of before", "padding",
                     "The zeros go around the image, before the kernel slides over it.")
NOT_ZEROS = known("padded with other numbers than zeros", "padding", "What is added around the image is zeros.")
ONE_IMAGE = known("images of the batch not kept apart", "whole layer",
                  "Each of the n images has its own result, in the order of the batch: X[0] is only the first.")
ROUNDING = known("floor and ceiling in the output size", "formula",
                 "Only a whole window counts: what becomes of a part of a step, up or down? And is a number of "
                 "places an integer?")
STRIDE_TIMES = known("multiplied by the stride", "formula",
                     "A stride skips places: is the output larger with it, or smaller?")
NO_OPTIONS = known("stride and padding left out", "formula",
                   "Change the stride alone, or the padding, and your answer stays the same: should it?")
ONE_BEFORE = known("1 added before the division by the stride", "formula",
                   "The stride divides the way from the first place to the last. Which of the places is the 1, and is "
                   "it divided, too?")
BRACKETS = known("something left out of the division by the stride", "formula",
                 "// binds more strongly than + and -: what is divided by the stride, and what is not?")
PLUS_ONE = known("off by one in the output size", "sizes",
                 "A window of k fits into h at h - k + 1 places: the first place counts, too.")
INPUT_PLACES = known("input positions counted instead of output positions", "sizes",
                     "The window stops only where all of it is inside: count its places, not the pixels.")

# Which bias, which group

BIAS_IN = known("one bias per input channel", "parameters",
                "A bias belongs to an output channel, and is added to its map: c_o of them in all.")
BIAS_PAIR = known("bias added once per channel pair", "parameters",
                  "Add the bias once, after the sum over input channels; inside the sum it counts c_i times.")
BIAS_WEIGHT = known("bias added in the inner sum", "parameters",
                    "Add the bias once for each output element, after the sum; inside it counts once for each product.")
BIAS_WIDTH = known("bias added along the width", "parameters",
                   "Y + bias lines the biases up with the last axis, the columns; bias[:, None, None] lines them up "
                   "with the channels.")
BIAS_HEIGHT = known("bias added along the height", "parameters",
                    "Y + bias[:, None] lines the biases up with the rows; bias[:, None, None] lines them up with the "
                    "channels.")
BIAS_BATCH = known("bias added along the batch", "parameters",
                   "Four axes line the biases up with the images; bias[:, None, None] lines them up with the channels.")
BIAS_TIMES = known("bias multiplied instead of added", "parameters", "A bias is added to its map, after the sum.")
BIAS_SIGN = known("bias subtracted", "parameters", "A bias is added, whatever its own sign.")
BIAS_NONE = known("bias forgotten", "parameters",
                  "A bias is one more number for each kernel, which is added to all of its map.")
BIAS_ONE = known("one bias per layer", "parameters", "There is one bias for each output channel, not one for all.")
GROUP_NUMBER = known("divided by the number of groups to find the group", "groups",
                     "Kernels that are neighbours share a group: how many kernels does one group have?")
GROUP_AXIS = known("the kernel cut along the wrong axis", "groups",
                   "Groups share the kernels out: K's first axis is cut. Its second has one group's channels already.")
GROUP_KERNEL = known("one group's kernel on all groups", "groups",
                     "Every group has its own kernels: group g takes the g-th part of K's first axis.")
ONE_GROUP = known("only one group computed", "groups",
                  "Each group makes its own maps, and all of them are the result, one group after the other.")
INTERLEAVED = known("groups interleaved", "groups",
                    "A group is a run of neighbouring channels, of the inputs and of the outputs alike: the first "
                    "outputs see the first inputs.")
BIAS_GROUP = known("biases divided by the groups", "groups",
                   "Each output channel has its bias, in whatever group it is: c_o in all.")
BIAS_BRANCH = known("nothing counted without a bias", "parameters",
                    "a + b if bias else 0 is (a + b) if bias else 0: what is left over when there is no bias?")
BIAS_ALWAYS = known("a bias counted where there is none", "parameters", "With bias=False there is none to count.")
GROUPS_TIMES = known("multiplied by the groups", "groups", "More groups: does a kernel see more channels, or fewer?")
OUTPUTS_SPLIT = known("output channels divided by the groups", "groups",
                      "c_o counts the kernels of all groups together: only what one of them sees is divided.")
NO_GROUPS = known("groups left out", "groups",
                  "A kernel sees only its own group's input channels: c_i / groups of them.")
UNMOVED = known("nothing moved", "shuffle", "Every channel came out where it went in: which one should be second?")
UNSHUFFLE = known("shuffle undone instead of done", "shuffle",
                  "This deals the channels out, like cards to players. A shuffle goes the other way: it takes one "
                  "channel from each group in turn.")

# What is counted

SIGN = known("wrong sign", "formula",
             "Something is taken away that should be added, or the reverse. Try the smallest case by hand: does the "
             "answer grow with this number?")
RESULTS = known("the two results exchanged", "formula",
                "Both numbers are right, or both tensors: which was asked for first?")
ARGUMENTS = known("two arguments exchanged", "formula",
                  "Two numbers have changed places. Which is which in your formula?")


def left_out(name, read):
    """An argument that makes no difference."""
    return known(f"{name} left out", read, f"Change {name} alone, and your answer stays the same: should it?")


MAC_ONE = known("multiply-adds counted as one operation where two are meant", "macs",
                "One multiply-add is two operations, a product and a sum.")
MAC_TWO = known("operations counted where multiply-adds are meant", "macs",
                "A product and the sum that takes it in are one multiply-add (MAC).")
WINDOW_OUT = known("the kernel's window left out", "macs",
                   "At each place a kernel multiplies k_h * k_w numbers of every input channel.")
TWICE = known("one factor counted twice", "macs",
              "Write the factors in a row: c_o, h_out, w_out, c_i, k_h, k_w. Each of them counts once.")
SIDES_ADDED = known("sides added instead of multiplied", "parameters",
                    "A window of k_h rows and k_w columns has how many places?")
BIAS_COUNTED = known("the bias counted, too", "macs", "This count leaves the bias out.")
ONE_LESS = known("the first product not added", "macs",
                 "A sum of m products has m - 1 additions, strictly. Here each product is also added, the first "
                 "to zero, as hardware does.")
NO_PLACES = known("weights counted once instead of at every position", "macs",
                  "Every weight is used again at each place where the kernel stops.")
TWO_LOOPS = known("sum over input channels left out", "sum",
                  "Each output element sums over the window in every one of the input channels.")
OUTPUTS_OUT = known("output channels left out", "parameters",
                    "For each output channel there is one whole kernel, and one whole map.")
MEMORY_IN_OUT = known("the weights left out", "memory", "Input, weights and output all have to be held.")
HALF_MEMORY = known("one of X, K and Y left out", "memory", "Three tensors are counted: which of them is missing?")
PADDED_STORED = known("zeros of the padding stored", "memory",
                      "The padding is not stored: what goes in has the size of the image.")
FORWARD_TOO = known("the way forward counted, too", "kernel gradient",
                    "Only the way back is asked for: what forward cost was paid before.")
OUTPUT_HELD = known("the output held, too", "kernel gradient",
                    "The layer is linear, so its slope is the same everywhere: dY comes in, and Y is not needed.")
ONLY_GRADIENTS = known("three of the five tensors counted", "kernel gradient",
                       "X, K and dY are needed, and dX and dK are made: all five are held.")
ONE_WAY = known("one of the two gradients left out", "kernel gradient",
                "Backward makes two results, dX and dK, each with as many multiply-adds as forward.")
LINEAR = known("factor two instead of four", "parameters",
               "Each of the doubled inputs meets each of the doubled outputs.")
PADDING_LINEAR = known("padding taken for the whole size", "padding",
                       "The padding is only a part of the output's height and width: count the outputs before and "
                       "after, and divide.")
SAVED = known("what is saved instead of what is left", "separable",
              "Asked is the part that the separable layer still costs, not the part that it saves.")
K_ONCE = known("one side of the window instead of both", "separable", "A window of k by k has k * k places.")
NO_POINTWISE = known("one of the separable layer's two halves left out", "separable",
                     "Separable is depthwise and then 1x1: both have weights.")
INVERTED = known("ratio upside down", "separable",
                 "Two counts are divided: which by which? Yours is one divided by what is asked for.")
WIDE_STRIP = known("strip read without its overlap", "sizes",
                   "Windows next to each other overlap: how many columns of input do delta of them cover?")
K_PLUS = known("strip read one column too wide", "sizes",
               "Delta windows, each one column further: count the columns for delta = 1, then for 2.")
FIRST_STRIP = known("one strip read, and no other", "sizes",
                    "A strip gives delta columns of the output: how many strips does the whole output need?")
ONE_STRIP = known("image read once whatever the strip", "sizes",
                  "Neighbouring strips share k - 1 columns, and both read them.")
LAST_STRIP = known("last strip not narrowed", "sizes",
                   "The output's width need not be a multiple of delta: the last strip makes only the columns left.")
OUTPUT_ROWS = known("rows of the output counted instead of the image's", "sizes",
                    "A strip is h high: all rows of the image are read.")
NO_ROOM = known("something left out of the cache", "memory",
                "Three things are held at once: the strip's k rows, the kernel, the row of outputs.")
NO_LAST_STRIP = known("last strip forgotten", "sizes",
                      "Where delta does not divide the output's width, one more, narrower strip is needed.")
STRIP_ROUNDED = known("strip rounded up", "sizes", "The step must fit whole: a part of a column does not.")
NO_ZERO = known("not 0 where nothing fits", "sizes",
                "If not even one column fits, the answer is 0, neither less nor more.")

# What is made of kernels

CORRELATED = known("kernels correlated where they are convolved", "flip",
                   "The offsets of the two kernels add up. Which pairs of elements lead to the same offset?")
VALID_COMPOSE = known("`valid` instead of `full`", "sizes",
                      "Every shift at which the two touch counts, those at the border, too.")
MIDDLE = known("middle channels not summed right", "fold",
               "A path from c to o can lead through every middle channel m: all of them add up.")
SIZES_ADD = known("sizes added without the overlap", "sizes",
                  "Two windows of size k1, one step apart, cover k1 + 1 pixels, not 2 * k1; and k2 of them cover "
                  "k1 + k2 - 1, not k1 * k2.")
NO_FIRST_STRIDE = known("stride of the first layer left out", "formula",
                        "How far does the window on the image move when the second layer makes one step?")
NEVER = known("no corner found", "edges",
              "It stays dark even where both edges meet: how large is the sum there, and what do you take away?")
ALWAYS = known("lit everywhere", "edges", "It is above zero even where no edge is: what should the bias be?")
ONE_EDGE = known("only one sort of edge seen", "edges",
                 "A corner is where both edges are: each of the two weights has to lift the sum.")
EITHER = known("either edge instead of both", "edges",
               "A corner needs both edges: what can you take away so that one alone stays below zero?")
NO_FOLD_BIAS = known("first bias not carried through the second layer", "fold biases",
                     "The second layer multiplies all that the first one gives, its bias, too.")
SECOND_BIAS = known("second bias multiplied, too", "fold biases",
                    "The second layer multiplies what the first one gives. Its own bias comes afterwards.")
FOLD_ORDER = known("layers folded in the wrong order", "fold",
                   "The first layer acts on x, and the second on all that the first one gives: which is inside?")
BLUE = known("the wrong colour", "colours", "RGB: red is channel 0. (OpenCV's images have blue there.)")
ONES = known("green and blue seen as well", "colours",
             "A slice of zeros takes no notice of its channel; any other number adds something to the sum.")
GREY_MEAN = known("mean instead of sum over the kernel's slices", "grey",
                  "Three equal channels meet three slices, and the results are added, not averaged.")
LUMINANCE = known("slices weighted by brightness", "grey",
                  "The three channels are equal already: nothing is converted, so each slice counts fully.")
GREY_ONE = known("only one slice kept", "grey", "All three slices see the grey image: add them up.")
OVERWRITTEN = known("overwritten instead of added", "input gradient",
                    "Several products belong to the same place: += collects them, and = keeps the last.")
NOT_FLIPPED = known("kernel not flipped on the way back", "input gradient",
                    "Going back, a pixel meets the kernel's elements in the opposite order, along both sides.")
OTHER_BORDER = known("another border on the way back", "input gradient",
                     "The first pixel is in one window only. How wide must the border of zeros be, so that the kernel, "
                     "turned around, reaches it with one weight?")
NOT_FULL = known("no zeros around on the way back", "input gradient",
                 "A pixel at the border is in fewer windows, but it has a gradient: what surrounds dY?")

# What may be called equal

EXACT = known("exact equality of floats, or nearly so", "agree",
              "Two orders of summation round differently, and each of their steps once: the last digits may differ, "
              "by more than one rounding. Leave room for that.")
ANY = known("one element that agrees is enough", "agree",
            "Two results agree if all of their elements do.")
LOOSE = known("more room than rounding needs", "agree",
              "This bound grows with the right numbers, but it is too wide: how far can one rounding move a sum of m "
              "products?")
STRICT = known("less room than rounding needs", "agree",
               "A sum of m products is rounded at each of its steps, not once: how does the bound grow with m?")
ONE_SIGN = known("only one sign of the difference looked at", "agree",
                 "A difference can be negative, and large: compare its absolute value.")
ABSOLUTE = known("one absolute threshold for all sizes", "agree",
                 "One threshold is far too strict for large numbers and far too generous for small ones: with what "
                 "does rounding grow?")
RELATIVE = known("a bound relative to the result", "agree",
                 "Where products cancel, the sum is small but its error is not: which numbers were rounded on the way?")
