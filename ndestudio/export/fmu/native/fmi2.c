// The functions of FMI 2.0 (https://fmi-standard.org/docs/2.0.5/), for model exchange and co-simulation.
#include "state.h"

#include <stdio.h>

#if defined _WIN32
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

typedef int status;
enum { OK, WARNING, DISCARD, ERROR, FATAL, PENDING };

typedef void (*logger2)(void *, const char *, status, const char *, const char *, ...);

typedef struct {
    logger2 logger;
    void *(*allocate)(size_t, size_t);
    void (*release)(void *);
    void (*step_finished)(void *, status);
    void *environment;
} callbacks2;

typedef struct {
    int new_states_needed, terminate, nominals_changed, values_changed, next_time_defined;
    double next_time;
} event_info;

typedef struct {
    instance *in;
    logger2 logger;
    void *environment;
    char name[128];
} component;

static void say(void *owner, const char *sentence)
{
    const component *c = owner;
    if (c->logger)
        c->logger(c->environment, c->name, ERROR, "logStatusError", "%s", sentence);
}

static status failed(void *owner, const char *sentence)
{
    say(owner, sentence);
    return ERROR;
}

// file:///folder/resources, with %20 and the like, as a path.
static void path_of(const char *uri, char *path, size_t room)
{
    const char *from = uri ? uri : "";
    size_t n = 0;
    if (strncmp(from, "file:", 5) == 0) {
        from += 5;
        if (strncmp(from, "//localhost/", 12) == 0)
            from += 11;
        else if (strncmp(from, "///", 3) == 0)
            from += 2;
#ifdef _WIN32
        if (from[0] == '/' && from[1] && from[2] == ':')
            from += 1;
#endif
        while (*from && n + 1 < room) {
            unsigned code;
            if (from[0] == '%' && sscanf(from + 1, "%2x", &code) == 1) {
                path[n++] = (char)code;
                from += 3;
            } else {
                path[n++] = *from++;
            }
        }
    } else {
        while (*from && n + 1 < room)
            path[n++] = *from++;
    }
    path[n] = '\0';
}

API const char *fmi2GetTypesPlatform(void)
{
    return "default";
}

API const char *fmi2GetVersion(void)
{
    return "2.0";
}

API void *fmi2Instantiate(const char *name, int type, const char *token, const char *resources, const callbacks2 *callbacks,
                          int visible, int logging)
{
    (void)visible; (void)logging;
    char path[4096], complaint[4400] = "there is not enough memory for the model";
    path_of(resources, path, sizeof path);
    component *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->logger = callbacks ? callbacks->logger : NULL;
    c->environment = callbacks ? callbacks->environment : NULL;
    snprintf(c->name, sizeof c->name, "%s", name ? name : "");
    c->in = new_instance(path, token, 2, type == 1, complaint, sizeof complaint);
    if (!c->in) {
        say(c, complaint);
        free(c);
        return NULL;
    }
    c->in->report = say;
    c->in->owner = c;
    return c;
}

API void fmi2FreeInstance(component *c)
{
    if (c)
        free_instance(c->in);
    free(c);
}

API status fmi2SetDebugLogging(component *c, int on, size_t n, const char *const categories[])
{
    (void)c; (void)on; (void)n; (void)categories;
    return OK;
}

API status fmi2SetupExperiment(component *c, int tolerance_defined, double tolerance, double start, int stop_defined, double stop)
{
    instance *in = c->in;
    if (tolerance_defined && tolerance > 0.0)
        in->tolerance = fmin(fmax(tolerance, 1e-12), 1e-2);
    in->start = *in->t = start;
    in->stop_defined = stop_defined;
    in->stop = stop;
    touch(in);
    return OK;
}

API status fmi2EnterInitializationMode(component *c)
{
    (void)c;
    return OK;
}

API status fmi2ExitInitializationMode(component *c)
{
    return begin(c->in) ? OK : failed(c, "the initialisation failed");
}

API status fmi2Terminate(component *c)
{
    (void)c;
    return OK;
}

API status fmi2Reset(component *c)
{
    reset_instance(c->in);
    return OK;
}

API status fmi2GetReal(component *c, const unsigned *reference, size_t n, double *value)
{
    for (size_t k = 0; k < n; ++k)
        if (!get_real(c->in, reference[k], &value[k]))
            return failed(c, "a value reference is that of no real variable");
    return OK;
}

API status fmi2SetReal(component *c, const unsigned *reference, size_t n, const double *value)
{
    for (size_t k = 0; k < n; ++k)
        if (!set_real(c->in, reference[k], value[k]))
            return failed(c, "a value reference is that of no real variable that can be set");
    return OK;
}

API status fmi2GetInteger(component *c, const unsigned *reference, size_t n, int *value)
{
    int place;
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_TRAJECTORY)
            return failed(c, "a value reference is that of no integer variable");
        value[k] = (int)*c->in->trajectory;
    }
    return OK;
}

API status fmi2SetInteger(component *c, const unsigned *reference, size_t n, const int *value)
{
    int place;
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_TRAJECTORY || value[k] < 1 || value[k] > c->in->m->n_tracks)
            return failed(c, "the number of a trajectory is one from 1 to their number");
        *c->in->trajectory = value[k];
    }
    return OK;
}

API status fmi2GetBoolean(component *c, const unsigned *reference, size_t n, int *value)
{
    int place;
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_MEASURED)
            return failed(c, "a value reference is that of no Boolean variable");
        value[k] = *c->in->measured != 0.0;
    }
    return OK;
}

API status fmi2SetBoolean(component *c, const unsigned *reference, size_t n, const int *value)
{
    int place;
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_MEASURED)
            return failed(c, "a value reference is that of no Boolean variable");
        *c->in->measured = value[k] != 0;
        touch(c->in);
    }
    return OK;
}

API status fmi2GetString(component *c, const unsigned *reference, size_t n, const char **value)
{
    (void)reference; (void)value;
    return n ? failed(c, "the model has no text variables") : OK;
}

API status fmi2SetString(component *c, const unsigned *reference, size_t n, const char *const *value)
{
    (void)reference; (void)value;
    return n ? failed(c, "the model has no text variables") : OK;
}

API status fmi2GetFMUstate(component *c, kept_state **state)
{
    *state = keep_state(c->in, *state);
    return *state ? OK : failed(c, "there is not enough memory to keep the state");
}

API status fmi2SetFMUstate(component *c, kept_state *state)
{
    return put_state(c->in, state) ? OK : failed(c, "the state is that of another model");
}

API status fmi2FreeFMUstate(component *c, kept_state **state)
{
    (void)c;
    drop_state(*state);
    *state = NULL;
    return OK;
}

API status fmi2SerializedFMUstateSize(component *c, kept_state *state, size_t *size)
{
    (void)c;
    *size = state_size(state);
    return OK;
}

API status fmi2SerializeFMUstate(component *c, kept_state *state, unsigned char *bytes, size_t size)
{
    if (size < state_size(state))
        return failed(c, "the state needs more room");
    write_state(state, bytes);
    return OK;
}

API status fmi2DeSerializeFMUstate(component *c, const unsigned char *bytes, size_t size, kept_state **state)
{
    *state = read_state(c->in, bytes, size);
    return *state ? OK : failed(c, "the bytes are no state of this model");
}

API status fmi2GetDirectionalDerivative(component *c, const unsigned *unknown, size_t n_unknown, const unsigned *known,
                                        size_t n_known, const double *seed, double *sensitivity)
{
    return directional(c->in, unknown, n_unknown, known, n_known, seed, sensitivity)
        ? OK : failed(c, "derivatives are those of rates and outputs by states, inputs and parameters");
}

API status fmi2EnterEventMode(component *c)
{
    (void)c;
    return OK;
}

API status fmi2NewDiscreteStates(component *c, event_info *info)
{
    int changed = 0;
    if (!discrete_step(c->in, &changed))
        return failed(c, "an event failed");
    *info = (event_info){0, 0, 0, changed, 0, 0.0};
    info->next_time_defined = next_event(c->in, &info->next_time);
    return OK;
}

API status fmi2EnterContinuousTimeMode(component *c)
{
    (void)c;
    return OK;
}

API status fmi2CompletedIntegratorStep(component *c, int keep, int *event_mode, int *terminate)
{
    (void)keep;
    *event_mode = completed_step(c->in);
    *terminate = 0;
    return OK;
}

API status fmi2SetTime(component *c, double time)
{
    if (*c->in->t != time) {
        *c->in->t = time;
        touch(c->in);
    }
    return OK;
}

API status fmi2SetContinuousStates(component *c, const double *x, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    memcpy(c->in->x, x, n*sizeof *x);
    touch(c->in);
    return OK;
}

API status fmi2GetDerivatives(component *c, double *rate, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    memcpy(rate, rates_now(c->in), n*sizeof *rate);
    return OK;
}

API status fmi2GetEventIndicators(component *c, double *value, size_t n)
{
    if (n != (size_t)c->in->m->n_conditions)
        return failed(c, "the number of event indicators is another");
    event_indicators(c->in, value);
    return OK;
}

API status fmi2GetContinuousStates(component *c, double *x, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    memcpy(x, c->in->x, n*sizeof *x);
    return OK;
}

API status fmi2GetNominalsOfContinuousStates(component *c, double *nominal, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    for (size_t k = 0; k < n; ++k)
        nominal[k] = c->in->m->magnitude[k];
    return OK;
}

API status fmi2SetRealInputDerivatives(component *c, const unsigned *reference, size_t n, const int *order, const double *value)
{
    (void)reference; (void)order; (void)value;
    return n ? failed(c, "inputs are held over a step; their derivatives are not taken") : OK;
}

API status fmi2GetRealOutputDerivatives(component *c, const unsigned *reference, size_t n, const int *order, double *value)
{
    (void)reference; (void)order; (void)value;
    return n ? failed(c, "derivatives of outputs are not given; those of states are variables") : OK;
}

API status fmi2DoStep(component *c, double time, double step, int keep)
{
    (void)keep;
    instance *in = c->in;
    if (fabs(time - *in->t) > 1e-9*fmax(1.0, fabs(time)))
        return failed(c, "a step has to begin where the last one ended");
    *in->t = time;
    if (!(step >= 0.0) || !advance(in, time + step))
        return failed(c, "the solver stopped; the model may have no solution there");
    return OK;
}

API status fmi2CancelStep(component *c)
{
    return failed(c, "steps are never pending");
}

API status fmi2GetStatus(component *c, int kind, status *value)
{
    (void)kind; (void)value;
    return failed(c, "steps are never pending");
}

API status fmi2GetRealStatus(component *c, int kind, double *value)
{
    if (kind == 2) {
        *value = *c->in->t;
        return OK;
    }
    return failed(c, "there is no such status");
}

API status fmi2GetIntegerStatus(component *c, int kind, int *value)
{
    (void)kind; (void)value;
    return failed(c, "there is no such status");
}

API status fmi2GetBooleanStatus(component *c, int kind, int *value)
{
    (void)kind;
    *value = 0;
    (void)c;
    return OK;
}

API status fmi2GetStringStatus(component *c, int kind, const char **value)
{
    (void)kind; (void)value;
    return failed(c, "there is no such status");
}
