"""NDE Studio: from measured time series to equations a person can read, trust and use elsewhere.

Everything a script needs is here; names are loaded when they are first used, so that importing the package is quick.
(The function that distils is ``ndestudio.distil.distil``: its short name is that of its package.)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndestudio.blackbox import allow, allowed, register_callable
    from ndestudio.data import (
        ConditionConfig,
        DataConfig,
        Dataset,
        DoseConfig,
        GivenDoseConfig,
        RunConfig,
        SplitConfig,
        ValueConfig,
        load,
        preview,
    )
    from ndestudio.distil import (
        DistilConfig,
        Distillation,
        NextRun,
        NextRunConfig,
        Recovery,
        RecoveryConfig,
        assemble,
        fitted_ground_truth,
        recovery_test,
        suggest_next_run,
    )
    from ndestudio.distil.repeated_recovery import Recoveries
    from ndestudio.errors import NdeStudioError
    from ndestudio.exchange.formats import read_model, write_model
    from ndestudio.exchange.petab.distil import PetabDistillation, distil_petab
    from ndestudio.exchange.petab.fit import PetabFit, fit_petab
    from ndestudio.exchange.petab.objective import PetabEvaluation, evaluate_petab
    from ndestudio.exchange.petab.problem import PetabProblem
    from ndestudio.exchange.petab.read import read_petab
    from ndestudio.exchange.petab.write import write_petab
    from ndestudio.export import artefact, equations_json, report_html, write_all
    from ndestudio.expression import parse_expression, to_latex, to_sympy, to_text
    from ndestudio.fitting import Comparison, Fit, Profile, TrainConfig, compare, fit, profile, refit
    from ndestudio.fitting.config import ColumnNoise, LatentConfig
    from ndestudio.fitting.explanation import Statement, explain_fit
    from ndestudio.fitting.latent.predict import predict_run
    from ndestudio.fitting.latent.result import FutureScores, LatentFit, RunPrediction
    from ndestudio.fitting.many import profiles
    from ndestudio.fitting.metrics import score
    from ndestudio.fitting.residuals import residuals
    from ndestudio.fitting.stochastic.bootstrap import Bootstrap, bootstrap_intervals
    from ndestudio.fitting.stochastic.residuals import TransitionResiduals, transition_residuals
    from ndestudio.fitting.stochastic.result import StochasticFit
    from ndestudio.model import (
        BasisConfig,
        BlackBoxConfig,
        FittedModel,
        InitialConfig,
        ModelConfig,
        NetworkConfig,
        ParameterConfig,
        PenaltyConfig,
        PriorConfig,
        RandomConfig,
        numbers_filled,
    )
    from ndestudio.model.config import StructureConfig
    from ndestudio.model.stated import stated_model
    from ndestudio.progress import PlainReporter, SilentReporter
    from ndestudio.project import (
        Project,
        Spec,
        dump_spec,
        load_project,
        load_spec,
        parse_spec,
        recover,
        run,
        save_project,
    )
    from ndestudio.project.kept import executor
    from ndestudio.project.pipeline import recover_repeatedly
    from ndestudio.project.sweep.library import sweep
    from ndestudio.reach.config import TubeConfig
    from ndestudio.reach.library import reach_tube
    from ndestudio.reach.tube import ReachTube, Verdict
    from ndestudio.solve.scipy_reference import simulate, simulate_trajectory
    from ndestudio.solve.stochastic.paths import StochasticPaths, simulate_paths
    from ndestudio.symbolic import SymbolicRegressor

__version__ = "0.1.0"

_HOME = {
    "NdeStudioError": "errors",
    "BlackBoxConfig": "model.config",
    "allow": "blackbox",
    "allowed": "blackbox",
    "register_callable": "blackbox",
    "PlainReporter": "progress",
    "SilentReporter": "progress",
    "ColumnNoise": "fitting.config",
    "DataConfig": "data.config",
    "DoseConfig": "data.config",
    "ConditionConfig": "data.config",
    "RunConfig": "data.config",
    "GivenDoseConfig": "data.config",
    "SplitConfig": "data.config",
    "ValueConfig": "data.config",
    "Dataset": "data.dataset",
    "load": "data",
    "preview": "data",
    "parse_expression": "expression",
    "to_latex": "expression",
    "to_sympy": "expression",
    "to_text": "expression",
    "ModelConfig": "model.config",
    "ParameterConfig": "model.config",
    "NetworkConfig": "model.config",
    "InitialConfig": "model.config",
    "BasisConfig": "model.config",
    "PenaltyConfig": "model.config",
    "PriorConfig": "model.config",
    "RandomConfig": "model.config",
    "StructureConfig": "model.config",
    "FittedModel": "model.fitted",
    "simulate": "solve.scipy_reference",
    "simulate_trajectory": "solve.scipy_reference",
    "StochasticPaths": "solve.stochastic.paths",
    "simulate_paths": "solve.stochastic.paths",
    "stated_model": "model.stated",
    "score": "fitting.metrics",
    "numbers_filled": "model.replace",
    "TrainConfig": "fitting.config",
    "Fit": "fitting.result",
    "fit": "fitting",
    "refit": "fitting",
    "compare": "fitting",
    "Comparison": "fitting.comparison_result",
    "profile": "fitting",
    "Profile": "fitting.uncertainty.profile_likelihood",
    "residuals": "fitting.residuals",
    "explain_fit": "fitting.explanation",
    "Statement": "fitting.explanation",
    "transition_residuals": "fitting.stochastic.residuals",
    "TransitionResiduals": "fitting.stochastic.residuals",
    "StochasticFit": "fitting.stochastic.result",
    "LatentConfig": "fitting.config",
    "LatentFit": "fitting.latent.result",
    "FutureScores": "fitting.latent.result",
    "RunPrediction": "fitting.latent.result",
    "predict_run": "fitting.latent.predict",
    "DistilConfig": "distil.config",
    "Distillation": "distil.result",
    "assemble": "distil",
    "NextRun": "distil.suggested",
    "NextRunConfig": "distil.config",
    "Recovery": "distil.result",
    "RecoveryConfig": "distil.config",
    "fitted_ground_truth": "distil",
    "recovery_test": "distil.recovery",
    "suggest_next_run": "distil.next_run",
    "SymbolicRegressor": "symbolic",
    "read_model": "exchange.formats",
    "write_model": "exchange.formats",
    "read_petab": "exchange.petab.read",
    "write_petab": "exchange.petab.write",
    "distil_petab": "exchange.petab.distil",
    "PetabDistillation": "exchange.petab.distil",
    "evaluate_petab": "exchange.petab.objective",
    "fit_petab": "exchange.petab.fit",
    "PetabEvaluation": "exchange.petab.objective",
    "PetabFit": "exchange.petab.fit",
    "PetabProblem": "exchange.petab.problem",
    "artefact": "export.artefacts",
    "equations_json": "export",
    "report_html": "export",
    "write_all": "export",
    "Project": "project.project",
    "Spec": "project.project",
    "dump_spec": "project",
    "load_project": "project",
    "load_spec": "project",
    "parse_spec": "project",
    "recover": "project",
    "recover_repeatedly": "project.pipeline",
    "Recoveries": "distil.repeated_recovery",
    "executor": "project.kept",
    "profiles": "fitting.many",
    "Bootstrap": "fitting.stochastic.bootstrap",
    "bootstrap_intervals": "fitting.stochastic.bootstrap",
    "sweep": "project.sweep.library",
    "run": "project",
    "reach_tube": "reach.library",
    "ReachTube": "reach.tube",
    "TubeConfig": "reach.config",
    "Verdict": "reach.tube",
    "save_project": "project",
}

__all__ = [
    "BasisConfig",
    "BlackBoxConfig",
    "Bootstrap",
    "ColumnNoise",
    "Comparison",
    "ConditionConfig",
    "DataConfig",
    "Dataset",
    "DistilConfig",
    "Distillation",
    "DoseConfig",
    "Fit",
    "FittedModel",
    "FutureScores",
    "GivenDoseConfig",
    "InitialConfig",
    "LatentConfig",
    "LatentFit",
    "ModelConfig",
    "NdeStudioError",
    "NetworkConfig",
    "NextRun",
    "NextRunConfig",
    "ParameterConfig",
    "PenaltyConfig",
    "PetabDistillation",
    "PetabEvaluation",
    "PetabFit",
    "PetabProblem",
    "PlainReporter",
    "PriorConfig",
    "Profile",
    "Project",
    "RandomConfig",
    "ReachTube",
    "Recoveries",
    "Recovery",
    "RecoveryConfig",
    "RunConfig",
    "RunPrediction",
    "SilentReporter",
    "Spec",
    "SplitConfig",
    "Statement",
    "StochasticFit",
    "StochasticPaths",
    "StructureConfig",
    "SymbolicRegressor",
    "TrainConfig",
    "TransitionResiduals",
    "TubeConfig",
    "ValueConfig",
    "Verdict",
    "__version__",
    "allow",
    "allowed",
    "artefact",
    "assemble",
    "bootstrap_intervals",
    "compare",
    "distil_petab",
    "dump_spec",
    "equations_json",
    "evaluate_petab",
    "executor",
    "explain_fit",
    "fit",
    "fit_petab",
    "fitted_ground_truth",
    "load",
    "load_project",
    "load_spec",
    "numbers_filled",
    "parse_expression",
    "parse_spec",
    "predict_run",
    "preview",
    "profile",
    "profiles",
    "reach_tube",
    "read_model",
    "read_petab",
    "recover",
    "recover_repeatedly",
    "recovery_test",
    "refit",
    "register_callable",
    "report_html",
    "residuals",
    "run",
    "save_project",
    "score",
    "simulate",
    "simulate_paths",
    "simulate_trajectory",
    "stated_model",
    "suggest_next_run",
    "sweep",
    "to_latex",
    "to_sympy",
    "to_text",
    "transition_residuals",
    "write_all",
    "write_model",
    "write_petab",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
