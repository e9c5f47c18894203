"""explore: what it hands to a page, and what a reader then sees and does there, in a real browser."""

import json
import re
from itertools import product
from math import gcd

import pytest
import torch
from torch.nn.functional import conv2d

from d2lconv.arithmetic import explain
from d2lconv.explorer import explore, family
from strategies import tensors

# Every state that the controls reach when the reader gives no tensors.
STATES = [dict(zip(("c_i", "c_o", "k", "size", "stride", "padding", "groups"), state)) for state in product(
    (1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3), (3, 4, 5), (1, 2, 3), (0, 1, 2), (1, 2, 3, 4))
    if gcd(*state[:2]) % state[-1] == 0]
CLASSIC = "(0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56"

READ = """() => {
    const root = document.querySelector(".d2lconv-explorer");
    const numbers = map => [...map.querySelectorAll("[role=row]")].map(row =>
        [...row.children].map(cell => cell.textContent));
    return {outputs: [...root.querySelectorAll("[role=grid]")].map(numbers),
            sums: [...root.querySelectorAll(".sum-map")].map(numbers),
            words: root.querySelector("[role=status] .lines").textContent};
}"""
READ_ALL = f"""states => {{
    const root = document.querySelector(".d2lconv-explorer");
    root.style.display = "none"; // numbers need no layout
    return JSON.stringify(states.map(state => {{ root.explorer.draw(state); return ({READ})(); }}));
}}"""
WINDOWS = """() => [...document.querySelectorAll("[data-channel]")].map(element => {
    element.focus();
    const lit = [...document.querySelectorAll(".seen .x-map")].map(map => {
        const frame = map.querySelector(".frame").getBoundingClientRect(), found = [];
        map.querySelectorAll("[role=row]").forEach((row, i) => [...row.children].forEach((cell, j) => {
            const box = cell.getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const framed = x > frame.left && x < frame.right && y > frame.top && y < frame.bottom;
            if (framed !== cell.classList.contains("lit")) throw Error(`the frame is off at ${i}, ${j}`);
            if (framed) found.push([i, j]);
        }));
        return found;
    });
    return {at: ["channel", "row", "col"].map(name => +element.dataset[name]), lit};
})"""


@pytest.fixture
def show(browser):
    """Open a page with explorers on it; nothing may be requested from anywhere, no script may fail."""
    contexts, trouble = [], []

    def open_page(*explorers, attributes="", body="", **options):
        context = browser.new_context(**{"viewport": {"width": 800, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        for event in ("request", "pageerror", "console"):
            page.on(event, lambda what: trouble.append(str(what)))
        page.set_content(
            f'<!doctype html><html lang="en" {attributes}><head><title>Explorer</title>'
            f'<meta name="viewport" content="width=device-width"></head><body {body}><main>'
            f'{"".join(e._repr_html_() for e in explorers or [explore()])}</main></body></html>')
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def element(page, o, i, j):
    return page.locator(f'[data-channel="{o}"][data-row="{i}"][data-col="{j}"]')


def words(page):
    return page.get_by_role("status").locator(".lines").text_content()


def control(page, group, name):
    return (page.get_by_role("radiogroup", name=re.compile(f"^{re.escape(group)}(,|$)"))
            .get_by_role("radio", name=name, exact=True))


# What Python hands over

def test_the_classic_example_fits_in_40_kilobytes():
    assert len(explore()._repr_html_().encode()) <= 40_000


def test_the_same_call_gives_the_same_fragment():
    assert explore()._repr_html_() == explore()._repr_html_()


def test_the_fragment_names_no_other_place():
    assert not re.search(r"https?:|\bsrc=|\bhref=|url\(|@import|\bid=", explore()._repr_html_())


def test_plain_text_has_the_shapes_and_the_first_element():
    assert repr(explore()) == (
        f"X (2, 3, 3), K (1, 2, 2, 2), stride 1, padding 0, groups 1 -> Y (1, 2, 2)\nY[0, 0, 0] = {CLASSIC}")


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
    ({"stride": (1, 2)}, TypeError, "stride must be an integer"),
    ({"X": torch.ones(2, 17, 3), "K": torch.ones(2, 1, 1)}, ValueError, r"X\[:, :8, :8\]"),
    ({"X": torch.ones(2, 3, 3), "K": torch.ones(3, 1, 1)}, ValueError, "2 input channels"),
    ({"X": torch.ones(1, 1).cfloat(), "K": torch.ones(1, 1).cfloat()}, TypeError, "real numbers"),
])
def test_what_cannot_be_shown_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        explore(**arguments)


# Numbers

def test_every_number_of_every_state_is_that_of_torch(show):
    pages = json.loads(show().evaluate(READ_ALL, STATES))
    for state, page in zip(STATES, pages, strict=True):
        sizes, geometry = dict(list(state.items())[:4]), dict(list(state.items())[4:])
        X, K = family(**sizes, groups=state["groups"])
        assert K.shape[1] * state["groups"] == len(X)
        outputs = conv2d(X, K, **geometry)
        sums = torch.cat([conv2d(x[None], k[None, None], stride=state["stride"], padding=state["padding"])
                          for x, k in zip(X, K[0])])
        assert page["outputs"] == [[[str(n) for n in row] for row in rows] for rows in outputs.tolist()], state
        assert page["sums"] == [[[str(n) for n in row] for row in rows] for rows in sums.tolist()], state
        assert page["words"] == str(explain(X, K, (0, 0, 0), **geometry)), state


def test_the_controls_reach_exactly_these_states(show):
    page, reached = show(), []
    values = """name => [...document.querySelectorAll(`[name=${name}]:not(:disabled)`)].map(input => +input.value)"""
    for c_i, c_o in product(*(page.evaluate(values, name) for name in ("c_i", "c_o"))):
        control(page, "input channels", str(c_i)).check(force=True)
        control(page, "output channels", str(c_o)).check(force=True)
        options = [page.evaluate(values, name) for name in ("k", "size", "stride", "padding", "groups")]
        reached += [(c_i, c_o, *state) for state in product(*options)]
    assert sorted(reached) == sorted(tuple(state.values()) for state in STATES)


def test_groups_that_no_longer_fit_give_way(show):
    page = show(explore(groups=4))
    control(page, "input channels", "3").check(force=True)
    assert control(page, "groups", "1").is_checked()
    assert control(page, "groups", "4").is_disabled()
    assert "sees" in page.locator(".summary").text_content()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_the_readers_own_tensors_give_the_numbers_of_torch(show, dtype):
    X, K, bias = tensors((4, 5, 6), (2, 4, 3, 2), (2,), dtype=dtype)
    states = [{"stride": s, "padding": p, "groups": 1} for s in (1, 2, 3) for p in (0, 1, 2)]
    pages = json.loads(show(explore(X, K, bias)).evaluate(READ_ALL, states))
    for state, page in zip(states, pages, strict=True):
        shown = torch.tensor([[[float(n) for n in row] for row in rows] for rows in page["outputs"]])
        torch.testing.assert_close(shown.double(), conv2d(X.double(), K.double(), bias.double(), **state),
                                   rtol=0.51e-3, atol=1e-6)
        assert page["words"] == str(explain(X, K[:1], (0, 0, 0), bias[:1], **state))


def test_more_groups_than_the_reader_gave_keep_each_groups_own_slices(show):
    X, K = tensors((4, 3, 3), (4, 4, 2, 2), dtype=torch.int64)
    page = show(explore(X, K))
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
    X, K = tensors((4, 4, 5), (4, 4 // geometry.get("groups", 1), 2, 3), dtype=torch.int64)
    page, step = show(explore(X, K, **geometry), reduced_motion="reduce"), geometry.get("stride", 1)
    found = page.evaluate(WINDOWS)
    assert len(found) == conv2d(X, K, **geometry).numel()
    for element in found:
        _, i, j = element["at"]
        window = [[i * step + a, j * step + b] for a in range(2) for b in range(3)]
        assert element["lit"] == [window] * K.shape[1]


def test_a_channel_outside_of_the_group_is_said_to_be_unseen(show):
    page = show(explore(groups=2))
    element(page, 1, 0, 0).hover()
    unseen = page.get_by_role("group", name="Input channel 0")
    assert unseen.get_by_text("not seen by output channel 1").is_visible()
    assert unseen.locator(".lit").count() == 0


def test_the_kernel_slices_are_those_of_the_chosen_output_channel(show):
    page = show()
    control(page, "output channels", "3").check(force=True)
    control(page, "output channel", "2").check(force=True)
    slices = [page.get_by_role("table", name=f"Kernel 2, slice {n}").get_by_role("cell").all_text_contents()
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
    page = show()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "56"
    for key, value in [("ArrowRight", 72), ("ArrowDown", 120), ("ArrowDown", 120), ("Home", 104), ("ArrowUp", 56),
                       ("End", 72), ("ArrowLeft", 56)]:
        page.keyboard.press(key)
        assert words(page).endswith(f"= {value}")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.textContent"))
    assert [name.split()[-1] for name in reached[:11]] == [
        "Play", "Back", "Step", "belief", "c_i", "c_o", "groups", "k", "size", "stride", "padding"]


def test_tab_stops_once_at_each_output_channel(show):
    page = show()
    control(page, "output channels", "3").check(force=True)
    assert page.locator('[data-channel][tabindex="0"]').all_text_contents() == ["56", "76", "96"]


def test_play_steps_through_all_elements_and_pauses(show):
    page = show()
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    seen = []
    for _ in range(5):
        seen.append(words(page).split()[-1])
        page.clock.run_for(1200)
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(5000)
    assert seen == ["56", "72", "104", "120", "56"]
    assert words(page).endswith("= 72")


def test_step_and_back_are_each_others_undoing(show):
    page = show()
    for name, value in (("Back", 120), ("Step", 56), ("Step", 72)):
        page.get_by_role("button", name=name).click()
        assert words(page).endswith(f"= {value}")


def test_no_frame_glides_where_the_reader_wants_no_motion(show):
    durations = [show(reduced_motion=wish).locator(".x-map .frame").first.evaluate(
        "frame => getComputedStyle(frame).transitionDuration") for wish in ("reduce", "no-preference")]
    assert set(durations[0].split(", ")) == {"0s"}
    assert "0.2s" in durations[1]


# Wrong beliefs

def test_the_mean_is_told_apart_from_the_sum(show):
    page = show()
    control(page, "How are the channels combined?", "mean?").check(force=True)
    assert page.locator(".verdict").text_content() == "If the channels were averaged: (19 + 37) / 2 = 28, not 56."
    assert page.locator(".instead [role=cell]").all_text_contents() == ["28", "36", "52", "60"]
    assert page.evaluate(READ)["outputs"] == [[["56", "72"], ["104", "120"]]]


def test_the_shared_kernel_is_told_apart_from_a_slice_for_each_channel(show):
    page = show()
    control(page, "How are the channels combined?", "shared kernel?").check(force=True)
    assert page.locator(".verdict").text_content() == "If every channel met slice 0: 19 + 25 = 44, not 56."
    assert page.evaluate(READ)["sums"] == [[["19", "25"], ["37", "43"]], [["25", "31"], ["43", "49"]]]
    assert words(page) == CLASSIC


# Places

def test_two_explorers_on_a_page_do_not_disturb_each_other(show):
    page = show(explore(), explore())
    first, second = page.locator(".d2lconv-explorer").all()
    first.locator('[data-row="1"][data-col="1"]').hover()
    control(second, "stride", "2").check(force=True)
    assert first.get_by_role("status").text_content().endswith("= 120")
    assert second.get_by_role("status").text_content().endswith("= 56")
    assert control(first, "stride", "1").is_checked()
    assert (first.locator("[data-channel]").count(), second.locator("[data-channel]").count()) == (4, 1)


def test_without_scripts_the_first_element_is_shown(show):
    page = show(java_script_enabled=False)
    assert page.get_by_role("row", name="input channel 1").is_visible()
    assert page.get_by_text(CLASSIC).is_visible()


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


LARGEST = {"c_i": 4, "c_o": 4, "k": 3, "size": 5, "groups": 2, "padding": 2}


def test_nothing_scrolls_sideways_on_a_narrow_screen(show):
    X, K = tensors((3, 16, 16), (2, 3, 5, 5))
    page = show(explore(), explore(X, K, torch.ones(2)), viewport={"width": 320, "height": 640})
    for state in ({}, {"c_o": 3}, LARGEST, {"size": 3}):
        page.locator(".d2lconv-explorer").first.evaluate("(root, state) => root.explorer.draw(state)", state)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(show, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    X, K = tensors((1, 3, 12), (2, 1, 1, 2))  # wider than the screen
    page = show(explore(), explore(), explore(X, K, torch.ones(2)), color_scheme=scheme,
                viewport={"width": 400, "height": 800})
    first, second, _ = page.locator(".d2lconv-explorer").all()
    control(first, "How are the channels combined?", "shared kernel?").check(force=True)
    second.evaluate("root => root.explorer.draw({c_o: 2, groups: 2, padding: 1})")
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found
            if rule["impact"] in ("serious", "critical")] == []


def test_every_output_element_is_large_enough_for_a_finger(show):
    page = show(viewport={"width": 320, "height": 640})
    boxes = [cell.bounding_box() for cell in page.locator("[data-channel], label").all() if cell.is_visible()]
    assert min(min(box["width"], box["height"]) for box in boxes) >= 24
