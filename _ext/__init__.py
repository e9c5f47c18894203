"""The site's own extensions of Sphinx."""

from sphinx.errors import ExtensionError


def expect(extension, found, what):
    """Stop the build where the theme no longer has what an extension looks for; return what was found."""
    if not found:
        raise ExtensionError(f"{extension}: {what}. The theme has changed: mend _ext.{extension}, or take it out of "
                             "`extensions` in _config.yml, and the stock page is back.")
    return found


def rewrite_all(app, env):
    """Write every page anew, also those that have not changed: the extensions expect them as the theme makes them."""
    return env.found_docs
