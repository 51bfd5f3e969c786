"""Tokens: told from chance by their check digits, never kept, narrowed, and of no use once revoked."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import UserNotFound, WrongArgument
from noria.security.identity import Grant, Identity, Scope
from noria.security.policy import ACTIONS, ROLES
from noria.security.tables import tokens as table
from noria.security.tokens import Tokens, is_token
from noria.security.users import Users
from noria.store.database import Database

from .conftest import AT, HOSTMASTER

MAY = {
    "": set(),
    "viewer": {"view"},
    "editor": {"view", "track", "register"},
    "deployer": {"view", "track", "register", "change"},
    "admin": {"view", "track", "register", "change", "administer"},
}


@pytest.fixture
def tokens(database: Database, users: Users) -> Tokens:
    users.add("ada", by=HOSTMASTER, at=AT)
    users.grant("ada", "deployer", by=HOSTMASTER, at=AT, project="lab")
    return Tokens(database)


def test_a_token_says_who_it_is(tokens: Tokens, users: Users) -> None:
    made, text = tokens.create(users.get("ada"), "nightly", by=HOSTMASTER, at=AT)
    assert is_token(text)
    assert made.id in text
    found = tokens.identify(text, at=AT)
    assert found is not None
    assert (found.name, found.kind, found.actions("lab")) == ("ada", "token", MAY["deployer"])
    assert found.actions("elsewhere") == frozenset()
    assert not found.interactive


def test_any_other_text_is_nobody(tokens: Tokens, users: Users) -> None:
    _, text = tokens.create(users.get("ada"), "nightly", by=HOSTMASTER, at=AT)
    for place in range(len(text)):
        other = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        assert not is_token(other), place
        assert tokens.identify(other, at=AT) is None
    from noria.security.tokens import _crc

    # Right check digits, wrong secret: what a forger can make.
    head = text[:-9]
    forged = head[:-1] + ("0" if head[-1] != "0" else "1")
    assert is_token(f"{forged}_{_crc(forged)}")
    assert tokens.identify(f"{forged}_{_crc(forged)}", at=AT) is None
    unknown = head.replace(text.split("_")[1], "a" * 12)
    assert tokens.identify(f"{unknown}_{_crc(unknown)}", at=AT) is None


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert not is_token(text)


def test_the_secret_is_not_kept(tokens: Tokens, users: Users, database: Database) -> None:
    _, text = tokens.create(users.get("ada"), "nightly", by=HOSTMASTER, at=AT)
    secret = text.split("_")[2]
    with database.reading() as connection:
        for name in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{name}"')):
                assert secret not in str(row), name


def test_a_token_ends(tokens: Tokens, users: Users) -> None:
    ada = users.get("ada")
    made, text = tokens.create(ada, "an hour", by=HOSTMASTER, at=AT, lasts=timedelta(hours=1))
    other, unending = tokens.create(ada, "other", by=HOSTMASTER, at=AT)
    assert tokens.identify(text, at=AT + timedelta(minutes=59)) is not None
    assert tokens.identify(text, at=AT + timedelta(hours=1)) is None
    assert tokens.identify(unending, at=AT + timedelta(days=999)) is not None
    assert tokens.revoke(other.id, by=HOSTMASTER, at=AT).state(AT) == "revoked"
    assert tokens.identify(unending, at=AT) is None
    assert tokens.get(made.id).state(AT + timedelta(hours=2)) == "expired"
    users.set_active("ada", False, by=HOSTMASTER, at=AT)
    assert tokens.identify(text, at=AT) is None
    users.set_active("ada", True, by=HOSTMASTER, at=AT)
    assert tokens.identify(text, at=AT) is not None


def test_anothers_token_is_as_good_as_none(tokens: Tokens, users: Users) -> None:
    made, text = tokens.create(users.get("ada"), "mine", by=HOSTMASTER, at=AT)
    eve = users.add("eve", by=HOSTMASTER, at=AT)
    messages = []
    for number in (made.id, "a" * 12):
        with pytest.raises(UserNotFound) as error:
            tokens.revoke(number, by=HOSTMASTER, at=AT, owner=eve)
        messages.append(error.value.what.replace(number, "…"))
    assert len(set(messages)) == 1
    assert tokens.identify(text, at=AT) is not None
    assert tokens.list(eve) == ()


def test_steady_use_costs_a_write_in_five_minutes(tokens: Tokens, users: Users, database: Database) -> None:
    made, text = tokens.create(users.get("ada"), "steady", by=HOSTMASTER, at=AT)
    written = []
    sa.event.listen(database._engine, "before_cursor_execute", lambda *given: written.append(given[2]))
    for second in range(0, 600, 10):
        tokens.identify(text, at=AT + timedelta(seconds=second))
    assert sum(statement.startswith("UPDATE api_tokens") for statement in written) == 2
    assert tokens.get(made.id).used == AT + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("label", "scope", "lasts"),
    [
        ("", None, None),
        ("a\nb", None, None),
        ("x" * 101, None, None),
        ("x", Scope(role="owner"), None),
        ("x", Scope(actions=frozenset({"view", "fly"})), None),
        ("x", Scope(project="a/b"), None),
        ("x", None, timedelta(0)),
        ("x", None, timedelta(days=9999)),
    ],
)
def test_a_token_of_nothing_is_refused(
    tokens: Tokens, users: Users, database: Database, label: str, scope: Scope | None, lasts: timedelta | None
) -> None:
    with pytest.raises(WrongArgument):
        tokens.create(users.get("ada"), label, by=HOSTMASTER, at=AT, scope=scope, lasts=lasts)
    with database.reading() as connection:
        assert connection.execute(sa.select(table)).all() == []


@given(
    here=st.sampled_from(["", *ROLES]),
    everywhere=st.sampled_from(["", *ROLES]),
    reviewer=st.booleans(),
    place=st.sampled_from([None, "*", "lab", "other"]),
    role=st.sampled_from([None, *ROLES]),
    actions=st.none() | st.frozensets(st.sampled_from(ACTIONS)),
)
def test_what_is_allowed_is_what_all_three_allow(
    here: str, everywhere: str, reviewer: bool, place: str | None, role: str | None, actions: frozenset[str] | None
) -> None:
    grants = {"lab": Grant(here, reviewer), "*": Grant(everywhere)}
    identity = Identity("ada", "token", 1, grants, Scope(place, role, actions))
    for project, action in itertools.product(("lab", "third"), ACTIONS):
        by_user = action in MAY[everywhere] or (
            project == "lab" and (action in MAY[here] or (reviewer and action in ("view", "review")))
        )
        by_role = role is None or action in MAY[role]
        by_place = place in (None, "*", project)
        by_list = actions is None or action in actions
        assert identity.may(action, project) == (by_user and by_role and by_place and by_list)
