"""What maintainers run, from the repository's root: python -m tools.NAME, or the target of the Makefile."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
