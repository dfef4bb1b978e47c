from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.errors import Problem, SettingsError
from onehub.core.settings import Access, Settings, load, load_access
from onehub.core.sources import ARRAYS, Named
from tests.unit.examples import AD_ENV, FILES, OWN, as_nobody, lay_out, make_settings

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
    groups = (*dns, "Data Science", "S-1-5-21-1-2-3-1104")
    templates = ("EXAMPLE\\{username}", "uid={username},ou=Our People,dc=example,dc=com")
    files = {
        "userlist": '# people\n\n  Jenny   admin  # since May\nguido# new\n"Anne Marie" admin\nJU\u0308RGEN\n',
        "ad_allowed_groups": "# groups\n\n" + "".join(f" {group} \n" for group in groups),
        "ad_bind_dn_template": "# templates\n" + "\n".join(templates),
    }
    settings = load(lay_out(tmp_path, FILES | files), {})
    assert settings.access.people == (
        Named("jenny", admin=True),
        Named("guido"),
        Named("anne marie", admin=True),
        Named("jürgen"),
    )
    assert settings.access.allowed_groups == groups
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
        ("[access]\nadmin_group = ['a']", "access.admin_group: unknown setting, did you mean `admin_groups`?"),
        ("[access]\nadmin_groups = 'a'", "access.admin_groups: must be a list like ['…'] (it is 'a')"),
        ("[access]\nadmin_groups = ['CN=a,b']", "access.admin_groups: 'b' is not `name=value`"),
        ("[access]\nallowed_groups = [' ']", "access.allowed_groups: ' ' is not a group (a DN, a name or a SID)"),
        ("[access]\nblocked = [1]", "access.blocked.0: input should be a valid string (it is 1)"),
        ("[directory]\ndeadline = 0", "directory.deadline: input should be greater than or equal to 1 (it is 0)"),
        ("[directory]\nrefresh = 5", "directory.refresh: 5 is not a duration (try '30m' or '8h')"),
        (
            "[directory]\npreset = 'ad'",
            "directory.preset: input should be 'auto', 'active-directory', 'openldap' or 'freeipa' (it is 'ad')",
        ),
        (
            "[directory]\nlogin_attribute = 'a)(b'",
            "directory.login_attribute: string should match pattern '^([A-Za-z][A-Za-z0-9-]*)?$' (it is 'a)(b')",
        ),
        (
            "[directory]\npassword_help = 'javascript:alert(1)'",
            "directory.password_help: string should match pattern '^(https?://\\S+)?$' (it is 'javascript:alert(1)')",
        ),
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
        (
            "secrets/ad.env",
            without("AD_SERVER"),
            ": AD_SERVER is missing: copy secrets/ad.env.example to secrets/ad.env and fill it in "
            "(or try `make demo`)",
        ),
        (
            "userlist",
            "jenny\nguido root\n",
            ", line 2: after the name only `admin` may stand, not 'root'; a name with a space stands in \"…\"",
        ),
        ("userlist", 'jenny\n"anne marie" root\n', ", line 2: after the name only `admin` may stand, not 'root'"),
        ("userlist", "jenny\nAdmin:x\n", ", line 2: 'Admin:x' is not a user name"),
        ("userlist", "jenny\nJenny admin\n", ": 'jenny' is named twice"),
        ("userlist", "ada admin\nalice\n", ": still names the demo's people; replace them with yours"),
        (
            "userlist",
            "# nobody\n",
            ": nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)",
        ),
        ("ad_allowed_groups", "CN=Sales,DC\n", ", line 1: 'DC' is not `name=value`"),
        ("ad_allowed_groups", "CN=,DC=x\n", ", line 1: 'CN=' has no value"),
        ("ad_allowed_groups", "Sa\u200bles\n", r", line 1: 'Sa\u200bles' is not a group (a DN, a name or a SID)"),
        ("ad_bind_dn_template", "uid=%s\n", ", line 1: 'uid=%s' must hold {username} once"),
    ],
)
def test_what_is_wrong_in_the_seeds_files_is_told_with_its_line(tmp_path, file, content, expected):
    assert problems_of(tmp_path, FILES | {file: content}) == [f"{file}{expected}"]


@pytest.mark.parametrize("server", ["ldap://dc1", "ldaps://dc1:636", "dc1:636", "[::1]:636", "dc1/"])
def test_the_server_is_a_bare_name_or_address(tmp_path, server):
    expected = f"{server!r} must be a bare host name or address, without protocol and port"
    assert problems_of(tmp_path, FILES, {"AD_SERVER": server}) == [f"exported AD_SERVER: {expected}"]


@pytest.mark.parametrize("server", ["dc1", "dc1.example.com", "10.0.0.1", "::1", "fd00::1:2", "fe80::10.0.0.1"])
def test_names_and_addresses_of_both_families_are_servers(tmp_path, server):
    directory = load(lay_out(tmp_path, FILES), {"AD_SERVER": server}).directory
    assert (directory.server, directory.servers, directory.srv) == (server, (server,), "")


@pytest.mark.parametrize("written", ["dc1 dc2 ::1", "dc1,dc2,::1", " dc1,  dc2\t::1 "])
def test_several_servers_are_asked_in_their_order(tmp_path, written):
    directory = load(lay_out(tmp_path, FILES), {"AD_SERVER": written}).directory
    assert (directory.server, directory.servers, directory.srv) == ("dc1 dc2 ::1", ("dc1", "dc2", "::1"), "")


@pytest.mark.parametrize("name", ["_ldap._tcp.example.com", "_ldap._tcp.dc._msdcs.example.com"])
def test_a_name_for_dns_stands_for_the_servers_that_it_names(tmp_path, name):
    directory = load(lay_out(tmp_path, FILES), {"AD_SERVER": name}).directory
    assert (directory.servers, directory.srv) == ((), name)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("dc1 dc2:636", "'dc2:636' must be a bare host name or address, without protocol and port"),
        (
            "dc1 _ldap._tcp.example.com",
            "'dc1 _ldap._tcp.example.com' mixes a name for DNS (SRV) with others; give either that or hosts",
        ),
    ],
)
def test_each_of_several_servers_must_be_usable(tmp_path, server, message):
    assert problems_of(tmp_path, FILES, {"AD_SERVER": server}) == [f"exported AD_SERVER: {message}"]


def test_the_search_base_is_the_directorys_own_where_nobody_says_one(tmp_path):
    files = FILES | {"secrets/ad.env": without("AD_SEARCH_BASE")}
    assert load(lay_out(tmp_path, files), {}).directory.search_base == ""


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


def test_an_admin_group_is_a_list_as_well(tmp_path):
    toml = "[access]\nrequire = 'all'\nadmin_groups = ['Bosses']\n"
    assert load(lay_out(tmp_path, FILES | {"onehub.toml": toml}), {}).access.admin_groups == ("Bosses",)


EVERYBODY = (
    "onehub.toml: access.allow_all: lets everybody in, so allowed groups and require = 'all' would mean nothing: "
    "keep one of them"
)


@pytest.mark.parametrize(
    ("toml", "groups", "problems"),
    [
        ("", "", []),
        ("admin_groups = ['Bosses']\nblocked = ['guido']\n", "", []),
        ("allowed_groups = ['Sales']\n", "", [EVERYBODY]),
        ("", "Sales\n", [EVERYBODY]),
        ("require = 'all'\n", "", [EVERYBODY]),
    ],
)
def test_everybody_is_let_in_only_where_nothing_else_says_otherwise(tmp_path, toml, groups, problems):
    files = {"onehub.toml": f"[access]\nallow_all = true\n{toml}", "ad_allowed_groups": groups, "userlist": ""}
    if problems:
        assert problems_of(tmp_path, FILES | files) == problems
    else:
        assert load(lay_out(tmp_path, FILES | files), {}).access.allow_all


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
        "  - userlist, line 1: after the name only `admin` may stand, not 'boss'; "
        'a name with a space stands in "…"\n'
        "  - onehub.toml: limits.memory: '8Q' is not a size (try '8G')\n"
        "  - secrets/ad.env, line 1: AD_SERVER: 'ldap://dc1' must be a bare host name or address, "
        "without protocol and port\n"
        "  - onehub.toml: acess: unknown setting, did you mean `access`?\n"
        "  - secrets/ad.env: AD_LOOKUP_SEARCH_PASSWORD is missing\n"
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


@given(text=st.text(st.characters(codec="utf-8")))
def test_no_toml_ends_in_anything_but_settings_or_a_settings_error(tmp_path_factory, text):
    directory = lay_out(tmp_path_factory.mktemp("d"), FILES | {"onehub.toml": text})
    with contextlib.suppress(SettingsError):
        load(directory, {})


ANYTHING = st.sampled_from(["3", "true", "nan", "[]", "[1]", "{}", "'x'", "1979-05-27", "[[]]", "-1"])
KEYS = [
    f"{section}.{name}"
    for section, field in Settings.model_fields.items()
    if section not in ARRAYS
    for name in [*field.annotation.model_fields, "other"]
]


@given(key=st.sampled_from([*KEYS, *Settings.model_fields, "other"]), value=ANYTHING)
def test_any_value_under_any_key_is_taken_or_told(tmp_path_factory, key, value):
    directory = lay_out(tmp_path_factory.mktemp("d"), FILES | {"onehub.toml": f"{key} = {value}\n"})
    with contextlib.suppress(SettingsError):
        load(directory, {})


# --- the access rules alone


def test_the_access_rules_alone_are_the_same_as_with_everything_else(tmp_path):
    toml = "[access]\nallowed_groups = ['Sales']\nadmin_groups = ['S-1-5-32-544']\nblocked = ['JU\u0308RGEN']\n"
    files = FILES | {"onehub.toml": toml, "ad_allowed_groups": "CN=Data Science,DC=x\n"}
    access, problems = load_access(lay_out(tmp_path, files))
    assert problems == ()
    assert access == load(tmp_path, {}).access
    assert access == Access(
        people=(Named("jenny", admin=True), Named("guido")),
        allowed_groups=("Sales", "CN=Data Science,DC=x"),
        admin_groups=("S-1-5-32-544",),
        blocked=("jürgen",),
    )


def test_the_access_rules_alone_hold_defaults_where_they_are_wrong_and_tell_all_of_it(tmp_path):
    toml = "x = 1\naccess = 3\n"
    assert load_access(lay_out(tmp_path / "no table", {"onehub.toml": toml})) == (
        Access(),
        (Problem("onehub.toml: access", TABLES),),
    )
    toml = "[access]\nrequire = 'both'\nallow_all = 'perhaps'\nblocked = ['bob']\n[limits]\nmemory = '8Q'\n"
    files = {"onehub.toml": toml, "userlist": "jenny\nguido:\n", "ad_allowed_groups": "CN=\n"}
    access, problems = load_access(lay_out(tmp_path / "values", files))
    assert access == Access(people=(Named("jenny"),), blocked=("bob",))
    assert [str(problem) for problem in problems] == [
        "userlist, line 2: 'guido:' is not a user name",
        "ad_allowed_groups, line 1: 'CN=' has no value",
        "onehub.toml: access.allow_all: input should be a valid boolean, unable to interpret input (it is 'perhaps')",
        "onehub.toml: access.require: input should be 'any' or 'all' (it is 'both')",
    ]


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
        make_settings(access={"people": (Named("guido"),), "allowed_groups": ("CN=x",)}),
        make_settings(access={"require": "all", "blocked": ("guido",)}),
        make_settings(build={"ca_certificates": ("ca.pem",)}),
    ]
    other = [
        make_settings(limits={"memory": "3G"}),
        make_settings(directory={"server": "dc1.example.com", "lookup_user": "svc", "lookup_password": "new"}),
    ]
    assert {settings.digest() for settings in same} == {OWN.digest()}
    assert len({settings.digest() for settings in [OWN, *other]}) == 3


@pytest.mark.parametrize(
    ("directory", "transport", "port"),
    [
        ({}, "ldaps", 636),
        ({"port": 3269}, "ldaps", 3269),
        ({"tls": "starttls"}, "starttls", 389),
        ({"tls": "starttls", "port": 3389}, "starttls", 3389),
        ({"insecure": True}, "plain", 389),
        ({"insecure": True, "tls": "starttls"}, "plain", 389),
    ],
)
def test_the_port_follows_the_protection(directory, transport, port):
    made = make_settings(directory=directory).directory
    assert (made.transport, made.effective_port) == (transport, port)


# --- the files that we ship


def test_the_example_shows_every_key_of_the_toml_with_its_default():
    text = (ROOT / "onehub.toml.example").read_text()
    example = tomllib.loads(text.replace("# port = 636", "port = 636"))
    assert Settings.model_validate(example).model_copy(update={"directory": Settings().directory}) == Settings()
    schema = Settings.toml_schema()
    optional = {"server", "lookup_user", "search_base"}  # in secrets/ad.env, where the seed has them
    for section, reference in schema["properties"].items():
        if section in ARRAYS:
            continue
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
