"""The page for teachers: its numbers are right, its wrong answers are mistakes that the checkers know."""

import re
from pathlib import Path

import pytest
import torch
from scipy import signal

from d2lconv import conv2d_cost
from d2lconv.exercises import misconceptions

BOOK = Path(__file__).parent.parent / "book"
TEXT = (BOOK / "teach.md").read_text("utf-8")
QUESTIONS = re.split(r"^\d+\. ", TEXT.split("## Question bank")[1], flags=re.MULTILINE)[1:]
KNOWN = {value.name for value in vars(misconceptions).values() if isinstance(value, misconceptions.Misconception)}


def parameters(*arguments, **options):
    return sum(p.numel() for p in torch.nn.Conv2d(*arguments, **options).parameters())


def window(mode):
    pixels, weights = torch.tensor([[0, 1], [3, 4]]).numpy(), torch.arange(4).reshape(2, 2).numpy()
    return int(signal.convolve2d(pixels, weights, mode=mode)[0, 0])


def size(padding):
    return torch.nn.Conv2d(32, 64, 3, padding=padding)(torch.ones(32, 13, 13)).shape[-1]


LAYER = conv2d_cost((3, 150, 150), (16, 3, 3, 3))
RIGHT = {
    1: [19 + 37], 2: [parameters(3, 5, 2, bias=False)], 3: [parameters(3, 5, 2)],
    5: [parameters(4, 16, 3, groups=4, bias=False)],
    6: [parameters(3, 2, 1, bias=False), conv2d_cost((3, 3, 3), (2, 3, 1, 1)).macs, 27 * 18],
    7: [window("valid")], 8: [LAYER.flops], 10: [size(0), size(1)],
}
WRONG = {
    1: [(19 + 37) // 2], 2: [5 * 4, 3 * 4], 3: [60 + 3, 60 + 15],
    5: [parameters(4, 16, 3, bias=False), 4 * 9], 6: [2 * 3, 3, 3 * 9], 7: [window("full")],
    8: [LAYER.macs, 2 * 16 * 27 * 150 * 150], 10: [(13 + 1 - 3) + 1],
}


def test_there_are_ten_questions_each_with_one_right_answer_and_two_wrong_ones():
    assert len(QUESTIONS) == 10
    assert [(text.count("- Right:"), text.count("- Wrong:")) for text in QUESTIONS] == [(1, 2)] * 10


def test_every_wrong_answer_is_a_mistake_that_the_checkers_know():
    named = re.findall(r"- Wrong: .*\*\((.*)\)\*$", TEXT, re.MULTILINE)
    assert len(named) == 20
    assert set(named) <= KNOWN


@pytest.mark.parametrize(("kind", "number", "expected"), [
    *(("Right", *row) for row in RIGHT.items()), *(("Wrong", *row) for row in WRONG.items())])
def test_the_numbers_in_the_answers_are_right(kind, number, expected):
    answers = " ".join(re.findall(rf"- {kind}: (.*)", QUESTIONS[number - 1])).replace(",", "")
    found = re.findall(r"(?<!\d)\d+(?!\d)", answers)
    assert expected
    assert {*map(str, expected)} <= {*found}


def test_every_exercise_belongs_to_something_that_is_to_be_learned():
    rows = re.findall(r"^\|.*\|.*\| ([\d, ]+) \|$", TEXT.split("shown by exercise")[1], re.MULTILINE)
    exercises = re.findall(r"\*\*Exercise (\d+)\*\*", (BOOK / "exercises.ipynb").read_text("utf-8"))
    assert {number for row in rows for number in row.split(", ")} == {*exercises}
