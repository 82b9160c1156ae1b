"""Many independent computations: one protocol, and who carries it out (see ``base``)."""

from ndestudio.jobs.executors.base import Ended, Executor, ExecutorLost, Load, Task, WrongVersion
from ndestudio.jobs.executors.content import content_key
from ndestudio.jobs.executors.gather import AllFailed, gathered
from ndestudio.jobs.executors.registry import FORMS, executor

__all__ = [
    "FORMS",
    "AllFailed",
    "Ended",
    "Executor",
    "ExecutorLost",
    "Load",
    "Task",
    "WrongVersion",
    "content_key",
    "executor",
    "gathered",
]
