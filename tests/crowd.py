"""A large made-up bank and guests who sit exams in a house, and what its database holds of them.

`python -m tests.crowd fill QUESTIONS PEOPLE` prints JSON: for each guest the key of a session and the id of a running
mock exam. `python -m tests.crowd kept` prints what is kept of all exams.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
CSRF = "halfopen" * 4


@dataclass(frozen=True)
class Sitter:
    """A guest with a running exam, who talks to the house as the script of its page does."""

    url: str
    session: str
    attempt: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Cookie": f"sessionid={self.session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/json",
        }

    def address(self, *parts: Any) -> str:
        return "/" + "/".join(["exams", self.attempt, *map(str, parts)]) + "/"

    def ask(self, method: str, address: str, body: Any = None, patience_s: float = 10) -> Any:
        """The answer's JSON, or its text. Raises OSError or AssertionError when there is none, or a bad status."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=patience_s)
        try:
            connection.request(method, address, body and json.dumps(body), self.headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 400, f"{answer.status}: {text[:300]}"
            return json.loads(text) if answer.headers["Content-Type"] == "application/json" else text
        finally:
            connection.close()

    def save(self, *changes: dict[str, Any]) -> list[str]:
        """What became of changes."""
        outcomes: list[str] = self.ask("POST", self.address("changes"), {"changes": list(changes)})["outcomes"]
        return outcomes

    def state(self) -> Any:
        return self.ask("GET", self.address("state"))


def gather(url: str, environ: dict[str, str], questions: int, people: int) -> list[Sitter]:
    """Fill the house with this environment, which answers at `url`, and return its sitters."""
    return [Sitter(url, *row) for row in _told(environ, "fill", str(questions), str(people))]


def kept(environ: dict[str, str]) -> dict[str, Any]:
    """Attempt -> its changes as [number, sequence, value], whether it is closed, and the verdicts of its items."""
    told: dict[str, Any] = _told(environ, "kept")
    return told


def change(number: int, sequence: int, field: str, value: Any, made_at_ms: int = 0) -> dict[str, Any]:
    return {"number": number, "sequence": sequence, "field": field, "value": value, "made_at_ms": made_at_ms}


def _told(environ: dict[str, str], *words: str) -> Any:
    command = [sys.executable, "-m", "tests.crowd", *words]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    command, *numbers = sys.argv[1:]
    print(json.dumps(fill(*map(int, numbers)) if command == "fill" else dump()))


def fill(questions: int, people: int) -> list[tuple[str, str]]:
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction

    from accounts.models import User
    from accounts.services import GUEST_SESSION_KEY
    from quizzes import exams
    from quizzes.models import Attempt

    make_bank(questions)
    sitters = []
    with transaction.atomic():
        for _ in range(people):
            guest = User.objects.create_guest()
            session = SessionStore()
            session[GUEST_SESSION_KEY] = guest.pk
            session.create()
            attempt = exams.begin(guest, Attempt.Kind.MOCK)
            assert attempt
            sitters.append((str(session.session_key), str(attempt.pk)))
    return sitters


def dump() -> dict[str, Any]:
    from quizzes.models import Attempt

    return {
        str(attempt.pk): {
            "changes": [[i.number, c.sequence, c.value] for i in attempt.items.all() for c in i.changes.all()],
            "closed": attempt.closed_at is not None,
            "verdicts": [item.correct for item in attempt.items.all()],
        }
        for attempt in Attempt.objects.prefetch_related("items__changes")
    }


def make_bank(questions: int) -> None:
    """So many questions more, over all tasks in turn; every fifth asks for two of five options."""
    from patterns.catalogue import TASKS, TITLES
    from quizzes.models import Question, QuestionPattern

    tasks, slugs = list(TASKS), list(TITLES)
    made = [Question(**question(number, tasks[number % len(tasks)])) for number in range(questions)]
    Question.objects.bulk_create(made)
    QuestionPattern.objects.bulk_create(
        QuestionPattern(question=row, pattern=slugs[place % len(slugs)]) for place, row in enumerate(made)
    )


def question(number: int, task: str) -> dict[str, Any]:
    """The fields of a question of a real one's size, without a meaning."""
    several = number % 5 == 0
    options = [
        {
            "text": f"Option {place + 1} of case {number}, which is as long as an option of a real question may be.",
            "correct": place < (2 if several else 1),
            "reason": f"Why option {place + 1} is as it is, said in a sentence or two of the length that reasons have. "
            "It names what the option would do, and what it would cost.",
        }
        for place in range(5 if several else 4)
    ]
    asked = "Which two steps meet the need? (Select TWO.)" if several else "Which step meets the need?"
    return {
        "id": f"made-{number:05}",
        "type": "multiple-response" if several else "multiple-choice",
        "stem": f"Case {number}. A company runs a service in two zones, and its load doubles every evening while one "
        f"of its dependencies is slow. The team wants to lose no request and to pay for no idle server. {asked}",
        "options": options,
        "task": task,
        "difficulty": number % 3 + 1,
        "level": "apply",
        "sources": [{"title": "A page", "url": "https://docs.aws.amazon.com/page.html", "checked": "2026-11-23"}],
        "fingerprint": f"{number:064}",
    }


if __name__ == "__main__":
    main()
