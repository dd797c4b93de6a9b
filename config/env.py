"""Every environment variable Halfopen reads, in one place. A wrong value stops the start with one clear line."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A unix socket's path may hold 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 103


class BadEnvironment(Exception):
    """An environment variable holds a value Halfopen cannot start with."""


@dataclass(frozen=True)
class Environment:
    """What the environment says, checked. Paths are absolute."""

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
    web_threads: int
    log_format: str
    log_level: str


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """The environment as settings. Raises BadEnvironment naming the variable, the value and what is allowed."""
    data_dir = Path(environ.get("DATA_DIR") or ROOT / "var").resolve()
    production = _flag(environ, "PRODUCTION", False)
    redis_url = environ.get("REDIS_URL", "")
    host = environ.get("HOST") or "127.0.0.1"
    return Environment(
        data_dir=data_dir,
        production=production,
        debug=_debug(environ, production),
        secret_key=_secret_key(environ, data_dir, production),
        database_url=environ.get("DATABASE_URL") or f"sqlite:///{data_dir / 'halfopen.sqlite3'}",
        redis_url=_redis_url(redis_url) if redis_url else f"unix://{redis_socket(data_dir)}",
        redis_is_embedded=not redis_url,
        host=host,
        port=_whole_number(environ, "PORT", 8000, 1, 65535),
        allowed_hosts=_allowed_hosts(environ, host, production),
        csrf_trusted_origins=_words(environ, "CSRF_TRUSTED_ORIGINS"),
        https=_flag(environ, "HTTPS", production),
        trusted_proxies=_whole_number(environ, "TRUSTED_PROXIES", 0, 0, 10),
        email_url=_email_url(environ),
        email_from=environ.get("EMAIL_FROM") or "Halfopen <halfopen@localhost>",
        web_threads=_whole_number(environ, "WEB_THREADS", 32, 1, 512),
        log_format=_one_of(environ, "LOG_FORMAT", ("console", "json"), "json" if production else "console"),
        log_level=_one_of(environ, "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
    )


def redis_socket(data_dir: Path) -> Path:
    """Where the embedded Redis listens: in the data folder, or in a private temporary one if that path is too long."""
    socket = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH:
        return socket
    name = sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"halfopen-{os.getuid()}-{name}" / "redis.sock"


def _debug(environ: Mapping[str, str], production: bool) -> bool:
    debug = _flag(environ, "DEBUG", False)
    if debug and production:
        raise BadEnvironment("DEBUG is true and PRODUCTION is true; use DEBUG=false in production")
    return debug


def _secret_key(environ: Mapping[str, str], data_dir: Path, production: bool) -> str:
    given = environ.get("SECRET_KEY", "")
    if given and len(given) < 32:
        raise BadEnvironment(f"SECRET_KEY has {len(given)} characters; use at least 32 random ones")
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
        if len(kept) < 32:
            raise BadEnvironment(f"{path} holds {len(kept)} characters; delete it to have a new secret made") from None
        return kept
    with os.fdopen(handle, "w") as file:
        file.write(secret := secrets.token_urlsafe(48))
    return secret


def _redis_url(url: str) -> str:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise BadEnvironment(f"REDIS_URL is {url}; use redis://, rediss:// or unix://")
    return url


def _email_url(environ: Mapping[str, str]) -> str:
    url = environ.get("EMAIL_URL") or "console://"
    if not url.startswith(("console://", "smtp://", "smtps://")):
        raise BadEnvironment(f"EMAIL_URL is {url}; use console://, smtp://user:password@host:port or smtps://...")
    return url


def _allowed_hosts(environ: Mapping[str, str], host: str, production: bool) -> tuple[str, ...]:
    given = _words(environ, "ALLOWED_HOSTS")
    if given:
        return given
    if production:
        raise BadEnvironment("ALLOWED_HOSTS is empty and PRODUCTION is true; name the hosts, separated by commas")
    return ("localhost", "127.0.0.1", "[::1]", host)


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
