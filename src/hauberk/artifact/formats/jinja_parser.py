"""Jinja's expressions as trees: the grammar of jinja2/parser.py 3.1, and nothing of what they would do.

>>> parse_expression("a.b(1)|upper")
Node(filter upper)
"""

from __future__ import annotations

from collections.abc import Callable

from .jinja_lexer import Token, Tokens, tokens
from .jinja_tree import Node
from .opcodes import Broken

MAX_DEPTH = 25
"""Nesting of expressions; honest templates stay below 12, and Python recurses 14 deep a level."""
COMPARE = frozenset(("==", "!=", "<", "<=", ">", ">="))
LEVELS = {"+": 0, "-": 0, "~": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 3}
"""Binary operators, loosest first; each binds to the left."""
ENDS_TEST = frozenset(("else", "or", "and"))
"""Names that are no argument of the test before them; Jinja takes any other name for one."""


def parse_expression(text: str) -> Node:
    """One expression. Raises Broken."""
    inner = list(tokens("{{" + text + " }}"))[1:-1]
    parser = Parser(inner)
    node = parser.tuple_or_expression()
    parser.done()
    return node


class Parser(Tokens):
    """Reads the tokens of one statement or expression."""

    # expressions, loosest first

    def tuple_or_expression(self, *, conditions: bool = True) -> Node:
        """`a, b` or `a`."""
        at, items = self.at, [self.expression(conditions)]
        if not self.peek("operator", ","):
            return items[0]
        while self.take("operator", ","):
            if self.pos >= len(self.tokens) or self.peek("operator", ")", "=") or self.peek("name", "in"):
                break
            items.append(self.expression(conditions))
        return Node("list", at, kids=items)

    def expression(self, conditions: bool = True) -> Node:
        """An expression, with its `if … else …`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Broken("expressions are nested too deeply", self.at)
        node = self._either()
        while conditions and self.peek("name", "if"):
            at = self.need("name").at
            test = self._either()
            other = self.expression() if self.take("name", "else") else Node("const", at)
            node = Node("cond", at, kids=[node, test, other])
        self.depth -= 1
        return node

    def _either(self) -> Node:
        return self._joined("or", self._both)

    def _both(self) -> Node:
        return self._joined("and", self._negated)

    def _joined(self, word: str, below: Callable[[], Node]) -> Node:
        node = below()
        while token := self.take("name", word):
            node = Node("op", token.at, word, kids=[node, below()])
        return node

    def _negated(self) -> Node:
        count, at = 0, self.at
        while self.take("name", "not"):
            count += 1
        node = self._compare()
        return Node("op", at, "not", kids=[node]) if count else node

    def _compare(self) -> Node:
        node = self._binary(0)
        while True:
            at = self.at
            if token := self.take("operator", *COMPARE):
                node = Node("op", at, token.text, kids=[node, self._binary(0)])
            elif self.take("name", "in"):
                node = Node("op", at, "in", kids=[node, self._binary(0)])
            elif self.peek("name", "not") and self.peek("name", "in", ahead=1):
                self.pos += 2
                node = Node("op", at, "not in", kids=[node, self._binary(0)])
            else:
                return node

    def _binary(self, level: int) -> Node:
        node = self.unary()
        while self.pos < len(self.tokens):
            token = self.tokens[self.pos]
            binds = LEVELS.get(token.text, -1) if token.kind == "operator" else -1
            if binds < level:
                break
            self.pos += 1
            node = Node("op", token.at, token.text, kids=[node, self._binary(binds + 1)])
        return node

    def unary(self, filters: bool = True) -> Node:
        """A sign, or a primary with what follows it."""
        signs, at = "", self.at
        while token := self.take("operator", "-", "+"):
            signs += token.text
        node = self._postfix(self._primary())
        if signs:
            node = Node("op", at, "-" if signs.count("-") % 2 else "+", kids=[node])
        return self._filters(node) if filters else node

    def _primary(self) -> Node:
        at = self.at
        if token := self.take("name"):
            constants = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
            if token.text in constants:
                return Node("const", at, value=constants[token.text])
            return Node("name", at, token.text)
        if token := self.take("string"):
            text = token.text
            while more := self.take("string"):
                text += more.text
            return Node("const", at, value=text)
        if token := self.take("integer"):
            return Node("const", at, value=_integer(token))
        if token := self.take("float"):
            return Node("const", at, value=float(token.text))
        if self.take("operator", "("):
            return self._parentheses(at)
        if self.take("operator", "["):
            return Node("list", at, kids=self._items("]"))
        if self.take("operator", "{"):
            return self._dict(at)
        raise Broken("an expression is missing", at)

    def _parentheses(self, at: int) -> Node:
        if self.take("operator", ")"):
            return Node("list", at)
        node = self.tuple_or_expression()
        self.need("operator", ")")
        return node

    def _items(self, end: str) -> list[Node]:
        items: list[Node] = []
        while not self.take("operator", end):
            if items:
                self.need("operator", ",")
                if self.take("operator", end):
                    break
            items.append(self.expression())
        return items

    def _dict(self, at: int) -> Node:
        kids: list[Node] = []
        while not self.take("operator", "}"):
            if kids:
                self.need("operator", ",")
                if self.take("operator", "}"):
                    break
            kids.append(self.expression())
            self.need("operator", ":")
            kids.append(self.expression())
        return Node("dict", at, kids=kids)

    # what follows a primary

    def _postfix(self, node: Node) -> Node:
        while True:
            at = self.at
            if self.take("operator", "."):
                if token := self.take("name"):
                    node = Node("attr", at, token.text, kids=[node])
                else:
                    node = Node("item", at, kids=[node, Node("const", at, value=_integer(self.need("integer")))])
            elif self.take("operator", "["):
                node = Node("item", at, kids=[node, *self._subscript()])
            elif self.peek("operator", "("):
                node = self._call(Node("call", at, kids=[node]))
            else:
                return node

    def _subscript(self) -> list[Node]:
        found: list[Node] = []
        while not self.take("operator", "]"):
            if found:
                self.need("operator", ",")
            found.append(self._index())
        if not found:
            raise Broken("an index is missing", self.at)
        return found

    def _index(self) -> Node:
        at, sliced = self.at, False
        parts: list[Node] = []
        while not self.peek("operator", "]", ","):
            if self.take("operator", ":"):
                sliced = True
            elif parts and not sliced:
                raise Broken("an index does not end", self.at)
            else:
                parts.append(self.expression())
        return Node("slice", at, kids=parts) if sliced else parts[0]

    def _call(self, node: Node) -> Node:
        self.need("operator", "(")
        first = True
        while not self.take("operator", ")"):
            if not first:
                self.need("operator", ",")
                if self.take("operator", ")"):
                    break
            first = False
            if self.peek("name") and self.peek("operator", "=", ahead=1):
                name = self.need("name").text
                self.pos += 1
                node.named[name] = self.expression()
            elif self.take("operator", "*", "**"):
                node.kids.append(Node("op", self.at, "*args", kids=[self.expression()]))
            else:
                node.kids.append(self.expression())
        return node

    def _filters(self, node: Node) -> Node:
        while True:
            if self.peek("operator", "|"):
                node = self.filters(node)
            elif self.peek("name", "is"):
                node = self._test(node)
            elif self.peek("operator", "("):
                node = self._call(Node("call", self.at, kids=[node]))
            else:
                return node

    def filters(self, node: Node, *, bare: bool = False) -> Node:
        """`| name(…) | name …` behind an object; bare: the first name has no bar."""
        while bare or self.take("operator", "|"):
            bare, at = False, self.at
            made = Node("filter", at, self._dotted(), kids=[node])
            node = self._call(made) if self.peek("operator", "(") else made
        return node

    def _test(self, node: Node) -> Node:
        at = self.need("name", "is").at
        negated = self.take("name", "not") is not None
        made = Node("test", at, self._dotted(), kids=[node])
        if self.peek("operator", "("):
            made = self._call(made)
        elif self._argument():
            if self.peek("name", "is"):
                raise Broken("two tests in a row", self.at)
            made.kids.append(self._postfix(self._primary()))
        return Node("op", at, "not", kids=[made]) if negated else made

    def _argument(self) -> bool:
        if self.peek("name"):
            return not self.peek("name", *ENDS_TEST)
        return any(self.peek(kind) for kind in ("string", "integer", "float")) or self.peek("operator", "[", "{")

    def _dotted(self) -> str:
        name = self.need("name").text
        while self.take("operator", "."):
            name += "." + self.need("name").text
        return name


def _integer(token: Token) -> int:
    text = token.text.replace("_", "")
    if len(text) > 100:
        raise Broken("a number is too long", token.at)
    return int(text, 0) if text.strip("0") else 0
