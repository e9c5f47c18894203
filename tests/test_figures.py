"""The figures, by the numbers, marks and captions that stand in them; never by their pixels."""

import base64
import io
import re
from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

matplotlib.use("agg")

import matplotlib.pyplot as plt

from d2lconv import conv2d, figures
from d2lconv.arithmetic import explain
from d2lconv.figures import MUTED, draw, draw_stacks

X = torch.stack([torch.arange(9).reshape(3, 3) + c for c in range(2)])
K = torch.stack([torch.arange(4).reshape(2, 2) + c for c in range(2)])
K3 = torch.stack([K, K + 1, K + 2])


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def grid(figure, caption):
    """The axes with this caption."""
    (ax,) = [ax for ax in figure.axes if ax.get_title() == caption]
    return ax


def captions(figure):
    return [ax.get_title() for ax in figure.axes]


def numbers(ax):
    """The numbers that stand in a grid, in their rows and columns."""
    cells = {text.get_position()[::-1]: int(text.get_text().replace("\N{MINUS SIGN}", "-")) for text in ax.texts}
    rows, columns = (max(axis) + 1 for axis in zip(*cells))
    assert len(cells) == len(ax.texts) == rows * columns
    return torch.tensor([[cells[row, column] for column in range(columns)] for row in range(rows)])


def mark(ax):
    """The outline in a grid: first row, first column, rows, columns."""
    outlines = [patch for patch in ax.patches if patch.get_gid() == "mark"]
    if not outlines:
        return None
    (outline,) = outlines
    return tuple(round(n) for n in (outline.get_y() + 0.5, outline.get_x() + 0.5,
                                    outline.get_height(), outline.get_width()))


def marked(ax):
    """The numbers inside the outline."""
    row, column, rows, columns = mark(ax)
    return numbers(ax)[row:row + rows, column:column + columns]


def faint(ax):
    """Which numbers are printed in grey."""
    return [to_hex(text.get_color()) == MUTED for text in ax.texts]


def signs(figure):
    return sorted(text.get_text() for text in figure.texts)


def test_the_classic_figure_has_input_kernel_map_and_sum_of_both_channels():
    assert captions(draw(X, K)) == ["channel 0", "channel 1", "slice 0", "slice 1", "channel 0 ⋆ slice 0",
                                    "channel 1 ⋆ slice 1", "sum"]


def test_the_classic_figure_shows_the_classic_numbers():
    figure = draw(X, K)
    assert numbers(grid(figure, "channel 0 ⋆ slice 0")).tolist() == [[19, 25], [37, 43]]
    assert numbers(grid(figure, "channel 1 ⋆ slice 1")).tolist() == [[37, 47], [67, 77]]
    assert numbers(grid(figure, "sum")).tolist() == [[56, 72], [104, 120]]


def test_inputs_and_kernels_are_shown_as_they_are():
    figure = draw(X, K)
    for c in range(2):
        assert numbers(grid(figure, f"channel {c}")).equal(X[c])
        assert numbers(grid(figure, f"slice {c}")).equal(K[c])


def test_signs_stand_between_the_grids():
    assert signs(draw(X, K)) == sorted("⋆⋆==+=")


def test_one_channel_needs_no_sum():
    figure = draw(X[0], K[0])
    assert captions(figure) == ["input", "kernel", "output"]
    assert signs(figure) == ["=", "⋆"]
    assert numbers(grid(figure, "output")).tolist() == [[19, 25], [37, 43]]


@pytest.mark.parametrize(("stride", "padding"), [(2, 1), ((2, 1), (0, 2))])
def test_every_window_times_its_kernel_is_its_term_and_the_terms_add_up(stride, padding):
    X = torch.randint(-9, 10, (2, 4, 5), generator=torch.Generator().manual_seed(0))
    K = torch.randint(-9, 10, (2, 3, 2), generator=torch.Generator().manual_seed(1))
    Y = conv2d(X, K[None], stride=stride, padding=padding)[0]
    for i, j in torch.cartesian_prod(*map(torch.arange, Y.shape)).tolist():
        figure = draw(X, K, (i, j), stride=stride, padding=padding)
        terms = [marked(grid(figure, f"channel {c} ⋆ slice {c}")).item() for c in range(2)]
        assert terms == [(marked(grid(figure, f"channel {c}")) * K[c]).sum().item() for c in range(2)]
        assert sum(terms) == marked(grid(figure, "sum")).item() == Y[i, j]
        assert mark(grid(figure, "sum")) == (i, j, 1, 1)
        plt.close(figure)


def test_the_window_moves_with_the_stride():
    assert mark(grid(draw(torch.ones(7, 9), torch.ones(2, 3), (1, 2), stride=(3, 2)), "input")) == (3, 4, 2, 3)


def test_padding_is_a_faint_border_of_zeros():
    ax = grid(draw(X, K, padding=1), "channel 1")
    assert numbers(ax).equal(torch.nn.functional.pad(X[1], (1, 1, 1, 1)))
    assert faint(ax) == [row in (0, 4) or column in (0, 4) for row in range(5) for column in range(5)]


def test_the_odd_pixel_of_same_padding_is_last():
    figure = draw(X, K, at=(2, 2), padding="same")
    assert numbers(grid(figure, "channel 0")).equal(torch.nn.functional.pad(X[0], (0, 1, 0, 1)))
    assert mark(grid(figure, "channel 0")) == (2, 2, 2, 2)


def test_the_bias_is_added():
    figure = draw(X, K, bias=torch.tensor([10]))
    assert numbers(grid(figure, "bias")).item() == 10
    assert numbers(grid(figure, "sum")).tolist() == [[66, 82], [114, 130]]
    assert signs(figure) == sorted("⋆⋆==++=")


def test_a_single_channel_with_a_bias_is_a_sum():
    figure = draw(X[0], K[0], bias=torch.tensor([-3]))
    assert captions(figure) == ["input", "kernel", "input ⋆ kernel", "bias", "sum"]
    assert marked(grid(figure, "sum")).item() == 16


def test_several_kernels_show_all_outputs_and_mark_the_chosen_one():
    figure = draw(X, K3, at=(1, 0, 1))
    for o, y in enumerate(conv2d(X, K3)):
        assert numbers(grid(figure, f"output {o}")).equal(y)
    assert [mark(grid(figure, f"output {o}")) for o in range(3)] == [None, (0, 1, 1, 1), None]


def test_several_kernels_show_the_slices_of_the_chosen_one():
    figure = draw(X, K3, at=(2, 0, 0))
    assert [numbers(grid(figure, f"slice [2, {c}]")).tolist() for c in range(2)] == (K + 2).tolist()


def test_without_at_the_first_element_is_shown():
    assert mark(grid(draw(X, K3), "output 0")) == (0, 0, 1, 1)


def test_only_the_channels_of_the_group_take_part():
    X4 = torch.cat([X, X + 2])
    figure = draw(X4, torch.stack([K, K + 1]), at=(1, 0, 0), groups=2)
    assert [mark(grid(figure, f"channel {c}")) for c in range(4)] == [None, None, (0, 0, 2, 2), (0, 0, 2, 2)]
    assert [all(faint(grid(figure, f"channel {c}"))) for c in range(4)] == [True, True, False, False]
    assert [caption for caption in captions(figure) if "⋆" in caption] == [
        "channel 2 ⋆ slice [1, 0]", "channel 3 ⋆ slice [1, 1]"]


def test_1x1_kernels_are_a_matrix_times_the_channels_of_a_pixel():
    X = torch.arange(27).reshape(3, 3, 3)
    K = torch.tensor([[1, 0, 2], [0, -1, 1]]).reshape(2, 3, 1, 1)
    figure = draw(X, K, at=(0, 1, 2), bias=torch.tensor([5, 6]))
    matrix, pixel, bias, new = (numbers(grid(figure, name)) for name in ("kernels", "pixel", "bias", "new pixel"))
    assert matrix.equal(K[:, :, 0, 0])
    assert pixel.flatten().equal(X[:, 1, 2])
    assert new.equal(matrix @ pixel + bias)
    assert new.flatten().equal(conv2d(X, K, torch.tensor([5, 6]))[:, 1, 2])


def test_a_1x1_figure_marks_the_pixel_in_every_channel_and_output():
    figure = draw(torch.ones(3, 4, 5), torch.ones(2, 3, 1, 1), at=(1, 1, 1), stride=2)
    assert [mark(grid(figure, f"channel {c}")) for c in range(3)] == [(2, 2, 1, 1)] * 3
    assert [mark(grid(figure, f"output {o}")) for o in range(2)] == [(1, 1, 1, 1)] * 2
    assert mark(grid(figure, "kernels")) == (1, 0, 1, 3)


def test_1x1_kernels_in_groups_are_a_block_diagonal_matrix():
    figure = draw(torch.ones(4, 2, 2), torch.arange(1., 9).reshape(4, 2, 1, 1), at=(3, 0, 0), groups=2)
    ax = grid(figure, "kernels")
    assert numbers(ax).tolist() == [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]]
    assert faint(ax) == [number == 0 for number in numbers(ax).flatten().tolist()]
    assert mark(ax) == (3, 2, 1, 2)
    assert mark(grid(figure, "pixel")) == (2, 0, 2, 1)


def test_fractions_are_rounded_so_that_they_fit():
    figure = draw(torch.tensor([[1 / 3, -1.25e-3], [2e7, -12.6]]), torch.ones(1, 1))
    assert [text.get_text() for text in grid(figure, "input").texts] == [
        "0.33", "\N{MINUS SIGN}0.001", "2e7", "\N{MINUS SIGN}13"]


def test_numbers_that_have_no_digits_are_drawn():
    figure = draw(torch.tensor([[float("nan"), float("inf")]]), torch.ones(1, 1))
    assert [text.get_text() for text in grid(figure, "output").texts] == ["nan", "inf"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.int32])
def test_every_dtype_is_drawn(dtype):
    draw(torch.ones(1, 2, 12, dtype=dtype), torch.ones(1, 2, 11, dtype=dtype)).png()


def test_a_tensor_with_a_gradient_is_drawn_and_keeps_it():
    weight = torch.nn.Parameter(K.float())
    draw(X.float(), weight)
    assert weight.requires_grad
    assert weight.grad is None


def test_a_large_input_is_an_image_with_its_window():
    X = torch.arange(600.).reshape(20, 30)
    ax = grid(draw(X, torch.ones(5, 3), at=(7, 9)), "input")
    assert not ax.texts
    assert ax.images[0].get_array().tolist() == X.tolist()
    assert mark(ax) == (7, 9, 5, 3)


def test_of_many_channels_five_are_drawn_and_the_others_counted():
    figure = draw(torch.ones(16, 4, 4), torch.ones(8, 16, 3, 3), at=(7, 0, 0))
    assert [caption for caption in captions(figure) if caption.startswith("output")] == [
        "output 0", "output 1", "output 2", "output 3", "output 7"]
    assert [text for text in signs(figure) if "more" in text] == ["and 11 more", "and 11 more", "and 3 more"]
    assert marked(grid(figure, "output 7")).item() == 144


def test_the_channels_of_the_group_are_drawn_before_others():
    figure = draw(torch.ones(12, 3, 3), torch.ones(6, 2, 2, 2), at=(5, 0, 0), groups=6)
    assert captions(figure)[:5] == ["channel 0", "channel 1", "channel 2", "channel 10", "channel 11"]


@pytest.mark.parametrize(("image", "kernel", "at"), [
    (torch.ones(3, 5, 5), torch.ones(2, 2, 2), None),
    (torch.ones(1, 3, 5, 5), torch.ones(2, 3, 2, 2), None),
    (torch.ones(3, 5, 5), torch.ones(3, 6, 2), None),
    (torch.ones(3, 5, 5), torch.ones(3, 2, 2), (4, 0)),
    (torch.ones(3, 5, 5), torch.ones(2, 3, 2, 2), (0, 0)),
])
def test_what_explain_refuses_draw_refuses_in_the_same_words(image, kernel, at):
    with pytest.raises(ValueError) as expected:  # noqa: PT011
        explain(image, kernel, (0,) * (kernel.ndim == 4) + (0, 0) if at is None else at)
    with pytest.raises(ValueError, match=re.escape(str(expected.value))):
        draw(image, kernel, at)
    assert not plt.get_fignums()


def test_mixed_dtypes_are_refused():
    with pytest.raises(TypeError, match=r"float32.*int64"):
        draw(X.float(), K)


def test_a_figure_describes_itself():
    assert repr(draw(X, K, padding=1)) == (
        "(0*0 + 0*1 + 0*2 + 0*3) + (0*1 + 0*2 + 0*3 + 1*4) = 0 + 4 = 4, the output at (0, 0), "
        "from rows 0 to 1 and columns 0 to 1 of the padded input channels")


def test_a_long_description_gives_the_sums_only():
    assert repr(draw(torch.ones(2, 9, 9), torch.ones(4, 2, 9, 1), at=(3, 0, 1))) == (
        "9 + 9 = 18, the output at (3, 0, 1), from rows 0 to 8 and column 1 of the input channels")


def test_nothing_overlaps_and_nothing_leaves_the_paper():
    figure = draw(X, K3, bias=torch.ones(3, dtype=X.dtype), padding=1)
    renderer = figure.canvas.get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in figure.axes]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    paper = figure.bbox
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= paper.x1 and box.y1 <= paper.y1 for box in boxes)
    assert not [1 for n, box in enumerate(boxes) for other in boxes[:n] if box.overlaps(other)]


def test_marks_differ_without_colour():
    figure = draw(X, K)
    styles = {name: next((patch.get_linewidth(), patch.get_linestyle()) for patch in grid(figure, name).patches
                         if patch.get_gid() == "mark") for name in ("channel 0", "slice 0")}
    assert styles["channel 0"] != styles["slice 0"]
    assert {text.get_weight() for text in grid(figure, "sum").texts} == {"normal", "bold"}


def test_the_picture_is_small_and_has_white_paper():
    picture = draw(X, K).png()
    assert len(picture) < 25_000
    assert Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_reader_s_own_style_changes_nothing():
    plain = draw(X, K).png()
    with plt.style.context("dark_background"):
        assert draw(X, K).png() == plain


def test_matplotlib_s_settings_are_left_alone():
    before = dict(matplotlib.rcParams)
    draw(X, K)
    draw_stacks([(1, 2, 3)])
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_a_figure_once_however_the_cell_ends():
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    import ipc  # noqa: F401 - no port that another kernel may want
    cells = ["import torch, matplotlib.pyplot as plt\nfrom d2lconv import draw\n"
             "X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)",
             "draw(X, K)\nplt.show()", "draw(X, K)", "figure = draw(X, K)", "figure = draw(X, K)\nfigure"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    assert [len(cell.outputs) for cell in notebook.cells] == [0, 1, 1, 1, 1]
    for output in (cell.outputs[0] for cell in notebook.cells[1:]):
        assert set(output.data) == {"image/png", "text/plain"}
        assert output.data["text/plain"].startswith("0*0 + 1*1 + 3*2 + 4*3 = 19")
        width, _ = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).size
        assert abs(width / 2 - output.metadata["image/png"]["width"]) <= 1


def test_stacks_are_labelled_and_described():
    figure = draw_stacks([(3, 64, 64), "5 kernels\n3@2x2", (5, 63, 63)])
    (ax,) = figure.axes
    assert {text.get_text() for text in ax.texts} - {""} == {"3@64x64", "5 kernels\n3@2x2", "5@63x63"}
    assert repr(figure) == "3@64x64 -> 5 kernels 3@2x2 -> 5@63x63"


@pytest.mark.parametrize(("c", "drawn"), [(1, 1), (3, 3), (8, 8), (64, 8)])
def test_a_stack_has_a_square_for_every_map_up_to_eight(c, drawn):
    assert [patch.get_gid() for patch in draw_stacks([(c, 5, 5)]).axes[0].patches] == [f"{c}@5x5"] * drawn


def test_maps_are_drawn_to_scale():
    patches = draw_stacks([(1, 12, 6), (1, 6, 12)]).axes[0].patches
    sizes = [(patch.get_width(), patch.get_height()) for patch in patches if patch.get_gid()]
    assert sizes == [(1.5, 3), (3, 1.5)]


def test_an_arrow_leads_from_each_stack_to_the_next():
    arrows = [text.arrow_patch for text in draw_stacks([(1, 2, 2)] * 4).axes[0].texts if hasattr(text, "arrow_patch")]
    assert len(arrows) == 3


@pytest.mark.parametrize("shapes", [
    [], ["pool"], ["pool", (1, 2, 2)], [(1, 2, 2), "pool"], [(1, 2, 2), "a", "b", (1, 2, 2)], [(2, 2)],
    [(1, 2, 2), (1, 1, 2, 2)], [(0, 2, 2)],
])
def test_stacks_that_cannot_be_read_are_refused(shapes):
    with pytest.raises(ValueError, match=r"must be"):
        draw_stacks(shapes)
    assert not plt.get_fignums()


def test_a_size_that_is_no_integer_is_refused():
    with pytest.raises(TypeError, match="must be an integer"):
        draw_stacks([(3, 2.5, 2)])


def test_no_module_imports_matplotlib_but_for_figures_and_the_grader():
    sources = Path(figures.__file__).parent.rglob("*.py")
    assert {source.name for source in sources
            if re.search(r"^\s*(import|from) (matplotlib|PIL)", source.read_text("utf-8"), re.M)} == {
                "figures.py", "grade.py", "sandbox.py", "server.py"}
