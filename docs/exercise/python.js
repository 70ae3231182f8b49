// Asks the Python of a page, one question at a time, and ends it where it does not answer.

const LIMIT = 45; // seconds; Python itself stops a test after 30, unless it is inside NumPy

export class Python {
  #worker; #asked; #clock;

  start() {
    this.#worker ??= this.#made();
  }

  #made() {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = event => this.#hear({ error: event.message || "Python did not load" });
    return worker;
  }

  // What judge.py answers; `running` is called as soon as it is at it.
  ask(call, given, running) {
    if (this.#asked) return Promise.reject(new Error("Python is busy"));
    this.start();
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject, running };
      this.#worker.postMessage({ call, given });
    });
  }

  #hear({ running, answer, error }) {
    if (running) {
      this.#asked?.running();
      this.#clock = setTimeout(() => this.end(`did not finish within ${LIMIT} s`), 1000 * LIMIT);
    } else if (error !== undefined) {
      this.end(error);
    } else if (answer !== undefined) { // else it is a message of the learner's own program
      this.#settle("resolve", answer);
    }
  }

  // Ends it, whatever it does; the next question finds a new one, which starts at once.
  end(why) {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#settle("reject", new Error(why));
  }

  #settle(how, value) {
    clearTimeout(this.#clock);
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.[how](value);
  }
}
