"""A child process that is asked and answers, line by line, for as long as its parent lives.

Each line is JSON. What the child's own code prints goes to the error stream, so it cannot be taken
for an answer; the child ends when its standard input does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tito.errors import CodeError
from tito.run.environment import chosen
from tito.run.process import alone, end


class Dialogue:
    """Starts a script of ours in a folder, and ends it with everything it started.

    Args:
        script: reads a first line with `settings`, then one line a question.
        root: the learner's folder; the script finds its package there.
        settings: plain values.
    """

    def __init__(self, script: Path, root: Path, settings: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=chosen(PYTHONUNBUFFERED="1"),
            **alone(),
        )
        self.send(**settings, root=str(root), path=sys.path)

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def send(self, **what: Any) -> None:
        """Say something to the child."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(what).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise self.ended() from None

    def receive(self) -> dict[str, Any]:
        """The child's next line.

        Raises:
            CodeError: it is gone.
        """
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise self.ended()
        found: dict[str, Any] = json.loads(line)
        return found

    def ended(self) -> CodeError:
        """How the child ended, as an error."""
        code = self.process.wait()
        how = f"crashed (signal {-code})" if code < 0 else f"ended with exit code {code}"
        return CodeError(f"Python {how}", "too little memory is one reason; run it again to see")
