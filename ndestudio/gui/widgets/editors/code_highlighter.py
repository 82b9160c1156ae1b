"""Modest colouring of exported code: comments, strings, numbers, keywords."""

from __future__ import annotations

import re

from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from ndestudio.gui.theme import colours, follow

_COMMENTS = {"python": "#", "julia": "#", "toml": "#", "matlab": "%", "latex": "%", "c": "//"}
_KEYWORDS = {
    "python": "def return import from as for in if else elif while with class lambda not and or None True False",
    "julia": "function end return using import for in if else elseif while struct const true false",
    "matlab": "function end return for if else elseif while",
    "c": "int double float void const static return for if else while struct include define",
}
_TOKEN = re.compile(
    r"(?P<string>\"[^\"\n]*\"|'[^'\n]*')|(?P<number>\b\d+\.?\d*(?:[eE][+-]?\d+)?)|(?P<word>\\?[A-Za-z_]\w*)"
)


class CodeHighlighter(QSyntaxHighlighter):
    """Colours by ``language``; an unknown one gets strings and numbers only."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.language = ""
        follow(self, self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        c = colours()
        if self.language == "python" and self._in_docstring(text):
            self.setFormat(0, len(text), _format(c.muted))
            return
        sign = _COMMENTS.get(self.language)
        end = text.find(sign) if sign else -1
        end = len(text) if end < 0 else end
        keywords = frozenset(_KEYWORDS.get(self.language, "").split())
        for found in _TOKEN.finditer(text, 0, end):
            kind, word = found.lastgroup, found.group()
            if kind == "word" and word not in keywords and not word.startswith("\\"):
                continue
            colour = {"string": c.curves[2], "number": c.curves[1], "word": c.curves[0]}[kind or "word"]
            self.setFormat(found.start(), len(word), _format(colour))
        if end < len(text):
            self.setFormat(end, len(text) - end, _format(c.muted))

    def _in_docstring(self, text: str) -> bool:
        """Whether a line belongs to a string in triple quotes, its ends included."""
        quotes = text.count('"""')
        before = self.previousBlockState() == 1
        self.setCurrentBlockState(int(before != (quotes % 2 == 1)))
        return before or quotes > 0


def _format(colour: str) -> QTextCharFormat:
    form = QTextCharFormat()
    form.setForeground(QColor(colour))
    return form
