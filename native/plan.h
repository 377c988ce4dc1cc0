/* plan.h -- plan the charging of a depot at the least cost, with a proof of how good it
 * is.
 *
 * A linear programme: power per charger and slot; energy price, demand charge and unmet
 * energy to pay; ampere limits per node and phase, power caps per node, a window, a
 * rating and a need per vehicle.  The answer is a plan that keeps every limit, its
 * cost, and a lower bound on the cost of any plan, by duality.  native/README.md has
 * the mathematics.
 *
 *     int64_t bytes = pl_bytes(&problem);         how much memory, or a negative code
 *     pl_begin(&problem, memory, bytes);          set up; nothing is solved yet
 *     pl_warm(memory, old, ...);                  optional: start from an earlier solution
 *     pl_run(memory, 40);                         as often as time allows
 *     pl_report(memory, &report);                 how far it is
 *     pl_finish(memory, amps, energy, &answer);   the plan in amperes, exact to its limits
 *
 * No clock, no heap, no globals, no recursion; every loop is bounded by a count.  All
 * state is in the caller's memory, so that two problems never meet.  The problem and
 * everything that it points at must stay in place, unchanged, until pl_finish() has
 * returned.
 */
#ifndef DEPOT_PLAN_H
#define DEPOT_PLAN_H

#include <stdint.h>

/* cdef: begin */

#define PL_SLOTS_MAX    672
#define PL_NODES_MAX    1024
#define PL_CHARGERS_MAX 1024

/* A limit at or above this is none; a negative one counts as 0. */
#define PL_NO_LIMIT     1000000000000000

/* What `phasor` of a node is above a delta-wye transformer. */
#define PL_DELTA_WYE    2

/* What the functions return: 0, or which promise of the caller is broken. */
enum pl_result {
    PL_OK        =  0,
    PL_E_COUNT   = -1,   /* no slot, no node, or more of something than the maximum    */
    PL_E_ORDER   = -2,   /* a node is not after its parent, or node 0 has one             */
    PL_E_RANGE   = -3,   /* a number is not finite, negative or beyond any depot         */
    PL_E_PHASES  = -4,   /* a charger uses no phase, or one that does not exist          */
    PL_E_WINDOW  = -5,   /* a window begins before 0, ends after the horizon or is upside down */
    PL_E_MEMORY  = -6,   /* the block is too small or not aligned to 64 bytes            */
};

/* A breaker, feeder or transformer.  Node 0 is the whole site.  Its limits stand in the
 * problem's limits_ma (triples L1, L2, L3) and limits_w, from *_at on; -1 is no limit.
 * *_step is the distance from slot to slot: 0 where one limit holds for all of them. */
struct pl_node {
    int32_t parent;           /* index of the node that feeds it; -1 for node 0          */
    int32_t phasor;           /* 0: line-to-line loads add as magnitudes; 1: as phasors;
                                 PL_DELTA_WYE: as they load the lines that feed a delta-wye
                                 transformer, the lowest of the limits holding for each    */
    int64_t limit_ma_at;
    int64_t limit_w_at;
    int32_t limit_ma_step;    /* 0 or 3 */
    int32_t limit_w_step;     /* 0 or 1 */
};

/* A charging point and the vehicle that stands at it from from_slot on, before to_slot. */
struct pl_charger {
    int32_t  node;            /* index of the node that feeds it                         */
    uint32_t phases;          /* bit 0 is L1, bit 1 is L2, bit 2 is L3                   */
    int32_t  from_slot;
    int32_t  to_slot;
    int64_t  min_ma;          /* only for a lawful plan: below this it is off             */
    int64_t  max_ma;
    double   w_per_a;         /* W drawn for one ampere on each of its phases             */
    double   energy_wh;       /* what the vehicle needs; it never gets more               */
    double   unmet_per_kwh;   /* the price of what it does not get                        */
};

struct pl_problem {
    int32_t slot_s;
    int32_t slots;
    int32_t node_count;
    int32_t charger_count;
    int32_t lawful;           /* 1: every slot is 0 or within [min, max]                  */
    int32_t unused;
    double  demand_per_kw;    /* for the highest slot of the site above already_kw        */
    double  already_kw;
    double  earliness_per_kwh_h;
    const double            *price_per_kwh;   /* one per slot                            */
    const double            *base_w;          /* one per slot: what else the site takes  */
    const struct pl_node    *nodes;
    const struct pl_charger *chargers;
    const int64_t           *limits_ma;
    const int64_t           *limits_w;
    const double            *own_w;       /* per slot: charging takes so much first ...  */
    const double            *own_per_kwh; /* ... at this price, at most price_per_kwh; NULL: nothing */
};

/* How far the solver is. */
struct pl_report {
    double  objective;        /* of the best plan so far, lawful if that is asked for     */
    double  lower_bound;      /* no plan costs less                                       */
    double  gap;              /* (objective - lower_bound) / |objective|; 1e9: none yet    */
    int64_t iterations;
    int64_t rows;             /* limits that can bind at all, counted per slot            */
};

/* What the plan comes to.  Energies are in the order of the chargers, in the caller's
 * arrays. */
struct pl_answer {
    double  objective;        /* of the amperes given, recomputed from them               */
    double  lower_bound;
    double  gap;
    double  peak_kw;          /* the highest slot of the site, other load included        */
    double  unmet_wh;
    int64_t iterations;
    int64_t switches;         /* how often a charger goes on or off within its window     */
};

/* Return the bytes that this problem needs, or a negative pl_result. */
int64_t pl_bytes(const struct pl_problem *problem);

/* Return how many amperes a plan has: the slots of all windows, charger by charger. */
int64_t pl_moments(const struct pl_problem *problem);

/* Check the problem and set up the solver in memory, which is aligned to 64 bytes. */
int pl_begin(const struct pl_problem *problem, void *memory, int64_t bytes);

/* Start from another solution: its slot t + shift is our slot t.  charger_was and
 * node_was give for each of ours the index there, or -1 where it is new.  Call right
 * after pl_begin(). */
int pl_warm(void *memory, const void *old, int32_t shift,
            const int32_t *charger_was, const int32_t *node_was);

/* Iterate at most this often; stop early at a certified gap of at most `gap`. */
int pl_run(void *memory, int32_t iterations, double gap);

void pl_report(const void *memory, struct pl_report *report);

/* Write the best plan: amps has pl_moments() places, energy_wh one per charger.  May be
 * called again after more of pl_run(). */
int pl_finish(void *memory, double *amps, double *energy_wh, struct pl_answer *answer);

/* cdef: end */

#endif
