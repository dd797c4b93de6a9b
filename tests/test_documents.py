"""What the documents point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_local_links_resolve(document):
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text())

    missing = [link for link in links if not (document.parent / link).exists()]

    assert missing == []


def test_the_configuration_table_names_every_variable_that_is_read():
    read = set(re.findall(r'"([A-Z][A-Z_]+)"', (ROOT / "config" / "env.py").read_text()))
    read -= {"INFO", "WARNING", "ERROR"}  # levels of LOG_LEVEL; DEBUG is a level and a variable

    named = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert named == read
