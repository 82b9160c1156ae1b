"""What a person does in the experiment table."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.names import is_identifier
from ndestudio.errors import DataError
from ndestudio.session.data.experiments import assignments, with_condition, with_new_input, with_run
from ndestudio.session.ports import Notifier


class ExperimentIntents:
    """Edits of runs and conditions; each tells whether it was taken, and says why where it was not.

    Parameters
    ----------
    current
        The data settings and the loaded data.
    use
        Takes other settings, with words for the undo list.
    """

    def __init__(
        self,
        notifier: Notifier,
        current: Callable[[], tuple[DataConfig, Dataset | None]],
        use: Callable[[str, DataConfig], None],
    ) -> None:
        self._notifier, self._current, self._use = notifier, current, use

    def set_column(self, label: str | None) -> bool:
        """Which column tells the condition of each run; None: none does."""
        config, _ = self._current()
        return self._taken(f"Conditions: {label or 'none'}", msgspec.structs.replace(config, condition=label))

    def set_condition(self, run: str, condition: str) -> bool:
        """The condition of a run; "": what the column says."""
        config, _ = self._current()
        return self._taken(
            f"Condition of {run}: {condition or 'as the data say'}", with_run(config, run, condition=condition)
        )

    def set_input(self, run: str, name: str, text: str) -> bool:
        """A constant input of a run; "": what the data or the condition say."""
        config, dataset = self._current()
        levels = next((one.levels for one in dataset.inputs if one.name == name), ()) if dataset else ()
        try:
            value = None if not text else float(levels.index(text)) if levels else float(text.replace(",", "."))
        except ValueError:
            wanted = f"one of {', '.join(levels)}" if levels else "a number such as 0.25"
            return self._refused(f"`{text}` is no value of `{name}`; type {wanted}, or nothing")
        return self._taken(f"{name} of {run}", with_run(config, run, inputs={name: value}))

    def set_starts(self, run: str, text: str) -> bool:
        """Known initial values of a run, as `x = 1.5; y = 0`."""
        config, _ = self._current()
        try:
            return self._taken(f"Starts of {run}", with_run(config, run, initial=assignments(text)))
        except DataError as error:
            return self._refused(str(error))

    def change(self, condition: str, field: str, text: str) -> bool:
        """What a condition changes: `parameters`, `inputs`, `initial` as assignments, or its `note`."""
        config, _ = self._current()
        try:
            value = text if field == "note" else assignments(text)
        except DataError as error:
            return self._refused(str(error))
        return self._taken(f"{field.capitalize()} of {condition}", with_condition(config, condition, **{field: value}))

    def add_input(self, name: str, text: str) -> bool:
        """An input with one value in all runs, to be changed run by run."""
        config, dataset = self._current()
        if dataset is None:
            return False
        if not is_identifier(name) or name in (*dataset.input_names, *dataset.measured_names):
            why = "is there already" if name in (*dataset.input_names, *dataset.measured_names) else "is no name"
            return self._refused(f"`{name}` {why}; give the input a name of letters, digits and `_`")
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            return self._refused(f"`{text}` is no number; type the value that `{name}` has in most runs")
        return self._taken(f"Input {name}", with_new_input(config, dataset, name, value))

    def _taken(self, words: str, config: DataConfig) -> bool:
        self._use(words, config)
        return True

    def _refused(self, sentence: str) -> bool:
        self._notifier.toast(f"{sentence}.", "warning")
        return False
