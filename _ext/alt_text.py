"""Give every figure of a notebook the text that it also has, as its alternative for those who cannot see it."""

from docutils import nodes


def describe(app, doctree):
    """Copy text/plain into the image of the same output; where it is only `<Figure size ...>`, say a little."""
    for output in doctree.findall(nodes.container):
        if output.get("nb_element") != "mime_bundle":
            continue
        parts = {part.get("mime_type"): part for part in output.children}
        text = parts["text/plain"].astext() if "text/plain" in parts else ""
        if not text or text.startswith("<"):
            text = "A chart; the text around it says what it shows"
        for image in output.findall(nodes.image):
            image.setdefault("alt", text)


def setup(app):
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True}
