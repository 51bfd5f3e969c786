"""Logging in and out: sessions, forms, slow guessing, and nothing secret left anywhere."""

from __future__ import annotations

import base64
import logging
import statistics
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from noria.security.audit import entries, first_broken
from noria.security.credentials import COOKIE
from noria.security.identity import Scope
from noria.security.invites import Invites
from noria.security.login import Login, WrongCredentials
from noria.security.passwords import is_password, require_argon2
from noria.security.sessions import IDLE, LONGEST
from noria.security.throttle import FREE_ATTEMPTS

from .conftest import AT, HOST, HOSTMASTER, PASSWORD, Team, bearer, key_of

pytest.importorskip("argon2")


def cookie(key: str) -> dict[str, str]:
    return {"cookie": f"{COOKIE}={key}"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_in_and_out(team: Team) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    answer = team.send("/login", "/login?next=/models", name="ADA", password=PASSWORD, next="/models")
    assert (answer.status, answer.headers["location"]) == (303, "/models")
    [told] = answer.cookies
    assert told.startswith("__Host-noria=")
    assert {part.strip().lower() for part in told.split(";")[1:]} == {
        "httponly", "secure", "path=/", "samesite=strict", f"max-age={int(LONGEST.total_seconds())}",
    }  # fmt: skip
    key = key_of(answer)
    page = team.ask("GET", "/models", headers=cookie(key))
    assert page.status == 200
    assert ">ada</a>" in page.text
    assert str(team.workspace.root) not in page.text
    assert team.send("/logout", cookie=key).status == 403, "without the form's token"
    out = team.send("/logout", "/models", cookie=key)
    assert (out.status, out.headers["location"]) == (303, "/login?said=logged-out")
    assert team.ask("GET", "/models", headers=cookie(key)).status == 303


def test_nobody_is_sent_elsewhere(team: Team) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    for wanted in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/logout"):
        answer = team.send("/login", "/login", name="ada", password=PASSWORD, next=wanted)
        assert answer.headers["location"] == "/", wanted


def test_a_planted_session_is_nobodys_afterwards(team: Team) -> None:
    for name in ("ada", "eve"):
        team.user(name, "viewer", password=PASSWORD)
    planted = team.log_in("eve")
    mine = team.log_in("ada", cookie=planted)
    assert mine != planted
    assert team.ask("GET", "/models", headers=cookie(planted)).status == 303, "the key that was planted has ended"
    assert ">ada</a>" in team.ask("GET", "/models", headers=cookie(mine)).text
    made_up = team.log_in("ada", cookie="made-up-by-eve")
    assert made_up != "made-up-by-eve"
    assert team.ask("GET", "/models", headers=cookie("made-up-by-eve")).status == 303


def test_a_form_is_good_in_its_own_session_only(team: Team) -> None:
    for name in ("ada", "eve"):
        team.user(name, "admin", password=PASSWORD)
    ada, eve = team.log_in("ada"), team.log_in("eve")
    page = team.ask("GET", "/settings", headers=cookie(eve)).text
    token = page.split('name="token" value="')[1].split('"')[0]
    answer = team.send("/settings/users", cookie=ada, token=token, name="mallory", role="admin", where="*")
    assert answer.status == 403
    assert len(team.users.list()) == 2
    foreign = team.ask("POST", "/settings/users", headers={**cookie(ada), "origin": "https://evil.example"}, body=b"x")
    assert (foreign.status, foreign.reads) == (403, 0)


def test_a_session_ends(team: Team) -> None:
    ada = team.user("ada", "viewer", password=PASSWORD)
    credentials = team.site.credentials
    assert credentials is not None
    sessions = credentials.sessions
    key = sessions.open(ada, at=AT)
    assert sessions.identify(key, at=AT + IDLE) is None, "unused"
    moment = AT
    while moment < AT + LONGEST:
        assert sessions.identify(key, at=moment) is not None
        moment += IDLE / 2
    assert sessions.identify(key, at=AT + LONGEST) is None, "however it is used"
    for end in (
        lambda: team.users.set_password("ada", PASSWORD + "!", by=HOSTMASTER, at=AT),
        lambda: team.users.set_active("ada", False, by=HOSTMASTER, at=AT),
    ):
        key = sessions.open(ada, at=AT)
        end()
        assert sessions.identify(key, at=AT) is None


def test_guessing_is_slow_and_shuts_out_only_the_guesser(team: Team) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    told = [team.send("/login", "/login", name="ada", password=f"wrong {n}").status for n in range(8)]
    assert told == [403] * FREE_ATTEMPTS + [429] * 3
    refused = team.send("/login", "/login", name="ada", password=PASSWORD)
    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert "too many attempts" in refused.text
    api = team.ask("GET", "/api/health", headers=basic("ada", PASSWORD))
    assert (api.status, api.headers["retry-after"]) == (429, refused.headers["retry-after"])
    assert team.send("/login", "/login", name="ada", password=PASSWORD, address="198.51.100.1").status == 303
    assert [entry.action for entry in entries(team.database)][:2] == ["login", "login refused and throttled"]


def test_a_password_that_was_right_before_is_no_way_round_the_throttle(team: Team) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    assert team.ask("GET", "/api/health", headers=basic("ada", PASSWORD)).status == 200
    for n in range(FREE_ATTEMPTS):
        assert team.ask("GET", "/api/health", headers=basic("ada", f"wrong {n}")).status == 401
    assert team.ask("GET", "/api/health", headers=basic("ada", PASSWORD)).status == 429


def test_a_password_sent_with_every_request_is_hashed_once(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    credentials = team.site.credentials
    assert credentials is not None
    asked = []

    def counting(kept: str, password: str) -> bool:
        asked.append(kept)
        return is_password(kept, password)

    monkeypatch.setattr("noria.security.login.is_password", counting)
    seconds = [0.0]
    credentials._clock = lambda: seconds[0]
    for _ in range(20):
        seconds[0] += 2
        assert team.ask("GET", "/api/health", headers=basic("ada", PASSWORD)).status == 200
    assert len(asked) == 1
    team.users.set_password("ada", PASSWORD + "!", by=HOSTMASTER, at=AT)
    seconds[0] += 2
    assert team.ask("GET", "/api/health", headers=basic("ada", PASSWORD)).status == 401


def test_unknown_users_take_as_much_work_and_get_the_same_answer(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    team.user("invited", "viewer")
    team.user("gone", "viewer", password=PASSWORD)
    team.users.set_active("gone", False, by=HOSTMASTER, at=AT)
    verified = []

    def counting(kept: str, password: str) -> bool:
        verified.append(bool(kept))
        return is_password(kept, password)

    monkeypatch.setattr("noria.security.login.is_password", counting)
    texts = set()
    for name in ("ada", "nobody", "invited", "gone"):
        with pytest.raises(WrongCredentials) as error:
            Login(team.database).check(name, "wrong password", address="203.0.113.7", at=AT)
        texts.add(error.value.render())
    assert verified == [True, False, False, False], "asked for each, whether there is a hash or not"
    assert len(texts) == 1


def test_no_hash_takes_as_long_as_one() -> None:
    from noria.security.passwords import hash_password

    require_argon2()
    kept = hash_password(PASSWORD)
    took: dict[str, list[float]] = {"": [], kept: []}
    for _ in range(7):
        for hashed, seen in took.items():
            began = time.process_time()
            is_password(hashed, "wrong password")
            seen.append(time.process_time() - began)
    known, unknown = statistics.median(took[kept]), statistics.median(took[""])
    # Work in CPU time, not on the clock: without the stand-in it would be a thousandth.
    assert 0.3 < known / unknown < 3


def test_an_invited_user_comes_in(team: Team) -> None:
    ada = team.user("ada", "viewer")
    code = Invites(team.database).make(ada, by=HOSTMASTER, at=team.site.now())
    page = team.ask("GET", "/join")
    assert page.status == 200
    assert ">lab<" not in page.text, "nothing of the project"
    assert "/runs" not in page.text
    assert team.send("/join", "/join", code=code, password=PASSWORD, again="another").status == 400
    assert team.send("/join", "/join", code=code, password="short", again="short").status == 400
    assert team.send("/join", "/join", code="guess", password=PASSWORD, again=PASSWORD).status == 403
    answer = team.send("/join", "/join", code=f" {code} ", password=PASSWORD, again=PASSWORD)
    assert answer.headers["location"] == "/login?said=joined"
    team.log_in("ada")
    told = [team.send("/join", "/join", code="guess", password=PASSWORD, again=PASSWORD).status for _ in range(6)]
    assert told == [403] * 5 + [429]


def test_ones_own_settings(team: Team) -> None:
    team.user("ada", "editor", password=PASSWORD)
    key = team.log_in("ada")
    page = team.send("/settings/tokens", "/settings", cookie=key, label="nightly", role="viewer", lasts="30d")
    assert page.status == 200
    token = page.text.split("nor_")[1].split("<")[0]
    answer = team.ask("GET", "/api/health", headers=bearer(f"nor_{token}"))
    assert answer.status == 200
    assert token not in team.ask("GET", "/settings", headers=cookie(key)).text, "shown once"
    made = team.tokens.list()[0]
    assert (made.scope, made.user) == (Scope("lab", "viewer"), "ada")
    eve = team.user("eve", "viewer", password=PASSWORD)
    other = team.tokens.create(eve, "hers", by=HOSTMASTER, at=AT)[0]
    assert team.send(f"/settings/tokens/{other.id}/revoke", "/settings", cookie=key).status == 404
    assert other.id not in team.ask("GET", "/settings", headers=cookie(key)).text
    assert team.send(f"/settings/tokens/{made.id}/revoke", "/settings", cookie=key).status == 303
    assert team.tokens.get(made.id).revoked is not None
    wrong = team.send("/settings/password", "/settings", cookie=key, old="no", password="x" * 12, again="x" * 12)
    assert wrong.status == 403
    new = "a new one for a new year"
    assert team.send("/settings/password", "/settings", cookie=key, old=PASSWORD, password=new, again=new).status == 303
    assert team.ask("GET", "/settings", headers=cookie(key)).status == 303, "every session has ended"
    team.log_in("ada", new)


def test_an_editor_makes_nobody_an_administrator(team: Team) -> None:
    ada = team.user("ada", "editor", password=PASSWORD)
    key = team.log_in("ada")
    page = team.ask("GET", "/settings", headers=cookie(key)).text
    assert 'id="users"' not in page
    token = page.split('name="token" value="')[1].split('"')[0]
    for path in ("/settings/users", f"/settings/users/{ada.id}/role", f"/settings/users/{ada.id}/invite"):
        answer = team.send(path, cookie=key, token=token, name="x", role="admin", where="*")
        assert answer.status == 403
    # Fields that the form does not have change nothing.
    team.send("/settings/tokens", cookie=key, token=token, label="x", role="viewer", user_id="1", is_admin="yes")
    assert team.users.get("ada").grants["*"].role == "editor"


def test_an_administrator_of_one_project_does_not_take_the_others(team: Team) -> None:
    root = team.user("root", "admin", password=PASSWORD)
    bob = team.user("bob", "admin", project="lab", password=PASSWORD)
    key = team.log_in("bob")
    for path, fields in (
        ("/settings/users", {"name": "eve", "role": "viewer"}),
        (f"/settings/users/{root.id}/invite", {}),
        (f"/settings/users/{root.id}/active", {"active": "no"}),
        (f"/settings/users/{bob.id}/role", {"role": "admin", "where": "*"}),
    ):
        assert team.send(path, "/settings", cookie=key, **fields).status == 403, path
    assert team.send(f"/settings/users/{root.id}/role", "/settings", cookie=key, role="viewer").status == 303
    assert team.users.get("root").grants["*"].role == "admin"
    assert team.users.get("root").grants["lab"].role == "viewer"


def test_an_administrator_names_users(team: Team) -> None:
    team.user("root", "admin", password=PASSWORD)
    key = team.log_in("root")
    page = team.send("/settings/users", "/settings", cookie=key, name="eve", role="editor", reviewer="yes")
    assert page.status == 200
    code = page.text.split('id="invited"')[1].split('class="command">')[1].split("<")[0]
    assert team.send("/join", "/join", code=code, password=PASSWORD, again=PASSWORD).status == 303
    eve = team.users.get("eve")
    assert eve.grants["lab"].role == "editor"
    assert eve.grants["lab"].reviewer
    assert team.send("/settings/users", "/settings", cookie=key, name="EVE", role="viewer").status == 409
    assert team.send("/settings/users", "/settings", cookie=key, name="a b", role="viewer").status == 400
    assert team.send("/settings/users", "/settings", cookie=key, name="fred", role="owner").status == 400
    assert [user.name for user in team.users.list()] == ["eve", "root"], "what was refused left nothing"
    assert team.send(f"/settings/users/{eve.id}/active", "/settings", cookie=key, active="no").status == 303
    assert not team.users.get("eve").active
    assert team.send("/settings/users/999/active", "/settings", cookie=key, active="no").status == 404
    assert team.send("/settings/users/x/active", "/settings", cookie=key, active="no").status == 404
    root = team.users.get("root")
    last = team.send(f"/settings/users/{root.id}/active", "/settings", cookie=key, active="no")
    assert last.status == 403
    assert "last administrator" in last.text


def test_who_may_not_change_sees_no_form_for_it(team: Team) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    page = team.ask("GET", "/", headers=cookie(team.log_in("ada")))
    assert page.status == 200
    assert page.text.count("<form") == 2, "to search and to log out"


def test_an_error_before_the_login_shows_nothing_of_the_project(team: Team) -> None:
    for path in ("/login", "/join"):
        answer = team.send(path, name="x", password="y")
        assert answer.status == 403
        assert "N-SERVER-001" in answer.text
        assert "lab" not in answer.text
        assert "/runs" not in answer.text
    headers = {"content-type": "text/plain", "origin": f"https://{HOST}"}
    assert team.ask("POST", "/login", headers=headers, body=b"x").status == 400


def test_secrets_are_found_nowhere(team: Team, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Everything that takes a secret is called, then logs, pages and every cell of the database are searched."""
    caplog.set_level(logging.DEBUG)
    ada = team.user("ada", "admin", password=PASSWORD)
    invited = team.user("invited", "viewer")
    code = Invites(team.database).make(invited, by=HOSTMASTER, at=team.site.now())
    token = team.token(ada)
    key = team.log_in("ada")
    pages = [
        team.send("/login", "/login", name="ada", password="wrong-canary-1"),
        team.send("/login", "/login", name="wrong-canary-2", password=PASSWORD),
        team.send("/join", "/join", code=code, password="wrong-canary-3 is long", again="wrong-canary-3 is another"),
        team.ask("GET", "/api/health", headers=bearer(token)),
        team.ask("GET", "/api/health", headers=bearer(token[:-1])),
        team.ask("GET", "/api/health", headers=basic("ada", PASSWORD)),
        team.ask("GET", "/api/health", headers=basic("ada", "wrong-canary-4")),
        team.ask("GET", "/settings", headers=cookie(key)),
        team.ask("GET", "/nothing", headers={**cookie(key)}),
    ]
    secrets = [PASSWORD, token.split("_")[2], key, code, *(f"wrong-canary-{n}" for n in range(1, 5))]
    with team.database.reading() as connection:
        cells = [
            str(row)
            for name in sa.inspect(connection).get_table_names()
            for row in connection.execute(sa.text(f'SELECT * FROM "{name}"'))
        ]
    assert any("argon2id" in cell for cell in cells), "the search looks where it should"
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in secrets:
        assert not any(secret in cell for cell in cells), secret
        assert secret not in caplog.text, secret
        assert not any(secret in page.text for page in pages), secret
        assert not any(secret.encode() in content for content in files), secret
    assert first_broken(team.database) is None


def test_old_sessions_are_swept_when_somebody_logs_in(team: Team) -> None:
    from noria.security.tables import sessions as table

    ada = team.user("ada", "viewer", password=PASSWORD)
    assert team.site.credentials is not None
    for day in range(3):
        team.site.credentials.sessions.open(ada, at=AT + timedelta(days=day))
    with team.database.reading() as connection:
        assert len(connection.execute(sa.select(table)).all()) == 1
