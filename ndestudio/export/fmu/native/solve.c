// The solvers of co-simulation. Explicit: Dormand and Prince's 5(4) pair, J. Comput. Appl. Math. 6 (1980) 19-26, steps by a PI
// controller. Of stiff models: Radau IIA of order 5 (Hairer and Wanner, Solving ODEs II, section IV.8).
#include "nde.h"

#include <string.h>

// Rates at a time and a state; inputs are those in force, tables by their piece in force.
void derivative(instance *in, double t, const double *x, double *rate)
{
    const model *m = in->m;
    in->registers[m->at_time] = t;
    memcpy(in->registers + m->at_states, x, (size_t)m->n_states*sizeof *x);
    place_inputs(in, t);
    run_program(in, PROGRAM_FIELD);
    const int32_t *where = m->results + m->programs[PROGRAM_FIELD].first_result;
    for (int i = 0; i < m->n_states; ++i)
        rate[i] = in->registers[where[i]];
}

// By states, exactly, row after row.
void jacobian(instance *in, double t, const double *x, double *matrix)
{
    const model *m = in->m;
    const int n = m->n_states;
    in->registers[m->at_time] = t;
    memcpy(in->registers + m->at_states, x, (size_t)n*sizeof *x);
    place_inputs(in, t);
    memset(in->tangents, 0, (size_t)m->n_registers*sizeof *in->tangents);
    for (int j = 0; j < n; ++j) {
        in->tangents[m->at_states + j] = 1.0;
        run_tangents(in, PROGRAM_FIELD);
        for (int i = 0; i < n; ++i)
            matrix[i*n + j] = tangent_of(in, PROGRAM_FIELD, i);
        in->tangents[m->at_states + j] = 0.0;
    }
}

static int explicit_solver(instance *in, double stop)
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
    const int n = in->m->n_states;
    const double *magnitude = in->m->magnitude;
    double *x = in->x, *k[7], *next = in->work;
    k[0] = in->k0;
    for (int s = 1; s < 7; ++s)
        k[s] = in->work + (size_t)s*(size_t)n;
    for (long count = 0; *in->t < stop; ++count) {
        if (stop - *in->t <= 1e-15*fabs(stop)) {
            *in->t = stop;
            break;
        }
        if (*in->fresh != 0.0)
            derivative(in, *in->t, x, k[0]);
        *in->fresh = 0.0;
        const int last = *in->t + 1.01*(*in->step) >= stop;
        const double h = last ? stop - *in->t : *in->step;
        if (count > 200000000L || !(h > 0.0) || *in->t + 0.1*h == *in->t)
            return 0;
        for (int stage = 1; stage < 7; ++stage) {
            for (int i = 0; i < n; ++i) {
                double sum = 0.0;
                for (int j = 0; j < stage; ++j)
                    sum += a[stage][j]*k[j][i];
                next[i] = x[i] + h*sum;
            }
            derivative(in, last && c[stage] == 1.0 ? stop : *in->t + c[stage]*h, next, k[stage]);
        }
        double error = 0.0;
        for (int i = 0; i < n; ++i) {
            double sum = 0.0;
            for (int j = 0; j < 7; ++j)
                sum += e[j]*k[j][i];
            const double part = h*sum/(in->tolerance*(fmax(fabs(x[i]), fabs(next[i])) + 1e-2*magnitude[i]));
            error += part*part/n;
        }
        error = sqrt(error);
        if (error <= 1.0) {
            const double factor = 0.9*pow(fmax(error, 1e-10), -0.14)*pow(*in->previous, 0.08);
            const double proposed = h*fmin(5.0, fmax(0.2, factor));
            *in->previous = fmax(error, 1e-4);
            *in->t = last ? stop : *in->t + h;
            *in->step = last ? fmax(*in->step, proposed) : proposed;
            memcpy(x, next, (size_t)n*sizeof *x);
            memcpy(k[0], k[6], (size_t)n*sizeof *x);
        } else {
            *in->step = isfinite(error) ? h*fmax(0.1, 0.9*pow(error, -0.2)) : 0.1*h;
        }
    }
    return 1;
}

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
            const double factor = a[i*n + k] /= a[k*n + k];
            if (factor != 0.0)
                for (int j = k + 1; j < n; ++j)
                    a[i*n + j] -= factor*a[k*n + j];
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

static double scaled_norm(const instance *in, const double *values, int stages)
{
    const int n = in->m->n_states;
    double sum = 0.0;
    for (int s = 0; s < stages; ++s)
        for (int i = 0; i < n; ++i) {
            const double part = values[s*n + i]/(in->tolerance*(fabs(in->x[i]) + 1e-2*in->m->magnitude[i]));
            sum += part*part;
        }
    return sqrt(sum/(stages*n));
}

// One step of size h: the stages z of the new state, and the estimate of the error. 0 when Newton's iteration failed.
static int attempt(instance *in, double h, double *z, double *error)
{
    const double root = sqrt(6.0);
    const double c[3] = {(4.0 - root)/10.0, (4.0 + root)/10.0, 1.0};
    const double a[3][3] = {
        {(88.0 - 7.0*root)/360.0, (296.0 - 169.0*root)/1800.0, (-2.0 + 3.0*root)/225.0},
        {(296.0 + 169.0*root)/1800.0, (88.0 + 7.0*root)/360.0, (-2.0 - 3.0*root)/225.0},
        {(16.0 - root)/36.0, (16.0 + root)/36.0, 1.0/9.0}
    };
    const double e[3] = {(-13.0 - 7.0*root)/3.0, (-13.0 + 7.0*root)/3.0, -1.0/3.0};
    const double mu = 3.0 + cbrt(9.0) - cbrt(3.0), t = *in->t;
    const int n = in->m->n_states, n3 = 3*n;
    double *matrix = in->work, *small = matrix + n*n, *large = small + n*n, *rates = large + n3*n3;
    double *moved = rates + n3, *residual = moved + n, *start = residual + n3, *estimate = start + n;
    const double *x = in->x;
    jacobian(in, t, x, matrix);
    for (int r = 0; r < 3; ++r)
        for (int s = 0; s < 3; ++s)
            for (int i = 0; i < n; ++i)
                for (int j = 0; j < n; ++j)
                    large[(r*n + i)*n3 + s*n + j] = (r == s && i == j ? 1.0 : 0.0) - h*a[r][s]*matrix[i*n + j];
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j)
            small[i*n + j] = (i == j ? mu/h : 0.0) - matrix[i*n + j];
    int *pivot = in->pivots, *small_pivot = in->pivots + n3;
    if (!factorise(n3, large, pivot) || !factorise(n, small, small_pivot))
        return 0;
    memset(z, 0, (size_t)n3*sizeof *z);
    double last = HUGE_VAL;
    int done = 0;
    for (int round = 0; round < 12 && !done; ++round) {
        for (int s = 0; s < 3; ++s) {
            for (int i = 0; i < n; ++i)
                moved[i] = x[i] + z[s*n + i];
            derivative(in, t + c[s]*h, moved, rates + s*n);
        }
        for (int r = 0; r < 3; ++r)
            for (int i = 0; i < n; ++i) {
                double sum = 0.0;
                for (int s = 0; s < 3; ++s)
                    sum += a[r][s]*rates[s*n + i];
                residual[r*n + i] = h*sum - z[r*n + i];
            }
        solve(n3, large, pivot, residual);
        for (int i = 0; i < n3; ++i)
            z[i] += residual[i];
        const double change = scaled_norm(in, residual, 3);
        if (!isfinite(change) || (round > 1 && change > 2.0*last))
            return 0;
        done = change < 1e-2;
        last = change;
    }
    if (!done)
        return 0;
    derivative(in, t, x, start);
    for (int pass = 0; pass < 2; ++pass) {
        for (int i = 0; i < n; ++i)
            estimate[i] = start[i] + (e[0]*z[i] + e[1]*z[n + i] + e[2]*z[2*n + i])/h;
        solve(n, small, small_pivot, estimate);
        *error = scaled_norm(in, estimate, 1);
        if (*error < 1.0)
            break;
        for (int i = 0; i < n; ++i)
            moved[i] = x[i] + estimate[i];
        derivative(in, t, moved, start);
    }
    return isfinite(*error);
}

static int implicit_solver(instance *in, double stop)
{
    const int n = in->m->n_states;
    double *z = in->work + 11*(size_t)n*(size_t)n + 9*(size_t)n;
    for (long count = 0; *in->t < stop; ++count) {
        if (stop - *in->t <= 1e-15*fabs(stop)) {
            *in->t = stop;
            break;
        }
        const int last = *in->t + 1.01*(*in->step) >= stop;
        const double h = last ? stop - *in->t : *in->step;
        double error = 0.0;
        if (count > 50000000L || !(h > 0.0) || *in->t + 0.1*h == *in->t)
            return 0;
        if (!attempt(in, h, z, &error)) {
            *in->step = 0.25*h;
            continue;
        }
        const double proposed = h*fmin(8.0, fmax(0.2, 0.9*pow(fmax(error, 1e-10), -0.25)));
        if (error <= 1.0) {
            *in->t = last ? stop : *in->t + h;
            for (int i = 0; i < n; ++i)
                in->x[i] += z[2*n + i];
            *in->step = last ? fmax(*in->step, proposed) : proposed;
        } else {
            *in->step = fmin(proposed, 0.9*h);
        }
    }
    *in->fresh = 1.0;
    return 1;
}

// From the time of the instance to `stop`, through nothing that happens on the way. 0 when it failed.
int integrate(instance *in, double stop)
{
    if (in->m->n_states == 0) {
        *in->t = fmax(*in->t, stop);
        return 1;
    }
    return in->m->stiff ? implicit_solver(in, stop) : explicit_solver(in, stop);
}
