// Reads a model and runs its programs, with and without derivatives.
#include "nde.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#endif

enum { LARGEST = 1 << 28, VERSION = 1 };

typedef struct {
    const int32_t *ints;
    const double *doubles;
    int n_ints, n_doubles, at_int, at_double, bad;
} cursor;

static int next_int(cursor *c)
{
    if (c->at_int >= c->n_ints) {
        c->bad = 1;
        return 0;
    }
    return c->ints[c->at_int++];
}

static int next_count(cursor *c)
{
    const int n = next_int(c);
    if (n < 0 || n > LARGEST)
        c->bad = 1;
    return c->bad ? 0 : n;
}

static const int32_t *some_ints(cursor *c, int n)
{
    if (n < 0 || n > c->n_ints - c->at_int) {
        c->bad = 1;
        return NULL;
    }
    c->at_int += n;
    return c->ints + c->at_int - n;
}

static const double *some_doubles(cursor *c, int64_t n)
{
    if (n < 0 || n > c->n_doubles - c->at_double) {
        c->bad = 1;
        return NULL;
    }
    c->at_double += (int)n;
    return c->doubles + c->at_double - n;
}

static FILE *open_file(const char *path)
{
#ifdef _WIN32
    wchar_t wide[4096];
    if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 4096))
        return NULL;
    return _wfopen(wide, L"rb");
#else
    return fopen(path, "rb");
#endif
}

static int read_networks(model *m, cursor *c)
{
    m->networks = calloc((size_t)m->n_networks + 1, sizeof *m->networks);
    m->width = 1;
    for (int k = 0; m->networks && k < m->n_networks && !c->bad; ++k) {
        network *one = &m->networks[k];
        one->n_layers = next_count(c);
        one->activation = next_int(c);
        one->sizes = some_ints(c, one->n_layers + 1);
        int64_t n = 0;
        if (c->bad || one->n_layers < 1 || one->activation < 0 || one->activation >= N_ACTIVATIONS)
            return 0;
        for (int j = 0; j <= one->n_layers; ++j) {
            if (one->sizes[j] < 1 || one->sizes[j] > 1 << 20)
                return 0;
            m->width = one->sizes[j] > m->width ? one->sizes[j] : m->width;
            n += j ? (int64_t)one->sizes[j]*(one->sizes[j - 1] + 1) : 0;
        }
        if (one->sizes[one->n_layers] != 1)
            return 0;
        one->weights = some_doubles(c, n);
    }
    return m->networks && !c->bad;
}

static int read_events(model *m, cursor *c)
{
    m->events = calloc((size_t)m->n_events + 1, sizeof *m->events);
    for (int k = 0; m->events && k < m->n_events && !c->bad; ++k) {
        event *one = &m->events[k];
        one->kind = next_int(c);
        one->change = next_count(c);
        one->times = next_count(c);
        one->n_changed = next_count(c);
        one->changed = some_ints(c, one->n_changed);
        if (c->bad || one->kind < 0 || one->kind >= N_EVENT_KINDS || one->change >= m->n_programs || one->times >= m->n_programs)
            return 0;
        if (m->programs[one->change].n_results != one->n_changed)
            return 0;
        if (one->kind == EVENT_EVERY && m->programs[one->times].n_results != 3)
            return 0;
        if (one->kind == EVENT_DOSE && m->programs[one->times].n_results != 1)
            return 0;
        for (int j = 0; j < one->n_changed; ++j)
            if (one->changed[j] < 0 || one->changed[j] >= m->n_states)
                return 0;
    }
    m->waiting = some_ints(c, m->n_conditions);
    for (int k = 0; !c->bad && k < m->n_conditions; ++k)
        if (m->waiting[k] < 0 || m->waiting[k] >= m->n_events)
            return 0;
    return m->events && !c->bad;
}

static int read_tracks(model *m, cursor *c)
{
    m->tracks = calloc((size_t)m->n_tracks + 1, sizeof *m->tracks);
    for (int k = 0; m->tracks && k < m->n_tracks && !c->bad; ++k) {
        track *one = &m->tracks[k];
        const double *span = some_doubles(c, 2);
        one->initial = some_doubles(c, m->n_states);
        one->inputs = calloc((size_t)m->n_inputs + 1, sizeof *one->inputs);
        if (c->bad || !one->inputs)
            return 0;
        one->start = span[0];
        one->stop = span[1];
        for (int j = 0; j < m->n_inputs; ++j) {
            table *path = &one->inputs[j];
            path->n = next_count(c);
            path->degree = next_count(c);
            if (c->bad || path->n < 1 || path->degree < 1 || path->degree > 64)
                return 0;
            path->breaks = some_doubles(c, path->n);
            path->coefficients = some_doubles(c, (int64_t)path->n*path->degree);
        }
        one->n_doses = next_count(c);
        one->dose_events = some_ints(c, one->n_doses);
        one->doses = some_doubles(c, 3*(int64_t)one->n_doses);
        for (int j = 0; !c->bad && j < one->n_doses; ++j)
            if (one->dose_events[j] < 0 || one->dose_events[j] >= m->n_events)
                return 0;
    }
    return m->tracks && !c->bad;
}

static int arity(int op)
{
    switch (op) {
    case OP_HILL: case OP_IF:
        return 3;
    case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_POW: case OP_ATAN2: case OP_MIN: case OP_MAX:
    case OP_LT: case OP_LE: case OP_GT: case OP_GE: case OP_EQ: case OP_AND: case OP_OR:
        return 2;
    default:
        return 1;
    }
}

// Everything that programs name exists, so that running them never looks further than they may.
static int programs_fit(const model *m)
{
    for (int k = 0; k < m->n_programs; ++k) {
        const program *p = &m->programs[k];
        if (p->start < 0 || p->count < 0 || p->start > m->n_code - p->count)
            return 0;
        if (p->first_result < 0 || p->n_results < 0 || p->first_result > m->n_results - p->n_results)
            return 0;
    }
    for (int k = 0; k < m->n_results; ++k)
        if (m->results[k] < 0 || m->results[k] >= m->n_registers)
            return 0;
    for (int k = 0; k < m->n_arguments; ++k)
        if (m->arguments[k] < 0 || m->arguments[k] >= m->n_registers)
            return 0;
    for (int k = 0; k < m->n_code; ++k) {
        const instruction *i = &m->code[k];
        const int32_t places[3] = {i->a, i->b, i->c};
        if (i->op < 0 || i->op >= N_OPS || i->to < m->at_parameters + m->n_parameters || i->to >= m->n_registers)
            return 0;
        if (i->op == OP_NET) {
            if (i->a < 0 || i->a >= m->n_networks || i->b < 0 || i->b > m->n_arguments - m->networks[i->a].sizes[0])
                return 0;
            continue;
        }
        for (int j = 0; j < arity(i->op); ++j)
            if (places[j] < 0 || places[j] >= m->n_registers)
                return 0;
    }
    return m->programs[PROGRAM_FIELD].n_results == m->n_states && m->programs[PROGRAM_OUTPUTS].n_results == m->n_outputs
        && m->programs[PROGRAM_CONDITIONS].n_results == m->n_conditions;
}

static int read_model(model *m, cursor *c)
{
    if (next_int(c) != VERSION)
        return 0;
    int *const counts[] = {
        &m->n_states, &m->n_inputs, &m->n_outputs, &m->n_parameters, &m->n_events, &m->n_conditions, &m->n_tracks,
        &m->n_constants, &m->n_registers, &m->n_networks, &m->n_programs, &m->n_code, &m->n_results, &m->n_arguments, &m->stiff
    };
    for (size_t k = 0; k < sizeof counts/sizeof *counts; ++k)
        *counts[k] = next_count(c);
    const int n_token = next_count(c);
    const int32_t *token = some_ints(c, n_token);
    if (c->bad || n_token >= (int)sizeof m->token || m->n_programs < PROGRAM_FIRST_EVENT || m->n_tracks < 1)
        return 0;
    for (int k = 0; k < n_token; ++k)
        m->token[k] = (char)token[k];
    m->at_time = m->n_constants;
    m->at_given = m->at_time + 1;
    m->at_states = m->at_given + 1;
    m->at_inputs = m->at_states + m->n_states;
    m->at_parameters = m->at_inputs + m->n_inputs;
    if (m->n_registers < m->at_parameters + m->n_parameters)
        return 0;
    m->owned_programs = calloc((size_t)m->n_programs, sizeof *m->owned_programs);
    m->owned_code = calloc((size_t)m->n_code + 1, sizeof *m->owned_code);
    const int32_t *programs = some_ints(c, 4*m->n_programs);
    m->results = some_ints(c, m->n_results);
    m->arguments = some_ints(c, m->n_arguments);
    const int32_t *code = some_ints(c, 5*m->n_code);
    if (c->bad || !m->owned_programs || !m->owned_code)
        return 0;
    for (int k = 0; k < m->n_programs; ++k)
        m->owned_programs[k] = (program){programs[4*k], programs[4*k + 1], programs[4*k + 2], programs[4*k + 3]};
    for (int k = 0; k < m->n_code; ++k)
        m->owned_code[k] = (instruction){code[5*k], code[5*k + 1], code[5*k + 2], code[5*k + 3], code[5*k + 4]};
    m->programs = m->owned_programs;
    m->code = m->owned_code;
    m->constants = some_doubles(c, m->n_constants);
    m->magnitude = some_doubles(c, m->n_states);
    m->start_states = some_doubles(c, m->n_states);
    m->start_inputs = some_doubles(c, m->n_inputs);
    m->start_parameters = some_doubles(c, m->n_parameters);
    return !c->bad && read_networks(m, c) && read_events(m, c) && read_tracks(m, c) && programs_fit(m);
}

model *load_model(const char *folder, char *complaint, size_t room)
{
    char path[4096];
    const size_t length = strlen(folder);
    const char *between = length && (folder[length - 1] == '/' || folder[length - 1] == '\\') ? "" : "/";
    int32_t head[4] = {0};
    model *m = calloc(1, sizeof *m);
    snprintf(path, sizeof path, "%s%smodel.bin", folder, between);
    FILE *file = open_file(path);
    if (!file || !m) {
        snprintf(complaint, room, "%s cannot be read; the FMU has to be unpacked whole", path);
        free(m);
        if (file)
            fclose(file);
        return NULL;
    }
    int good = fread(head, sizeof *head, 4, file) == 4 && memcmp(head, "NDEMODEL", 8) == 0 && head[2] >= 0 && head[3] >= 0
        && head[2] < LARGEST && head[3] < LARGEST;
    if (good) {
        m->ints = calloc((size_t)head[2] + 1, sizeof *m->ints);
        m->doubles = calloc((size_t)head[3] + 1, sizeof *m->doubles);
        good = m->ints && m->doubles && fread(m->ints, sizeof *m->ints, (size_t)head[2], file) == (size_t)head[2]
            && fread(m->doubles, sizeof *m->doubles, (size_t)head[3], file) == (size_t)head[3];
    }
    fclose(file);
    if (good) {
        cursor c = {m->ints, m->doubles, head[2], head[3], 0, 0, 0};
        good = read_model(m, &c);
    }
    if (!good) {
        snprintf(complaint, room, "%s is damaged or of another version of this program; export the model again", path);
        free_model(m);
        return NULL;
    }
    return m;
}

void free_model(model *m)
{
    if (!m)
        return;
    for (int k = 0; m->tracks && k < m->n_tracks; ++k)
        free(m->tracks[k].inputs);
    free(m->tracks);
    free(m->networks);
    free(m->events);
    free(m->owned_programs);
    free(m->owned_code);
    free(m->ints);
    free(m->doubles);
    free(m);
}

static double sigmoid(double z)
{
    return 0.5*(1.0 + tanh(0.5*z));
}

static double softplus(double z)
{
    return fmax(z, 0.0) + log1p(exp(-fabs(z)));
}

static double step_of(double z)
{
    return z > 0.0 ? 1.0 : z < 0.0 ? 0.0 : z + 0.5;
}

static double sign_of(double z)
{
    return z > 0.0 ? 1.0 : z < 0.0 ? -1.0 : z;
}

static double hill(double x, double K, double n)
{
    const double ratio = pow(x/K, n);
    return ratio/(1.0 + ratio);
}

// Value of an activation, and its derivative where that is asked for.
static double activated(int which, double z, double *slope)
{
    switch (which) {
    case ACT_TANH: {
        const double y = tanh(z);
        if (slope)
            *slope = 1.0 - y*y;
        return y;
    }
    case ACT_SOFTPLUS:
        if (slope)
            *slope = sigmoid(z);
        return softplus(z);
    case ACT_SWISH: {
        const double s = sigmoid(z);
        if (slope)
            *slope = s + z*s*(1.0 - s);
        return z*s;
    }
    case ACT_GELU: {
        const double c = 0.7978845608028654, th = tanh(c*(z + 0.044715*z*z*z));
        if (slope)
            *slope = 0.5*(1.0 + th) + 0.5*z*(1.0 - th*th)*c*(1.0 + 3.0*0.044715*z*z);
        return 0.5*z*(1.0 + th);
    }
    default:
        if (slope)
            *slope = cos(z);
        return sin(z);
    }
}

// Value of a network; with tangents of what enters also its tangent.
static double network_value(const instance *in, const instruction *i, double *tangent)
{
    const network *net = &in->m->networks[i->a];
    const int32_t *entering = in->m->arguments + i->b;
    const int width = in->m->width;
    double *here = in->layers, *there = here + width, *moving = there + width, *moved = moving + width;
    for (int j = 0; j < net->sizes[0]; ++j) {
        here[j] = in->registers[entering[j]];
        if (tangent)
            moving[j] = in->tangents[entering[j]];
    }
    const double *w = net->weights;
    for (int layer = 0; layer < net->n_layers; ++layer) {
        const int columns = net->sizes[layer], rows = net->sizes[layer + 1];
        const double *biases = w + (size_t)rows*(size_t)columns;
        for (int r = 0; r < rows; ++r)
            there[r] = biases[r];
        if (tangent)
            memset(moved, 0, (size_t)rows*sizeof *moved);
        for (int j = 0; j < columns; ++j, w += rows) {
            const double value = here[j];
            for (int r = 0; r < rows; ++r)
                there[r] += w[r]*value;
            if (tangent)
                for (int r = 0; r < rows; ++r)
                    moved[r] += w[r]*moving[j];
        }
        w = biases + rows;
        if (layer < net->n_layers - 1)
            for (int r = 0; r < rows; ++r) {
                double slope;
                there[r] = activated(net->activation, there[r], tangent ? &slope : NULL);
                if (tangent)
                    moved[r] *= slope;
            }
        double *kept = here;
        here = there;
        there = kept;
        kept = moving;
        moving = moved;
        moved = kept;
    }
    if (tangent)
        *tangent = moving[0];
    return here[0];
}

void run_program(const instance *in, int which)
{
    const program *p = &in->m->programs[which];
    const instruction *i = in->m->code + p->start, *end = i + p->count;
    double *r = in->registers;
    for (; i < end; ++i) {
        const double a = i->op == OP_NET ? 0.0 : r[i->a];
        switch (i->op) {
        case OP_ADD: r[i->to] = a + r[i->b]; break;
        case OP_SUB: r[i->to] = a - r[i->b]; break;
        case OP_MUL: r[i->to] = a*r[i->b]; break;
        case OP_DIV: r[i->to] = a/r[i->b]; break;
        case OP_POW: r[i->to] = pow(a, r[i->b]); break;
        case OP_NEG: r[i->to] = -a; break;
        case OP_EXP: r[i->to] = exp(a); break;
        case OP_LOG: r[i->to] = log(a); break;
        case OP_SQRT: r[i->to] = sqrt(a); break;
        case OP_SIN: r[i->to] = sin(a); break;
        case OP_COS: r[i->to] = cos(a); break;
        case OP_TAN: r[i->to] = tan(a); break;
        case OP_TANH: r[i->to] = tanh(a); break;
        case OP_SINH: r[i->to] = sinh(a); break;
        case OP_COSH: r[i->to] = cosh(a); break;
        case OP_LOG10: r[i->to] = log10(a); break;
        case OP_ATAN2: r[i->to] = atan2(a, r[i->b]); break;
        case OP_ERF: r[i->to] = erf(a); break;
        case OP_ABS: r[i->to] = fabs(a); break;
        case OP_MIN: r[i->to] = fmin(a, r[i->b]); break;
        case OP_MAX: r[i->to] = fmax(a, r[i->b]); break;
        case OP_SIGN: r[i->to] = sign_of(a); break;
        case OP_HEAVISIDE: r[i->to] = step_of(a); break;
        case OP_FLOOR: r[i->to] = floor(a); break;
        case OP_SIGMOID: r[i->to] = sigmoid(a); break;
        case OP_SOFTPLUS: r[i->to] = softplus(a); break;
        case OP_HILL: r[i->to] = hill(a, r[i->b], r[i->c]); break;
        case OP_LT: r[i->to] = a < r[i->b]; break;
        case OP_LE: r[i->to] = a <= r[i->b]; break;
        case OP_GT: r[i->to] = a > r[i->b]; break;
        case OP_GE: r[i->to] = a >= r[i->b]; break;
        case OP_EQ: r[i->to] = a == r[i->b]; break;
        case OP_AND: r[i->to] = a != 0.0 && r[i->b] != 0.0; break;
        case OP_OR: r[i->to] = a != 0.0 || r[i->b] != 0.0; break;
        case OP_NOT: r[i->to] = a == 0.0; break;
        case OP_IF: r[i->to] = a != 0.0 ? r[i->b] : r[i->c]; break;
        default: r[i->to] = network_value(in, i, NULL); break;
        }
    }
}

// The slope of x^n by x, which is 0 where n is: not 0 times infinity.
static double power_slope(double x, double n)
{
    return n == 0.0 ? 0.0 : n*pow(x, n - 1.0);
}

// A product in which a tangent of 0 stays 0, whatever the slope is.
static double along(double slope, double tangent)
{
    return tangent == 0.0 ? 0.0 : slope*tangent;
}

static double tangent(const instance *in, const instruction *i, double a, double b, double c, double da, double db, double dc)
{
    switch (i->op) {
    case OP_ADD: return da + db;
    case OP_SUB: return da - db;
    case OP_MUL: return along(b, da) + along(a, db);
    case OP_DIV: return along(1.0/b, da) - along(a/(b*b), db);
    case OP_POW: return along(power_slope(a, b), da) + along(log(a)*pow(a, b), db);
    case OP_NEG: return -da;
    case OP_EXP: return along(exp(a), da);
    case OP_LOG: return along(1.0/a, da);
    case OP_SQRT: return along(0.5/sqrt(a), da);
    case OP_SIN: return along(cos(a), da);
    case OP_COS: return along(-sin(a), da);
    case OP_TAN: return along(1.0 + tan(a)*tan(a), da);
    case OP_TANH: return along(1.0 - tanh(a)*tanh(a), da);
    case OP_SINH: return along(cosh(a), da);
    case OP_COSH: return along(sinh(a), da);
    case OP_LOG10: return along(1.0/(a*log(10.0)), da);
    case OP_ATAN2: return along(b/(a*a + b*b), da) - along(a/(a*a + b*b), db);
    case OP_ERF: return along(1.1283791670955126*exp(-a*a), da);
    case OP_ABS: return along(sign_of(a), da);
    case OP_MIN: return along(step_of(b - a), da) + along(step_of(a - b), db);
    case OP_MAX: return along(step_of(a - b), da) + along(step_of(b - a), db);
    case OP_SIGMOID: return along(sigmoid(a)*(1.0 - sigmoid(a)), da);
    case OP_SOFTPLUS: return along(sigmoid(a), da);
    case OP_HILL: {
        const double h = hill(a, b, c), ratio = pow(a/b, c), slope = power_slope(a/b, c)/(b*(1.0 + ratio)*(1.0 + ratio));
        return along(slope, da) - along(c*h*(1.0 - h)/b, db) + (a == 0.0 ? 0.0 : along(log(a/b)*h*(1.0 - h), dc));
    }
    case OP_IF: return a != 0.0 ? db : dc;
    default: (void)in; return 0.0;
    }
}

void run_tangents(const instance *in, int which)
{
    const program *p = &in->m->programs[which];
    const instruction *i = in->m->code + p->start, *end = i + p->count;
    double *r = in->registers, *d = in->tangents;
    run_program(in, which);
    for (; i < end; ++i) {
        if (i->op == OP_NET) {
            network_value(in, i, &d[i->to]);
        } else {
            const int n = arity(i->op);
            const int b = n > 1 ? i->b : i->a, c = n > 2 ? i->c : i->a;
            d[i->to] = tangent(in, i, r[i->a], r[b], r[c], d[i->a], d[b], d[c]);
        }
    }
}

double result_of(const instance *in, int which, int k)
{
    return in->registers[in->m->results[in->m->programs[which].first_result + k]];
}

double tangent_of(const instance *in, int which, int k)
{
    return in->tangents[in->m->results[in->m->programs[which].first_result + k]];
}
