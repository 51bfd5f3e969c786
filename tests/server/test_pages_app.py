"""Every page on a full and on an empty project: complete, safe, and without a script where none belongs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from page_browser import Browser
from page_checker import check

from noria.monitoring.records import Windows
from noria.monitoring.tables import windows
from noria.server.app import ROUTES
from noria.server.headers import REPORT_POLICY

PAGES = (
    "/",
    "/runs",
    "/models",
    "/datasets",
    "/deployments/credit-risk",
    "/monitoring/credit-risk",
    "/alerts",
    "/search",
    "/search?q=zzz",
    "/runs?where=status+%3D+failed",
    "/runs?where=%3D%3D",
)
FILLED = (
    "/models/credit-risk",
    "/models/credit-risk@1",
    "/models/credit-risk@2",
    "/models/credit-risk@champion",
    "/datasets/credit-risk@1",
    "/datasets/credit-risk@latest",
    "/datasets/credit-risk@2/diff",
    "/datasets/credit-risk@1/diff?from=2",
    "/search?q=boost",
)


@pytest.mark.parametrize("path", [*PAGES, *FILLED])
def test_a_page_of_a_full_project(filled: Browser, path: str) -> None:
    response = filled.get(path)
    assert response.status_code == 200
    check(response)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_an_empty_project(empty: Browser, path: str) -> None:
    response = empty.get(path)
    assert response.status_code == 200
    check(response)


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_project_leads_nowhere_wrong(empty: Browser, path: str) -> None:
    for link in set(re.findall(r'href="(/[^"#]*)', empty.get(path).text)):
        assert empty.get(link).status_code < 400, link


def test_an_empty_project_is_not_said_to_be_well(empty: Browser) -> None:
    page = empty.get("/").text
    assert "All is well" not in page
    assert "Turn the wheel a first time" in page


def test_the_prediction_is_not_counted_as_a_feature_that_moved(changing: Browser) -> None:
    database = changing.workspace.database
    latest = Windows(database).list("credit-risk")[-1]
    moved = {str(finding["name"]) for finding in latest.flagged}
    findings = [{**one, "flagged": one["flagged"] or one["name"] == "prediction"} for one in latest.findings]
    with database.transaction() as connection:
        drift = {**(latest.drift or {}), "findings": findings}
        connection.execute(sa.update(windows).where(windows.c.id == latest.id).values(drift=drift))
    page = changing.get("/monitoring/credit-risk").text
    tile = re.search(r"<dt>Features that moved</dt><dd[^>]*>(\d+)<small>([^<]*)", page)
    assert tile is not None
    assert int(tile[1]) == len(moved) == 2
    assert tile[2].startswith("and the prediction; ")


def test_an_empty_project_names_the_next_command(empty: Browser) -> None:
    for path in ("/", "/runs", "/models", "/datasets", "/deployments/credit-risk"):
        assert "noria run" in empty.get(path).text
    assert "noria up" in empty.get("/monitoring/credit-risk").text


def test_a_run_in_every_state(filled: Browser) -> None:
    for run in filled.workspace.runs.list(10):
        response = filled.get(f"/runs/{run.id}")
        assert response.status_code == 200
        check(response)


def test_a_failed_run_shows_error_and_mend_escaped(filled: Browser) -> None:
    failed = next(run for run in filled.workspace.runs.list(10) if run.status == "failed")
    page = filled.get(f"/runs/{failed.id}").text
    assert "3 rows share an id &lt;b&gt;&amp;" in page
    assert "mend: see the rows: noria check" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/runs/ffff0000", 404),
        ("/models/credit-rusk", 404),
        ("/models/credit-risk@99", 404),
        ("/models/credit-risk@", 400),
        ("/models/credit-risk@nobody", 404),
        ("/datasets/none@1", 404),
        ("/datasets/credit-risk@-1", 404),
        ("/deployments/other", 404),
        ("/monitoring/other", 404),
        ("/runs?limit=0", 400),
        ("/runs?limit=1e9", 400),
        ("/models/credit-risk@1/files/..%2f..%2fnoria.toml", 404),
        ("/models/credit-risk@1/files/none", 404),
        ("/static/x/..%2fapp.py", 404),
        ("/static/x/none.js", 404),
    ],
)
def test_what_is_not_there_is_told_with_its_mend(filled: Browser, path: str, status: int) -> None:
    response = filled.get(path)
    assert response.status_code == status
    assert "mend:" in response.text
    assert "Traceback" not in response.text
    check(response)


def test_a_page_cannot_be_changed_by_reading(filled: Browser) -> None:
    for path in ("/", "/runs", "/models/credit-risk@3"):
        assert filled.ask("DELETE", path).status_code == 405
        assert filled.ask("PUT", path).status_code == 405
    assert filled.get("/models/credit-risk@3/promote").status_code in (404, 405)


def test_every_route_says_what_it_needs() -> None:
    for method, path, _handler, needs in ROUTES:
        allowed = {
            "GET": {"view", "account", "open"},
            "POST": {"change", "track", "review", "account", "administer", "open"},
            "PUT": {"track"},
        }
        assert needs in allowed[method], path


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/runs", "/api/nothing", "/static/x/noria.css", "/favicon.ico"])
def test_every_answer_carries_the_headers(filled: Browser, path: str) -> None:
    headers = filled.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_another_host_is_refused(filled: Browser) -> None:
    response = filled.get("/", headers={"host": "evil.example"})
    assert response.status_code == 421
    assert response.headers["x-frame-options"] == "DENY"


def test_what_somebody_types_is_shown_and_never_run(filled: Browser) -> None:
    evil = "<script>alert(1)</script>"
    for path in ("/search", "/runs"):
        page = filled.get(path, params={"q": evil, "where": evil, "said": evil}).text
        assert evil not in page
    assert filled.get("/", params={"said": "Send your password"}).text.count("password") == 0


def test_what_is_recorded_is_shown_and_never_run(changing: Browser) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    run = changing.workspace.runs.start("pipeline", evil, trigger=evil)
    changing.workspace.runs.log_params(run, {evil: evil})
    changing.workspace.runs.set_tag(run, "note", evil)
    for path in ("/", "/runs", f"/runs/{run}", "/search?q=img"):
        response = changing.get(path)
        assert response.status_code == 200
        assert "<img" not in response.text


def test_a_report_is_shown_in_a_sandbox(filled: Browser) -> None:
    run = next(run for run in filled.workspace.runs.list(10) if run.status == "finished")
    for path in (f"/runs/{run.id}/artifacts/report.html", "/models/credit-risk@3/files/report.html"):
        response = filled.get(path)
        assert response.status_code == 200
        assert "<h1>Report</h1>" in response.text
        assert response.headers["content-security-policy"] == REPORT_POLICY
        assert "sandbox;" in REPORT_POLICY
        assert "script" not in REPORT_POLICY


def test_other_files_are_text_or_downloads(filled: Browser) -> None:
    response = filled.get("/models/credit-risk@3/files/model/model.json")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.json() == {"version": 3}


def test_static_files_are_kept_for_good_only_under_their_own_name(filled: Browser) -> None:
    address = re.search(r'href="(/static/[^"]+/noria.css)"', filled.get("/").text)
    assert address is not None
    kept = filled.get(address[1])
    assert "immutable" in kept.headers["cache-control"]
    assert ".np" in kept.text, "the drawings' rules ride along"
    assert filled.get("/static/old/noria.css").headers["cache-control"] == "no-store"


def test_older_runs_follow_page_by_page_without_gap_or_repeat(changing: Browser) -> None:
    for number in range(23):
        changing.workspace.runs.finish(changing.workspace.runs.start("pipeline", f"run {number}"), "finished")
    path: str | None = "/runs?limit=5"
    seen: list[str] = []
    while path:
        page = changing.get(path).text
        seen += re.findall(r'href="/runs/([0-9a-f]{32})"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following[1].replace("&amp;", "&") + "&limit=5" if following else None
    assert len(seen) == 27
    assert len(set(seen)) == 27


def test_the_filter_finds_and_says_what_it_cannot_read(filled: Browser) -> None:
    found = filled.get("/runs", params={"where": "status = failed and trigger = data:changed"}).text
    assert len(re.findall(r'href="/runs/[0-9a-f]{32}"', found)) == 1
    wrong = filled.get("/runs", params={"where": "status > failed"}).text
    assert "cannot be compared by &gt;" in wrong
    assert "at letter 1" in wrong
    assert "No run matches" in filled.get("/runs", params={"where": "colour = blue"}).text


def test_runs_are_ordered_by_any_column_and_show_what_somebody_chose(changing: Browser) -> None:
    book = changing.workspace.runs
    made = {}
    for number in range(5):
        made[number] = book.start("logged", f"r{number}")
        book.log_metrics(made[number], {"auc x": number / 10, "same": 1.0})
        book.log_params(made[number], {"kind": "svm" if number % 2 else "tree", "fixed": 1})
    ask = {"where": "params.kind IS NOT NULL", "order": "metrics.`auc x` ASC", "columns": "metrics.auc x,params.kind"}
    page = changing.get("/runs", params=ask).text
    assert re.findall(r'href="/runs/([0-9a-f]{32})"', page) == [made[number] for number in range(5)]
    assert 'aria-sort="ascending"' in page
    assert "5 runs match" in page
    assert page.count(">svm<") == 2
    differing = changing.get("/runs", params={"where": "params.kind IS NOT NULL", "differ": "1"}).text
    assert 'title="order by params.kind"' in differing
    assert "params.fixed" not in re.findall(r'title="order by ([^"]+)"', differing)
    assert "metrics.same" not in re.findall(r'title="order by ([^"]+)"', differing)
    data = changing.get("/api/runs", params={**ask, "limit": "2"}).json()
    assert (len(data["rows"]), data["total"]) == (2, 5)
    assert "token" in data["next"]
    assert changing.get("/api/runs", params={"where": "((("}).status_code == 400


def test_chosen_runs_go_into_the_bin_and_out(changing: Browser) -> None:
    book = changing.workspace.runs
    one, two = book.start("logged", "one"), book.start("logged", "two")
    asked = changing.get("/runs/bin", params={"run": [one, two]}).text
    assert "Delete 2 runs" in asked
    assert changing.get("/runs/bin").status_code == 400
    assert changing.get("/runs/bin", params={"run": "f" * 32}).status_code == 404
    assert changing.post("/runs/bin", f"/runs/bin?run={one}", runs=f"{one},{two}", action="delete").status_code == 303
    assert book.get(one).deleted is not None
    assert one not in changing.get("/runs").text
    assert one in changing.get("/runs", params={"deleted": "1"}).text
    assert "Restore 1 run" in changing.get("/runs/bin", params={"run": one}).text
    assert changing.post("/runs/bin", f"/runs/bin?run={one}", runs=one, action="restore").status_code == 303
    assert changing.get("/runs/bin", params={"run": [one, two]}).status_code == 400
    assert one in changing.get("/runs").text


def test_search_goes_straight_to_what_is_surely_meant(filled: Browser) -> None:
    run = filled.workspace.runs.list(1)[0]
    assert filled.get("/search", params={"q": run.id[:8]}).headers["location"] == f"/runs/{run.id}"
    assert filled.get("/search", params={"q": "credit-risk@3"}).headers["location"] == "/models/credit-risk@3"
    both = filled.get("/search", params={"q": "credit-risk@2"})
    assert both.status_code == 200
    assert "/models/credit-risk@2" in both.text
    assert "/datasets/credit-risk@2" in both.text
    assert "/models/credit-risk@1" in filled.get("/search", params={"q": "logistic"}).text


def test_a_version_shows_how_it_was_chosen_and_how_it_did(filled: Browser) -> None:
    page = filled.get("/models/credit-risk@3").text
    for title in ("ROC curve", "Calibration", "Confusion matrix"):
        assert title in page
    assert "0.8100" in page, "the error 0.19 is shown as the metric"
    assert "too slow &lt;b&gt;" in page
    assert "1 given up early" in page
    assert "age: " in page


def test_a_version_shows_whether_it_overfits(filled: Browser) -> None:
    page = filled.get("/models/credit-risk@3").text
    assert "Overfitting and regularisation" in page
    assert "Learning from 100, 200 and 400 rows of each fold it reached 0.747, 0.787 and 0.807" in page
    assert "More rows to learn from" in page
    assert "logistic L2 along its strength" in page
    assert "The L1 path &lt;i&gt; was left out" in page


def test_a_version_shows_who_is_called_by_protected_column(filled: Browser) -> None:
    page = filled.get("/models/credit-risk@3").text
    table = page[page.index("<h2>Fairness: job</h2>") :].partition("</section>")[0]
    assert "selection rates are within four fifths" in table.lower()
    assert "Called means predicted bad;" in table
    kept = json.loads(filled.get("/models/credit-risk@3/files/evaluation.json").text)["fairness"][0]
    for group in kept["groups"]:
        assert f"<strong>{group['label']}</strong>" in table
        assert f">{group['n']}</td>" in table
        assert f"{group['tpr']['value']:.4f}" in table
    assert "Fairness" not in filled.get("/models/credit-risk@2").text


def test_a_version_tells_how_it_answers_and_why_not_otherwise(filled: Browser) -> None:
    proven = filled.get("/models/credit-risk@3").text
    assert "equal to its library within what rounding explains" in proven
    assert "1,234, 614 of them held out" in proven
    assert "<dt>largest difference on those held out</dt><dd>1.1e-16</dd>" in proven
    assert "<dt>largest difference, made-up rows with it</dt><dd>3.3e-16</dd>" in proven
    told = filled.get("/api/models/credit-risk@3").json()
    assert (told["engine"]["bit_equal"], told["engine"]["held_out_difference"]) == (1200, 1.1e-16)
    not_compiled = filled.get("/models/credit-risk@2").text
    assert "Not compiled: a step &lt;i&gt; has no counterpart" in not_compiled
    assert "noria models compile credit-risk@2" in not_compiled
    assert "registered before models were compiled" in filled.get("/models/credit-risk@1").text


def test_a_damaged_piece_of_evidence_leaves_the_rest_standing(changing: Browser) -> None:
    version = changing.workspace.registry.get("credit-risk", 3)
    damaged = changing.workspace.blobs.path(version.files["evaluation.json"])
    damaged.chmod(0o644)
    damaged.write_bytes(b"{}")
    response = changing.get("/models/credit-risk@3")
    assert response.status_code == 200
    assert "ROC curve" not in response.text
    assert changing.get("/models/credit-risk@3/files/evaluation.json").status_code == 500


def test_a_project_file_broken_meanwhile_is_told_on_every_page_and_the_last_good_one_goes_on(changing: Browser) -> None:
    assert changing.get("/runs").status_code == 200
    file = changing.workspace.root / "noria.toml"
    good = file.read_text()
    file.write_text(good.replace("[model]", "[modle]"))
    for path in ("/", "/models/credit-risk@3"):
        page = changing.get(path)
        assert page.status_code == 200
        assert "modle" in page.text
        assert "goes on with noria.toml as it was before" in page.text.replace("go on", "goes on")
    file.write_text(re.sub(r'window = ".*"', 'window = "77 rows"', good))
    page = changing.get("/monitoring/credit-risk").text
    assert "modle" not in page
    assert "windows of 77 rows" in page


def test_changed_and_missing_data_need_somebody(changing: Browser) -> None:
    data = changing.workspace.root / "data" / "credit.csv.gz"
    data.touch()
    assert "data/credit.csv.gz has changed since the last run" in changing.get("/").text
    data.unlink()
    assert "The data cannot be read" in changing.get("/").text


def test_a_loop_that_stumbles_needs_somebody(changing: Browser) -> None:
    error = {"what": "the log cannot be read <b>", "why": "first line\nsecond line", "mend": "look", "code": "N-X-1"}
    state = changing.workspace.store / "loop.json"
    now = datetime.now(UTC)
    state.write_text(json.dumps({"at": now.isoformat(), "error": error}))
    page = changing.get("/").text
    assert "Nothing is watched: the log cannot be read &lt;b&gt;" in page
    assert "second line" not in page
    for harmless in (
        {"at": now.isoformat(), "error": None},
        {"at": "2020-01-01T00:00:00+00:00", "error": error},
        [],
        {},
    ):
        state.write_text(json.dumps(harmless))
        assert "Nothing is watched" not in changing.get("/").text
    state.write_text("no json")
    assert changing.get("/").status_code == 200


def test_a_server_starts_light() -> None:
    heavy = ("numpy", "scipy", "sklearn", "pandas", "pyarrow", "duckdb", "tensorflow")
    script = f"import noria.server.run, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_folders_of_files_and_tags_are_shown(changing: Browser) -> None:
    datasets = changing.workspace.datasets
    folder = changing.workspace.root / "scans"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"png")
    datasets.folders.add(folder)
    datasets.tag("scans@1", "prod")
    page = changing.get("/datasets").text
    assert "Folders of files" in page
    assert "scans" in page
    assert "prod 1" in page
    assert changing.get("/datasets/scans@1").status_code == 200
    datasets.tag("credit-risk@1", "used")
    assert "version 1" in changing.get("/datasets/credit-risk@used").text
    assert "/datasets/credit-risk@1" in changing.get("/search", params={"q": "credit-risk@used"}).text + str(
        changing.get("/search", params={"q": "credit-risk@used"}).headers
    )
