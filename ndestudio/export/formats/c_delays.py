"""Delays in a C program: the method of steps, with the solution so far kept as the dense output of the explicit solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.content import Content
from ndestudio.export.printer import Printer
from ndestudio.problem.delays import Delays

Unpacking = Callable[..., list[str]]

SOURCE = (
    "Delays by the method of steps: no step is longer than the shortest one, and steps end where derivatives jump (Bellen and Zennaro "
    "2003, Numerical Methods for Delay Differential Equations)."
)


def delay_functions(
    content: Content, delays: Delays, write: Printer, names: Mapping[str, str], unpacking: Unpacking
) -> list[str]:
    """`lags`, `past`, and what keeps and reads the solution so far."""
    lines = [
        "// Number of the state of each delayed value.",
        f"static const int delayed[N_DELAYS] = {{{', '.join(map(str, delays.of))}}};",
    ]
    lines += ["", "// How long ago each delayed value was.", "static void lags(double *ago)", "{"]
    lines += unpacking(content, delays.lags, names, ())
    lines += [
        f"    ago[{k}] = {write(lag)}; // {slot}"
        for k, (lag, slot) in enumerate(zip(delays.lags, delays.slots, strict=True))
    ]
    lines += [
        "}",
        "",
        "// A state, by its number, before the begin.",
        "static double past(const track *experiment, double t, int which_state)",
        "{",
    ]
    given = [(k, one) for k, one in enumerate(delays.past) if one is not None]
    lines += unpacking(content, [one for _, one in given], names, ("t",))
    for k, one in given:
        lines += [f"    if (which_state == {k})", f"        return {write(one)};"]
    return [*lines, "    return experiment->initial[which_state];", "}", "", *_HISTORY.splitlines(), ""]


_HISTORY = """\
typedef struct {
    double t, h, c[5][N_STATES];
} piece;

// Dense output of the steps so far, and where steps have to end.
static piece *history;
static double *joints, shortest;
static long pieces, room, n_joints;

static void *grown(void *list, size_t size)
{
    void *larger = realloc(list, size);
    if (!larger)
        exit(1);
    return larger;
}

static int upwards(const void *one, const void *other)
{
    const double left = *(const double *)one, right = *(const double *)other;
    return (left > right) - (left < right);
}

// Derivatives jump at the begin, and each delay carries that on.
static int prepare(const track *experiment)
{
    const double span = experiment->stop - experiment->start;
    double ago[N_DELAYS];
    long from = 0;
    lags(ago);
    shortest = ago[0];
    for (int k = 0; k < N_DELAYS; ++k)
        shortest = fmin(shortest, ago[k]);
    if (!(shortest > 0.0))
        return 0;
    n_joints = 1;
    joints = grown(NULL, sizeof *joints);
    joints[0] = 0.0;
    for (int order = 0; order < 8; ++order) {
        const long until = n_joints;
        for (long i = from; i < until; ++i)
            for (int k = 0; k < N_DELAYS; ++k) {
                const double sum = joints[i] + ago[k];
                int known = sum >= span;
                for (long j = 0; j < n_joints && !known; ++j)
                    known = fabs(joints[j] - sum) <= 1e-12*span;
                if (!known) {
                    joints = grown(joints, (size_t)(n_joints + 1)*sizeof *joints);
                    joints[n_joints++] = sum;
                }
            }
        from = until;
    }
    for (long i = 0; i < n_joints; ++i)
        joints[i] += experiment->start;
    qsort(joints, (size_t)n_joints, sizeof *joints, upwards);
    return 1;
}

static double next_joint(const track *experiment, double t)
{
    double next = fmin(next_kink(experiment, t), t + shortest);
    for (long i = 0; i < n_joints; ++i)
        if (joints[i] > t)
            return fmin(next, joints[i]);
    return next;
}

// Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section II.6.
static void keep(double t, double h, const double *state, const double *next, double k[7][N_STATES])
{
    static const double d[7] = {
        -12715105075.0/11282082432.0, 0.0, 87487479700.0/32700410799.0, -10690763975.0/1880347072.0,
        701980252875.0/199316789632.0, -1453857185.0/822651844.0, 69997945.0/29380423.0
    };
    if (pieces == room) {
        room = 2*room + 256;
        history = grown(history, (size_t)room*sizeof *history);
    }
    piece *p = &history[pieces++];
    p->t = t;
    p->h = h;
    for (int i = 0; i < N_STATES; ++i) {
        const double change = next[i] - state[i], bend = h*k[0][i] - change;
        double sum = 0.0;
        for (int j = 0; j < 7; ++j)
            sum += d[j]*k[j][i];
        p->c[0][i] = state[i];
        p->c[1][i] = change;
        p->c[2][i] = bend;
        p->c[3][i] = change - h*k[6][i] - bend;
        p->c[4][i] = h*sum;
    }
}

// The delayed values at time t; whether they lie before the begin is asked for the time `inside`.
static void earlier_values(const track *experiment, double t, double inside, double *earlier)
{
    double ago[N_DELAYS];
    lags(ago);
    for (int k = 0; k < N_DELAYS; ++k) {
        const double then = t - ago[k];
        const int i = delayed[k];
        if (inside - ago[k] <= experiment->start || pieces == 0) {
            earlier[k] = past(experiment, then, i);
            continue;
        }
        long low = 0, high = pieces;
        while (high - low > 1) {
            const long middle = (low + high)/2;
            if (history[middle].t <= then)
                low = middle;
            else
                high = middle;
        }
        const piece *p = &history[low];
        const double s = (then - p->t)/p->h, r = 1.0 - s;
        earlier[k] = p->c[0][i] + s*(p->c[1][i] + r*(p->c[2][i] + s*(p->c[3][i] + r*p->c[4][i])));
    }
}"""
