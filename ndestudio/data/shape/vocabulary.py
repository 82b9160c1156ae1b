"""Names of columns that tell what they are for, compared in lower case with `_` for everything but letters and digits."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


@lru_cache(2**14)
def word(label: str) -> str:
    """A label as it is compared: without accents, `ß` as ss."""
    if not label.isascii():
        label = unicodedata.normalize("NFKD", label.casefold())
        label = "".join(letter for letter in label if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9#]+", "_", label.lower()).strip("_")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OBSERVABLES = _words(
    "variable variables variable_name var observable observables observableid observable_id measure metric key quantity "
    "parameter parameter_name parametername measurand indicator indicator_name series_name analyte dvid ytype yname dvname characteristicname characteristic_name "
    "messgroesse messgrosse grandeur magnitud variabel variavel grandezza grootheid storhet"
)
"""Columns of long tables that say what was measured."""

PERHAPS_OBSERVABLES = _words(
    "species compound substance gene protein metabolite channel sensor signal component element state type name feature "
    "item label probe marker cytokine chemical tracer pollutant param what field trace output curve"
)
"""Columns that may say what was measured or which run it was."""

VALUES = _words(
    "value values val measurement measurements measured reading readings result results observation_value obs_value "
    "measure_value numeric_value wert messwert valeur valor result_value resultmeasurevalue dv amount_measured"
)
"""Columns of long tables that hold what was measured."""

RUNS = _words(
    "country region province state_name county city district site station location locality place site_no station_id "
    "site_id siteid stationid monitoringlocationidentifier location_id plot field_plot block tank pond lake river sensor_id device logger node patientid patient_id subjid usubjid "
    "subject_id sample_id sampleid run_id batch_id experiment_id exp_id culture_id trial_id animal_id mouse rat dog donor line strain genotype clone mutant condition_id simulationconditionid "
    "replicate_id biological_replicate bioreactor reactor fermenter vessel flask tube dish chamber cage farm "
    "herd colony population cohort arm treatment_group person participant individual tree plant school "
)
"""Names of runs, besides those that a trajectory column has always been known by."""

OCCASIONS = _words("occasion occ")
"""Names of columns that tell runs of one subject apart."""

PHASES = _words("phase stage regime mode state status step event season segment period shift zustand fase etape")
"""Names of columns with texts that may be parts of one run as well as names of runs."""

RUN_WORDS = RUNS | _words(
    "sample well id name strain run experiment culture replicate subject patient condition compound drug label group cell specimen"
)
"""What the names of runs may be called in the first column of a table."""

CALENDAR = _words(
    "year month day doy hour minute second jahr monat tag stunde date time datum uhrzeit hr min sec julian_day yday "
    "day_of_year hour_of_day minute_of_hour jday decimal_day decimal_year"
)
"""Parts of a date or a clock: none is measured."""

CLOCKS = _words("timestamp datetime time date clock elapsed duration uhrzeit zeit")
"""Words in the names of clocks."""

COUNTERS = _words(
    "index row rownum row_number rownames row_names id no nr number # unnamed unnamed_0 record recordnumber record_number "
    "sample sample_no sample_number scan scan_no scan_number obs observation observation_no point pt sequence seq_no counter "
    "entry line lfd lfd_nr nummer idx step_no reading_no cycle_no rec rec_no recnbr"
) | {""}
"""Columns that only count the rows if their numbers go up by one."""

IDENTIFIERS = _words(
    "id uuid guid barcode sample_id sampleid record_id recordid row_id rowid uid entry_id url doi filename file file_name"
)
"""Columns that name rows."""

REPLICATES = _words("rep repl replicate replica repeat wdh wiederholung biorep techrep bio_rep tech_rep bioreplicate")

DOSES: dict[str, tuple[str, ...]] = {
    "amount": ("amt", "dose_amt", "amount", "dose"),
    "event": ("evid",),
    "not_measured": ("mdv",),
    "rate": ("rate",),
    "duration": ("dur", "tinf", "duration", "tinfusion"),
    "compartment": ("cmt", "adm", "compartment"),
    "additional": ("addl",),
    "interval": ("ii", "tau"),
    "steady_state": ("ss",),
    "censored": ("cens", "blq", "bql"),
    "limit": ("limit", "lloq", "loq"),
}
"""Setting of `[data.doses]` -> names of its column; the first ones alone make a table of doses."""

DEPENDENT = _words("dv y lidv ldv odv dv_1 conc observation")
"""What is measured in a table of doses."""

PREDICTIONS = _words(
    "ipred pred cpred epred ppred npred res wres cwres ires iwres iwre npde npd eres ewres ecwres cpredi"
)
"""Columns that NONMEM writes beside the data: what a model said."""

PETAB_RUNS = ("preequilibrationconditionid", "simulationconditionid", "replicateid")
"""Columns of a PEtab measurement table that name a run together."""

SINGLES = REPLICATES | _words(
    "trial run experiment id subject patient animal mouse rat sample specimen participant individual person batch vial tube "
    "well plate donor aliquot"
)
"""What single things are called that a number stands for: never a measurement, nor anything known of a run."""

_FLAG = re.compile(
    r"(?:.+_|)(?:qc|qf|qa|qaqc|flag|flags|quality|quality_flag|qualifier|qualifiers|qc_flag|ssitc_test|qn_\d+|qflag|fqc|status|"
    r"remark|remarks|comment|comments|note|notes)\d*\Z|.+_(?:cd|q|ql|qualcode)\Z|qn_?\d+\Z|(?:qc|qf|flag)_.+\Z"
)


def is_unit_column(header: str) -> bool:
    """Whether a column holds units: `unit`, `MeasureUnitCode`."""
    return bool(
        re.match(r"(?:.*_)?(?:units?|uom|einheit|unite|unidad|\w*unitcode|unit_code|unit_of_measure)\Z", word(header))
    )


def is_flag(label: str) -> bool:
    """Whether a column says how good a measurement is: `NEE_QC`, `flag`, `00060_00003_cd`."""
    return bool(_FLAG.match(word(label)))
