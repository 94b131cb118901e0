"""Addresses of the desk, and what each of them answers. The pages themselves are made in the files beside this one."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from grader.review.access import Access, Guard
from grader.review.class_page import class_page
from grader.review.desk import Desk, Gone
from grader.review.log_page import log_page
from grader.review.names import Names
from grader.review.web import Form, Visit, answering, explain, posting


def names_of(visit: Visit) -> Names:
    """What pages call students in this visit."""
    return Names()


def show_class(visit: Visit) -> Response:
    """The class' table and queues."""
    return visit.page("class.html.j2", {"page": class_page(visit.desk.state(), visit.query, names_of(visit))})


def show_log(visit: Visit) -> Response:
    """Every decision, the newest first."""
    return visit.page("log.html.j2", {"page": log_page(visit.desk.state(), visit.query, names_of(visit))})


def publish(visit: Visit, form: Form) -> Response:
    """Write the students' pages and the lists again."""
    changed = len(visit.desk.state().unpublished)
    troubles = visit.desk.publish()
    return visit.page("published.html.j2", {"changed": changed, "troubles": troubles})


def show_keys(visit: Visit) -> Response:
    """The keys that work on the desk's pages."""
    return visit.page("keys.html.j2", {})


def make_application(desk: Desk, access: Access) -> ASGIApp:
    """The desk as a web application: nothing is answered that `access` does not let through."""
    gets = {"/": show_class, "/log": show_log, "/keys": show_keys}
    posts = {"/publish": publish}
    routes = [Route(path, answering(desk, access, page), methods=["GET"]) for path, page in gets.items()]
    routes += [Route(path, answering(desk, access, posting(take)), methods=["POST"]) for path, take in posts.items()]

    def missing(request: Request, error: Exception) -> Response:
        return explain(Visit(request, desk, access), Gone("There is no such page.", "Go back to the class."))

    return Guard(Starlette(routes=routes, exception_handlers={404: missing, 405: missing}), access)
