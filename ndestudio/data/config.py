"""What a person says about their data files (the `[data]` table of a spec)."""

from __future__ import annotations

from typing import Literal

import msgspec

from ndestudio.data.control_path import InputKind


class SplitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How rows are divided into training, validation and test parts.

    Attributes
    ----------
    by
        `"time"` (the last rows of every trajectory are held out), `"trajectory"` (whole trajectories are), `"none"`
        (everything trains) or `"auto"`: by trajectory from five trajectories on, else by
        time; fewer than twenty steady states, and nothing else, all train.
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


class DoseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of a table of doses and events (NONMEM, Monolix). None: found by the usual names; `""`: there is none.

    Attributes
    ----------
    amount
        Amount of a dose (`AMT`). With `amount = ""` and `event = ""` no row is a dose.
    event
        Kind of the row (`EVID`): 0 a measurement, 1 a dose, 2 another event, 3 a reset, 4 a reset with a dose.
    not_measured
        Not 0 where the row is no measurement (`MDV`).
    rate, duration
        Rate (`RATE`) or duration (`DUR`, `TINF`) of an infusion.
    compartment
        Where the dose goes (`CMT`, `ADM`).
    additional, interval
        How many further doses follow (`ADDL`), and after which time each (`II`).
    steady_state
        Not 0 where the dose has been repeated for ever (`SS`).
    censored, limit
        1 where the measurement is a limit of quantification that the value is below, -1 where above (`CENS`, `BLQ`), and the
        limit itself (`LLOQ`) or the other end of the interval (`LIMIT`).
    """

    amount: str | None = None
    event: str | None = None
    not_measured: str | None = None
    rate: str | None = None
    duration: str | None = None
    compartment: str | None = None
    additional: str | None = None
    interval: str | None = None
    steady_state: str | None = None
    censored: str | None = None
    limit: str | None = None


class GivenDoseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dose of a run, or an even sequence of equal ones.

    Attributes
    ----------
    time
        When it begins.
    amount
        How much in all.
    rate, duration
        Of an infusion (one of them is enough); 0 for a bolus. A rate of -1 or -2: the model says how long it lasts.
    compartment
        Where it goes: a name or number that the equations know; "" where they know one alone.
    additional, interval
        How many further doses follow, and after which time each.
    steady_state
        1: it has been repeated each ``interval`` for ever, which replaces what was there; 2: which adds to it.
    reset
        Whether all compartments are emptied before.
    """

    time: float
    amount: float = 0.0
    rate: float = 0.0
    duration: float = 0.0
    compartment: str = ""
    additional: int = 0
    interval: float = 0.0
    steady_state: Literal[0, 1, 2] = 0
    reset: bool = False


class ValueConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measured value that is another than in the file.

    Attributes
    ----------
    run
        Name of the trajectory; "" where there is only one.
    column
        Name of the measured column; "" (of values left out): all of them.
    time
        Of its row, in the unit of the time.
    value
        To be taken instead; none: it is left out, as if it had not been measured.
    """

    run: str = ""
    column: str = ""
    time: float
    value: float | None = None


class ConditionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different under a condition (a knocked out gene, another medium, a higher temperature).

    Attributes
    ----------
    parameters
        Parameter of the equations -> its value in runs under this condition; a switch is a parameter that is 0 or 1.
        The values are kept as they are; parameters that are estimated for each condition have `per = "condition"`.
    inputs
        Input -> constant value in these runs, in place of what the files say.
    initial
        State -> its initial value in these runs, which is then not estimated.
    equilibrated
        These runs begin at the steady state that is reached before: under the inputs that this table names (the others are as
        at the begin), or under the condition that is named.
    note
        What the condition is.
    """

    parameters: dict[str, float] = {}
    inputs: dict[str, float] = {}
    initial: dict[str, float] = {}
    equilibrated: str | dict[str, float] | None = None
    note: str = ""


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one run (trajectory) beside its file.

    Attributes
    ----------
    condition
        Under which condition it was; it holds instead of the column `condition` of the data.
    inputs
        Input -> constant value in this run. One that is no column becomes a covariate, which every run needs then (or
        its condition).
    initial
        State -> its initial value in this run, which is then not estimated.
    equilibrated
        It begins at the steady state that is reached before: under the inputs that this table names (the others are as at the
        begin), or under the condition that is named.
    doses
        What it was given, in place of the doses in its file; None: those of the file. A run begins at the first of them where its first row
        comes later.
    """

    condition: str = ""
    inputs: dict[str, float] = {}
    initial: dict[str, float] = {}
    equilibrated: str | dict[str, float] | None = None
    doses: tuple[GivenDoseConfig, ...] | None = None


class DataConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files and the roles of their columns. A column is named by its label in the file or by its alias.

    Attributes
    ----------
    files
        Data files; several files are several trajectories unless a trajectory column says otherwise.
    time, trajectory
        Column names; None lets the program guess (trajectory `""`: there is none; time `""`: the rows are counted 0,
        1, 2, ...). Several columns may tell the time together: `["Date", "Time"]`, `["Year", "DoY", "Hour"]`,
        or name a trajectory together: `["subject", "occasion"]`.
    steady
        Whether every row is a steady state, measured when nothing changed any more (a dose-response or rate curve); a time of
        `inf` says it of single rows.
    time_format
        How the time is written: `"iso"`, `"year first"`, `"day first"`, `"month first"`, `"compact"` (20201231, 202012310830),
        `"clock"`, `"duration"`, `"minutes and seconds"`, `"unix s"`, `"unix ms"`, `"unix us"`, `"unix ns"`, `"excel"` and
        `"matlab"` (serial days), `"julian"`, `"modified julian"`, `"decimal year"`, `"number"` (as it stands), or a pattern such
        as `%d.%m.%Y %H:%M`. None lets the program recognise it.
    shape
        `"wide"` (a column for each quantity), `"long"` (one column says which quantity, another its value) or
        `"dates across"` (the times stand in the header, a row is a trajectory). None lets the program guess.
    observable, value
        Columns of a long table: what was measured, and its value (`"dates across"`: the column that says what a row
        measures, if there is one, and the name of the quantity if there is not).
    replicates
        What several readings of one quantity at one time are, in rows or in columns called `x_rep1`, `x_rep2`, ...:
        `"trajectories"` (each a run of its own), `"mean"` (their mean, weighted by how far readings scatter) or, in columns,
        `"states"` (quantities of their own).
    below
        What cells such as `<0.5`, `>100` or `n.d.`, and values that `CENS` or `BLQ` flags, are: `"censored"` (known to lie beyond the
        limit and no more: they count in the fit by the probability of that), `"missing"`, or `"limit"` (the limit itself, as if it
        were measured). A cell that names no limit is missing unless a column (`LLOQ`) has it.
    sentinels
        Column -> numbers in it that mean "not measured", such as -999; none: all its numbers are measurements. Where
        a number looks like such a mark, the program asks.
    doses
        Columns of doses and events.
    from_first_dose
        Whether trajectories begin at a dose that comes before their first measurement, with a row in which nothing is
        measured. Differential equations set it.
    states
        Measured columns (states or observed outputs of the model); None: all that have no other role. Of a long table:
        what the observable column names.
    inputs
        Measured forcings; ``interpolation`` says how they go between their samples.
    interpolation
        Input -> how it goes between its samples: `"linear"`, `"hold"` (its value stays until the next sample), `"cubic"` (natural
        spline; needs later samples), `"hermite"` (cubic Hermite with backward differences: no value at a sample needs later
        ones) or `"rectilinear"` (held, and moved to the next value at its time). Inputs with few values that stay are
        taken as held, others as linear. Missing samples are passed over.
    periodic
        Input -> period after which it repeats itself before its first and after its last sample, in units of the time.
    rates
        Inputs whose rate of change `d(u)/dt` the equations use: each becomes a further input `u_rate`, the slope of its path. A run of
        a spec and the window add those that the equations read when they load the data.
    covariates
        What is known of a whole trajectory (a dose, a temperature): inputs with one value in each, which may stand in
        any of its rows; texts are categories, numbered in alphabetical order from 0: parameters can be estimated for each
        of them (`per` of a parameter). Equations and initial values may depend on them (data control, Massaroli et al. 2020, Dissecting neural
        ODEs).
    condition
        Column that says under which condition each run was: a covariate, mostly of texts (`strain`, `medium`), or the column
        of the trajectories. None: the runs are all alike, or `runs` says it.
    conditions
        Condition -> what is different under it.
    runs
        Name of a trajectory -> its condition and constants.
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
    values
        Measured values that are left out or changed by hand; the file stays as it is.
    span
        First and last time that is taken (`inf`: no end); rows before and after are left out.
    trajectory_weights
        Name of a trajectory -> weight in the loss (default 1).
    delimiter, decimal, encoding, comment
        text-file details; None lets the program guess.
    missing
        Cells that mean "not measured", besides the usual ones (empty, NA, NaN, null, -, ., .., ?, ***).
    header_row, units_row
        Row with the names of the columns and row with their units (1-based lines of the file or rows of the sheet; 0:
        there is none).
    first_row, last_row
        First and last row of the measurements (1-based; a ``last_row`` of 0: to the end).
    columns
        The columns of the table, where others stand beside it: labels, letters as in a spreadsheet (`C`) or ranges of
        them (`C:E`); () lets the program guess.
    thousands
        The sign between thousands in numbers such as `7,250` or `1.013,2`; "" means that there is none.
    instrument
        Name of the rule by which the file is read; "" means by none.
    sheet
        Sheet of a workbook.
    key
        Of a file of arrays (NumPy, MATLAB, HDF5, NetCDF, JSON) the variable or the group (`runs/1`) that is read, of a
        database the table.
    times_along
        Of matrices in files of arrays whether each of their `"rows"` or each of their `"columns"` is one time; None lets
        the program guess where lengths do not tell.
    """

    files: tuple[str, ...] = ()
    time: str | tuple[str, ...] | None = None
    steady: bool = False
    time_format: str | None = None
    trajectory: str | tuple[str, ...] | None = None
    shape: Literal["wide", "long", "dates across"] | None = None
    observable: str | None = None
    value: str | None = None
    replicates: Literal["trajectories", "mean", "states"] | None = None
    below: Literal["censored", "missing", "limit"] | None = None
    sentinels: dict[str, tuple[float, ...]] = {}
    doses: DoseConfig = DoseConfig()
    from_first_dose: bool = False
    states: tuple[str, ...] | None = None
    inputs: tuple[str, ...] = ()
    interpolation: dict[str, InputKind] = {}
    periodic: dict[str, float] = {}
    rates: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    condition: str | None = None
    conditions: dict[str, ConditionConfig] = {}
    runs: dict[str, RunConfig] = {}
    ignore: tuple[str, ...] = ()
    names: dict[str, str] = {}
    units: dict[str, str] = {}
    weights: dict[str, float] = {}
    deviations: dict[str, str] = {}
    values: tuple[ValueConfig, ...] = ()
    span: tuple[float, float] | None = None
    trajectory_weights: dict[str, float] = {}
    split: SplitConfig = SplitConfig()
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    comment: str | None = None
    missing: tuple[str, ...] = ()
    header_row: int | None = None
    units_row: int | None = None
    first_row: int | None = None
    last_row: int | None = None
    columns: tuple[str, ...] = ()
    thousands: Literal["", ",", ".", " ", "'"] | None = None
    instrument: str | None = None
    sheet: str | None = None
    key: str | None = None
    times_along: Literal["rows", "columns"] | None = None
