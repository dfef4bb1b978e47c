"""What the documentation names exists: links, make targets, commands, options, settings, variables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from onehub.cli.main import cli
from onehub.core import sources
from onehub.core.settings import Settings

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GENERATED = ("commands.md", "exit-codes.md", "settings.md")

_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_PROMPT = re.compile(r"^\s*\$ (.*)$", re.MULTILINE)
_VARIABLE = re.compile(r"\b(?:AD|DOCKER|LOCAL|DATA|DB|HUB|POSTGRES|JUPYTERHUB)_[A-Z_]+")
_OURS_IN_CODE = {"DOTENV_VARIABLES", "AD_VARIABLES"}

each_page = pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in GENERATED], ids=lambda page: str(page.relative_to(ROOT))
)


def prose(page: Path) -> str:
    """The text without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    """What stands in backticks."""
    return _SPAN.findall(prose(page))


def commands(page: Path) -> Iterator[list[str]]:
    """Everything to type: spans, and lines with a prompt; comments and what follows `&&` apart."""
    blocks = "\n".join(_FENCE.findall(page.read_text(encoding="utf-8")))
    for line in [*spans(page), *_PROMPT.findall(blocks)]:
        for part in re.split(r"&&|;|\|", line.partition(" #")[0]):
            if words := part.split():
                yield words


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    plain = re.sub(r"[^\w\- ]", "", heading.lower())
    return plain.replace(" ", "-")


@each_page
def test_every_link_leads_somewhere(page):
    for link in _LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if fragment:
            assert fragment in map(anchor, _HEADING.findall(prose(target))), link


@each_page
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z_-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in commands(page):
        if words[0] == "make":
            assert set(words[1:]) <= targets, " ".join(words)


@each_page
def test_every_onehub_command_and_option_exists(page):
    for words in commands(page):
        if words[0] in ("onehub", ".venv/bin/onehub"):
            check_command(words[1:], " ".join(words))


def check_command(words: list[str], told: str) -> None:
    command: click.Command = cli
    for word in words:
        if word.startswith("-"):
            known = {name for parameter in command.params for name in parameter.opts} | {"-h", "--help"}
            assert word.partition("=")[0] in known, told
        elif isinstance(command, click.Group):
            assert word in command.commands, told
            command = command.commands[word]


@each_page
def test_every_setting_exists(page):
    for span in spans(page):
        match = re.match(r"([a-z]+)\.([a-z_]+)\b(?!\.)", span)
        if match and match[1] in Settings.model_fields and match[2] not in ("py", "env"):
            assert match[2] in Settings.tables()[match[1]].model_fields, span


@each_page
def test_every_variable_exists(page):
    known = {*sources.VARIABLES, *_OURS_IN_CODE}
    for span in spans(page):
        assert set(_VARIABLE.findall(span)) <= known, span


def test_toml_examples_are_good_settings():
    for page in PAGES:
        for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for section, table in tomllib.loads(block).items():
                for entry in table if section in sources.ARRAYS else [table]:
                    Settings.tables()[section].model_validate(entry)


def test_the_example_shows_every_key_of_onehub_toml():
    example = (ROOT / "onehub.toml.example").read_text(encoding="utf-8")
    shown = {
        f"{section}.{key}"
        for section, body in re.findall(r"^\[(\w+)\](.*?)(?=^\[|\Z)", example, re.MULTILINE | re.DOTALL)
        for key in re.findall(r"^(?:# )?(\w+) = ", body, re.MULTILINE)
    }
    elsewhere = {*sources.ELSEWHERE, *sources.AD_VARIABLES.values()}
    every = {
        f"{section}.{key}"
        for section, table in Settings.tables().items()
        if section not in sources.ARRAYS
        for key in table.model_fields
    }
    assert shown == every - elsewhere


def test_the_example_shows_every_key_of_profiles_and_folders():
    example = (ROOT / "onehub.toml.example").read_text(encoding="utf-8")
    uncommented = tomllib.loads(re.sub(r"^#(?=[a-z\[])", "", example, flags=re.MULTILINE))
    assert Settings.model_validate(uncommented).profile[0].default
    for array in sources.ARRAYS:
        shown = {key for entry in uncommented[array] for key in entry}
        assert shown == set(Settings.tables()[array].model_fields)
