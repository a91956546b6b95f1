"""Markdown to HTML that is safe to show, bounded in time and in size whatever is written.

`renderer` is the parent's side: it asks a child process (`worker`), which has a budget of CPU time for each text and is
killed by the kernel where it exceeds it. The child parses (`parser`), colours code (`highlighting`) and sanitises. What
needs no Markdown, and what the child had to give up, is drawn by `plain`. The child imports nothing but this package.
"""
