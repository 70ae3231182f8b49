"""A view of attention heads for the browser: point at a word and see where each head looks.

Plain HTML that stays alive in a saved page. Where scripts are removed, as on GitHub, its tables
remain; they are also the script's data. Colours: Okabe and Ito's eight.
"""

import builtins
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from tinytorch.pictures import blocked_cells
from tinytorch.tensor_base import bare

Array = npt.NDArray[Any]

HEAD_STYLE = """
.tt-heads { --text: #1f2328; --ground: #fff; }
@media (prefers-color-scheme: dark) { .tt-heads { --text: #e6e6e6; --ground: #16181c; } }
.tt-heads {
  --ink: var(--jp-content-font-color1, var(--text));
  --paper: var(--jp-layout-color0, var(--ground));
  padding: 10px; border-radius: 8px; overflow-x: auto;
  font: 14px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  .view { display: flex; flex-wrap: wrap; gap: 10px 40px; margin-bottom: 8px; }
  .map { display: flex; gap: 2px; }
  .side, .legend { display: flex; flex-direction: column; }
  .side > *, .legend > * { display: flex; align-items: center; gap: 4px; height: 26px;
    white-space: pre; }
  .side > * { justify-content: space-between; }
  .side:first-child > * { flex-direction: row-reverse; }
  .legend { flex: 1 0 280px; overflow: hidden; }
  small { opacity: .7; padding: 0 6px; }
  button { all: unset; cursor: pointer; }
  button:focus-visible { outline: none; }
  input { color: inherit; }
  bdi { padding: 1px 6px; border-radius: 5px; max-width: 160px; overflow: hidden;
    text-overflow: ellipsis; }
  .chosen bdi { background: var(--ink); color: var(--paper); }
  :focus-visible bdi { outline: 2px solid #56b4e9; }
  .blocked bdi { opacity: .4; text-decoration: line-through; }
  .bars { width: 72px; }
  i { display: block; border-radius: 2px; }
  .side:first-child i { margin-left: auto; }
  td { text-align: right; }
}
"""

HEAD_SCRIPT = """
(() => {
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
  "currentColor"];  // Okabe and Ito's eight; their black is the ink of the page
const colour = head => COLOURS[head % 8];
const make = (parent, tag, properties) =>
  parent.appendChild(Object.assign(document.createElement(tag), properties));

function read(table) {  // the tables are the data; a blocked cell holds a cross: NaN
  const [top, ...rows] = [...table.rows].map(row => [...row.cells].map(c => c.textContent));
  return {words: [rows.map(row => row[0]), top.slice(1)],
    weights: rows.map(row => row.slice(1).map(Number))};
}

function line(head, i, j, weight, heads) {
  const shift = (head - (heads - 1) / 2) * Math.min(3, 18 / heads);
  const [a, b] = [26 * i + 39 + shift, 26 * j + 39 + shift];
  return `<path d="M0 ${a}C90 ${a} 90 ${b} 180 ${b}" stroke="${colour(head)}"
    stroke-width="${1 + 3 * weight}" opacity="${.2 + .8 * weight}"/>`;
}

function build(root) {
  const heads = [...root.querySelectorAll("table")].map(read), words = heads[0].words;
  const height = 26 * (1 + Math.max(words[0].length, words[1].length));
  const view = make(root, "div", {className: "view"});
  view.innerHTML = `<div class="map"><div class="side"><small>query</small></div>
    <svg width="180" height="${height}" fill="none" aria-hidden="true"></svg>
    <div class="side"><small>key</small></div></div>
    <div class="legend" aria-live="polite"><small></small></div>`;
  root.prepend(view);
  root.querySelector("details").open = false;
  const svg = view.querySelector("svg"), legend = view.querySelector(".legend");

  const tokens = [...view.querySelectorAll(".side")].flatMap((column, side) =>
    words[side].map((text, k) => {
      const ariaLabel = `${["query", "key"][side]} ${k + 1}: ${text}`;
      const token = make(column, "button", {ariaLabel, tabIndex: 0, side, k});
      make(token, "bdi", {textContent: text});
      make(token, "span", {className: "bars"});
      token.onmouseenter = token.onfocus = () => draw(side, k);
      token.onmouseleave = token.onblur = rest;
      return token;
    }));
  const boxes = heads.map((_, head) => {
    const label = make(legend, "label");
    const box = make(label, "input", {type: "checkbox", checked: true, onchange: rest});
    box.style.accentColor = colour(head);
    label.append("head " + head);
    box.best = make(label, "span");
    return box;
  });

  function rest() {  // back to the word that has the focus, or to the whole
    const token = view.querySelector("button:focus");
    draw(token?.side, token?.k);
  }

  function draw(side, index) {
    const whole = side === undefined, lines = [];
    heads.forEach(({weights}, head) => weights.forEach((row, i) => row.forEach((weight, j) => {
      if (boxes[head].checked && weight >= .01 && (whole || [i, j][side] === index))
        lines.push(line(head, i, j, weight, heads.length));
    })));
    svg.innerHTML = lines.join("");
    legend.firstChild.textContent = whole ? "point at a word"
      : `"${words[side][index]}" ${["looks at", "is seen by"][side]}`;
    const seen = heads.map(({weights}) =>  // what each head gives to the words on the other side
      whole ? [] : side ? weights.map(row => row[index]) : weights[index]);
    tokens.forEach(token => mark(token, side, index, seen));
    boxes.forEach((box, head) => tell(box, seen[head], words[1 - side]));
  }

  function mark(token, side, index, seen) {
    const weights = token.side === 1 - side ? seen.map(row => row[token.k]) : [];
    token.className = token.side === side && token.k === index ? "chosen"
      : weights.length && weights.every(isNaN) ? "blocked" : "";
    token.lastChild.innerHTML = weights.map((weight, head) => weight && boxes[head].checked ?
      `<i style="background: ${colour(head)}; width: ${72 * weight}px;
        height: ${Math.min(6, 22 / heads.length)}px"></i>` : "").join("");
  }

  function tell(box, weights, words) {  // the three words that weigh most
    const order = [...weights.keys()].filter(k => box.checked && weights[k] >= .005);
    order.sort((a, b) => weights[b] - weights[a]);
    box.best.replaceChildren();
    order.slice(0, 3).forEach(k =>
      make(box.best, "bdi", {textContent: `${words[k]} ${weights[k].toFixed(2)}`}));
  }
  for (const one of [...tokens, ...boxes]) one.dataset.lmSuppressShortcuts = true;  // JupyterLab's
  draw();
}

document.querySelectorAll(".tt-heads:not(.alive)").forEach(root => {
  root.classList.add("alive");
  build(root);
});
})();
"""


class HeadView:
    """The weights of some heads as a piece of HTML; a notebook shows it by itself."""

    def __init__(self, html: str, summary: str) -> None:
        self.html, self.summary = html, summary

    def __repr__(self) -> str:
        return f"<HeadView of {self.summary}: a notebook shows it, .html holds it>"

    def _repr_html_(self) -> str:
        return self.html


def squeezed(code: str) -> str:
    """The style or the script without indentation and comments: every view carries both."""
    return "\n".join(line.partition("  //")[0].strip() for line in code.splitlines())


def weights_table(
    head: int, weights: Array, rows: Sequence[str], columns: Sequence[str], blocked: Array
) -> str:
    """Write one head's weights (n_q, n_k) as an HTML table; a blocked cell holds a ×."""
    top = "".join(f'<th scope="col">{escape(word)}</th>' for word in columns)
    lines = [f"<table><caption>head {head}</caption>", f"<tr><td></td>{top}</tr>"]
    for word, shares, hidden in zip(rows, weights, blocked, strict=True):
        texts = [f"{round(float(share), 3):g}" for share in shares]
        texts = ["×" if x else text for x, text in zip(hidden, texts, strict=True)]
        cells = "".join(f"<td>{text}</td>" for text in texts)
        lines.append(f'<tr><th scope="row">{escape(word)}</th>{cells}</tr>')
    return "\n".join([*lines, "</table>"])


def head_view(
    weights: Any,
    row_words: Sequence[str],
    column_words: Sequence[str] | None = None,
    mask: Any = None,
) -> HeadView:
    """Show where each head looks: a view for the browser, to hover over or to walk through.

    Args:
        weights: (heads, n_q, n_k), or (n_q, n_k) for one head.
        row_words, column_words: the query words and the key words (None: the same).
        mask: (n_q, n_k), nonzero means the query may look at that key; blocked cells bear a ×.

    Returns:
        A view that a notebook shows; its `html` works in any page.

    Raises:
        ValueError: the weights have other axes, or do not belong to so many words.
    """
    columns = row_words if column_words is None else column_words
    maps, sizes = np.asarray(bare(weights)), (len(row_words), len(columns))
    maps = maps[None] if maps.ndim == 2 else maps
    if maps.ndim != 3 or maps.shape[1:] != sizes:
        need = f"(heads, {sizes[0]}, {sizes[1]})"
        raise ValueError(f"weights have shape {np.shape(weights)}; these words need {need}")
    blocked = np.broadcast_to(blocked_cells(mask, sizes), maps.shape)
    tables = [weights_table(h, maps[h], row_words, columns, blocked[h]) for h in range(len(maps))]
    html = f"""<div class="tt-heads"><style>{squeezed(HEAD_STYLE)}</style>
<details open><summary>the weights in numbers: a row is a query</summary>
{"".join(tables)}</details><script>{squeezed(HEAD_SCRIPT)}</script></div>"""
    return HeadView(html, f"{len(maps)} heads, {sizes[0]} queries, {sizes[1]} keys")


def in_notebook(view: HeadView) -> None:
    """Show a view; a terminal can only name it."""
    getattr(builtins, "display", print)(view)
