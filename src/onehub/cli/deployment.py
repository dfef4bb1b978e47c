"""What every command needs: the directory, its settings, the host's facts, and a way to do a plan."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from onehub.core.errors import HostNotReady, Problem, SettingsError
from onehub.core.facts import Context, Facts
from onehub.core.front import SITE_FILE
from onehub.core.lifecycle import plan_site
from onehub.core.plan import Plan
from onehub.core.settings import Settings, inspect, load
from onehub.host import assets
from onehub.host.lock import operation
from onehub.host.observe import observe
from onehub.host.runner import Runner

from .console import Progress, show_error, show_plan


@dataclass(frozen=True)
class Deployment:
    """A deployment directory and how to work on it."""

    directory: Path

    def settings(self) -> Settings:
        """Raises SettingsError."""
        self._require_deployment()
        return load(self.directory, os.environ)

    def settings_and_problems(self) -> tuple[Settings, tuple[Problem, ...]]:
        """As much as can be made of the settings, and what is wrong with them."""
        self._require_deployment()
        return inspect(self.directory, os.environ)

    def settings_anyway(self) -> Settings:
        """For looking and for stopping: what is wrong is told, but does not keep from it."""
        settings, problems = self.settings_and_problems()
        if problems:
            show_error(SettingsError(problems))
        return settings

    def _require_deployment(self) -> None:
        if not (self.directory / "compose.yaml").is_file():
            problem = Problem(str(self.directory), "is not a deployment directory: there is no compose.yaml")
            raise SettingsError([problem], "`cd` to one, name it: `onehub -C DIR …`, or make one: `onehub init DIR`")

    def facts(self, settings: Settings, ask_registry_for: Iterable[str] = ()) -> Facts:
        """Look at the host."""
        return observe(settings, self.directory, ask_registry_for)

    def running_facts(self, settings: Settings) -> Facts:
        """Look at the host. Raises HostNotReady where no engine answers."""
        facts = self.facts(settings)
        if facts.engine is None:
            raise HostNotReady("Docker does not answer", "`systemctl start docker`, or `make demo` installs it")
        return facts

    def site(self, settings: Settings, facts: Facts) -> Plan:
        """The file that the `httpd` service reads, if it is not as it should be."""
        kept = self.directory / SITE_FILE
        return plan_site(self.directory, settings, kept.read_text(encoding="utf-8") if kept.exists() else "", facts)

    def contexts(self, settings: Settings) -> dict[str, Context]:
        """What the images are built from."""
        return dict(assets.contexts(settings, self.directory))

    def apply(self, plan: Plan, *, dry_run: bool = False) -> None:
        """Do the plan, or print it."""
        if dry_run:
            show_plan(plan)
            return
        progress = Progress()
        try:
            Runner(self.directory, progress).apply(plan)
        finally:
            progress.close()

    def operation(self, dry_run: bool) -> AbstractContextManager[None]:
        """Hold the deployment against other operations; a dry run does not need to. Raises Busy."""
        return nullcontext() if dry_run else operation(self.directory)


pass_deployment = click.make_pass_decorator(Deployment)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
