/* plan_case.h -- what the C tests and the fuzzer of the planner share: problems out of
 * bytes, and a judge of answers that knows the definition and nothing of the solver.
 *
 * Not part of the product.
 */
#ifndef DEPOT_PLAN_CASE_H
#define DEPOT_PLAN_CASE_H

#include "plan.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>   /* aligned_alloc, free */
#include <string.h>

enum { CASE_SLOTS = 24, CASE_NODES = 8, CASE_CHARGERS = 12 };
enum { CASE_MOMENTS = CASE_SLOTS * CASE_CHARGERS };

/// Problems ///

/* A problem and everything that it points at. */
struct plan_case {
    struct pl_problem problem;
    struct pl_node    node[CASE_NODES];
    struct pl_charger charger[CASE_CHARGERS];
    double            price[CASE_SLOTS];
    double            base_w[CASE_SLOTS];
    double            own_w[CASE_SLOTS];
    double            own_per_kwh[CASE_SLOTS];
    int64_t           limits_ma[CASE_NODES * CASE_SLOTS * 3];
    int64_t           limits_w[CASE_NODES * CASE_SLOTS];
};

struct plan_answer {
    double amps[CASE_MOMENTS];
    double energy_wh[CASE_CHARGERS];
    struct pl_answer sums;
};

struct bytes { const uint8_t *data; size_t size, at; };

static int64_t take(struct bytes *in, int64_t choices)
{
    int64_t value = in->at < in->size ? in->data[in->at] : 0;
    in->at++;
    return value % choices;
}

static double take_price(struct bytes *in)
{
    static const double prices[] = { 0.1, 0.2, 0.3, 0.1, -0.2, 0, 2, 1e-9, 1e9, -1e9, 0.11 };
    return prices[take(in, 11)];
}

static int64_t take_limit(struct bytes *in)
{
    static const int64_t limits[] = { 0, 6000, 10000, 20000, 40000, 63000, -5, 1, PL_NO_LIMIT,
                                      100000000000000, 5999, 17321 };
    return limits[take(in, 12)];
}

static void take_node(struct bytes *in, struct plan_case *c, int32_t n, int64_t *ma, int64_t *w)
{
    struct pl_node *node = &c->node[n];
    int32_t slots = c->problem.slots;
    *node = (struct pl_node){ .parent = n == 0 ? -1 : (int32_t)take(in, n),
                              .phasor = (int32_t)take(in, 3),
                              .limit_ma_at = -1, .limit_w_at = -1 };
    int64_t kind = take(in, 3);
    if (kind > 0) {
        node->limit_ma_at = *ma;
        node->limit_ma_step = kind == 1 ? 0 : 3;
        for (int64_t k = 0; k < (kind == 1 ? 3 : 3 * slots); k++) {
            c->limits_ma[(*ma)++] = take_limit(in);
        }
    }
    kind = take(in, 4);
    if (kind > 1) {
        node->limit_w_at = *w;
        node->limit_w_step = kind == 2 ? 0 : 1;
        for (int64_t k = 0; k < (kind == 2 ? 1 : slots); k++) {
            c->limits_w[(*w)++] = take_limit(in);
        }
    }
}

static void take_charger(struct bytes *in, struct plan_case *c, int32_t i)
{
    static const double watts[] = { 230, 690, 208, 690, 1e-3, 1e6 };
    static const int64_t most[] = { 32000, 16000, 6000, 0, 72000, 1000000000 };
    static const double needs[] = { 10000, 3000, 40000, 0, 1, 1e12, 0.5 };
    static const double unmet[] = { 5, 5, 20, 0, 1e9, 0.15, 1 };
    int32_t from = (int32_t)take(in, c->problem.slots + 1);
    c->charger[i] = (struct pl_charger){
        .node = (int32_t)take(in, c->problem.node_count), .phases = (uint32_t)take(in, 7) + 1,
        .from_slot = from, .to_slot = from + (int32_t)take(in, c->problem.slots + 1 - from),
        .min_ma = take(in, 2) * 6000, .max_ma = most[take(in, 6)], .w_per_a = watts[take(in, 6)],
        .energy_wh = needs[take(in, 7)], .unmet_per_kwh = unmet[take(in, 7)] };
    if (take(in, 64) == 63) { c->charger[i].phases = 8; }         /* and some that are wrong */
    if (take(in, 64) == 63) { c->charger[i].to_slot = c->problem.slots + 1; }
    if (take(in, 64) == 63) { c->charger[i].w_per_a = NAN; }
}

static void case_of_bytes(const uint8_t *data, size_t size, struct plan_case *c)
{
    static const int32_t lengths[] = { 900, 3600, 300, 1, 86400 };
    struct bytes in = { data, size, 0 };
    int64_t ma = 0, w = 0;
    memset(c, 0, sizeof *c);
    c->problem = (struct pl_problem){
        .slots = (int32_t)take(&in, CASE_SLOTS) + 1, .slot_s = lengths[take(&in, 5)],
        .node_count = (int32_t)take(&in, CASE_NODES) + 1,
        .charger_count = (int32_t)take(&in, CASE_CHARGERS + 1), .lawful = (int32_t)take(&in, 2),
        .demand_per_kw = fabs(take_price(&in)), .already_kw = (double)take(&in, 3) * 5,
        .earliness_per_kwh_h = (double)take(&in, 3) * 0.01 };
    c->problem.price_per_kwh = c->price;
    c->problem.base_w = c->base_w;
    c->problem.nodes = c->node;
    c->problem.chargers = c->charger;
    c->problem.limits_ma = c->limits_ma;
    c->problem.limits_w = c->limits_w;
    for (int32_t n = 0; n < c->problem.node_count; n++) { take_node(&in, c, n, &ma, &w); }
    for (int32_t i = 0; i < c->problem.charger_count; i++) { take_charger(&in, c, i); }
    for (int32_t t = 0; t < c->problem.slots; t++) {
        c->price[t] = take_price(&in);
        c->base_w[t] = (double)take(&in, 4) * 2500;
    }
    if (take(&in, 2) == 0) { return; }
    c->problem.own_w = c->own_w;
    c->problem.own_per_kwh = c->own_per_kwh;
    for (int32_t t = 0; t < c->problem.slots; t++) {
        static const double watts[] = { 0, 3000, 7000, 20000, 1e12, 1e-60 };
        c->own_w[t] = watts[take(&in, 6)];
        c->own_per_kwh[t] = c->price[t] - (double)take(&in, 4) * 0.05;
        if (take(&in, 128) == 127) { c->own_per_kwh[t] = c->price[t] + 1; }
    }
}

/// The judge ///

static bool feeds(const struct pl_problem *p, int32_t node, int32_t from)
{
    for (int32_t steps = 0; from >= 0 && steps <= p->node_count; steps++) {
        if (from == node) { return true; }
        from = p->nodes[from].parent;
    }
    return false;
}

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

static bool has_two(uint32_t phases) { return phases == 3 || phases == 5 || phases == 6; }

/* The current of conductor k of a node in slot t, by its definition. */
static double current(const struct pl_problem *p, const double *amps, int32_t node, int32_t k,
                      int32_t t)
{
    double whole = 0, side[3] = { 0, 0, 0 };
    for (int32_t i = 0, at = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        bool there = c->from_slot <= t && t < c->to_slot && (c->phases >> k & 1) != 0;
        if (there && feeds(p, node, c->node)) {
            double own = amps[at + t - c->from_slot];
            bool apart = has_two(c->phases) && p->nodes[node].phasor;
            for (int32_t other = 0; other < 3 && apart; other++) {
                if (other != k && (c->phases >> other & 1) != 0) { side[other] += own; }
            }
            whole += apart ? 0 : own;
        }
        at += c->to_slot - c->from_slot;
    }
    double a = side[(k + 1) % 3], b = side[(k + 2) % 3];
    return hypot(sqrt(3) / 2 * (a + b) + whole, (a - b) / 2);
}

/* The current of the line that feeds the windings of conductor k and of the one before it. */
static double fed_current(const struct pl_problem *p, const double *amps, int32_t node, int32_t k,
                          int32_t t)
{
    static const double angle[3] = { 0, -2, 2 };       /* of the voltages, in thirds of pi */
    double x = 0, y = 0;
    for (int32_t i = 0, at = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        bool there = c->from_slot <= t && t < c->to_slot && feeds(p, node, c->node);
        double own = there ? amps[at + t - c->from_slot] : 0;
        for (int32_t ph = 0; ph < 3 && own > 0; ph++) {
            if ((c->phases >> ph & 1) == 0) { continue; }
            double cosine = cos(angle[ph] * M_PI / 3), sine = sin(angle[ph] * M_PI / 3);
            for (int32_t other = 0; other < 3 && has_two(c->phases); other++) {
                if (other == ph || (c->phases >> other & 1) == 0) { continue; }
                cosine = (cosine - cos(angle[other] * M_PI / 3)) / sqrt(3);
                sine = (sine - sin(angle[other] * M_PI / 3)) / sqrt(3);
            }
            double sign = ph == k ? 1 : ph == (k + 2) % 3 ? -1 : 0;
            x += sign * own * cosine;
            y += sign * own * sine;
        }
        at += c->to_slot - c->from_slot;
    }
    return hypot(x, y) / sqrt(3);
}

static double watts(const struct pl_problem *p, const double *amps, int32_t node, int32_t t)
{
    double sum = 0;
    for (int32_t i = 0, at = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        if (c->from_slot <= t && t < c->to_slot && (node < 0 || feeds(p, node, c->node))) {
            sum += amps[at + t - c->from_slot] * c->w_per_a;
        }
        at += c->to_slot - c->from_slot;
    }
    return sum;
}

static const char *broken_limit(const struct pl_problem *p, const double *amps)
{
    for (int32_t n = 0; n < p->node_count; n++) {
        const struct pl_node *node = &p->nodes[n];
        for (int32_t t = 0; t < p->slots; t++) {
            for (int32_t k = 0; k < 3 && node->limit_ma_at >= 0; k++) {
                const int64_t *triple = p->limits_ma + node->limit_ma_at + node->limit_ma_step * t;
                bool fed = node->phasor == PL_DELTA_WYE;
                int64_t most = triple[k];
                for (int32_t j = 0; j < 3 && fed; j++) { most = triple[j] < most ? triple[j] : most; }
                double ma = (fed ? fed_current(p, amps, n, k, t) : current(p, amps, n, k, t)) * 1000;
                if (most < PL_NO_LIMIT && ma > (double)(most < 0 ? 0 : most) * (1 + 1e-12) + 1) {
                    return "a current is above its limit";
                }
            }
            if (node->limit_w_at < 0) { continue; }
            int64_t most = p->limits_w[node->limit_w_at + node->limit_w_step * t];
            double w = watts(p, amps, n, t);
            if (most < PL_NO_LIMIT && w > (double)(most < 0 ? 0 : most) * (1 + 1e-12) + 1) {
                return "a power is above its limit";
            }
        }
    }
    return NULL;
}

/* What the amperes cost, by the definition. */
static double cost(const struct pl_problem *p, const double *amps)
{
    double hours = p->slot_s / 3600.0, total = 0, peak = -INFINITY;
    for (int32_t t = 0; t < p->slots; t++) {
        double kw = watts(p, amps, -1, t) / 1000;
        total += kw * hours * (p->price_per_kwh[t] + p->earliness_per_kwh_h * hours * t);
        peak = fmax(peak, kw + p->base_w[t] / 1000);
        if (p->own_w != NULL) {
            total -= fmin(kw, p->own_w[t] / 1000) * hours * (p->price_per_kwh[t] - p->own_per_kwh[t]);
        }
    }
    for (int32_t i = 0, at = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        double wh = 0;
        for (int32_t t = c->from_slot; t < c->to_slot; t++) { wh += amps[at++] * c->w_per_a * hours; }
        total += fmax(0, c->energy_wh - wh) / 1000 * c->unmet_per_kwh;
    }
    return total + p->demand_per_kw * fmax(0, peak - p->already_kw);
}

/* The largest sum that stands in the cost: what its rounding is measured against. */
static double cost_size(const struct pl_problem *p)
{
    double price = 0, kwh = 0, unmet = 0;
    for (int32_t t = 0; t < p->slots; t++) {
        price = fmax(price, fabs(p->price_per_kwh[t]));
        if (p->own_w != NULL) { price = fmax(price, fabs(p->own_per_kwh[t])); }
    }
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        kwh += c->energy_wh / 1000;
        unmet += c->energy_wh / 1000 * c->unmet_per_kwh;
    }
    double hours = p->slot_s / 3600.0;
    return 1 + unmet + kwh * (price + 1 + p->demand_per_kw / hours) + p->demand_per_kw * 100;
}

static const char *broken_charger(const struct pl_problem *p, const struct plan_answer *answer)
{
    double hours = p->slot_s / 3600.0;
    for (int32_t i = 0, at = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        double wh = 0;
        for (int32_t t = c->from_slot; t < c->to_slot; t++, at++) {
            double ma = answer->amps[at] * 1000;
            if (!(ma >= 0 && ma <= (double)c->max_ma)) { return "a current is beyond the rating"; }
            if (p->lawful && ma > 0 && ma < (double)c->min_ma) { return "below the minimum"; }
            wh += answer->amps[at] * c->w_per_a * hours;
        }
        if (wh > c->energy_wh * (1 + 1e-12) + 1e-9) { return "more energy than needed"; }
        if (fabs(wh - answer->energy_wh[i]) > 1e-9 * (1 + wh)) { return "energy misstated"; }
    }
    return NULL;
}

/* Return the first promise that the answer breaks, or NULL. */
static const char *broken_promise(const struct pl_problem *p, const struct plan_answer *answer)
{
    const char *words = broken_charger(p, answer);
    if (words == NULL) { words = broken_limit(p, answer->amps); }
    if (words != NULL) { return words; }
    double real = cost(p, answer->amps), size = cost_size(p);
    if (!(fabs(real - answer->sums.objective) <= 1e-9 * size)) { return "cost misstated"; }
    if (!(answer->sums.lower_bound <= real + 1e-6 * size)) { return "bound above the cost"; }
    if (!(answer->sums.gap >= 0)) { return "no gap"; }
    return NULL;
}

/// Solving ///

/* Solve in a block of exactly the size asked for, full of rubbish; -1 if it is refused. */
static int solve_case(struct plan_case *c, int32_t iterations, struct plan_answer *answer)
{
    int64_t bytes = pl_bytes(&c->problem);
    if (bytes < 0) { return (int)bytes; }
    char *block = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
    if (block == NULL) { abort(); }
    memset(block, 0xA5, (size_t)bytes);
    int result = pl_begin(&c->problem, block, bytes);
    if (result == PL_OK) { result = pl_run(block, iterations, 1e-4); }
    if (result == PL_OK) {
        result = pl_finish(block, answer->amps, answer->energy_wh, &answer->sums);
    }
    free(block);
    return result;
}

#endif
