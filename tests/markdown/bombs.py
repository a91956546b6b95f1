"""Texts that expressions and parsers stumble over: what backtracks, nests, never ends, or comes out far larger."""

LENGTH = 8_000

# Inside a block of code.
CODE = (
    '"' + "\\" * 100,
    '"' + "\\" * 7000,
    "'" + "a\\'" * 2500,
    "/*" * 3500,
    "(" * 7000,
    "<a " * 2300,
    "a" * 7000,
    " " * 7000 + "x",
    "\n" * 7000 + "x",
    "${" * 3500,
    "#{" * 3500,
    "[[" * 3500,
    "1" * 7000,
    "a." * 3500,
    "a::" * 2300,
    "a = " * 1700,
    "{" * 7000,
    "\"'" * 3500,
    "--" * 3500,
    "@a " * 2300,
    "a\\\n" * 2300,
    " \n" * 3500,
    "<" * 7000,
    "(*" * 3500,
    "%(" * 3500,
    '"""' * 2300,
    "<!--" * 1700,
    "b'" + "\\x" * 3000,
)

# Repeated to a whole message: each kind of block and of inline, its beginnings without ends, and mixtures.
UNITS = (
    "[", "]", "![", "[a](", "[a][", "[a]: b\n", "[a]: <", "[^a]", "*", "**a", "_", "*_", "a*_", "~~", "~", "`", "`a",
    "``` ", "```\n", "~~~\n", "> ", ">", "> - ", "- ", "* ", "+ ", "1. ", "1) a\n", "- a\n", " - a\n  ", "    a\n",
    "\t", "#", "# a\n", "a\n=\n", "a\n-\n", "---\n", "***\n", "| a ", "|", "|-", "|\n|-\n", "a|b\n-|-\n", "|x\n", "<",
    "<a", "</", "<!--", "<![CDATA[", "<?", "<a@b.c> ", "<http://a", "<br>", "<br ", "<sub>", "<sub>a</sub>",
    "<sub><sup>", "<kbd>`", "&", "&a", "&amp", "&amp;", "&#", "&#x", "&#1;", "\\", "\\\n", "  \n", "\n", "\r", "\r\n",
    " ", "\x0b", "\u2028", "\xa0", "a", "a ", "a\n", "1", "1.", "é", "😀", "(", ")", "((", '"', '[a](b "', "[a](<",
    "[a](b)", "https://a.b/", "\u202e", "́", "{", "$", ":", "::", "http://", "@", "\x00",
    "$$", "$$\n", "$a", "$a$", "\\(", "\\(a", "\\(a\\)", "\\[", "\\[\n", "\\[\na\n\\]\n", "\\(\\frac", "$\\sqrt{",
    "\\(x^{", "$\\begin{matrix}", "- [ ] ", "- [x] a\n", "[^1]", "[^1]: ", "[^1]: a\n", "[^1][^1]: ", "^[a", "https://",
    "https://a.b/(", "https://a)))", "https://a.b,,,", "http:", "://",
)  # fmt: skip


def messages() -> list[str]:
    """Whole messages of at most LENGTH characters."""
    repeated = [unit * (LENGTH // len(unit)) for unit in UNITS]
    closed = [f"{unit * (LENGTH // 2 // len(unit))}x{unit[::-1] * (LENGTH // 2 // len(unit))}" for unit in UNITS]
    special = [
        f"[a]: https://example.org/{'x' * 900}\n\n" + "[a] " * 1500,
        "".join(f"[{n}]: https://example.org/{n}\n" for n in range(150)) + "".join(f"[{n}]" for n in range(150)) * 5,
        "|a" * 900 + "\n" + "|-" * 900 + "\n" + "|\n" * 2000,
        "| a | b |\n|---|---|\n" + "|x|\n" * 1900,
        "".join(f"{'> ' * n}a\n" for n in range(80)),
        "".join(f"{'  ' * n}- a\n" for n in range(80)),
        "```json\n" + '{"a":1},' * 900 + "\n```",
        "".join(f"```{language}\n'a' 1 # b\n```\n" for language in ("c", "go", "php", "sql", "css", "tex") * 40),
        "*a **b " * 500 + "c** d* " * 500,
        "[" * 1000 + "a" + "](b)" * 1000,
        "[^1]: a\n\n" + "[^1]" * 1900,
        "".join(f"[^{n}]" for n in range(600)) + "\n\n" + "".join(f"[^{n}]: a\n" for n in range(400)),
        "\\(" + "\\frac{a}{" * 300 + "b" + "}" * 300 + "\\) " + "$x^2$ " * 500,
        "\\[\\begin{matrix}" + "&" * 1500 + "\\end{matrix}\\] " * 3,
        r"\(\def\a{xxxxxxxx}\def\b{\a\a\a\a}\def\c{\b\b\b\b}\c\c\c\c\c\c\) " * 80,
    ]
    return [text[:LENGTH] for text in (*repeated, *closed, *special)]
