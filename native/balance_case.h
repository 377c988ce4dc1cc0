/* balance_case.h -- what the C tests and the fuzzer share: sites out of bytes, and a judge
 * of answers that knows the definition and nothing of the solver.
 *
 * Not part of the product.
 */
#ifndef DEPOT_BALANCE_CASE_H
#define DEPOT_BALANCE_CASE_H

#include "balance.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/// Sites ///

static void clear_site(struct lb_site *site)
{
    memset(site, 0, sizeof *site);
}

static int32_t add_node(struct lb_site *site, int32_t parent, int64_t l1_ma, int64_t l2_ma,
                        int64_t l3_ma, int32_t phasor)
{
    site->node[site->node_count] = (struct lb_node){
        .parent = parent, .phasor = phasor, .limit_ma = {l1_ma, l2_ma, l3_ma}};
    return site->node_count++;
}

/* A charger of priority, rank 0 and weight 1; change the rest through the pointer. */
static struct lb_charger *add_charger(struct lb_site *site, int32_t node, uint32_t phases,
                                      int64_t min_ma, int64_t max_ma, int64_t step_ma)
{
    struct lb_charger *charger = &site->charger[site->charger_count++];
    *charger = (struct lb_charger){.node = node, .phases = phases, .min_ma = min_ma,
                                   .max_ma = max_ma, .step_ma = step_ma, .weight = 1};
    return charger;
}

/* Reads bytes off an input, 0 after its end. */
struct bytes {
    const uint8_t *at;
    size_t left;
};

static int32_t take_byte(struct bytes *bytes)
{
    if (bytes->left == 0) { return 0; }
    bytes->left--;
    return *bytes->at++;
}

/* Make a site of an input.  A first byte of 255 takes the rest as it is, so that any
 * integer can be anywhere; else it is a well-formed site of small currents in a unit. */
static void site_of_bytes(const uint8_t *data, size_t size, struct lb_site *site)
{
    struct bytes in = {data, size};
    static const int64_t units[] = {1, 7, 1000, 999983};
    int32_t head = take_byte(&in);
    clear_site(site);
    if (head == 255) {
        site->node_count = take_byte(&in) % 8;
        site->charger_count = take_byte(&in) % 16;
        size_t nodes = sizeof(struct lb_node) * (size_t)site->node_count;
        size_t chargers = sizeof(struct lb_charger) * (size_t)site->charger_count;
        size_t first = in.left < nodes ? in.left : nodes;
        memcpy(site->node, in.at, first);
        size_t second = in.left - first < chargers ? in.left - first : chargers;
        memcpy(site->charger, in.at + first, second);
        return;
    }
    int64_t unit = units[head % 4];
    int32_t nodes = 1 + take_byte(&in) % 12;
    int32_t chargers = take_byte(&in) % 24;
    for (int32_t n = 0; n < nodes; n++) {
        int32_t parent = n == 0 ? -1 : take_byte(&in) % n;
        int64_t limit_ma[3];
        int32_t kind = take_byte(&in);
        for (int p = 0; p < 3; p++) {
            limit_ma[p] = (kind >> p & 1) != 0 ? LB_NO_LIMIT : take_byte(&in) * unit;
        }
        add_node(site, parent, limit_ma[0], limit_ma[1], limit_ma[2], kind >> 3 & 3);
    }
    for (int32_t c = 0; c < chargers; c++) {
        int32_t node = take_byte(&in) % nodes;
        int32_t kind = take_byte(&in);
        int64_t min_ma = take_byte(&in) % 32 * unit;
        int64_t max_ma = kind % 16 == 0 ? 0 : min_ma + take_byte(&in) * unit;
        struct lb_charger *charger =
            add_charger(site, node, (uint32_t)(1 + kind % 7), min_ma, max_ma,
                        1 + take_byte(&in) % 8 * (unit > 7 ? unit : 1));
        charger->priority = kind >> 6;
        charger->rank = take_byte(&in) % 4;
        charger->weight = kind >> 4 & 1 ? 1 + take_byte(&in) * 999 / 255 : 1;
    }
}

/// Judging ///

/* Is the phasor sum at most the limit?  Exact while limit is at most 30000 mA; above it
 * says what it can: 1 yes, 0 no, -1 too close to say. */
static int phasor_fits(int64_t a, int64_t c, int64_t w, int64_t limit_ma)
{
    if (a + c + w <= limit_ma) { return 1; }
    if (a > limit_ma || c > limit_ma || w > limit_ma) { return 0; }
    if (limit_ma <= 30000) {
        int64_t rest = limit_ma * limit_ma - a * a - a * c - c * c - w * w;
        return rest >= 0 && 3 * ((a + c) * w) * ((a + c) * w) <= rest * rest;
    }
    double x = 0.8660254037844386 * (double)(a + c) + (double)w;
    double y = 0.5 * (double)(a - c);
    double over = x * x + y * y - (double)limit_ma * (double)limit_ma;
    double hair = 1e-12 * (double)limit_ma * (double)limit_ma;
    return over > hair ? 0 : over < -hair ? 1 : -1;
}

static bool is_below(const struct lb_site *site, int32_t node, int32_t above)
{
    while (node > above) { node = site->node[node].parent; }
    return node == above;
}

/* Does a charger load a phase of a node, or the line that feeds it? */
static bool loads(const struct lb_node *node, uint32_t phases, int phase)
{
    return (phases >> phase & 1) != 0 || node->phasor == LB_DELTA_WYE;
}

/* Does the line of a phase that feeds a delta-wye transformer carry what flows through its
 * windings: 1 yes, 0 no, -1 too close to say?  ma: by phases. */
static int feed_fits(const struct lb_node *node, const int64_t ma[8], int phase)
{
    /* the current in each winding, along and across the voltage of L1 */
    static const double cosine[3] = {1, -0.5, -0.5};
    static const double sine[3] = {0, -0.8660254037844386, 0.8660254037844386};
    double along[3], across[3], limit = 4e18;
    for (int p = 0; p < 3; p++) {
        int64_t straight = ma[1 << p] + ma[7];
        along[p] = (double)straight * cosine[p];
        across[p] = (double)straight * sine[p];
        double own = (double)node->limit_ma[p];
        limit = own < limit ? own : limit;
    }
    for (int p = 0; p < 3; p++) {         /* line to line, by the line voltage of p and q */
        int q = (p + 1) % 3;
        double pair = (double)ma[1 << p | 1 << q] / 1.7320508075688772;
        double x = pair * (cosine[p] - cosine[q]), y = pair * (sine[p] - sine[q]);
        along[p] += x;
        across[p] += y;
        along[q] -= x;
        across[q] -= y;
    }
    int from = (phase + 2) % 3;
    double x = along[phase] - along[from], y = across[phase] - across[from];
    limit = limit > 0 ? limit : 0;
    double over = x * x + y * y - 3 * limit * limit;
    double hair = 1e-12 * (limit * limit + 1);
    return over > hair ? 0 : over < -hair ? 1 : -1;
}

/* Does a node carry what the grants put on a phase, with `more` more for one charger?
 * By going through all chargers: 1 yes, 0 no, -1 too close to say. */
static int carries(const struct lb_site *site, const struct lb_grants *grants, int32_t n,
                   int phase, int32_t charger, int64_t more_ma)
{
    int64_t straight = 0;
    int64_t side[3] = {0, 0, 0};
    int64_t by_phases[8] = {0};
    for (int32_t c = 0; c < site->charger_count; c++) {
        uint32_t phases = site->charger[c].phases;
        int64_t ma = grants->ma[c] + (c == charger ? more_ma : 0);
        if (!loads(&site->node[n], phases, phase) || ma == 0) { continue; }
        if (!is_below(site, site->charger[c].node, n)) { continue; }
        by_phases[phases] += ma;
        if (phases == 3) {
            side[2] += ma;
        } else if (phases == 5) {
            side[1] += ma;
        } else if (phases == 6) {
            side[0] += ma;
        } else {
            straight += ma;
        }
    }
    int64_t limit_ma = site->node[n].limit_ma[phase] > 0 ? site->node[n].limit_ma[phase] : 0;
    int64_t a = side[(phase + 1) % 3];
    int64_t c = side[(phase + 2) % 3];
    if (site->node[n].phasor == LB_DELTA_WYE) {
        return feed_fits(&site->node[n], by_phases, phase);
    }
    if (site->node[n].phasor == 0) { return a + c + straight <= limit_ma; }
    return phasor_fits(a, c, straight, limit_ma);
}

/* Return NULL if grants are lawful and no limit is exceeded, else the words for it. */
static const char *broken_limit_or_law(const struct lb_site *site,
                                       const struct lb_grants *grants)
{
    for (int32_t n = 0; n < site->node_count; n++) {
        for (int p = 0; p < 3; p++) {
            if (carries(site, grants, n, p, -1, 0) == 0) { return "a limit is exceeded"; }
        }
    }
    for (int32_t c = 0; c < site->charger_count; c++) {
        const struct lb_charger *charger = &site->charger[c];
        int64_t ma = grants->ma[c];
        if (ma != 0 && (ma < charger->min_ma || ma > charger->max_ma ||
                        (ma - charger->min_ma) % charger->step_ma != 0)) {
            return "a grant is not lawful";
        }
    }
    return NULL;
}

/* Return NULL if an answer keeps every promise that can be judged one charger at a time,
 * else the words for what it breaks. */
static const char *broken_promise(const struct lb_site *site, const struct lb_grants *grants)
{
    for (int32_t c = 0; c < site->charger_count; c++) {
        const struct lb_charger *charger = &site->charger[c];
        int64_t ma = grants->ma[c];
        int32_t why = grants->why[c];
        if ((charger->max_ma == 0) != (why == LB_NOTHING)) { return "asks nothing, or not"; }
        if (why == LB_NO_MINIMUM && ma != 0) { return "a minimum had room after all"; }
        if (why == LB_AT_MAX && ma + charger->step_ma <= charger->max_ma) {
            return "not at its max";
        }
        if (why == LB_HELD && ma + charger->step_ma > charger->max_ma) {
            return "at its max, not held";
        }
        if (why != LB_HELD && why != LB_NO_MINIMUM) { continue; }
        int64_t more_ma = why == LB_HELD ? charger->step_ma : charger->min_ma;
        if (!is_below(site, charger->node, grants->node[c]) ||
            !loads(&site->node[grants->node[c]], charger->phases, grants->phase[c]) ||
            carries(site, grants, grants->node[c], grants->phase[c], c, more_ma) == 1) {
            return "what is said to hold a charger back does not";
        }
    }
    return broken_limit_or_law(site, grants);
}

#endif
