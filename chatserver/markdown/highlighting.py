"""Colours for code: Pygments' lexers, and spans for the few classes that `static/css/code.css` has a colour for.

Lexers are loaded by `load`, which knows languages and no text; `colour` uses what is loaded. A lexer's expressions may
not terminate: only a process with a CPU budget calls `colour`.
"""

from collections.abc import Iterator
from types import FunctionType

from pygments.lexer import DelegatingLexer, Lexer, RegexLexer
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.token import STANDARD_TYPES, Comment, Token, _TokenType
from pygments.util import ClassNotFound

from chatserver.markdown.plain import escape

# Past this, one block of code is shown plain: highlighting it would take longer than it is worth.
LONGEST_CODE = 20_000
PREFIX = "code-"
# The short names that have a colour; a token without one takes its parent's (`code-sc` is a kind of `code-s`).
COLOURED = {
    "bp", "c", "c1", "ch", "cm", "cs", "err", "fm", "gd", "gi", "il", "k", "kc", "kd", "kn", "kr", "kt", "m", "mf", "mh",
    "mi", "na", "nb", "nc", "nd", "nf", "nn", "nt", "ow", "s", "s1", "s2", "sa", "sb", "sd", "se",
}  # fmt: skip
_UNCOLOURED = frozenset({Comment.Preproc, Comment.PreprocFile})

_LANGUAGES = frozenset(alias.lower() for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)
_lexers: dict[str, Lexer | None] = {}
_classes: dict[_TokenType, str] = {}


def knows(language: str) -> bool:
    """Whether there is a lexer of that name."""
    return language.lower() in _LANGUAGES


def is_loaded(language: str) -> bool:
    """Whether its lexer is loaded, or was found not to work."""
    return language.lower() in _lexers


def load(language: str) -> None:
    """Loads a language's lexer and those that it delegates to. Up to 0.1 s of CPU, once."""
    language = language.lower()
    if not knows(language) or is_loaded(language):
        return
    try:
        lexer = get_lexer_by_name(language)
        _warm(lexer)
    except Exception:  # noqa: BLE001  a lexer that cannot be loaded here costs its colours, nothing else
        _lexers[language] = None
    else:
        _lexers[language] = lexer


def colour(code: str, language: str) -> str | None:
    """The code as HTML with `code-*` spans; None where it has no colours."""
    lexer = _lexers.get(language.lower())
    if lexer is None or len(code) > LONGEST_CODE:
        return None
    try:
        return "".join(_spans(lexer, code))
    except (ClassNotFound, ImportError, LookupError, OSError, RecursionError, ValueError):
        return None


def _spans(lexer: Lexer, code: str) -> Iterator[str]:
    name, gathered = "", ""
    for token, text in lexer.get_tokens(code):
        following = _class_of(token)
        if following != name:
            yield _span(name, gathered)
            name, gathered = following, ""
        gathered += text
    yield _span(name, gathered)


def _span(name: str, text: str) -> str:
    return f'<span class="{PREFIX}{name}">{escape(text)}</span>' if name and text else escape(text)


def _class_of(token: _TokenType) -> str:
    if token not in _classes:
        _classes[token] = _find_class(token)
    return _classes[token]


def _find_class(token: _TokenType | None) -> str:
    while token is not None and token is not Token and token not in _UNCOLOURED:
        name = str(STANDARD_TYPES.get(token, ""))
        if name in COLOURED:
            return name
        token = token.parent
    return ""


def _warm(lexer: Lexer) -> None:
    """Compiles what is compiled at first use, in this lexer and in those that it delegates to."""
    for _ in lexer.get_tokens("a"):
        pass
    for companion in _companions(lexer):
        if "_tokens" not in vars(companion):
            _warm(companion())


def _companions(lexer: Lexer) -> set[type[Lexer]]:
    if isinstance(lexer, DelegatingLexer):
        return {type(lexer.root_lexer), type(lexer.language_lexer)}
    if not isinstance(lexer, RegexLexer):
        return set()
    actions = [rule[1] for rules in lexer._tokens.values() for rule in rules]
    return {found for action in actions for found in _lexers_in(action)}


def _lexers_in(action: object) -> Iterator[type[RegexLexer]]:
    """The lexers that a rule's action closes over: `using(X)`, alone or in `bygroups`."""
    if isinstance(action, type) and issubclass(action, RegexLexer):
        yield action
    elif isinstance(action, tuple):
        for part in action:
            yield from _lexers_in(part)
    elif isinstance(action, FunctionType):
        for cell in action.__closure__ or ():
            yield from _lexers_in(cell.cell_contents)
