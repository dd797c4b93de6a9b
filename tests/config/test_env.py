import pytest

from config import env

KEY = "k" * 32


def test_nothing_set_gives_a_safe_local_installation(tmp_path):
    here = env.read({"DATA_DIR": str(tmp_path)})

    assert (here.debug, here.production, here.https) == (False, False, False)
    assert (here.host, here.port) == ("127.0.0.1", 8000)
    assert here.database_url == f"sqlite:///{tmp_path / 'halfopen.sqlite3'}"
    assert here.redis_is_embedded
    assert here.redis_url.startswith("unix:///")
    assert here.log_format == "console"


def test_the_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    first = env.read({"DATA_DIR": str(tmp_path)}).secret_key
    second = env.read({"DATA_DIR": str(tmp_path)}).secret_key

    assert first == second
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_kept_secret_that_was_cut_short_is_named(tmp_path):
    (tmp_path / "secret_key").write_text("short")

    with pytest.raises(env.BadEnvironment, match="secret_key holds 5 characters; delete it"):
        env.read({"DATA_DIR": str(tmp_path)})


def test_production_takes_what_it_is_given_and_is_strict_by_default(tmp_path):
    given = {
        "PRODUCTION": "true",
        "SECRET_KEY": KEY,
        "ALLOWED_HOSTS": "a.example, b.example",
        "DATA_DIR": str(tmp_path),
    }

    here = env.read(given)

    assert here.allowed_hosts == ("a.example", "b.example")
    assert here.https
    assert here.log_format == "json"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "http"}, "PORT is http; use a whole number from 1 to 65535"),
        ({"PORT": "0"}, "PORT is 0; use a whole number from 1 to 65535"),
        ({"PORT": "65536"}, "PORT is 65536; use a whole number from 1 to 65535"),
        ({"WEB_THREADS": "-1"}, "WEB_THREADS is -1; use a whole number from 1 to 512"),
        ({"WEB_THREADS": "513"}, "WEB_THREADS is 513; use a whole number from 1 to 512"),
        ({"DEBUG": "maybe"}, "DEBUG is maybe; use true or false"),
        ({"HTTPS": "2"}, "HTTPS is 2; use true or false"),
        ({"PRODUCTION": "prod"}, "PRODUCTION is prod; use true or false"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is xml; use console, json"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is LOUD; use DEBUG, INFO, WARNING, ERROR"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY has 5 characters; use at least 32 random ones"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL is localhost:6379; use redis://, rediss:// or unix://"),
        ({"EMAIL_URL": "mail.example"}, "EMAIL_URL is mail.example; use console://, smtp://"),
        ({"PRODUCTION": "1", "SECRET_KEY": "", "ALLOWED_HOSTS": "a"}, "SECRET_KEY is empty and PRODUCTION is true"),
        ({"PRODUCTION": "1", "SECRET_KEY": KEY}, "ALLOWED_HOSTS is empty and PRODUCTION is true"),
        ({"PRODUCTION": "1", "DEBUG": "1", "SECRET_KEY": KEY}, "DEBUG is true and PRODUCTION is true"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(variables, message, tmp_path):
    with pytest.raises(env.BadEnvironment) as refused:
        env.read({"DATA_DIR": str(tmp_path), **variables})

    assert str(refused.value).startswith(message)


def test_a_data_folder_with_a_long_path_gets_its_socket_elsewhere(tmp_path):
    deep = tmp_path / ("d" * 90)

    socket = env.redis_socket(deep)

    assert deep not in socket.parents
    assert len(str(socket)) <= env.LONGEST_SOCKET_PATH
    assert socket == env.redis_socket(deep)
    assert socket != env.redis_socket(tmp_path / ("e" * 90))
