"""Text that a C program is put together from."""

from __future__ import annotations

from ndestudio.expression.functions import BUILT_IN

USAGE = """\
cc -std=c99 -O2 model.c -lm -o model
./model                        prints the first trajectory as CSV
./model NAME [POINTS]          another one
Solver: @SOLVER@"""

SIGMOID = BUILT_IN["sigmoid"].written("c").helper

SOFTPLUS = """\
static double softplus(double z)
{
    return fmax(z, 0.0) + log1p(exp(-fabs(z)));
}"""

SWISH = """\
static double swish(double z)
{
    return z*sigmoid(z);
}"""

GELU = """\
static double gelu(double z)
{
    return 0.5*z*(1.0 + tanh(0.7978845608028654*(z + 0.044715*z*z*z)));
}"""

LAYER = """\
// to = activation(weights*from + biases), weights by rows.
static void layer(const double *weights, const double *biases, int rows, int columns, double (*activation)(double),
                  const double *from, double *to)
{
    for (int i = 0; i < rows; ++i) {
        double sum = biases[i];
        for (int j = 0; j < columns; ++j)
            sum += weights[i*columns + j]*from[j];
        to[i] = activation ? activation(sum) : sum;
    }
}"""

TABLE = """\
// An input: where its pieces begin, and the coefficients of 1, s, s^2, ..., s being the time since then: first all of 1.
typedef struct {
    int n, degree;
    const double *breaks;
    const double *coefficients;
} table;
"""

NO_INPUTS = """\
static void inputs(const track *experiment, double t, double inside, double *forcing)
{
    (void)experiment; (void)t; (void)inside; (void)forcing;
}

static double next_kink(const track *experiment, double t)
{
    (void)experiment; (void)t;
    return HUGE_VAL;
}"""

INPUTS = """\
// At time t, by the piece that is in force at the time `inside`; before the first piece its first value.
static void inputs(const track *experiment, double t, double inside, double *forcing)
{
    for (int i = 0; i < N_INPUTS; ++i) {
        const table *pieces = &experiment->inputs[i];
        int low = 0, high = pieces->n;
        while (high - low > 1) {
            const int middle = (low + high)/2;
            if (pieces->breaks[middle] <= inside)
                low = middle;
            else
                high = middle;
        }
        const double s = inside < pieces->breaks[0] ? 0.0 : fmax(t - pieces->breaks[low], 0.0);
        forcing[i] = 0.0;
        for (int k = pieces->degree - 1; k >= 0; --k)
            forcing[i] = forcing[i]*s + pieces->coefficients[k*pieces->n + low];
    }
}

// No step goes over the begin of a piece.
static double next_kink(const track *experiment, double t)
{
    double next = HUGE_VAL;
    for (int i = 0; i < N_INPUTS; ++i) {
        const table *pieces = &experiment->inputs[i];
        int low = -1, high = pieces->n;
        while (high - low > 1) {
            const int middle = (low + high)/2;
            if (pieces->breaks[middle] <= t)
                low = middle;
            else
                high = middle;
        }
        if (high < pieces->n)
            next = fmin(next, pieces->breaks[high]);
    }
    return next;
}"""

OBSERVE = """\
        double forcing[N_INPUTS + 1] = {0.0}, observed[N_OUTPUTS];
        inputs(experiment, @TIME@, @TIME@, forcing);
        outputs(@TIME@, @STATE@, forcing, observed);
        for (int i = 0; i < N_OUTPUTS; ++i)
            printf(",%.17g", observed[i]);
"""

BEGIN = """\
    double state[N_STATES], t = experiment->start, step = 1e-4*span;
    memcpy(state, experiment->initial, sizeof state);
"""

PREPARE = """\
    if (!prepare(experiment)) {
        fprintf(stderr, "a delay must be above 0\\n");
        return 1;
    }
"""

BEGIN_EVENTS = """\
    run r;
    if (!begin(experiment, &r)) {
        fprintf(stderr, "the interval of a repeated event must be above 0\\n");
        return 1;
    }
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
    const double span = experiment->stop - experiment->start;
@BEGIN@    puts(@TITLES@);
    for (long n = 0; n < points; ++n) {
        const double stop = n == points - 1 ? experiment->stop : experiment->start + span*(double)n/(double)(points - 1);
        if (!@ADVANCE@) {
            fprintf(stderr, "the solver stopped at %.17g; the model may be stiff or have no solution there\\n", @TIME@);
            return 1;
        }
        printf("%.17g", @TIME@);
        for (int i = 0; i < N_STATES; ++i)
            printf(",%.17g", @STATE@[i]);
@OBSERVE@
        putchar('\\n');
    }
    return 0;
}"""
