"""The status bar: running job with time and progress on the left, device on the right."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QStatusBar

from ndestudio.gui.building import button, label
from ndestudio.session.shell import JobState, ShellState


class StatusBar(QStatusBar):
    """Signals: device_clicked()."""

    device_clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self._job = label()
        self._job.setAccessibleName("Running job")
        self._progress = QProgressBar()
        self._progress.setFixedWidth(160)
        self._progress.setTextVisible(False)
        self._progress.setRange(0, 1000)
        self._progress.setAccessibleName("Progress of the running job")
        self._time = label()
        self._time.setAccessibleName("Elapsed and remaining time")
        self._device = button("", self.device_clicked.emit, kind="link")
        self._device.setAccessibleName("Device")
        self.addWidget(self._job)
        self.addWidget(self._progress)
        self.addWidget(self._time)
        self.addPermanentWidget(self._device)

    def show_state(self, state: ShellState) -> None:
        job = state.job
        self._job.setText(_words(job) if job else "Ready")
        self._progress.setVisible(job is not None and job.fraction is not None)
        if job is not None and job.fraction is not None:
            self._progress.setValue(round(job.fraction * 1000))
        self._time.setText(_times(job) if job else "")
        self._device.setText(state.device or "Device")
        self._device.setToolTip(state.device_details or "What computes; press for details")


def duration(seconds: float) -> str:
    """A duration for a person: `42 s`, `3:05 min`, `1:02 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _words(job: JobState) -> str:
    return f"{job.title}: {job.text}" if job.text and job.text != job.title else job.title


def _times(job: JobState) -> str:
    return duration(job.seconds) + (f", {duration(job.eta)} left" if job.eta is not None else "")
