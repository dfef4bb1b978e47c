"""Why somebody may not sign in: in the person's words, the operator's, and Active Directory's numbers."""

from __future__ import annotations

from enum import Enum


class Obstacle(Enum):
    """One reason. `words` are for the person, `meaning` for the operator."""

    UNKNOWN_NAME = ("unknown-name", "nobody, or more than one, has this login name")
    GONE = ("gone", "the directory has no such account any more")
    WRONG_PASSWORD = ("wrong-password", "wrong password")
    LOCKED = ("locked", "the directory has locked the account after wrong passwords; the password was not looked at")
    PASSWORD_EXPIRED = ("password-expired", "the password has expired")
    MUST_CHANGE_PASSWORD = ("must-change-password", "the password must be changed at the next logon")
    DISABLED = ("disabled", "the account is disabled")
    ACCOUNT_EXPIRED = ("account-expired", "the account has expired")
    LOGON_HOURS = ("logon-hours", "the account may not log on at this time")
    WORKSTATION = ("workstation", "the account may log on from named computers only")
    NOT_ALLOWED = ("not-allowed", "the access rules do not let this person in")
    NAME_TAKEN = ("name-taken", "another living account of the directory has the same name in the hub")
    NOT_A_NAME = ("not-a-name", "what was typed cannot be a login name or a password")
    THROTTLED = ("throttled", "too many wrong passwords; the directory was not asked")
    BUSY = ("busy", "every directory worker was busy for too long")
    DIRECTORY_DOWN = ("directory-down", "the directory could not be asked")

    def __init__(self, kind: str, meaning: str) -> None:
        self.kind = kind
        self.meaning = meaning

    @property
    def words(self) -> str:
        """What the person reads on the login page."""
        return _WORDS.get(self, _WRONG)

    def shown(self, *, proven: bool) -> Obstacle:
        """What the person may hear: the state of an account only with its right password, or strangers would learn
        which accounts exist and how they are."""
        return Obstacle.WRONG_PASSWORD if self in _PRIVATE and not proven else self

    @property
    def about_password(self) -> bool:
        """Whether a new password helps, so that the company's link belongs to the words."""
        return self in {Obstacle.PASSWORD_EXPIRED, Obstacle.MUST_CHANGE_PASSWORD}

    @property
    def status(self) -> int:
        """The HTTP status of the login page that says so."""
        return {Obstacle.BUSY: 503, Obstacle.DIRECTORY_DOWN: 503, Obstacle.THROTTLED: 429}.get(self, 403)


_PRIVATE = {
    Obstacle.PASSWORD_EXPIRED,
    Obstacle.MUST_CHANGE_PASSWORD,
    Obstacle.DISABLED,
    Obstacle.ACCOUNT_EXPIRED,
    Obstacle.LOGON_HOURS,
    Obstacle.WORKSTATION,
}
_WRONG = "Wrong user name or password."
_WORDS = {
    Obstacle.PASSWORD_EXPIRED: "Your password has expired. Please set a new one, then sign in with it.",
    Obstacle.MUST_CHANGE_PASSWORD: "You must change your password before you can sign in here.",
    Obstacle.DISABLED: "Your account is disabled. Please ask the people who run your directory.",
    Obstacle.ACCOUNT_EXPIRED: "Your account has expired. Please ask the people who run your directory.",
    Obstacle.LOGON_HOURS: "Your account may not be used at this time of the day.",
    Obstacle.WORKSTATION: "Your account may be used from certain computers only, and this is none of them.",
    Obstacle.NOT_ALLOWED: "Your password is right, but your account may not use this service.",
    Obstacle.NAME_TAKEN: "Your password is right, but your name is taken here. Please tell the people who run this.",
    Obstacle.THROTTLED: "Too many wrong passwords for this name. Please wait, or your account could be locked.",
    Obstacle.BUSY: "Too many people are signing in at this moment. Please try again in a minute.",
    Obstacle.DIRECTORY_DOWN: (
        "The company's directory does not answer, so nobody can sign in. Please try again later."
    ),
}
"""What is not here sounds like a wrong password, on purpose."""

AD_CODES = {
    "525": Obstacle.UNKNOWN_NAME,
    "52e": Obstacle.WRONG_PASSWORD,
    "530": Obstacle.LOGON_HOURS,
    "531": Obstacle.WORKSTATION,
    "532": Obstacle.PASSWORD_EXPIRED,
    "533": Obstacle.DISABLED,
    "701": Obstacle.ACCOUNT_EXPIRED,
    "773": Obstacle.MUST_CHANGE_PASSWORD,
    "775": Obstacle.LOCKED,
}
"""Active Directory's `data` codes in the answer to a bind (Microsoft's NTSTATUS table). 530 to 533, 701 and 773 are
given to the right password only; 775 to any."""
AD_PROVES = frozenset({"530", "531", "532", "533", "701", "773"})
