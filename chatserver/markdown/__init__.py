"""Markdown to sanitised HTML, bounded in time and in size whatever the text.

`renderer` is the parent's side: it asks a child process (`worker`), which has a budget of CPU time for each text and is
killed by the kernel when it exceeds that. The child parses (`parser`), colours code (`highlighting`) and sanitises. Texts
without Markdown, and those that the child gave up, are rendered by `plain`. The child imports nothing but this package.
"""
