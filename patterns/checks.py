"""How pages are to be written: what `load_content --check` holds them to beyond what loading needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from markdown_it.token import Token

from patterns.content import FOLDER, Draft, Finding, FrontMatter, read_drafts
from patterns.markup import MARKDOWN
from patterns.prose import Paragraph, count_words, normalised, paragraphs, sentences

MOST_WORDS_IN_A_SENTENCE = 45
WORDS_OF_A_PAGE = range(900, 2201)
FEWEST_WORDS_OF_A_REPEAT = 12
MOST_LINES_OF_A_CHEAT_SHEET = 9
FEWEST_PROMPTS = 2
MOST_TERMS = 5
# What a reader may leave folded away, or does rather than reads, makes no page longer.
NOT_COUNTED = ("answer", "sandbox")


@dataclass(frozen=True)
class _Text:
    """One page's file, its front matter, and its body taken apart."""

    file: str
    front: FrontMatter
    tokens: list[Token]
    paragraphs: list[Paragraph]


def check_writing(folder: Path = FOLDER) -> list[Finding]:
    """Everything in the pages of `folder` that breaks a rule of writing. Files that cannot be read are left out."""
    texts = [_text(draft) for draft in read_drafts(folder)[0]]
    alone = [finding for text in texts for finding in _of_one_page(text)]
    return [*alone, *_repeats(texts)]


def _text(draft: Draft) -> _Text:
    tokens = MARKDOWN.parse(draft.body)
    return _Text(draft.path.name, draft.front, tokens, list(paragraphs(tokens, draft.first_line)))


def _of_one_page(text: _Text) -> Iterator[Finding]:
    rules = (_long_sentences, _length, _diagrams, _prompts, _cheat_sheet, _neighbours, _definitions)
    for where, message in chain.from_iterable(rule(text) for rule in rules):
        yield Finding(text.file, where, message)


Problems = Iterator[tuple[str, str]]


def _long_sentences(text: _Text) -> Problems:
    in_fields = [(name, Paragraph(0, words)) for name, words in _fields(text.front)]
    in_body = [("", paragraph) for paragraph in text.paragraphs]
    for field, paragraph in [*in_fields, *in_body]:
        for line, sentence in sentences(paragraph):
            if (words := count_words(sentence)) > MOST_WORDS_IN_A_SENTENCE:
                beginning = " ".join(sentence.split()[:6])
                yield (
                    field or f"line {line}",
                    f"a sentence of {words} words: “{beginning} …”; use at most {MOST_WORDS_IN_A_SENTENCE}",
                )


def _fields(front: FrontMatter) -> Iterator[tuple[str, str]]:
    yield "summary", front.summary
    yield from ((f"related[{index}].why", related.why) for index, related in enumerate(front.related))
    yield from ((f"cheat_sheet[{index}]", line) for index, line in enumerate(front.cheat_sheet))
    yield from ((f"terms[{index}].definition", term.definition) for index, term in enumerate(front.terms))


def _length(text: _Text) -> Problems:
    words = sum(paragraph.words for paragraph in text.paragraphs if paragraph.block not in NOT_COUNTED)
    if words not in WORDS_OF_A_PAGE:
        yield (
            "body",
            f"has {words} words outside tables, code, experiments and answers; "
            f"use {WORDS_OF_A_PAGE.start} to {WORDS_OF_A_PAGE.stop - 1}",
        )


def _diagrams(text: _Text) -> Problems:
    if not any(token.type == "container_diagram_open" for token in text.tokens):
        yield "body", "has no diagram; give at least one"


def _prompts(text: _Text) -> Problems:
    """Prompts are told by their answers. A guide need not have any."""
    section, prompts = "", 0
    for token, following in zip(text.tokens, [*text.tokens[1:], None], strict=True):
        if token.type == "heading_open" and token.tag == "h2" and following:
            section = following.content
        prompts += section == "Check yourself" and token.type == "container_answer_open"
    if prompts < FEWEST_PROMPTS and not text.front.is_guide:
        yield "Check yourself", f"has {prompts} prompts with an answer; give at least {FEWEST_PROMPTS}"


def _cheat_sheet(text: _Text) -> Problems:
    lines = len(text.front.cheat_sheet)
    if lines > MOST_LINES_OF_A_CHEAT_SHEET:
        yield "cheat_sheet", f"has {lines} lines; use at most {MOST_LINES_OF_A_CHEAT_SHEET}"


def _neighbours(text: _Text) -> Problems:
    front = text.front
    if not front.related and not front.is_guide:
        yield "related", "is empty; name at least one pattern"
    named = Counter(related.slug for related in front.related)
    yield from (("related", f"names {slug} {times} times") for slug, times in named.items() if times > 1)
    if front.slug in named:
        yield "related", f"names {front.slug}, the page itself"


def _definitions(text: _Text) -> Problems:
    terms = text.front.terms
    if len(terms) > MOST_TERMS:
        yield "terms", f"has {len(terms)} terms; use at most {MOST_TERMS}"
    for index, term in enumerate(terms):
        found = list(sentences(Paragraph(0, term.definition)))
        if len(found) != 1 or not term.definition.endswith("."):
            yield f"terms[{index}].definition", "is not one sentence with a full stop"


def _repeats(texts: Sequence[_Text]) -> Iterator[Finding]:
    """A paragraph that an earlier page has already, whatever its capitals, stops and line breaks."""
    first: dict[str, tuple[str, int]] = {}
    for text in texts:
        for paragraph in text.paragraphs:
            words = normalised(paragraph.text)
            file, line = first.setdefault(words, (text.file, paragraph.line))
            if file != text.file and count_words(words) >= FEWEST_WORDS_OF_A_REPEAT:
                yield Finding(text.file, f"line {paragraph.line}", f"says the same as {file}, line {line}")
