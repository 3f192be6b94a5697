"""Jinja's statements: what each one names, assigns, loops over and evaluates, without running any.

Knows the tags of Jinja 3.1, of its loop controls, and `generation`, which transformers adds for chat templates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .jinja_lexer import Token, tokens
from .jinja_parser import Parser
from .jinja_tree import Node
from .opcodes import Broken

BLOCKS = {"if": "endif", "for": "endfor", "macro": "endmacro", "call": "endcall", "filter": "endfilter",
          "with": "endwith", "generation": "endgeneration", "set": "endset"}  # fmt: skip
INSIDE = {"elif": ("if",), "else": ("if", "for"), "break": (), "continue": ()}
MAX_NESTING = 60
MAX_TOKENS = 50_000
"""The longest templates of the well-known families have 12,000."""


@dataclass
class Statement:
    """One tag or `{{ … }}`. tag: its name, or 'print'. nodes: what it evaluates. assigned: names that it sets.

    bound: what it gives to a name, or to a field of a namespace (`.name`); None for the text of a block.
    macro: the name of a macro that it begins. loops: the sources of the loops around it and of its own.
    text: of template data, when tag is 'text'; 'block' for a `set` whose value follows as text.
    """

    tag: str
    at: int
    nodes: list[Node] = field(default_factory=list)
    assigned: list[str] = field(default_factory=list)
    bound: list[tuple[str, Node | None]] = field(default_factory=list)
    macro: str = ""
    loops: tuple[Node, ...] = ()
    text: str = ""


def statements(source: str) -> Iterator[Statement]:
    """Every statement in order. Raises Broken for what Jinja would not compile, and for tags that are not known."""
    opened: list[Statement] = []
    inside: list[Token] = []
    for number, token in enumerate(tokens(source)):
        if number > MAX_TOKENS:
            raise Broken(f"it has more than {MAX_TOKENS} words", token.at)
        if token.kind == "text":
            yield Statement("text", token.at, text=token.text)
        elif token.kind == "begin":
            inside = []
        elif token.kind == "end":
            yield _statement(token.text, inside, opened)
        else:
            inside.append(token)
    if opened:
        raise Broken(f"{opened[-1].tag!r} does not end", len(source))


def _statement(opening: str, inside: list[Token], opened: list[Statement]) -> Statement:
    parser = Parser(inside)
    if opening == "{{":
        made = Statement("print", parser.at, [parser.tuple_or_expression()])
        parser.done()
    else:
        made = _tag(parser, opened)
    made.loops = tuple(node for outer in opened for node in outer.loops[-1:] if outer.tag == "for") + made.loops
    return made


def _tag(parser: Parser, opened: list[Statement]) -> Statement:
    at, tag = parser.at, parser.need("name").text
    made = Statement(tag, at)
    if tag.startswith("end"):
        if not opened or BLOCKS[opened[-1].tag] != tag:
            raise Broken(f"{tag!r} ends nothing", at)
        opened.pop()
        parser.pos = len(parser.tokens) if tag == "endmacro" else parser.pos
    elif reader := READERS.get(tag):
        reader(parser, made)
        _nest(made, opened)
    else:
        parser.pos = len(parser.tokens)  # told as an unknown tag
    parser.done()
    return made


def _nest(made: Statement, opened: list[Statement]) -> None:
    if made.tag == "elif" and (not opened or opened[-1].tag != "if"):
        raise Broken(f"{made.tag!r} stands outside", made.at)
    if made.tag in BLOCKS and not (made.tag == "set" and made.nodes and made.text != "block"):
        if len(opened) >= MAX_NESTING:
            raise Broken("statements are nested too deeply", made.at)
        opened.append(made)


def _expression(parser: Parser, made: Statement) -> None:
    made.nodes.append(parser.tuple_or_expression())


def _nothing(parser: Parser, made: Statement) -> None:
    return None


def _for(parser: Parser, made: Statement) -> None:
    targets = _targets(parser)
    parser.need("name", "in")
    source = parser.tuple_or_expression(conditions=False)
    _bind(made, targets, source)
    made.nodes.append(source)
    made.loops = (source,)
    if parser.take("name", "if"):
        made.nodes.append(parser.expression())
    parser.take("name", "recursive")


def _targets(parser: Parser) -> list[str]:
    names, closing = [], parser.take("operator", "(")
    while token := parser.take("name"):
        names.append(f".{parser.need('name').text}" if parser.take("operator", ".") else token.text)
        if not parser.take("operator", ","):
            break
    if closing:
        parser.need("operator", ")")
    if not names and not closing and parser.pos == 0:
        parser.need("name")
    return names


def _bind(made: Statement, targets: list[str], value: Node | None) -> None:
    made.bound += [(target, value) for target in targets]
    made.assigned += [target for target in targets if target[0] != "."]


def _set(parser: Parser, made: Statement) -> None:
    targets = _targets(parser)
    if parser.take("operator", "="):
        made.nodes.append(parser.tuple_or_expression())
        _bind(made, targets, made.nodes[0])
        return
    made.text = "block"
    _bind(made, targets, None)
    if parser.peek("operator", "|"):
        made.nodes.append(parser.filters(Node("const", made.at, value="")))


def _macro(parser: Parser, made: Statement) -> None:
    made.macro = parser.need("name").text
    _signature(parser, made)


def _signature(parser: Parser, made: Statement) -> None:
    parser.need("operator", "(")
    while not parser.take("operator", ")"):
        name = parser.need("name").text
        made.assigned.append(name)
        if parser.take("operator", "="):
            made.nodes.append(parser.expression())
            made.bound.append((name, made.nodes[-1]))
        if not parser.peek("operator", ")"):
            parser.need("operator", ",")


def _call(parser: Parser, made: Statement) -> None:
    if parser.peek("operator", "("):
        _signature(parser, made)
    made.nodes.append(parser.unary())


def _filter(parser: Parser, made: Statement) -> None:
    made.nodes.append(parser.filters(Node("const", made.at, value=""), bare=True))


def _with(parser: Parser, made: Statement) -> None:
    while token := parser.take("name"):
        parser.need("operator", "=")
        made.nodes.append(parser.expression())
        _bind(made, [token.text], made.nodes[-1])
        if not parser.take("operator", ","):
            break


READERS = {
    "if": _expression, "elif": _expression, "else": _nothing, "for": _for, "set": _set, "macro": _macro,
    "call": _call, "filter": _filter, "with": _with, "do": _expression, "break": _nothing, "continue": _nothing,
    "generation": _nothing,
}  # fmt: skip
