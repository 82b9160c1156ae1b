"""What a person says about their data files (the `[data]` table of a spec)."""

from __future__ import annotations

from typing import Literal

import msgspec


class SplitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How rows are divided into training, validation and test parts.

    Attributes
    ----------
    by
        `"time"` (the last rows of every trajectory are held out), `"trajectory"` (whole trajectories are), `"none"`
        (everything trains) or `"auto"`: by trajectory from five trajectories on, else by time.
    train, validation, test
        Fractions, used when the trajectories are not named; they are normalised to sum to 1.
    validation_trajectories, test_trajectories
        Names of trajectories, when `by = "trajectory"`.
    """

    by: Literal["auto", "time", "trajectory", "none"] = "auto"
    train: float = 0.7
    validation: float = 0.15
    test: float = 0.15
    validation_trajectories: tuple[str, ...] = ()
    test_trajectories: tuple[str, ...] = ()


class DataConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files and the roles of their columns. A column is named by its label in the file or by its alias.

    Attributes
    ----------
    files
        Data files; several files are several trajectories unless a trajectory column says otherwise.
    time, trajectory
        Column names; None lets the program guess (trajectory `""`: there is none; time `""`: the rows are counted 0,
        1, 2, ...). Several columns may tell the time together: `["Date", "Time"]`, `["Year", "DoY", "Hour"]`.
    time_format
        How the time is written: `"iso"`, `"year first"`, `"day first"`, `"month first"`, `"compact"` (20201231, 202012310830),
        `"clock"`, `"duration"`, `"minutes and seconds"`, `"unix s"`, `"unix ms"`, `"unix us"`, `"unix ns"`, `"excel"` and
        `"matlab"` (serial days), `"julian"`, `"modified julian"`, `"decimal year"`, `"number"` (as it stands), or a pattern such
        as `%d.%m.%Y %H:%M`. None lets the program recognise it.
    states
        Measured columns (states or observed outputs of the model); None: all that have no other role.
    inputs
        Measured forcings, interpolated linearly between their samples.
    covariates
        What is known of a whole trajectory (a dose, a temperature): inputs with one value in each, which may stand in
        any of its rows. Equations and initial values may depend on them (data control, Massaroli et al. 2020, Dissecting neural
        ODEs).
    ignore
        Columns not used.
    names
        Label in the file -> identifier to use in equations.
    units
        Column -> unit, overriding what the header says.
    weights
        Measured column -> weight in the loss (default 1).
    deviations
        Measured column -> column that holds the standard deviation of its values; they count in the loss with 1/sd^2.
        Columns named `x_sd`, `x_std`, `x_err`, `sigma_x` beside a column `x` are taken as such unless they are given
        another role.
    trajectory_weights
        Name of a trajectory -> weight in the loss (default 1).
    delimiter, decimal, encoding, comment
        text-file details; None lets the program guess.
    missing
        Cells that mean "not measured", besides the usual ones (empty, NA, NaN, null, -, ., ?).
    sheet, key
        Excel sheet; variable of an .npz or .mat file.
    """

    files: tuple[str, ...] = ()
    time: str | tuple[str, ...] | None = None
    time_format: str | None = None
    trajectory: str | None = None
    states: tuple[str, ...] | None = None
    inputs: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    names: dict[str, str] = {}
    units: dict[str, str] = {}
    weights: dict[str, float] = {}
    deviations: dict[str, str] = {}
    trajectory_weights: dict[str, float] = {}
    split: SplitConfig = SplitConfig()
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    comment: str | None = None
    missing: tuple[str, ...] = ()
    sheet: str | None = None
    key: str | None = None
