/* plan_state.h -- what the solver remembers between two calls, and where it lies in the
 * caller's block.  Part of plan.c; nobody else includes it.
 *
 * Words.  A *moment* is one slot of one charger's window: one unknown, in kW.  A *row*
 * is a vector over all slots.  A *line* is one kind of limit of one node that can bind:
 * L1, L2, L3 or power; it has a parent line of the same kind towards the root.  Line 0
 * is the peak of the site.  What the site has of its own is a line too, but a soft one:
 * above it charging only costs more, so its price is at most that difference.
 */
#ifndef DEPOT_PLAN_STATE_H
#define DEPOT_PLAN_STATE_H

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "plan.h"

/* Elementwise loops over 8 or 16 floats are written so that compilers vectorise them.
 * On x86-64 the loader may choose a copy for wider registers; the arithmetic, and so
 * the answer, is the same: the order of every sum is fixed by the source, and nothing
 * is fused. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(PL_PLAIN)
#define WIDE __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define WIDE
#endif

#define NO_CAP  1e30F      /* where there is no limit                                    */
#define STEP    0.99F      /* of the largest step that surely converges                  */
#define SIZE_A  0.23F      /* a row in amperes counts as if 230 V were on each of them   */

enum {
    CHECK = 40,            /* iterations between two certificates: one costs about eight */
    PROBE = 10,            /* iterations between two looks at the length of a step       */
};

enum { LANES = 16 };       /* floats that one step of a sum works on; rows are padded to it */
enum { POWER = 3, FEED = 4, KINDS = 7 };   /* kinds of lines: the phases 0, 1, 2; power; the
                                              three that feed a delta-wye transformer         */
enum { OWN = -2 };         /* the node of the line of what the site has of its own           */
enum { TAPS = 7 };         /* most lines that a car loads: power, three phases, three feeds   */

/* The rows of a line that tells loads apart: by the direction in which they add to it, in
 * 30 degrees.  A phase has the first three, a feed all. */
enum { PLAIN, SIDE_A, SIDE_C, WIDE_A, WIDE_C, SIDES };

struct line {
    int32_t parent;        /* index of the next line towards the root, or -1 */
    int32_t node;          /* index of the node, -1 for the peak, OWN        */
    int32_t kind;          /* phase 0, 1, 2, POWER, or FEED and the two after it */
    int32_t rows;          /* in price and flow: 1, 3, or SIDES              */
    int32_t row;           /* the first of them                              */
    int32_t phasor;        /* its prices are vectors of two: rows dual, dual + 1 */
    int32_t dual;          /* the first of its rows in y                     */
    int32_t depth;         /* lines above it                                 */
    float   size;          /* what a kW below it puts on it, typically       */
};

/* A charger with a window, a rating and a need. */
struct car {
    int32_t charger;       /* its index in the problem                       */
    int32_t from;          /* first slot                                     */
    int32_t len;           /* slots                                          */
    int32_t taps;          /* rows that it loads: 1 power, then of phases and feeds */
    int32_t line[TAPS];    /* their lines                                    */
    int32_t row[TAPS];     /* and rows, the power row first                  */
    float   unit[TAPS];    /* what 1 kW of it adds there, kW or A            */
    int64_t at;            /* its first moment                               */
    float   amp;           /* A on each of its phases per kW                 */
    float   top;           /* rating, kW                                     */
    float   need;          /* kW times slots                                 */
    float   worth;         /* the unmet price of a kW for a slot             */
    float   step;          /* primal step before the primal weight           */
    double  exact_need;    /* need and worth again, for sums that must not lose what they cancel */
    double  exact_worth;
    float   shift;         /* of the last projection; where the next one starts */
};

struct load;

/* How many lines, rows and cars a problem can have at most. */
struct sizes {
    int64_t slots, lines, rows, duals, cars, moments, nodes, lawful;
};

struct state {
    const struct pl_problem *problem;
    struct sizes most;     /* what the block has been laid out for */
    int64_t moments;
    int64_t iterations;
    int64_t rows_live;
    int32_t slots;
    int32_t stride;        /* slots, padded to LANES */
    int32_t line_count;
    int32_t row_count;
    int32_t dual_count;
    int32_t car_count;
    int32_t age;           /* iterations since the last restart */
    int32_t next_check;
    int32_t round;         /* of the search for a lawful plan; 0 before it */
    int32_t own;           /* the line of what the site has of its own, -1: none can bind */
    int32_t feeds;         /* whether any line feeds a delta-wye transformer */
    double  hours;         /* of a slot */
    double  demand;        /* charge per kW of peak */
    double  floor_kw;      /* the peak that is paid for anyway */
    double  constant;      /* costs that no plan can change */
    double  weight;        /* primal weight */
    double  best;          /* cost of x_best */
    double  best_peak;     /* of x_best, kW above the floor */
    double  best_lawful;
    double  bound;
    double  step_first;    /* length of the first step after the restart */
    double  step_last;
    double  step_now;
    /* vectors over moments */
    float *x, *x_start, *x_next, *x_best;
    float *bias, *x_lawful;   /* only where a lawful plan is asked for */
    /* rows */
    float *money;          /* 1 row: energy price of a kW in the slot */
    float *dearer;         /* 1 row: what a kW costs more beyond what the site has of its own */
    float *scratch;        /* 4 rows */
    float *price, *flow;   /* row_count rows */
    float *cap, *sigma;    /* line_count rows: limit; dual step */
    float *y, *y_start, *y_next;   /* dual_count rows */
    struct line *lines;
    struct car *cars;
    struct load *loads;    /* finish: one per node */
    double *site_kw;       /* finish: 1 row */
    int32_t *near;         /* setup: per node and kind the nearest line */
    float *given;          /* finish: per car the part of its need that it gets */
    float *debt, *left, *rank;   /* follow: per car what it is behind by, and lacks, kW times slots */
    int32_t *queue;        /* follow: cars */
    int32_t *moved;        /* setup: per line where it has gone */
    int32_t *order;        /* 1 row of slots */
};

static inline int64_t place(int64_t *used, int64_t count, size_t size)
{
    int64_t at = *used;
    *used += (count * (int64_t)size + 63) / 64 * 64;
    return at;
}

/* Lay out the block; with a state also point into it.  Returns the bytes. */
static int64_t lay_out(const struct sizes *z, struct state *s, char *block)
{
    int64_t used = 0;
    int64_t stride = (z->slots + LANES - 1) / LANES * LANES;
    int64_t at_state = place(&used, 1, sizeof(struct state));
    (void)at_state;
    struct { float **where; int64_t count; } floats[] = {
        { s ? &s->x       : NULL, z->moments + LANES },
        { s ? &s->x_start : NULL, z->moments + LANES },
        { s ? &s->x_next  : NULL, z->moments + LANES },
        { s ? &s->x_best  : NULL, z->moments + LANES },
        { s ? &s->bias    : NULL, z->lawful * (z->moments + LANES) },
        { s ? &s->x_lawful : NULL, z->lawful * (z->moments + LANES) },
        { s ? &s->money   : NULL, stride },
        { s ? &s->dearer  : NULL, stride },
        { s ? &s->scratch : NULL, 4 * stride },
        { s ? &s->price   : NULL, z->rows * stride },
        { s ? &s->flow    : NULL, z->rows * stride },
        { s ? &s->cap     : NULL, z->lines * stride },
        { s ? &s->sigma   : NULL, z->lines * stride },
        { s ? &s->y       : NULL, z->duals * stride },
        { s ? &s->y_start : NULL, z->duals * stride },
        { s ? &s->y_next  : NULL, z->duals * stride },
    };
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        int64_t at = place(&used, floats[i].count, sizeof(float));
        if (s) { *floats[i].where = (float *)(void *)(block + at); }
    }
    int64_t lines = place(&used, z->lines, sizeof(struct line));
    int64_t cars  = place(&used, z->cars, sizeof(struct car));
    int64_t near  = place(&used, KINDS * z->nodes, sizeof(int32_t));
    int64_t moved = place(&used, z->lines, sizeof(int32_t));
    int64_t given = place(&used, z->cars, sizeof(float));
    int64_t debt  = place(&used, z->cars, sizeof(float));
    int64_t left  = place(&used, z->cars, sizeof(float));
    int64_t rank  = place(&used, z->cars, sizeof(float));
    int64_t queue = place(&used, z->cars, sizeof(int32_t));
    int64_t order = place(&used, stride, sizeof(int32_t));
    int64_t loads = place(&used, z->nodes, 8 * sizeof(double));
    int64_t site  = place(&used, stride, sizeof(double));
    if (s) {
        s->loads   = (struct load *)(void *)(block + loads);
        s->site_kw = (double *)(void *)(block + site);
        s->lines = (struct line *)(void *)(block + lines);
        s->cars  = (struct car *)(void *)(block + cars);
        s->near  = (int32_t *)(void *)(block + near);
        s->given = (float *)(void *)(block + given);
        s->debt  = (float *)(void *)(block + debt);
        s->left  = (float *)(void *)(block + left);
        s->rank  = (float *)(void *)(block + rank);
        s->queue = (int32_t *)(void *)(block + queue);
        s->moved = (int32_t *)(void *)(block + moved);
        s->order = (int32_t *)(void *)(block + order);
    }
    return used;
}

/* The larger of two, in plain comparisons: gcc 12 for arm64 (Debian 12) breaks off with
 * an internal error where it vectorises a running fmax() over values that were single
 * precision. */
static inline double larger(double a, double b) { return a > b ? a : b; }

/* The direction in which a row adds to its line, as cosine and sine. */
static inline float along_of(int32_t side)
{
    return side == PLAIN ? 1.0F : side < WIDE_A ? 0.8660254F : 0.5F;
}

static inline float across_of(int32_t side)
{
    float sine = side == PLAIN ? 0.0F : side < WIDE_A ? 0.5F : 0.8660254F;
    return side == SIDE_C || side == WIDE_C ? -sine : sine;
}

static inline float *row_of(float *rows, const struct state *s, int32_t row)
{
    return rows + (ptrdiff_t)row * s->stride;
}

#endif
