"""The shared colours can be told apart, and whatever is written in them can be read."""

import re

import pytest

from d2lconv.palette import CHANNELS, PALETTE, channel, css

THEMES = {"light": 0, "dark": 1}
CHANNEL_NAMES = [channel(c) for c in range(CHANNELS)]
ON_PAPER = [*CHANNEL_NAMES, "quiet", "text", "window", "output", "wrong", "focus"]
READ = [*((name, paper) for name in ON_PAPER for paper in ("paper", "wash")),
        *((name, f"{name}_tint") for name in (*CHANNEL_NAMES, "window", "wrong")),
        *(("text", f"{name}_tint") for name in (*CHANNEL_NAMES, "window", "wrong")), ("on_output", "output")]


def luminance(colour):
    """WCAG's relative luminance."""
    parts = [int(colour[n:n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "paper"), READ, ids=map("-on-".join, READ))
def test_text_can_be_read(ink, paper, theme):
    assert contrast(PALETTE[ink][THEMES[theme]], PALETTE[paper][THEMES[theme]]) >= 4.5


@pytest.mark.parametrize("theme", THEMES.values())
def test_no_two_colours_are_the_same(theme):
    inks = [PALETTE[name][theme] for name in (*CHANNEL_NAMES, "window", "output", "wrong")]
    assert len(set(inks)) == len(inks)


def test_the_stylesheet_has_every_colour_once():
    assert re.findall(r"--([a-z0-9-]+): light-dark\((#\w{6}), (#\w{6})\);", css()) == [
        (name.replace("_", "-"), *colours) for name, colours in PALETTE.items()]
