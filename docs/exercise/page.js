// The page of an exercise: write, run, read what is wrong, take a hint, carry the file home.
//
// Whatever Python says is text to this page; a picture is HTML of the learner's own program, and
// stands in a frame that can reach nothing.

import { makeEditor } from "./editor.js";
import * as kept from "./kept.js";
import { Python } from "./python.js";

const root = document.querySelector(".tt-exercise");
const facts = JSON.parse(root.querySelector("script").textContent);
const { number, cell, stub, file, cells, earlier } = facts;
const python = new Python();

const make = (parent, tag, properties = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  parent.append(made);
  return made;
};

// ---- what stands on the page

const place = make(root, "div", { className: "tt-editor" });
make(root, "p", { className: "tt-keys", id: "tt-keys", textContent:
  "Ctrl-Enter runs the test. Tab indents; Escape leaves the editor, to the button Run." });
const bar = make(root, "div", { className: "tt-bar" });
const button = (label, onclick) => make(bar, "button", { type: "button", textContent: label, onclick });
const runButton = button("Run", run);
const stopButton = button("Stop", () => stop());
const hintButton = button("Hint", hint);
const resetButton = button("Reset to the stub", reset);
const undoButton = button("Bring back what I wrote", undo);
button("Download .py", () => download("py"));
button("Download .ipynb", () => download("ipynb"));
runButton.className = "tt-run";
const state = make(root, "p", { className: "tt-state", role: "status" });
const verdict = make(root, "div", { className: "tt-verdict" });
verdict.setAttribute("aria-live", "polite");
const hints = make(root, "div", { className: "tt-hints" });
hints.setAttribute("aria-live", "polite");
const uses = make(root, "p", { className: "tt-uses" });

const editor = makeEditor(place, kept.get("text", cell) ?? stub, `Your answer to exercise ${number}`, {
  run,
  leave: () => runButton.focus(),
  changed,
});
if (facts.shared) editor.scrollTo(facts.line);
place.addEventListener("focusin", () => python.start(), { once: true }); // it loads while you write

// ---- what was typed

function changed(text) {
  if (text === stub) kept.forget("text", cell);
  else if (!kept.put("text", cell, text)) say("This browser's storage is full: download what you wrote.");
  showButtons();
}

// Of a cell that holds several exercises, this one's stubs alone; then, or if they are not to be
// found, the cell as it was given.
function asGiven(text) {
  const region = new RegExp(
    `^([ \\t]*### BEGIN SOLUTION ${number.replace(".", "\\.")}[ \\t]*\n)([^]*?)(?=^[ \\t]*### END SOLUTION)`, "gm");
  const given = [...stub.matchAll(region)].map(found => found[2]);
  if (!facts.shared || [...text.matchAll(region)].length !== given.length) return stub;
  const without = text.replace(region, (_, begin) => begin + given.shift());
  return without === text ? stub : without;
}

function reset() {
  if (editor.text === stub) return;
  kept.put("before", cell, editor.text);
  editor.text = asGiven(editor.text);
  editor.show(facts.line);
  say("The stub is back. What you wrote is kept.");
  showButtons();
}

function undo() {
  const before = kept.get("before", cell);
  if (editor.text !== stub) kept.put("before", cell, editor.text);
  else kept.forget("before", cell);
  editor.text = before;
  editor.show(facts.line);
  say("What you wrote is back.");
  showButtons();
}

window.addEventListener("storage", ({ key, newValue }) => { // the same cell in another tab
  if (key === kept.key("text", cell) && !editor.focused && (newValue ?? stub) !== editor.text)
    editor.text = newValue ?? stub;
  showUses();
});

// ---- Python

let busy = false;
const asked = () => JSON.stringify({
  number,
  texts: { ...kept.all("text", cells), [cell]: editor.text },
  passed: kept.all("passed", earlier),
});

async function ask(call, ...more) {
  if (busy) return undefined;
  busy = true;
  say("Python is loading; the first time these are about 10 MB.");
  showButtons();
  try {
    return await python.ask(call, [asked(), ...more], () => say("Python is at it."));
  } catch (error) {
    say(`Exercise ${number}: ${error.message}.`);
    python.start();
    return undefined;
  } finally {
    busy = false;
    showButtons();
  }
}

async function run() {
  if (busy) return;
  verdict.replaceChildren();
  editor.mark(0);
  const text = editor.text;
  const answer = await ask("judge");
  if (answer !== undefined) show(JSON.parse(answer), text);
}

function stop() {
  if (busy) python.end("stopped; what you wrote is as it was");
}

function show({ passes, title, message, line, notes, printed, pictures }, text) {
  say("");
  verdict.className = `tt-verdict ${passes ? "tt-passes" : "tt-fails"}`;
  make(verdict, "p", { className: "tt-title", textContent: `${passes ? "✓" : "✗"} ${title}` });
  if (message) make(verdict, "p", { className: "tt-message", textContent: message });
  for (const note of notes) make(verdict, "p", { className: "tt-message", textContent: note });
  if (line) {
    editor.mark(line);
    const textContent = `line ${line}: ${text.split("\n")[line - 1]?.trim() ?? ""}`;
    make(verdict, "button", { type: "button", className: "tt-line", textContent, onclick: () => editor.show(line) });
  }
  if (printed.trim()) make(verdict, "pre", { textContent: printed.trimEnd(), tabIndex: 0 });
  for (const picture of pictures) showPicture(picture);
  if (!passes) return;
  kept.put("passed", number, text);
  showUses();
  if (facts.next)
    make(make(verdict, "p"), "a", { href: `${facts.next}.html`, textContent: `Next: exercise ${facts.next}` });
}

function showPicture(html) {
  const frame = make(verdict, "iframe", { className: "tt-picture", title: "A picture of what your answer does" });
  frame.setAttribute("sandbox", "allow-scripts"); // an origin of its own: nothing of this page
  const dark = document.documentElement.dataset.theme === "dark";
  frame.srcdoc = `<!doctype html><meta http-equiv="Content-Security-Policy"
    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
    <style>html { color-scheme: ${dark ? "dark" : "light"}; --jp-content-font-color1: ${dark ? "#ced6dd" : "#222"};
    --jp-layout-color0: ${dark ? "#14181e" : "#fff"} } body { margin: 0 }</style>${html}`;
}

async function download(form) {
  const text = await ask("whole", form);
  if (text === undefined) return;
  const href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const link = make(root, "a", { href, download: `${file}.${form}`, hidden: true });
  link.click();
  link.remove();
  URL.revokeObjectURL(href);
  say(`${file}.${form}: put it in its place in your folder, then \`tito sync ${number.split(".")[0]}\`.`);
}

// ---- hints, and what is said

const steps = [...document.querySelectorAll(".tt-hint")];

function hint() {
  const shown = hints.children.length;
  if (steps[shown]) hints.append(steps[shown]);
  kept.put("hints", number, hints.children.length);
  showButtons();
}

function say(text) {
  state.textContent = text;
}

function showButtons() {
  const left = steps.length - hints.children.length;
  hintButton.textContent = left === steps.length ? "Hint" : `Next hint (${left} left)`;
  const idle = new Map([[hintButton, left === 0], [runButton, busy], [stopButton, !busy],
    [resetButton, editor.text === stub]]);
  for (const [one, is] of idle) one.ariaDisabled = is; // a disabled button would lose the focus
  undoButton.hidden = kept.get("before", cell) === null;
}

function showUses() {
  const own = earlier.filter(one => kept.get("passed", one) !== null);
  const others = earlier.filter(one => !own.includes(one));
  const parts = [];
  if (own.length) parts.push(`your own ${own.join(", ")}`);
  if (others.length) parts.push(`the reference's ${others.join(", ")}`);
  uses.textContent = (parts.length ? `Above it run ${parts.join(" and ")}. ` : "")
    + "Earlier modules are the course's own. "
    + (kept.lasts ? "What you write stays in this browser." : "This browser keeps nothing: download what you write.");
}

root.classList.add("tt-alive");
place.setAttribute("aria-describedby", "tt-keys");
for (let i = Number(kept.get("hints", number) ?? 0); i > 0; i--) hint();
showButtons();
showUses();
