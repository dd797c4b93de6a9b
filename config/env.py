"""Every environment variable Halfopen reads, in one place. A wrong value stops the start with one clear line."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parent.parent

# A unix socket's path may hold 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 103

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to

SCHEMES = {
    "DATABASE_URL": ("sqlite://", "postgres://", "postgresql://"),
    "REDIS_URL": ("redis://", "rediss://", "unix://"),
    "EMAIL_URL": ("console://", "smtp://", "smtps://"),
}

SHORTEST_SECRET = 32
FEWEST_DIFFERENT = 8
# What Django's own project template writes, and so what is copied from tutorials.
PLACEHOLDER_SECRET = "django-insecure-"  # noqa: S105 - refused, not used


class BadEnvironment(Exception):
    """An environment variable holds a value Halfopen cannot start with."""


@dataclass(frozen=True)
class Environment:
    """What the environment says, checked. Paths are absolute. `hint`: what to tell whoever starts it, or ""."""

    data_dir: Path
    production: bool
    debug: bool
    secret_key: str
    database_url: str
    redis_url: str
    redis_is_embedded: bool
    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    https: bool
    trusted_proxies: int
    email_url: str
    email_from: str
    web_processes: int
    web_threads: int
    interactive_processes: int
    sweep_processes: int
    log_format: str
    log_level: str
    hint: str


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """The environment as settings. Raises BadEnvironment naming the variable, the value and what is allowed."""
    data_dir = Path(environ.get("DATA_DIR") or ROOT / "var").resolve()
    production = _flag(environ, "PRODUCTION", False)
    host = environ.get("HOST") or "127.0.0.1"
    return Environment(
        data_dir=data_dir,
        production=production,
        debug=_debug(environ, production),
        secret_key=_secret_key(environ, data_dir, production),
        database_url=_database_url(environ, data_dir),
        redis_url=_redis_url(environ, data_dir),
        redis_is_embedded=not environ.get("REDIS_URL"),
        host=host,
        port=_whole_number(environ, "PORT", 8000, 1, 65535),
        allowed_hosts=_allowed_hosts(environ, host, production),
        csrf_trusted_origins=_words(environ, "CSRF_TRUSTED_ORIGINS"),
        https=_flag(environ, "HTTPS", production),
        trusted_proxies=_whole_number(environ, "TRUSTED_PROXIES", 0, 0, 10),
        email_url=_email_url(environ, production),
        email_from=environ.get("EMAIL_FROM") or "Halfopen <halfopen@localhost>",
        web_processes=_whole_number(environ, "WEB_PROCESSES", min(os.cpu_count() or 1, 2), 1, 64),
        web_threads=_whole_number(environ, "WEB_THREADS", 16, 1, 512),
        interactive_processes=_whole_number(environ, "INTERACTIVE_PROCESSES", 2, 1, 64),
        sweep_processes=_whole_number(environ, "SWEEP_PROCESSES", min(os.cpu_count() or 1, 64), 1, 64),
        log_format=_one_of(environ, "LOG_FORMAT", ("console", "json"), "json" if production else "console"),
        log_level=_one_of(environ, "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
        hint=_hint(environ, host),
    )


def redis_socket(data_dir: Path) -> Path:
    """Where the embedded Redis listens: in the data folder, or in a private temporary one.

    The latter if the path is too long for a socket, or holds signs that mean something else in an address.
    """
    socket = data_dir / "redis" / "redis.sock"
    encoded = os.fsencode(socket)
    if len(encoded) <= LONGEST_SOCKET_PATH and quote(encoded) == str(socket):
        return socket
    name = sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"halfopen-{os.getuid()}-{name}" / "redis.sock"


def without_password(url: str) -> str:
    """`url` as it may be shown, whether or not it is a sound one: dots for its password and its query."""
    shown = re.sub(r"^((?:[^:/?#@]+://)?[^:/?#@]*):.*@", r"\1:...@", url)
    if "@" not in url:
        # Where a port should be stands no number: perhaps a password whose host was forgotten.
        shown = re.sub(r"(://(?:\[[^/]*\])?[^:/\[]*):[^/]*[^/\d][^/]*", r"\1:...", shown)
    return re.sub(r"[?#].*", "?...", shown)


def bracketed(host: str) -> str:
    """`host` as addresses and Host headers spell it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _debug(environ: Mapping[str, str], production: bool) -> bool:
    debug = _flag(environ, "DEBUG", False)
    if debug and production:
        raise BadEnvironment("DEBUG is true and PRODUCTION is true; use DEBUG=false in production")
    return debug


def _secret_key(environ: Mapping[str, str], data_dir: Path, production: bool) -> str:
    given = environ.get("SECRET_KEY", "")
    if given and len(given) < SHORTEST_SECRET:
        raise BadEnvironment(f"SECRET_KEY has {len(given)} characters; use at least {SHORTEST_SECRET} random ones")
    if given and (different := len(set(given))) < FEWEST_DIFFERENT:
        raise BadEnvironment(f"SECRET_KEY has {different} different characters; use at least {FEWEST_DIFFERENT}")
    if given.startswith(PLACEHOLDER_SECRET):
        raise BadEnvironment(f"SECRET_KEY starts with {PLACEHOLDER_SECRET}, as examples do; use a random one")
    if given:
        return given
    if production:
        raise BadEnvironment("SECRET_KEY is empty and PRODUCTION is true; set it to at least 32 random characters")
    return _kept_secret(data_dir / "secret_key")


def _kept_secret(path: Path) -> str:
    """The secret of a local installation: made once, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = path.read_text().strip()
        if len(kept) < SHORTEST_SECRET:
            raise BadEnvironment(f"{path} holds {len(kept)} characters; delete it to have a new secret made") from None
        return kept
    with os.fdopen(handle, "w") as file:
        file.write(secret := secrets.token_urlsafe(48))
    return secret


def _database_url(environ: Mapping[str, str], data_dir: Path) -> str:
    # The path may hold signs that mean something else in an address.
    default = f"sqlite:///{quote(os.fsencode(data_dir / 'halfopen.sqlite3'))}"
    return _url(environ, "DATABASE_URL", "sqlite:///path or postgres://user:password@host:port/name") or default


def _redis_url(environ: Mapping[str, str], data_dir: Path) -> str:
    return _url(environ, "REDIS_URL", "redis://, rediss:// or unix://") or f"unix://{redis_socket(data_dir)}"


def _email_url(environ: Mapping[str, str], production: bool) -> str:
    url = _url(environ, "EMAIL_URL", "console://, smtp://user:password@host:port or smtps://...")
    if production and not url:
        # Printed mail puts links that let anybody in into the log, so whoever wants that has to say so.
        raise BadEnvironment(
            "EMAIL_URL is empty and PRODUCTION is true; use smtp://user:password@host:port, or console:// to print mail"
        )
    return url or "console://"


def _url(environ: Mapping[str, str], name: str, allowed: str) -> str:
    """The address in variable `name`, "" if there is none. `allowed` names the schemes in words."""
    url = environ.get(name, "")
    if url and not url.startswith(SCHEMES[name]):
        raise BadEnvironment(f"{name} is {without_password(url)}; use {allowed}")
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    if port == 0:
        raise BadEnvironment(f"{name} is {without_password(url)}; its port must be a whole number from 1 to 65535")
    return url


def _allowed_hosts(environ: Mapping[str, str], host: str, production: bool) -> tuple[str, ...]:
    given = _words(environ, "ALLOWED_HOSTS")
    if given:
        return given
    if production:
        raise BadEnvironment("ALLOWED_HOSTS is empty and PRODUCTION is true; name the hosts, separated by commas")
    return (*LOCAL_NAMES, bracketed(host))


def _hint(environ: Mapping[str, str], host: str) -> str:
    if host not in EVERY_ADDRESS or _words(environ, "ALLOWED_HOSTS"):
        return ""
    return (
        f"HOST is {host}, but only {', '.join(LOCAL_NAMES)} are answered; for others set ALLOWED_HOSTS to the names or "
        "addresses they open, separated by commas"
    )


def _words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in environ.get(name, "").split(",") if word.strip())


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    value = environ.get(name, "").strip().lower()
    if value in ("", "true", "1", "yes", "on", "false", "0", "no", "off"):
        return value in ("true", "1", "yes", "on") if value else default
    raise BadEnvironment(f"{name} is {environ[name]}; use true or false")


def _whole_number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdecimal() or not low <= int(value) <= high:
        raise BadEnvironment(f"{name} is {value}; use a whole number from {low} to {high}")
    return int(value)


def _one_of(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = environ.get(name) or default
    if value not in allowed:
        raise BadEnvironment(f"{name} is {value}; use {', '.join(allowed)}")
    return value
