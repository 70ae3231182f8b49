"""The export is what the cells say, or an error that names cell and line; and it leads back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tito import export as exporting
from tito import places
from tito.course import Course, Module, find_course
from tito.errors import CodeError
from tito.exercises import strip_answers
from tito.render import content_hash

HERE = Path(__file__)
MODULES = Course(HERE.resolve().parents[2]).modules


def export(course, name: str = "alpha") -> bool:
    return exporting.export(course.module(name))


def names(module: Module) -> list[str]:
    space: dict[str, object] = {}
    exec(compile(exporting.render(module), "export", "exec"), space)
    return list(space["__all__"])


def test_exported_cells_keep_their_order_and_lose_their_markers(course) -> None:
    text = exporting.render(course.module())
    assert text.index("SCALE = 2") < text.index("def double") < text.index("def next_one")
    assert "SOLUTION" not in text
    assert "#|" not in text
    assert "def test_double" not in text
    assert '\n\n\n# cell: 1.1-double\ndef double(x):\n    """Document double."""\n' in text
    assert text.endswith("]\n")


def test_the_header_names_source_and_hash(course) -> None:
    header, _, content = exporting.render(course.module()).partition("\n\n\n")
    assert "modules/01_alpha/alpha_dev.py" in header
    assert "edit that, not this" in header
    assert content_hash(content) in header


def test_public_names_are_sorted_constants_classes_functions(course) -> None:
    code = "class Zed: pass\nclass Alef: pass\n_HIDDEN = LIMIT = 1\nOTHER: int = 2\nlower = 3\n"
    code += "async def go(): pass\ndef _no(): pass\ndef f10(): pass\ndef f9(): pass\n"
    course.edit(course.alpha, "SCALE = 2\n", f"SCALE = 2\n{code}")
    expected = ["LIMIT", "OTHER", "SCALE", "Alef", "Zed", "double", "f9", "f10", "go", "next_one"]
    assert names(course.module()) == expected


def test_the_export_is_clean_for_ruff(course) -> None:
    course.edit(course.alpha, "import math\n\nSCALE = 2", "import math\n\nSCALE = math.tau")
    export(course)
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--line-length=100",
        "--select",
        "E,F,I,RUF",
        "--preview",
    ]
    done = subprocess.run([*command, str(course.export)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_exporting_again_changes_nothing(course) -> None:
    assert export(course)
    before = course.export.stat().st_mtime_ns
    assert not export(course)
    assert course.export.stat().st_mtime_ns == before
    assert b"\r" not in course.export.read_bytes()


def test_check_lists_what_would_change_and_changes_nothing(course) -> None:
    done = course.tito("export", "--all", "--check")
    assert done.returncode == 1
    assert "tinytorch/core/alpha.py" in done.stdout
    assert not course.export.exists()
    assert not (course.root / ".tito").exists()
    assert course.tito("export", "--all").returncode == 0
    assert course.tito("export", "--all", "--check").returncode == 0


def test_an_export_with_windows_newlines_is_up_to_date(course) -> None:
    export(course)
    course.export.write_bytes(course.export.read_bytes().replace(b"\n", b"\r\n"))
    assert exporting.is_current(course.module())


def test_an_edit_in_the_notebook_reaches_the_export(course) -> None:
    course.tito("sync")
    course.edit(course.alpha_notebook, "SCALE * x", "x * SCALE")
    assert course.tito("export", "alpha").returncode == 0
    assert "x * SCALE" in course.export.read_text("utf-8")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("return (x", r"cell 5 \(1\.1-double\), line 5: '\(' was never closed"),
        (
            "return x\n%timeit x",
            r"1\.1-double\), line 6: `%timeit x` is a notebook magic",
        ),
        ("return x\n# %timeit x", r"line 6: `%timeit x` is a notebook magic"),
        ("return x\n!ls", r"line 6: `!ls` is a notebook magic"),
        ("return x\n    # why?", r"line 6: `why\?` is a notebook magic"),
        ("return x\nfrom __future__ import annotations", r"cell 5 .* line 6: from __future__"),
        ("return x\nreturn 1", r"cell 5 .* line 6: 'return' outside function"),
    ],
)
def test_code_that_cannot_be_a_module_is_an_error_with_cell_and_line(
    course, broken, message
) -> None:
    export(course)
    good = course.export.read_bytes()
    course.edit(course.alpha, "return SCALE * x", broken)
    with pytest.raises(CodeError, match="alpha_dev, .*" + message) as caught:
        export(course)
    line = broken.count("\n") + 27
    assert f"alpha_dev.py:{line}" in caught.value.fix
    assert course.export.read_bytes() == good


def test_a_marker_without_its_partner_is_placed(course) -> None:
    course.edit(course.alpha, "### END SOLUTION\n\n\n# %% test-1.1", "\n\n# %% test-1.1")
    with pytest.raises(
        CodeError, match=r"cell 5 \(1\.1-double\), line 4: BEGIN SOLUTION 1.1 without"
    ):
        export(course)


def test_a_module_that_fails_on_import_does_not_replace_a_good_export(course) -> None:
    export(course)
    good = course.export.read_bytes()
    course.edit(course.alpha, "SCALE = 2", "SCALE = 2 / 0")
    with pytest.raises(CodeError, match=r"cannot be imported: .*ZeroDivisionError") as caught:
        export(course)
    assert "alpha_dev, cell 3 (imports), line 4: SCALE = 2 / 0" in caught.value.fix
    assert course.export.read_bytes() == good
    assert not list(course.root.glob(".tito/candidate*"))


def test_the_import_is_tried_with_the_folders_own_package_first(course) -> None:
    export(course)
    course.edit(course.beta, "import double", "import double, scale_that_is_not_there")
    with pytest.raises(CodeError, match=r"cannot import name 'scale_that_is_not_there'"):
        export(course, "beta")


def test_an_export_edited_by_hand_is_kept_aside(course) -> None:
    export(course)
    course.edit(course.export, "return SCALE * x", "return SCALE * x  # mine")
    export(course)
    (copy,) = course.root.glob(".tito/backups/*/tinytorch/core/alpha.py")
    assert "# mine" in copy.read_text("utf-8")


def test_a_stripped_module_still_parses_and_imports(course) -> None:
    text = course.alpha.read_text("utf-8")
    course.alpha.write_text(strip_answers(text), "utf-8")
    module = course.module()
    with exporting.candidate(module, exporting.render(module)) as path:
        exporting.check_import(module, path)


def test_nothing_to_export_says_what_to_write(course) -> None:
    course.alpha.write_text(course.alpha.read_text("utf-8").replace("#| export\n", ""), "utf-8")
    with pytest.raises(CodeError, match="exports nothing"):
        export(course)


def test_a_borrowed_module_keeps_its_reference_export(learner) -> None:
    good = learner.export.read_bytes()
    assert learner.tito("export", "alpha").returncode == 1
    learner.edit(learner.beta, 'raise NotImplementedError("exercise 2.1: quadruple")', "return 4*x")
    assert learner.tito("export", "--all").returncode == 0
    assert learner.export.read_bytes() == good


def test_an_export_is_current_until_either_side_changes(course) -> None:
    assert not exporting.is_current(course.module())
    export(course)
    good = course.export.read_text("utf-8")
    assert exporting.is_current(course.module())
    for by_hand in (good + "x = 1\n", good.replace('    "double",\n', ""), "# more\n" + good):
        course.export.write_text(by_hand, "utf-8")
        assert by_hand != good and not exporting.is_current(course.module())
    course.export.write_text(good, "utf-8")
    course.edit(course.alpha, "# # 01. Alpha", "# # 01. Omega")
    assert not exporting.is_current(course.module())
    export(course)
    course.edit(course.alpha, "SCALE * x", "x * SCALE")
    assert not exporting.is_current(course.module())


def check_round_trip(module: Module) -> None:
    text = exporting.render(module)
    script = module.script.read_text("utf-8").splitlines()
    found = places.line_map(text, module.cells)
    for number, line in enumerate(text.partition("\n__all__ = [")[0].splitlines(), 1):
        if number in found:
            cell, in_cell = found[number]
            assert script[cell.first_line + in_cell - 2].rstrip() == line
        else:
            assert not line or line.startswith("# ")
    assert len(found) == sum(
        len(places.kept_lines(cell)) for cell in places.exported_cells(module.cells)
    )


def test_every_line_of_the_package_leads_to_the_same_line_of_the_source(course) -> None:
    for name in ("alpha", "beta"):
        check_round_trip(course.module(name))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_line_of_the_real_exports_leads_back(module) -> None:
    check_round_trip(module)


def test_a_place_counts_as_the_notebook_does(course) -> None:
    module = course.module()
    text = exporting.render(module)
    line = text.splitlines().index("    return SCALE * x") + 1
    place = places.find(module, text, line)
    assert str(place) == "alpha_dev, cell 5 (1.1-double), line 5"
    assert place.file == "modules/01_alpha/alpha_dev.py:27"
    assert place == places.find_in_script(module, 27)


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_course_behind_a_link_works(course, tmp_path) -> None:
    (tmp_path / "link").symlink_to(course.root)
    linked = find_course(tmp_path / "link")
    assert exporting.export(linked.module("alpha"))
    shutil.rmtree(course.root)
