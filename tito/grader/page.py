"""The feedback page as HTML: one file without scripts, links or anything from elsewhere.

Every text goes through `_text`; the page's own policy forbids whatever might still slip in.
"""

from __future__ import annotations

from html import escape

from tito.grader.feedback import Feedback, Line, Section
from tito.grader.text import printable

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """\
:root {
  color-scheme: light dark;
  --page: #f6f5f1; --card: #ffffff; --line: #dedbd2; --text: #22252b; --quiet: #5c606a;
  --good: #17663a; --good-back: #e3f3e8; --bad: #a3232b; --bad-back: #fbe9e7;
  --mistake: #6b4700; --mistake-back: #fdf0cf; --code-back: #f1efe9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181d; --card: #1e2127; --line: #363b45; --text: #e4e2dc; --quiet: #a3a8b3;
    --good: #86d9a3; --good-back: #1d3527; --bad: #ffa8a0; --bad-back: #432424;
    --mistake: #f3cf7c; --mistake-back: #3a301a; --code-back: #282c34;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem; max-width: 46rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, p, ul { margin: 0; }
h1 { font-size: 1.75rem; line-height: 1.25; }
h2 { font-size: 1.125rem; line-height: 1.4; }
code { font: 0.875em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
.quiet { color: var(--quiet); font-size: 0.875rem; }
.points { color: var(--quiet); font-variant-numeric: tabular-nums; white-space: nowrap; }
.total { margin: 1.25rem 0 0.5rem; font-size: 1.125rem; }
.total strong { font-size: 2rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.bar { height: 0.5rem; border-radius: 1rem; background: var(--line); overflow: hidden; }
.bar div { height: 100%; background: var(--good); }
.late { margin-top: 0.75rem; color: var(--mistake); font-weight: 600; }
.card {
  margin-top: 1.25rem; padding: 1.125rem 1.25rem; border: 1px solid var(--line);
  border-radius: 0.75rem; background: var(--card);
}
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 0.25rem 1rem; }
.next p { margin-top: 0.25rem; }
.next dl { margin: 0; }
.next dt { margin-top: 0.75rem; }
.next dd { margin: 0.125rem 0 0; color: var(--quiet); }
.next dt code { padding: 0.25rem 0.5rem; border-radius: 0.375rem; background: var(--code-back); }
.checks { list-style: none; padding: 0; }
.checks > li { padding: 0.75rem 0 0; margin-top: 0.75rem; border-top: 1px solid var(--line); }
.mark {
  display: inline-block; margin-right: 0.5rem; padding: 0 0.5rem; border-radius: 1rem;
  font-size: 0.8125rem; font-weight: 600; white-space: nowrap;
}
.good { color: var(--good); background: var(--good-back); }
.bad { color: var(--bad); background: var(--bad-back); }
.why { margin-top: 0.375rem; }
.mistake {
  margin-top: 0.5rem; padding: 0.5rem 0.75rem; border-left: 0.25rem solid var(--mistake);
  border-radius: 0.25rem; color: var(--mistake); background: var(--mistake-back);
}
.reason {
  display: block; margin-top: 0.375rem; padding: 0.5rem 0.75rem; border-radius: 0.375rem;
  background: var(--code-back); overflow: hidden; white-space: pre-wrap;
}
footer { margin-top: 1.5rem; }
@media (max-width: 36rem) { .mark { display: table; margin-bottom: 0.25rem; } }
@media print { body { padding: 0; } .card { break-inside: avoid; } }
"""


def page(feedback: Feedback) -> str:
    graded = feedback.graded
    module = _text(f"Module {feedback.module}, {feedback.title}")
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{module}: {_text(feedback.who)}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<p class="quiet">{module}</p>
<h1><bdi>{_text(feedback.who)}</bdi></h1>
<p class="quiet">File: <bdi>{_text(graded.name)}</bdi></p>
<p class="total"><strong>{feedback.points}</strong> points</p>
<div class="bar" aria-hidden="true"><div style="width: {100 * feedback.share:.4g}%"></div></div>
{_paragraph("late", feedback.late)}{_note(graded.note)}</header>
<main>
{_next(feedback)}{"".join(_section(section) for section in feedback.sections)}</main>
<footer class="quiet">
<p>Sandbox: <bdi>{_text(graded.level)}</bdi></p>
</footer>
</body>
</html>
"""


def _text(text: str) -> str:
    return escape(printable(text))


def _paragraph(name: str, text: str) -> str:
    return f'<p class="{name}">{_text(text)}</p>\n' if text else ""


def _note(note: str) -> str:
    return f'<p class="card">Note: <bdi>{_text(note)}</bdi></p>\n' if note else ""


def _next(feedback: Feedback) -> str:
    rows = "".join(
        f"<dt><code>{_text(command)}</code></dt><dd>{_text(what)}</dd>\n"
        for command, what in feedback.commands.items()
    )
    return (
        '<section class="card next">\n<h2>What to do next</h2>\n'
        f"<p>{_text(feedback.next_step)}</p>\n"
        + (f"<dl>\n{rows}</dl>\n" if rows else "")
        + "</section>\n"
    )


def _section(section: Section) -> str:
    return (
        '<section class="card">\n<div class="head">'
        f"<h2>{_text(f'{section.number} {section.name}'.rstrip())}</h2>"
        f'<p class="points">{section.points} points</p></div>\n'
        f'<ul class="checks">\n{"".join(_line(line) for line in section.lines)}</ul>\n</section>\n'
    )


def _line(line: Line) -> str:
    kind, mark = ("good", "✓ passed") if line.passed else ("bad", "✗ not passed")
    hidden = ' <span class="quiet">(hidden check)</span>' if line.hidden else ""
    rows = (
        '<li>\n<div class="head">'
        f'<p><span class="mark {kind}">{mark}</span>{_text(line.title)}{hidden}</p>'
        f'<p class="points">{line.points}</p></div>\n'
    )
    if line.mistake:
        rows += (
            '<p class="mistake">This looks like a known mistake: '
            f"<strong>{_text(line.mistake)}</strong></p>\n"
        )
    rows += _paragraph("why", line.why)
    if line.reason:
        rows += f'<code class="reason" dir="auto">{_text(line.reason)}</code>\n'
    return rows + "</li>\n"
