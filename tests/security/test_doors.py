"""Every route of every table: nobody without credentials, everybody only as far as the tables say."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from datetime import timedelta
from itertools import product

import pytest

from noria.security.credentials import COOKIE
from noria.security.identity import LOCAL, Scope
from noria.security.policy import RoutePolicy
from noria.server.app import ROUTES, TABLES, application
from noria.server.caller import IDENTITY
from noria.server.doorman import Doorman, is_own_path
from noria.server.mlflow.routes import MLFLOW_ROUTES, belongs
from noria.server.site import Site

from .conftest import AT, HOST, HOSTMASTER, PASSWORD, Team, bearer

pytest.importorskip("argon2")

ALL = [(method, path, need) for table in TABLES for method, path, _handler, need in table]
OPEN = {
    ("GET", "/static/{version}/{name}"), ("GET", "/favicon.ico"),
    ("GET", "/login"), ("POST", "/login"), ("GET", "/join"), ("POST", "/join"),
    ("GET", "/health"), ("GET", "/version"), ("GET", "/api/openapi.json"),
}  # fmt: skip
MAY = {
    "viewer": {"view"},
    "editor": {"view", "track", "register"},
    "deployer": {"view", "track", "register", "change"},
    "admin": {"view", "track", "register", "change", "administer"},
}
DENIED = ("N-SERVER-031", "N-SERVER-032", "N-SERVER-033")


def filled(path: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", "x", path)


def test_the_tables_are_all_there_is() -> None:
    assert set(TABLES) == {ROUTES, MLFLOW_ROUTES}
    assert len(ALL) > 100
    assert {(method, path) for method, path, need in ALL if need == "open"} == OPEN
    assert {need for _, _, need in ALL} <= {
        "open",
        "account",
        "view",
        "track",
        "register",
        "review",
        "change",
        "administer",
    }


def test_the_tables_find_each_route_as_the_routers_do() -> None:
    policy = RoutePolicy(TABLES)
    for method, path, need in ALL:
        assert policy.need(method, filled(path)) == need, path
    # A path that two rows could mean must need the same whichever is taken.
    for (method, path, need), (other_method, other, other_need) in product(ALL, ALL):
        if method == other_method and path != other and belongs(path) == belongs(other) and need != other_need:
            pattern = re.sub(r"\\\{\w+:path\\\}", ".*", re.escape(other))
            assert not re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern), filled(path)), (path, other)


def test_what_moves_the_champion_needs_the_right_to_change() -> None:
    """By whichever protocol: scorers follow aliases, so to move one is to change what is served."""
    moving = re.compile(r"/(promote|rollback|registered-models/alias|model-versions/transition-stage)$")
    found = {(method, path): need for method, path, need in ALL if method != "GET" and moving.search(path)}
    assert len(found) >= 5
    assert set(found.values()) == {"change"}


def test_a_route_that_nobody_could_be_allowed_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nobody can hold"):
        RoutePolicy([[("GET", "/x", print, "veiw")]])


@pytest.mark.parametrize(("method", "path", "need"), ALL, ids=lambda value: str(value))
def test_nobody_comes_in_without_credentials(shut: Team, method: str, path: str, need: str) -> None:
    answer = shut.ask(method, filled(path), body=b'{"run_id": "x"}' if method != "GET" else b"")
    if need == "open":
        assert answer.status not in (401, 403) or b"N-SERVER-001" in answer.body
        return
    assert answer.reads == 0, "the body of a request that is refused is not read"
    if answer.status == 303:
        assert answer.headers["location"].startswith("/login")
        assert not path.startswith("/api/")
    else:
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="noria"'
        if method != "HEAD":
            assert answer.json()["error_code"] == "UNAUTHENTICATED"
            assert answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/.git/config", "/api/2.0/mlflow/users/create", "/api/nothing"]
)
def test_what_is_in_no_table_is_answered_to_nobody(shut: Team, path: str) -> None:
    assert shut.ask("GET", path).status in (303, 401)
    token = shut.token(shut.users.get("admin"))
    answer = shut.ask("GET", path, headers=bearer(token))
    assert (answer.status, answer.reads) == (404, 0)
    assert shut.ask("OPTIONS", "/", headers=bearer(token)).status == 405
    assert shut.ask("TRACE", "/runs", headers=bearer(token)).status == 405


@pytest.mark.parametrize("role", [*MAY, "reviewer", "nothing"])
@pytest.mark.parametrize("kind", ["session", "token"])
def test_every_route_and_every_role(shut: Team, role: str, kind: str) -> None:
    """What each role may is written down here once more."""
    user = shut.users.get(role)
    allowed = {"view", "review"} if role == "reviewer" else MAY.get(role, set())
    assert shut.site.credentials is not None
    key = shut.site.credentials.sessions.open(user, at=shut.site.now())
    shown = bearer(shut.token(user)) if kind == "token" else {"cookie": f"{COOKIE}={key}"}
    doorman = Doorman(shut.site, RoutePolicy(TABLES))
    headers = [(name.encode(), value.encode()) for name, value in shown.items()]

    async def at_every_door() -> None:
        for method, path, need in ALL:
            scope = {"type": "http", "method": method, "path": filled(path), "query_string": b"", "headers": headers}
            sent: list[object] = []

            async def send(message: object, sent: list[object] = sent) -> None:
                sent.append(message)

            let_in = await doorman(scope, send)  # type: ignore[arg-type]
            if need == "account":
                expected = kind == "session" and (bool(allowed) or path == "/logout")
            else:
                expected = need == "open" or need in allowed
            assert let_in == expected, (method, path, need)
            assert bool(sent) != let_in, "who is not let in is answered, once"

    asyncio.run(at_every_door())


@pytest.mark.parametrize("role", MAY)
def test_what_is_allowed_arrives_and_what_is_not_does_not(shut: Team, role: str) -> None:
    token = shut.token(shut.users.get(role))
    for method, path, need in ALL:
        if need in ("open", "account") or path.startswith("/events"):
            continue
        answer = shut.ask(
            method, filled(path), headers={**bearer(token), "content-type": "application/json"}, body=b"{}"
        )
        denied = any(code.encode() in answer.body for code in DENIED) or (
            answer.status == 403 and b"it needs the right to" in answer.body
        )
        assert denied == (need not in MAY[role]), (method, path, answer.status, answer.text[:300])
        if denied:
            assert (answer.status, answer.reads) == (403, 0)
            assert answer.headers["connection"] == "close"


def test_who_has_no_role_here_finds_nothing(shut: Team) -> None:
    outsider = shut.user("outsider", "admin", project="elsewhere")
    token = shut.token(outsider)
    narrowed = shut.token(shut.users.get("admin"), Scope(project="elsewhere"))
    for shown in (token, narrowed):
        for path in ("/api/runs", "/api/2.0/mlflow/runs/get?run_id=x", "/runs", "/"):
            assert shut.ask("GET", path, headers=bearer(shown)).status == 404


def test_a_token_makes_no_tokens(shut: Team) -> None:
    token = shut.token(shut.users.get("admin"))
    for method, path in (("GET", "/settings"), ("POST", "/settings/tokens"), ("POST", "/settings/password")):
        answer = shut.ask(method, path, headers=bearer(token))
        assert answer.status == 403


def test_without_team_mode_everybody_here_is_let_in(team: Team) -> None:
    site = Site(team.workspace)
    scope = {"type": "http", "method": "POST", "path": "/models/x/promote", "headers": [], "client": ("127.0.0.1", 1)}

    async def send(message: object) -> None:
        raise AssertionError(message)

    assert asyncio.run(Doorman(site, RoutePolicy(TABLES))(scope, send))
    assert scope[IDENTITY] is LOCAL
    app, team.app = team.app, application(site, hosts=frozenset({HOST}))
    assert team.ask("GET", "/runs/x").status == 404
    assert team.ask("GET", "/login").headers["location"] == "/"
    assert team.ask("GET", "/join").status == 404
    assert team.ask("GET", "/settings").status == 200
    team.app = app


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_clients_show_tokens_and_passwords_as_they_do(team: Team) -> None:
    ada = team.user("ada", "viewer", password=PASSWORD)
    eve = team.user("eve", "viewer")
    token = team.token(ada)
    for good in (bearer(token), basic("ada", token), basic("token", token), basic("", token), basic("ADA", PASSWORD)):
        assert team.ask("GET", "/api/health", headers=good).status == 200, good
    lower = {"authorization": f"bearer {token}"}
    assert team.ask("GET", "/api/health", headers=lower).status == 200
    for bad in (
        basic(eve.name, token),
        basic("ada", "wrong"),
        basic("nobody", PASSWORD),
        basic("ada", token[:-1]),
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        basic("a\x00b", PASSWORD),
        basic("\u2028", PASSWORD),
        basic("x" * 5000, PASSWORD),
        basic("ada", "\x00"),
        {"authorization": "Digest x"},
        {"authorization": ""},
        {"authorization": "Bearer"},
        bearer(token + "x"),
        bearer("nor_é"),
    ):
        answer = team.ask("GET", "/api/health", headers=bad)
        assert (answer.status, answer.json()["error_code"]) == (401, "UNAUTHENTICATED"), bad
    assert team.ask("GET", f"/api/health?token={token}&access_token={token}").status == 401


def test_a_bad_token_is_not_made_good_by_a_session(team: Team) -> None:
    team.user("ada", "viewer", password=PASSWORD)
    cookie = f"{COOKIE}={team.log_in('ada')}"
    assert team.ask("GET", "/api/health", headers={"cookie": cookie}).status == 200
    assert team.ask("GET", "/api/health", headers={"cookie": cookie, **bearer("nor_x")}).status == 401


def test_rights_that_are_taken_hold_no_longer_than_a_second(team: Team) -> None:
    ada, token = team.user("ada", "editor"), None
    token = team.token(ada)
    made = team.tokens.list(ada)[0]
    now = [100.0]
    assert team.site.credentials is not None
    team.site.credentials._clock = lambda: now[0]
    assert team.ask("GET", "/api/health", headers=bearer(token)).status == 200
    team.tokens.revoke(made.id, by=HOSTMASTER, at=AT)
    now[0] += 1.01
    assert team.ask("GET", "/api/health", headers=bearer(token)).status == 401
    other = team.token(ada)
    assert team.ask("POST", "/api/2.0/mlflow/runs/create", headers=bearer(other), body=b"{}").status != 403
    team.users.grant("ada", "viewer", by=HOSTMASTER, at=AT)
    now[0] += 1.01
    assert team.ask("POST", "/api/2.0/mlflow/runs/create", headers=bearer(other), body=b"{}").status == 403


def test_a_token_that_expires_within_the_second_is_refused_at_once(team: Team) -> None:
    ada = team.user("ada", "viewer")
    start = team.site.now()
    _, token = team.tokens.create(ada, "short", by=HOSTMASTER, at=start, lasts=timedelta(seconds=30))
    assert team.site.credentials is not None
    team.site.credentials._now = lambda: start
    assert team.ask("GET", "/api/health", headers=bearer(token)).status == 200
    team.site.credentials._now = lambda: start + timedelta(seconds=30)
    assert team.ask("GET", "/api/health", headers=bearer(token)).status == 401


def test_a_known_token_costs_no_query(team: Team) -> None:
    import sqlalchemy as sa

    token = team.token(team.user("ada", "viewer"))
    credentials = team.site.credentials
    assert credentials is not None
    credentials._clock = lambda: 0.0
    headers = [(b"authorization", f"Bearer {token}".encode())]

    async def ask(times: int) -> float:
        began = time.process_time()
        for _ in range(times):
            assert await credentials.identify(headers, "203.0.113.7") is not None
        return (time.process_time() - began) / times

    asyncio.run(ask(1))
    statements: list[str] = []
    sa.event.listen(team.database._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    asyncio.run(ask(100))
    assert statements == []


OWN = ["/", "/runs", "/runs?where=a%20%3D%20b", "/models/credit@1", "/a//b", "/%2F/evil.example"]
FOREIGN = [
    "", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "evil.example",
    "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "http:/evil.example", " /x", "/x y", "/é", "/login",
    "/logout", "/join?x", "/" + "x" * 3000, "/\x00",
]  # fmt: skip


def test_only_own_paths_are_gone_back_to() -> None:
    assert [path for path in OWN if not is_own_path(path)] == []
    assert [path for path in FOREIGN if is_own_path(path)] == []


def test_the_way_to_the_login_page_leads_back(shut: Team) -> None:
    answer = shut.ask("GET", "/runs?where=status%20%3D%20failed")
    assert answer.headers["location"] == "/login?next=%2Fruns%3Fwhere%3Dstatus%2520%253D%2520failed"
    page = shut.ask("GET", answer.headers["location"])
    assert 'name="next" value="/runs?where=status%20%3D%20failed"' in page.text
    for path in FOREIGN:
        from urllib.parse import quote

        assert 'name="next" value=""' in shut.ask("GET", f"/login?next={quote(path)}").text, path
