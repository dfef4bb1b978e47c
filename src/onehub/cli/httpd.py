"""`onehub httpd`: the site for the host's own Apache httpd, and whether the front door works."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
from rich.markup import escape

from onehub.core.diagnosis import worst
from onehub.core.doorstep import judge
from onehub.core.errors import HostNotReady, Problem, SettingsError
from onehub.core.plan import Write
from onehub.core.settings import Settings
from onehub.core.vhost import render, vhost_of
from onehub.host.doorstep import in_file, look

from .console import data, show_json, talk
from .deployment import Deployment, dry_run_option, json_option, pass_deployment
from .doctor import show_findings


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it there, like /etc/apache2/sites-available/hub.conf, instead of printing it.",
)
@click.option("--rewrite", is_flag=True, help="The form for Apache httpd before 2.4.47.")
@click.option("--check", is_flag=True, help="Look whether the front door works; change nothing.")
@click.option("--apachectl", default="apachectl", show_default=True, help="The program that asks Apache httpd.")
@dry_run_option
@json_option
@pass_deployment
def httpd(
    deployment: Deployment,
    output: Path | None,
    rewrite: bool,
    check: bool,
    apachectl: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Print the site for this host's own Apache httpd, with the names and files of [front] in onehub.toml.

    With --check: is its configuration good, are the modules there, does the certificate fit (key, names, end, chain),
    is the hub's port closed to others, and do a page and a websocket get through? Exit code 4 if there is a problem.
    """
    settings = deployment.settings()
    if not settings.site.address:
        message = "is missing: write where people will reach the hub, like 'https://hub.example.com/'"
        raise SettingsError([Problem("onehub.toml: front.address", message)])
    if check:
        _check(deployment, settings, apachectl, rewrite=rewrite, as_json=as_json)
        return
    if settings.site.certificate:
        raise HostNotReady(
            "the httpd service of this deployment is the front door",
            'certificate = "" in [front] of onehub.toml, to have this host\'s own; then `onehub up` and this again',
        )
    vhost = vhost_of(settings)
    seen = in_file(deployment.directory / vhost.certificate_file, deployment.directory / vhost.key_file)
    vhost = dataclasses.replace(vhost, stapling=seen.ocsp, rewrite=rewrite)
    text = render(vhost, "Made by `onehub httpd`.")
    if output is None:
        data.out(text, end="")
    else:
        deployment.apply((Write(output.absolute(), text, 0o644, "a site for Apache httpd"),), dry_run=dry_run)
    if seen.problem:
        talk.print(f"[yellow]warning:[/] {escape(seen.problem)}; front.certificate_file and front.key_file say where")


def _check(deployment: Deployment, settings: Settings, apachectl: str, *, rewrite: bool, as_json: bool) -> None:
    findings = judge(settings, look(settings, deployment.directory, apachectl, rewrite=rewrite))
    if as_json:
        show_json([dataclasses.asdict(finding) for finding in findings])
    else:
        show_findings(findings)
    if worst(findings) == "problem":
        raise HostNotReady("the front door has problems", "mend them from the top; each names its fix")
