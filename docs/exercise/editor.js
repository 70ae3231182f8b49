// The editor of an exercise page: CodeMirror, with a line that can be marked.

import { indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { python } from "@codemirror/lang-python";
import { Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { minimalSetup } from "codemirror";

const mark = StateEffect.define();
const marked = StateField.define({
  create: () => Decoration.none,
  update(before, { docChanged, effects, state }) {
    let after = docChanged ? Decoration.none : before; // the text is not the one that was judged
    for (const effect of effects) {
      if (!effect.is(mark)) continue;
      const line = effect.value && state.doc.line(Math.min(effect.value, state.doc.lines));
      const place = Decoration.line({ class: "tt-marked" });
      after = line ? Decoration.set(place.range(line.from)) : Decoration.none;
    }
    return after;
  },
  provide: field => EditorView.decorations.from(field),
});

export function makeEditor(parent, text, label, { run, leave, changed }) {
  const keys = [
    { key: "Mod-Enter", run: () => (run(), true) },
    { key: "Ctrl-Enter", run: () => (run(), true) },
    { key: "Escape", run: () => (leave(), true) },
    indentWithTab,
  ];
  const view = new EditorView({
    parent,
    doc: text,
    extensions: [
      Prec.high(keymap.of(keys)),
      minimalSetup,
      lineNumbers(),
      python(),
      indentUnit.of("    "),
      indentOnInput(),
      bracketMatching(),
      syntaxHighlighting(classHighlighter),
      marked,
      EditorView.contentAttributes.of({ "aria-label": label, autocapitalize: "off" }),
      EditorView.updateListener.of(update => update.docChanged && changed(view.state.doc.toString())),
    ],
  });
  return {
    get text() { return view.state.doc.toString(); },
    set text(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    scrollTo(line) { // the editor alone, not the page
      const at = view.state.doc.line(Math.min(line, view.state.doc.lines)).from;
      view.requestMeasure({
        read: () => view.lineBlockAt(at).top,
        write: top => view.scrollDOM.scrollTop = top - 100,
      });
    },
    mark: line => view.dispatch({ effects: mark.of(line) }),
    show(line) {
      const at = view.state.doc.line(Math.min(line, view.state.doc.lines)).to;
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    },
    get focused() { return view.hasFocus; },
  };
}
