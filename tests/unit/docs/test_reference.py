"""The generated reference says what the code says."""

from __future__ import annotations

from docs import generate


def test_generated_pages_are_up_to_date():
    stale = [str(path.relative_to(generate.DOCS)) for path in generate.outdated()]
    assert stale == [], "`.venv/bin/python docs/generate.py` writes them"


def test_the_architecture_page_names_every_module():
    listed = generate.modules_list()
    modules = [path for layer in generate.LAYERS for path in (generate.PACKAGE / layer).glob("[!_]*.py")]
    assert modules
    assert [path for path in modules if f"`{path.parent.name}/{path.name}` – " not in listed] == []
