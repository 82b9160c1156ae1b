"""Runs any callable that takes a ``Reporter``, on a thread or in a process of its own, and queues its events."""

from ndestudio.jobs.events import Failed, Finished
from ndestudio.jobs.process import NotBegun, ProcessEnded, in_process
from ndestudio.jobs.runner import JobId, Jobs, JobState
from ndestudio.jobs.workers import Workers

__all__ = ["Failed", "Finished", "JobId", "JobState", "Jobs", "NotBegun", "ProcessEnded", "Workers", "in_process"]
