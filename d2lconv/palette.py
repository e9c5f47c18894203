"""The colours and the words that figures and explorer share, on light and on dark paper.

One grammar: what comes from input channel c alone (its image, its slice, its products, its map) has the
colour of that channel; the window has a colour of its own, the same in every channel; the output is ink,
since it belongs to no channel. The first three channels are red, green and blue, as in a photograph.
A wrong belief is dashed as well as coloured. "Slide and add up" is written with a star, never with the
sign of multiplication.
"""

STAR = "\N{STAR OPERATOR}"  # X ⋆ K: slide K over X, multiply, add up

# name: (light, dark). A *_tint fills a cell; whatever is written on it is "text" or the colour itself.
PALETTE = {
    "paper": ("#ffffff", "#15191f"),
    "wash": ("#f6f7f9", "#1c2229"),
    "line": ("#d9dee5", "#39434e"),
    "quiet": ("#566170", "#a6b1be"),
    "text": ("#1d242d", "#e8ecf1"),
    "channel0": ("#ad3414", "#ff9f7f"), "channel0_tint": ("#fbe5de", "#4f2416"),
    "channel1": ("#0b6650", "#6fdcb9"), "channel1_tint": ("#d9f1e9", "#0d4034"),
    "channel2": ("#1456ab", "#8dc1ff"), "channel2_tint": ("#deeafb", "#15345b"),
    "channel3": ("#7127a0", "#d9abff"), "channel3_tint": ("#f0e3f9", "#41215c"),
    "channel4": ("#006377", "#66d9ee"), "channel4_tint": ("#d8f0f5", "#093d48"),
    "channel5": ("#596000", "#cdd65a"), "channel5_tint": ("#eef0cd", "#363a08"),
    "window": ("#8a6200", "#f4c64e"), "window_tint": ("#ffeeb8", "#4a3a06"),
    "output": ("#1d242d", "#f2f5f8"), "on_output": ("#ffffff", "#12161b"),
    "wrong": ("#b00050", "#ff92bd"), "wrong_tint": ("#fde4ee", "#4d1630"),
    "focus": ("#0b57d0", "#a8c7fa"),
}
# In a picture, which cannot know what paper it comes upon, all is written on tiles that are neither bright in the
# dark nor dark on white. On these it is written in "text", on a tile of any other colour in "on_output".
TILES = {
    "cell": "#c3cbd5", "outside": "#96a1ae", "window_tint": "#f2bf45",
    "channel0_tint": "#f0a08a", "channel1_tint": "#74cdb1", "channel2_tint": "#8fbbf2",
    "channel3_tint": "#cfa3ec", "channel4_tint": "#6fcbdd", "channel5_tint": "#c3cc5c",
}
CHANNELS = 6  # with more input channels, the colours begin anew


def channel(c: int) -> str:
    """Return the name of input channel c's colour.

    >>> channel(0), channel(7)
    ('channel0', 'channel1')
    """
    return f"channel{c % CHANNELS}"


def css() -> str:
    """Return the palette as CSS variables, each light or dark as its element's color-scheme says."""
    return "\n".join(f"--{name.replace('_', '-')}: light-dark({light}, {dark});"
                     for name, (light, dark) in PALETTE.items())
