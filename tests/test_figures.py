"""The figures, by the numbers, marks and captions that stand in them; never by their pixels."""

import base64
import io
import re
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.transforms import Bbox
from PIL import Image

matplotlib.use("agg")

import matplotlib.pyplot as plt
from test_palette import contrast, luminance

from d2lconv import conv2d, figures
from d2lconv.arithmetic import explain
from d2lconv.figures import COLOURS, draw, draw_stacks, draw_weight
from d2lconv.palette import TILES

X = torch.stack([torch.arange(9).reshape(3, 3) + c for c in range(2)])
K = torch.stack([torch.arange(4).reshape(2, 2) + c for c in range(2)])
K3 = torch.stack([K, K + 1, K + 2])


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def written(figure):
    """All words, signs and numbers."""
    (ax,) = figure.axes
    return ax.texts


def captions(figure):
    """The captions of all grids, in the order of drawing."""
    return list(dict.fromkeys(text.get_gid() for text in written(figure) if text.get_gid()))


def texts(figure, caption):
    """What is written in the grid with this caption, row by row."""
    assert caption in [text.get_text() for text in written(figure)]
    cells = [text for text in written(figure) if text.get_gid() == caption]
    rows = sorted({text.get_position()[1] for text in cells})
    return [sorted((text for text in cells if text.get_position()[1] == y), key=lambda text: text.get_position()[0])
            for y in rows]


def numbers(figure, caption):
    return torch.tensor([[int(text.get_text()) for text in row] for row in texts(figure, caption)])


def tiles(figure, caption):
    """The names of the colours behind the numbers."""
    names = {colour: name for name, colour in COLOURS.items()}
    (ax,) = figure.axes

    def behind(text):
        place = text.get_position()
        found = [patch for patch in ax.patches if patch.get_facecolor()[3] and patch.contains_point(
            ax.transData.transform(place))]
        return names[to_hex(found[0].get_facecolor())]

    return [[behind(text) for text in row] for row in texts(figure, caption)]


def shades(figure, caption):
    """The same, each name once."""
    return {name for row in tiles(figure, caption) for name in row}


def mark(figure, caption):
    """The outline in a grid: first row, first column, rows, columns."""
    outlines = [patch for patch in figure.axes[0].patches if patch.get_gid() == f"frame in {caption}"]
    if not outlines:
        return None
    (outline,) = outlines
    inside = [[outline.get_x() < text.get_position()[0] < outline.get_x() + outline.get_width()
               and outline.get_y() < text.get_position()[1] < outline.get_y() + outline.get_height()
               for text in row] for row in texts(figure, caption)]
    places = torch.tensor(inside).nonzero()
    first, last = places.min(0).values, places.max(0).values
    assert len(places) == (last - first + 1).prod()
    return (*first.tolist(), *(last - first + 1).tolist())


def marked(figure, caption):
    """The numbers inside the outline."""
    row, column, rows, columns = mark(figure, caption)
    return numbers(figure, caption)[row:row + rows, column:column + columns]


def signs(figure):
    return sorted(text.get_text() for text in written(figure) if len(text.get_text()) == 1 and not text.get_gid())


def test_the_classic_figure_has_input_kernel_map_and_sum_of_both_channels():
    assert captions(draw(X, K)) == ["channel 0", "channel 1", "slice K[0, 0]", "slice K[0, 1]", "channel 0's map",
                                    "channel 1's map", "output"]


def test_the_classic_figure_shows_the_classic_numbers():
    figure = draw(X, K)
    assert numbers(figure, "channel 0's map").tolist() == [[19, 25], [37, 43]]
    assert numbers(figure, "channel 1's map").tolist() == [[37, 47], [67, 77]]
    assert numbers(figure, "output").tolist() == [[56, 72], [104, 120]]


def test_inputs_and_kernels_are_shown_as_they_are():
    figure = draw(X, K)
    for c in range(2):
        assert numbers(figure, f"channel {c}").equal(X[c])
        assert numbers(figure, f"slice K[0, {c}]").equal(K[c])


def test_signs_stand_between_the_grids():
    assert signs(draw(X, K)) == sorted("⋆⋆==+=")


def test_one_channel_needs_no_sum():
    figure = draw(X[0], K[0])
    assert captions(figure) == ["channel 0", "slice K[0, 0]", "output"]
    assert signs(figure) == ["=", "⋆"]
    assert numbers(figure, "output").tolist() == [[19, 25], [37, 43]]


@pytest.mark.parametrize(("stride", "padding"), [(2, 1), ((2, 1), (0, 2))])
def test_every_window_times_its_kernel_is_its_term_and_the_terms_add_up(stride, padding):
    X = torch.randint(-9, 10, (2, 4, 5), generator=torch.Generator().manual_seed(0))
    K = torch.randint(-9, 10, (2, 3, 2), generator=torch.Generator().manual_seed(1))
    Y = conv2d(X, K[None], stride=stride, padding=padding)[0]
    for i, j in torch.cartesian_prod(*map(torch.arange, Y.shape)).tolist():
        figure = draw(X, K, (i, j), stride=stride, padding=padding)
        terms = [marked(figure, f"channel {c}'s map").item() for c in range(2)]
        assert terms == [(marked(figure, f"channel {c}") * K[c]).sum().item() for c in range(2)]
        assert sum(terms) == marked(figure, "output").item() == Y[i, j]
        assert mark(figure, "output") == (i, j, 1, 1)
        plt.close(figure)


def test_the_window_moves_with_the_stride():
    figure = draw(torch.ones(7, 9), torch.ones(2, 3), (1, 2), stride=(3, 2))
    assert mark(figure, "channel 0") == (3, 4, 2, 3)


def test_a_dilated_window_has_gaps():
    figure = draw(torch.ones(5, 5), torch.ones(2, 3), dilation=(3, 2))
    assert mark(figure, "channel 0") == (0, 0, 4, 5)
    assert [[tile == "window_tint" for tile in row] for row in tiles(figure, "channel 0")] == [
        [row in (0, 3) and column in (0, 2, 4) for column in range(5)] for row in range(5)]


def test_padding_is_a_border_of_zeros_of_another_colour():
    figure = draw(X, K, (2, 2), padding=1)
    assert numbers(figure, "channel 1").equal(torch.nn.functional.pad(X[1], (1, 1, 1, 1)))
    assert [[tile == "outside" for tile in row] for row in tiles(figure, "channel 1")] == [
        [row in (0, 4) or column in (0, 4) for column in range(5)] for row in range(5)]


def test_the_odd_pixel_of_same_padding_is_last():
    figure = draw(X, K, at=(2, 2), padding="same")
    assert numbers(figure, "channel 0").equal(torch.nn.functional.pad(X[0], (0, 1, 0, 1)))
    assert mark(figure, "channel 0") == (2, 2, 2, 2)


def test_the_bias_is_added():
    figure = draw(X, K, bias=torch.tensor([10]))
    assert numbers(figure, "bias").item() == 10
    assert numbers(figure, "output").tolist() == [[66, 82], [114, 130]]
    assert signs(figure) == sorted("⋆⋆==++=")


def test_a_single_channel_with_a_bias_is_a_sum():
    figure = draw(X[0], K[0], bias=torch.tensor([-3]))
    assert captions(figure) == ["channel 0", "slice K[0, 0]", "channel 0's map", "bias", "output"]
    assert marked(figure, "output").item() == 16


def test_several_kernels_show_all_outputs_and_mark_the_chosen_one():
    figure = draw(X, K3, at=(1, 0, 1))
    for o, y in enumerate(conv2d(X, K3)):
        assert numbers(figure, f"output {o}").equal(y)
    assert [mark(figure, f"output {o}") for o in range(3)] == [None, (0, 1, 1, 1), None]


def test_several_kernels_show_the_slices_of_the_chosen_one():
    figure = draw(X, K3, at=(2, 0, 0))
    assert [numbers(figure, f"slice K[2, {c}]").tolist() for c in range(2)] == (K + 2).tolist()


def test_without_at_the_first_element_is_shown():
    assert mark(draw(X, K3), "output 0") == (0, 0, 1, 1)


def test_only_the_channels_of_the_group_take_part():
    X4 = torch.cat([X, X + 2])
    figure = draw(X4, torch.stack([K, K + 1]), at=(1, 0, 0), groups=2)
    assert [mark(figure, f"channel {c}") for c in range(4)] == [None, None, (0, 0, 2, 2), (0, 0, 2, 2)]
    assert [shades(figure, f"channel {c}") for c in range(4)] == [
        {"outside"}, {"outside"}, {"cell", "window_tint"}, {"cell", "window_tint"}]
    assert [caption for caption in captions(figure) if "map" in caption] == ["channel 2's map", "channel 3's map"]


def test_what_comes_from_one_input_channel_has_its_colour():
    figure = draw(X, K3)
    for c in range(2):
        assert shades(figure, f"slice K[0, {c}]") == {f"channel{c}_tint"}
        assert tiles(figure, f"channel {c}'s map") == [[f"channel{c}_tint", "cell"], ["cell", "cell"]]
    assert tiles(figure, "output 0") == [["output", "cell"], ["cell", "cell"]]


def test_a_weight_is_a_grid_of_slices_with_outputs_as_rows_and_inputs_as_columns():
    figure = draw_weight(K3)
    places = {}
    for o in range(3):
        for c in range(2):
            caption = f"K[{o}, {c}]"
            assert numbers(figure, caption).equal(K3[o, c])
            assert shades(figure, caption) == {f"channel{c}_tint"}
            places[o, c] = texts(figure, caption)[0][0].get_position()
    assert len({x for x, _ in places.values()}) == 2
    assert len({y for _, y in places.values()}) == 3
    assert all(places[o, 0][0] < places[o, 1][0] for o in range(3))
    assert all(places[o, c][1] < places[o + 1, c][1] for o in range(2) for c in range(2))


def test_of_a_large_weight_five_rows_and_columns_are_drawn():
    figure = draw_weight(torch.ones(8, 7, 2, 2))
    assert len(captions(figure)) == 25
    assert sorted(text.get_text() for text in written(figure) if "more" in text.get_text()) == [
        "and 2 more", "and 3 more"]


def test_a_weight_without_numbers_is_refused():
    with pytest.raises(TypeError, match="K is on the device meta"):
        draw_weight(torch.ones(2, 2, 2, 2, device="meta"))
    assert not plt.get_fignums()


def test_a_weight_needs_four_axes():
    with pytest.raises(ValueError, match="K must be"):
        draw_weight(K)
    assert not plt.get_fignums()


def test_numbers_are_written_as_in_the_arithmetic():
    figure = draw(torch.tensor([[1 / 3, -1.25e-3], [2e7, -12.6]]), torch.ones(1, 1))
    assert [text.get_text() for row in texts(figure, "channel 0") for text in row] == [
        "0.3333", "-0.00125", "20000000", "-12.6"]


def test_numbers_that_have_no_digits_are_drawn():
    figure = draw(torch.tensor([[float("nan"), float("inf")]]), torch.ones(1, 1))
    assert [text.get_text() for text in texts(figure, "output")[0]] == ["nan", "inf"]


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
    figure = draw(X, torch.ones(5, 3), at=(7, 9))
    assert captions(figure) == ["slice K[0, 0]"]
    image, _ = figure.axes[0].images
    assert image.get_array().tolist() == X.tolist()
    left, right, bottom, top = image.get_extent()
    (frame,) = [patch for patch in figure.axes[0].patches if patch.get_gid() == "frame in channel 0"]
    corners = frame.get_extents().transformed(figure.axes[0].transData.inverted())
    assert [(x - left) / (right - left) * 30 for x in (corners.x0, corners.x1)] == pytest.approx([9, 12])
    assert sorted((y - top) / (bottom - top) * 20 for y in (corners.y0, corners.y1)) == pytest.approx([7, 12])


def test_of_many_channels_five_are_drawn_and_the_others_counted():
    figure = draw(torch.ones(16, 4, 4), torch.ones(8, 16, 3, 3), at=(7, 0, 0))
    assert [caption for caption in captions(figure) if caption.startswith("output")] == [
        "output 0", "output 1", "output 2", "output 3", "output 7"]
    assert sorted(text.get_text() for text in written(figure) if "more" in text.get_text()) == [
        "and 11 more", "and 3 more"]
    assert marked(figure, "output 7").item() == 144


def test_the_channels_of_the_group_are_drawn_before_others():
    figure = draw(torch.ones(12, 3, 3), torch.ones(6, 2, 2, 2), at=(5, 0, 0), groups=6)
    assert captions(figure)[:5] == ["channel 0", "channel 1", "channel 2", "channel 10", "channel 11"]


@pytest.mark.parametrize(("image", "kernel", "at"), [
    (torch.ones(3, 5, 5), torch.ones(2, 2, 2), None),
    (torch.ones(1, 3, 5, 5), torch.ones(2, 3, 2, 2), None),
    (torch.ones(3, 5, 5), torch.ones(3, 6, 2), None),
    (torch.ones(3, 5, 5), torch.ones(3, 2, 2), (4, 0)),
    (torch.ones(3, 5, 5), torch.ones(2, 3, 2, 2), (0, 0)),
    (torch.ones(3, 5, 5), [[1]], None),
])
def test_what_explain_refuses_draw_refuses_in_the_same_words(image, kernel, at):
    with pytest.raises((ValueError, TypeError)) as expected:
        explain(image, kernel, (0,) * (torch.is_tensor(kernel) and kernel.ndim == 4) + (0, 0) if at is None else at)
    with pytest.raises(expected.type, match=re.escape(str(expected.value))):
        draw(image, kernel, at)
    assert not plt.get_fignums()


def test_mixed_dtypes_are_refused():
    with pytest.raises(TypeError, match=r"float32.*int64"):
        draw(X.float(), K)


def test_a_figure_describes_itself():
    assert repr(draw(X, K3, (1, 0, 1), padding=1)) == (
        "(0*1 + 0*2 + 0*3 + 1*4) + (0*2 + 0*3 + 1*4 + 2*5) = 4 + 14 = 18, the element (0, 1) of output 1")


def boxes(figure):
    """The rectangles around all that a figure shows, by what they show."""
    (ax,) = figure.axes
    renderer = figure.canvas.get_renderer()
    found = {name: [text.get_window_extent(renderer) for row in texts(figure, name) for text in row]
             for name in captions(figure)}
    found = {name: Bbox.union(cells) for name, cells in found.items()}
    for n, text in enumerate(text for text in ax.texts if not text.get_gid()):
        found[n, text.get_text()] = text.get_window_extent(renderer)
    return found


@pytest.mark.parametrize("make", [
    lambda: draw(X, K3, bias=torch.ones(3, dtype=X.dtype), padding=1),
    lambda: draw(torch.cat([X, X]), torch.cat([K3, K3[:1]]), (3, 0, 0), groups=2),
    lambda: draw(X.double() / 3, K3.double() / 7, padding=1),
    lambda: draw(torch.ones(9, 4, 4), torch.ones(9, 9, 3, 3)),
    lambda: draw_weight(torch.ones(7, 7, 2, 2)),
    lambda: draw_stacks([(1, 28, 28), "Conv2d", (16, 26, 26), (2704, 1, 1), "a long name of a layer", (10, 1, 1)]),
], ids=["bias", "groups", "fractions", "many", "weight", "stacks"])
def test_nothing_overlaps_and_nothing_leaves_the_figure(make):
    figure = make()
    found, whole = boxes(figure), figure.bbox
    assert [name for name, box in found.items() if box.x0 < whole.x0 or box.y0 < whole.y0
            or box.x1 > whole.x1 or box.y1 > whole.y1] == []
    assert [(one, other) for one, other in combinations(found, 2) if found[one].overlaps(found[other])] == []


def test_every_number_fits_into_its_tile():
    figure = draw(X.double() / -3e5, K3.double() / 7)
    renderer = figure.canvas.get_renderer()
    (ax,) = figure.axes
    tiles = [patch.get_window_extent() for patch in ax.patches if patch.get_facecolor()[3]]
    for text in ax.texts:
        if text.get_gid():
            box = text.get_window_extent(renderer)
            assert any(tile.x0 <= box.x0 and box.x1 <= tile.x1 for tile in tiles if tile.overlaps(box))


@pytest.mark.parametrize("paper", ["#ffffff", "#14181e", "#111111", "#383838"])  # of the site, JupyterLab, Colab
def test_a_figure_has_no_paper_and_can_be_read_on_any(paper):
    picture = Image.open(io.BytesIO(draw(X, K3).png())).convert("RGBA")
    assert picture.getpixel((picture.width // 2, 1))[3] == 0
    page = Image.new("RGBA", picture.size, paper)
    page.alpha_composite(picture)
    light = sum(min(pixel[:3]) > 225 for pixel in page.get_flattened_data())
    assert paper == "#ffffff" or light < 0.02 * page.width * page.height  # letters, but no plate


@pytest.mark.parametrize("make", [
    lambda: draw(X, K3, padding=1), lambda: draw_weight(K3), lambda: draw_stacks([(1, 2, 2)])])
def test_every_word_is_on_a_tile_that_it_contrasts_with(make):
    figure = make()
    for text in written(figure):
        tile = text.get_bbox_patch()
        if tile:
            assert contrast(to_hex(text.get_color()), to_hex(tile.get_facecolor())) >= 4.5
    for caption in captions(figure):
        for row, names in zip(texts(figure, caption), tiles(figure, caption)):
            assert all(contrast(to_hex(text.get_color()), COLOURS[name]) >= 4.5 for text, name in zip(row, names))


def test_no_tile_is_bright():
    assert max(map(luminance, TILES.values())) < 0.65


def test_all_text_is_nine_points_or_more():
    assert min(text.get_fontsize() for text in written(draw(1e-7 * X.float(), K3.float()))) >= 9


def test_the_classic_figure_fits_on_a_phone():
    assert draw(X, K3).get_figwidth() * 72 <= 328  # at a pixel for a point, which _ext/light_page.py keeps
    assert len(draw(X, K3).png()) < 25_000


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
    assert {text.get_text() for text in written(figure)} - {""} == {"3@64x64", "5 kernels 3@2x2", "5@63x63"}
    assert repr(figure) == "3@64x64 -> 5 kernels 3@2x2 -> 5@63x63"


def test_notes_are_plain_text():
    draw_stacks([(1, 2, 2), "$costs \\frac$", (1, 2, 2)]).png()


def test_every_stack_has_a_row_of_its_own():
    figure = draw_stacks([(3, 4, 4), "pool", (3, 2, 2), (1, 1, 1)])
    (ax,) = figure.axes
    rows = [[patch for patch in ax.patches if patch.get_gid() == name] for name in ("3@4x4", "3@2x2", "1@1x1")]
    edges = [(min(p.get_y() for p in row), max(p.get_y() + p.get_height() for p in row)) for row in rows]
    assert edges[0][1] < edges[1][0] < edges[1][1] < edges[2][0]


@pytest.mark.parametrize(("c", "drawn"), [(1, 1), (3, 3), (8, 8), (64, 8)])
def test_a_stack_has_a_square_for_every_map_up_to_eight(c, drawn):
    assert [patch.get_gid() for patch in draw_stacks([(c, 5, 5)]).axes[0].patches] == [f"{c}@5x5"] * drawn


def test_maps_are_drawn_to_scale():
    patches = draw_stacks([(1, 12, 6), (1, 6, 12)]).axes[0].patches
    assert [(patch.get_width(), patch.get_height()) for patch in patches] == [(1, 2), (2, 1)]


def test_an_arrow_leads_from_each_stack_to_the_next():
    arrows = [text.arrow_patch for text in written(draw_stacks([(1, 2, 2)] * 4)) if hasattr(text, "arrow_patch")]
    assert len(arrows) == 3


@pytest.mark.parametrize("shapes", [
    [], ["pool"], ["pool", (1, 2, 2)], [(1, 2, 2), "pool"], [(1, 2, 2), "a", "b", (1, 2, 2)], [(2, 2)],
    [(1, 2, 2), (1, 1, 2, 2)], [(0, 2, 2)], (3, 2, 2), [(1, 2, 2), None],
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
                "figures.py", "grade.py", "server.py", "sandbox.py"}
