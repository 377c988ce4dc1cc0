/* balance.h -- share a limited supply between chargers on a tree of breakers.
 *
 * One pure call.  lb_solve() reads a site and fills in one grant per charger.
 * No state, no heap, no pointers in structs, no floating point: the same site gives
 * the same grants on every machine, so any tick can be replayed from a file.
 * The rule, with a worked example, is in native/README.md.
 *
 * Current is in milliamps per phase conductor, in int64_t, and its names end in _ma.
 */
#ifndef DEPOT_BALANCE_H
#define DEPOT_BALANCE_H

#include <stdint.h>

/* cdef: begin */

/* How much one site may hold. */
#define LB_NODES       4096
#define LB_CHARGERS    4096
#define LB_DEPTH       16          /* nodes on the way from the site to a charger, both ends counted */
#define LB_MA_MAX      1000000000  /* the highest min, max or step of a charger: a million amps      */
#define LB_WEIGHT_MAX  1000
#define LB_PHASOR_MAX  1073741824  /* all chargers' max together, on a site with a phasor node       */
#define LB_WYE_MAX     536870912   /* the same, on a site with a delta-wye node                      */
#define LB_DELTA_WYE   2           /* what `phasor` of a node is there                               */
#define LB_NO_LIMIT    9223372036854775807

/* What lb_check(), lb_solve() and, when negative, lb_violations() return. */
enum lb_result {
    LB_OK       =  0,
    LB_E_COUNT  = -1,  /* no node, or more nodes or chargers than the maximum        */
    LB_E_ORDER  = -2,  /* a node is not after its parent, or node 0 has one          */
    LB_E_DEPTH  = -3,  /* a node is deeper than LB_DEPTH                             */
    LB_E_NODE   = -4,  /* a charger is fed by a node that does not exist             */
    LB_E_PHASES = -5,  /* a charger uses no phase, or one that does not exist        */
    LB_E_RANGE  = -6,  /* min, max or step out of range, or min above a max not zero */
    LB_E_WEIGHT = -7,  /* a weight below 1 or above LB_WEIGHT_MAX                    */
    LB_E_PHASOR = -8,  /* a phasor or delta-wye node, and all chargers' max is too much */
};

/* What holds a charger back. */
enum lb_why {
    LB_AT_MAX     = 0,  /* it has all that it can use                                   */
    LB_HELD       = 1,  /* one step more would break the limit of `node` on `phase`     */
    LB_NO_MINIMUM = 2,  /* its minimum did not fit under the limit of `node` on `phase` */
    LB_NOTHING    = 3,  /* it asks for nothing                                          */
};

/* A breaker, feeder or transformer.  Node 0 is the whole site; every other node comes
 * after its parent. */
struct lb_node {
    int32_t parent;       /* index of the node that feeds it; -1 for node 0             */
    int32_t phasor;       /* 0: line-to-line loads count in full on both conductors;
                             LB_DELTA_WYE: as they load the lines that feed a delta-wye
                             transformer, the lowest of the limits holding for each;
                             else: as the exact phasor sum at unity power factor        */
    int64_t limit_ma[3];  /* left for charging on L1, L2, L3; LB_NO_LIMIT: no limit;
                             a negative limit counts as 0                               */
};

/* One charger, as it asks.  A lawful grant is 0, or min + k * step <= max with k >= 0. */
struct lb_charger {
    int32_t  node;      /* index of the node that feeds it                              */
    uint32_t phases;    /* bit 0 is L1, bit 1 is L2, bit 2 is L3; two bits: line to line */
    int64_t  min_ma;    /* below this it cannot charge at all                           */
    int64_t  max_ma;    /* it has no use for more; 0 asks for nothing                   */
    int64_t  step_ma;   /* grants are raised by this                                    */
    int32_t  priority;  /* lower is served first                                        */
    int32_t  rank;      /* lower is served first within a priority; ties: lower index   */
    int32_t  weight;    /* share within the priority, 1 to LB_WEIGHT_MAX                */
    int32_t  spare;     /* not read                                                     */
};

struct lb_site {
    int32_t           node_count;
    int32_t           charger_count;
    struct lb_node    node[LB_NODES];
    struct lb_charger charger[LB_CHARGERS];
};

/* The answer: one entry per charger and, in used_ma, per node. */
struct lb_grants {
    int64_t ma[LB_CHARGERS];
    int32_t why[LB_CHARGERS];    /* enum lb_why                                         */
    int32_t node[LB_CHARGERS];   /* what holds it back, for LB_HELD and LB_NO_MINIMUM   */
    int32_t phase[LB_CHARGERS];  /* 0 is L1                                             */
    int64_t used_ma[LB_NODES][3];
};

/* Room for the solver to think in.  The caller owns it and need not clear it.
 * Do not rely on the size or contents of these types. */
struct lb_key {
    uint64_t key;
    int32_t  of;
};

struct lb_slot {
    int32_t  min_ma;
    int32_t  top_ma;    /* the highest lawful grant */
    int32_t  step_ma;
    int32_t  weight;
    int32_t  node;
    int32_t  charger;
    int32_t  turn;      /* position by priority and rank */
    uint16_t phases;
    uint8_t  rising;
    uint8_t  tied;
};

struct lb_branch {
    int64_t fixed_ma[8];  /* grants below that no longer change, by phases             */
    int64_t most_ma[8];   /* all grants below if whatever still rises went to its max  */
    int64_t live_ma[8];   /* all grants below at the level at which the branch is full */
    int64_t level;        /* it becomes full here, or later when stale                 */
    int32_t before;       /* nodes before it, walking the tree branch by branch        */
    int32_t size;         /* nodes in the branch                                       */
    int32_t depth;
    int32_t first, last;  /* the slots below it                                        */
    int32_t round;        /* the raising in which first and last are meant             */
    int32_t stale;        /* whether level is exact, or only not too high              */
    int32_t full;         /* full at the level that is being settled                   */
};

struct lb_work {
    struct lb_branch branch[LB_NODES];
    struct lb_slot   slot[LB_CHARGERS];
    struct lb_key    key[LB_CHARGERS];
    struct lb_key    spare[LB_CHARGERS];
    int32_t          turn[LB_CHARGERS];   /* chargers by priority and rank */
    int32_t          queue[LB_NODES];     /* a heap of branches by level   */
    int32_t          full[LB_NODES];
    int32_t          queue_count;
    int32_t          full_count;
};

struct lb_load {
    int64_t ma[LB_NODES][8];  /* by phases */
};

/* Say whether the site is well formed: LB_OK or the first thing that is wrong. */
int lb_check(const struct lb_site *site);

/* Fill in *grants so that no node carries more than its limit, minimums go by priority
 * and rank, and the rest is shared to the weighted max-min fair share, priority by
 * priority.  Returns LB_OK, or what lb_check() says and then touches nothing. */
int lb_solve(const struct lb_site *site, struct lb_work *work, struct lb_grants *grants);

/* Count the broken promises in grants->ma: unlawful grants, and limits of a node and
 * phase that are exceeded.  Shares no code with the solver.  Returns 0 or more, or what
 * lb_check() says. */
int lb_violations(const struct lb_site *site, const struct lb_grants *grants,
                  struct lb_load *load);

/* cdef: end */

#endif
