"""Give every figure of a notebook a text for those who cannot see it.

It is the text of the same output. A plain figure of matplotlib has none (`<Figure size ...>`): then it
is the comment in the first line of the cell, and where there is no comment, a pointer to the text around it.
"""

from docutils import nodes

ELSEWHERE = "A chart; the text around it says what it shows"


def describe(app, doctree):
    """Set `alt` of each image in the outputs of each cell."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        source = next(iter(cell.findall(nodes.literal_block))).astext()
        comment = source.partition("\n")[0].removeprefix("# ") if source.startswith("# ") else ""
        for output in cell.findall(nodes.container):
            if output.get("nb_element") == "mime_bundle":
                parts = {part.get("mime_type"): part for part in output.children}
                text = parts["text/plain"].astext() if "text/plain" in parts else ""
                for image in output.findall(nodes.image):
                    image.setdefault("alt", text if text and not text.startswith("<") else comment or ELSEWHERE)


def setup(app):
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True}
