"""The web server: Granian serves config.wsgi in a few processes, each with threads for requests that wait."""

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from config import env
from config.logs import logging_config


def main() -> None:
    here = env.read()
    Granian(
        "config.wsgi:application",
        address=here.host,
        port=here.port,
        interface=Interfaces.WSGI,
        workers=here.web_processes,
        blocking_threads=here.web_threads,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=logging_config(here.log_format, here.log_level),
        # A request waits at most 2 s for a run; what takes longer than this has been given up by its reader.
        workers_kill_timeout=5,
    ).serve()


if __name__ == "__main__":
    main()
