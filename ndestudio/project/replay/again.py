"""Doing again what led to the results of a project: on the same data, on others, or with settings changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.distil.result import Distillation
from ndestudio.errors import ProjectError
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Note, Phase, Reporter, SilentReporter
from ndestudio.project.project import Project, Run, Spec
from ndestudio.project.replay.verdict import TOLERANCE, Number, summary, verdicts
from ndestudio.project.script import run_of, same_model, search_of
from ndestudio.project.spec import with_files

Change = Callable[[Spec, Run | None], Spec]
"""Edits the settings of a run (None: those of now, where the run was not kept)."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A repetition.

    Parameters
    ----------
    project
        What it came to: its runs are those of the repetition.
    numbers
        Those of the first results, each with a verdict.
    sentence
        The same for a person.
    notes
        Where a step could not be done as it was.
    same_data
        Whether the data are those of the first results, by the bytes of the files.
    """

    project: Project
    numbers: tuple[Number, ...]
    sentence: str
    notes: tuple[str, ...]
    same_data: bool


def replay(
    project: Project,
    reporter: Reporter | None = None,
    *,
    files: tuple[str, ...] | None = None,
    change: Change | None = None,
    tolerance: float = TOLERANCE,
) -> Replay:
    """Do again the trainings, the search and the choices that led to the present results of ``project``.

    Parameters
    ----------
    files
        Data files to take instead of those of the project; their columns are read as those were.
    change
        Edits the settings of every step; what does not depend on what it changes gives the same results again.
    tolerance
        Relative difference of numbers that counts as the same.

    Raises
    ------
    ProjectError
        The project has no results.
    NdeStudioError
        Data or settings that cannot be used.
    """
    if project.fit is None:
        raise ProjectError("nothing was trained in this project, so there is nothing to do again")
    steps = _Steps(project, SilentReporter() if reporter is None else reporter, files, change or (lambda spec, _: spec))
    again = steps.project()
    numbers = verdicts(project, again, tolerance)
    same = _sources(project.dataset) == _sources(again.dataset) and project.dataset is not None
    where = "" if same else "On other data: "
    return Replay(again, numbers, where + summary(numbers), tuple(steps.notes), same)


class _Steps:
    """The steps, each done once; later ones find the results of earlier ones by what those were in the project."""

    def __init__(self, project: Project, reporter: Reporter, files: tuple[str, ...] | None, change: Change) -> None:
        self._old, self._reporter, self._files, self._change = project, reporter, files, change
        self._fits: dict[int, Fit] = {}
        self._data: list[tuple[Spec, Dataset]] = []
        self._runs: list[Run] = []
        self.notes: list[str] = []

    def project(self) -> Project:
        old = self._old
        assert old.fit is not None
        fit = self._fit(old.fit)
        source = run_of(old, old.fit)
        spec = self._spec(source.spec if source is not None else old.spec, source)
        made = Project(spec=spec, dataset=self._dataset(spec), fit=fit, runs=tuple(self._runs), layout=old.layout)
        if old.distillation is None or self._reporter.should_stop() or fit.outcome is Outcome.DIVERGED:
            return made
        searched = search_of(old)
        spec = self._spec(searched.spec if searched is not None else old.spec, searched)
        self._reporter.emit(Phase("search", "Searching formulas again"))
        dataset = self._dataset(spec)
        found = self._searched(spec, dataset, fit)
        found, accepted = self._chosen(found, fit.model, dataset, spec)
        self._runs.append(
            Run(
                searched.name if searched is not None else "Search", "distil", _now(), spec, fit=fit, distillation=found
            )
        )
        return replace(made, spec=spec, dataset=dataset, distillation=found, accepted=accepted, runs=tuple(self._runs))

    def _spec(self, spec: Spec, run: Run | None) -> Spec:
        changed = self._change(spec, run)
        return with_files(changed, self._files) if self._files is not None else changed

    def _dataset(self, spec: Spec) -> Dataset:
        from ndestudio.data import load
        from ndestudio.model.statements import data_for

        for known, dataset in self._data:
            if known.data == spec.data and known.model.equations == spec.model.equations:
                return dataset
        old = self._old
        if old.dataset is not None and spec.data == old.spec.data and spec.model.equations == old.spec.model.equations:
            dataset = old.dataset  # a project carries its data; its files need not be there
        else:
            dataset = load(data_for(spec.data, spec.model.equations), self._reporter, None)
        self._data.append((spec, dataset))
        return dataset

    def _fit(self, old: Fit) -> Fit:
        """A training again, after those it went on from."""
        from ndestudio.fitting import fit

        if id(old) in self._fits:
            return self._fits[id(old)]
        run = run_of(self._old, old)
        if run is None:
            return self._fits.setdefault(id(old), self._gone_back(old))
        start = None
        if run.start is not None:
            start = self._model_of(run.start)
            if start is None:
                self._note(f"{run.name} went on from a model that was not kept; it began with fresh networks")
        spec = self._spec(run.spec, run)
        self._reporter.emit(Phase("train", f"Training again: {run.name}"))
        made = fit(spec.model, self._dataset(spec), spec.train, self._reporter, start)
        self._runs.append(Run(run.name, "fit", _now(), spec, fit=made, start=start))
        return self._fits.setdefault(id(old), made)

    def _gone_back(self, old: Fit) -> Fit:
        """A fit that is none of the runs: the model of a moment of one of them, or one that was not kept."""
        from ndestudio.fitting import fit

        found = self._model_of(old.model)
        if found is not None:
            owner = next(one for one in self._fits.values() if _has(one, found))
            return replace(owner, model=found)
        self._note("the training that led to this model was not kept; it was done with the settings of now")
        spec = self._spec(self._old.spec, None)
        return fit(spec.model, self._dataset(spec), spec.train, self._reporter)

    def _model_of(self, model: FittedModel) -> FittedModel | None:
        """What a model of one of the runs has become."""
        for run in self._old.runs:
            if run.kind != "fit" or run.fit is None:
                continue
            if same_model(run.fit.model, model):
                return self._fit(run.fit).model
            for number, moment in enumerate(run.fit.checkpoints):
                if same_model(moment.model, model):
                    made = self._fit(run.fit)
                    if number >= len(made.checkpoints):
                        self._note(f"{run.name} has fewer moments than before; its last one was taken")
                    return (
                        made.checkpoints[min(number, len(made.checkpoints) - 1)].model
                        if made.checkpoints
                        else made.model
                    )
        return None

    def _searched(self, spec: Spec, dataset: Dataset, fit: Fit) -> Distillation:
        from ndestudio.distil import distil

        return distil(fit.model, dataset, spec.distil, self._reporter, spec.train, ensemble=fit.ensemble)

    def _chosen(
        self, found: Distillation, model: FittedModel, dataset: Dataset, spec: Spec
    ) -> tuple[Distillation, dict[str, int]]:
        """The program's own choices again; formulas chosen by hand are looked up in the new front, and put in where it lacks
        them."""
        from ndestudio.distil import substitute_formula, with_scored
        from ndestudio.distil.search import skeleton

        old = self._old.distillation
        assert old is not None
        accepted: dict[str, int] = {}
        for term, index in self._old.accepted.items():
            if index < 0 or term not in found.neural_terms or term not in old.neural_terms:
                continue
            if index == old.neural_terms[term].chosen:
                if found.neural_terms[term].chosen >= 0:
                    accepted[term] = found.neural_terms[term].chosen
                continue
            wanted = old.neural_terms[term].scored[index].candidate
            scored = found.neural_terms[term].scored
            form = skeleton(wanted.expression)
            place = next((k for k, one in enumerate(scored) if skeleton(one.candidate.expression) == form), None)
            if place is None:
                trial = substitute_formula(model, dataset, term, wanted, spec.train, reporter=self._reporter)
                found = with_scored(found, term, trial)
                place = len(scored)
                self._note(f"the search did not find the formula of `{term}` that was chosen by hand; it was put in")
            accepted[term] = place
        return found, accepted

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self._reporter.emit(Note(sentence, "warning"))


def _has(fit: Fit, model: FittedModel) -> bool:
    return any(one is model for one in (fit.model, *(moment.model for moment in fit.checkpoints)))


def _sources(dataset: Dataset | None) -> list[str]:
    return [one.sha256 for one in dataset.sources] if dataset is not None else []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def settings_changed(texts: tuple[str, ...]) -> Change:
    """`train.seed=3`, as an edit of specs.

    Raises
    ------
    SpecError
        Something that is not `SETTING=VALUE`, a setting that specs do not have, or a value it cannot take.
    """
    from ndestudio.project.sweep.vary import variants, variation

    variations = [variation(text) for text in texts]

    def changed(spec: Spec, run: Run | None) -> Spec:
        del run
        (only, *_) = variants(spec, variations)
        return msgspec.structs.replace(only.spec, data=with_files(only.spec, spec.data.files).data)

    return changed


def absolute(files: tuple[Path, ...]) -> tuple[str, ...]:
    """Data files of the command line as a spec names them."""
    return tuple(str(path.resolve()) for path in files)
