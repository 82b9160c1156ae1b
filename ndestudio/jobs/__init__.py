"""Runs any callable that takes a ``Reporter``, on a thread or in a process of its own, and queues its events."""

from ndestudio.jobs.events import Failed, Finished
from ndestudio.jobs.process import ProcessEnded, in_process
from ndestudio.jobs.runner import JobId, Jobs, JobState

__all__ = ["Failed", "Finished", "JobId", "JobState", "Jobs", "ProcessEnded", "in_process"]
