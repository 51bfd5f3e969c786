"""Users: one for each name however it is spelt, rights by project, and always somebody who can name others."""

from __future__ import annotations

import threading
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import Conflict, NotAllowed, UserNotFound, WrongArgument
from noria.security.audit import Who, entries
from noria.security.identity import Grant
from noria.security.invites import INVITE_HOURS, Invites
from noria.security.passwords import checked_password, hash_password, is_password
from noria.security.users import Users, user_key
from noria.store.database import Database

from .conftest import AT, HOSTMASTER, PASSWORD

pytest.importorskip("argon2")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada", "ADA"),
        ("ada", "ａｄａ"),
        ("straße", "STRASSE"),
        ("Ǆ", "ǆ"),
        ("é", "e\u0301"),
        ("ﬁona", "fiona"),
        ("ſam", "sam"),
    ],
)
def test_names_that_look_alike_are_one_user(users: Users, first: str, second: str) -> None:
    users.add(first, by=HOSTMASTER, at=AT)
    with pytest.raises(Conflict):
        users.add(second, by=HOSTMASTER, at=AT)
    assert users.get(second) == users.get(first)
    assert len(users.list()) == 1


@given(st.text(max_size=8))
def test_a_key_is_a_key_of_itself(text: str) -> None:
    key = user_key(text)
    assert user_key(key) == key
    assert user_key(text.upper().lower()) == user_key(unicodedata.normalize("NFKC", text).upper().lower())


@pytest.mark.parametrize(
    "name", ["", "a b", "a:b", "a/b", "local", "TOKEN", "*", "a\u200bb", "a\x00b", "a\nb", "<b>", "x" * 65, "\u2028"]
)
def test_a_name_that_means_something_else_is_refused(users: Users, name: str) -> None:
    with pytest.raises(WrongArgument):
        users.add(name, by=HOSTMASTER, at=AT)
    assert users.list() == ()


def test_many_at_once_add_one(users: Users) -> None:
    done: list[str] = []

    def add(name: str) -> None:
        try:
            users.add(name, by=HOSTMASTER, at=AT)
            done.append("added")
        except Conflict:
            done.append("taken")

    threads = [threading.Thread(target=add, args=(name,)) for name in ("ada", "Ada", "ADA", "aDa", "ａda", "adA")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["added", *["taken"] * 5]
    assert len(users.list()) == 1


def test_roles_are_kept_by_project(users: Users) -> None:
    users.add("ada", by=HOSTMASTER, at=AT)
    users.grant("ada", "editor", by=HOSTMASTER, at=AT, project="lab")
    users.grant("ADA", "viewer", by=HOSTMASTER, at=AT, reviewer=True)
    users.grant("ada", "deployer", by=HOSTMASTER, at=AT, project="lab")
    assert users.get("ada").grants == {"lab": Grant("deployer"), "*": Grant("viewer", True)}
    users.grant("ada", "none", by=HOSTMASTER, at=AT)
    assert users.get("ada").grants["*"] == Grant("", True), "the flag stays until it is taken"
    with pytest.raises(WrongArgument, match="no role"):
        users.grant("ada", "owner", by=HOSTMASTER, at=AT)
    with pytest.raises(WrongArgument):
        users.grant("ada", "viewer", by=HOSTMASTER, at=AT, project="../etc")
    with pytest.raises(UserNotFound):
        users.grant("eve", "viewer", by=HOSTMASTER, at=AT)


def test_the_last_administrator_stays(users: Users) -> None:
    assert not users.has_admin()
    for name in ("ada", "bob"):
        users.add(name, by=HOSTMASTER, at=AT)
    users.grant("bob", "admin", by=HOSTMASTER, at=AT, project="lab")
    assert not users.has_admin(), "of one project only"
    users.grant("ada", "admin", by=HOSTMASTER, at=AT)
    assert users.has_admin()
    for change in (
        lambda: users.set_active("ada", False, by=HOSTMASTER, at=AT),
        lambda: users.grant("ada", "viewer", by=HOSTMASTER, at=AT),
    ):
        with pytest.raises(NotAllowed, match="last administrator"):
            change()
    assert users.get("ada").active
    users.grant("bob", "admin", by=HOSTMASTER, at=AT)
    users.set_active("ada", False, by=HOSTMASTER, at=AT)
    assert [user.name for user in users.list() if user.active] == ["bob"]


def test_two_administrators_cannot_both_take_the_others_rights(database: Database, users: Users) -> None:
    for name in ("ada", "bob"):
        users.add(name, by=HOSTMASTER, at=AT)
        users.grant(name, "admin", by=HOSTMASTER, at=AT)
    refused = []

    def take(name: str) -> None:
        try:
            Users(database).grant(name, "viewer", by=HOSTMASTER, at=AT)
        except NotAllowed:
            refused.append(name)

    threads = [threading.Thread(target=take, args=(name,)) for name in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert users.has_admin()


def test_what_happens_to_users_is_written_down_without_secrets(database: Database, users: Users) -> None:
    users.add("ada", by=HOSTMASTER, at=AT, password=PASSWORD)
    users.grant("ada", "admin", by=Who("bob", "203.0.113.9"), at=AT)
    found = entries(database)
    assert [(entry.action, entry.actor, entry.subject, entry.address) for entry in reversed(found)] == [
        ("user added", HOSTMASTER.name, "ada", ""),
        ("role changed", "bob", "ada", "203.0.113.9"),
    ]
    assert PASSWORD not in str(found)


def test_an_invitation_is_good_once_and_for_a_day(database: Database, users: Users) -> None:
    invites = Invites(database)
    ada = users.add("ada", by=HOSTMASTER, at=AT)
    old = invites.make(ada, by=HOSTMASTER, at=AT)
    code = invites.make(ada, by=HOSTMASTER, at=AT)
    late = AT + timedelta(hours=INVITE_HOURS)
    for wrong, when in ((old, AT), (code, late), ("", AT), (code[:-1], AT), (code + "\ud800", AT)):
        with pytest.raises(NotAllowed, match="not good"):
            invites.take(wrong, PASSWORD, address="", at=when)
    with pytest.raises(WrongArgument):
        invites.take(code, "short", address="", at=AT)
    assert not users.get("ada").joined
    assert invites.take(code, PASSWORD, address="", at=AT) == "ada"
    assert users.get("ada").joined
    with pytest.raises(NotAllowed):
        invites.take(code, PASSWORD, address="", at=AT)
    second = users.add("bob", by=HOSTMASTER, at=AT)
    unused = invites.make(second, by=HOSTMASTER, at=AT)
    users.set_active("bob", False, by=HOSTMASTER, at=AT)
    users.set_active("bob", True, by=HOSTMASTER, at=AT)
    with pytest.raises(NotAllowed):
        invites.take(unused, PASSWORD, address="", at=AT)


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 300, "aaaaaaaaaaaaaa", "ada-ada-ada-ada", "with\x00a control sign"]
)
def test_a_password_that_is_guessed_is_not_taken(password: str) -> None:
    with pytest.raises(WrongArgument):
        checked_password("ada", password)


def test_a_password_is_kept_as_argon2id_and_typed_as_it_may_be_composed() -> None:
    kept = hash_password("cafe\u0301 au lait, s'il vous plaît")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password(kept, "café au lait, s'il vous plaît")
    assert not is_password(kept, "cafe au lait, s'il vous plaît")
    assert not is_password(kept, "\ud800")
    assert not is_password("", "the password of nobody"), "not even the one that stands in for none"
    assert not is_password("damaged", PASSWORD)
