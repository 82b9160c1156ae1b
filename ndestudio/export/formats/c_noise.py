"""How C programs simulate noise: a generator of their own, and increments from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.formats.python_noise import method
from ndestudio.export.printer import Printer

USAGE = """\
cc -std=c99 -O2 model.c -lm -o model
./model                                             prints a path of the first trajectory as CSV
./model NAME [POINTS [PATHS [SEED [STEPS]]]]        another one; STEPS between two points: more until what you look at stays
./model NAME POINTS 1 0 STEPS INCREMENTS.csv        along given increments of the Wiener processes, a row for each step
Method: @METHOD@
Generator: xoshiro256++ (Blackman and Vigna 2019), seeded by splitmix64; normal numbers by Marsaglia's polar method"""


def usage(content: Content) -> str:
    """How the program is used."""
    return filled(USAGE, METHOD=method(content))


def spread_function(
    content: Content,
    write: Printer,
    names: Mapping[str, str],
    unpacking: Callable[..., list[str]],
    noise: Callable[[str], str],
) -> list[str]:
    """`spread(...)`: the diffusion."""
    lines = ["", "// What each noise is multiplied by in the equation of each state, one state after the other."]
    lines += ["static void spread(double t, const double *state, const double *forcing, double *rate)", "{"]
    lines += unpacking(content, [expr for row in content.spread for expr in row], names)
    number = 0
    for quantity, row in zip(content.states, content.spread, strict=True):
        for name, term in zip(content.noises, row, strict=True):
            lines.append(f"    rate[{number}] = {write(term)}; // {noise(f'{quantity.name}, {name}')}")
            number += 1
    return [*lines, "}"]


def simulation(content: Content) -> str:
    """The generator, and a step."""
    return GENERATOR + filled(STEP, STEP=HEUN if content.calculus == "stratonovich" else EULER)


NAMES = (
    "spread", "generator", "rotated", "next_bits", "seed_generator", "normal_number", "noise_step", "N_NOISES", "uint64_t",
    "seed", "paths", "steps", "wiener",
)  # fmt: skip
"""Identifiers of these programs."""

GENERATOR = """\
// xoshiro256++ (Blackman and Vigna 2019, public domain), its state filled by splitmix64.
static uint64_t generator[4];

static uint64_t rotated(uint64_t bits, int by)
{
    return (bits << by) | (bits >> (64 - by));
}

static uint64_t next_bits(void)
{
    const uint64_t found = rotated(generator[0] + generator[3], 23) + generator[0];
    const uint64_t shifted = generator[1] << 17;
    generator[2] ^= generator[0];
    generator[3] ^= generator[1];
    generator[1] ^= generator[2];
    generator[0] ^= generator[3];
    generator[2] ^= shifted;
    generator[3] = rotated(generator[3], 45);
    return found;
}

static void seed_generator(uint64_t seed)
{
    for (int i = 0; i < 4; ++i) {
        uint64_t bits = (seed += UINT64_C(0x9e3779b97f4a7c15));
        bits = (bits ^ (bits >> 30))*UINT64_C(0xbf58476d1ce4e5b9);
        bits = (bits ^ (bits >> 27))*UINT64_C(0x94d049bb133111eb);
        generator[i] = bits ^ (bits >> 31);
    }
}

// A standard normal number (Marsaglia's polar method; of each pair the second is dropped).
static double normal_number(void)
{
    for (;;) {
        const double a = 2.0*((double)(next_bits() >> 11)*0x1p-53) - 1.0;
        const double b = 2.0*((double)(next_bits() >> 11)*0x1p-53) - 1.0;
        const double square = a*a + b*b;
        if (square > 0.0 && square < 1.0)
            return a*sqrt(-2.0*log(square)/square);
    }
}

"""

STEP = """\
// One step of length h from t along increments w of the Wiener processes.
static void noise_step(const track *experiment, double t, double h, const double *w, double *state)
{
    double forcing[N_INPUTS + 1] = {0.0}, rate[N_STATES], b[N_STATES*N_NOISES];
    inputs(experiment, t, t, forcing);
    field(t, state, forcing, rate);
    spread(t, state, forcing, b);
@STEP@}"""

EULER = """\
    for (int i = 0; i < N_STATES; ++i) {
        state[i] += rate[i]*h;
        for (int j = 0; j < N_NOISES; ++j)
            state[i] += b[i*N_NOISES + j]*w[j];
    }
"""

HEUN = """\
    double ahead[N_STATES], rate_ahead[N_STATES], b_ahead[N_STATES*N_NOISES];
    for (int i = 0; i < N_STATES; ++i) {
        ahead[i] = state[i] + rate[i]*h;
        for (int j = 0; j < N_NOISES; ++j)
            ahead[i] += b[i*N_NOISES + j]*w[j];
    }
    inputs(experiment, t + h, t + h, forcing);
    field(t + h, ahead, forcing, rate_ahead);
    spread(t + h, ahead, forcing, b_ahead);
    for (int i = 0; i < N_STATES; ++i) {
        state[i] += 0.5*(rate[i] + rate_ahead[i])*h;
        for (int j = 0; j < N_NOISES; ++j)
            state[i] += 0.5*(b[i*N_NOISES + j] + b_ahead[i*N_NOISES + j])*w[j];
    }
"""

OBSERVE = """\
            double forcing[N_INPUTS + 1] = {0.0}, observed[N_OUTPUTS];
            inputs(experiment, t, t, forcing);
            outputs(t, state, forcing, observed);
            for (int i = 0; i < N_OUTPUTS; ++i)
                printf(",%.17g", observed[i]);
"""

MAIN = """\
int main(int argc, char **argv)
{
    const track *experiment = &tracks[0];
    if (argc > 1) {
        experiment = NULL;
        for (int i = 0; i < N_TRAJECTORIES; ++i)
            if (strcmp(argv[1], tracks[i].name) == 0)
                experiment = &tracks[i];
        if (!experiment) {
            fprintf(stderr, "there is no trajectory called %s\\n", argv[1]);
            return 2;
        }
    }
    const long points = argc > 2 ? strtol(argv[2], NULL, 10) : 201;
    const long paths = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    const long seed = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    const long steps = argc > 5 ? strtol(argv[5], NULL, 10) : 10;
    FILE *given = argc > 6 ? fopen(argv[6], "r") : NULL;
    if (argc > 6 && !given) {
        fprintf(stderr, "%s cannot be opened\\n", argv[6]);
        return 2;
    }
    if (points < 2 || paths < 1 || steps < 1 || (given && paths > 1)) {
        fprintf(stderr, "2 or more points, 1 or more paths and steps; one path along increments of a file\\n");
        return 2;
    }
    const double span = experiment->stop - experiment->start;
    const double h = span/(double)((points - 1)*steps);
    seed_generator((uint64_t)seed);
    puts("path," @TITLES@);
    for (long path = 1; path <= paths; ++path) {
        double state[N_STATES], t = experiment->start;
        memcpy(state, experiment->initial, sizeof state);
        for (long n = 0; n < points; ++n) {
            for (long k = 0; n > 0 && k < steps; ++k) {
                double w[N_NOISES];
                for (int j = 0; j < N_NOISES; ++j) {
                    if (!given) {
                        w[j] = sqrt(h)*normal_number();
                    } else if (fscanf(given, " %lf%*[,]", &w[j]) != 1) {
                        fprintf(stderr, "%s holds fewer than %ld rows of %d numbers\\n", argv[6], (points - 1)*steps, N_NOISES);
                        return 1;
                    }
                }
                noise_step(experiment, experiment->start + h*(double)((n - 1)*steps + k), h, w, state);
            }
            t = n == points - 1 ? experiment->stop : experiment->start + span*(double)n/(double)(points - 1);
            printf("%ld,%.17g", path, t);
            for (int i = 0; i < N_STATES; ++i)
                printf(",%.17g", state[i]);
@OBSERVE@            putchar('\\n');
        }
    }
    if (given)
        fclose(given);
    return 0;
}"""
