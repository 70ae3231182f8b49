// The Python of an exercise page under Node: node pyodide_judge.mjs PYODIDE COURSE.ZIP QUESTIONS
//
// QUESTIONS holds [[function of judge.py, argument, ...], ...] as JSON. It writes a line of JSON for each answer.

import { readFileSync } from "node:fs";

const [pyodide, course, questions] = process.argv.slice(2);
const { loadPyodide } = await import(`${pyodide}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: `${pyodide}/` });
await python.loadPackage("numpy", { messageCallback: () => {} });
python.unpackArchive(new Uint8Array(readFileSync(course)).buffer, "zip", { extractDir: "/course" });
python.runPython("import sys; sys.path.insert(0, '/course')");
const judge = python.pyimport("judge");
for (const [name, ...given] of JSON.parse(readFileSync(questions, "utf8")))
  process.stdout.write(`${JSON.stringify(judge[name](...given))}\n`);
