// One interpreter for all models that NDE Studio writes as FMUs: what is computed stands in resources/model.bin.
#ifndef NDE_H
#define NDE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

// Operations of a program; the numbers stand in files, so that new ones go to the end.
enum {
    OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_POW, OP_NEG,
    OP_EXP, OP_LOG, OP_SQRT, OP_SIN, OP_COS, OP_TAN, OP_TANH, OP_SINH, OP_COSH, OP_LOG10, OP_ATAN2, OP_ERF,
    OP_ABS, OP_MIN, OP_MAX, OP_SIGN, OP_HEAVISIDE, OP_FLOOR, OP_SIGMOID, OP_SOFTPLUS, OP_HILL,
    OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_AND, OP_OR, OP_NOT, OP_IF, OP_NET, N_OPS
};

enum { ACT_TANH, ACT_SOFTPLUS, ACT_GELU, ACT_SWISH, ACT_SIN, N_ACTIVATIONS };

enum { EVENT_AT, EVENT_EVERY, EVENT_DOSE, EVENT_WHEN, N_EVENT_KINDS };

typedef struct {
    int32_t op, to, a, b, c;
} instruction;

typedef struct {
    int start, count, first_result, n_results;
} program;

// Layer after layer: weights by columns, then biases.
typedef struct {
    int n_layers, activation;
    const int32_t *sizes;
    const double *weights;
} network;

typedef struct {
    int kind, change, times, n_changed;
    const int32_t *changed;
} event;

// Polynomials of the time since a piece began: first all coefficients of 1, then all of s, ...
typedef struct {
    int n, degree;
    const double *breaks, *coefficients;
} table;

typedef struct {
    double start, stop;
    const double *initial;
    table *inputs;
    int n_doses;
    const int32_t *dose_events;
    const double *doses; // time, amount, until when at most
} track;

typedef struct {
    int n_states, n_inputs, n_outputs, n_parameters, n_events, n_conditions, n_tracks, n_constants, n_registers;
    int n_networks, n_programs, n_code, n_results, n_arguments, width, stiff;
    int at_time, at_given, at_states, at_inputs, at_parameters;
    const program *programs;
    const instruction *code;
    const int32_t *results, *arguments, *waiting;
    network *networks;
    event *events;
    track *tracks;
    const double *constants, *magnitude, *start_states, *start_inputs, *start_parameters;
    char token[64];
    int32_t *ints;
    double *doubles;
    program *owned_programs;
    instruction *owned_code;
} model;

// Programs that every model has; those of events follow.
enum { PROGRAM_FIELD, PROGRAM_OUTPUTS, PROGRAM_CONDITIONS, PROGRAM_FIRST_EVENT };

typedef struct {
    double t, amount;
    int event, place;
} occurrence;

// What changes while a model runs and belongs to its state lies in `memory`: see `layout` in instance.c.
typedef struct {
    const model *m;
    int fmi, co_simulation, initialised, rates_valid, outputs_valid;
    double start, stop, tolerance;
    int stop_defined;
    size_t n_memory;
    double *memory;
    double *t, *step, *previous, *fresh, *next, *happened, *trajectory, *measured; // single numbers in it
    double *x, *k0, *registers, *true_now, *pieces;                                 // arrays in it
    double *tangents, *work, *layers, *kept, *looks;
    double *rates, *outputs;
    int *pivots;
    int n_known, room;
    occurrence *known;
    void (*report)(void *owner, const char *sentence);
    void *owner;
} instance;

// model.c
model *load_model(const char *folder, char *complaint, size_t room);
void free_model(model *m);
void run_program(const instance *in, int which);
void run_tangents(const instance *in, int which);
double result_of(const instance *in, int which, int k);
double tangent_of(const instance *in, int which, int k);

// solve.c
int integrate(instance *in, double stop);
void derivative(instance *in, double t, const double *x, double *rate);
void jacobian(instance *in, double t, const double *x, double *matrix);

// instance.c
instance *new_instance(const char *folder, const char *token, int fmi, int co_simulation, char *complaint, size_t room);
void free_instance(instance *in);
void reset_instance(instance *in);
int begin(instance *in);
int advance(instance *in, double stop);
int discrete_step(instance *in, int *changed);
int next_event(const instance *in, double *time);
int completed_step(instance *in);
void event_indicators(instance *in, double *value);
void place_inputs(instance *in, double t);
void touch(instance *in);
const double *rates_now(instance *in);
const double *outputs_now(instance *in);

// Value references: the time, states, their derivatives, inputs, outputs, parameters, the two settings, event indicators.
enum { VAR_NONE, VAR_TIME, VAR_STATE, VAR_RATE, VAR_INPUT, VAR_OUTPUT, VAR_PARAMETER, VAR_TRAJECTORY, VAR_MEASURED, VAR_INDICATOR };
int variable_of(const instance *in, unsigned reference, int *place);
int get_real(instance *in, unsigned reference, double *value);
int set_real(instance *in, unsigned reference, double value);
int directional(instance *in, const unsigned *unknown, size_t n_unknown, const unsigned *known, size_t n_known,
                const double *seed, double *sensitivity);

#endif
