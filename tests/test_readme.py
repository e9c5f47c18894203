"""The README's example runs, and prints what section 7.4 would."""

import re
from pathlib import Path

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_is_an_example():
    assert EXAMPLES


def test_the_first_example_prints_an_output_and_its_arithmetic(capsys):
    exec(EXAMPLES[0], {})
    printed = capsys.readouterr().out
    assert printed.startswith("tensor([[[268., 296.],\n         [352., 380.]]])\n")
    assert printed.endswith("= 19 + 249 = 268\n")
    assert (0*0 + 1*1 + 3*2 + 4*3) + (9*4 + 10*5 + 12*6 + 13*7) == 19 + 249 == 268


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 80
