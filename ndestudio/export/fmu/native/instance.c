// A model that runs: its memory, its events, and the simulation from one to the next.
#include "nde.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS = 400, MOST = 500, NUMBERS = 8 };

static const double NEAR = 1e-12;

static double within(double t)
{
    return NEAR*fmax(1.0, fabs(t));
}

static size_t head_size(const model *m)
{
    return NUMBERS + 2*(size_t)m->n_states;
}

// What belongs to the state of a running model; the head is what a step changes.
static void layout(instance *in)
{
    const model *m = in->m;
    double **const numbers[NUMBERS] = {
        &in->t, &in->step, &in->previous, &in->fresh, &in->next, &in->happened, &in->trajectory, &in->measured
    };
    double *at = in->memory;
    for (int k = 0; k < NUMBERS; ++k)
        *numbers[k] = at++;
    in->x = at;
    in->k0 = in->x + m->n_states;
    in->registers = in->k0 + m->n_states;
    in->true_now = in->registers + m->n_registers;
    in->pieces = in->true_now + m->n_conditions;
}

static const track *track_of(const instance *in)
{
    return &in->m->tracks[(int)*in->trajectory - 1];
}

instance *new_instance(const char *folder, const char *token, int fmi, int co_simulation, char *complaint, size_t room)
{
    model *m = load_model(folder, complaint, room);
    if (!m)
        return NULL;
    if (token && strcmp(token, m->token) != 0) {
        snprintf(complaint, room, "the identifier %s is not that of this FMU, %s", token, m->token);
        free_model(m);
        return NULL;
    }
    instance *in = calloc(1, sizeof *in);
    if (!in) {
        free_model(m);
        return NULL;
    }
    const size_t n = (size_t)m->n_states, conditions = (size_t)m->n_conditions;
    const size_t explicit_room = 7*n + 8, implicit_room = 11*n*n + 12*n + 8;
    in->m = m;
    in->fmi = fmi;
    in->co_simulation = co_simulation;
    in->n_memory = head_size(m) + (size_t)m->n_registers + conditions + (size_t)m->n_inputs;
    in->memory = calloc(in->n_memory + 1, sizeof *in->memory);
    in->tangents = calloc((size_t)m->n_registers + 1, sizeof *in->tangents);
    in->work = calloc(m->stiff ? implicit_room : explicit_room, sizeof *in->work);
    in->pivots = calloc(4*n + 1, sizeof *in->pivots);
    in->layers = calloc(4*(size_t)m->width, sizeof *in->layers);
    in->kept = calloc(2*head_size(m), sizeof *in->kept);
    in->looks = calloc(6*conditions + 2*n + 1, sizeof *in->looks);
    in->rates = calloc(n + 1, sizeof *in->rates);
    in->outputs = calloc((size_t)m->n_outputs + 1, sizeof *in->outputs);
    if (!in->memory || !in->tangents || !in->work || !in->pivots || !in->layers || !in->kept || !in->looks || !in->rates
        || !in->outputs) {
        free_instance(in);
        snprintf(complaint, room, "there is not enough memory for the model");
        return NULL;
    }
    layout(in);
    reset_instance(in);
    return in;
}

void free_instance(instance *in)
{
    if (!in)
        return;
    free_model((model *)in->m);
    free(in->memory);
    free(in->tangents);
    free(in->work);
    free(in->pivots);
    free(in->layers);
    free(in->kept);
    free(in->looks);
    free(in->rates);
    free(in->outputs);
    free(in->known);
    free(in);
}

void reset_instance(instance *in)
{
    const model *m = in->m;
    memset(in->memory, 0, in->n_memory*sizeof *in->memory);
    memcpy(in->registers, m->constants, (size_t)m->n_constants*sizeof(double));
    memcpy(in->registers + m->at_inputs, m->start_inputs, (size_t)m->n_inputs*sizeof(double));
    memcpy(in->registers + m->at_parameters, m->start_parameters, (size_t)m->n_parameters*sizeof(double));
    memcpy(in->x, m->start_states, (size_t)m->n_states*sizeof(double));
    *in->trajectory = 1.0;
    in->start = m->tracks[0].start;
    in->stop_defined = 0;
    in->tolerance = m->stiff ? 1e-9 : 1e-10;
    in->initialised = 0;
    in->n_known = 0;
    *in->t = in->start;
    touch(in);
}

void touch(instance *in)
{
    in->rates_valid = in->outputs_valid = 0;
    *in->fresh = 1.0;
}

// Values of measured inputs, each by the piece that is in force.
void place_inputs(instance *in, double t)
{
    const model *m = in->m;
    if (*in->measured == 0.0)
        return;
    const track *one = track_of(in);
    for (int i = 0; i < m->n_inputs; ++i) {
        const table *path = &one->inputs[i];
        const int piece = (int)in->pieces[i];
        const double s = piece < 0 ? 0.0 : t - path->breaks[piece];
        double value = 0.0;
        for (int k = path->degree - 1; k >= 0; --k)
            value = value*s + path->coefficients[k*path->n + (piece < 0 ? 0 : piece)];
        in->registers[m->at_inputs + i] = value;
    }
}

// The pieces in force from t on; before the first its first value holds.
static void find_pieces(instance *in, double t)
{
    const track *one = track_of(in);
    for (int i = 0; i < in->m->n_inputs; ++i) {
        const table *path = &one->inputs[i];
        int low = -1, high = path->n;
        while (high - low > 1) {
            const int middle = (low + high)/2;
            if (path->breaks[middle] <= t + within(t))
                low = middle;
            else
                high = middle;
        }
        in->pieces[i] = low;
    }
}

static double next_break(const instance *in)
{
    double next = HUGE_VAL;
    if (*in->measured == 0.0)
        return next;
    const track *one = track_of(in);
    for (int i = 0; i < in->m->n_inputs; ++i) {
        const int following = (int)in->pieces[i] + 1;
        if (following < one->inputs[i].n)
            next = fmin(next, one->inputs[i].breaks[following]);
    }
    return next;
}

static int add(instance *in, double t, int event, double amount)
{
    if (in->n_known == in->room) {
        const int room = 2*in->room + 16;
        occurrence *more = realloc(in->known, (size_t)room*sizeof *more);
        if (!more)
            return 0;
        in->known = more;
        in->room = room;
    }
    in->known[in->n_known] = (occurrence){t, amount, event, in->n_known};
    ++in->n_known;
    return 1;
}

static int earlier_of(const void *one, const void *other)
{
    const occurrence *left = one, *right = other;
    if (left->t != right->t)
        return left->t < right->t ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place;
}

static int repeat(instance *in, int event, double interval, double first, double last)
{
    const double count = floor((last - first)/interval*(1.0 + 1e-12) + 1e-9);
    if (!(interval > 0.0) || !(count < 1e6)) {
        in->report(in->owner, "the interval of a repeated event must be above 0, and long enough for its span");
        return 0;
    }
    for (long k = 0; k <= (long)count; ++k)
        if (!add(in, first + (double)k*interval, event, 0.0))
            return 0;
    return 1;
}

// All that happens at times known beforehand, in the order of time; of several at one time the first of the model comes first.
static int schedule(instance *in)
{
    const model *m = in->m;
    const track *one = track_of(in);
    in->n_known = 0;
    for (int k = 0; k < m->n_events; ++k) {
        const event *e = &m->events[k];
        int good = 1;
        if (e->kind == EVENT_DOSE) {
            for (int j = 0; good && j < one->n_doses; ++j)
                if (one->dose_events[j] == k) {
                    const double *dose = one->doses + 3*j;
                    in->registers[m->at_given] = dose[1];
                    run_program(in, e->times);
                    const double t = dose[0] + result_of(in, e->times, 0);
                    good = t < dose[2] ? add(in, t, k, dose[1]) : 1;
                }
        } else if (e->kind == EVENT_EVERY) {
            run_program(in, e->times);
            good = repeat(in, k, result_of(in, e->times, 0), result_of(in, e->times, 1), result_of(in, e->times, 2));
        } else if (e->kind == EVENT_AT) {
            for (int j = 0; good && j < m->programs[e->times].n_results; ++j) {
                run_program(in, e->times);
                good = add(in, result_of(in, e->times, j), k, 0.0);
            }
        }
        if (!good)
            return 0;
    }
    if (in->n_known > 1)
        qsort(in->known, (size_t)in->n_known, sizeof *in->known, earlier_of);
    return 1;
}

static void look(instance *in, double t, const double *x, double *value)
{
    const model *m = in->m;
    in->registers[m->at_time] = t;
    memcpy(in->registers + m->at_states, x, (size_t)m->n_states*sizeof *x);
    place_inputs(in, t);
    run_program(in, PROGRAM_CONDITIONS);
    for (int k = 0; k < m->n_conditions; ++k)
        value[k] = result_of(in, PROGRAM_CONDITIONS, k);
}

void event_indicators(instance *in, double *value)
{
    look(in, *in->t, in->x, value);
}

static void apply(instance *in, int which, double amount)
{
    const model *m = in->m;
    const event *e = &m->events[which];
    in->registers[m->at_time] = *in->t;
    in->registers[m->at_given] = amount;
    memcpy(in->registers + m->at_states, in->x, (size_t)m->n_states*sizeof *in->x);
    place_inputs(in, *in->t);
    run_program(in, e->change);
    for (int k = 0; k < e->n_changed; ++k)
        in->x[e->changed[k]] = result_of(in, e->change, k);
    touch(in);
}

// Where conditions lead within a moment; `then` are their values a little later.
static void look_ahead(instance *in, double *value, double *moved, double *then)
{
    const int n = in->m->n_states;
    const double ahead = 1e-7*(1.0 + fabs(*in->t));
    double *rate = in->looks + 6*in->m->n_conditions, *other = rate + n;
    for (int i = 0; i < n; ++i)
        other[i] = in->x[i]*(1.0 + 1e-6) + 1e-12;
    look(in, *in->t, other, moved);
    derivative(in, *in->t, in->x, rate);
    for (int i = 0; i < n; ++i)
        other[i] = in->x[i] + ahead*rate[i];
    look(in, *in->t + ahead, other, then);
    look(in, *in->t, in->x, value);
}

// Events whose conditions came true (1 in `came`), and those that come true by them.
static int happen(instance *in, double *came)
{
    const int n = in->m->n_conditions;
    double *before = in->looks + n, *value = in->looks + 2*n, *moved = in->looks + 3*n, *then = in->looks + 4*n;
    // 1: waits, in the order of `place`; 2: done
    double *order = in->looks + 5*n;
    int place = 0;
    for (int k = 0; k < n; ++k)
        order[k] = came[k] == 1.0 ? place++ : -1.0;
    for (;;) {
        int k = -1;
        for (int j = 0; j < n; ++j)
            if (came[j] == 1.0 && (k < 0 || order[j] < order[k]))
                k = j;
        if (k < 0)
            break;
        came[k] = 2.0;
        *in->happened += 1.0;
        if (*in->happened > MOST) {
            in->report(in->owner, "more than 500 events under conditions happened; a law may jump ever faster");
            return 0;
        }
        look(in, *in->t, in->x, before);
        apply(in, in->m->waiting[k], 0.0);
        look(in, *in->t, in->x, value);
        for (int j = 0; j < n; ++j)
            if (before[j] <= 0.0 && value[j] > 0.0 && came[j] == 0.0) {
                came[j] = 1.0;
                order[j] = place++;
            }
    }
    look_ahead(in, value, moved, then);
    for (int k = 0; k < n; ++k) {
        in->true_now[k] = value[k] > 0.0;
        // It is 0 here but for rounding: it has to become false before it can come true again.
        if (came[k] == 2.0 && fabs(value[k]) <= 1e-9*(1.0 + fabs(moved[k] - value[k])/1e-6))
            in->true_now[k] = then[k] >= value[k];
    }
    return 1;
}

// Conditions that are true now and were not; -1 when an event failed, else whether some happened.
static int crossed(instance *in)
{
    const int n = in->m->n_conditions;
    if (n == 0)
        return 0;
    double *came = in->looks, *value = in->looks + 2*n;
    int some = 0, zero = 0;
    look(in, *in->t, in->x, value);
    for (int k = 0; k < n; ++k) {
        came[k] = value[k] > 0.0 && in->true_now[k] == 0.0;
        some = some || came[k] != 0.0;
        zero = zero || (value[k] == 0.0 && in->true_now[k] == 0.0);
        if (value[k] != 0.0)
            in->true_now[k] = value[k] > 0.0;
    }
    if (zero && !in->co_simulation) {
        // the root was met exactly: it counts where the condition is about to hold
        double *moved = in->looks + 3*n, *then = in->looks + 4*n;
        look_ahead(in, value, moved, then);
        for (int k = 0; k < n; ++k)
            if (value[k] == 0.0 && in->true_now[k] == 0.0 && then[k] > 0.0) {
                came[k] = 1.0;
                some = 1;
            }
    }
    if (!some)
        return 0;
    return happen(in, came) ? 1 : -1;
}

static int due_now(const instance *in)
{
    return *in->next < in->n_known && in->known[(int)*in->next].t <= *in->t + within(*in->t);
}

// Events whose time has come. -1 when one failed, else whether some happened.
static int fall_due(instance *in)
{
    const int n = in->m->n_conditions;
    if (!due_now(in))
        return 0;
    double *kept = in->looks + n; // `happen` has it for itself later
    double *came = in->looks;
    look(in, *in->t, in->x, kept);
    while (due_now(in)) {
        const occurrence *one = &in->known[(int)*in->next];
        *in->next += 1.0;
        apply(in, one->event, one->amount);
    }
    if (n == 0)
        return 1;
    double *value = in->looks + 2*n;
    int some = 0;
    look(in, *in->t, in->x, value);
    for (int k = 0; k < n; ++k) {
        came[k] = kept[k] <= 0.0 && value[k] > 0.0;
        in->true_now[k] = value[k] > 0.0;
        some = some || came[k] != 0.0;
    }
    return !some || happen(in, came) ? 1 : -1;
}

// Everything that happens at the time of the instance; 0 when it failed.
int discrete_step(instance *in, int *changed)
{
    const int first = crossed(in);
    const int second = first < 0 ? -1 : fall_due(in);
    if (second < 0)
        return 0;
    *changed = first || second;
    if (*in->measured != 0.0) {
        find_pieces(in, *in->t);
        touch(in);
    }
    return 1;
}

int next_event(const instance *in, double *time)
{
    double next = next_break(in);
    if (*in->next < in->n_known)
        next = fmin(next, in->known[(int)*in->next].t);
    *time = next;
    return next < HUGE_VAL;
}

// Whether a condition came true in the step that an importer made.
int completed_step(instance *in)
{
    const int n = in->m->n_conditions;
    double *value = in->looks;
    int some = 0;
    if (n == 0)
        return 0;
    look(in, *in->t, in->x, value);
    for (int k = 0; k < n; ++k) {
        if (value[k] <= 0.0)
            in->true_now[k] = 0.0;
        some = some || (value[k] > 0.0 && in->true_now[k] == 0.0);
    }
    return some;
}

// At the end of the initialisation.
int begin(instance *in)
{
    const model *m = in->m;
    if (*in->trajectory != 1.0)
        for (int i = 0; i < m->n_states; ++i)
            if (in->x[i] == m->start_states[i])
                in->x[i] = track_of(in)->initial[i];
    *in->t = in->start;
    *in->previous = 1.0;
    *in->step = 1e-4*(track_of(in)->stop - track_of(in)->start);
    *in->happened = *in->next = 0.0;
    find_pieces(in, *in->t);
    if (!schedule(in))
        return 0;
    while (*in->next < in->n_known && in->known[(int)*in->next].t < in->start - within(in->start))
        *in->next += 1.0;
    if (m->n_conditions) {
        look(in, *in->t, in->x, in->looks);
        for (int k = 0; k < m->n_conditions; ++k)
            in->true_now[k] = in->looks[k] > 0.0;
    }
    in->initialised = 1;
    touch(in);
    int changed = 0;
    return !in->co_simulation || discrete_step(in, &changed);
}

static int differs(instance *in)
{
    double *value = in->looks;
    look(in, *in->t, in->x, value);
    for (int k = 0; k < in->m->n_conditions; ++k)
        if ((value[k] > 0.0) != (in->true_now[k] != 0.0))
            return 1;
    return 0;
}

// On to `stop`; where a condition changes is found by bisection of the step before.
static int flow(instance *in, double stop)
{
    const size_t size = head_size(in->m)*sizeof *in->memory;
    const double longest = (track_of(in)->stop - track_of(in)->start)/LOOKS;
    if (in->m->n_conditions == 0)
        return integrate(in, stop);
    while (*in->t < stop) {
        const double goal = *in->t + 1.01*longest >= stop ? stop : *in->t + longest;
        double low = *in->t, high = goal;
        memcpy(in->kept, in->memory, size);
        if (!integrate(in, goal))
            return 0;
        if (!differs(in))
            continue;
        double *found = in->kept + head_size(in->m);
        memcpy(found, in->memory, size);
        for (int count = 0; count < 100; ++count) {
            const double middle = 0.5*(low + high);
            if (middle <= low || middle >= high)
                break;
            memcpy(in->memory, in->kept, size);
            if (integrate(in, middle) && differs(in)) {
                high = middle;
                memcpy(found, in->memory, size);
            } else {
                low = middle;
            }
        }
        memcpy(in->memory, found, size);
        if (crossed(in) < 0)
            return 0;
    }
    return 1;
}

// On to `stop` through all that happens on the way and at it; what happens at the end of the whole simulation does not.
int advance(instance *in, double stop)
{
    in->rates_valid = in->outputs_valid = 0;
    for (;;) {
        double due;
        if (!next_event(in, &due) || due > stop + within(stop))
            return flow(in, stop);
        if (!flow(in, fmin(due, stop)))
            return 0;
        if (in->stop_defined && due >= in->stop - within(in->stop) && stop >= in->stop - within(in->stop))
            return flow(in, stop);
        if (fall_due(in) < 0)
            return 0;
        if (*in->measured != 0.0) {
            find_pieces(in, *in->t);
            touch(in);
        }
    }
}

const double *rates_now(instance *in)
{
    if (!in->rates_valid)
        derivative(in, *in->t, in->x, in->rates);
    in->rates_valid = 1;
    return in->rates;
}

static void place(instance *in)
{
    in->registers[in->m->at_time] = *in->t;
    memcpy(in->registers + in->m->at_states, in->x, (size_t)in->m->n_states*sizeof *in->x);
    place_inputs(in, *in->t);
}

const double *outputs_now(instance *in)
{
    if (!in->outputs_valid) {
        place(in);
        run_program(in, PROGRAM_OUTPUTS);
        for (int k = 0; k < in->m->n_outputs; ++k)
            in->outputs[k] = result_of(in, PROGRAM_OUTPUTS, k);
    }
    in->outputs_valid = 1;
    return in->outputs;
}

int variable_of(const instance *in, unsigned reference, int *place)
{
    const model *m = in->m;
    const int counts[] = {1, m->n_states, m->n_states, m->n_inputs, m->n_outputs, m->n_parameters, 1, 1, m->n_conditions};
    unsigned left = reference;
    for (int kind = 0; kind < 9; ++kind) {
        if (left < (unsigned)counts[kind]) {
            *place = (int)left;
            return VAR_TIME + kind;
        }
        left -= (unsigned)counts[kind];
    }
    return VAR_NONE;
}

int get_real(instance *in, unsigned reference, double *value)
{
    int k = 0;
    switch (variable_of(in, reference, &k)) {
    case VAR_TIME: *value = *in->t; return 1;
    case VAR_STATE: *value = in->x[k]; return 1;
    case VAR_RATE: *value = rates_now(in)[k]; return 1;
    case VAR_INPUT:
        place_inputs(in, *in->t);
        *value = in->registers[in->m->at_inputs + k];
        return 1;
    case VAR_OUTPUT: *value = outputs_now(in)[k]; return 1;
    case VAR_PARAMETER: *value = in->registers[in->m->at_parameters + k]; return 1;
    case VAR_INDICATOR:
        event_indicators(in, in->looks);
        *value = in->looks[k];
        return 1;
    default: return 0;
    }
}

int set_real(instance *in, unsigned reference, double value)
{
    int k = 0;
    double *at = NULL;
    switch (variable_of(in, reference, &k)) {
    case VAR_STATE: at = in->x + k; break;
    case VAR_INPUT: at = in->registers + in->m->at_inputs + k; break;
    case VAR_PARAMETER: at = in->registers + in->m->at_parameters + k; break;
    default: return 0;
    }
    if (*at != value) {
        *at = value;
        touch(in);
    }
    return 1;
}

int directional(instance *in, const unsigned *unknown, size_t n_unknown, const unsigned *known, size_t n_known,
                const double *seed, double *sensitivity)
{
    const model *m = in->m;
    int k = 0, rates = 0, outputs = 0;
    place(in);
    memset(in->tangents, 0, (size_t)m->n_registers*sizeof *in->tangents);
    for (size_t j = 0; j < n_known; ++j)
        switch (variable_of(in, known[j], &k)) {
        case VAR_TIME: in->tangents[m->at_time] = seed[j]; break;
        case VAR_STATE: in->tangents[m->at_states + k] = seed[j]; break;
        case VAR_INPUT: in->tangents[m->at_inputs + k] = seed[j]; break;
        case VAR_PARAMETER: in->tangents[m->at_parameters + k] = seed[j]; break;
        default: return 0;
        }
    for (size_t j = 0; j < n_unknown; ++j) {
        const int kind = variable_of(in, unknown[j], &k);
        rates = rates || kind == VAR_RATE;
        outputs = outputs || kind == VAR_OUTPUT;
        if (kind == VAR_STATE)
            sensitivity[j] = in->tangents[m->at_states + k];
        else if (kind != VAR_RATE && kind != VAR_OUTPUT)
            return 0;
    }
    for (int pass = 0; pass < 2; ++pass) {
        const int which = pass ? PROGRAM_OUTPUTS : PROGRAM_FIELD, wanted = pass ? VAR_OUTPUT : VAR_RATE;
        if (!(pass ? outputs : rates))
            continue;
        run_tangents(in, which);
        for (size_t j = 0; j < n_unknown; ++j)
            if (variable_of(in, unknown[j], &k) == wanted)
                sensitivity[j] = tangent_of(in, which, k);
    }
    return 1;
}
