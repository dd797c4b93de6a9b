"""A drawing keeps its shapes and loses everything that could act."""

import pytest

from patterns.diagrams import diagram

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" role="img">'
)
NAMES = "<title>A</title><desc>B</desc>"


def drawing(inside: str) -> str:
    return f"{HEAD}{NAMES}{inside}</svg>"


@pytest.mark.parametrize(
    ("inside", "trace"),
    [
        ("<script>alert(1)</script>", "alert"),
        ("<style>rect{fill:red}</style>", "fill:red"),
        ('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">hello</p></foreignObject>', "hello"),
        ('<rect onclick="alert(1)"/>', "alert"),
        ('<rect style="fill:url(https://evil.example/x)"/>', "evil"),
        ('<rect fill="url(https://evil.example/x)"/>', "evil"),
        ('<rect fill="URL( javascript:alert(1) )"/>', "alert"),
        ('<use href="https://evil.example/x.svg#a"/>', "evil"),
        ('<use xlink:href="#a"/>', "xlink"),
        ('<a href="javascript:alert(1)"><text>go</text></a>', "alert"),
        ('<image href="https://evil.example/x.png"/>', "evil"),
        ('<animate attributeName="href" to="javascript:alert(1)"/>', "alert"),
        ('<set attributeName="onmouseover" to="alert(1)"/>', "alert"),
        ('<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>', "alert"),
        ('<rect hx-get="/account/"/>', "hx-get"),
    ],
)
def test_what_could_act_is_taken_out_and_named(inside, trace):
    made = diagram(drawing(inside), "d1-")

    assert trace not in made.svg
    assert made.problems


@pytest.mark.parametrize("head", ['<!DOCTYPE svg [<!ENTITY a "b">]>', "<!DOCTYPE svg>"])
def test_a_document_type_is_refused_before_it_is_read(head):
    made = diagram(head + drawing(""), "d1-")

    assert made.svg == ""
    assert "document type" in made.problems[0]


def test_a_comment_is_dropped_silently():
    made = diagram(drawing("<!-- made with care -->"), "d1-")

    assert "care" not in made.svg
    assert made.problems == ()


def test_ids_and_what_points_to_them_get_the_prefix():
    source = drawing('<marker id="m"/><path d="M0 0" marker-end="url(#m)"/><use href="#m"/>').replace(
        'role="img"', 'role="img" aria-labelledby="m n"'
    )

    made = diagram(source, "d2-")

    assert 'id="d2-m"' in made.svg
    assert "url(#d2-m)" in made.svg
    assert 'href="#d2-m"' in made.svg
    assert 'aria-labelledby="d2-m d2-n"' in made.svg
    assert made.problems == ()


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        (drawing("").replace('viewBox="0 0 9 9"', ""), "viewBox"),
        (drawing("").replace('role="img"', ""), 'role="img"'),
        (drawing("").replace("<title>A</title>", ""), "<title>"),
        (drawing("").replace("<desc>B</desc>", "<desc> </desc>"), "<desc>"),
    ],
)
def test_a_drawing_without_its_alternative_is_named(source, missing):
    made = diagram(source, "d1-")

    assert [problem for problem in made.problems if missing in problem]


@pytest.mark.parametrize("source", ["<svg", "<p>words</p>", ""])
def test_what_is_not_a_drawing_is_named(source):
    made = diagram(source, "d1-")

    assert made.svg == ""
    assert made.problems
