"""Each module completed in turn, in a folder made from the wheel."""

import pytest

from tests.integration.wheel import COURSE, Learner, learner, wheel, write

__all__ = ["learner", "wheel"]
pytestmark = pytest.mark.slow


def test_each_module_in_turn_can_be_completed_from_the_first_on(learner: Learner) -> None:
    learner.folder = learner.folder.parent
    learner.tito("init", "all")
    learner.folder /= "all"
    for module in COURSE.modules:
        write(learner.folder, module=module)
        assert f"{module.name} is complete" in learner.tito("module", "complete", module.number)
    learner.tito("test", "--all")
