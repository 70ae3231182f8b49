"""`tito course check`: proof that the checks find what they must, and that a release is clean."""

from __future__ import annotations

import os

import click

from tito import console
from tito.course import Course, Module, find_course
from tito.errors import TitoError
from tito.grader.batch import Plan
from tito.grader.proof import Proof, Proving
from tito.grader.sandbox import level_here

SEED = 0
COLUMNS = ("reference", "stub", "empty", "wrong", "right", "release")


@click.command(help="Prove that the checks of MODULES are right, and their release leaks nothing.")
@click.argument("names", metavar="[MODULES]", nargs=-1)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count, help="At the same time.")
@click.option("--seed", type=click.IntRange(0, 2**53), default=SEED, help="Draws the inputs.")
@click.option("--unsandboxed", is_flag=True, help="Even where no sandbox works.")
def check(names: tuple[str, ...], jobs: int, seed: int, unsandboxed: bool) -> int:
    here = find_course()
    proofs = []
    for module in _with_checks(here, names):
        level = level_here(here, module, unsandboxed)
        proving = Proving(Plan(here, module, level, seed, jobs))
        with click.progressbar(
            proving, length=len(proving), label=module.folder_name, show_pos=True
        ) as bar:
            for _ in bar:
                pass
        proofs.append(proving.proof)
    return _show(proofs)


def _with_checks(here: Course, names: tuple[str, ...]) -> list[Module]:
    """Those that were named, or all that have checks."""
    modules = here.select(names, everything=not names)
    lacking = [module for module in modules if not module.check_files]
    if names and lacking:
        file = lacking[0].show(lacking[0].checks)
        raise TitoError(f"no checks for {lacking[0].name}", f"write {file}")
    for module in lacking:
        console.note(f"{module.folder_name} has no checks")
    return [module for module in modules if module not in lacking]


def _show(proofs: list[Proof]) -> int:
    failures = [(proof.module.folder_name, line) for proof in proofs for line in proof.failures]
    for name, line in failures:
        console.bad(f"{name}: {line}")
    row = "{:16}{:>7}{:>7}" + "{:>11}" * len(COLUMNS)
    console.plain(row.format("module", "checks", "points", *COLUMNS))
    for proof in proofs:
        counts = ["{}/{}".format(*proof.held[kind]) for kind in COLUMNS]
        name, points = proof.module.folder_name, f"{proof.points:g}"
        console.plain(row.format(name, proof.checks, points, *counts))
    return int(bool(failures))
