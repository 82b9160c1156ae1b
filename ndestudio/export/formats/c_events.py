"""Events in a C program: their functions, when they happen, and the simulation from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ndestudio.export.content import Content
from ndestudio.export.event_parts import changed, dose_numbers, event_text, given_name, times_of
from ndestudio.export.printer import Printer
from ndestudio.expression.tree import Expr, names
from ndestudio.model.events import GIVEN

Unpacking = Callable[..., list[str]]


def event_functions(content: Content, write: Printer, chosen: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    """`event_0` and so on, `schedule`, and `conditions` where events wait for some."""
    given, lines = given_name(content, chosen), []
    for k, event in enumerate(content.events):
        new = changed(content, event)
        lines += [
            f"// {_said(event_text(event))}",
            f"static void event_{k}(double t, const double *state, const double *forcing, ",
        ]
        lines[-1] += f"double {given}, double *after)"
        lines += ["{", *unpacking(content, [expr for _, expr in new], chosen)]
        if not any(GIVEN in names(expr) for _, expr in new):
            lines.append(f"    (void){given};")
        lines.append("    memcpy(after, state, N_STATES*sizeof *after);")
        lines += [f"    after[{i}] = {write(expr)}; // {content.states[i].name}" for i, expr in new] + ["}", ""]
    lines += ["typedef void (*change)(double, const double *, const double *, double, double *);", ""]
    each = ", ".join(f"event_{k}" for k in range(len(content.events)))
    lines += [f"static const change events[N_EVENTS] = {{{each}}};", "", *PLAN.splitlines(), ""]
    return [*lines, *_schedule(content, write, chosen, unpacking), *_conditions(content, write, chosen, unpacking)]


def _said(text: str) -> str:
    return text.replace("\\", "/").replace("??", "? ?")


def _schedule(content: Content, write: Printer, chosen: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    times = times_of(content)
    written = [expr for event, some in times for expr in some if not event.of_data]
    lines: list[str] = []
    for k, (event, some) in enumerate(times):
        if event.of_data:
            lines += [
                "// How much later than in the data.",
                f"static double later_{k}(double {given_name(content, chosen)})",
                "{",
            ]
            lines += unpacking(content, some, chosen, ())
            lines += [] if GIVEN in names(some[0]) else [f"    (void){given_name(content, chosen)};"]
            lines += [f"    return {write(some[0])};", "}", ""]
    lines += [
        "// All that happens at times known beforehand, in the order of time; of several at one time the first in the"
    ]
    lines += ["// equations comes first.", "static int schedule(const track *experiment, plan *known)", "{"]
    lines += unpacking(content, written, chosen, ())
    for k, (event, some) in enumerate(times):
        said = f" // {_said(event_text(event))}"
        if event.kind == "every":
            lines.append(f"    if (!repeat(known, {', '.join(map(write, some))}, {k})){said}")
            lines.append("        return 0;")
        elif event.of_data:
            lines.append(f"    give(known, experiment, later_{k}, {k});{said}")
        else:
            lines += [f"    add(known, {write(one)}, {k}, 0.0);{said}" for one in some]
    lines += [] if content.doses else ["    (void)experiment;"]
    return [
        *lines,
        "    if (known->n > 1)",
        "        qsort(known->list, (size_t)known->n, sizeof *known->list, earlier_of);",
        "    return 1;",
        "}",
        "",
    ]


def _conditions(content: Content, write: Printer, chosen: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    if not content.conditions:
        return []
    written: Iterable[Expr] = [one.condition for one in content.events if one.condition is not None]
    written = list(written)
    lines = [
        "// Number of the event of each condition.",
        f"static const int waiting[N_CONDITIONS] = {{{', '.join(map(str, content.conditions))}}};",
    ]
    lines += ["", "// Events happen where one of these rises through 0."]
    lines += ["static void conditions(double t, const double *state, double *value)", "{"]
    lines += unpacking(content, written, chosen, ("t", "state"))
    return [*lines, *(f"    value[{k}] = {write(one)};" for k, one in enumerate(written)), "}", ""]


def dose_table(content: Content, index: int) -> list[str]:
    """The doses of a trajectory as an array."""
    rows = [(k, row) for k in range(len(content.events)) for row in dose_numbers(content, content.tracks[index], k)]
    if not rows:
        return []
    lines = [f"static const dose doses_{index}[] = {{"]
    return [*lines, *(f"    {{{k}, {', '.join(row)}}}," for k, row in rows), "};", ""]


PLAN = """\
typedef struct {
    double t;
    int event, place;
    double amount;
} occurrence;

typedef struct {
    int n, room;
    occurrence *list;
} plan;

static void add(plan *known, double t, int event, double amount)
{
    if (known->n == known->room) {
        known->room = 2*known->room + 16;
        known->list = realloc(known->list, (size_t)known->room*sizeof *known->list);
        if (!known->list)
            exit(1);
    }
    known->list[known->n] = (occurrence){t, event, known->n, amount};
    ++known->n;
}
@REPEAT@@GIVE@
static int earlier_of(const void *one, const void *other)
{
    const occurrence *left = one, *right = other;
    if (left->t != right->t)
        return left->t < right->t ? -1 : 1;
    return left->place < right->place ? -1 : 1;
}"""

REPEAT = """
static int repeat(plan *known, double interval, double first, double last, int event)
{
    if (!(interval > 0.0))
        return 0;
    const double count = floor((last - first)/interval*(1.0 + 1e-12) + 1e-9);
    for (long k = 0; k <= count; ++k)
        add(known, first + k*interval, event, 0.0);
    return 1;
}
"""

GIVE = """
static void give(plan *known, const track *experiment, double (*later)(double), int event)
{
    for (int k = 0; k < experiment->n_doses; ++k) {
        const dose *one = &experiment->doses[k];
        const double t = one->t + later(one->amount);
        if (one->event == event@UNTIL@)
            add(known, t, event, one->amount);
    }
}
"""

RUN = """\
typedef struct {
    double t, step, state[N_STATES];
    plan known;
    int next;
@FLAGS@} run;

static void apply(const track *experiment, run *r, int event, double amount, double inside)
{
    double forcing[N_INPUTS + 1] = {0.0}, after[N_STATES];
    inputs(experiment, r->t, inside, forcing);
    events[event](r->t, r->state, forcing, amount, after);
    memcpy(r->state, after, sizeof after);
}
@CONDITIONS@
static int begin(const track *experiment, run *r)
{
    memset(r, 0, sizeof *r);
    r->t = experiment->start;
    r->step = 1e-4*(experiment->stop - experiment->start);
    memcpy(r->state, experiment->initial, sizeof r->state);
    if (!schedule(experiment, &r->known))
        return 0;
    while (r->next < r->known.n && r->known.list[r->next].t < r->t)
        ++r->next;
@FIRST@    return 1;
}

// On to `stop` through all events on the way; those at `stop` happen unless it is the end of the trajectory.
static int advance(const track *experiment, run *r, double stop)
{
    for (;;) {
        const double due = r->next < r->known.n ? r->known.list[r->next].t : HUGE_VAL;
        if (!flow(experiment, r, fmin(stop, due)))
            return 0;
        if (due > stop || due >= experiment->stop)
            return 1;
        const double inside = nextafter(due, -HUGE_VAL);
@BEFORE@        for (; r->next < r->known.n && r->known.list[r->next].t == due; ++r->next)
            apply(experiment, r, r->known.list[r->next].event, r->known.list[r->next].amount, inside);
@AFTER@    }
}"""

FLOW = """
static int flow(const track *experiment, run *r, double stop)
{
    return integrate(experiment, &r->t, stop, r->state, &r->step);
}
"""

FLAGS = """\
    int true_now[N_CONDITIONS];
    long happened;
"""

FIRST = """\
    double value[N_CONDITIONS];
    conditions(r->t, r->state, value);
    for (int k = 0; k < N_CONDITIONS; ++k)
        r->true_now[k] = value[k] > 0.0;
"""

BEFORE = """\
        double before[N_CONDITIONS], after[N_CONDITIONS];
        conditions(r->t, r->state, before);
"""

AFTER = """\
        conditions(r->t, r->state, after);
        int came[N_CONDITIONS], some = 0;
        for (int k = 0; k < N_CONDITIONS; ++k) {
            r->true_now[k] = after[k] > 0.0;
            came[k] = before[k] <= 0.0 && after[k] > 0.0;
            some = some || came[k];
        }
        if (some && !happen(experiment, r, came, inside))
            return 0;
"""

CONDITIONS = """
// Conditions are looked at LOOKS times at least; more than MOST events come from a law that jumps ever faster.
enum { LOOKS = 400, MOST = 500 };

// Events whose conditions came true, and those that come true by them.
static int happen(const track *experiment, run *r, const int *came, double inside)
{
    int queue[N_CONDITIONS*N_CONDITIONS + N_CONDITIONS], n = 0, done[N_CONDITIONS] = {0};
    double before[N_CONDITIONS], value[N_CONDITIONS], moved[N_CONDITIONS], then[N_CONDITIONS];
    for (int k = 0; k < N_CONDITIONS; ++k)
        if (came[k])
            queue[n++] = k;
    for (int place = 0; place < n; ++place) {
        const int k = queue[place];
        if (done[k])
            continue;
        done[k] = 1;
        if (++r->happened > MOST)
            return 0;
        conditions(r->t, r->state, before);
        apply(experiment, r, waiting[k], 0.0, inside);
        conditions(r->t, r->state, value);
        for (int j = 0; j < N_CONDITIONS; ++j)
            if (before[j] <= 0.0 && value[j] > 0.0 && !done[j])
                queue[n++] = j;
    }
    double rate[N_STATES], other[N_STATES];
    const double ahead = 1e-7*(1.0 + fabs(r->t));
    conditions(r->t, r->state, value);
    for (int i = 0; i < N_STATES; ++i)
        other[i] = r->state[i]*(1.0 + 1e-6) + 1e-12;
    conditions(r->t, other, moved);
    derivative(experiment, r->t, r->t, r->state, rate);
    for (int i = 0; i < N_STATES; ++i)
        other[i] = r->state[i] + ahead*rate[i];
    conditions(r->t + ahead, other, then);
    for (int k = 0; k < N_CONDITIONS; ++k) {
        r->true_now[k] = value[k] > 0.0;
        // It is 0 here but for rounding: it has to become false before it can come true again.
        if (done[k] && fabs(value[k]) <= 1e-9*(1.0 + fabs(moved[k] - value[k])/1e-6))
            r->true_now[k] = then[k] >= value[k];
    }
    return 1;
}

static int differs(const run *r)
{
    double value[N_CONDITIONS];
    conditions(r->t, r->state, value);
    for (int k = 0; k < N_CONDITIONS; ++k)
        if ((value[k] > 0.0) != r->true_now[k])
            return 1;
    return 0;
}

// On to `stop`; where a condition changes is found by bisection of the step before.
static int flow(const track *experiment, run *r, double stop)
{
    const double longest = (experiment->stop - experiment->start)/LOOKS;
    while (r->t < stop) {
        const run before = *r;
        const double goal = r->t + 1.01*longest >= stop ? stop : r->t + longest;
        if (!integrate(experiment, &r->t, goal, r->state, &r->step))
            return 0;
        if (!differs(r))
            continue;
        double low = before.t, high = goal;
        for (int count = 0; count < 100; ++count) {
            const double middle = 0.5*(low + high);
            if (middle <= low || middle >= high)
                break;
            run trial = before;
            if (integrate(experiment, &trial.t, middle, trial.state, &trial.step) && differs(&trial)) {
                high = middle;
                *r = trial;
            } else {
                low = middle;
            }
        }
        double value[N_CONDITIONS];
        int came[N_CONDITIONS], some = 0;
        conditions(r->t, r->state, value);
        for (int k = 0; k < N_CONDITIONS; ++k) {
            came[k] = value[k] > 0.0 && !r->true_now[k];
            some = some || came[k];
            r->true_now[k] = value[k] > 0.0;
        }
        if (some && !happen(experiment, r, came, nextafter(r->t, -HUGE_VAL)))
            return 0;
    }
    return 1;
}
"""
