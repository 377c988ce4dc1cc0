/* balance.c -- see balance.h for the promises and README.md for the rule.
 *
 * Words of this file.  A *level* is a grant divided by a weight, in units of 1/LEVEL mA,
 * rounded down.  Chargers rise together: whoever stands lowest takes the next step, and
 * among those of one level the one whose *turn* is first.  LEVEL is so fine that two
 * grants fall into one level only if grant / weight is exactly the same.
 *
 * What a rising charger has at a level is a formula, risen_ma(); so nothing is computed
 * step by step except in the few levels in which a branch of the tree becomes full.
 */
#include "balance.h"

#include <assert.h>   /* assert, static_assert */
#include <stdbool.h>  /* bool */

enum {
    PHASES = 3,
    L1 = 1, L2 = 2, L3 = 4,
    LEVEL_BITS = 20,
    TURNS_MAX = 3 * (LEVEL_BITS + 30) + 5,  /* each third halves, of up to 2^30 mA in levels */
};

/* What is known of the level at which a branch becomes full. */
enum { FRESH, BOUNDED, CHANGED };

#define LEVEL      ((int64_t)1 << LEVEL_BITS)
#define LEVEL_END  ((int64_t)LB_MA_MAX << LEVEL_BITS)  /* here everybody is at its max     */
#define NEVER      INT64_MAX                           /* the level of a branch never full */
#define SUM_MAX    ((int64_t)LB_CHARGERS * LB_MA_MAX)

static_assert(LEVEL > (int64_t)LB_WEIGHT_MAX * LB_WEIGHT_MAX,
              "different grants over weights differ by at least one over both weights");
static_assert(LEVEL_END <= INT64_MAX / LB_WEIGHT_MAX - LEVEL, "level * weight fits");
static_assert(SUM_MAX <= (INT64_MAX >> LEVEL_BITS) / 2, "a sum of currents fits as a level");
static_assert(2 * (int64_t)LB_MA_MAX <= INT32_MAX, "a slot's currents fit");
static_assert(LB_PHASOR_MAX <= (int64_t)1 << 30, "squares in a phasor sum fit");
static_assert(LB_WYE_MAX <= LB_PHASOR_MAX / 2, "twice the squares in a delta-wye sum fit");
static_assert(LB_NO_LIMIT == INT64_MAX, "no sum reaches a limit that is none");
static_assert(LB_NODES <= INT32_MAX / 2 && LB_CHARGERS <= INT32_MAX / 2, "counts fit");
static_assert(sizeof(struct lb_node) == 32 && sizeof(struct lb_charger) == 48,
              "no padding: sites can be compared and written as they are");

/// Checking ///

/*@ predicate counted(struct lb_site *s) =
      1 <= s->node_count <= LB_NODES && 0 <= s->charger_count <= LB_CHARGERS;
    predicate tree(struct lb_site *s, integer count) = \forall integer n; 0 <= n < count ==>
      -1 <= s->node[n].parent < n && (s->node[n].parent == -1 <==> n == 0);
    predicate fed(struct lb_charger *c, integer nodes) =
      0 <= c->node < nodes && 1 <= c->phases <= 7 &&
      0 <= c->min_ma <= LB_MA_MAX && 0 <= c->max_ma <= LB_MA_MAX &&
      1 <= c->step_ma <= LB_MA_MAX && 1 <= c->weight <= LB_WEIGHT_MAX &&
      (c->max_ma > 0 ==> c->min_ma <= c->max_ma);
    predicate well_formed(struct lb_site *s) = counted(s) && tree(s, s->node_count) &&
      \forall integer c; 0 <= c < s->charger_count ==> fed(&s->charger[c], s->node_count);
*/

/*@ assigns \nothing;
    ensures \result <==> least_ma <= ma <= LB_MA_MAX; */
static bool is_current(int64_t ma, int64_t least_ma)
{
    return ma >= least_ma && ma <= LB_MA_MAX;
}

/*@ requires \valid_read(site) && \valid_read(charger);
    assigns \nothing;
    ensures LB_E_PHASOR <= \result <= LB_OK;
    ensures \result == LB_OK <==> fed(charger, site->node_count); */
static int check_charger(const struct lb_site *site, const struct lb_charger *charger)
{
    if (charger->node < 0 || charger->node >= site->node_count) { return LB_E_NODE; }
    if (charger->phases < 1 || charger->phases > 7) { return LB_E_PHASES; }
    if (!is_current(charger->min_ma, 0) || !is_current(charger->max_ma, 0) ||
        !is_current(charger->step_ma, 1)) {
        return LB_E_RANGE;
    }
    if (charger->max_ma > 0 && charger->min_ma > charger->max_ma) { return LB_E_RANGE; }
    if (charger->weight < 1 || charger->weight > LB_WEIGHT_MAX) { return LB_E_WEIGHT; }
    return LB_OK;
}

/* The nodes on the way from `n` to the site.  All before `n` have been checked, so there
 * are at most LB_DEPTH + 1. */
/*@ requires \valid_read(site) && counted(site) && 0 <= n < site->node_count;
    requires tree(site, n + 1);
    assigns \nothing; */
static int depth_of(const struct lb_site *site, int32_t n)
{
    int depth = 0;
    /*@ loop invariant -1 <= n <= \at(n, Pre) && 0 <= depth <= \at(n, Pre) - n;
        loop assigns n, depth;
        loop variant n + 1; */
    for (; n >= 0; n = site->node[n].parent) { depth++; }
    return depth;
}

/* What the maximums of all chargers may sum to, so that the squares at a node fit. */
/*@ requires \valid_read(node);
    assigns \nothing; */
static int64_t most_together(const struct lb_node *node)
{
    if (node->phasor == 0) { return INT64_MAX; }
    return node->phasor == LB_DELTA_WYE ? LB_WYE_MAX : LB_PHASOR_MAX;
}

/*@ requires \valid_read(site);
    assigns \nothing;
    ensures LB_E_PHASOR <= \result <= LB_OK;
    ensures \result == LB_OK ==> well_formed(site); */
int lb_check(const struct lb_site *site)
{
    if (site->node_count < 1 || site->node_count > LB_NODES) { return LB_E_COUNT; }
    if (site->charger_count < 0 || site->charger_count > LB_CHARGERS) { return LB_E_COUNT; }

    int64_t most_allowed_ma = INT64_MAX;
    /*@ loop invariant 0 <= n <= site->node_count && tree(site, n);
        loop assigns n, most_allowed_ma;
        loop variant site->node_count - n; */
    for (int32_t n = 0; n < site->node_count; n++) {
        int32_t parent = site->node[n].parent;
        if (parent >= n || parent < -1 || (parent == -1) != (n == 0)) { return LB_E_ORDER; }
        if (depth_of(site, n) > LB_DEPTH) { return LB_E_DEPTH; }
        int64_t allowed_ma = most_together(&site->node[n]);
        most_allowed_ma = allowed_ma < most_allowed_ma ? allowed_ma : most_allowed_ma;
    }
    int64_t most_ma = 0;
    /*@ loop invariant 0 <= c <= site->charger_count && 0 <= most_ma <= c * LB_MA_MAX;
        loop invariant \forall integer i; 0 <= i < c ==> fed(&site->charger[i], site->node_count);
        loop assigns c, most_ma;
        loop variant site->charger_count - c; */
    for (int32_t c = 0; c < site->charger_count; c++) {
        int result = check_charger(site, &site->charger[c]);
        if (result != LB_OK) { return result; }
        most_ma += site->charger[c].max_ma;
    }
    return most_ma > most_allowed_ma ? LB_E_PHASOR : LB_OK;
}

/// Sorting ///

/* Merge the sorted runs [from, middle) and [middle, to) of one array into another. */
/*@ requires 0 <= from <= middle <= to <= LB_CHARGERS;
    requires \valid_read(in + (from .. to - 1)) && \valid(out + (from .. to - 1));
    requires \separated(in + (from .. to - 1), out + (from .. to - 1));
    assigns out[from .. to - 1]; */
static void merge(const struct lb_key *in, int32_t from, int32_t middle, int32_t to,
                  struct lb_key *out)
{
    int32_t left = from;
    int32_t right = middle;
    /*@ loop invariant from <= n <= to && from <= left <= middle <= right <= to;
        loop invariant left - from + right - middle == n - from;
        loop assigns n, left, right, out[from .. to - 1];
        loop variant to - n; */
    for (int32_t n = from; n < to; n++) {
        bool take_left = left < middle && (right >= to || in[left].key <= in[right].key);
        out[n] = in[take_left ? left++ : right++];
    }
}

/* Sort by key; equal keys keep their order. */
static void sort(struct lb_key *keys, struct lb_key *spare, int32_t count)
{
    bool sorted = true;
    for (int32_t n = 1; n < count; n++) {
        sorted = sorted && keys[n - 1].key <= keys[n].key;
    }
    struct lb_key *from = keys;
    struct lb_key *to = spare;
    for (int32_t run = 1; run < count && !sorted; run *= 2) {
        for (int32_t n = 0; n < count; n += 2 * run) {
            int32_t middle = n + run < count ? n + run : count;
            int32_t end = middle + run < count ? middle + run : count;
            merge(from, n, middle, end, to);
        }
        struct lb_key *swap = from;
        from = to;
        to = swap;
    }
    for (int32_t n = 0; n < count && from != keys; n++) { keys[n] = from[n]; }
}

/* Order int32_t as uint64_t: the most negative one becomes 0. */
/*@ assigns \nothing;
    ensures \result == number + 2147483648; */
static uint64_t as_key(int32_t number)
{
    return (uint64_t)((int64_t)number - INT32_MIN);
}

static void take_turns(const struct lb_site *site, struct lb_work *work)
{
    for (int32_t c = 0; c < site->charger_count; c++) {
        const struct lb_charger *charger = &site->charger[c];
        work->key[c].key = as_key(charger->priority) << 32 | as_key(charger->rank);
        work->key[c].of = c;
    }
    sort(work->key, work->spare, site->charger_count);
    for (int32_t turn = 0; turn < site->charger_count; turn++) {
        work->turn[turn] = work->key[turn].of;
    }
}

/// The tree ///

/* Clear the branches and number the nodes so that a branch is one range of numbers. */
static void walk_branches(const struct lb_site *site, struct lb_work *work)
{
    struct lb_branch *branch = work->branch;
    for (int32_t n = 0; n < site->node_count; n++) {
        for (int m = 0; m < 8; m++) { branch[n].fixed_ma[m] = 0; }
        branch[n].size = 1;
        branch[n].round = -1;
        branch[n].full = 0;
    }
    for (int32_t n = site->node_count - 1; n > 0; n--) {
        branch[site->node[n].parent].size += branch[n].size;
    }
    /* `last` is, for now, the number for the next child */
    branch[0].before = 0;
    branch[0].last = 1;
    for (int32_t n = 1; n < site->node_count; n++) {
        struct lb_branch *parent = &branch[site->node[n].parent];
        branch[n].before = parent->last;
        branch[n].last = parent->last + 1;
        parent->last += branch[n].size;
    }
}

static void put_fixed(const struct lb_site *site, struct lb_work *work, int32_t node,
                      unsigned phases, int64_t ma)
{
    for (int32_t n = node; n >= 0; n = site->node[n].parent) {
        work->branch[n].fixed_ma[phases] += ma;
    }
}

/// What a conductor carries ///

/* a * b as two halves. */
/*@ requires \valid(high) && \valid(low) && \separated(high, low);
    assigns *high, *low; */
static void product(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t carry = a0 * b1 + (middle & UINT32_MAX);
    *high = a1 * b1 + (middle >> 32) + (carry >> 32);
    *low = a * b;
}

/* Is the phasor sum at most the limit?  With a and c from the two sides and w straight:
 * a^2 + c^2 + ac + w^2 + sqrt(3) (a + c) w <= limit^2, exactly, by squaring once more.
 * All three together are above the limit and at most LB_PHASOR_MAX. */
/*@ requires 0 <= a && 0 <= c && 0 <= w && 0 <= limit < a + c + w <= LB_PHASOR_MAX;
    assigns \nothing; */
static bool phasor_within(int64_t a, int64_t c, int64_t w, int64_t limit)
{
    int64_t rest = limit * limit - a * a - c * c - a * c - w * w;
    if (rest < 0) { return false; }
    uint64_t cross = (uint64_t)((a + c) * w);
    uint64_t rest_high, rest_low, cross_high, cross_low;
    product((uint64_t)rest, (uint64_t)rest, &rest_high, &rest_low);
    product(cross, 3 * cross, &cross_high, &cross_low);
    return cross_high < rest_high || (cross_high == rest_high && cross_low <= rest_low);
}

/* The least whole current that is not below the phasor sum. */
/*@ requires 0 <= a && 0 <= c && 0 <= w && a + c + w <= LB_PHASOR_MAX;
    assigns \nothing;
    ensures 0 <= \result <= a + c + w; */
static int64_t phasor_ma(int64_t a, int64_t c, int64_t w)
{
    int64_t low = -1;
    int64_t high = a + c + w;
    /*@ loop invariant -1 <= low && low < high <= a + c + w || (low == -1 && high == 0);
        loop assigns low, high;
        loop variant high - low; */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (phasor_within(a, c, w, middle)) { high = middle; } else { low = middle; }
    }
    return high;
}

struct conductor {
    int64_t one_side_ma, other_side_ma;  /* line to line */
    int64_t straight_ma;                 /* the others   */
};

/*@ predicate sums(int64_t *ma) = \valid_read(ma + (0 .. 7)) &&
      \forall integer m; 0 <= m < 8 ==> 0 <= ma[m] <= SUM_MAX; */

/* What ends on a phase, out of sums by phases. */
/*@ requires sums(ma) && 0 <= phase < PHASES;
    assigns \nothing;
    ensures 0 <= \result.one_side_ma <= SUM_MAX && 0 <= \result.other_side_ma <= SUM_MAX &&
            0 <= \result.straight_ma <= 2 * SUM_MAX; */
static struct conductor conductor(const int64_t ma[8], int phase)
{
    static const int sides[PHASES][3] = {
        {L1, L1 | L2, L1 | L3}, {L2, L1 | L2, L2 | L3}, {L3, L1 | L3, L2 | L3}};
    return (struct conductor){
        .straight_ma = ma[sides[phase][0]] + ma[L1 | L2 | L3],
        .one_side_ma = ma[sides[phase][1]],
        .other_side_ma = ma[sides[phase][2]],
    };
}

/* The sum of whatever is kept by phases over those that use one phase. */
/*@ requires sums(kept) && 0 <= phase < PHASES;
    assigns \nothing;
    ensures 0 <= \result <= 4 * SUM_MAX; */
static int64_t on_phase(const int64_t kept[8], int phase)
{
    struct conductor on = conductor(kept, phase);
    return on.straight_ma + on.one_side_ma + on.other_side_ma;
}

/* What loads a line that feeds a delta-wye transformer.  The line of L1 comes from the
 * windings of L1 and L3, and so on round. */
struct feed {
    int64_t both_ma;             /* line to line between the two: counts twice           */
    int64_t one_ma, other_ma;    /* from each of the two to the third                    */
    int64_t near_ma, far_ma;     /* what is straight on the one winding and on the other */
};

/*@ requires sums(ma) && 0 <= phase < PHASES;
    assigns \nothing; */
static struct feed feed(const int64_t ma[8], int phase)
{
    static const int parts[PHASES][5] = {{L1 | L3, L1 | L2, L2 | L3, L1, L3},
                                         {L1 | L2, L2 | L3, L1 | L3, L2, L1},
                                         {L2 | L3, L1 | L3, L1 | L2, L3, L2}};
    const int *part = parts[phase];
    return (struct feed){
        .both_ma = ma[part[0]],
        .one_ma = ma[part[1]],
        .other_ma = ma[part[2]],
        .near_ma = ma[part[3]] + ma[L1 | L2 | L3],
        .far_ma = ma[part[4]] + ma[L1 | L2 | L3],
    };
}

/* Is what flows in the line at most the limit?  As vectors to either side of the double
 * load: 2 at 0 degrees, one and other at +-60, near and far at +-30, all over sqrt(3).
 * Twice their sum is (p + sqrt(3) q, sqrt(3) r + s), so that it is
 * p^2 + 3 q^2 + 3 r^2 + s^2 + sqrt(12) (p q + r s) <= 12 limit^2, exactly. */
/*@ requires 0 <= f.both_ma && 0 <= f.one_ma && 0 <= f.other_ma && 0 <= limit;
    requires 0 <= f.near_ma && 0 <= f.far_ma;
    requires f.both_ma + f.one_ma + f.other_ma + f.near_ma + f.far_ma <= 2 * LB_WYE_MAX;
    assigns \nothing; */
static bool feed_within(struct feed f, int64_t limit)
{
    if (limit > LB_WYE_MAX / 4 * 5) { return true; }  /* 2/sqrt(3) of all is less */
    int64_t p = f.one_ma + f.other_ma + 4 * f.both_ma;
    int64_t q = f.near_ma + f.far_ma;
    int64_t r = f.one_ma - f.other_ma;
    int64_t s = f.near_ma - f.far_ma;
    int64_t rest = 12 * limit * limit - p * p - 3 * q * q - 3 * r * r - s * s;
    if (rest < 0) { return false; }
    uint64_t cross = (uint64_t)(p * q + r * s);  /* |r| <= p and |s| <= q */
    uint64_t rest_high, rest_low, cross_high, cross_low;
    product((uint64_t)rest, (uint64_t)rest, &rest_high, &rest_low);
    product(cross, 12 * cross, &cross_high, &cross_low);
    return cross_high < rest_high || (cross_high == rest_high && cross_low <= rest_low);
}

/* The least whole current that is not below what flows in the line. */
static int64_t feed_ma(struct feed f)
{
    int64_t low = -1;
    int64_t high = 2 * f.both_ma + f.one_ma + f.other_ma + f.near_ma + f.far_ma;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (feed_within(f, middle)) { high = middle; } else { low = middle; }
    }
    return high;
}

static int64_t carried_ma(const struct lb_node *node, const int64_t ma[8], int phase)
{
    if (node->phasor == 0) { return on_phase(ma, phase); }
    if (node->phasor == LB_DELTA_WYE) { return feed_ma(feed(ma, phase)); }
    struct conductor on = conductor(ma, phase);
    return phasor_ma(on.one_side_ma, on.other_side_ma, on.straight_ma);
}

/* The limit that holds for a phase.  On a delta-wye node, the lowest: with less of one
 * load a line may carry more, but never more than the highest of the three before. */
/*@ requires \valid_read(node) && 0 <= phase < PHASES;
    assigns \nothing;
    ensures 0 <= \result;
    ensures node->phasor != LB_DELTA_WYE ==> \result == \max(0, node->limit_ma[phase]); */
static int64_t limit_of(const struct lb_node *node, int phase)
{
    int64_t limit_ma = node->limit_ma[phase];
    if (node->phasor == LB_DELTA_WYE) {
        /*@ loop invariant 0 <= p <= PHASES;
            loop assigns p, limit_ma;
            loop variant PHASES - p; */
        for (int p = 0; p < PHASES; p++) {
            limit_ma = node->limit_ma[p] < limit_ma ? node->limit_ma[p] : limit_ma;
        }
    }
    return limit_ma > 0 ? limit_ma : 0;
}

/* By what a line can rise at most, for something kept by phases that rises: a line to
 * line load counts in a delta-wye line with 2/sqrt(3), below 7/6. */
static int64_t weighs(const struct lb_node *node, const int64_t kept[8], int phase)
{
    if (node->phasor != LB_DELTA_WYE) { return on_phase(kept, phase); }
    int64_t sum = 0;
    for (int m = 1; m < 8; m++) { sum += kept[m]; }
    return sum + (sum + 5) / 6;
}

static bool within(const struct lb_node *node, const int64_t ma[8], int phase)
{
    if (node->phasor == LB_DELTA_WYE) {
        return feed_within(feed(ma, phase), limit_of(node, phase));
    }
    struct conductor on = conductor(ma, phase);
    int64_t sum_ma = on.one_side_ma + on.other_side_ma + on.straight_ma;
    int64_t limit_ma = limit_of(node, phase);
    if (sum_ma <= limit_ma) { return true; }
    return node->phasor != 0 &&
           phasor_within(on.one_side_ma, on.other_side_ma, on.straight_ma, limit_ma);
}

static bool all_within(const struct lb_node *node, const int64_t ma[8])
{
    return within(node, ma, 0) && within(node, ma, 1) && within(node, ma, 2);
}

/* The first phase of a node on which so much more on `phases` would break the limit;
 * -1 for none. */
static int blocked_on(const struct lb_node *node, int64_t ma[8], unsigned phases,
                      int64_t more_ma)
{
    int found = -1;
    ma[phases] += more_ma;
    for (int p = 0; p < PHASES && found < 0; p++) {
        bool loaded = (phases >> p & 1) != 0 || node->phasor == LB_DELTA_WYE;
        if (loaded && !within(node, ma, p)) { found = p; }
    }
    ma[phases] -= more_ma;
    return found;
}

/// Minimums ///

static void answer(struct lb_grants *grants, int32_t charger, int64_t ma, int why,
                   int32_t node, int phase)
{
    grants->ma[charger] = ma;
    grants->why[charger] = why;
    grants->node[charger] = node;
    grants->phase[charger] = phase;
}

static void grant_minimum(const struct lb_site *site, struct lb_work *work, int32_t c,
                          struct lb_grants *grants)
{
    const struct lb_charger *charger = &site->charger[c];
    if (charger->max_ma == 0) {
        answer(grants, c, 0, LB_NOTHING, -1, -1);
        return;
    }
    for (int32_t n = charger->node; n >= 0; n = site->node[n].parent) {
        int phase = blocked_on(&site->node[n], work->branch[n].fixed_ma, charger->phases,
                               charger->min_ma);
        if (phase >= 0) {
            answer(grants, c, 0, LB_NO_MINIMUM, n, phase);
            return;
        }
    }
    put_fixed(site, work, charger->node, charger->phases, charger->min_ma);
    answer(grants, c, charger->min_ma, LB_AT_MAX, -1, -1);
}

/// Rising ///

/* What a slot has before anybody takes a step from `level`: it has taken every step
 * that begins below. */
/*@ predicate slot_ok(struct lb_slot *s) = \valid_read(s) && 1 <= s->weight <= LB_WEIGHT_MAX &&
      0 <= s->min_ma <= s->top_ma <= LB_MA_MAX && 1 <= s->step_ma <= LB_MA_MAX &&
      (s->top_ma - s->min_ma) % s->step_ma == 0; */
/*@ requires slot_ok(slot) && 0 <= level <= LEVEL_END;
    assigns \nothing;
    ensures slot->min_ma <= \result; */
static int64_t risen_ma(const struct lb_slot *slot, int64_t level)
{
    /*@ assert 0 <= level * slot->weight <= LEVEL_END * LB_WEIGHT_MAX; */
    int64_t reached_ma = (level * slot->weight + LEVEL - 1) / LEVEL;
    if (reached_ma <= slot->min_ma) { return slot->min_ma; }
    if (reached_ma >= slot->top_ma) { return slot->top_ma; }
    /* the last step that began below, and no more */
    uint32_t beyond_ma = (uint32_t)(reached_ma - slot->min_ma - 1);
    uint32_t over_ma = slot->step_ma == 1 ? 0 : beyond_ma % (uint32_t)slot->step_ma;
    return reached_ma - 1 - over_ma + slot->step_ma;
}

/* The level from which a slot that has so much takes its next step. */
/*@ requires slot_ok(slot) && 0 <= ma <= LB_MA_MAX;
    assigns \nothing;
    ensures 0 <= \result <= LEVEL_END; */
static int64_t level_of(const struct lb_slot *slot, int64_t ma)
{
    return slot->weight == 1 ? ma * LEVEL : ma * LEVEL / slot->weight;
}

/* A branch seen at a level. */
struct view {
    int64_t ma[8];      /* all grants below it, by phases                            */
    int64_t next;       /* the first level, this or later, at which a slot steps     */
    int64_t weight[8];  /* of the slots that can still rise, by phases               */
    int64_t step_ma[8];
};

static void look(const struct lb_work *work, int32_t n, int64_t level, struct view *view)
{
    const struct lb_branch *branch = &work->branch[n];
    for (int m = 0; m < 8; m++) {
        view->ma[m] = branch->fixed_ma[m];
        view->weight[m] = 0;
        view->step_ma[m] = 0;
    }
    view->next = LEVEL_END;
    for (int32_t s = branch->first; s < branch->last; s++) {
        const struct lb_slot *slot = &work->slot[s];
        if (!slot->rising) { continue; }
        int64_t ma = risen_ma(slot, level);
        view->ma[slot->phases] += ma;
        if (ma < slot->top_ma) {
            int64_t next = level_of(slot, ma);
            view->next = next < view->next ? next : view->next;
            view->weight[slot->phases] += slot->weight;
            view->step_ma[slot->phases] += slot->step_ma;
        }
    }
}

/* Look at a branch at a level and say whether all fits under its node. */
static bool fits_at(const struct lb_site *site, const struct lb_work *work, int32_t n,
                    int64_t level, struct view *view)
{
    look(work, n, level, view);
    return all_within(&site->node[n], view->ma);
}

/* From a view that fits: how far the branch can surely rise.  A slot rises by less than
 * its weight times the levels plus a step, and a phasor sum by no more than what is
 * added; before the next step nothing rises at all. */
static int64_t surely_fits(const struct lb_node *node, const struct view *view, int64_t level)
{
    int64_t sure = LEVEL_END;
    for (int p = 0; p < PHASES; p++) {
        int64_t weights = weighs(node, view->weight, p);
        if (weights == 0 || limit_of(node, p) >= SUM_MAX) { continue; }
        int64_t room_ma = limit_of(node, p) - carried_ma(node, view->ma, p);
        room_ma -= weighs(node, view->step_ma, p);
        int64_t up_to = room_ma > 0 ? level + room_ma * LEVEL / weights : level;
        sure = up_to < sure ? up_to : sure;
    }
    return sure > view->next ? sure : view->next;
}

/* From a view that fits: about how far it will, if steps are as good as no steps. */
static int64_t about_fits(const struct lb_node *node, const struct view *view, int64_t level)
{
    int64_t about = LEVEL_END;
    for (int p = 0; p < PHASES; p++) {
        int64_t weights = weighs(node, view->weight, p);
        if (weights == 0 || limit_of(node, p) >= SUM_MAX) { continue; }
        int64_t room_ma = limit_of(node, p) - carried_ma(node, view->ma, p);
        int64_t up_to = level + room_ma * LEVEL / weights;
        about = up_to < about ? up_to : about;
    }
    return about;
}

/* Find the highest level below `breaks` at which everything below a node still fits, and
 * the view from there.  `view` is from `fits`, where it does; at `breaks` it does not. */
static int64_t full_between(const struct lb_site *site, const struct lb_work *work,
                            int32_t n, struct view *view, int64_t fits, int64_t breaks)
{
    for (int turn = 0;; turn++) {
        assert(turn < TURNS_MAX);
        int64_t sure = surely_fits(&site->node[n], view, fits);
        int64_t on = sure;
        if (sure == view->next) {
            /* nothing happens before it, so one level on is one event on */
            fits = sure;
            on = fits + 1;
            if (on == breaks) { return fits; }
        }
        /* Guess; go to what is sure, or else an event on; halve. */
        int64_t half = sure + (breaks - sure) / 2;
        int64_t level = turn % 3 == 0   ? about_fits(&site->node[n], view, fits)
                        : turn % 3 == 1 ? on
                                        : half;
        if (level < on) { level = on; }
        if (level >= breaks) { level = half; }
        struct view other;
        if (fits_at(site, work, n, level, &other)) {
            *view = other;
            fits = level;
        } else {
            breaks = level;
        }
    }
}

/* Find anew from which level on a branch is full, and what it carries then.  If it fits
 * beyond `other`, the level of the branch that comes next, a bound will do at first. */
static void find_level(const struct lb_site *site, struct lb_work *work, int32_t n,
                       int64_t other)
{
    struct lb_branch *branch = &work->branch[n];
    struct view view;
    bool at_first = branch->stale == CHANGED;
    branch->stale = FRESH;
    if (all_within(&site->node[n], branch->most_ma)) {
        branch->level = NEVER;
        return;
    }
    int64_t fits = branch->level;
    int64_t breaks = other < LEVEL_END ? other + 1 : LEVEL_END;
    if (fits_at(site, work, n, breaks, &view)) {
        fits = breaks;
        breaks = LEVEL_END;
        if (at_first) {
            branch->level = surely_fits(&site->node[n], &view, fits);
            branch->stale = BOUNDED;
            return;
        }
    } else {
        look(work, n, fits, &view);
    }
    branch->level = full_between(site, work, n, &view, fits, breaks);
    for (int m = 0; m < 8; m++) { branch->live_ma[m] = view.ma[m]; }
}

/// The queue of branches, a heap by level ///

static void sink(struct lb_work *work, int32_t at)
{
    const struct lb_branch *branch = work->branch;
    int32_t *queue = work->queue;
    int32_t n = queue[at];
    for (int32_t child = 2 * at + 1; child < work->queue_count; child = 2 * at + 1) {
        if (child + 1 < work->queue_count &&
            branch[queue[child + 1]].level < branch[queue[child]].level) {
            child++;
        }
        if (branch[n].level <= branch[queue[child]].level) { break; }
        queue[at] = queue[child];
        at = child;
    }
    queue[at] = n;
}

static void drop_first(struct lb_work *work)
{
    work->queue_count--;
    work->queue[0] = work->queue[work->queue_count];
    sink(work, 0);
}

static void enqueue(struct lb_work *work, int32_t n)
{
    int32_t at = work->queue_count++;
    while (at > 0) {
        int32_t above = (at - 1) / 2;
        if (work->branch[work->queue[above]].level <= work->branch[n].level) { break; }
        work->queue[at] = work->queue[above];
        at = above;
    }
    work->queue[at] = n;
}

/* The level of whatever comes after the first branch. */
static int64_t next_level(const struct lb_work *work)
{
    int64_t level = NEVER;
    for (int32_t at = 1; at <= 2 && at < work->queue_count; at++) {
        int64_t other = work->branch[work->queue[at]].level;
        level = other < level ? other : level;
    }
    return level;
}

/// Raising ///

/* Let a slot keep what it has. */
static void stop(const struct lb_site *site, struct lb_work *work, struct lb_slot *slot,
                 int64_t ma, int32_t node, int phase, struct lb_grants *grants)
{
    slot->rising = 0;
    for (int32_t n = slot->node; n >= 0; n = site->node[n].parent) {
        work->branch[n].fixed_ma[slot->phases] += ma;
        work->branch[n].most_ma[slot->phases] -= slot->top_ma - ma;
        work->branch[n].stale = CHANGED;
    }
    answer(grants, slot->charger, ma, ma == slot->top_ma ? LB_AT_MAX : LB_HELD, node, phase);
}

/* Find the slots below full branches that take a step from this level, by turn. */
static int32_t find_tied(struct lb_work *work, int64_t level)
{
    int32_t count = 0;
    for (int32_t f = 0; f < work->full_count; f++) {
        const struct lb_branch *branch = &work->branch[work->full[f]];
        for (int32_t s = branch->first; s < branch->last; s++) {
            struct lb_slot *slot = &work->slot[s];
            if (!slot->rising || slot->tied) { continue; }
            int64_t ma = risen_ma(slot, level);
            if (ma < slot->top_ma && level_of(slot, ma) == level) {
                slot->tied = 1;
                work->key[count].key = (uint64_t)slot->turn;
                work->key[count].of = s;
                count++;
            }
        }
    }
    sort(work->key, work->spare, count);
    return count;
}

/* Let a slot take one step from this level if every full branch above it has room. */
static void step_or_stop(const struct lb_site *site, struct lb_work *work,
                         struct lb_slot *slot, int64_t level, struct lb_grants *grants)
{
    for (int32_t n = slot->node; n >= 0; n = site->node[n].parent) {
        struct lb_branch *branch = &work->branch[n];
        if (!branch->full) { continue; }
        int phase = blocked_on(&site->node[n], branch->live_ma, slot->phases, slot->step_ma);
        if (phase >= 0) {
            stop(site, work, slot, risen_ma(slot, level), n, phase, grants);
            return;
        }
    }
    for (int32_t n = slot->node; n >= 0; n = site->node[n].parent) {
        if (work->branch[n].full) { work->branch[n].live_ma[slot->phases] += slot->step_ma; }
    }
}

/* Stop the slots below a full branch that it has no room for, so that each branch need
 * be settled once only.  Returns whether some slot can still rise. */
static bool stop_held(const struct lb_site *site, struct lb_work *work, int32_t n,
                      int64_t level, struct lb_grants *grants)
{
    struct lb_branch *branch = &work->branch[n];
    bool rising = false;
    for (int32_t s = branch->first; s < branch->last; s++) {
        struct lb_slot *slot = &work->slot[s];
        if (!slot->rising) { continue; }
        int phase = blocked_on(&site->node[n], branch->live_ma, slot->phases, slot->step_ma);
        if (phase >= 0) {
            stop(site, work, slot, risen_ma(slot, level + 1), n, phase, grants);
        } else {
            rising = true;
        }
    }
    return rising;
}

/* Go through one level, in which each branch in work->full becomes full. */
static void settle(const struct lb_site *site, struct lb_work *work, int64_t level,
                   struct lb_grants *grants)
{
    for (int32_t f = 0; f < work->full_count; f++) {
        work->branch[work->full[f]].full = 1;
    }
    int32_t tied = find_tied(work, level);
    for (int32_t t = 0; t < tied; t++) {
        struct lb_slot *slot = &work->slot[work->key[t].of];
        slot->tied = 0;
        step_or_stop(site, work, slot, level, grants);
    }
    for (int32_t f = 0; f < work->full_count; f++) {
        int32_t n = work->full[f];
        work->branch[n].full = 0;
        if (stop_held(site, work, n, level, grants)) {
            work->branch[n].level = level + 1;
            work->branch[n].stale = CHANGED;
            enqueue(work, n);
        }
    }
}

/* Take the first branch out of the queue if it is surely full at its level; else put
 * it where it belongs by now. */
static bool take_full(const struct lb_site *site, struct lb_work *work)
{
    int32_t n = work->queue[0];
    struct lb_branch *branch = &work->branch[n];
    if (branch->stale == FRESH) {
        drop_first(work);
        work->full[work->full_count++] = n;
        return true;
    }
    find_level(site, work, n, next_level(work));
    if (branch->level == NEVER) { drop_first(work); } else { sink(work, 0); }
    return false;
}

/* Make a slot of every charger that holds its minimum and can use more, ordered by
 * branch.  Returns their number. */
static int32_t make_slots(const struct lb_site *site, struct lb_work *work, int32_t from,
                          int32_t to, const struct lb_grants *grants)
{
    int32_t count = 0;
    for (int32_t turn = from; turn < to; turn++) {
        int32_t c = work->turn[turn];
        const struct lb_charger *charger = &site->charger[c];
        bool can_rise = grants->why[c] == LB_AT_MAX &&
                        charger->max_ma - charger->min_ma >= charger->step_ma;
        if (!can_rise) { continue; }
        work->key[count].key = (uint64_t)work->branch[charger->node].before << 32 |
                               (uint64_t)turn;
        work->key[count].of = turn;
        count++;
    }
    sort(work->key, work->spare, count);
    for (int32_t s = 0; s < count; s++) {
        int32_t c = work->turn[work->key[s].of];
        const struct lb_charger *charger = &site->charger[c];
        int64_t usable_ma = charger->max_ma - charger->min_ma;
        work->slot[s] = (struct lb_slot){
            .min_ma = (int32_t)charger->min_ma,
            .top_ma = (int32_t)(charger->max_ma - usable_ma % charger->step_ma),
            .step_ma = (int32_t)charger->step_ma,
            .weight = charger->weight,
            .node = charger->node,
            .charger = c,
            .turn = work->key[s].of,
            .phases = (uint16_t)charger->phases,
            .rising = 1,
        };
    }
    return count;
}

/* Queue the branches that could become full; `round` tells this raising from others. */
static void queue_branches(const struct lb_site *site, struct lb_work *work, int32_t slots,
                           int32_t round)
{
    work->full_count = 0;  /* the branches with slots, for now */
    for (int32_t s = 0; s < slots; s++) {
        const struct lb_slot *slot = &work->slot[s];
        for (int32_t n = slot->node; n >= 0; n = site->node[n].parent) {
            struct lb_branch *branch = &work->branch[n];
            if (branch->round != round) {
                branch->round = round;
                branch->first = s;
                branch->level = 0;
                branch->stale = CHANGED;
                for (int m = 0; m < 8; m++) { branch->most_ma[m] = branch->fixed_ma[m]; }
                work->full[work->full_count++] = n;
            }
            branch->last = s + 1;
            branch->fixed_ma[slot->phases] -= slot->min_ma;
            branch->most_ma[slot->phases] += slot->top_ma - slot->min_ma;
        }
    }
    work->queue_count = 0;
    for (int32_t f = 0; f < work->full_count; f++) {
        int32_t n = work->full[f];
        if (!all_within(&site->node[n], work->branch[n].most_ma)) { enqueue(work, n); }
    }
}

/* Raise the chargers of one priority, whose turns are [from, to). */
static void raise_together(const struct lb_site *site, struct lb_work *work, int32_t from,
                           int32_t to, struct lb_grants *grants)
{
    int32_t slots = make_slots(site, work, from, to, grants);
    queue_branches(site, work, slots, from);
    while (work->queue_count > 0) {
        int64_t level = 0;
        work->full_count = 0;
        while (work->queue_count > 0 &&
               (work->full_count == 0 || work->branch[work->queue[0]].level == level)) {
            if (take_full(site, work)) { level = work->branch[work->full[0]].level; }
        }
        settle(site, work, level, grants);
    }
    for (int32_t s = 0; s < slots; s++) {
        struct lb_slot *slot = &work->slot[s];
        if (slot->rising) { stop(site, work, slot, slot->top_ma, -1, -1, grants); }
    }
}

/// Solving ///

int lb_solve(const struct lb_site *site, struct lb_work *work, struct lb_grants *grants)
{
    int result = lb_check(site);
    if (result != LB_OK) { return result; }

    int32_t count = site->charger_count;
    walk_branches(site, work);
    take_turns(site, work);
    for (int32_t turn = 0; turn < count; turn++) {
        grant_minimum(site, work, work->turn[turn], grants);
    }
    for (int32_t from = 0, to = 0; from < count; from = to) {
        int32_t priority = site->charger[work->turn[from]].priority;
        while (to < count && site->charger[work->turn[to]].priority == priority) { to++; }
        raise_together(site, work, from, to, grants);
    }
    for (int32_t n = 0; n < site->node_count; n++) {
        for (int p = 0; p < PHASES; p++) {
            grants->used_ma[n][p] = carried_ma(&site->node[n], work->branch[n].fixed_ma, p);
        }
    }
    return LB_OK;
}

/// Checking an answer.  Nothing below calls what is above, but for lb_check() ///

/* Put factor * x * x into four digits of 32 bits, the lowest first.  It is below 2^128. */
/*@ requires \valid(digits + (0 .. 3));
    assigns digits[0 .. 3]; */
static void scaled_square(uint64_t factor, uint64_t x, uint64_t digits[4])
{
    const uint64_t halves[2] = {x & 0xFFFFFFFFu, x >> 32};
    /*@ loop invariant 0 <= n <= 4;
        loop assigns n, digits[0 .. 3];
        loop variant 4 - n; */
    for (int n = 0; n < 4; n++) { digits[n] = 0; }
    /*@ loop invariant 0 <= n <= 2;
        loop assigns n, digits[0 .. 3];
        loop variant 2 - n; */
    for (int n = 0; n < 2; n++) {
        /*@ loop invariant 0 <= m <= 2;
            loop assigns m, digits[0 .. 3];
            loop variant 2 - m; */
        for (int m = 0; m < 2; m++) {
            uint64_t part = halves[n] * halves[m];
            digits[n + m] += part & 0xFFFFFFFFu;
            digits[n + m + 1] += part >> 32;
        }
    }
    uint64_t carry = 0;
    /*@ loop invariant 0 <= n <= 4;
        loop assigns n, carry, digits[0 .. 3];
        loop variant 4 - n; */
    for (int n = 0; n < 4; n++) {
        uint64_t digit = digits[n] * factor + carry;
        digits[n] = digit & 0xFFFFFFFFu;
        carry = digit >> 32;
    }
}

/* Is sqrt((sqrt(3)/2 (a+c) + w)^2 + (a-c)^2 / 4) above the limit?  Four times its square
 * is 3 (a+c)^2 + (a-c)^2 + 4 w^2 + sqrt(48) (a+c) w. */
/*@ requires 0 <= a <= SUM_MAX && 0 <= c <= SUM_MAX && 0 <= w <= 2 * SUM_MAX;
    requires 0 <= limit <= LB_PHASOR_MAX;
    assigns \nothing; */
static bool phasor_above(int64_t a, int64_t c, int64_t w, int64_t limit)
{
    int64_t both = a + c;
    int64_t apart = a - c;
    if (both > limit + limit / 4 || w > limit) { return true; }
    /*@ assert 0 <= both <= 1342177280 && 0 <= w <= 1073741824 && -both <= apart <= both; */
    /*@ assert limit * limit <= 1152921504606846976; */
    /*@ assert both * both <= 1801439850948198400; */
    /*@ assert apart * apart <= 1801439850948198400; */
    /*@ assert w * w <= 1152921504606846976; */
    /*@ assert both * w <= 1441151880758558720; */
    int64_t rest = 4 * limit * limit - 3 * both * both - apart * apart - 4 * w * w;
    if (rest < 0) { return true; }
    uint64_t needed[4];
    uint64_t left[4];
    scaled_square(48, (uint64_t)(both * w), needed);
    scaled_square(1, (uint64_t)rest, left);
    int n = 3;
    /*@ loop invariant 0 <= n <= 3;
        loop assigns n;
        loop variant n; */
    while (n > 0 && needed[n] == left[n]) { n--; }
    return needed[n] > left[n];
}

/* Is what flows in a line that feeds a delta-wye transformer above the limit?  Three times
 * its square is the sum of all products of two parts by the cosine between them: lengths
 * 2 for the load between the line's windings a and b, 1 for the others. */
/*@ requires sums(ma) && 0 <= limit <= LB_WYE_MAX / 4 * 5;
    requires a + b + c == 7 && 1 <= a <= 4 && 1 <= b <= 4 && 1 <= c <= 4 && a != b && b != c && a != c;
    assigns \nothing; */
static bool feed_above(const int64_t ma[8], int a, int b, int c, int64_t limit)
{
    int64_t ab = ma[a + b], ac = ma[a + c], bc = ma[b + c];
    int64_t at_a = ma[a] + ma[7], at_b = ma[b] + ma[7];
    /* twice the sum along the double load is at least this, and at most sqrt(12) limit */
    if (4 * ab + ac + bc + at_a + at_b > limit / 2 * 7 + 7) { return true; }
    int64_t rest = 3 * limit * limit - 4 * ab * ab - ac * ac - bc * bc - at_a * at_a -
                   at_b * at_b - 2 * ab * (ac + bc) + ac * bc - at_a * at_b;
    if (rest < 0) { return true; }
    int64_t cross = 2 * ab * (at_a + at_b) + ac * at_a + bc * at_b;  /* times sqrt(3) */
    uint64_t needed[4];
    uint64_t left[4];
    scaled_square(3, (uint64_t)cross, needed);
    scaled_square(1, (uint64_t)rest, left);
    int n = 3;
    /*@ loop invariant 0 <= n <= 3;
        loop assigns n;
        loop variant n; */
    while (n > 0 && needed[n] == left[n]) { n--; }
    return needed[n] > left[n];
}

/* The same for one of the three lines of a node, against the lowest of its limits. */
/*@ requires \valid_read(node) && sums(ma) && 0 <= phase < 3;
    assigns \nothing; */
static bool feed_overloaded(const struct lb_node *node, const int64_t ma[8], int phase)
{
    int64_t limit_ma = LB_NO_LIMIT;
    for (int p = 0; p < 3; p++) {
        if (node->limit_ma[p] < limit_ma) { limit_ma = node->limit_ma[p]; }
    }
    if (limit_ma < 0) { limit_ma = 0; }
    int64_t all_ma = 0;
    for (int m = 1; m < 8; m++) { all_ma += ma[m]; }
    if (2 * all_ma <= limit_ma) { return false; }
    if (limit_ma > LB_WYE_MAX / 4 * 5) { limit_ma = LB_WYE_MAX / 4 * 5; }
    int before = phase == 0 ? 4 : 1 << (phase - 1);
    return feed_above(ma, 1 << phase, before, 7 - before - (1 << phase), limit_ma);
}

/* Does what the chargers below a node put on a phase exceed its limit? */
/*@ requires \valid_read(node) && sums(ma) && 0 <= phase < 3;
    assigns \nothing;
    ensures node->phasor == 0 && phase == 0 ==>
      (\result <==> ma[1] + ma[3] + ma[5] + ma[7] > \max(0, node->limit_ma[0]));
    ensures node->phasor == 0 && phase == 1 ==>
      (\result <==> ma[2] + ma[3] + ma[6] + ma[7] > \max(0, node->limit_ma[1]));
    ensures node->phasor == 0 && phase == 2 ==>
      (\result <==> ma[4] + ma[5] + ma[6] + ma[7] > \max(0, node->limit_ma[2])); */
static bool overloaded(const struct lb_node *node, const int64_t ma[8], int phase)
{
    if (node->phasor == LB_DELTA_WYE) { return feed_overloaded(node, ma, phase); }
    int64_t limit_ma = node->limit_ma[phase] < 0 ? 0 : node->limit_ma[phase];
    int own = phase == 0 ? 1 : 2 * phase;
    int64_t straight_ma = ma[own] + ma[7];
    int64_t a_ma = phase == 2 ? ma[6] : ma[3];  /* line to line, on one side */
    int64_t c_ma = phase == 1 ? ma[6] : ma[5];  /* and on the other          */
    if (straight_ma + a_ma + c_ma <= limit_ma) { return false; }
    if (node->phasor == 0) { return true; }
    if (limit_ma > LB_PHASOR_MAX) { limit_ma = LB_PHASOR_MAX; }
    return phasor_above(a_ma, c_ma, straight_ma, limit_ma);
}

/*@ requires \valid_read(charger) && 1 <= charger->step_ma && 0 <= charger->min_ma;
    assigns \nothing;
    ensures \result <==> ma == 0 || (charger->min_ma <= ma <= charger->max_ma &&
                                     (ma - charger->min_ma) % charger->step_ma == 0); */
static bool is_lawful(const struct lb_charger *charger, int64_t ma)
{
    if (ma == 0) { return true; }
    if (ma < charger->min_ma || ma > charger->max_ma) { return false; }
    return (ma - charger->min_ma) % charger->step_ma == 0;
}

int lb_violations(const struct lb_site *site, const struct lb_grants *grants,
                  struct lb_load *load)
{
    int result = lb_check(site);
    if (result != LB_OK) { return result; }

    int broken = 0;
    for (int32_t n = 0; n < site->node_count; n++) {
        for (int m = 0; m < 8; m++) { load->ma[n][m] = 0; }
    }
    for (int32_t c = 0; c < site->charger_count; c++) {
        const struct lb_charger *charger = &site->charger[c];
        int64_t ma = grants->ma[c];
        if (!is_lawful(charger, ma)) { broken++; }
        if (ma < 0) { ma = 0; }
        if (ma > LB_MA_MAX) { ma = LB_MA_MAX; }  /* so that no sum overflows */
        load->ma[charger->node][charger->phases] += ma;
    }
    for (int32_t n = site->node_count - 1; n >= 0; n--) {
        const struct lb_node *node = &site->node[n];
        for (int p = 0; p < 3; p++) { broken += overloaded(node, load->ma[n], p) ? 1 : 0; }
        for (int m = 0; m < 8 && n > 0; m++) {
            load->ma[node->parent][m] += load->ma[n][m];
        }
    }
    return broken;
}
