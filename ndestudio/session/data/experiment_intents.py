"""What a person does in the experiment table."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ndestudio.data.config import DataConfig, GivenDoseConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.names import is_identifier
from ndestudio.data.run_doses import doses_of, given_of
from ndestudio.errors import DataError
from ndestudio.session.data.experiments import assignments, begin_of, with_condition, with_new_input, with_run
from ndestudio.session.ports import Notifier

_DOSE_WORDS = {"additional": "Further doses", "steady_state": "Steady state"}


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

    def set_begin(self, run: str, text: str) -> bool:
        """The steady state at which a run begins: `settled`, under `S = 0`, or under a condition; "": none."""
        config, dataset = self._current()
        try:
            begin = begin_of(text, _conditions(config, dataset))
        except DataError as error:
            return self._refused(str(error))
        return self._taken(f"Begin of {run}", with_run(config, run, equilibrated=begin))

    def set_steady(self, steady: bool) -> bool:
        """Whether every row is a steady state."""
        config, _ = self._current()
        words = "Rows are steady states" if steady else "Rows are moments in time"
        return config.steady != steady and self._taken(words, msgspec.structs.replace(config, steady=steady))

    def change(self, condition: str, field: str, text: str) -> bool:
        """What a condition changes: `parameters`, `inputs`, `initial` as assignments, where its runs begin (`equilibrated`), or its
        `note`."""
        config, dataset = self._current()
        try:
            if field == "equilibrated":
                value: object = begin_of(text, _conditions(config, dataset))
            else:
                value = text if field == "note" else assignments(text)
        except DataError as error:
            return self._refused(str(error))
        return self._taken(f"{field.capitalize()} of {condition}", with_condition(config, condition, **{field: value}))

    def set_dose(self, run: str, number: int, field: str, text: str) -> bool:
        """One number of a row of the doses of a run, as typed; ``field`` as in ``GivenDoseConfig``."""
        given = self._given(run)
        if given is None or not 0 <= number < len(given):
            return False
        text = text.strip()
        try:
            value: object = text
            if field in ("additional", "steady_state"):
                value = int(text or "0")
            elif field == "reset":
                value = text == "True"
            elif field != "compartment":
                value = float((text or "0").replace(",", "."))
        except ValueError:
            return self._refused(f"`{text}` is no {'whole ' if field in ('additional', 'steady_state') else ''}number")
        changed = msgspec.structs.replace(given[number], **{field: value})
        if field in ("rate", "duration") and changed.rate > 0 and changed.duration > 0:
            # the one that is typed holds
            changed = msgspec.structs.replace(changed, **{"duration" if field == "rate" else "rate": 0.0})
        if field == "amount" and changed.rate > 0 and changed.duration > 0:
            changed = msgspec.structs.replace(changed, rate=0.0)
        return self._dosed(
            run, f"{_DOSE_WORDS.get(field, field.capitalize())} of a dose of {run}", given, number, changed
        )

    def add_dose(self, run: str) -> bool:
        """A further dose like the last one, one interval later; the first one of a run at its begin."""
        config, dataset = self._current()
        given = self._given(run)
        if given is None or dataset is None:
            return False
        new = GivenDoseConfig(time=float(dataset.trajectory(run).t[0]), amount=1.0)
        if given:
            last = given[-1]
            gap = last.interval or (last.time - given[-2].time if len(given) > 1 else 1.0) or 1.0
            new = msgspec.structs.replace(
                last,
                time=last.time + gap * (last.additional + 1),
                additional=0,
                interval=0.0,
                steady_state=0,
                reset=False,
            )
        return self._taken(f"Dose of {run} added", with_run(config, run, doses=(*given, new)))

    def remove_dose(self, run: str, number: int) -> bool:
        """Take a row of the doses of a run away."""
        config, _ = self._current()
        given = self._given(run)
        if given is None or not 0 <= number < len(given):
            return False
        return self._taken(
            f"Dose of {run} deleted", with_run(config, run, doses=(*given[:number], *given[number + 1 :]))
        )

    def doses_of_file(self, run: str) -> bool:
        """The doses of the file again."""
        config, _ = self._current()
        return self._taken(f"Doses of {run} as in its file", with_run(config, run, doses=None))

    def _given(self, run: str) -> tuple[GivenDoseConfig, ...] | None:
        """The rows of the doses of a run, None where there is no such run."""
        config, dataset = self._current()
        own = config.runs.get(run)
        if own is not None and own.doses is not None:
            return own.doses
        found = next((one for one in dataset.trajectories if one.name == run), None) if dataset else None
        return None if found is None else given_of(found.doses)

    def _dosed(
        self, run: str, words: str, given: tuple[GivenDoseConfig, ...], number: int, changed: GivenDoseConfig
    ) -> bool:
        config, _ = self._current()
        try:
            doses_of(changed, run)
        except DataError as error:
            return self._refused(str(error))
        return self._taken(words, with_run(config, run, doses=(*given[:number], changed, *given[number + 1 :])))

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


def _conditions(config: DataConfig, dataset: Dataset | None) -> tuple[str, ...]:
    told = [one.condition for one in dataset.trajectories if one.condition] if dataset else []
    return tuple(dict.fromkeys((*config.conditions, *told)))
