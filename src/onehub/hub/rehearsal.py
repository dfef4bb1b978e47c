"""Rehearses a sign-in with the real directory, in the order of a real one, and says what each stage gave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from onehub.core.groups import Group
from onehub.core.logins import Login, can_be_hub_name, read_login
from onehub.core.obstacles import Obstacle
from onehub.core.rehearsal import (
    ACCOUNT,
    BASE,
    DECISION,
    GROUPS,
    LOOKUP,
    PASSWORD,
    RULE,
    SEARCH,
    Decision,
    Rehearsal,
    Request,
    decide,
    lock_out_stage,
    settings_stages,
)

from .directory.ldap import LdapDirectory, Shape
from .directory.pool import Opener
from .directory.session import DirectoryDown, Entry, Session, group_problems, person_of
from .notes import Draft, Ended, Notes
from .reach import reach

_LONGEST_PASSWORD = 1024
_ACCOUNT_FIX = "AD_LOOKUP_SEARCH_USER and AD_LOOKUP_SEARCH_PASSWORD in secrets/ad.env"
_BASE_FIX = "AD_SEARCH_BASE in secrets/ad.env, directory.preset and directory.login_attribute in onehub.toml"
_STATE_FIX = "let the lookup account read account restrictions in the directory"
_RULE_FIX = "edit ad_allowed_groups, or [access] in onehub.toml"
_PERSON_FIX = "mend the account in the directory"
_RETRY = "try again; where the directory locks accounts, each try counts"
_LISTS_FIX = "a line in userlist, or one of their groups in ad_allowed_groups"


class Talkative(Session, Protocol):
    """A session that also explains itself."""

    @property
    def shape(self) -> Shape:
        """What kind of directory it is and where it is searched."""

    def begin(self) -> None:
        """Bind the lookup account."""

    def last_search(self) -> tuple[str, int]:
        """The latest search's filter and number of hits."""

    def knows_anybody(self) -> bool:
        """Whether there is anyone with a login name."""

    def shows_state(self) -> bool:
        """Whether one may see that an account is disabled."""

    def lockout_threshold(self) -> int | None:
        """Wrong passwords until the domain locks an account."""

    def paths(self, entry: Entry) -> dict[Group, tuple[Group, ...]]:
        """Groups, each with those on the way to it."""


def rehearse(directory: LdapDirectory, request: Request, notes: Notes) -> Rehearsal:
    """Reach the servers, then talk to the first that answers."""
    notes.stages += settings_stages(request.settings.directory)
    try:
        reach(directory, notes)
    except Ended:
        _skip_the_rest(request, notes)
        return Rehearsal(tuple(notes.stages))
    return converse(directory, request, notes)


def converse(directory: Opener, request: Request, notes: Notes) -> Rehearsal:
    """The conversation: the lookup account, the groups of the rules, the person, their password, the decision."""
    decision = None
    try:
        with directory.session() as session:
            decision = _Conversation(directory, session, request, notes).hold()
    except DirectoryDown as error:
        notes.fail(LOOKUP, str(error), _ACCOUNT_FIX if error.kind == "lookup" else "")
        _skip_the_rest(request, notes)
    except Ended as ended:
        _skip_the_rest(request, notes)
        if ended.because:
            decision = Decision(request.name or "", False, ended.because)
    if decision:
        _tell(decision, notes)
    return Rehearsal(tuple(notes.stages), decision)


def _tell(decision: Decision, notes: Notes) -> None:
    explained = any(stage.level == "failed" for stage in notes.stages)
    with notes.stage(DECISION) as draft:
        draft.text = str(decision)
        if decision.allowed:
            draft.details = (f"home volume {decision.home}",)
        else:
            draft.level, draft.fix = "failed", "" if explained else _LISTS_FIX


class _Conversation:
    def __init__(self, directory: Opener, session: Talkative, request: Request, notes: Notes) -> None:
        self._directory = directory
        self._session = session
        self._request = request
        self._settings = request.settings
        self._notes = notes

    def hold(self) -> Decision | None:
        """Everything that was asked for. Raises Ended and DirectoryDown."""
        with self._notes.stage(LOOKUP, fix=_ACCOUNT_FIX) as draft:
            if self._session.reads_first:
                self._session.begin()
                draft.text = f"{self._settings.directory.lookup_user} is accepted"
            else:
                draft.text = "there is none: everybody is looked up with their own password (ad_bind_dn_template)"
        if not self._session.reads_first:
            return self._by_themselves()
        self._look_around()
        if self._request.name is None:
            return None
        login = self._login()
        entry = self._search(login)
        groups = self._read(entry)
        self._prove(entry)
        return self._decide(entry, groups)

    def _by_themselves(self) -> Decision | None:
        """Without a lookup account: who has proven themselves can be looked up, nobody else."""
        if self._request.name is None or self._request.password is None:
            _skip_the_rest(self._request, self._notes)
            return None
        login = self._login()
        templated = self._session.find(login)
        self._prove(templated)
        self._look_around()
        entry = self._search(login)
        return self._decide(entry, self._read(entry))

    def _look_around(self) -> None:
        """What kind of directory it is, and whether the rules' groups are in it."""
        with self._notes.stage(BASE, fix=_BASE_FIX) as draft:
            shape = self._session.shape
            where = (
                f"below {shape.base}" if shape.base == shape.top else f"below {shape.base}, groups below {shape.top}"
            )
            draft.text = f"{shape.preset.name}, people {where}"
            if self._session.reads_first and not self._session.knows_anybody():
                attribute = self._settings.directory.login_attribute or shape.preset.login
                raise draft.fail(
                    f"nobody below {shape.base!r} has the attribute {attribute} (directory.login_attribute)",
                    _BASE_FIX,
                )
            if not self._session.shows_state():
                draft.warn("userAccountControl is not shown: who gets disabled stays signed in", _STATE_FIX)
        threshold = self._session.lockout_threshold()
        if threshold is not None:
            self._notes.stages.append(lock_out_stage(threshold, self._settings.directory.wrong_passwords))
        access = self._settings.access
        for written in dict.fromkeys((*access.allowed_groups, *access.admin_groups)):
            with self._notes.stage(RULE, written) as draft:
                draft.text = "exists"
                for problem in group_problems(self._session, [written]):
                    hidden = "" if self._session.reads_first else ", or is not shown to this person"
                    draft.warn(problem + hidden, _RULE_FIX)

    def _login(self) -> Login:
        login = read_login(self._request.name or "")
        if login is None:
            with self._notes.stage(SEARCH) as draft:
                raise draft.refuse(f"{self._request.name!r} cannot be a login name")
        return login

    def _search(self, login: Login) -> Entry:
        with self._notes.stage(SEARCH, fix=_BASE_FIX) as draft:
            entry = self._session.find(login)
            condition, hits = self._session.last_search()
            draft.details = (f"filter {condition}",)
            if entry is None:
                raise draft.refuse(_nobody(hits), fix=_BASE_FIX if hits == 0 else "")
            draft.text = entry.dn
            mark = f"mark {entry.id}" if entry.id else "no mark that would outlive a new name"
            draft.details += (f"{hits} {'hit' if hits == 1 else 'hits'}, login name {entry.login}, {mark}",)
        return entry

    def _read(self, entry: Entry) -> frozenset[Group]:
        """What the directory shows of an account: its state and groups."""
        with self._notes.stage(ACCOUNT) as draft:
            if entry.obstacle:
                raise draft.refuse(entry.obstacle.meaning, fix=_PERSON_FIX)
            draft.text = "neither disabled nor expired, as far as the entry shows"
            self._look_at_age(entry, draft)
        with self._notes.stage(GROUPS) as draft:
            groups = self._session.groups(entry)
            draft.text = f"in {len(groups) or 'no'} {'group' if len(groups) == 1 else 'groups'}"
            draft.details = tuple(_told(groups, self._paths(entry) if groups else {}))
        return groups

    def _look_at_age(self, entry: Entry, draft: Draft) -> None:
        if entry.password_expires is None:
            return
        days = (entry.password_expires - datetime.now(UTC)).days
        if days >= 0:
            draft.text += f"; the password expires in {days} days"
            return
        message, fix = f"the password expired on {entry.password_expires:%Y-%m-%d}", "a new password"
        # A password that is there may tell better; others than Active Directory may take an expired one.
        if self._request.password is None and self._session.shape.preset.name == "active-directory":
            raise draft.refuse(message, fix=fix)
        draft.warn(message, fix)

    def _paths(self, entry: Entry) -> dict[Group, tuple[Group, ...]]:
        """In a conversation of its own: many groups take many questions, and the decision must not wait for it."""
        if not self._session.reads_first:
            return self._session.paths(entry)
        try:
            with self._directory.session() as session:
                return session.paths(entry)
        except DirectoryDown:
            return {}

    def _prove(self, entry: Entry) -> None:
        """One bind. Raises Ended."""
        if self._request.password is None:
            return
        password = self._request.password.get_secret_value()
        with self._notes.stage(PASSWORD) as draft:
            # A simple bind without a password succeeds anonymously.
            if not password or "\0" in password or len(password) > _LONGEST_PASSWORD:
                raise draft.refuse(Obstacle.NOT_A_NAME.meaning)
            proof = self._session.prove(entry, password)
            if proof.obstacle:
                meaning = proof.obstacle.meaning
                wrong = proof.obstacle in (Obstacle.WRONG_PASSWORD, Obstacle.UNKNOWN_NAME)
                raise draft.refuse(
                    meaning,
                    f"{meaning}: {proof.detail}" if proof.detail else meaning,
                    _RETRY if wrong else _PERSON_FIX,
                )
            draft.text = "right"

    def _decide(self, entry: Entry, groups: frozenset[Group]) -> Decision:
        person = person_of(entry, groups)
        if not can_be_hub_name(person.name):
            return Decision(person.name, False, "the name holds a character that none in the hub may have")
        return decide(person, self._settings)


def _skip_the_rest(request: Request, notes: Notes) -> None:
    """Name what was not reached, in order."""
    wanted = [LOOKUP, BASE, *([RULE] if _rules(request) else [])]
    if request.name is not None:
        wanted += [SEARCH, ACCOUNT, GROUPS, *([PASSWORD] if request.password is not None else [])]
    done = {stage.about for stage in notes.stages}
    notes.skip(*(about for about in wanted if about not in done))


def _rules(request: Request) -> bool:
    return bool(request.settings.access.allowed_groups or request.settings.access.admin_groups)


def _nobody(hits: int) -> str:
    if hits == 0:
        return "no account has this login name"
    if hits == 1:
        return "the entry has no login name, or several"
    return f"{hits} entries of the directory have this login name, so it is nobody's"


def _told(groups: frozenset[Group], paths: dict[Group, tuple[Group, ...]]) -> Iterator[str]:
    """`Data Science ← Students`: through which group somebody is in another."""
    for group in sorted(groups, key=_label):
        through = paths.get(group)
        if through is None and paths:
            yield f"{_label(group)} (the primary group, or known to the directory alone)"
        else:
            yield " ← ".join(_label(one) for one in (group, *reversed(through or ())))


def _label(group: Group) -> str:
    return group.name or group.dn
