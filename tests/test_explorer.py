"""explore: what it hands to a page, and what a reader then sees and does there, in a real browser."""

import io
import json
import random
import re
from itertools import product
from math import gcd
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageColor
from torch.nn.functional import conv2d

import d2lconv
from _ext.explore import photograph as pixels
from d2lconv import explorer
from d2lconv.arithmetic import explain
from d2lconv.exercises import wrong_answers
from d2lconv.explorer import explore, family
from d2lconv.palette import PALETTE
from strategies import some, tensors

ROOT = Path(__file__).parent.parent
FILES = Path(explorer.__file__).parent
KNOWN = re.findall(r'^  "(.*)": \(', (FILES / "predict.js").read_text("utf-8"), re.MULTILINE)
# Every state of the shapes that the controls reach when the reader gives no tensors.
STATES = [dict(zip(("c_i", "c_o", "k", "size", "stride", "padding", "groups", "dilation"), state)) for state in product(
    (1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3), (3, 4, 5), (1, 2, 3), (0, 1, 2), (1, 2, 3, 4), (1, 2))
    if gcd(*state[:2]) % state[6] == 0 and state[7] * (state[2] - 1) < state[3] + 2 * state[5]]
CLASSIC = "(0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56"

SET = """state => Object.fromEntries(Object.entries(state).map(([name, n]) =>
    [name, {stride: [n, n], dilation: [n, n], padding: [[n, n], [n, n]]}[name] ?? n]))"""
READ = """() => {
    const root = document.querySelector(".d2lconv-explorer");
    const texts = row => [...row.children].map(cell => cell.textContent);
    const numbers = map => [...map.querySelectorAll(".cells")].map(texts);
    return {outputs: [...root.querySelectorAll(".y-map")].map(numbers),
            sums: [...root.querySelectorAll(".sum-map")].map(numbers),
            words: root.querySelector("[role=status] .lines").textContent};
}"""
READ_ALL = f"""states => {{
    const root = document.querySelector(".d2lconv-explorer");
    root.style.display = "none"; // numbers need no layout
    return JSON.stringify(states.map(state => {{ root.explorer.draw(({SET})(state)); return ({READ})(); }}));
}}"""
WINDOWS = """() => [...document.querySelectorAll("[data-channel]")].map(element => {
    element.focus();
    const lit = [...document.querySelectorAll(".seen .channel")].map(map => {
        const frame = map.querySelector(".frame").getBoundingClientRect(), found = [];
        map.querySelectorAll(".cells").forEach((row, i) => [...row.querySelectorAll(".c")].forEach((cell, j) => {
            const box = cell.getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const framed = x > frame.left && x < frame.right && y > frame.top && y < frame.bottom;
            if (framed !== cell.classList.contains("lit")) throw Error(`the frame is off at ${i}, ${j}`);
            if (framed) found.push([i, j]);
        }));
        return found;
    });
    return {at: ["channel", "row", "col"].map(name => +element.dataset[name]), lit};
})"""
# In each state: whether each shown number, sign and word lies inside of all boxes that clip it, and of the page.
# Below 688 px a box may scroll, if it shows that it does; then the chosen element must be in view by itself.
CUT = """([states, scrolls]) => {
    const root = document.querySelector(".d2lconv-explorer"), found = [];
    const clips = box => { for (let up = box.parentElement, all = []; ; up = up.parentElement) {
        if (!up) return all;
        if (getComputedStyle(up).overflowX !== "visible") all.push(up);
    } };
    for (const state of states) {
        root.explorer.draw(state);
        const boxes = new Map();
        const outer = box => boxes.get(box) ?? boxes.set(box, box.getBoundingClientRect()).get(box);
        const parents = new Map(); // the cells of one row have the same boxes around them
        for (const cell of root.querySelectorAll(".c, .cap, .operator, .line, .where, .term, button, label, h2")) {
            if (!cell.checkVisibility() || !cell.textContent) continue;
            const range = document.createRange();
            range.selectNodeContents(cell);
            const text = range.getBoundingClientRect(), own = cell.getBoundingClientRect();
            if (!parents.has(cell.parentElement)) parents.set(cell.parentElement, [...clips(cell), root]);
            const matters = cell.matches(".lit, :not(.c)"), around = parents.get(cell.parentElement);
            for (const box of cell.matches(".c") ? [cell, ...around] : around) {
                const edge = outer(box), scroller = scrolls && box.scrollWidth > box.clientWidth;
                if (scroller && !matters) break; // it is scrolled to
                if (text.left < edge.left - 0.6 || text.right > edge.right + 0.6) {
                    found.push([state, cell.className, cell.textContent, text.left, text.right, edge.left, edge.right]);
                }
            }
        }
        if (document.documentElement.scrollWidth > innerWidth) found.push([state, "the page scrolls sideways"]);
        if (found.length > 5) break;
    }
    return found;
}"""

# The signs between the channels' maps, which only the stylesheet knows, and what each of them lies on.
PLUS = """() => {
    const signs = [], hit = [];
    for (const band of document.querySelectorAll(".seen")) {
        const sign = getComputedStyle(band, "::before"), box = band.getBoundingClientRect();
        if (sign.content !== '"+"' || sign.position !== "absolute") continue;
        const right = box.right - parseFloat(sign.right), top = box.top + parseFloat(sign.top);
        const plus = {left: right - parseFloat(sign.width), right, top: top + 4, bottom: top + 14};
        signs.push(plus);
        if (plus.right > innerWidth) hit.push("the edge of the page");
        for (const part of band.closest(".stage").querySelectorAll(".matrix, .cap, .operator, .strength")) {
            const other = part.getBoundingClientRect();
            if (plus.left < other.right && other.left < plus.right
                    && plus.top < other.bottom && other.top < plus.bottom)
                hit.push(part.className + " " + part.textContent);
        }
    }
    return [signs.length, hit];
}"""


@pytest.fixture
def show(new_page):
    """Open a page with explorers on it; nothing may be requested from anywhere, no script may fail."""
    trouble = []

    def open_page(*explorers, attributes="", body="", **options):
        page = new_page(**{"viewport": {"width": 800, "height": 900}, **options})
        for event in ("request", "pageerror", "console"):
            page.on(event, lambda what: trouble.append(str(what)))
        page.set_content(
            f'<!doctype html><html lang="en" {attributes}><head><title>Explorer</title>'
            f'<meta name="viewport" content="width=device-width"></head><body {body}><main>'
            f'{"".join(e._repr_html_() for e in explorers or [explore()])}</main></body></html>')
        return page

    yield open_page
    assert trouble == []


@pytest.fixture(scope="module")
def photograph():
    """The photograph of the landing page, and its four kernels."""
    return pixels()


def element(page, o, i, j):
    return page.locator(f'[data-channel="{o}"][data-row="{i}"][data-col="{j}"]')


def number(page, key):
    """A number of the image, of a kernel or a bias, as `x:0:1:2`, `k:0:0:1:1` or `b:0`."""
    return page.locator(f'[data-key="{key}"]')


def words(page):
    return page.get_by_role("status").locator(".lines").text_content()


def note(page):
    return page.get_by_role("status").locator(".note").text_content()


def control(page, group, name):
    return (page.get_by_role("radiogroup", name=group, exact=True)
            .get_by_role("radio", name=name, exact=True))


def open_panel(page, name):
    page.get_by_role("button", name=name).click()


# What is seen

VARIANTS = [{}, {"bias": True, "relu": True}, {"combine": "mean", "slices": "shared"}, {"out": "all", "act": "before"}]


@pytest.mark.parametrize("width", [320, 360, 480, 688, 1024, 1280])
def test_no_number_is_ever_cut(show, width):
    page = show(viewport={"width": width, "height": 800}, body='style="margin: 0"')
    for name in ("More", "What if …?", "Weight"):
        open_panel(page, name)
    largest = [state for state in STATES if state["c_i"] == state["c_o"] == 4 and state["size"] == 5
               and state["padding"] == 2 and state["stride"] == 1]
    chosen = some(STATES, 10, seed=width) + largest
    states = [page.evaluate(SET, state) | VARIANTS[n % len(VARIANTS)] for n, state in enumerate(chosen)]
    assert page.evaluate(CUT, [states, width < 688]) == []


def test_no_number_of_the_readers_own_tensors_is_cut(show):
    X, K = tensors((3, 8, 10), (3, 3, 3, 3))
    states = [{}, {"padding": [[1, 1], [0, 0]]}, {"padding": [[2, 2], [2, 2]]}]
    for width in (320, 688, 1280):
        page = show(explore(1e-5 * X, 1234.5678 * K, torch.ones(3)), viewport={"width": width, "height": 800},
                    body='style="margin: 0"')
        assert page.evaluate(CUT, [states, width < 688]) == []


def test_no_number_is_cut_at_200_percent(show):
    page = show(viewport={"width": 640, "height": 360}, device_scale_factor=2, body='style="margin: 0"')
    states = [{}, {"padding": [[1, 1], [1, 1]]}, {"c_i": 4, "c_o": 4, "k": 3, "size": 5}]
    assert page.evaluate(CUT, [states, True]) == []


@pytest.mark.parametrize("width", [320, 360, 480, 560, 688, 1024, 1280])
def test_no_plus_lies_on_a_number_or_on_a_picture(show, photograph, width):
    page = show(explore(), explore(*photograph), viewport={"width": width, "height": 900})
    signs, hit = page.evaluate(PLUS)
    assert signs >= (1 if width < 520 else 3)  # where it is narrow, the channels of the photograph fold
    assert hit == []


@pytest.mark.parametrize("of_photograph", [False, True], ids=["numbers", "photograph"])
def test_what_stands_in_a_column_stays_in_it_when_a_number_grows(show, photograph, of_photograph):
    page = show(explore(*photograph) if of_photograph else explore(), viewport={"width": 1024, "height": 900})
    columns = """() => [".k-map", ".sum-map"].map(kind => {
        const matrices = [...document.querySelectorAll(`.seen ${kind} .matrix`)];
        return new Set(matrices.map(matrix => Math.round(matrix.getBoundingClientRect().left))).size;
    })"""
    assert page.evaluate(columns) == [1, 1]
    number(page, "k:0:1:0:0").click()
    page.keyboard.type("-0.25")
    assert page.evaluate(columns) == [1, 1]


def test_no_line_of_the_arithmetic_is_followed_by_an_empty_one(show, photograph):
    page = show(explore(*photograph))
    empty = """() => [...document.querySelectorAll(".lines .line")].filter(line => {
        const text = document.createRange();
        text.selectNodeContents(line);
        return !line.dataset.about && line.getBoundingClientRect().bottom - text.getBoundingClientRect().bottom > 12;
    }).map(line => line.textContent)"""
    for width in range(380, 700, 20):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(empty) == []


@pytest.mark.parametrize(("width", "height", "column"), [(1280, 600, 688), (390, 800, 366)])
@pytest.mark.parametrize("options", [{}, {"predict": True}])
def test_the_whole_figure_fits_on_a_screen(show, width, height, column, options):
    page = show(explore(**options), viewport={"width": width, "height": 720})
    page.evaluate("width => { document.querySelector('main').style.width = `${width}px`; }", column)
    box = page.locator(".d2lconv-explorer").bounding_box()
    assert box["width"] <= column
    assert box["height"] <= height


def test_no_control_moves_when_it_is_changed(show):
    page = show(viewport={"width": 688, "height": 900})
    open_panel(page, "More")
    open_panel(page, "What if …?")
    places = """() => [...document.querySelectorAll("[type=radio], [data-do]:not(.stage *, .weight *)")].map(control =>
        { const {x, y} = control.getBoundingClientRect(); return [control.name ?? control.dataset.do, x, y]; })"""
    before = page.evaluate(places)
    for group, name in (("channels in", "4"), ("kernel", "3x3"), ("padding", "2"), ("stride", "3"), ("bias", "on"),
                        ("What comes out", "one map a slice?"), ("Each channel meets", "one shared slice?")):
        control(page, group, name).check(force=True)
        assert page.evaluate(places) == before


def test_many_channels_fold_into_a_line_each_and_open_one_at_a_time(show):
    page = show(explore(*family(8, 2, 2, 3)))
    lines = page.locator("button.line")
    assert lines.count() == 7
    assert lines.first.text_content() == "channel 1 gives 37"
    lines.first.click()
    assert page.get_by_role("group", name="channel 1", exact=True).first.is_visible()
    assert page.locator("button.line").count() == 7


def test_the_weight_is_a_grid_of_slices_with_the_row_in_use_marked(show):
    page = show(explore(*family(3, 2, 2, 3)))
    open_panel(page, "Weight")
    rows = page.locator(".weight tr")
    assert [rows.nth(n).locator(".c").all_text_contents() for n in (1, 2)] == [
        [str(w) for w in K.flatten().tolist()] for K in family(3, 2, 2, 3)[1]]
    assert page.locator(".weight .count").text_content() == (
        "2 output channels, so 2 kernels; each has 3 slices of 2x2, one for each input channel it sees: "
        "2 * 3 * 2 * 2 = 24 weights.")
    page.get_by_role("button", name="output 1").click()
    assert page.locator(".weight tr.chosen").get_by_role("button").text_content() == "output 1"


# What Python hands over

def test_the_classic_example_fits_in_45_kilobytes_and_a_photograph_in_120(photograph):
    assert len(explore()._repr_html_().encode()) <= 45_000
    X, K = photograph
    for photo in (X, X / 255, X / 255 + 1e-3, (X / 255).double().sqrt()):  # as bytes, and as floats of any value
        assert len(explore(photo, K.to(photo.dtype))._repr_html_().encode()) <= 120_000


def test_script_and_style_stay_readable():
    scripts = [line for path in FILES.glob("*.js") for line in path.read_text("utf-8").splitlines()]
    assert len([line for line in scripts if line and not line.lstrip().startswith("//")]) <= 570
    assert max(map(len, scripts)) <= 140
    assert len((FILES / "explorer.css").read_text("utf-8").splitlines()) <= 250


def test_the_same_call_gives_the_same_fragment(photograph):
    assert explore()._repr_html_() == explore()._repr_html_()
    assert explore(*photograph, predict=True)._repr_html_() == explore(*photograph, predict=True)._repr_html_()


def test_the_fragment_names_no_other_place():
    assert not re.search(r"https?:|\bsrc=|\bhref=|url\(|@import|\bid=", explore()._repr_html_())


def test_plain_text_has_the_shapes_and_the_first_element():
    assert repr(explore()) == (
        f"X (2, 3, 3), K (1, 2, 2, 2), stride 1, padding 0, groups 1 -> Y (1, 2, 2)\nY[0, 0, 0] = {CLASSIC}")


def test_plain_text_names_pairs_and_dilation():
    assert explore(*family(2, 1, 2, 5), padding=(1, 0), dilation=2).shapes() == (
        "X (2, 5, 5), K (1, 2, 2, 2), stride 1, padding (1, 0), dilation 2, groups 1 -> Y (1, 5, 3)")


def test_where_script_and_style_are_stripped_the_first_element_is_still_there():
    html = explore(bias=torch.tensor([4]), **dict(zip("XK", family())))._repr_html_()
    html = re.sub(r"<(script|style|svg)\b.*?</\1>", "", html, flags=re.DOTALL)
    html = re.sub(r' (data-[\w-]+|tabindex|role|class)="[^"]*"', "", html)
    rows = re.findall(r"<tr>(.*?)</tr>", html, flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert cells[1] == ["input channel 0", "0&nbsp; 1<br>3&nbsp; 4", "0&nbsp; 1<br>2&nbsp; 3", "19"]
    assert cells[2] == ["input channel 1", "1&nbsp; 2<br>4&nbsp; 5", "1&nbsp; 2<br>3&nbsp; 4", "37"]
    assert cells[3:] == [["bias", "", "", "4"], ["sum = output", "", "", "<b>60</b>"]]
    assert CLASSIC.replace("37 = 56", "37 + 4 = 60").replace(" = 19", " + 4 = 19") in html
    assert "{" not in html


def test_the_family_is_the_classic_example_at_its_size():
    X, K = family()
    assert X.tolist() == [[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]
    assert K.tolist() == [[[[0, 1], [2, 3]], [[1, 2], [3, 4]]]]


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"X": torch.ones(2, 3, 3)}, ValueError, "takes X and K together"),
    ({"bias": torch.ones(1)}, ValueError, "takes X and K together"),
    ({"groups": 5}, ValueError, "at most 4 groups"),
    ({"stride": 1.5}, TypeError, "stride"),
    ({"predict": 1}, TypeError, "predict must be True or False"),
    ({"padding": (1, 17)}, ValueError, "at most 16 on each side"),
    ({"X": torch.ones(2, 65, 3), "K": torch.ones(2, 1, 1)}, ValueError, r"X\[:, :64, :64\]"),
    ({"X": torch.ones(17, 3, 3), "K": torch.ones(17, 1, 1)}, ValueError, "16 channels"),
    ({"X": torch.ones(2, 3, 3), "K": torch.ones(3, 1, 1)}, ValueError, "2 input channels"),
    ({"X": torch.ones(1, 1).cfloat(), "K": torch.ones(1, 1).cfloat()}, TypeError, "real numbers"),
    ({"X": torch.ones(1, 1, device="meta"), "K": torch.ones(1, 1, device="meta")}, TypeError, "no numbers"),
])
def test_what_cannot_be_shown_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        explore(**arguments)


# Numbers

def test_every_number_of_every_state_is_that_of_torch(show):
    states = some(STATES, 1000)
    pages = json.loads(show().evaluate(READ_ALL, states))
    for state, page in zip(states, pages, strict=True):
        sizes, geometry = dict(list(state.items())[:4]), dict(list(state.items())[4:])
        X, K = family(**sizes, groups=state["groups"])
        assert K.shape[1] * state["groups"] == len(X)
        outputs = conv2d(X, K, **geometry)
        assert page["outputs"] == [[[str(n) for n in row] for row in rows] for rows in outputs.tolist()], state
        assert page["words"] == str(explain(X, K, (0, 0, 0), **geometry)), state
        single = {name: geometry[name] for name in ("stride", "padding", "dilation")}
        sums = [conv2d(x[None], k[None, None], **single)[0].tolist() for x, k in zip(X, K[0])]
        for shown in page["sums"]:  # of many channels, the first alone is open
            assert shown in [[[str(n) for n in row] for row in rows] for rows in sums], state


def test_the_controls_reach_exactly_these_states(show):
    page, reached = show(), []
    values = """name => [...document.querySelectorAll(`[name=${name}]:not(:disabled)`)].map(input => +input.value)"""
    for state in random.Random(0).sample(STATES, 40):
        page.evaluate(f"state => document.querySelector('.d2lconv-explorer').explorer.draw(({SET})(state))", state)
        for name, first, most in (("groups", 1, 4), ("k", 1, 3), ("size", 3, 5), ("padding", 0, 2), ("dilation", 1, 2)):
            offered = [first + n for n in page.evaluate(values, name)]
            known = [n for n in range(first, most + 1) if {**state, name: n} in STATES]
            assert offered == known, (state, name)
            reached += offered
    assert len(reached) > 100


def test_a_weight_that_is_shown_no_longer_does_not_outlive_its_channels(show):
    page = show()
    open_panel(page, "Weight")
    open_panel(page, "Weight")
    control(page, "channels in", "1").check(force=True)
    assert words(page) == "0*0 + 1*1 + 3*2 + 4*3 = 19"


def test_groups_that_no_longer_fit_give_way(show):
    page = show(explore(groups=4))
    open_panel(page, "More")
    control(page, "channels in", "3").check(force=True)
    assert control(page, "groups", "1").is_checked()
    assert control(page, "groups", "4").is_disabled()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_the_readers_own_tensors_give_the_numbers_of_torch(show, dtype):
    X, K, bias = tensors((4, 5, 6), (2, 4, 3, 2), (2,), dtype=dtype)
    states = [dict(zip(("stride", "padding", "dilation"), state)) | {"groups": 1}
              for state in product((1, 2, 3), (0, 1, 2), (1, 2))]
    pages = json.loads(show(explore(X, K, bias)).evaluate(READ_ALL, states))
    for state, page in zip(states, pages, strict=True):
        shown = torch.tensor([[[float(n) for n in row] for row in rows] for rows in page["outputs"]])
        torch.testing.assert_close(shown.double(), conv2d(X.double(), K.double(), bias.double(), **state),
                                   rtol=0.51e-3, atol=1e-6)
        assert page["words"] == str(explain(X, K[:1], (0, 0, 0), bias[:1], **state))


@pytest.mark.parametrize("geometry", [
    {"stride": (1, 2), "padding": (2, 0)}, {"dilation": (1, 2), "padding": (0, 1)}, {"padding": "same"},
    {"stride": (2, 2), "padding": (1, 1), "dilation": (2, 1), "groups": 2}])
def test_pairs_are_shown_as_a_layer_holds_them(show, geometry):
    X, K = tensors((4, 6, 5), (2, 4 // geometry.get("groups", 1), 2, 3), dtype=torch.int64)
    page = show(explore(X, K, **geometry))
    expected = d2lconv.conv2d(X, K, **geometry).tolist()
    assert page.evaluate(READ)["outputs"] == [[[str(n) for n in row] for row in rows] for rows in expected]
    element(page, 1, 1, 1).hover()
    assert words(page) == str(explain(X, K, (1, 1, 1), **geometry))


def test_more_groups_than_the_reader_gave_keep_each_groups_own_slices(show):
    X, K = tensors((4, 3, 3), (4, 4, 2, 2), dtype=torch.int64)
    page = show(explore(X, K))
    open_panel(page, "More")
    for groups, n in ((2, 2), (4, 1)):
        control(page, "groups", str(groups)).check(force=True)
        own = torch.stack([K[o, o // n * n:][:n] for o in range(4)])
        assert page.evaluate(READ)["outputs"] == [
            [[str(y) for y in row] for row in rows] for rows in conv2d(X, own, groups=groups).tolist()]
        element(page, 3, 1, 1).hover()
        assert words(page) == str(explain(X, own, (3, 1, 1), groups=groups))


def test_odd_numbers_are_shown_as_python_shows_them(show):
    odd = torch.tensor([[-0.0, 1e-9, 1e30, torch.nan], [9.99996, 1.0625, -123456.789, torch.inf]], dtype=torch.double)
    page, one = show(explore(odd, torch.ones(1, 1).double())), torch.ones(1, 1, 1, 1).double()
    for i, j in product(range(2), range(4)):
        element(page, 0, i, j).hover()
        assert words(page) == str(explain(odd[None], one, (0, i, j)))


def test_long_sums_are_cut_as_python_cuts_them(show):
    X, K = tensors((12, 5, 5), (2, 12, 5, 5))
    assert words(show(explore(X, K))) == str(explain(X, K, (0, 0, 0)))


# Windows

@pytest.mark.parametrize("geometry", [{}, {"padding": 1}, {"stride": 2, "padding": 2}, {"groups": 2}])
def test_the_window_lights_up_in_every_channel_that_the_element_sees(show, geometry):
    X, K = tensors((2, 4, 5), (4, 2 // geometry.get("groups", 1), 2, 3), dtype=torch.int64)
    page, step = show(explore(X, K, **geometry), reduced_motion="reduce"), geometry.get("stride", 1)
    found = page.evaluate(WINDOWS)
    assert len(found) == conv2d(X, K, **geometry).numel()
    for each in found:
        _, i, j = each["at"]
        window = [[i * step + a, j * step + b] for a in range(2) for b in range(3)]
        assert each["lit"]
        assert {str(window)} == set(map(str, each["lit"]))


def test_a_dilated_window_lights_up_with_its_gaps(show):
    page = show(explore(*family(1, 1, 2, 4), dilation=(2, 1)))
    element(page, 0, 1, 0).hover()
    assert page.locator(".channel .lit").all_text_contents() == ["4", "5", "12", "13"]


def test_a_channel_outside_of_the_group_is_said_to_be_unseen(show):
    page = show(explore(groups=2))
    element(page, 1, 0, 0).hover()
    assert page.get_by_text("channel 0 not seen by output 1").is_visible()


def test_the_kernel_slices_are_those_of_the_chosen_output_channel(show):
    page = show()
    control(page, "channels out", "3").check(force=True)
    element(page, 2, 0, 0).hover()
    slices = [page.get_by_role("group", name=f"slice {n} of kernel 2").locator(".c").all_text_contents()
              for n in range(2)]
    assert slices == [["2", "3", "4", "5"], ["3", "4", "5", "6"]]
    assert words(page) == "(0*2 + 1*3 + 3*4 + 4*5) + (1*3 + 2*4 + 4*5 + 5*6) = 35 + 61 = 96"


# Ways in

def test_pointing_chooses(show):
    page = show()
    element(page, 0, 1, 1).hover()
    assert words(page).endswith("= 43 + 77 = 120")
    assert element(page, 0, 1, 1).get_attribute("aria-selected") == "true"


def test_tapping_chooses(show):
    page = show(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    element(page, 0, 1, 0).tap()
    assert words(page).endswith("= 37 + 67 = 104")


def test_the_keyboard_alone_reaches_and_chooses_everything(show):
    page, reached = show(), []
    for _ in range(13):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.textContent"))
    assert reached == ["c_i", "c_o", "k", "Reset", "More", "What if\N{NO-BREAK SPACE}…?", "Weight", "0", "0", "1", "1",
                       "56", reached[-1]]
    page.keyboard.press("Shift+Tab")
    for key, value in [("ArrowRight", 72), ("ArrowDown", 120), ("ArrowDown", 120), ("Home", 104), ("ArrowUp", 56),
                       ("End", 72), ("ArrowLeft", 56)]:
        page.keyboard.press(key)
        assert words(page).endswith(f"= {value}")


def test_tab_stops_once_at_each_output_channel(show):
    page = show()
    control(page, "channels out", "3").check(force=True)
    assert page.locator('[data-channel][tabindex="0"]').all_text_contents() == ["56", "76", "96"]


def test_no_frame_glides_where_the_reader_wants_no_motion(show):
    durations = [show(reduced_motion=wish).locator(".channel .frame").first.evaluate(
        "frame => getComputedStyle(frame).transitionDuration") for wish in ("reduce", "no-preference")]
    assert set(durations[0].split(", ")) == {"0s"}
    assert "0.2s" in durations[1]


# Touched

def test_a_number_is_changed_by_typing(show):
    page = show()
    number(page, "x:0:1:0").click()
    page.keyboard.type("-1.5")
    assert words(page) == (
        "(0*0 + 1*1 + (-1.5)*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 10 + 37 = 47")
    page.keyboard.press("Enter")
    number(page, "k:0:1:1:1").click()
    page.keyboard.type("0")
    assert words(page).endswith("= 10 + 17 = 27")


def test_the_ring_around_the_number_in_focus_is_whole(show):
    page = show()
    number(page, "k:0:0:0:0").click()
    box = number(page, "k:0:0:0:0").bounding_box()
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    away = box["width"] / 2 - 1, box["height"] / 2 - 1  # inside, where no neighbour covers it
    sides = [(middle[0] + x * away[0], middle[1] + y * away[1]) for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    assert {picture.getpixel((int(x), int(y))) for x, y in sides} == {ImageColor.getrgb(PALETTE["focus"][0])}


def test_a_number_is_changed_by_the_arrow_keys_and_they_lead_to_the_next(show):
    page = show()
    number(page, "k:0:0:0:1").click()
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert number(page, "k:0:0:0:1").text_content() == "12"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert number(page, "k:0:0:1:0").text_content() == "3"


def test_a_number_is_changed_by_dragging_in_one_step_of_undo(show):
    page = show()
    box = number(page, "x:1:0:0").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 65, box["y"] + 10, steps=6)
    page.mouse.up()
    assert number(page, "x:1:0:0").text_content() == "6"
    page.get_by_role("button", name="Undo").click()
    assert number(page, "x:1:0:0").text_content() == "1"
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_the_wheel_changes_the_number_that_has_the_focus_and_no_other(show):
    page = show()
    number(page, "x:1:0:0").click()
    page.mouse.wheel(0, -100)
    page.wait_for_function("document.querySelector('[data-key=\"x:1:0:0\"]').textContent === '2'")
    number(page, "x:1:2:2").hover()
    page.mouse.wheel(0, 100)
    assert number(page, "x:1:2:2").text_content() == "9"


@pytest.mark.parametrize("typed", ["two", "1/2", "1e999", "", "--1", "<b>1</b>"])
def test_what_is_not_a_number_is_refused_in_place(show, typed):
    page = show()
    cell = number(page, "x:0:0:1")
    cell.click()
    page.keyboard.press("Delete")
    page.keyboard.type(typed)
    assert note(page) == f'"{typed}" is not a number: nothing was changed.' or not typed
    assert cell.get_attribute("aria-invalid") == "true"
    number(page, "x:0:0:2").click()
    assert (cell.text_content(), words(page)) == ("1", CLASSIC)


def test_a_zero_of_the_padding_cannot_be_changed(show):
    page = show(explore(padding=1))
    cell = page.locator(".outside").first
    assert cell.get_attribute("contenteditable") == "false"
    cell.click()
    page.keyboard.type("7")
    assert cell.text_content() == "0"


def test_undo_and_reset(show):
    page = show()
    number(page, "x:0:0:1").click()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    control(page, "channels out", "2").check(force=True)
    page.keyboard.press("Control+z")
    assert control(page, "channels out", "1").is_checked()
    assert number(page, "x:0:0:1").text_content() == "5"
    page.get_by_role("button", name="Reset").click()
    assert words(page) == CLASSIC
    page.get_by_role("button", name="Undo").click()
    assert number(page, "x:0:0:1").text_content() == "5"


def test_a_bias_for_each_output_and_an_activation_can_be_switched_on(show):
    page = show()
    control(page, "channels out", "2").check(force=True)
    open_panel(page, "More")
    control(page, "bias", "on").check(force=True)
    control(page, "ReLU", "on").check(force=True)
    element(page, 1, 0, 0).hover()
    number(page, "b:1").click()
    page.keyboard.type("-80")
    assert words(page).endswith("+ (-80) = 27 + 49 + (-80) = -4 ReLU: max(0, -4) = 0")
    assert [cell.text_content() for cell in page.locator('[data-channel="1"]').all()] == ["0", "20", "68", "92"]
    assert page.locator('[data-channel="0"]').first.text_content() == "56"


def test_random_edits_give_the_numbers_of_torch(show):
    draw, K = random.Random(3), family(3, 2, 2, 4)[1].double()
    X, bias = family(3, 2, 2, 4)[0].double(), torch.zeros(2).double()
    page = show(explore(X, K, bias))
    edit = """([o, key, text]) => {
        const root = document.querySelector(".d2lconv-explorer");
        root.querySelector(`[data-channel="${o}"]`).focus();
        root.querySelector(`[data-c="${key[2]}"], [data-do="open:${key[2]}"]`)?.click();
        const cell = root.querySelector(`[data-key="${key}"]`);
        cell.focus();
        document.execCommand("insertText", false, text);
        cell.blur();
        return [...root.querySelectorAll(".y-map")].map(map => [...map.querySelectorAll(".c")].map(c => c.textContent));
    }"""
    for _ in some(range(1000), 120):
        value, o = draw.choice([draw.randint(-9, 9), round(draw.uniform(-2, 2), 3)]), draw.randrange(2)
        tensor, kind = draw.choice([(X, "x"), (K, "k"), (bias, "b")])
        at = (o, *(draw.randrange(n) for n in tensor.shape[1:])) if kind != "x" else tuple(map(draw.randrange, X.shape))
        tensor[at] = value
        shown = page.evaluate(edit, [o, ":".join([kind, *map(str, at)]), str(value)])
        expected = conv2d(X, K, bias).flatten(1)
        torch.testing.assert_close(torch.tensor([[float(n) for n in row] for row in shown]).double(), expected,
                                   rtol=0.51e-3, atol=1e-6)


# Links

def linked(page, part):
    return page.locator(f"{part}.linked").all_text_contents()


PRESS = """draws => draws.forEach(draw => {
    const parts = "[type=radio], button:not([data-do=copy]), [data-row], [contenteditable=plaintext-only]";
    const found = [...document.querySelectorAll(parts)].filter(part => part.checkVisibility() && !part.disabled);
    const part = found[Math.floor(draw * found.length)];
    part.focus();
    part.click();
})"""


@pytest.mark.parametrize("given", [(), (torch.ones(3, 6, 12), torch.ones(3, 3, 2, 2))])
@pytest.mark.parametrize("predict", [False, True])
def test_random_presses_break_nothing(show, given, predict):
    page, draw = show(explore(*given, predict=predict)), random.Random(len(given) + predict)
    page.evaluate(PRESS, some([draw.random() for _ in range(1000)], 120))
    page.get_by_role("button", name="Reset").click()
    assert page.locator("[data-row][aria-selected=true], .y-map.picture.chosen").count() == 1


def test_a_pixel_shows_the_outputs_that_it_reaches(show):
    page = show()
    number(page, "x:0:1:1").hover()
    assert linked(page, "[data-channel]") == ["56", "72", "104", "120"]
    assert note(page) == "This pixel reaches 4 numbers of each output that sees channel 0."
    number(page, "x:0:0:2").hover()
    assert (linked(page, "[data-channel]"), linked(page, ".product")) == (["72"], [])


def test_a_pixel_reaches_its_own_group_only(show):
    page = show(explore(groups=2))
    number(page, "x:0:0:0").hover()
    assert linked(page, "[data-channel]") == ["19"]


def test_a_weight_shows_its_product_and_a_product_both_factors(show):
    page = show()
    number(page, "k:0:1:0:1").hover()
    assert (linked(page, ".product"), linked(page, ".channel .c")) == (["2*2"], ["2"])
    page.locator(".product", has_text="3*2").hover()
    assert linked(page, "[data-key]") == ["3", "2"]


# Wrong beliefs

def believe(page, group, name):
    control(page, group, name).check(force=True)
    return page.locator(".verdict").text_content().strip()


def test_each_wrong_belief_is_told_apart_from_the_layer(show):
    page = show()
    open_panel(page, "What if …?")
    assert believe(page, "The channels' maps are", "averaged?") == (
        "If the channels were averaged: (19 + 37) / 2 = 28, not 56.")
    assert page.locator(".result .wrong .c").all_text_contents() == ["28", "36", "52", "60"]
    assert page.evaluate(READ)["outputs"] == [[["56", "72"], ["104", "120"]]]
    believe(page, "The channels' maps are", "added")
    assert believe(page, "Each channel meets", "one shared slice?") == (
        "If every channel met slice 0: 19 + 25 = 44, not 56.")
    assert page.evaluate(READ)["sums"] == [[["19", "25"], ["37", "43"]], [["25", "31"], ["43", "49"]]]
    assert words(page) == CLASSIC
    believe(page, "Each channel meets", "its own slice")
    assert believe(page, "What comes out", "one map a slice?") == (
        "If every slice's map came out, there were 1 * 2 = 2 maps, not 1: "
        "a layer adds the maps of each kernel into one.")
    assert page.locator(".result .wrong").count() == 2


def test_a_wrong_belief_holds_when_the_chosen_output_is_taken_away(show):
    page = show()
    open_panel(page, "What if …?")
    control(page, "The channels' maps are", "averaged?").check(force=True)
    control(page, "channels out", "3").check(force=True)
    element(page, 2, 0, 0).click()
    control(page, "channels out", "2").check(force=True)
    assert page.locator(".where").text_content() == "56 in output 0, row 0, column 0"
    assert page.locator(".wrong .lit").all_text_contents() == ["28"]


def test_an_activation_before_the_sum_differs_where_a_map_is_negative(show):
    page = show()
    open_panel(page, "What if …?")
    assert believe(page, "The activation comes", "before the sum?").startswith(
        "If the activation came before the sum: 19 + 37 = 56, which is the same here.")
    number(page, "k:0:0:1:1").click()
    page.keyboard.type("-9")
    assert page.locator(".verdict").text_content().startswith(
        "If the activation came before the sum: 0 + 37 = 37, not 8.")


# Predictions

def ask(page, text):
    box = page.locator(".d2lconv-explorer input[name=answer]")
    box.fill(text)
    box.press("Enter")


def test_a_prediction_covers_the_numbers_until_they_are_answered(show):
    page = show(explore(predict=True))
    assert page.evaluate(READ) == {"outputs": [[["?"] * 2] * 2], "sums": [[["?"] * 2] * 2] * 2, "words": ""}
    ask(page, "56")
    assert note(page) == "56: right."
    assert words(page) == CLASSIC
    assert page.evaluate(READ)["outputs"] == [[["56", "?"], ["?", "?"]]]
    assert page.evaluate(READ)["sums"][1] == [["37", "?"], ["?", "?"]]


@pytest.mark.parametrize(("answer", "name"), [
    ("28", "mean instead of sum"), ("44", "one shared kernel"), ("19", "only one input channel seen"),
    ("24", "kernel flipped (true convolution)")])
def test_a_wrong_prediction_is_met_with_the_name_of_the_belief(show, answer, name):
    page = show(explore(predict=True))
    hints = {entry.misconception.name: entry.misconception.hint for entry in wrong_answers("conv2d")}
    ask(page, answer)
    assert note(page) == f"{answer}: {name}. {hints[name]} It is 56."


def test_a_prediction_of_one_channels_map_a_guess_and_giving_up(show):
    page = show(explore(predict=True))
    page.locator(".sum-map [data-n='1']").first.click()
    assert page.locator(".question").text_content() == "What is channel 1's map at row 0, column 0?"
    ask(page, "3 7")
    assert note(page) == '"3 7" is not a number.'
    ask(page, "37")
    assert note(page) == "37: right."
    assert page.evaluate(READ)["outputs"] == [[["?"] * 2] * 2]
    element(page, 0, 0, 1).click()
    ask(page, "1000")
    assert note(page) == "1000: no. Compare the products. It is 72."
    element(page, 0, 1, 1).click()
    page.get_by_role("button", name="Give up").click()
    assert note(page) == "It is 120."


def test_after_a_change_everything_is_covered_again(show):
    page = show(explore(predict=True))
    ask(page, "56")
    number(page, "x:0:0:1").click()
    page.keyboard.type("5")
    assert page.evaluate(READ)["outputs"] == [[["?"] * 2] * 2]


def test_a_prediction_is_asked_of_no_channel_that_a_change_has_taken_away(show):
    page = show(explore(predict=True))
    control(page, "channels in", "3").check(force=True)
    page.locator(".sum-map [data-n='2']").first.click()
    control(page, "channels in", "2").check(force=True)
    assert page.locator(".question").text_content() == "What is the output at row 0, column 0?"
    ask(page, "56")
    assert note(page) == "56: right."


def test_the_beliefs_have_registered_names():
    assert set(KNOWN) == {belief["name"] for belief in explore(predict=True).given()["beliefs"]}


@pytest.mark.parametrize(("shapes", "geometry"), [
    (((2, 3, 3), (1, 2, 2, 2)), {}), (((3, 4, 4), (3, 3, 2, 2)), {"padding": 1}),
    (((4, 5, 5), (4, 2, 3, 3)), {"groups": 2}),
    (((2, 5, 5), (2, 2, 3, 3)), {"padding": 1, "stride": 2})])
def test_each_belief_gives_the_numbers_of_the_registered_wrong_answers(show, shapes, geometry):
    X, K, bias = (tensor.double() for tensor in tensors(*shapes, shapes[1][:1], dtype=torch.int64))
    page = show(explore(X, K, bias, predict=True, **geometry))
    given = {"stride": 1, "padding": 0, "groups": 1, **geometry}
    right = conv2d(X, K, bias, **given)
    places = list(product(*map(range, right.shape)))
    numbers = page.evaluate("""([names, places]) => Object.fromEntries(names.map(name => [name, places.map(at =>
        document.querySelector(".d2lconv-explorer").explorer.wrong(name, at))]))""", [KNOWN, places])
    for name in KNOWN:
        expected = [set() for _ in range(right.numel())]
        for entry in wrong_answers("conv2d"):
            if entry.misconception.name != name:
                continue
            try:
                wrong = entry.function(X[None], K, bias, **given)[0]
            except (IndexError, RuntimeError, ValueError):
                continue
            if wrong.ndim == 3 and all(n >= m for n, m in zip(wrong.shape, right.shape)):
                cut = wrong[:, :right.shape[1], :right.shape[2]].flatten().tolist()
                for found, value, truth in zip(expected, cut, right.flatten().tolist(), strict=True):
                    found |= {round(float(value), 9)} - {truth}
        shown = [{round(x, 9) for x in found} - {truth} for found, truth in
                 zip(numbers[name], right.flatten().tolist(), strict=True)]
        assert shown == expected, name


# On a photograph

def test_what_is_too_large_for_digits_is_shown_as_pictures(show, photograph):
    page = show(explore(*photograph), viewport={"width": 712, "height": 900})
    assert page.locator("canvas").count() == 3 + 3 + 4
    assert page.locator(".d2lconv-explorer").bounding_box()["height"] <= 600
    grey = page.locator(".channel canvas").first.evaluate("""canvas =>
        [...canvas.getContext("2d").getImageData(0, 0, 64, 64).data].filter((_, n) => n % 4 === 0)""")
    X = photograph[0][0].flatten()
    torch.testing.assert_close(torch.tensor(grey).double(), 255 * X.double() / X.max(), atol=1, rtol=0)
    assert page.locator(".channel .scale").first.text_content().strip() == f"0\N{EN DASH}{X.max():.0f}"


def test_fifty_places_of_a_photograph_have_the_numbers_of_torch(show, photograph):
    page, draw, (X, K) = show(explore(*photograph)), random.Random(5), photograph
    for _ in range(50):
        o, i, j = draw.randrange(4), draw.randrange(62), draw.randrange(62)
        page.evaluate("""([o, i, j]) => {
            const pick = document.querySelector(`.pick[data-channel="${o}"]`), canvas = pick.parentElement;
            const {left, top, width, height} = canvas.querySelector("canvas").getBoundingClientRect();
            pick.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: left + (j + 0.5) * width / 62,
                clientY: top + (i + 0.5) * height / 62}));
        }""", [o, i, j])
        assert words(page) == str(explain(X, K, (o, i, j)))
        window = X[0, i:i + 3, j:j + 3].long().flatten().tolist()
        assert page.locator(".window").first.locator(".c").all_text_contents() == [str(n) for n in window]


def test_the_pointer_carries_the_window_over_a_picture_and_the_arrow_keys_do(show, photograph):
    page = show(explore(*photograph))
    page.locator(".channel canvas").first.hover(position={"x": 42, "y": 42})
    where = page.locator(".where").text_content()
    row, column = map(int, re.findall(r"row (\d+), column (\d+)", where)[0])
    assert abs(row - 31) <= 1
    assert abs(column - 31) <= 1
    page.locator(".pick").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert f"row {row + 1}, column {column + 1}" in page.locator(".where").text_content()


def test_the_pointer_over_the_picture_of_a_kernel_chooses_nothing(show):
    page = show(explore(torch.ones(1, 20, 20), torch.ones(1, 1, 11, 11)))
    page.locator(".k-map canvas").hover(position={"x": 60, "y": 60})
    assert "row 0, column 0" in page.locator(".where").text_content()


def test_a_wide_border_makes_a_picture(show):
    page = show(explore(torch.ones(1, 3, 3), torch.ones(1, 1, 3, 3), padding=5))
    assert page.locator(":is(.channel, .y-map) canvas").count() == 2


def test_a_slider_changes_the_strength_of_a_slice(show, photograph):
    page, (X, K) = show(explore(*photograph)), photograph
    slider = page.get_by_role("slider", name="strength of slice 1")
    slider.fill("-0.5")
    assert words(page) == str(explain(X, K * torch.tensor([1, -0.5, 1])[:, None, None], (0, 0, 0)))
    page.get_by_role("button", name="Undo").click()
    assert (words(page), slider.input_value()) == (str(explain(X, K, (0, 0, 0))), "1")


@pytest.mark.parametrize("X", [tensors((8, 64, 64)), tensors((2, 11, 30), dtype=torch.double),
                               torch.eye(12)[None] / 255])
def test_pictures_hold_any_numbers(show, X):
    K = torch.ones(1, len(X), 3, 3, dtype=X.dtype)
    assert words(show(explore(X, K))) == str(explain(X.float(), K.float(), (0, 0, 0)))


# Addresses

@pytest.fixture
def visit(new_page):
    """Open an address on a page that has the explorer, and a host as the site has."""
    page = new_page({"width": 1280, "height": 720}, permissions=["clipboard-read", "clipboard-write"])
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.route("**/try.html", lambda route: route.fulfill(content_type="text/html", body=(
        f"<!doctype html><html lang=en><title>Try</title><main>{explore()._repr_html_()}</main></html>")))

    def go(fragment=""):
        page.goto("about:blank")
        page.goto(f"http://localhost/try.html{fragment}")
        return page

    yield go
    assert trouble == []


def test_a_state_has_an_address(visit):
    page = visit()
    control(page, "channels out", "2").check(force=True)
    number(page, "x:0:0:1").click()
    page.keyboard.type("-2.5")
    open_panel(page, "More")
    control(page, "padding", "1").check(force=True)
    element(page, 1, 2, 2).click()
    before = page.evaluate(READ)
    page.get_by_role("button", name="Copy link").click()
    page.locator(".link", has_text="Copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    again = visit("#" + link.partition("#")[2])
    assert again.evaluate(READ) == before
    assert again.locator("[name=padding]").nth(1).is_checked()


def test_an_address_has_no_numbers_that_are_not_shown(visit):
    page = visit()
    number(page, "x:0:2:2").click()
    page.keyboard.type("7")
    number(page, "x:0:0:1").click()
    page.keyboard.type("5")
    open_panel(page, "More")
    control(page, "bias", "on").check(force=True)
    number(page, "b:0").click()
    page.keyboard.type("9")
    control(page, "bias", "off").check(force=True)
    open_panel(page, "More")
    control(page, "kernel", "1x1").check(force=True)
    number(page, "k:0:0:0:0").click()
    page.keyboard.type("4")
    control(page, "kernel", "2x2").check(force=True)
    open_panel(page, "More")
    page.get_by_role("button", name="Copy link").click()
    page.locator(".link", has_text="Copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    before = page.evaluate(READ)
    assert visit("#" + link.partition("#")[2]).evaluate(READ) == before


def test_an_address_may_take_the_number_away_that_is_being_typed(visit):
    page = visit("#explore=1~c_i:3")
    number(page, "x:2:0:0").click()
    page.keyboard.type("5")
    page.evaluate("location.hash = 'explore=1~at:0:0:0'")
    page.locator(".lines", has_text=CLASSIC).wait_for()
    assert number(page, "x:2:0:0").count() == 0


@pytest.mark.parametrize("broken", [
    "explore=1~c_i:9", "explore=1~k:3~size:3~dilation:2:2", "explore=x:0:9:9:1", "explore=1~constructor:1",
    "explore=1~<img src=x onerror=alert(1)>", "explore=1~__proto__:1", "explore=at:0:5:0", "explore=1~x:0:0:0:1e9",
    "explore=%E0%A4%A", "explore=at:0.5:0:0"])
def test_a_broken_address_opens_the_start_and_says_so(visit, broken):
    page = visit(f"#{broken}")
    assert words(page) == CLASSIC
    assert note(page) == "This link holds no state of this figure: here is its start."


# Places

def test_two_explorers_on_a_page_do_not_disturb_each_other(show):
    page = show(explore(), explore())
    first, second = page.locator(".d2lconv-explorer").all()
    open_panel(second, "More")
    first.locator('[data-row="1"][data-col="1"]').hover()
    control(second, "stride", "2").check(force=True)
    assert first.locator(".lines").text_content().endswith("= 120")
    assert second.locator(".lines").text_content().endswith("= 56")
    assert first.locator("[name=stride]").first.is_checked()
    assert (first.locator("[data-channel]").count(), second.locator("[data-channel]").count()) == (4, 1)


def test_without_scripts_the_first_element_is_shown(show):
    page = show(java_script_enabled=False)
    assert page.get_by_role("row", name="input channel 1").is_visible()
    assert page.get_by_text(CLASSIC).is_visible()


def test_no_key_pressed_inside_reaches_the_notebook(show, photograph):
    page = show(explore(predict=True), explore(*photograph))
    bare = page.evaluate("""() => [...document.querySelectorAll(
        ".d2lconv-explorer :is(a, button, input, select, [tabindex], [contenteditable])")]
        .filter(one => !one.hasAttribute("data-lm-suppress-shortcuts")).map(one => one.outerHTML)""")
    assert bare == []
    page.evaluate("() => { window.heard = []; document.onkeydown = ({key}) => { window.heard.push(key); }; }")
    element(page, 0, 0, 0).first.click()
    for key in ("d", "d", "ArrowDown", "Enter", "PageDown"):
        page.keyboard.press(key)
    assert page.evaluate("window.heard") == ["PageDown"]  # which a deck of slides needs


def test_it_reads_from_left_to_right_on_any_page(show):
    page = show(attributes='dir="rtl"')
    boxes = [element(page, 0, 0, j).bounding_box() for j in (0, 1)]
    assert boxes[0]["x"] < boxes[1]["x"]


@pytest.mark.parametrize(("attributes", "body", "system", "expected"), [
    ("", "", "light", "light"), ("", "", "dark", "dark"),
    ('data-theme="dark"', "", "light", "dark"), ('data-theme="light"', "", "dark", "light"),
    ('theme="dark"', "", "light", "dark"), ('theme="light"', "", "dark", "light"),
    ("", 'data-jp-theme-light="false"', "light", "dark"), ("", 'data-jp-theme-light="true"', "dark", "light"),
    ("", 'class="vscode-dark"', "light", "dark"), ("", 'class="vscode-light"', "dark", "light"),
])
def test_it_is_light_or_dark_as_the_page_around_it(show, attributes, body, system, expected):
    page = show(attributes=attributes, body=body, color_scheme=system)
    colour = page.locator(".d2lconv-explorer form").evaluate("form => getComputedStyle(form).backgroundColor")
    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 25, 31)"}[expected]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(show, scheme, photograph):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    X, K = tensors((1, 3, 9), (2, 1, 1, 2))  # wider than the screen
    page = show(explore(), explore(predict=True), explore(1e-6 * X, K, torch.ones(2)), explore(*photograph),
                color_scheme=scheme, viewport={"width": 400, "height": 800})
    for root in page.locator(".d2lconv-explorer").all():
        for name in ("More", "What if …?", "Weight"):
            open_panel(root, name)
        control(root, "Each channel meets", "one shared slice?").check(force=True)
    page.locator(".d2lconv-explorer").first.evaluate(
        "root => root.explorer.draw({c_i: 4, c_o: 2, groups: 2, padding: [[1, 1], [1, 1]]})")
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found
            if rule["impact"] in ("serious", "critical")] == []


def test_every_number_and_control_is_large_enough_for_a_finger(show):
    page = show(viewport={"width": 320, "height": 640})
    boxes = [cell.bounding_box() for cell in page.locator(".c, label, button").all() if cell.is_visible()]
    assert min(min(box["width"], box["height"]) for box in boxes) >= 24
