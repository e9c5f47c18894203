"""The questions: torch computes every answer again, and a real browser shows what a reader meets."""

import contextlib
import re
from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import d2lconv as d2l
from d2lconv.exercises import wrong_answers
from d2lconv.exercises.question_bank import TEMPLATES
from d2lconv.exercises.questions import Unfit, plain


@pytest.fixture(scope="module")
def bank():
    """Every question that the book or the page of practice asks."""
    return [*map(d2l.ask, TEMPLATES), *d2l.practice().questions]


# What torch says. Tensors are read from the grid that the reader sees, all other numbers from the values.

def grid(question):
    """The matrices that are shown, by name."""
    found = {}
    for part in question.grid.split("\n\n"):
        names, *lines = part.splitlines()
        starts = [(name[0], name.start()) for name in re.finditer(r"\w(\[[^]]*\])?", names)]
        ends = [start for _, start in starts[1:]] + [None]
        for (name, start), end in zip(starts, ends):
            rows = [line[max(start - 1, 0):end and end - 1].split() for line in lines]
            found[name] = torch.tensor([[float(x) for x in row] for row in rows if row])
    return found


def seen(question, bias=None, groups=1):
    """What a layer gives for the matrices that are shown."""
    found = grid(question)
    X, K = (torch.stack([found[name] for name in sorted(found) if name[0] == letter]) for letter in "XK")
    return F.conv2d(X[None], K.reshape(-1, len(X) // groups, *K.shape[1:]), bias, groups=groups)[0]


def shape_of(layer, *image):
    return tuple(layer(torch.zeros(1, *image)).shape[1:])


def count(layer):
    return sum(p.numel() for p in layer.parameters())


def row(text):
    return torch.tensor([float(x) for x in text.split(", ")])


def macs(c_i, c_o, h, w, k, stride=1, padding=0):
    layer = nn.Conv2d(c_i, c_o, k, stride, padding, bias=False)
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(1, c_i, h, w))
    return counter.get_total_flops() // 2


def receptive(k1, k2, stride):
    """Let one number of the second layer ask which pixels it depends on."""
    size = k1 + k2 * stride
    x = torch.zeros(1, 1, 1, size, requires_grad=True)
    y = F.conv2d(F.conv2d(x, torch.ones(1, 1, 1, k1), stride=stride), torch.ones(1, 1, 1, k2))
    y[..., 0].sum().backward()
    return int(x.grad.count_nonzero())


def composed(w1, b1, w2, b2):
    one, two = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    for layer, w, b in (one, w1, b1), (two, w2, b2):
        nn.init.constant_(layer.weight, w)
        nn.init.constant_(layer.bias, b)
    return two(one(torch.zeros(1, 1, 1, 1))).item()


def sees(c, groups, o):
    X = torch.zeros(1, c, 3, 3, requires_grad=True)
    nn.Conv2d(c, c, 3, groups=groups)(X)[0, o].sum().backward()
    return X.grad[0].abs().sum((1, 2)).nonzero().flatten()


TORCH = {
    "element": lambda q, i, j, **_: seen(q)[0, i, j],
    "element_out": lambda q, o, **_: seen(q)[o, 0, 0],
    "bias": lambda q, o, **_: seen(q, bias=row(q.values["b"]))[o, 0, 0],
    "flip": lambda q, **_: seen(q).flatten()[0],
    "shape_in": lambda q, c_i, h, w, k: shape_of(nn.Conv2d(c_i, 1, k), c_i, h, w)[1:],
    "shape_out": lambda q, c_i, c_o, h, w, k: shape_of(nn.Conv2d(c_i, c_o, k), c_i, h, w),
    "shape_layer": lambda q, c_i, c_o, h, w, k, stride, padding:
        shape_of(nn.Conv2d(c_i, c_o, k, stride, padding), c_i, h, w),
    "shape_depthwise": lambda q, c, h, w, k: shape_of(nn.Conv2d(c, c, k, groups=c), c, h, w),
    "shape_groups": lambda q, c, c_o, h, w, k: shape_of(nn.Conv2d(c, c_o, k, groups=c), c, h, w),
    "size": lambda q, size, kernel, padding, stride:
        shape_of(nn.Conv2d(1, 1, kernel, stride, padding), 1, size, size)[1],
    "weight_shape": lambda q, c_i, c_o, k_h, k_w: tuple(nn.Conv2d(c_i, c_o, (k_h, k_w)).weight.shape),
    "keras_weight": lambda q, c_i, c_o, k_h, k_w: tuple(nn.Conv2d(c_i, c_o, (k_h, k_w)).weight.shape),
    "parameters": lambda q, c_i, c_o, k: count(nn.Conv2d(c_i, c_o, k)),
    "biases": lambda q, c_i, c_o, k: nn.Conv2d(c_i, c_o, k).bias.numel(),
    "macs": lambda q, **layer: macs(**layer),
    "flops": lambda q, c_i, c_o, h, k: 2 * macs(c_i, c_o, h + k - 1, h + k - 1, k),
    "parameters_groups": lambda q, c_i, c_o, k, groups: count(nn.Conv2d(c_i, c_o, k, groups=groups)),
    "group_sees": lambda q, **numbers: sees(**numbers),
    "depthwise": lambda q, **_: seen(q, groups=3).flatten(),
    "group_order": lambda q, **_: F.conv2d(row(q.values["pixel"]).reshape(1, 4, 1, 1),
                                           torch.tensor([1.0, -1] * 4).reshape(8, 1, 1, 1), groups=4).flatten(),
    "shuffle": lambda q, c, groups: F.channel_shuffle(torch.arange(c).reshape(1, c, 1, 1), groups).flatten(),
    "separable": lambda q, c_i, c_o, k: count(nn.Conv2d(c_i, c_i, k, groups=c_i, bias=False))
        + count(nn.Conv2d(c_i, c_o, 1, bias=False)),
    "pixel": lambda q, **_: F.conv2d(row(q.values["pixel"]).reshape(1, 3, 1, 1),
                                     grid(q)["K"][:, :, None, None]).flatten(),
    "grey": lambda q, **_: F.conv2d(torch.ones(1, 3, 1, 1), row(q.values["slices"]).reshape(1, 3, 1, 1)).item(),
    "fold_bias": lambda q, **numbers: composed(**numbers),
    "composed": lambda q, **numbers: receptive(**numbers),
}


def numbers(question):
    return {name: int(question.values[name]) for name in question.template.numbers}


def as_typed(answer):
    return plain(answer.tolist() if isinstance(answer, torch.Tensor) else answer)


@cache
def by_torch(question):
    return as_typed(TORCH[question.name](question, **numbers(question)))


def results(question, belief):
    """What the registered wrong answers with this belief give, where they give anything."""
    template, given = question.template, numbers(question)
    for entry in wrong_answers(template.exercise):
        if entry.misconception is belief:
            with contextlib.suppress(Exception):
                yield template.asked(entry.function(*template.arguments(**given)), **given)


def test_every_answer_that_is_typed_is_what_torch_says(bank):
    typed = [question for question in bank if not question.options]
    assert {question.name for question in typed} == set(TORCH)
    wrong = [(repr(q), q.answer, by_torch(q)) for q in typed if q.answer != by_torch(q)]
    assert wrong == []


def test_no_wrong_answer_is_what_torch_says(bank):
    assert not [(repr(q), key) for q in bank if not q.options for key in q.wrong if key == by_torch(q)]


def test_a_choice_has_one_right_option_and_beliefs_that_give_other_results_than_torch(bank):
    chosen = [question for question in bank if question.options]
    assert {question.name for question in chosen} == {name for name in TEMPLATES if TEMPLATES[name].options}
    for question in chosen:
        assert sorted([question.answer, *question.wrong]) == sorted(question.options)
        X, K = (tensor.reshape(-1, *tensor.shape[-3:]) for tensor in question.template.arguments(**numbers(question)))
        try:
            right = F.conv2d(X[:1] if len(X) == 1 else X[None], K)
        except RuntimeError:
            right = None
        for belief in question.wrong.values():
            assert any(differs(result, right) for result in results(question, belief)), belief.name


def differs(result, right):
    return right is None or result.shape != right.squeeze(0).shape or not torch.equal(result, right.squeeze(0))


def test_every_wrong_answer_is_what_registered_implementations_of_its_belief_alone_give(bank):
    for question in bank:
        given = {belief: set(map(as_typed, results(question, belief))) for belief in question.wrong.values()}
        for answer, belief in question.wrong.items():
            beliefs = [other for other in given if answer in given[other]]
            assert question.options or beliefs == [belief], repr(question)


def test_the_bank_has_every_subject_and_new_numbers_for_each(bank):
    assert {question.template.topic for question in bank} >= {
        "shapes", "parameters", "multiply-adds", "one output element", "groups", "1x1", "composition"}
    for name in TEMPLATES:
        asked = [repr(question) for question in bank if question.name == name]
        assert len(set(asked)) == len(asked) >= 4 or TEMPLATES[name].options, name


def test_no_gap_in_a_text_is_left_open(bank):
    assert not [q for q in bank if re.search(r"[{}]", "".join([q.text, q.why, q.answer, *q.options]))]


def test_the_classic_numbers_are_the_books_own():
    assert d2l.ask("element").answer == "72"
    assert d2l.ask("parameters").answer == "65"


def test_numbers_with_which_two_beliefs_agree_are_refused():
    both = r'"mean instead of sum" and "kernel flipped \(true convolution\)" both give 28'
    with pytest.raises(Unfit, match=both):
        d2l.ask("element", i=0, j=0)  # the classic 56, of all numbers


@pytest.mark.parametrize(("question", "numbers", "error", "message"), [
    ("no such", {}, ValueError, "no question 'no such': take one of element"),
    ("parameters", {"c": 3}, ValueError, "no number 'c': it has c_i, c_o, k"),
    ("parameters", {"c_i": 2.5}, TypeError, "c_i"),
    ("shape_in", {"k": 9}, ValueError, "no answer with these numbers"),
    ("group_sees", {"groups": 0}, ValueError, "no tensors with these numbers"),
    ("mismatch", {"c": 0}, ValueError, "no tensors with these numbers"),
    ("combined", {"c": 1}, ValueError, "gives the right result with these numbers"),
])
def test_what_cannot_be_asked_is_refused(question, numbers, error, message):
    with pytest.raises(error, match=message):
        d2l.ask(question, **numbers)


# What is handed to the page

def test_the_same_question_gives_the_same_fragment():
    assert d2l.ask("element")._repr_html_() == d2l.ask("element")._repr_html_()
    assert d2l.practice()._repr_html_() == d2l.practice()._repr_html_()


def test_a_question_fits_in_12_kilobytes_and_the_practice_in_130():
    assert max(len(d2l.ask(name)._repr_html_().encode()) for name in TEMPLATES) <= 12_000
    assert len(d2l.practice()._repr_html_().encode()) <= 130_000


def test_the_fragment_loads_nothing_and_names_no_element():
    fragments = d2l.ask("element")._repr_html_() + d2l.practice()._repr_html_()
    assert not re.search(r"\bsrc=|<link|url\(|@import|\bid=", fragments)


def test_plain_text_holds_the_question_and_not_the_answer():
    assert "65" not in repr(d2l.ask("parameters"))
    assert repr(d2l.ask("combined")).count("\n- ") == 4


# What a reader meets

@pytest.fixture
def show(new_page):
    """Open a page with questions on it; nothing may be requested from anywhere, no script may fail."""
    trouble = []

    def open_page(*shown, attributes="", body="", **options):
        page = new_page(**{"viewport": {"width": 800, "height": 900}, **options})
        for event in ("request", "pageerror", "console"):
            page.on(event, lambda what: trouble.append(str(what)))
        inside = (body or "{}" * len(shown)).format(*(one._repr_html_() for one in shown))
        page.set_content(
            f'<!doctype html><html lang="en" {attributes}><head><title>Questions</title>'
            f'<meta name="viewport" content="width=device-width"></head><body><main>{inside}</main></body></html>')
        return page

    yield open_page
    assert trouble == []


def status(page):
    return page.get_by_role("status").text_content()


def type_in(page, answer):
    page.get_by_role("textbox").fill(answer)
    page.keyboard.press("Enter")
    return status(page)


def test_nothing_is_said_before_an_answer(show):
    assert status(show(d2l.ask("parameters"))) == ""


def test_a_wrong_number_is_met_with_its_belief_and_a_hint_and_another_try_is_right(show):
    page = show(d2l.ask("parameters"))
    told = type_in(page, "63")
    assert told.startswith("Not 63. That is what you get from: one bias per input channel. A bias belongs to an output")
    belief = d2l.ask("parameters").wrong["63"]
    assert page.get_by_role("status").get_by_role("link").get_attribute("href") == belief.read.url
    assert type_in(page, "65").startswith("Right. 5 kernels of 3 slices, 2x2 each, and 5 biases")


TYPED = [  # a question, its numbers, what is said, and to which answers
    ("parameters", {}, "Right.", [
        "65", " 65 ", "60 + 5", "5*3*2*2 + 5", "70-5", "3 - 1 + 63", "5 \u00d7 3 \u00b7 4 + 5", "65.0", "6_5",
        "5(3*2*2 + 1)", "(5*(3*(2*2) + 1))", "(2+3)(12+1)"]),
    ("parameters", {}, "Not 64. Try again.", ["64"]),
    ("parameters", {}, "Type a number", ["", " ", "many", "*", "3 - x", "-", "5*(12+1", "5*()"]),
    ("shape_in", {}, "Right.", [
        "2, 2", "(2, 2)", "2x2", "2 2", "torch.Size([2, 2])", "[2,2]", "3-2+1, 4 - 2", "(2*1, 2),"]),
    ("shape_in", {}, "Type the numbers", ["2, two", ","]),
    ("macs", {"c_i": 16, "c_o": 32, "h": 64, "w": 64}, "Right.", ["18,874,368"]),
    ("grey", {"draw": 56}, "Not 2.3333333. That is what you get from: mean instead of sum", ["2.3333333"]),
    ("grey", {"draw": 56}, "Not 2,3333. That is what you get from: mean instead of sum", ["2,3333"]),
]


@pytest.mark.parametrize(("question", "numbers", "said", "answers"), TYPED)
def test_an_answer_may_be_typed_as_people_write_it(show, question, numbers, said, answers):
    page = show(d2l.ask(question, **numbers))
    for answer in answers:
        type_in(page, "1")
        assert type_in(page, answer).startswith(said), answer


def test_what_is_no_number_is_no_answer(show):
    page = show(d2l.ask("parameters"))
    type_in(page, "many")
    assert page.get_by_role("button", name="Show the answer").count() == 0


def test_a_choice_is_made_with_the_keyboard(show):
    page = show(d2l.ask("combined"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "mean instead of sum" in status(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert status(page).startswith("Right.")


def test_the_answer_is_shown_to_those_who_give_up(show):
    page = show(d2l.ask("parameters"))
    type_in(page, "1")
    page.get_by_role("button", name="Show the answer").click()
    assert status(page).startswith("The answer is 65. 5 kernels")


@pytest.mark.parametrize("scripts", [True, False])
def test_no_answer_is_spoken_before_it_is_asked_for(show, bank, scripts):
    page = show(*(d2l.ask(name) for name in ("parameters", "shape_layer", "bias")), java_script_enabled=scripts)
    spoken = page.locator("main").aria_snapshot()
    assert "Conv2d(3, 5, 2)" in spoken
    assert not re.search(r"\b65\b|16, 4, 5|\b80\b|one bias per", spoken)


def test_without_scripts_the_answer_is_folded_and_opens(show):
    page = show(d2l.ask("parameters"), java_script_enabled=False)
    assert not page.get_by_text("one bias per input channel").is_visible()
    page.get_by_text("Answer", exact=True).click()
    assert page.get_by_text("65").is_visible()
    assert page.get_by_text("one bias per input channel").is_visible()


def test_where_script_and_style_are_stripped_question_and_answer_are_still_there(show):
    html = re.sub(r"<(script|style)\b.*?</\1>", "", d2l.ask("element")._repr_html_(), flags=re.DOTALL)
    assert "column 1 of <code>corr2d_multi_in(X, K)</code>?" in html
    assert html.index("<details>") < html.index("<strong>72</strong>") < html.index("</details>")


def test_questions_on_a_page_do_not_disturb_each_other(show):
    page = show(d2l.ask("parameters"), d2l.ask("element"), d2l.ask("combined"))
    first, second, third = page.locator(".d2lconv-question").all()
    second.get_by_role("textbox").fill("36")
    second.get_by_role("button", name="Check").click()
    assert "mean instead of sum" in second.get_by_role("status").text_content()
    assert [one.get_by_role("status").text_content() for one in (first, third)] == ["", ""]


def test_no_shortcut_of_jupyterlab_hears_what_is_typed(show):
    page = show(d2l.ask("parameters"), d2l.ask("combined"), d2l.practice())
    page.locator("input").first.fill("63")
    page.locator("input").first.press("Enter")
    unguarded = page.evaluate("""() => [...document.querySelectorAll("input, button, select, a")]
        .filter(part => !part.closest("[data-lm-suppress-shortcuts=true]")).map(part => part.outerHTML)""")
    assert unguarded == []


# The fold, on a page as the site makes it

CELLS = """<article class="bd-article"><div class="cell"><div class="cell_output">{}</div></div><p>Prose.</p>
<div class="cell"><div class="cell_input">code</div><div class="cell_output">the output</div></div>
<div class="cell"><div class="cell_output">another output</div></div></article>"""


def test_the_next_output_is_folded_until_the_question_is_answered(show):
    page = show(d2l.ask("parameters"), body=CELLS)
    assert not page.get_by_text("the output", exact=True).is_visible()
    assert page.get_by_text("another output").is_visible()
    type_in(page, "63")
    assert not page.get_by_text("the output", exact=True).is_visible()
    type_in(page, "65")
    assert page.get_by_text("the output", exact=True).is_visible()


def test_the_reader_may_open_the_output_before(show):
    page = show(d2l.ask("parameters"), body=CELLS)
    page.get_by_text("The output is folded").click()
    assert page.get_by_text("the output", exact=True).is_visible()


@pytest.mark.parametrize(("hide_next", "body", "options"), [
    (False, CELLS, {}), (True, CELLS.replace("bd-article", "other"), {}),
    (True, CELLS, {"java_script_enabled": False})],
    ids=["not asked for", "not on the site", "no scripts"])
def test_elsewhere_nothing_is_hidden(show, hide_next, body, options):
    page = show(d2l.ask("parameters", hide_next=hide_next), body=body, **options)
    assert page.get_by_text("the output", exact=True).is_visible()


def test_two_questions_before_one_cell_are_both_answered_first(show):
    two = CELLS.replace("<p>", '<div class="cell"><div class="cell_output">{}</div></div><p>')
    page = show(d2l.ask("parameters"), d2l.ask("biases"), body=two)
    for question, answer in zip(page.locator(".d2lconv-question").all(), ("65", "5")):
        assert not page.get_by_text("the output", exact=True).is_visible()
        question.get_by_role("textbox").fill(answer)
        question.get_by_role("textbox").press("Enter")
    assert page.get_by_text("the output", exact=True).is_visible()


# Practice

def asked(page):
    """Which question the page shows, and its answer: the same that Python makes."""
    text = page.locator("form p").first.text_content()
    numbers = page.locator("form pre")
    grid = numbers.text_content() if numbers.count() else ""
    return next(q for q in d2l.practice().questions if q.text.replace("`", "") == text and q.grid == grid)


@pytest.fixture
def practise(show):
    return show(d2l.practice())


def held(page):
    lists = page.locator(".score p", has_text="still hold").locator("+ ul").locator("li")
    return [text.partition(". Read")[0] for text in lists.all_text_contents()]


def give(page, question, answer):
    if question.options:
        page.get_by_role("button", name=answer, exact=True).click()
    else:
        type_in(page, answer)


def test_practice_asks_again_and_again_and_never_the_same_until_all_were_asked(practise):
    seen = []
    for _ in range(15):
        seen.append(repr(asked(practise)))
        practise.get_by_role("button", name="Next question").click()
    assert len(set(seen)) == 15


def test_practice_names_the_beliefs_that_are_held_and_those_that_were_left(practise):
    practise.get_by_label("About").select_option("1x1")
    question = asked(practise)
    answer, belief = next(iter(question.wrong.items()))
    give(practise, question, answer)
    assert held(practise) == [belief.name]
    practise.get_by_role("button", name="Next question").click()  # in it, the belief shows again
    question = asked(practise)
    assert belief in question.wrong.values()
    give(practise, question, question.answer)
    assert held(practise) == []
    assert practise.get_by_text("left behind").locator("+ ul li").text_content().startswith(belief.name)
    assert practise.get_by_text("Answered: 2, at the first try: 1.").is_visible()


def test_practice_keeps_to_the_chosen_subject(practise):
    practise.get_by_label("About").select_option("parameters")
    for _ in range(5):
        assert asked(practise).template.topic == "parameters"
        practise.get_by_role("button", name="Next question").click()


def test_without_scripts_practice_shows_one_question_of_each_kind(show):
    page = show(d2l.practice(), java_script_enabled=False)
    assert page.locator("details:not([open])").count() == len(TEMPLATES)


# How it looks

CUT = """() => [...document.querySelectorAll("form *")].filter(part => {
    const [box, around] = [part, part.closest("form")].map(one => one.getBoundingClientRect());
    return part.checkVisibility() && !part.closest("pre, style, script")
        && (box.right > around.right + 0.5 || box.left < around.left - 0.5);
}).map(part => part.outerHTML.slice(0, 90))"""


def test_nothing_is_cut_and_nothing_scrolls_sideways_on_a_narrow_screen(show):
    page = show(*map(d2l.ask, TEMPLATES), viewport={"width": 320, "height": 640})
    for question in page.locator(".d2lconv-question:has(input)").all():
        question.get_by_role("textbox").fill("99999, 99999, 99999")
        question.get_by_role("textbox").press("Enter")
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    boxes = [part.bounding_box() for part in page.locator("form :is(input, button)").all()]
    assert min(box["height"] for box in boxes) >= 24


@pytest.mark.parametrize("width", [320, 800])
def test_a_sum_that_is_typed_can_be_seen_whole(show, width):
    page = show(d2l.ask("pixel"), viewport={"width": width, "height": 640})
    assert type_in(page, "4*2 + 2*3 + 1*4, 5").startswith("Right.")
    assert page.get_by_role("textbox").evaluate("box => box.scrollWidth <= box.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(show, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = show(d2l.ask("parameters"), d2l.ask("element"), d2l.ask("combined"), d2l.practice(), color_scheme=scheme)
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'")  # as a page that follows the system
    page.locator("input").first.fill("63")
    page.locator("input").first.press("Enter")
    page.locator(".options button").first.click()
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found
            if rule["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("colour", ["rgb(10, 20, 30)", "rgb(240, 230, 220)"])
def test_text_and_lines_take_the_colour_of_the_page(show, colour):
    page = show(d2l.ask("parameters"), attributes=f'style="color: {colour}"')
    type_in(page, "63")
    colours = page.evaluate("""() => [...document.querySelectorAll("form, form p, form code, input, button, a")]
        .map(part => [getComputedStyle(part).color, getComputedStyle(part).backgroundColor])""")
    assert colours == [[colour, "rgba(0, 0, 0, 0)"]] * len(colours)
