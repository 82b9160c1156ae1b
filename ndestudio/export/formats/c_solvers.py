"""The solvers that a C program carries: both have the function `integrate`, which its `main` calls."""

from __future__ import annotations

EXPLICIT_SOURCE = "Dormand and Prince's 5(4) pair, J. Comput. Appl. Math. 6 (1980) 19-26, steps by a PI controller."

IMPLICIT_SOURCE = "Radau IIA of order 5 (Hairer and Wanner, Solving ODEs II, section IV.8), since the model is stiff."

DERIVATIVE = """\
static void derivative(const track *experiment, double t, double inside, const double *state, double *rate)
{
    double forcing[N_INPUTS + 1] = {0.0};
    inputs(experiment, t, inside, forcing);
@EARLIER@    field(t, state, @NAMED@forcing, rate);
}

"""

EXPLICIT = """\
// Integrates from *t to stop; *step is the size of the first step and becomes that of the next. 0 when it failed.
static int integrate(const track *experiment, double *t, double stop, double *state, double *step)
{
    static const double c[7] = {0.0, 1.0/5.0, 3.0/10.0, 4.0/5.0, 8.0/9.0, 1.0, 1.0};
    static const double a[7][6] = {
        {0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
        {1.0/5.0, 0.0, 0.0, 0.0, 0.0, 0.0},
        {3.0/40.0, 9.0/40.0, 0.0, 0.0, 0.0, 0.0},
        {44.0/45.0, -56.0/15.0, 32.0/9.0, 0.0, 0.0, 0.0},
        {19372.0/6561.0, -25360.0/2187.0, 64448.0/6561.0, -212.0/729.0, 0.0, 0.0},
        {9017.0/3168.0, -355.0/33.0, 46732.0/5247.0, 49.0/176.0, -5103.0/18656.0, 0.0},
        {35.0/384.0, 0.0, 500.0/1113.0, 125.0/192.0, -2187.0/6784.0, 11.0/84.0}
    };
    static const double e[7] = {
        71.0/57600.0, 0.0, -71.0/16695.0, 71.0/1920.0, -17253.0/339200.0, 22.0/525.0, -1.0/40.0
    };
    const double relative = 1e-11;
    double k[7][N_STATES], next[N_STATES], previous = 1.0;
    int fresh = 1;
    for (long count = 0; *t < stop; ++count) {
        const double target = fmin(stop, @NEXT@(experiment, *t));
        if (target - *t <= 1e-15*fabs(target)) {
            // two times that differ by rounding alone
            *t = target;
            fresh = 1;
            continue;
        }
        const double inside = 0.5*(*t + target);
        if (fresh)
            derivative(experiment, *t, inside, state, k[0]);
        fresh = 0;
        const int last = *t + 1.01*(*step) >= target;
        const double h = last ? target - *t : *step;
        if (count > 200000000L || !(h > 0.0) || *t + 0.1*h == *t)
            return 0;
        for (int stage = 1; stage < 7; ++stage) {
            for (int i = 0; i < N_STATES; ++i) {
                double sum = 0.0;
                for (int j = 0; j < stage; ++j)
                    sum += a[stage][j]*k[j][i];
                next[i] = state[i] + h*sum;
            }
            derivative(experiment, last && c[stage] == 1.0 ? target : *t + c[stage]*h, inside, next, k[stage]);
        }
        double error = 0.0;
        for (int i = 0; i < N_STATES; ++i) {
            double sum = 0.0;
            for (int j = 0; j < 7; ++j)
                sum += e[j]*k[j][i];
            const double scale = relative*(fmax(fabs(state[i]), fabs(next[i])) + 1e-2*magnitude[i]);
            error += pow(h*sum/scale, 2.0)/N_STATES;
        }
        error = sqrt(error);
        if (error <= 1.0) {
            const double factor = 0.9*pow(fmax(error, 1e-10), -0.14)*pow(previous, 0.08);
            const double proposed = h*fmin(5.0, fmax(0.2, factor));
            previous = fmax(error, 1e-4);
@KEEP@            *t = last ? target : *t + h;
            *step = last ? fmax(*step, proposed) : proposed;
            memcpy(state, next, sizeof next);
            memcpy(k[0], k[6], sizeof k[0]);
            fresh = last;
        } else {
            *step = isfinite(error) ? h*fmax(0.1, 0.9*pow(error, -0.2)) : 0.1*h;
        }
    }
    return 1;
}"""

IMPLICIT = """\
// LU factors of a in place, with row pivots; 0 when it is singular.
static int factorise(int n, double *a, int *pivot)
{
    for (int k = 0; k < n; ++k) {
        int best = k;
        for (int i = k + 1; i < n; ++i)
            if (fabs(a[i*n + k]) > fabs(a[best*n + k]))
                best = i;
        pivot[k] = best;
        if (!(fabs(a[best*n + k]) > 0.0))
            return 0;
        if (best != k)
            for (int j = 0; j < n; ++j) {
                const double kept = a[k*n + j];
                a[k*n + j] = a[best*n + j];
                a[best*n + j] = kept;
            }
        for (int i = k + 1; i < n; ++i) {
            a[i*n + k] /= a[k*n + k];
            for (int j = k + 1; j < n; ++j)
                a[i*n + j] -= a[i*n + k]*a[k*n + j];
        }
    }
    return 1;
}

static void solve(int n, const double *lu, const int *pivot, double *b)
{
    for (int k = 0; k < n; ++k) {
        const double kept = b[k];
        b[k] = b[pivot[k]];
        b[pivot[k]] = kept;
    }
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < i; ++j)
            b[i] -= lu[i*n + j]*b[j];
    for (int i = n - 1; i >= 0; --i) {
        for (int j = i + 1; j < n; ++j)
            b[i] -= lu[i*n + j]*b[j];
        b[i] /= lu[i*n + i];
    }
}

static const double relative = 1e-9;

static double scaled_norm(const double *values, const double *state, int stages)
{
    double sum = 0.0;
    for (int s = 0; s < stages; ++s)
        for (int i = 0; i < N_STATES; ++i) {
            const double scale = relative*(fabs(state[i]) + 1e-2*magnitude[i]);
            sum += pow(values[s*N_STATES + i]/scale, 2.0);
        }
    return sqrt(sum/(stages*N_STATES));
}

// Central differences of the field.
static void jacobian(const track *experiment, double t, double inside, const double *state, double *matrix)
{
    double moved[N_STATES], up[N_STATES], down[N_STATES];
    memcpy(moved, state, sizeof moved);
    for (int j = 0; j < N_STATES; ++j) {
        const double change = 1e-6*fmax(fabs(state[j]), 1e-3*magnitude[j]);
        moved[j] = state[j] + change;
        derivative(experiment, t, inside, moved, up);
        moved[j] = state[j] - change;
        derivative(experiment, t, inside, moved, down);
        moved[j] = state[j];
        for (int i = 0; i < N_STATES; ++i)
            matrix[i*N_STATES + j] = (up[i] - down[i])/(2.0*change);
    }
}

// One step of size h: the stages z of the new state, and the estimate of the error. 0 when Newton's iteration failed.
static int attempt(const track *experiment, double t, double inside, double h, const double *state, double *z, double *error)
{
    const double root = sqrt(6.0);
    const double c[3] = {(4.0 - root)/10.0, (4.0 + root)/10.0, 1.0};
    const double a[3][3] = {
        {(88.0 - 7.0*root)/360.0, (296.0 - 169.0*root)/1800.0, (-2.0 + 3.0*root)/225.0},
        {(296.0 + 169.0*root)/1800.0, (88.0 + 7.0*root)/360.0, (-2.0 - 3.0*root)/225.0},
        {(16.0 - root)/36.0, (16.0 + root)/36.0, 1.0/9.0}
    };
    const double e[3] = {(-13.0 - 7.0*root)/3.0, (-13.0 + 7.0*root)/3.0, -1.0/3.0};
    const double mu = 3.0 + cbrt(9.0) - cbrt(3.0);
    static double matrix[N_STATES*N_STATES], large[9*N_STATES*N_STATES], small[N_STATES*N_STATES];
    int pivot[3*N_STATES], small_pivot[N_STATES];
    double rates[3][N_STATES], moved[N_STATES], residual[3*N_STATES];
    jacobian(experiment, t, inside, state, matrix);
    for (int r = 0; r < 3; ++r)
        for (int s = 0; s < 3; ++s)
            for (int i = 0; i < N_STATES; ++i)
                for (int j = 0; j < N_STATES; ++j)
                    large[(r*N_STATES + i)*3*N_STATES + s*N_STATES + j] =
                        (r == s && i == j ? 1.0 : 0.0) - h*a[r][s]*matrix[i*N_STATES + j];
    for (int i = 0; i < N_STATES; ++i)
        for (int j = 0; j < N_STATES; ++j)
            small[i*N_STATES + j] = (i == j ? mu/h : 0.0) - matrix[i*N_STATES + j];
    if (!factorise(3*N_STATES, large, pivot) || !factorise(N_STATES, small, small_pivot))
        return 0;
    memset(z, 0, 3*N_STATES*sizeof *z);
    double last = HUGE_VAL;
    int done = 0;
    for (int round = 0; round < 12 && !done; ++round) {
        for (int s = 0; s < 3; ++s) {
            for (int i = 0; i < N_STATES; ++i)
                moved[i] = state[i] + z[s*N_STATES + i];
            derivative(experiment, t + c[s]*h, inside, moved, rates[s]);
        }
        for (int r = 0; r < 3; ++r)
            for (int i = 0; i < N_STATES; ++i) {
                double sum = 0.0;
                for (int s = 0; s < 3; ++s)
                    sum += a[r][s]*rates[s][i];
                residual[r*N_STATES + i] = h*sum - z[r*N_STATES + i];
            }
        solve(3*N_STATES, large, pivot, residual);
        for (int i = 0; i < 3*N_STATES; ++i)
            z[i] += residual[i];
        const double change = scaled_norm(residual, state, 3);
        if (!isfinite(change) || (round > 1 && change > 2.0*last))
            return 0;
        done = change < 1e-2;
        last = change;
    }
    if (!done)
        return 0;
    double estimate[N_STATES], start[N_STATES];
    derivative(experiment, t, inside, state, start);
    for (int pass = 0; pass < 2; ++pass) {
        for (int i = 0; i < N_STATES; ++i) {
            const double sum = e[0]*z[i] + e[1]*z[N_STATES + i] + e[2]*z[2*N_STATES + i];
            estimate[i] = start[i] + sum/h;
        }
        solve(N_STATES, small, small_pivot, estimate);
        *error = scaled_norm(estimate, state, 1);
        if (*error < 1.0)
            break;
        for (int i = 0; i < N_STATES; ++i)
            moved[i] = state[i] + estimate[i];
        derivative(experiment, t, inside, moved, start);
    }
    return isfinite(*error);
}

// Integrates from *t to stop; *step is the size of the first step and becomes that of the next. 0 when it failed.
static int integrate(const track *experiment, double *t, double stop, double *state, double *step)
{
    double z[3*N_STATES];
    for (long count = 0; *t < stop; ++count) {
        const double target = fmin(stop, next_kink(experiment, *t));
        if (target - *t <= 1e-15*fabs(target)) {
            // two times that differ by rounding alone
            *t = target;
            continue;
        }
        const int last = *t + 1.01*(*step) >= target;
        const double h = last ? target - *t : *step;
        double error = 0.0;
        if (count > 50000000L || !(h > 0.0) || *t + 0.1*h == *t)
            return 0;
        if (!attempt(experiment, *t, 0.5*(*t + target), h, state, z, &error)) {
            *step = 0.25*h;
            continue;
        }
        const double proposed = h*fmin(8.0, fmax(0.2, 0.9*pow(fmax(error, 1e-10), -0.25)));
        if (error <= 1.0) {
            *t = last ? target : *t + h;
            for (int i = 0; i < N_STATES; ++i)
                state[i] += z[2*N_STATES + i];
            *step = last ? fmax(*step, proposed) : proposed;
        } else {
            *step = fmin(proposed, 0.9*h);
        }
    }
    return 1;
}"""
