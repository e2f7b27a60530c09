"""What is rehearsed, and what became of it. It must not know how it is played."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policy.invariants import Breach


@dataclass(frozen=True, slots=True)
class Scene:
    """One job of one actor: its module (importable by a worker), name, arguments, and how many mails it sends."""

    module: str
    actor: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    mails: int = 1

    @property
    def id(self) -> str:
        """How it is called in a test's name."""
        return f"{self.module}.{self.actor}"


class NotSurvived(AssertionError):
    """A job was lost, an effect happened twice, or an invariant does not hold."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scene after a crash at `point`, once everything had come to rest."""

    scene: Scene
    point: str
    reached: bool
    jobs: int
    state: str | None
    reason: str | None
    attempts: tuple[str, ...]
    mails: int
    effects: tuple[str, ...]
    breaches: tuple[Breach, ...]

    @property
    def held(self) -> bool:
        """Whether an operator has been asked, because nobody can know: neither lost nor done twice."""
        return self.state == "dead" and self.reason == "outcome_unknown"

    def problems(self) -> list[str]:
        """What is wrong, as sentences; none when nothing was lost and nothing happened twice."""
        found = [breach.line for breach in self.breaches]
        if self.jobs > 1:
            found.append(f"{self.jobs} jobs for one dispatch key")
        if self.mails > self.scene.mails:
            found.append(f"{self.mails} mails instead of {self.scene.mails}: sent twice")
        if self.state != "succeeded" and not self.held:
            found.append(f"the job is {self.state or 'not there'} ({self.reason or 'no reason'}): not done")
        if self.state == "succeeded" and self.mails < self.scene.mails:
            found.append(f"the job has succeeded and {self.mails} of {self.scene.mails} mails were sent: lost")
        return found

    def survived(self) -> Outcome:
        """Itself. Raises NotSurvived with every problem and the attempts' story."""
        if problems := self.problems():
            story = f"attempts: {', '.join(self.attempts) or 'none'}"
            raise NotSurvived("\n".join([f"{self.scene.id} after a crash at {self.point}:", *problems, story]))
        return self


#: What the plugin's fixture gives: `rehearsal(scene, point, action=Action.KILL)`.
Rehearsal = Callable[..., Outcome]
