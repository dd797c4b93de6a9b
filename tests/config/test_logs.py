import io
import json
import logging
import logging.config

import pytest
import structlog
from django.test import RequestFactory
from django.urls import ResolverMatch

from config import logs


@pytest.mark.parametrize("given", ["from-the-proxy.1", "0f8fad5b-d9cb-469f-a165-70867728950e", "A_b.c-12"])
def test_a_request_id_from_a_proxy_is_kept(given):
    assert logs.accepted_request_id(given) == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with a space 1", "forged\nline=1", "<script>", "ünïcödé-1"])
def test_a_request_id_that_could_forge_a_line_is_replaced(given):
    made = logs.accepted_request_id(given)

    assert made != given
    assert logs.REQUEST_ID.fullmatch(made)


def test_every_answer_carries_its_request_id(client):
    answer = client.get("/healthz", headers={"X-Request-ID": "from-the-proxy.1"})

    assert answer.headers["X-Request-ID"] == "from-the-proxy.1"


def test_the_logged_path_has_no_query_and_no_secret_of_a_mailed_link():
    request = RequestFactory().get("/account/password/reset/key/1-abc-1-secret-1/?next=/x&token=t")
    kwargs = {"uidb36": "1", "key": "abc-1-secret-1"}
    request.resolver_match = ResolverMatch(lambda: None, (), kwargs, url_name="account_reset_password_from_key")

    assert logs.shown_path(request) == "<account_reset_password_from_key>"


@pytest.fixture
def json_line():
    """Logs through the real configuration, as JSON; gives the last line back as a dict."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configuration = logs.logging_config("json", "INFO")
    configuration["handlers"]["stderr"]["stream"] = lines = io.StringIO()
    logging.config.dictConfig(configuration)
    yield lambda: json.loads(lines.getvalue().splitlines()[-1])
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_librarys_line_leaves_as_json_with_the_requests_id(json_line):
    with structlog.contextvars.bound_contextvars(request_id="abcdefgh"):
        logging.getLogger("some.library").warning("disk %s is full", "sda")

    line = json_line()
    assert line["event"] == "disk sda is full"
    assert (line["level"], line["logger"], line["request_id"]) == ("warning", "some.library", "abcdefgh")


def test_the_fields_a_library_adds_to_its_line_are_kept(json_line):
    logging.getLogger("some.library").warning("mail_not_sent", extra={"template": "account/email/welcome"})

    assert json_line()["template"] == "account/email/welcome"


def test_the_request_django_adds_to_its_line_is_not_written_out(json_line):
    request = RequestFactory().get("/account/password/reset/key/1-abc-secret/")

    logging.getLogger("django.security").warning("refused", extra={"request": request, "status_code": 400})

    line = json_line()
    assert line["status_code"] == 400
    assert "abc-secret" not in json.dumps(line)


def test_a_traceback_in_json_shows_no_local_variables(json_line):
    password = "hunter2-hunter2"  # noqa: F841 - the local variable that must not be shown

    try:
        raise ValueError("it broke")
    except ValueError:
        logging.getLogger("some.library").exception("failed")

    line = json_line()
    assert line["exception"][0]["exc_value"] == "it broke"
    assert "hunter2" not in json.dumps(line)
