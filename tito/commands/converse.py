"""What `tito chat` runs in a child process: a published model in the learner's own classes.

The first line of standard input holds the settings; each later one a question, or the wish to stop.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from importlib import import_module
from typing import Any

ATTENTION = {
    "loops": ("attention", "scaled_dot_product_attention"),
    "matrix": ("attention", "vectorized_attention"),
    "flash": ("acceleration", "flash_attention"),
}


class Watched:
    """An attention function that notes where single queries look: one row a layer."""

    def __init__(self, attention: Any, plain: Any) -> None:
        self.attention, self.plain = attention, plain
        self.rows: list[Any] = []

    def __call__(self, Q: Any, K: Any, V: Any, mask: Any = None) -> Any:
        output, weights = self.attention(Q, K, V, mask)
        if mask is None:  # one query a head sees all keys
            seen = weights if weights is not None else self.plain(Q, K, V)[1]
            self.rows.append(seen.data.mean(axis=(0, 1, 2)))
        return output, weights


class Talk:
    """The model, and what was said so far."""

    def __init__(self, settings: dict[str, Any], own: Any, file: Any) -> None:
        np = import_module("numpy")
        where, name = ATTENTION[settings["attention"]]
        attention = getattr(import_module(f"tinytorch.core.{where}"), name)
        plain = import_module("tinytorch.core.attention").vectorized_attention
        self.watched = Watched(attention, plain) if settings["show"] else None
        look = self.watched or attention
        self.model = own.load_model(file, look, settings["context"])
        self.tokenizer = own.SmolTokenizer(file.metadata)
        self.conversation = own.Conversation(
            self.model,
            self.tokenizer,
            rng=np.random.default_rng(settings["seed"]),
            temperature=settings["temperature"],
        )
        self.most = settings["tokens"]

    def answer(self, text: str, stop: threading.Event, say: Any) -> None:
        """Stream the answer; then say what it took, and where its last token looked."""
        stop.clear()
        try:
            for piece in self.conversation.ask(text, self.most):
                say(text=piece)
                if stop.is_set():
                    break
                self.forget_layers()
        except ValueError as error:
            if self.conversation.turn.prompt_tokens:  # it was reading, so the code is at fault
                raise
            say(refused=str(error))
            return
        turn = self.conversation.turn
        say(end={**vars(turn), "context": self.model.config.context_len}, looked=self.looked())

    def forget_layers(self) -> None:
        """Keep the rows of the last token only."""
        if self.watched:
            del self.watched.rows[: -self.model.config.num_layers]

    def looked(self) -> list[tuple[str, float]]:
        """Each token that the last one saw, with its share: the mean of all layers and heads."""
        self.forget_layers()
        if not self.watched or not self.watched.rows:
            return []
        mean = sum(self.watched.rows) / len(self.watched.rows)
        ids = self.conversation.ids
        names = [self.tokenizer.decode([token]) for token in ids[-len(mean) :]]
        return [(name, float(share)) for name, share in zip(names, mean, strict=True)]


def main() -> None:
    from tito.run.child import describe

    settings = json.loads(sys.stdin.buffer.readline())
    here = os.path.dirname(os.path.abspath(__file__))
    own = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    more = [entry for entry in settings["path"] if entry and entry not in own]
    sys.path[:] = [settings["root"], *own, *more]
    out, sys.stdout = sys.stdout, sys.stderr  # a print in a learner's module is no answer

    def say(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    questions: queue.Queue[str] = queue.Queue()
    stop = threading.Event()

    def listen() -> None:
        for line in sys.stdin.buffer:
            said = json.loads(line)
            stop.set() if said.get("stop") else questions.put(said["ask"])
        os._exit(0)  # the parent is gone

    threading.Thread(target=listen, daemon=True).start()
    try:
        builder = import_module("tinytorch.smollm2")
        try:
            file = builder.open_file(settings["model"])
        except (OSError, ValueError) as error:  # the file's fault, and no code of the learner's
            say(refused=str(error))
            return
        talk = Talk(settings, builder, file)
        say(ready=True)
        while True:
            talk.answer(questions.get(), stop, say)
    except Exception as error:
        say(failed=describe(error))


if __name__ == "__main__":
    main()
