/* plan_finish.h -- the answer in amperes: exact to every limit of the problem as it was
 * given. Part of plan.c.
 *
 * Single precision and dropped lines end here.  Amperes are whole microamperes; loads
 * are summed in double precision from them, node by node, against the limits of the
 * problem; what is too much by rounding is taken off.  The cost is that of these
 * amperes.
 */
#ifndef DEPOT_PLAN_FINISH_H
#define DEPOT_PLAN_FINISH_H

#include "plan_setup.h"

/* What a node carries in one slot. */
struct load {
    double plain[3];       /* one- and three-phase loads, A per conductor      */
    double pair[3];        /* line-to-line loads: [1,2], [2,3], [1,3]          */
    double kw;
    double share;          /* by what everything below must be scaled          */
};

static_assert(sizeof(struct load) == 8 * sizeof(double), "lay_out() counts eight doubles");

static double floor_ua(double amps)
{
    return floor(amps * 1e6) / 1e6;
}

static void add_charger(struct load *load, const struct pl_charger *c, double amps)
{
    load->kw += amps * c->w_per_a / 1000;
    if (line_to_line(c->phases)) {
        load->pair[c->phases == 3 ? 0 : c->phases == 6 ? 1 : 2] += amps;
        return;
    }
    for (int32_t k = 0; k < 3; k++) {
        if ((c->phases >> k & 1) != 0) { load->plain[k] += amps; }
    }
}

/* What conductor k carries. */
static double carried(const struct load *load, int32_t k, bool phasor)
{
    double a = load->pair[k], c = load->pair[(k + 2) % 3];   /* L1: [1,2], [1,3]; L2: [2,3], [1,2] */
    if (!phasor) { return load->plain[k] + a + c; }
    double along = load->plain[k] + sqrt(3) / 2 * (a + c), across = (a - c) / 2;
    return sqrt(along * along + across * across);
}

/* What flows in the line that feeds the windings of phases k and the one before it. */
static double fed(const struct load *load, int32_t k)
{
    int32_t j = (k + 2) % 3;
    double both = load->pair[j], one = load->pair[k], other = load->pair[(k + 1) % 3];
    double near = load->plain[k], far = load->plain[j];
    double along = 2 * both + (one + other) / 2 + sqrt(3) / 2 * (near + far);
    double across = sqrt(3) / 2 * (one - other) + (near - far) / 2;
    return sqrt((along * along + across * across) / 3);
}

/* Put the loads of slot t, given in amps, into the nodes; returns whether any limit is
 * exceeded. */
static bool loads_of(struct state *s, int32_t t, const double *amps)
{
    const struct pl_problem *p = s->problem;
    struct load *loads = s->loads;
    bool over = false;
    int64_t at = 0;
    memset(loads, 0, sizeof(struct load) * (size_t)p->node_count);
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        if (c->from_slot <= t && t < c->to_slot) {
            add_charger(&loads[c->node], c, amps[at + t - c->from_slot]);
        }
        at += c->to_slot - c->from_slot;
    }
    for (int32_t n = p->node_count - 1; n >= 0; n--) {
        const struct pl_node *node = &p->nodes[n];
        struct load *own = &loads[n];
        own->share = 1;
        for (int32_t k = 0; k < 3 && node->limit_ma_at >= 0; k++) {
            bool feeds = node->phasor == PL_DELTA_WYE;
            double most = limit_of(p, node, feeds ? FEED : k, t);
            double is = feeds ? fed(own, k) : carried(own, k, node->phasor != 0);
            if (is > most) { own->share = fmin(own->share, most / is); }
        }
        if (node->limit_w_at >= 0) {
            double most = limit_of(p, node, POWER, t);
            if (own->kw > most) { own->share = fmin(own->share, most / own->kw); }
        }
        over |= own->share < 1;
        if (n == 0) { continue; }
        struct load *up = &loads[node->parent];
        up->kw += own->kw;
        for (int32_t k = 0; k < 3; k++) {
            up->plain[k] += own->plain[k];
            up->pair[k] += own->pair[k];
        }
    }
    return over;
}

/* Scale slot t into the limits. */
static void fit_slot(struct state *s, int32_t t, bool lawful, double *amps)
{
    const struct pl_problem *p = s->problem;
    int64_t at = 0;
    if (!loads_of(s, t, amps)) { return; }
    for (int32_t n = 1; n < p->node_count; n++) {
        s->loads[n].share = fmin(s->loads[n].share, s->loads[p->nodes[n].parent].share);
    }
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        if (c->from_slot <= t && t < c->to_slot && s->loads[c->node].share < 1) {
            double *own = &amps[at + t - c->from_slot];
            *own = floor_ua(*own * s->loads[c->node].share * (1 - 1e-12));
            if (lawful && *own * 1000 < (double)c->min_ma) { *own = 0; }
        }
        at += c->to_slot - c->from_slot;
    }
}

/* Write x as amperes, within rating and need; charger by charger, all slots of its
 * window. */
static void write_amps(const struct state *s, const float *x, bool lawful, double *amps)
{
    const struct pl_problem *p = s->problem;
    int64_t at = 0;
    for (int32_t i = 0, next = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        int32_t len = c->to_slot - c->from_slot;
        const struct car *car = next < s->car_count && s->cars[next].charger == i
                              ? &s->cars[next++] : NULL;
        double least = (double)c->min_ma / 1000, most = (double)c->max_ma / 1000;
        double left = car ? c->energy_wh / c->w_per_a / s->hours : 0;
        for (int32_t t = 0; t < len; t++) {
            double is = car ? (double)x[car->at + t] * 1000 / c->w_per_a : 0;
            is = floor_ua(fmin(fmin(is, most), left));
            if (is < 1e-4) { is = 0; }               /* dust of the iteration */
            if (lawful && is < least) { is = 0; }
            amps[at + t] = is;
            left -= is;
        }
        at += len;
    }
}

/* What the amperes cost, and what they come to. */
static void account(struct state *s, const double *amps, double *energy_wh,
                    struct pl_answer *answer)
{
    const struct pl_problem *p = s->problem;
    double total = 0, peak = 0, unmet_wh = 0;
    double *site = s->site_kw;
    int64_t at = 0;
    for (int32_t t = 0; t < s->slots; t++) { site[t] = p->base_w[t] / 1000; }
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        double kwh = 0, before = 0;
        for (int32_t t = c->from_slot; t < c->to_slot; t++) {
            double is = amps[at++], kw = is * c->w_per_a / 1000;
            double late = p->earliness_per_kwh_h * s->hours * t;
            site[t] += kw;
            kwh += kw * s->hours;
            total += kw * s->hours * (p->price_per_kwh[t] + late);
            answer->switches += (is > 0) != (before > 0);
            before = is;
        }
        energy_wh[i] = kwh * 1000;
        double short_wh = fmax(0, c->energy_wh - kwh * 1000);
        unmet_wh += short_wh;
        total += short_wh / 1000 * c->unmet_per_kwh;
    }
    for (int32_t t = 0; t < s->slots && p->own_w != NULL; t++) {
        double own = fmin(site[t] - p->base_w[t] / 1000, p->own_w[t] / 1000);
        total -= own * s->hours * (p->price_per_kwh[t] - p->own_per_kwh[t]);
    }
    peak = site[0];
    for (int32_t t = 1; t < s->slots; t++) { peak = larger(peak, site[t]); }
    total += p->demand_per_kw * fmax(0, peak - p->already_kw);
    assert(!isnan(total));
    answer->objective = total;
    answer->peak_kw = peak;
    answer->unmet_wh = unmet_wh;
}

#endif
