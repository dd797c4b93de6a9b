import dj_database_url
import pytest
import redis

from config import env

KEY = "0123456789abcdef" * 2


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
        "EMAIL_URL": "smtp://mail.example",
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
        ({"WEB_PROCESSES": "0"}, "WEB_PROCESSES is 0; use a whole number from 1 to 64"),
        ({"WEB_THREADS": "-1"}, "WEB_THREADS is -1; use a whole number from 1 to 512"),
        ({"WEB_THREADS": "513"}, "WEB_THREADS is 513; use a whole number from 1 to 512"),
        ({"INTERACTIVE_PROCESSES": "0"}, "INTERACTIVE_PROCESSES is 0; use a whole number from 1 to 64"),
        ({"SWEEP_PROCESSES": "65"}, "SWEEP_PROCESSES is 65; use a whole number from 1 to 64"),
        ({"DEBUG": "maybe"}, "DEBUG is maybe; use true or false"),
        ({"HTTPS": "2"}, "HTTPS is 2; use true or false"),
        ({"PRODUCTION": "prod"}, "PRODUCTION is prod; use true or false"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is xml; use console, json"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is LOUD; use DEBUG, INFO, WARNING, ERROR"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY has 5 characters; use at least 32 random ones"),
        ({"SECRET_KEY": "ab" * 32}, "SECRET_KEY has 2 different characters; use at least 8"),
        ({"SECRET_KEY": f"django-insecure-{KEY}"}, "SECRET_KEY starts with django-insecure-, as examples do"),
        (
            {"REDIS_URL": "redis://h:65536/0"},
            "REDIS_URL is redis://h:65536/0; its port must be a whole number",
        ),
        ({"DATABASE_URL": "foo"}, "DATABASE_URL is foo; use sqlite:///path or postgres://"),
        ({"DATABASE_URL": "mysql://h/db"}, "DATABASE_URL is mysql://h/db; use sqlite:///path or postgres://"),
        ({"DATABASE_URL": "postgres://h:99x/db"}, "DATABASE_URL is postgres://h:.../db; its port must be"),
        (
            {"DATABASE_URL": "postgres://h:0/db"},
            "DATABASE_URL is postgres://h:0/db; its port must be a whole number from 1 to 65535",
        ),
        (
            {"EMAIL_URL": "smtp://h:99999"},
            "EMAIL_URL is smtp://h:99999; its port must be a whole number",
        ),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL is localhost:6379; use redis://, rediss:// or unix://"),
        ({"EMAIL_URL": "mail.example"}, "EMAIL_URL is mail.example; use console://, smtp://"),
        ({"PRODUCTION": "1", "SECRET_KEY": "", "ALLOWED_HOSTS": "a"}, "SECRET_KEY is empty and PRODUCTION is true"),
        ({"PRODUCTION": "1", "SECRET_KEY": KEY, "ALLOWED_HOSTS": "a"}, "EMAIL_URL is empty and PRODUCTION is true"),
        ({"PRODUCTION": "1", "SECRET_KEY": KEY}, "ALLOWED_HOSTS is empty and PRODUCTION is true"),
        ({"PRODUCTION": "1", "DEBUG": "1", "SECRET_KEY": KEY}, "DEBUG is true and PRODUCTION is true"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(variables, message, tmp_path):
    with pytest.raises(env.BadEnvironment) as refused:
        env.read({"DATA_DIR": str(tmp_path), **variables})

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "variables",
    [
        {"REDIS_URL": "valkey://:sekret@h"},
        {"REDIS_URL": "redis://:sekret"},
        {"EMAIL_URL": "smpt://u:sekret@h"},
        {"EMAIL_URL": "smtp://u:sekret@h:99999"},
        {"DATABASE_URL": "postgres:u:sekret@h/db"},
        {"DATABASE_URL": "postgres://u:sekret@h:99x/db"},
        {"DATABASE_URL": "mysql://h/db?password=sekret"},
        {"SECRET_KEY": "sekret"},
        {"SECRET_KEY": f"django-insecure-sekret-{KEY}"},
    ],
)
def test_a_refusal_never_shows_a_secret(variables, tmp_path):
    with pytest.raises(env.BadEnvironment) as refused:
        env.read({"DATA_DIR": str(tmp_path), **variables})

    assert next(iter(variables)) in str(refused.value)
    assert "sekret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("unix:///var/redis.sock?db=1", "unix:///var/redis.sock?..."),
        ("postgres://me:sekret@h:5432/db?sslmode=require", "postgres://me:...@h:5432/db?..."),
        ("redis://:se?kr#et@more@h/0", "redis://:...@h/0"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert env.without_password(url) == shown


@pytest.mark.parametrize("name", ["with#hash", "with?question", "with%41escape", "with space"])
def test_a_data_folder_with_any_name_holds_the_database_and_is_no_part_of_redis_address(name, tmp_path):
    data_dir = tmp_path / name

    here = env.read({"DATA_DIR": str(data_dir)})

    assert dj_database_url.parse(here.database_url)["NAME"] == str(data_dir / "halfopen.sqlite3")
    with redis.Redis.from_url(here.redis_url) as client:
        assert client.get_connection_kwargs()["path"] == str(env.redis_socket(data_dir))


@pytest.mark.parametrize(
    ("host", "hosts"), [("::1", ("localhost", "127.0.0.1", "[::1]", "[::1]")), ("::2", (*env.LOCAL_NAMES, "[::2]"))]
)
def test_an_ipv6_host_is_answered_as_browsers_write_it(host, hosts, tmp_path):
    assert env.read({"DATA_DIR": str(tmp_path), "HOST": host}).allowed_hosts == hosts


@pytest.mark.parametrize(
    ("variables", "is_hinted"),
    [
        ({}, False),
        ({"HOST": "192.0.2.1"}, False),
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "::"}, True),
        ({"HOST": "0.0.0.0", "ALLOWED_HOSTS": "a.example"}, False),
    ],
)
def test_whoever_listens_everywhere_is_told_which_names_are_answered(variables, is_hinted, tmp_path):
    hint = env.read({"DATA_DIR": str(tmp_path), **variables}).hint

    assert ("set ALLOWED_HOSTS" in hint) == is_hinted


def test_a_data_folder_with_a_long_path_gets_its_socket_elsewhere(tmp_path):
    deep = tmp_path / ("d" * 90)

    socket = env.redis_socket(deep)

    assert deep not in socket.parents
    assert len(str(socket)) <= env.LONGEST_SOCKET_PATH
    assert socket == env.redis_socket(deep)
    assert socket != env.redis_socket(tmp_path / ("e" * 90))
