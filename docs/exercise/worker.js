// Python of an exercise page: Pyodide and the course, in a thread that can be ended.

import { loadPyodide } from "../pyodide/pyodide.mjs";

const address = name => new URL(name, import.meta.url).href;

async function start() {
  const course = fetch(address("course.zip")).then(answer => answer.arrayBuffer());
  const python = await loadPyodide({ indexURL: address("../pyodide/") });
  await python.loadPackage("numpy", { messageCallback: () => {} });
  python.unpackArchive(await course, "zip", { extractDir: "/course" });
  python.runPython("import sys; sys.path.insert(0, '/course'); import numpy");
  return python.pyimport("judge");
}

const judge = start();

// {call, given} comes, {answer} or {error} goes; a call begins with {running}.
onmessage = async ({ data: { call, given } }) => {
  try {
    const python = await judge;
    postMessage({ running: true });
    postMessage({ answer: python[call](...given) });
  } catch (error) {
    postMessage({ error: String(error.message ?? error) });
  }
};
