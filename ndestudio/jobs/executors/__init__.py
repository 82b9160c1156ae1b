"""Many independent computations: one protocol, and who carries it out (see ``base``)."""

from ndestudio.jobs.executors.base import Ended, Executor, ExecutorLost, Load, Task, WrongVersion
from ndestudio.jobs.executors.registry import FORMS, executor

__all__ = ["FORMS", "Ended", "Executor", "ExecutorLost", "Load", "Task", "WrongVersion", "executor"]
