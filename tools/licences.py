"""List the licence of everything that is installed, as a table: python tools/licences.py"""

from importlib.metadata import distributions


def licence(metadata):
    """What a package says of itself, in the newest of the three places where it may say so."""
    classifiers = [text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier", []) if "License" in text]
    old = (metadata["License"] or "").strip().partition("\n")[0]  # some put the whole text there
    return metadata["License-Expression"] or ", ".join(classifiers) or old or "UNKNOWN"


rows = {(found.metadata["Name"], found.version, licence(found.metadata)) for found in distributions()}
for name, version, text in sorted(rows, key=lambda row: row[0].lower()):
    print(f"{name:30} {version:16} {text}")
