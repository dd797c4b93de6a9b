"""Markdown becomes parts: sanitised, with diagrams and sandboxes set apart."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from django.urls import resolve

from patterns.fragments import fragment
from patterns.markup import OTHER_ROOMS, Rendered, astray, inline, inline_problems, render
from tests.patterns.pages import SVG


def rendered(
    text: str, written: Sequence[str] = ("circuit-breaker",), diagrams: Mapping[str, str] | None = None
) -> Rendered:
    return render(text, 1, (diagrams or {}).get, written)


def html_of(text: str, **options: Any) -> str:
    return "".join(part["html"] for part in rendered(text, **options).parts)


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        ("<script>alert(1)</script>", "alert"),
        ('<p onclick="alert(1)">Words</p>', "onclick"),
        ('<a href="javascript:alert(1)">Words</a>', "javascript"),
        ('<a href="java&#10;script:alert(1)">Words</a>', "alert"),
        ("[Words](javascript:alert(1))", "href"),
        ("[Words](data:text/html,hello)", "href"),
        ('<p style="position:fixed">Words</p>', "style"),
        ("<style>p{display:none}</style>", "display"),
        ('<iframe src="https://evil.example"></iframe>', "iframe"),
        ('<img src="x" onerror="alert(1)">', "onerror"),
        ("<svg><script>alert(1)</script></svg>", "alert"),
        ('<form action="/account/delete/"><button>Go</button></form>', "form"),
        ('<div hx-get="/account/" hx-trigger="load">Words</div>', "hx-get"),
        ('<p class="btn go" id="main">Words</p>', "btn"),
        ('<base href="https://evil.example/">', "base"),
        ("<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>", "onerror"),
    ],
)
def test_what_could_act_is_taken_out(text, trace):
    assert trace not in html_of(text)


def test_a_tag_that_may_not_stay_is_named_with_its_line():
    assert ("line 3", "<iframe> is not allowed") in rendered("Words.\n\n<iframe></iframe>").problems


def test_a_line_is_sanitised_too():
    assert inline("**Count** <script>alert(1)</script>") == "<strong>Count</strong> "


def test_links_get_noopener():
    assert 'rel="noopener"' in html_of("[Guide](https://docs.example.com/a)")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("http://docs.example.com/a", "use a full https:// address"),
        ("https://nowhere", "use a full https:// address"),
        ("/patterns/no-such-thing/", "there is no pattern no-such-thing"),
        ("/account/", "use a full https:// address"),
        ("#no-such-heading", "leads nowhere"),
        ("/sandboxes/no-such-thing/", "does not exist"),
        ("/sandboxes/circuit-breaker/?nonsense=1", "nonsense is not a parameter"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(link, words):
    [(where, message)] = rendered(f"[Words]({link})").problems

    assert where == "line 1"
    assert words in message


@pytest.mark.parametrize("link", ["/patterns/circuit-breaker/", "/sandboxes/circuit-breaker/", "#here"])
def test_a_link_within_the_house_stays_a_link(link):
    page = rendered(f"## Here\n\n[Words]({link})")

    assert f'href="{link}"' in page.parts[0]["html"]
    assert page.problems == []


def test_the_other_rooms_a_text_may_lead_to_are_there():
    assert all(resolve(address) for address in OTHER_ROOMS)
    assert rendered("[Practise](/practice/?pattern=saga)").problems == []


def test_a_link_to_a_place_in_another_page_is_followed():
    page = rendered("[Words](/patterns/circuit-breaker/#here) and\n[more](/patterns/circuit-breaker#sources)")

    assert list(astray(page, {"circuit-breaker": page.ids})) == [
        ("line 1", "link /patterns/circuit-breaker#here leads nowhere in that page")
    ]
    assert list(astray(page, {"circuit-breaker": {"here", "sources"}})) == []


def test_a_heading_leaves_the_places_of_every_page_to_the_template():
    assert '<h2 id="sources-more">' in html_of("## Sources")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("see [it](/patterns/nonsense)", "there is no pattern nonsense"),
        ("see [it](/sandboxes/circuit-breaker/?nonsense=1)", "nonsense is not a parameter"),
        ("<iframe></iframe>", "<iframe> is not allowed"),
    ],
)
def test_a_line_is_checked_as_the_body_is(line, words):
    [problem] = inline_problems(line, ["saga"])

    assert words in problem
    assert inline_problems("see [it](/patterns/saga)", ["saga"]) == []


def test_a_link_to_a_planned_page_is_plain_words_until_it_is_written():
    text = "See [bulkheads](/patterns/bulkhead/) first."

    assert html_of(text) == '<p>See <span class="soon">bulkheads</span> first.</p>\n'
    assert 'href="/patterns/bulkhead/"' in html_of(text, written=["bulkhead"])
    assert rendered(text).problems == []


def test_a_diagram_stands_apart_with_its_caption():
    page = rendered("Before.\n\n::: diagram boxes\nTwo *boxes*.\n:::\n\nAfter.", diagrams={"boxes": SVG})

    before, figure, after = page.parts
    assert (before["html"], after["html"]) == ("<p>Before.</p>\n", "<p>After.</p>\n")
    assert figure["title"] == "Two boxes"
    assert figure["html"] == "<p>Two <em>boxes</em>.</p>\n"
    assert 'id="d1-t"' in figure["svg"]


def test_two_uses_of_one_diagram_share_no_id():
    page = rendered("::: diagram boxes\n:::\n\n::: diagram boxes\n:::", diagrams={"boxes": SVG})

    assert ['id="d1-t"' in page.parts[0]["svg"], 'id="d2-t"' in page.parts[1]["svg"]] == [True, True]


def test_a_missing_diagram_is_named():
    assert rendered("::: diagram boxes\n:::").problems == [("line 1", "diagram boxes is not in content/diagrams")]


def test_a_diagram_cannot_be_read_from_another_folder():
    page = rendered("::: diagram ../../secret\n:::", diagrams={"../../secret": SVG})

    assert "is not in content/diagrams" in page.problems[0][1]


def test_a_sandbox_stands_apart_with_its_settings():
    page = rendered("::: sandbox circuit-breaker?dead_s=20&kind=none\n**Predict.**\n\n***\n\nIt waits.\n:::")

    [part] = page.parts
    assert part == {
        "kind": "sandbox",
        "number": 1,
        "slug": "circuit-breaker",
        "query": "dead_s=20&kind=none",
        "title": "Circuit breaker",
        "html": "<p><strong>Predict.</strong></p>\n",
        "after": "<p>It waits.</p>\n",
    }
    assert page.problems == []


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("no-such-thing", "no-such-thing does not exist; use circuit-breaker"),
        ("", "without a name does not exist"),
        ("circuit-breaker?nonsense=1", "nonsense is not a parameter; use"),
        ("circuit-breaker?failure_rate_threshold=200", "failure_rate_threshold is 200; use"),
        ("circuit-breaker?seed=-1", "seed is -1; use a whole number"),
        ("circuit-breaker?seed=", "seed is empty; use a whole number"),
        ("circuit-breaker?seed=٣", "seed is ٣; use a whole number"),
    ],
)
def test_a_sandbox_that_cannot_be_opened_is_named(reference, words):
    [(where, message)] = rendered(f"Words.\n\n::: sandbox {reference}\n:::").problems

    assert where == "line 3"
    assert words in message


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """A folder of reference code with one file, in place of the real one."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "buy.py").write_text(
        "import shop\n\n# [all]\ndef buy():\n    # [heart]\n    if 1 < 2:\n        pay()\n    # [/heart]\n# [/all]\n"
    )
    (tmp_path / "shop" / "saga.json").write_text(
        '{\n  "States": {\n    "Pay": {\n      "Type": "Task"\n    },\n'
        '    "Ship": {\n      "Type": "Task"\n    }\n  }\n}\n'
    )
    (tmp_path.parent / "secret.py").write_text("# [all]\nsecret\n# [/all]\n")
    monkeypatch.setattr(fragment, "__defaults__", (tmp_path,))


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("shop/buy.py#all", "def buy():\n    if 1 < 2:\n        pay()\n"),
        ("shop/buy.py#heart", "if 1 < 2:\n    pay()\n"),
        ("shop/saga.json#Pay", '"Pay": {\n  "Type": "Task"\n}\n'),
        ("shop/saga.json#Ship", '"Ship": {\n  "Type": "Task"\n}\n'),
    ],
)
def test_code_is_the_part_of_a_reference_file_between_its_marks(name, code):
    page = rendered(f"::: code {name}\nIt *pays*.\n:::")

    assert page.parts == [
        {
            "kind": "code",
            "code": code,
            "file": f"patterns/reference/{name.partition('#')[0]}",
            "html": "<p>It <em>pays</em>.</p>\n",
        }
    ]
    assert page.problems == []


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shop/sell.py#all", "file shop/sell.py is not in patterns/reference"),
        ("../secret.py#all", "file ../secret.py is not in patterns/reference"),
        ("", "file without a name is not in patterns/reference"),
        ("shop/buy.py#tail", "marker tail is not in patterns/reference/shop/buy.py"),
        ("shop/buy.py", "marker without a name is not in patterns/reference/shop/buy.py"),
        ("shop/saga.json#Fly", "marker Fly is not in patterns/reference/shop/saga.json"),
    ],
)
def test_code_that_is_not_there_is_named_with_its_file_and_marker(name, words):
    [(where, message)] = rendered(f"Words.\n\n::: code {name}\n:::").problems

    assert where == "line 3"
    assert words in message


def test_an_aside_and_an_answer_hold_markdown():
    html = html_of("::: aside\nA *note*.\n:::\n\n::: answer\n- One\n- Two\n:::")

    assert '<div class="side" role="note">\n<p>A <em>note</em>.</p>\n</div>' in html
    assert '<details class="answer"><summary>Show the answer</summary>\n<ul>' in html


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("::: dragon\nHello.\n:::", "::: dragon is not a directive"),
        ("::: aside\nHello.", "::: aside is never closed"),
        (":::: answer\n::: diagram boxes\n:::\n::::", "::: diagram stands inside another block"),
        ("![A cat](https://example.com/cat.png)", "an image"),
    ],
)
def test_a_directive_gone_wrong_is_named(text, words):
    assert any(words in message for _, message in rendered(text, diagrams={"boxes": SVG}).problems)


def test_a_table_scrolls_in_a_named_region():
    html = html_of("| `Service` | Default |\n|---|---:|\n| Lambda | 3 |")

    assert '<div class="table-scroll"' in html
    assert 'tabindex="0"' in html
    assert 'aria-label="Table: Service, Default"' in html
    assert '<td class="num">3</td>' in html
    assert "style" not in html


def test_code_keeps_its_signs_and_can_be_reached_by_keyboard():
    assert html_of("```python\nif a < b: pass\n```") == '<pre tabindex="0"><code>if a &lt; b: pass\n</code></pre>\n'


def test_headings_get_ids_and_the_second_level_makes_the_contents():
    page = rendered("## On AWS\n\n### On AWS\n\n## Combined with")

    assert page.toc == [
        {"id": "on-aws", "title": "On AWS"},
        {"id": "combined-with", "title": "Combined with"},
    ]
    assert '<h3 id="on-aws-more">' in page.parts[0]["html"]
