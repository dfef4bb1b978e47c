from __future__ import annotations

import contextlib
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.errors import Problem, SettingsError
from onehub.core.settings import Settings, load
from onehub.core.sources import Named
from tests.unit.examples import AD_ENV, FILES, OWN, lay_out, make_settings

ROOT = Path(__file__).parents[3]


def problems_of(directory: Path, files, environ=None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(lay_out(directory, files), environ or {})
    assert caught.value.exit_code == 3
    return [str(problem) for problem in caught.value.problems]


# --- layers


@pytest.mark.parametrize(
    ("files", "environ", "port"),
    [
        ({}, {}, 8000),
        ({".env": "HUB_PORT=8001\n"}, {}, 8001),
        ({".env": "HUB_PORT=8001\n"}, {"HUB_PORT": "8002"}, 8002),
        ({".env": "HUB_PORT=\n"}, {}, 8000),
        ({".env": "HUB_PORT=''\n"}, {}, 8000),
        ({".env": "HUB_PORT=8001\n"}, {"HUB_PORT": ""}, 8001),
    ],
)
def test_later_layers_win_and_empty_values_count_as_not_set(tmp_path, files, environ, port):
    assert load(lay_out(tmp_path, FILES | files), environ).names.port == port


def test_the_seeds_files_and_exports_win_over_the_toml(tmp_path):
    toml = '[directory]\nserver = "toml"\nsearch_base = "toml"\nlookup_user = "toml"\ntls = "starttls"\n'
    env = "AD_SERVER=file\nAD_SEARCH_BASE=file\nAD_LOOKUP_SEARCH_PASSWORD=x\n"
    files = FILES | {"onehub.toml": toml, "secrets/ad.env": env}
    directory = load(lay_out(tmp_path, files), {"AD_SERVER": "exported"}).directory
    assert (directory.server, directory.search_base, directory.lookup_user, directory.tls) == (
        "exported",
        "file",
        "toml",
        "starttls",
    )


def test_a_windows_editor_changes_nothing(tmp_path):
    files = FILES | {"onehub.toml": "# a note\n\n[limits]\nmemory = '1G'\n", ".env": "\n# a note\nHUB_PORT=8001\n"}
    plain = lay_out(tmp_path / "plain", files)
    windows = lay_out(
        tmp_path / "windows",
        {name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in files.items()},
    )
    assert load(windows, {}) == load(plain, {})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("DC=example,DC=com", "DC=example,DC=com"),
        ("'DC=example,DC=com'", "DC=example,DC=com"),
        ('"DC=example,DC=com"', "DC=example,DC=com"),
        ("OU=Data Science,DC=example  # ours", "OU=Data Science,DC=example"),
        ("'OU=R&D #1,DC=example'", "OU=R&D #1,DC=example"),
    ],
)
def test_values_lose_their_quotes_and_nothing_else(tmp_path, written, meant):
    env = AD_ENV.replace("DC=example,DC=com", written)
    assert load(lay_out(tmp_path, FILES | {"secrets/ad.env": env}), {}).directory.search_base == meant


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="\0\r'\\"), min_size=1))
def test_a_single_quoted_password_is_taken_literally(tmp_path_factory, password):
    env = AD_ENV.replace("hunter2", f"'{password}'")
    directory = lay_out(tmp_path_factory.mktemp("d"), FILES | {"secrets/ad.env": env})
    assert load(directory, {}).directory.lookup_password.get_secret_value() == password


def test_lists_keep_dns_whole_and_skip_comments_and_blank_lines(tmp_path):
    dns = ("CN=Data Science,OU=Groups,DC=example,DC=com", r"CN=Smith\, Jane,OU=R#D, DC=example", "cn=a\x85b")
    templates = ("EXAMPLE\\{username}", "uid={username},ou=Our People,dc=example,dc=com")
    files = {
        "userlist": "# people\n\n  Jenny   admin  # since May\nguido# new\n",
        "ad_allowed_groups": "# groups\n\n" + "".join(f" {dn} \n" for dn in dns),
        "ad_bind_dn_template": "# templates\n" + "\n".join(templates),
    }
    settings = load(lay_out(tmp_path, FILES | files), {})
    assert settings.access.people == (Named("jenny", admin=True), Named("guido"))
    assert settings.access.groups == dns
    assert settings.directory.bind_templates == templates


def test_variables_of_compose_and_of_an_old_deployment_are_none_of_our_business(tmp_path):
    others = ["COMPOSE_PROFILES", "COMPOSE_FILE", "DOCKER_HOST", "DOCKER_MACHINE_NAME", "POSTGRES_PASSWORD"]
    files = FILES | {".env": "".join(f"{name}=x\n" for name in others)}
    assert load(lay_out(tmp_path, files), {}) == load(lay_out(tmp_path / "without", FILES), {})


def test_bind_templates_stand_in_for_a_lookup_account(tmp_path):
    files = {
        "secrets/ad.env": "AD_SERVER=dc1\n",
        "userlist": "jenny\n",
        "ad_bind_dn_template": "uid={username},dc=x\n",
    }
    assert load(lay_out(tmp_path, files), {}).directory.lookup_user == ""


# --- problems


TABLES = "only tables may stand here: a line like `[limits]`, and keys below it"


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("[limits]\nmemroy = '8G'", "limits.memroy: unknown setting, did you mean `memory`?"),
        ("[limits]\nzzz = 1", "limits.zzz: unknown setting"),
        ("[limts]\ncpu = 1", "limts: unknown setting, did you mean `limits`?"),
        ("[limits]\nmemory = '8Q'", "limits.memory: '8Q' is not a size (try '8G')"),
        ("[limits]\nmemory = 2", "limits.memory: '2' is too little for a server (at least '128M')"),
        ("[limits.memory]\nx = 1", "limits.memory: {'x': 1} is not a size (try '8G')"),
        ("[limits]\ncpu = 0", "limits.cpu: input should be greater than 0 (it is 0)"),
        ("[limits]\ncpu = inf", "limits.cpu: input should be a finite number (it is inf)"),
        (
            "[servers]\nhome_prefix = ''",
            "servers.home_prefix: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_.-]*$' (it is '')",
        ),
        ("[culling]\nidle = 30", "culling.idle: 30 is not a duration (try '30m' or '8h')"),
        ("[culling]\nevery = '0s'", "culling.every: '0s' is not a duration (try '30m' or '8h')"),
        ("[access]\nrequire = 'both'", "access.require: input should be 'any' or 'all' (it is 'both')"),
        ("[directory]\nca_file = ['a']", "directory.ca_file: input should be a valid string (it is ['a'])"),
        ("[directory]\nca_file = 'a.pem'", "directory.ca_file: there is no file with a certificate (PEM) at 'a.pem'"),
        ("[build]\nca_certificates = 'a'", "build.ca_certificates: must be a list like ['…'] (it is 'a')"),
        ("[build]\nca_certificates = [1]", "build.ca_certificates.0: input should be a valid string (it is 1)"),
        ("limits = 3", f"limits: {TABLES}"),
        ("directory = 3", f"directory: {TABLES}"),
        ("[[directory]]\nlookup_password = 'hunter2'", f"directory: {TABLES}"),
        ("memory = '8G'", f"memory: {TABLES}"),
        ("[names]\nport = 1", "names.port: is not set here but as HUB_PORT in .env"),
        ("[access]\npeople = ['a']", "access.people: is not set here but as userlist"),
        (
            "[directory]\nlookup_password = 'hunter2'",
            "directory.lookup_password: is not set here but as AD_LOOKUP_SEARCH_PASSWORD in secrets/ad.env",
        ),
        ("[limits\nx = 1", "Expected ']' at the end of a table declaration (at line 1, column 8)"),
    ],
)
def test_what_is_wrong_in_the_toml_is_told_with_its_key(tmp_path, toml, expected):
    assert problems_of(tmp_path, FILES | {"onehub.toml": toml}) == [f"onehub.toml: {expected}"]


def without(variable: str) -> str:
    return AD_ENV.replace(variable, f"#{variable}")


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        (".env", "\n# a note\n\nHUB_PORT\n", ", line 4: is not `NAME=value`"),
        (".env", "HUB_PORT='8001\nPOSTGRES_DB=a\n", ", line 1: is not `NAME=value`"),
        (".env", "HUB_PROT=8001\n", ", line 1: unknown variable HUB_PROT, did you mean `HUB_PORT`?"),
        (".env", "AD_SERVER=dc1\n", ", line 1: AD_SERVER belongs into secrets/ad.env"),
        (
            ".env",
            "HUB_PORT=99999\n",
            ", line 1: HUB_PORT: input should be less than or equal to 65535 (it is '99999')",
        ),
        ("secrets/ad.env", AD_ENV + "HUB_PORT=1\n", ", line 5: HUB_PORT belongs into .env"),
        ("secrets/ad.env", without("AD_LOOKUP_SEARCH_PASSWORD"), ": AD_LOOKUP_SEARCH_PASSWORD is missing"),
        (
            "secrets/ad.env",
            without("AD_LOOKUP_SEARCH_USER"),
            ": AD_LOOKUP_SEARCH_USER is missing (or a line in ad_bind_dn_template)",
        ),
        ("secrets/ad.env", without("AD_SEARCH_BASE"), ": AD_SEARCH_BASE is missing"),
        (
            "secrets/ad.env",
            without("AD_SERVER"),
            ": AD_SERVER is missing: copy secrets/ad.env.example to secrets/ad.env and fill it in "
            "(or try `make demo`)",
        ),
        ("userlist", "jenny\nguido root\n", ", line 2: after the name only `admin` may stand, not 'root'"),
        ("userlist", "jenny\nAdmin:x\n", ", line 2: 'Admin:x' is not a user name"),
        ("userlist", "jenny\nJenny admin\n", ": 'jenny' is named twice"),
        ("userlist", "ada admin\nalice\n", ": still names the demo's people; replace them with yours"),
        (
            "userlist",
            "# nobody\n",
            ": nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)",
        ),
        (
            "ad_allowed_groups",
            "Data Science\n",
            ", line 1: 'Data Science' is not a DN (like CN=Data Science,OU=Groups,DC=example,DC=com)",
        ),
        ("ad_bind_dn_template", "uid=%s\n", ", line 1: 'uid=%s' must hold {username} once"),
    ],
)
def test_what_is_wrong_in_the_seeds_files_is_told_with_its_line(tmp_path, file, content, expected):
    assert problems_of(tmp_path, FILES | {file: content}) == [f"{file}{expected}"]


@pytest.mark.parametrize("server", ["ldap://dc1", "ldaps://dc1:636", "dc1:636", "[::1]:636", "dc1/", "dc1 dc2"])
def test_the_server_is_a_bare_name_or_address(tmp_path, server):
    expected = f"{server!r} must be a bare host name or address, without protocol and port"
    assert problems_of(tmp_path, FILES, {"AD_SERVER": server}) == [f"exported AD_SERVER: {expected}"]


@pytest.mark.parametrize("server", ["dc1", "dc1.example.com", "10.0.0.1", "::1", "fd00::1:2", "fe80::10.0.0.1"])
def test_names_and_addresses_of_both_families_are_servers(tmp_path, server):
    assert load(lay_out(tmp_path, FILES), {"AD_SERVER": server}).directory.server == server


@pytest.mark.parametrize(
    "file", ["onehub.toml", ".env", "secrets/ad.env", "userlist", "ad_allowed_groups", "ad_bind_dn_template"]
)
@pytest.mark.parametrize(
    ("content", "message"), [(b"jenny\n\xff", "is not UTF-8 text (byte 6)"), (None, "is a folder, not a file")]
)
def test_a_file_that_cannot_be_text_is_the_only_problem(tmp_path, file, content, message):
    assert problems_of(tmp_path, FILES | {file: content}) == [f"{file}: {message}"]


@pytest.mark.parametrize(
    ("people", "groups", "expected"),
    [
        (
            "jenny\n",
            "",
            "ad_allowed_groups: is empty, but access.require = 'all' asks for both lists: nobody could sign in",
        ),
        (
            "",
            "CN=x\n",
            "userlist: is empty, but access.require = 'all' asks for both lists: nobody could sign in",
        ),
        (
            "",
            "",
            "userlist: nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)",
        ),
    ],
)
def test_require_all_wants_both_lists(tmp_path, people, groups, expected):
    lists = {"onehub.toml": "[access]\nrequire = 'all'\n", "userlist": people, "ad_allowed_groups": groups}
    assert problems_of(tmp_path, FILES | lists) == [expected]


def test_all_problems_come_in_one_message(tmp_path):
    files = {
        "onehub.toml": "[limits]\nmemory = '8Q'\n[acess]\nrequire = 'all'\n",
        ".env": "HUB_PORT\n",
        "secrets/ad.env": "AD_SERVER=ldap://dc1\nAD_LOOKUP_SEARCH_USER=svc\n",
        "userlist": "jenny boss\n",
    }
    with pytest.raises(SettingsError) as caught:
        load(lay_out(tmp_path, files), {})
    assert str(caught.value) == (
        "the settings cannot be used:\n"
        "  - .env, line 1: is not `NAME=value`\n"
        "  - userlist, line 1: after the name only `admin` may stand, not 'boss'\n"
        "  - onehub.toml: limits.memory: '8Q' is not a size (try '8G')\n"
        "  - secrets/ad.env, line 1: AD_SERVER: 'ldap://dc1' must be a bare host name or address, "
        "without protocol and port\n"
        "  - onehub.toml: acess: unknown setting, did you mean `access`?\n"
        "  - secrets/ad.env: AD_LOOKUP_SEARCH_PASSWORD is missing\n"
        "  - secrets/ad.env: AD_SEARCH_BASE is missing\n"
        "  - userlist: nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)"
    )
    assert caught.value.hint == "`onehub config check` after editing"


def test_a_secrets_file_instead_of_the_folder_is_a_missing_one(tmp_path):
    problems = problems_of(tmp_path, {"secrets": "x", "userlist": "jenny\n"})
    assert [problem.partition(" is missing")[0] for problem in problems] == [
        "secrets/ad.env: AD_SERVER",
        "secrets/ad.env: AD_LOOKUP_SEARCH_USER",
    ]


def test_a_file_of_somebody_else_is_told_without_a_traceback(tmp_path):
    lay_out(tmp_path, FILES)
    (tmp_path / "secrets/ad.env").chmod(0)
    with as_nobody(), pytest.raises(SettingsError) as caught:
        load(tmp_path, {})
    # pytest's folders are closed to others as well, so the first file is the one that is told.
    (problem,) = caught.value.problems
    assert problem.message == "is not readable for you"
    assert caught.value.hint == "run onehub as the owner of that file, or as root"


@contextlib.contextmanager
def as_nobody():
    """Root reads everything, so it steps aside; anybody else is stopped by the mode."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


@given(text=st.text(st.characters(codec="utf-8")))
def test_no_toml_ends_in_anything_but_settings_or_a_settings_error(tmp_path_factory, text):
    directory = lay_out(tmp_path_factory.mktemp("d"), FILES | {"onehub.toml": text})
    with contextlib.suppress(SettingsError):
        load(directory, {})


ANYTHING = st.sampled_from(["3", "true", "nan", "[]", "[1]", "{}", "'x'", "1979-05-27", "[[]]", "-1"])
KEYS = [
    f"{section}.{name}"
    for section, field in Settings.model_fields.items()
    for name in [*field.annotation.model_fields, "other"]
]


@given(key=st.sampled_from([*KEYS, *Settings.model_fields, "other"]), value=ANYTHING)
def test_any_value_under_any_key_is_taken_or_told(tmp_path_factory, key, value):
    directory = lay_out(tmp_path_factory.mktemp("d"), FILES | {"onehub.toml": f"{key} = {value}\n"})
    with contextlib.suppress(SettingsError):
        load(directory, {})


# --- the object


@given(
    memory=st.integers(128 * 1024**2, 2**50),
    cpu=st.floats(0.1, 64),
    idle=st.integers(1, 10**9),
    password=st.text(st.characters(codec="utf-8")),
    names=st.lists(st.sampled_from(["ann", "bob", "o'brien"])),
    port=st.none() | st.integers(1, 65535),
)
def test_json_and_back_is_the_same(memory, cpu, idle, password, names, port):
    settings = make_settings(
        limits={"memory": memory, "cpu": cpu},
        culling={"idle": f"{idle}s"},
        directory={"server": "dc1", "lookup_password": password, "port": port},
        access={"people": tuple(Named(name, admin=name < "m") for name in names)},
    )
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("show", [repr, str, Settings.model_dump, lambda s: s.model_dump(mode="json"), vars])
def test_the_password_is_never_shown(show):
    assert "hunter2" not in str(show(OWN))
    assert "hunter2" in OWN.to_json()


def test_the_digest_changes_with_what_the_running_hub_reads():
    same = [
        make_settings(access={"people": (Named("guido"),), "groups": ("CN=x",)}),
        make_settings(build={"ca_certificates": ("ca.pem",)}),
    ]
    other = [
        make_settings(limits={"memory": "3G"}),
        make_settings(access={"require": "all"}),
        make_settings(directory={"server": "dc1.example.com", "lookup_user": "svc", "lookup_password": "new"}),
    ]
    assert {settings.digest() for settings in same} == {OWN.digest()}
    assert len({settings.digest() for settings in [OWN, *other]}) == 4


@pytest.mark.parametrize(
    ("directory", "port"), [({}, 636), ({"tls": "starttls"}, 389), ({"tls": "starttls", "port": 3389}, 3389)]
)
def test_the_port_follows_the_protection(directory, port):
    assert make_settings(directory=directory).directory.effective_port == port


# --- the files that we ship


def test_the_example_shows_every_key_of_the_toml_with_its_default():
    text = (ROOT / "onehub.toml.example").read_text()
    example = tomllib.loads(text.replace("# port = 636", "port = 636"))
    assert Settings.model_validate(example).model_copy(update={"directory": Settings().directory}) == Settings()
    schema = Settings.toml_schema()
    optional = {"server", "lookup_user", "search_base"}  # in secrets/ad.env, where the seed has them
    for section, reference in schema["properties"].items():
        keys = schema["$defs"][reference["$ref"].rpartition("/")[2]]["properties"]
        assert set(example.get(section, ())) == set(keys) - optional, section
        for key in set(keys) - optional - {"port"}:
            assert example[section][key] == keys[key]["default"], key


def test_the_dotenv_says_what_holds_without_it(tmp_path):
    assert load(lay_out(tmp_path, FILES | {".env": (ROOT / ".env").read_text()}), {}) == load(
        lay_out(tmp_path / "without", FILES), {}
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'home_prefix = "jupyterhub-"',
            "'jupyterhub-' begins the name of 'jupyterhub-data': somebody's home",
        ),
        ('home_prefix = "onehub"', "'onehub' begins the name of 'onehub_': somebody's home could be that volume"),
        ('container_prefix = "jupyter"', "'jupyter' begins 'jupyterhub': somebody's server could be the hub"),
    ],
)
def test_nobodys_name_can_make_their_home_or_server_one_of_ours(tmp_path, line, message):
    with pytest.raises(SettingsError) as error:
        load(lay_out(tmp_path, FILES | {"onehub.toml": f"[servers]\n{line}\n"}), {})
    assert message in str(error.value)


def test_a_link_that_the_hub_could_not_follow_is_an_error_for_both(tmp_path):
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text('[access]\nrequire = "all"\n')
    deployment = lay_out(tmp_path / "hub", FILES)
    (deployment / "onehub.toml").symlink_to(elsewhere)
    with pytest.raises(SettingsError) as error:
        load(deployment, {})
    words = "is a link that leaves this folder, which is all that the hub's container sees"
    assert error.value.problems == (Problem("onehub.toml", words),)
    (deployment / "real.toml").touch()
    (deployment / "onehub.toml").unlink()
    (deployment / "onehub.toml").symlink_to("real.toml")
    load(deployment, {})
