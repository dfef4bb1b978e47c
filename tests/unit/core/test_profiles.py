from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from onehub.core.groups import group_by_dn
from onehub.core.profiles import PLAIN, Folder, Mount, NotOffered, Profile, choose, folders_of, offered
from onehub.core.settings import Settings, load
from tests.unit.core.test_settings import problems_of
from tests.unit.examples import FILES, lay_out

SCIENCE = "CN=Data Science,OU=Groups,DC=example,DC=com"
SALES = "cn=sales+ou=x,dc=example,dc=com"
COMMA = r"CN=Smith\, Jane,DC=example"
AROUND = Settings().surroundings

SMALL = Profile(name="Small")
GPU = Profile(name="GPU", allowed_groups=("data science",), default=True)
BIG = Profile(name="Big", allowed_groups=("CN = Sales + OU = x, DC=Example,DC=com", "nobody"))
ALL = (SMALL, GPU, BIG)
NO_GROUP = NotOffered("You are in no group that a server is offered to. Please ask the people who run this.")


def refused(name: str, instead: str) -> NotOffered:
    return NotOffered(f"The profile {name} is not offered. {instead}")


# --- profiles


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([], (SMALL,)),
        (["added-by-admin"], (SMALL,)),
        ([SCIENCE], (SMALL, GPU)),
        ([SALES], (SMALL, BIG)),
        ([SCIENCE.lower(), SALES], ALL),
        (["OU=Data Science,DC=example,DC=com"], (SMALL, GPU)),
        (["CN=Data Science 2,DC=example"], (SMALL,)),
        (["CN=x,OU=Data Science,DC=example"], (SMALL,)),
    ],
)
def test_what_is_offered_goes_by_groups(groups, expected):
    assert offered(ALL, groups) == expected


@pytest.mark.parametrize(
    ("profiles", "groups", "choice", "expected"),
    [
        ((), [], None, PLAIN),
        ((), [], "server", refused("'server'", "There is nothing to choose here.")),
        (ALL, [], None, SMALL),
        (ALL, [SCIENCE], None, GPU),
        (ALL, [SALES], "Big", BIG),
        (ALL, [SCIENCE], "Small", SMALL),
        (ALL, [], "GPU", refused("'GPU'", "Please choose one of these: Small.")),
        (ALL, [SCIENCE], "Big", refused("'Big'", "Please choose one of these: Small, GPU.")),
        (ALL, [SCIENCE], "gpu", refused("'gpu'", "Please choose one of these: Small, GPU.")),
        (ALL, [SCIENCE], ["GPU"], refused("\"['GPU']\"", "Please choose one of these: Small, GPU.")),
        (ALL, [], "", refused("''", "Please choose one of these: Small.")),
        (ALL, [], "x" * 99, refused(f"'{'x' * 60}'", "Please choose one of these: Small.")),
        ((GPU, BIG), [], None, NO_GROUP),
        ((GPU, BIG), [], "GPU", NO_GROUP),
    ],
)
def test_a_choice_is_taken_or_refused_with_words(profiles, groups, choice, expected):
    assert choose(profiles, groups, choice) == expected


@pytest.mark.parametrize(
    ("dn", "name"),
    [
        (SCIENCE, "Data Science"),
        (SALES, "sales"),
        (COMMA, "Smith, Jane"),
        ("added-by-admin", ""),
        ("CN", ""),
        (r"CN=a\x,DC=b", ""),
        (r"CN=\ff,DC=b", ""),
    ],
)
def test_the_hubs_groups_are_known_by_their_dn(dn, name):
    assert (group_by_dn(dn).dn, group_by_dn(dn).name) == (dn, name)


NAMES = st.sampled_from(["a", "b", "c", "D e"])
REFERENCES = st.lists(NAMES | NAMES.map(lambda name: f"cn={name},dc=x"), max_size=3).map(tuple)
GROUPS = st.lists(NAMES.map(lambda name: f"CN={name.upper()},DC=X") | st.just("added-by-admin"), max_size=3)
PROFILES = st.lists(
    st.builds(Profile, name=st.sampled_from(["P", "Q", "R"]), allowed_groups=REFERENCES, default=st.booleans()),
    max_size=3,
    unique_by=lambda profile: profile.name,
)
FOLDERS = st.lists(
    st.builds(
        Folder,
        name=st.sampled_from(["p", "q", "r"]),
        writers=REFERENCES,
        readers=REFERENCES,
        everybody=st.sampled_from(["nothing", "read", "write"]),
    ),
    max_size=3,
    unique_by=lambda folder: folder.name,
)


def members(written, groups) -> bool:
    """By another way than the code's: the name in lower case, from a DN or as it is."""
    mine = {group.partition(",")[0].removeprefix("CN=").lower() for group in groups if group.startswith("CN=")}
    return any(name.partition(",")[0].removeprefix("cn=").lower() in mine for name in written)


@given(profiles=PROFILES, groups=GROUPS, choice=st.sampled_from([None, "P", "Q", "R", "S", ["P"]]))
def test_nobody_is_given_a_profile_that_their_groups_do_not_allow(profiles, groups, choice):
    given = choose(profiles, groups, choice)
    if isinstance(given, Profile) and given is not PLAIN:
        assert given in profiles
        assert not given.allowed_groups or members(given.allowed_groups, groups)
        assert choice in (None, given.name)
    else:
        open_to_them = [p for p in profiles if not p.allowed_groups or members(p.allowed_groups, groups)]
        assert choice not in [profile.name for profile in open_to_them]
        assert choice is not None or not open_to_them


@given(folders=FOLDERS, groups=GROUPS)
def test_nobody_is_given_a_folder_that_their_groups_do_not_allow(folders, groups):
    expected = []
    for folder in folders:
        writes = folder.everybody == "write" or members(folder.writers, groups)
        if writes or folder.everybody == "read" or members(folder.readers, groups):
            place = f"/home/jovyan/shared/{folder.name}"
            expected.append(Mount(f"onehub-folder-{folder.name}", place, read_only=not writes))
    assert folders_of(folders, groups, AROUND) == tuple(expected)


# --- folders


def test_who_is_in_both_lists_may_write():
    folder = Folder(name="x", writers=("Data Science",), readers=("sales", SCIENCE))
    (mine,) = folders_of([folder], [SCIENCE, SALES], AROUND)
    assert not mine.read_only
    (theirs,) = folders_of([folder], [SALES], AROUND)
    assert theirs.read_only
    assert folders_of([folder], [COMMA], AROUND) == ()


def test_a_folder_says_where_it_is_and_which_volume(tmp_path):
    toml = (
        "[servers]\nhome_prefix = 'h-'\n"
        "[[folder]]\nname = 'a'\neverybody = 'read'\nmount = '/srv/a'\nvolume = 'datasets'\n"
        "[[folder]]\nname = 'b'\neverybody = 'write'\n"
    )
    env = "COMPOSE_PROJECT_NAME=hub2\nDOCKER_NOTEBOOK_DIR=/home/me/work\n"
    settings = load(lay_out(tmp_path, FILES | {"onehub.toml": toml, ".env": env}), {})
    assert folders_of(settings.folder, [], settings.surroundings) == (
        Mount("datasets", "/srv/a", read_only=True),
        Mount("hub2-folder-b", "/home/me/shared/b", read_only=False),
    )


# --- settings


def profile(text: str) -> str:
    return f"[[profile]]\nname = 'GPU'\n{text}\n"


def folder(text: str) -> str:
    return f"[[folder]]\nname = 'team'\n{text}\n"


def mounted(volume: str, mount: str = "/srv/a") -> str:
    return profile(f"volumes = [{{ volume = '{volume}', mount = '{mount}' }}]")


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        (profile("memroy = '8G'"), "profile 'GPU': memroy: unknown setting, did you mean `memory`?"),
        (profile("groups = ['a']"), "profile 'GPU': groups: unknown setting, did you mean `allowed_groups`?"),
        ("[[profile]]\nmemroy = '8G'\nname = 3", None),
        ("[[profile]]\ncpu = 1", "profile 1: name: is missing"),
        (profile("memory = '8Q'"), "profile 'GPU': memory: '8Q' is not a size (try '8G')"),
        (
            profile("memory = '64M'"),
            "profile 'GPU': memory: '64M' is too little for a server (at least '128M')",
        ),
        (
            profile("memory = '1G'\npromise = '2G'"),
            "profile 'GPU': promise: is more than its memory, which it may not exceed",
        ),
        (profile("promise = '3G'"), "profile 'GPU': promise: is more than its memory, which it may not exceed"),
        (profile("cpu = 0"), "profile 'GPU': cpu: input should be greater than 0 (it is 0)"),
        (
            profile("gpus = -1"),
            "profile 'GPU': gpus: -1 is neither a number of GPUs nor 'all' nor a list of ids like ['0', '1']",
        ),
        (
            profile("gpus = [0]"),
            "profile 'GPU': gpus: [0] is neither a number of GPUs nor 'all' nor a list of ids like ['0', '1']",
        ),
        (
            profile("gpus = true"),
            "profile 'GPU': gpus: True is neither a number of GPUs nor 'all' nor a list of ids like ['0', '1']",
        ),
        (profile("environment = { 'A=B' = 'x' }"), "profile 'GPU': environment: 'A=B' is not the name of a variable"),
        (
            profile("environment = { A = 1 }"),
            "profile 'GPU': environment.A: input should be a valid string (it is 1)",
        ),
        (
            profile("allowed_groups = ['S-1-5-21-1-2-3-1104']"),
            "profile 'GPU': allowed_groups: 'S-1-5-21-1-2-3-1104' is a SID; profiles and folders take groups by DN "
            "or name",
        ),
        (profile("allowed_groups = ['CN=,DC=x']"), "profile 'GPU': allowed_groups: 'CN=' has no value"),
        (profile("allowed_groups = 'a'"), "profile 'GPU': allowed_groups: must be a list like ['…'] (it is 'a')"),
        (profile("") + profile(""), "profile 'GPU': there are two of this name"),
        (
            profile("default = true") + "[[profile]]\nname = 'B'\ndefault = true\n",
            "profile 'B': default: is the second that is chosen beforehand; keep one",
        ),
        (
            profile("volumes = [{ volume = 'a', mout = '/a' , mount = '/a'}]"),
            "profile 'GPU': volumes.0.mout: unknown setting, did you mean `mount`?",
        ),
        (
            mounted("a", "data"),
            "profile 'GPU': volumes.0.mount: 'data' is not the path of a folder in a server (like '/srv/data')",
        ),
        (
            mounted("a", "/srv/../etc"),
            "profile 'GPU': volumes.0.mount: '/srv/../etc' is not the path of a folder in a server "
            "(like '/srv/data')",
        ),
        (mounted("a", "/proc/x"), "profile 'GPU': volumes.0.mount: '/proc/x' belongs to the system of the server"),
        (mounted("a", "/"), "profile 'GPU': volumes.0.mount: '/' belongs to the system of the server"),
        (
            mounted("a/b"),
            "profile 'GPU': volumes.0.volume: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_.-]*$' "
            "(it is 'a/b')",
        ),
        (
            mounted("a", "/home/jovyan"),
            "profile 'GPU': volumes: '/home/jovyan' would cover the home at '/home/jovyan/work'",
        ),
        (
            mounted("a", "/home/jovyan/work"),
            "profile 'GPU': volumes: '/home/jovyan/work' would cover the home at '/home/jovyan/work'",
        ),
        (
            mounted("jupyterhub-data"),
            "profile 'GPU': volumes: 'jupyterhub-data' is a volume of the hub or its services, which no server may "
            "see",
        ),
        (
            mounted("onehub_routes"),
            "profile 'GPU': volumes: 'onehub_routes' is a volume of the hub or its services, which no server may see",
        ),
        (
            mounted("jupyterhub-user-alice"),
            "profile 'GPU': volumes: 'jupyterhub-user-alice' begins like a home, so it could be somebody's",
        ),
        (
            profile("volumes = [{ volume = 'a', mount = '/a' }, { volume = 'a', mount = '/b' }]"),
            "profile 'GPU': volumes: 'a' is in it twice",
        ),
        (
            folder("everybody = 'read'") + mounted("onehub-folder-team"),
            "profile 'GPU': volumes: 'onehub-folder-team' is the volume of the folder 'team'",
        ),
        (
            folder("everybody = 'read'") + mounted("a", "/home/jovyan/shared/team"),
            "profile 'GPU': volumes: '/home/jovyan/shared/team' is where the folder 'team' appears",
        ),
        (folder(""), "folder 'team': nobody would have it: name writers or readers, or say what everybody may do"),
        (
            folder("writer = ['a']\nreaders = ['a']"),
            "folder 'team': writer: unknown setting, did you mean `writers`?",
        ),
        (
            folder("readers = ['S-1-5-32-544']"),
            "folder 'team': readers: 'S-1-5-32-544' is a SID; profiles and folders take groups by DN or name",
        ),
        (
            "[[folder]]\nname = 'Team'\neverybody = 'read'",
            "folder 'Team': name: string should match pattern '^[a-z0-9][a-z0-9_.-]{0,59}$' (it is 'Team')",
        ),
        (
            folder("everybody = 'read'\nvolume = 'jupyterhub-data'"),
            "folder 'team': 'jupyterhub-data' is a volume of the hub or its services, which no server may see",
        ),
        (
            folder("everybody = 'read'\nvolume = 'v'") + "[[folder]]\nname = 'b'\nvolume = 'v'\neverybody = 'read'",
            "folder 'b': volume: 'v' is the volume of the folder 'team' as well",
        ),
        (
            folder("everybody = 'read'\nmount = '/m'") + "[[folder]]\nname = 'b'\nmount = '/m'\neverybody = 'read'",
            "folder 'b': mount: '/m' is where the folder 'team' appears as well",
        ),
        (
            "[profile]\nname = 'a'",
            "profile: may be there several times: a line like `[[profile]]`, and keys below it",
        ),
        ("folder = [1]", "folder: may be there several times: a line like `[[folder]]`, and keys below it"),
    ],
)
def test_what_is_wrong_with_profiles_and_folders_is_told_with_their_names(tmp_path, toml, expected):
    told = problems_of(tmp_path, FILES | {"onehub.toml": toml})
    if expected is None:
        assert told == [
            "onehub.toml: profile 1: name: input should be a valid string (it is 3)",
            "onehub.toml: profile 1: memroy: unknown setting, did you mean `memory`?",
        ]
    else:
        assert told == [f"onehub.toml: {expected}"]


@pytest.mark.parametrize("name", ["", " ", " a", "a\nb", "x" * 61])
def test_a_profiles_name_is_a_line(name):
    with pytest.raises(ValidationError):
        Profile(name=name)


@pytest.mark.parametrize(
    ("written", "meant"), [(0, 0), (2, 2), ("all", "all"), (["0"], ("0",)), (["GPU-1", "GPU-2"], ("GPU-1", "GPU-2"))]
)
def test_gpus_are_a_number_all_or_ids(written, meant):
    settings = Settings(profile=(Profile(name="GPU", gpus=written, memory="1G", environment={"A": "b"}),))
    assert settings.profile[0].gpus == meant
    assert Settings.from_json(settings.to_json()) == settings
