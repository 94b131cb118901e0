"""The desk answers its own pages in its own browser, and nobody else: a table of what is refused."""

import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from grader.core.errors import UsageError
from grader.review.access import FORM, MOST_BODY, Access, Guard, open_port, read_token
from tests.review.server import Client, serving

FOREIGN = "http://evil.example"
FORM_HEADERS: dict[str, str | None] = {"Content-Type": FORM}
OWN_FORM: dict[str, str | None] = {**FORM_HEADERS, "Origin": "own"}


def an_application(access: Access) -> ASGIApp:
    """Answers with what came through."""

    def answer(request: Request) -> Response:
        return PlainTextResponse(f"{request.method} {request.scope['form'].decode()}")

    return Guard(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])]), access)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(an_application) as found:
        yield found


def form_of(client: Client, size: int = 10) -> bytes:
    return f"csrf={client.access.secret('form')}&text={'x' * size}".encode()


Refused = tuple[str, int, str, str, dict[str, str | None], str]
REFUSED: list[Refused] = [
    # what, status, method, path, changed headers, body: "form" (a right one), "foreign", "large", ""
    ("no cookie", 403, "GET", "/", {"Cookie": None}, ""),
    ("another cookie", 403, "GET", "/", {"Cookie": "grader_review_1=abc"}, ""),
    ("a wrong token", 403, "GET", "/?token=wrong", {"Cookie": None}, ""),
    ("a foreign host (DNS rebinding)", 421, "GET", "/", {"Host": "evil.example"}, ""),
    ("another port in the host", 421, "GET", "/", {"Host": "127.0.0.1:1"}, ""),
    ("no host", 400, "GET", "/", {"Host": None}, ""),
    ("an image of another site", 403, "GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, ""),
    ("a page of a neighbouring site", 403, "GET", "/", {"Sec-Fetch-Site": "same-site"}, ""),
    ("a foreign origin", 403, "GET", "/", {"Origin": FOREIGN}, ""),
    ("PUT", 405, "PUT", "/", {}, ""),
    ("DELETE", 405, "DELETE", "/", {}, ""),
    ("OPTIONS", 405, "OPTIONS", "/", {"Origin": FOREIGN}, ""),
    ("TRACE", 405, "TRACE", "/", {}, ""),
    ("a long address", 414, "GET", "/?" + "x" * 5_000, {}, ""),
    ("a form without an origin", 403, "POST", "/", {**FORM_HEADERS}, "form"),
    ("a form of a foreign origin", 403, "POST", "/", {**FORM_HEADERS, "Origin": FOREIGN}, "form"),
    ("a form of a null origin", 403, "POST", "/", {**FORM_HEADERS, "Origin": "null"}, "form"),
    ("a form that another site sends", 403, "POST", "/", {**OWN_FORM, "Sec-Fetch-Site": "cross-site"}, "form"),
    ("a form typed into the address", 403, "POST", "/", {**OWN_FORM, "Sec-Fetch-Site": "none"}, "form"),
    ("a form without its token", 403, "POST", "/", OWN_FORM, "foreign"),
    ("a form without the cookie", 403, "POST", "/", {**OWN_FORM, "Cookie": None}, "form"),
    ("the token in a form's address", 403, "POST", "/?token=own", {**OWN_FORM, "Cookie": None}, "form"),
    ("JSON", 415, "POST", "/", {"Content-Type": "application/json", "Origin": "own"}, "form"),
    ("plain text", 415, "POST", "/", {"Content-Type": "text/plain", "Origin": "own"}, "form"),
    ("files", 415, "POST", "/", {"Content-Type": "multipart/form-data; boundary=x", "Origin": "own"}, "form"),
    ("a body of no length", 411, "POST", "/", {**OWN_FORM, "Transfer-Encoding": "chunked", "Content-Length": None}, ""),
    ("a large form", 413, "POST", "/", OWN_FORM, "large"),
]  # fmt: skip


def test_what_is_not_the_desks_own_is_refused(client: Client) -> None:
    bodies = {
        "form": form_of(client), "foreign": b"text=hello", "large": form_of(client, MOST_BODY), "": None,
    }  # fmt: skip
    lines, wrong = [], []
    for what, status, method, path, changed, body in REFUSED:
        own = f"http://127.0.0.1:{client.access.port}"
        headers = {name: own if value == "own" else value for name, value in changed.items()}
        answer = client.ask(method, path.replace("=own", f"={client.access.token}"), headers, bodies[body])
        lines.append(f"{what:<34} {method:<7} {answer.status}  {answer.text.strip()[:90]}")
        wrong += [f"{what}: {answer.status}, not {status}: {answer.text[:80]}"] if answer.status != status else []
        assert "text=" not in answer.text and client.access.token not in answer.text
    sys.stdout.write("\n".join(["", *lines, ""]))  # the table, with `pytest -s`
    assert wrong == []


def test_headers_that_decide_may_not_be_there_twice(client: Client) -> None:
    for name, value in (("Host", "evil.example"), ("Origin", FOREIGN), ("Sec-Fetch-Site", "same-origin")):
        answer = client.ask("GET", "/", {"Origin": f"http://127.0.0.1:{client.access.port}"}, more=[(name, value)])
        assert answer.status == 400, name


def test_who_knows_the_token_gets_a_cookie_and_an_address_without_it(client: Client) -> None:
    answer = client.ask("GET", f"/?token={client.access.token}&queue=any", {"Cookie": None, "Sec-Fetch-Site": "none"})
    assert (answer.status, answer.headers["location"]) == (303, "/?queue=any")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and client.access.token not in cookie
    assert client.get("/").status == 200


@pytest.mark.parametrize(
    "others", ["prefs=a b; ", 'foo={"a":"b"}; ', "a[b]=1; ", "flag; ", "a=1;; ", "name=J\u00fcrgen; "]
)  # fmt: skip
def test_cookies_of_other_programs_on_this_machine_lock_nobody_out(client: Client, others: str) -> None:
    assert client.get("/", Cookie=others.encode().decode("latin-1") + client.headers["cookie"]).status == 200


def test_the_address_opens_from_a_link_on_another_site_too(client: Client) -> None:
    click: dict[str, str | None] = {"Cookie": None, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = client.ask("GET", f"/?token={client.access.token}&queue=a%22b", click)
    assert (answer.status, "HttpOnly" in answer.headers["set-cookie"]) == (200, True)
    assert 'content="0;url=/?queue=a%22b"' in answer.text and client.access.token not in answer.text


def test_where_it_listens_everywhere_each_name_of_the_machine_is_its_own_and_forms_come_from_there_alone() -> None:
    access = Access(host="0.0.0.0", port=8000)
    assert access.own_origin("grading.example:8000") == "http://grading.example:8000"
    assert access.own_origin("grading.example:80") is None
    assert "0.0.0.0" not in access.address
    assert Access(host="192.0.2.7", port=8000).own_origin("grading.example:8000") is None


def test_a_form_of_another_name_of_the_same_machine_is_foreign(client: Client) -> None:
    answer = client.post("/", {}, {"Origin": f"http://localhost:{client.access.port}"})
    assert answer.status == 403


def test_a_form_of_thousands_of_fields_is_refused_in_words(client: Client) -> None:
    answer = client.post("/", {f"f{number}": "" for number in range(2_500)})
    assert (answer.status, "more than 2,000 fields" in answer.text) == (413, True)


def test_many_connections_that_ask_nothing_lock_nobody_out(client: Client) -> None:
    with ExitStack() as idle:
        for _ in range(100):
            idle.enter_context(socket.create_connection(("127.0.0.1", client.access.port)))
        assert client.get("/").status == 200


def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.review.access.KEEP_ALIVE", 1)
    with serving(an_application) as client:
        with socket.create_connection(("127.0.0.1", client.access.port), timeout=20) as idle:
            assert idle.recv(1) == b""
        assert client.get("/").status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_every_name_of_this_machine_is_its_own(client: Client, host: str) -> None:
    assert client.get("/", Host=f"{host}:{client.access.port}").status == 200


def test_a_form_of_the_desk_is_taken(client: Client) -> None:
    answer = client.post("/", {"text": "Grüße"})
    assert (answer.status, "text=Gr%C3%BC%C3%9Fe" in answer.text) == (200, True)


def test_every_answer_forbids_frames_foreign_content_and_caches(client: Client) -> None:
    answers = (client.get("/"), client.get("/", Cookie=None), client.ask("PUT", "/"))
    for answer in answers:
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers


def test_the_address_holds_the_token_and_nothing_derived_from_it_tells_it() -> None:
    access = Access(host="127.0.0.1", port=80)
    assert access.address.endswith(f"/?token={access.token}") and len(access.token) >= 32
    assert access.token not in access.secret("session") + access.secret("form")
    assert access.secret("session") != access.secret("form")
    assert Access(host="127.0.0.1", port=80).token != access.token


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "machine.example"])
def test_beyond_this_machine_nothing_is_served_without_a_token_of_ones_own(host: str) -> None:
    with pytest.raises(UsageError, match="without encryption"):
        open_port(host, 0, has_token=False)


def test_a_port_in_use_is_said() -> None:
    first = open_port("127.0.0.1", 0, has_token=False)
    with pytest.raises(UsageError, match="can't be opened"):
        open_port("127.0.0.1", first.getsockname()[1], has_token=False)
    first.close()


def test_a_token_file_is_long_and_for_nobody_elses_eyes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a" * 40 + "\n")
    path.chmod(0o600)
    assert read_token(path) == "a" * 40
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others may read"):
        read_token(path)
    path.chmod(stat.S_IRUSR)
    for text, said in (("short", "at least 32"), ("ü" * 40, "can't be read"), ("a" * 40 + "&x", "at least 32")):
        path.chmod(0o600)
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            read_token(path)
    with pytest.raises(UsageError, match="can't be read"):
        read_token(tmp_path / "nowhere")
