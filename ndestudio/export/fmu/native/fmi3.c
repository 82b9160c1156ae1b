// The functions of FMI 3.0 (https://fmi-standard.org/docs/3.0.1/), for model exchange and co-simulation.
#include "state.h"

#include <stdbool.h>
#include <stdio.h>

#if defined _WIN32
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

typedef int status;
enum { OK, WARNING, DISCARD, ERROR, FATAL };

typedef void (*logger3)(void *, status, const char *, const char *);

typedef struct {
    instance *in;
    logger3 logger;
    void *environment;
} component;

static void say(void *owner, const char *sentence)
{
    const component *c = owner;
    if (c->logger)
        c->logger(c->environment, ERROR, "logStatusError", sentence);
}

static status failed(void *owner, const char *sentence)
{
    say(owner, sentence);
    return ERROR;
}

static component *instantiate(const char *token, const char *resources, void *environment, logger3 logger, int co_simulation)
{
    char complaint[4400] = "there is not enough memory for the model";
    component *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->logger = logger;
    c->environment = environment;
    c->in = new_instance(resources ? resources : "", token, 3, co_simulation, complaint, sizeof complaint);
    if (!c->in) {
        say(c, complaint);
        free(c);
        return NULL;
    }
    c->in->report = say;
    c->in->owner = c;
    return c;
}

API const char *fmi3GetVersion(void)
{
    return "3.0";
}

API status fmi3SetDebugLogging(component *c, bool on, size_t n, const char *const categories[])
{
    (void)c; (void)on; (void)n; (void)categories;
    return OK;
}

API void *fmi3InstantiateModelExchange(const char *name, const char *token, const char *resources, bool visible, bool logging,
                                       void *environment, logger3 logger)
{
    (void)name; (void)visible; (void)logging;
    return instantiate(token, resources, environment, logger, 0);
}

API void *fmi3InstantiateCoSimulation(const char *name, const char *token, const char *resources, bool visible, bool logging,
                                      bool event_mode, bool early_return, const unsigned *intermediate, size_t n_intermediate,
                                      void *environment, logger3 logger, void *update)
{
    (void)name; (void)visible; (void)logging; (void)event_mode; (void)early_return; (void)intermediate; (void)n_intermediate;
    (void)update;
    return instantiate(token, resources, environment, logger, 1);
}

API void *fmi3InstantiateScheduledExecution(const char *name, const char *token, const char *resources, bool visible, bool logging,
                                            void *environment, logger3 logger, void *clock, void *lock, void *unlock)
{
    (void)name; (void)token; (void)resources; (void)visible; (void)logging; (void)clock; (void)lock; (void)unlock;
    if (logger)
        logger(environment, ERROR, "logStatusError", "scheduled execution is not offered");
    return NULL;
}

API void fmi3FreeInstance(component *c)
{
    if (c)
        free_instance(c->in);
    free(c);
}

API status fmi3EnterInitializationMode(component *c, bool tolerance_defined, double tolerance, double start, bool stop_defined,
                                       double stop)
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

API status fmi3ExitInitializationMode(component *c)
{
    return begin(c->in) ? OK : failed(c, "the initialisation failed");
}

API status fmi3Terminate(component *c)
{
    (void)c;
    return OK;
}

API status fmi3Reset(component *c)
{
    reset_instance(c->in);
    return OK;
}

API status fmi3GetFloat64(component *c, const unsigned *reference, size_t n, double *value, size_t n_values)
{
    if (n_values < n)
        return failed(c, "each variable has one value");
    for (size_t k = 0; k < n; ++k)
        if (!get_real(c->in, reference[k], &value[k]))
            return failed(c, "a value reference is that of no Float64 variable");
    return OK;
}

API status fmi3SetFloat64(component *c, const unsigned *reference, size_t n, const double *value, size_t n_values)
{
    if (n_values < n)
        return failed(c, "each variable has one value");
    for (size_t k = 0; k < n; ++k)
        if (!set_real(c->in, reference[k], value[k]))
            return failed(c, "a value reference is that of no Float64 variable that can be set");
    return OK;
}

API status fmi3GetInt32(component *c, const unsigned *reference, size_t n, int32_t *value, size_t n_values)
{
    int place;
    if (n_values < n)
        return failed(c, "each variable has one value");
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_TRAJECTORY)
            return failed(c, "a value reference is that of no Int32 variable");
        value[k] = (int32_t)*c->in->trajectory;
    }
    return OK;
}

API status fmi3SetInt32(component *c, const unsigned *reference, size_t n, const int32_t *value, size_t n_values)
{
    int place;
    if (n_values < n)
        return failed(c, "each variable has one value");
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_TRAJECTORY || value[k] < 1 || value[k] > c->in->m->n_tracks)
            return failed(c, "the number of a trajectory is one from 1 to their number");
        *c->in->trajectory = value[k];
    }
    return OK;
}

API status fmi3GetBoolean(component *c, const unsigned *reference, size_t n, bool *value, size_t n_values)
{
    int place;
    if (n_values < n)
        return failed(c, "each variable has one value");
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_MEASURED)
            return failed(c, "a value reference is that of no Boolean variable");
        value[k] = *c->in->measured != 0.0;
    }
    return OK;
}

API status fmi3SetBoolean(component *c, const unsigned *reference, size_t n, const bool *value, size_t n_values)
{
    int place;
    if (n_values < n)
        return failed(c, "each variable has one value");
    for (size_t k = 0; k < n; ++k) {
        if (variable_of(c->in, reference[k], &place) != VAR_MEASURED)
            return failed(c, "a value reference is that of no Boolean variable");
        *c->in->measured = value[k];
        touch(c->in);
    }
    return OK;
}

// Types of which the models have no variable.
#define NO_VARIABLES(NAME, TYPE) \
    API status fmi3Get##NAME(component *c, const unsigned *reference, size_t n, TYPE *value, size_t n_values) \
    { \
        (void)reference; (void)value; (void)n_values; \
        return n ? failed(c, "the model has no variable of the type " #NAME) : OK; \
    } \
    API status fmi3Set##NAME(component *c, const unsigned *reference, size_t n, const TYPE *value, size_t n_values) \
    { \
        (void)reference; (void)value; (void)n_values; \
        return n ? failed(c, "the model has no variable of the type " #NAME) : OK; \
    }

NO_VARIABLES(Float32, float)
NO_VARIABLES(Int8, int8_t)
NO_VARIABLES(UInt8, uint8_t)
NO_VARIABLES(Int16, int16_t)
NO_VARIABLES(UInt16, uint16_t)
NO_VARIABLES(UInt32, uint32_t)
NO_VARIABLES(Int64, int64_t)
NO_VARIABLES(UInt64, uint64_t)
NO_VARIABLES(String, char *)

#define NOT_OFFERED(NAME, SENTENCE, ...) \
    API status fmi3##NAME(component *c, __VA_ARGS__) \
    { \
        return failed(c, SENTENCE); \
    }

static const char BINARIES[] = "the model has no binary variables", CLOCKS[] = "the model has no clocks";

#if defined __clang__
#pragma clang diagnostic ignored "-Wunused-parameter"
#elif defined __GNUC__
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif

NOT_OFFERED(GetBinary, BINARIES, const unsigned *reference, size_t n, size_t *sizes, const uint8_t **value, size_t n_values)
NOT_OFFERED(SetBinary, BINARIES, const unsigned *reference, size_t n, const size_t *sizes, const uint8_t *const *value, size_t n_values)
NOT_OFFERED(GetClock, CLOCKS, const unsigned *reference, size_t n, bool *value)
NOT_OFFERED(SetClock, CLOCKS, const unsigned *reference, size_t n, const bool *value)
NOT_OFFERED(GetIntervalDecimal, CLOCKS, const unsigned *reference, size_t n, double *interval, int *qualifier)
NOT_OFFERED(GetIntervalFraction, CLOCKS, const unsigned *reference, size_t n, uint64_t *counter, uint64_t *resolution, int *qualifier)
NOT_OFFERED(GetShiftDecimal, CLOCKS, const unsigned *reference, size_t n, double *shift)
NOT_OFFERED(GetShiftFraction, CLOCKS, const unsigned *reference, size_t n, uint64_t *counter, uint64_t *resolution)
NOT_OFFERED(SetIntervalDecimal, CLOCKS, const unsigned *reference, size_t n, const double *interval)
NOT_OFFERED(SetIntervalFraction, CLOCKS, const unsigned *reference, size_t n, const uint64_t *counter, const uint64_t *resolution)
NOT_OFFERED(SetShiftDecimal, CLOCKS, const unsigned *reference, size_t n, const double *shift)
NOT_OFFERED(SetShiftFraction, CLOCKS, const unsigned *reference, size_t n, const uint64_t *counter, const uint64_t *resolution)
NOT_OFFERED(ActivateModelPartition, CLOCKS, unsigned reference, double time)
NOT_OFFERED(GetAdjointDerivative, "adjoint derivatives are not offered; directional ones are", const unsigned *unknown,
            size_t n_unknown, const unsigned *known, size_t n_known, const double *seed, size_t n_seed, double *sensitivity,
            size_t n_sensitivity)
NOT_OFFERED(GetOutputDerivatives, "derivatives of outputs are not given; those of states are variables", const unsigned *reference,
            size_t n, const int32_t *order, double *value, size_t n_values)
NOT_OFFERED(GetNumberOfVariableDependencies, "dependencies never change; they stand in the description", unsigned reference, size_t *n)
NOT_OFFERED(GetVariableDependencies, "dependencies never change; they stand in the description", unsigned dependent,
            size_t *dependent_elements, unsigned *independent, size_t *independent_elements, int *kinds, size_t n)

API status fmi3EnterConfigurationMode(component *c)
{
    return OK;
}

API status fmi3ExitConfigurationMode(component *c)
{
    return OK;
}

API status fmi3EvaluateDiscreteStates(component *c)
{
    return OK;
}

API status fmi3EnterStepMode(component *c)
{
    return OK;
}

API status fmi3GetFMUState(component *c, kept_state **state)
{
    *state = keep_state(c->in, *state);
    return *state ? OK : failed(c, "there is not enough memory to keep the state");
}

API status fmi3SetFMUState(component *c, kept_state *state)
{
    return put_state(c->in, state) ? OK : failed(c, "the state is that of another model");
}

API status fmi3FreeFMUState(component *c, kept_state **state)
{
    drop_state(*state);
    *state = NULL;
    return OK;
}

API status fmi3SerializedFMUStateSize(component *c, kept_state *state, size_t *size)
{
    *size = state_size(state);
    return OK;
}

API status fmi3SerializeFMUState(component *c, kept_state *state, uint8_t *bytes, size_t size)
{
    if (size < state_size(state))
        return failed(c, "the state needs more room");
    write_state(state, bytes);
    return OK;
}

API status fmi3DeserializeFMUState(component *c, const uint8_t *bytes, size_t size, kept_state **state)
{
    *state = read_state(c->in, bytes, size);
    return *state ? OK : failed(c, "the bytes are no state of this model");
}

API status fmi3GetDirectionalDerivative(component *c, const unsigned *unknown, size_t n_unknown, const unsigned *known,
                                        size_t n_known, const double *seed, size_t n_seed, double *sensitivity, size_t n_sensitivity)
{
    if (n_seed < n_known || n_sensitivity < n_unknown)
        return failed(c, "each variable has one value");
    return directional(c->in, unknown, n_unknown, known, n_known, seed, sensitivity)
        ? OK : failed(c, "derivatives are those of rates and outputs by states, inputs and parameters");
}

API status fmi3EnterEventMode(component *c)
{
    return OK;
}

API status fmi3UpdateDiscreteStates(component *c, bool *needed, bool *terminate, bool *nominals, bool *values, bool *defined,
                                    double *next)
{
    int changed = 0;
    if (!discrete_step(c->in, &changed))
        return failed(c, "an event failed");
    *needed = *terminate = *nominals = false;
    *values = changed != 0;
    *defined = next_event(c->in, next) != 0;
    return OK;
}

API status fmi3EnterContinuousTimeMode(component *c)
{
    return OK;
}

API status fmi3CompletedIntegratorStep(component *c, bool keep, bool *event_mode, bool *terminate)
{
    *event_mode = completed_step(c->in) != 0;
    *terminate = false;
    return OK;
}

API status fmi3SetTime(component *c, double time)
{
    if (*c->in->t != time) {
        *c->in->t = time;
        touch(c->in);
    }
    return OK;
}

API status fmi3SetContinuousStates(component *c, const double *x, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    memcpy(c->in->x, x, n*sizeof *x);
    touch(c->in);
    return OK;
}

API status fmi3GetContinuousStateDerivatives(component *c, double *rate, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    memcpy(rate, rates_now(c->in), n*sizeof *rate);
    return OK;
}

API status fmi3GetEventIndicators(component *c, double *value, size_t n)
{
    if (n != (size_t)c->in->m->n_conditions)
        return failed(c, "the number of event indicators is another");
    event_indicators(c->in, value);
    return OK;
}

API status fmi3GetContinuousStates(component *c, double *x, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    memcpy(x, c->in->x, n*sizeof *x);
    return OK;
}

API status fmi3GetNominalsOfContinuousStates(component *c, double *nominal, size_t n)
{
    if (n != (size_t)c->in->m->n_states)
        return failed(c, "the number of states is another");
    for (size_t k = 0; k < n; ++k)
        nominal[k] = c->in->m->magnitude[k];
    return OK;
}

API status fmi3GetNumberOfEventIndicators(component *c, size_t *n)
{
    *n = (size_t)c->in->m->n_conditions;
    return OK;
}

API status fmi3GetNumberOfContinuousStates(component *c, size_t *n)
{
    *n = (size_t)c->in->m->n_states;
    return OK;
}

API status fmi3DoStep(component *c, double time, double step, bool keep, bool *event_needed, bool *terminate, bool *early,
                      double *last)
{
    instance *in = c->in;
    *event_needed = *terminate = *early = false;
    *last = *in->t;
    if (fabs(time - *in->t) > 1e-9*fmax(1.0, fabs(time)))
        return failed(c, "a step has to begin where the last one ended");
    *in->t = time;
    if (!(step >= 0.0) || !advance(in, time + step)) {
        *last = *in->t;
        return failed(c, "the solver stopped; the model may have no solution there");
    }
    *last = *in->t;
    return OK;
}
