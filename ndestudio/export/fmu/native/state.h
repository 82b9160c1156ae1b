// States of a running model that importers keep: what both versions of the standard share.
#ifndef NDE_STATE_H
#define NDE_STATE_H

#include "nde.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t n_memory;
    int n_known, initialised, stop_defined;
    double start, stop, tolerance;
    occurrence *known;
    double memory[];
} kept_state;

static kept_state *keep_state(const instance *in, kept_state *old)
{
    free(old ? old->known : NULL);
    free(old);
    kept_state *s = malloc(sizeof *s + in->n_memory*sizeof(double));
    occurrence *known = malloc(((size_t)in->n_known + 1)*sizeof *known);
    if (!s || !known) {
        free(s);
        free(known);
        return NULL;
    }
    *s = (kept_state){in->n_memory, in->n_known, in->initialised, in->stop_defined, in->start, in->stop, in->tolerance, known};
    memcpy(s->memory, in->memory, in->n_memory*sizeof(double));
    if (in->n_known)
        memcpy(known, in->known, (size_t)in->n_known*sizeof *known);
    return s;
}

static int put_state(instance *in, const kept_state *s)
{
    if (!s || s->n_memory != in->n_memory)
        return 0;
    if (s->n_known > in->room) {
        occurrence *more = realloc(in->known, (size_t)s->n_known*sizeof *more);
        if (!more)
            return 0;
        in->known = more;
        in->room = s->n_known;
    }
    if (s->n_known)
        memcpy(in->known, s->known, (size_t)s->n_known*sizeof *in->known);
    memcpy(in->memory, s->memory, in->n_memory*sizeof(double));
    in->n_known = s->n_known;
    in->initialised = s->initialised;
    in->stop_defined = s->stop_defined;
    in->start = s->start;
    in->stop = s->stop;
    in->tolerance = s->tolerance;
    in->rates_valid = in->outputs_valid = 0;
    return 1;
}

static size_t state_size(const kept_state *s)
{
    return sizeof *s + s->n_memory*sizeof(double) + (size_t)s->n_known*sizeof(occurrence);
}

static void write_state(const kept_state *s, unsigned char *bytes)
{
    const size_t fixed = sizeof *s + s->n_memory*sizeof(double);
    memcpy(bytes, s, fixed);
    if (s->n_known)
        memcpy(bytes + fixed, s->known, (size_t)s->n_known*sizeof(occurrence));
}

static kept_state *read_state(const instance *in, const unsigned char *bytes, size_t size)
{
    kept_state head;
    const size_t fixed = sizeof head + in->n_memory*sizeof(double);
    if (size < fixed)
        return NULL;
    memcpy(&head, bytes, sizeof head);
    if (head.n_memory != in->n_memory || head.n_known < 0 || size != fixed + (size_t)head.n_known*sizeof(occurrence))
        return NULL;
    kept_state *s = malloc(fixed);
    occurrence *known = malloc(((size_t)head.n_known + 1)*sizeof *known);
    if (!s || !known) {
        free(s);
        free(known);
        return NULL;
    }
    memcpy(s, bytes, fixed);
    memcpy(known, bytes + fixed, (size_t)head.n_known*sizeof *known);
    s->known = known;
    return s;
}

static void drop_state(kept_state *s)
{
    if (s)
        free(s->known);
    free(s);
}

#endif
