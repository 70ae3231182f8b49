"""What is agreed for a batch, beside its checks: due time, penalty, roster, adjustments."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace

from tito.grader.adjustments import Adjustment
from tito.grader.roster import Person

DAY = 24 * 60 * 60.0  # seconds
HOUR = 60 * 60.0


@dataclass(frozen=True)
class Lateness:
    """When work was due, and what a day costs."""

    due: float | None = None  # POSIX seconds
    percent: float = 0  # of the points, for each day begun
    cap: float = 100  # percent: no number of days costs more
    grace: float = 0  # hours after the due time that cost nothing

    def with_changes(self, **changes: float | None) -> Lateness:
        """What is None stays as it is."""
        return replace(self, **{key: one for key, one in changes.items() if one is not None})

    def days(self, handed_in: float | None, said: bool) -> int:
        """Whole days begun after due time and grace; where only the platform says late, one."""
        if self.due is None:
            return int(said)
        after = (handed_in or self.due) - self.due - self.grace * HOUR
        return max(math.ceil(after / DAY), int(said), 0)

    def deducted(self, days: int) -> float:
        """The share of the points, from 0 to 1."""
        return min(days * self.percent, self.cap, 100) / 100


@dataclass(frozen=True)
class Terms:
    """Kept in the gradebook, so that a later run need not say them again."""

    late: Lateness = Lateness()
    roster: tuple[Person, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    assignment: str = ""  # as Canvas names its column: "Attention (98765)"
    skipped: tuple[tuple[str, str], ...] = ()  # files that are no submission, and why

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def from_json(text: str) -> Terms:
    content = json.loads(text)
    return Terms(
        Lateness(**content["late"]),
        tuple(Person(**one) for one in content["roster"]),
        tuple(Adjustment(**one) for one in content["adjustments"]),
        content["assignment"],
        tuple((path, why) for path, why in content["skipped"]),
    )
