"""The table of commands, and the one place where errors become messages and exit codes.

A command's code is imported when it runs: `tito --help` imports click and nothing heavier.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from tito import __version__, console
from tito.errors import MistypedError, TitoError, of_system

Table = dict[str, tuple[str, str]]  # where a command is, and its line in the help
COMMANDS: Table = {
    "init": ("tito.commands.init:init", "make a folder of your own to learn in"),
    "update": ("tito.commands.update:update", "take over a newer course; what you wrote stays"),
    "status": ("tito.commands.status:status", "where you are, and what to type next"),
    "watch": ("tito.commands.watch:watch", "run the inline tests at every save"),
    "module": ("tito.cli:module", "start, view, test or complete a module"),
    "hint": ("tito.commands.hint:hint", "a hint for an exercise; again, a stronger one"),
    "solution": ("tito.commands.solution:solution", "the reference answer of an exercise"),
    "reset": ("tito.commands.reset:reset", "put the stub of a module or an exercise back"),
    "restore": ("tito.commands.reset:restore", "bring back what a command replaced"),
    "test": ("tito.commands.test:test", "run the tests of modules"),
    "export": ("tito.commands.export:export", "make tinytorch/ from the modules"),
    "sync": ("tito.commands.sync:sync", "bring each .py and its .ipynb together"),
    "show": ("tito.cli:show", "draw what your own code does"),
    "data": ("tito.cli:data", "fetch data sets to train on, and a model to talk to"),
    "chat": ("tito.commands.chat:chat", "talk to a published model through your own modules"),
    "release": (
        "tito.grader.commands.release:release",
        "what learners get, proved to leak nothing",
    ),
    "grade": ("tito.grader.commands.grade:grade", "grade submissions, make feedback"),
    "course": ("tito.cli:course", "prove that checks and release hold"),
    "doctor": ("tito.commands.doctor:doctor", "check the environment"),
}
MODULE_COMMANDS: Table = {
    "start": ("tito.commands.module:start", "prepare a module, show where to begin"),
    "view": ("tito.commands.module:view", "show its files and exercises, open the notebook"),
    "test": ("tito.commands.module:test", "run its inline tests"),
    "complete": ("tito.commands.module:complete", "sync, test, export, test the export"),
    "reset": ("tito.commands.reset:reset", "put its stub back"),
    "restore": ("tito.commands.reset:restore", "list its backups, or bring one back"),
}
SHOW_COMMANDS: Table = {
    "attention": ("tito.commands.show:attention", "who looks at whom in a text"),
}
DATA_COMMANDS: Table = {
    "list": ("tito.commands.data:list_all", "which there are, and which are here"),
    "sheet": ("tito.commands.data:sheet", "where one is from, what it holds, what it is not for"),
    "get": ("tito.commands.data:get", "fetch one, check it, put it into data/NAME/"),
}
COURSE_COMMANDS: Table = {
    "check": ("tito.grader.commands.course:check", "prove that the checks of modules are right"),
}
OF_INSTRUCTORS = ("release", "grade", "course")
HELP = ("-h", "--help")


class LazyGroup(click.Group):
    """A group that knows its commands by name and help line, and imports only the one that runs."""

    def __init__(self, name: str, table: Table, help_line: str, alone: str = "--help") -> None:
        super().__init__(name, help=help_line, context_settings={"help_option_names": [*HELP]})
        self.table, self.alone = table, alone  # alone: what the name by itself stands for

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or [self.alone])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        where, function = self.table[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(where), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.table:
            lists = f"`{ctx.command_path} --help` lists them"
            raise MistypedError(f"no command {args[0]!r}", lists)
        if ctx.parent is None and args[0] in OF_INSTRUCTORS and not {*HELP} & {*args}:
            import_module("tito.commands.meant").refuse_learner(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])


tito = LazyGroup("tito", COMMANDS, "Build a deep-learning library, one notebook at a time.")
tito = click.version_option(__version__, prog_name="tito")(tito)
module = LazyGroup("module", MODULE_COMMANDS, "Work on one module: N is 12 or attention.")
show = LazyGroup("show", SHOW_COMMANDS, "Draw what your own code does.")
data = LazyGroup("data", DATA_COMMANDS, "Data sets to train on.", alone="list")
course = LazyGroup("course", COURSE_COMMANDS, "For those who make the course.")


def main() -> None:
    """Run a command; one line says what was wrong, the next what to do about it."""
    console.prepare()
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except (console.Unheard, OSError) as error:  # `run` tells every error but those of telling
        code = console.give_up(error)
    sys.exit(code)


def run(args: list[str]) -> int:
    try:
        result = tito.main(args, prog_name="tito", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except MistypedError as error:
        console.bad(error.message, _meant(args) or error.fix)
        return error.exit_code
    except TitoError as error:
        console.bad(error.message, error.fix)
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "tito"
        console.bad(error.format_message().splitlines()[0], _meant(args) or f"`{path} --help`")
        return 2
    except OSError as error:  # a full disk, a folder without permission
        told = of_system(error)
        console.bad(told.message, told.fix)
        return told.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130


def _meant(args: list[str]) -> str:
    """The command that was probably meant; what finds it is only loaded now."""
    found: str = import_module("tito.commands.meant").meant(args)
    return found
