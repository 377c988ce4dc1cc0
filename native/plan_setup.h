/* plan_setup.h -- from the problem to lines and cars: check, find what can bind, scale,
 * step sizes. Part of plan.c.
 */
#ifndef DEPOT_PLAN_SETUP_H
#define DEPOT_PLAN_SETUP_H

#include "plan_state.h"

/// Checking ///

static bool finite_within(double value, double least, double most)
{
    return value >= least && value <= most;   /* false for NaN */
}

static int check_nodes(const struct pl_problem *p)
{
    for (int32_t n = 0; n < p->node_count; n++) {
        const struct pl_node *node = &p->nodes[n];
        if ((n == 0) != (node->parent == -1) || node->parent >= n || node->parent < -1) {
            return PL_E_ORDER;
        }
        if (node->limit_ma_at < -1 || node->limit_w_at < -1
            || (node->limit_ma_step != 0 && node->limit_ma_step != 3)
            || (node->limit_w_step != 0 && node->limit_w_step != 1)) {
            return PL_E_RANGE;
        }
    }
    return PL_OK;
}

static int check_chargers(const struct pl_problem *p)
{
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        if (c->node < 0 || c->node >= p->node_count) { return PL_E_ORDER; }
        if (c->phases == 0 || c->phases > 7) { return PL_E_PHASES; }
        if (c->from_slot < 0 || c->to_slot < c->from_slot || c->to_slot > p->slots) {
            return PL_E_WINDOW;
        }
        if (c->min_ma < 0 || c->max_ma < 0 || c->max_ma > 1000000000
            || (c->max_ma != 0 && c->min_ma > c->max_ma)
            || !finite_within(c->w_per_a, 1e-3, 1e6)
            || !finite_within(c->energy_wh, 0, 1e12)
            || !finite_within(c->unmet_per_kwh, 0, 1e9)) {
            return PL_E_RANGE;
        }
    }
    return PL_OK;
}

static int check(const struct pl_problem *p)
{
    if (p->slots < 1 || p->slots > PL_SLOTS_MAX || p->node_count < 1
        || p->node_count > PL_NODES_MAX || p->charger_count < 0
        || p->charger_count > PL_CHARGERS_MAX) {
        return PL_E_COUNT;
    }
    if (p->slot_s < 1 || p->slot_s > 86400 || !finite_within(p->demand_per_kw, 0, 1e9)
        || !finite_within(p->already_kw, 0, 1e9)
        || !finite_within(p->earliness_per_kwh_h, -1e6, 1e6)) {
        return PL_E_RANGE;
    }
    for (int32_t t = 0; t < p->slots; t++) {
        if (!finite_within(p->price_per_kwh[t], -1e9, 1e9)
            || !finite_within(p->base_w[t], -1e12, 1e12)) {
            return PL_E_RANGE;
        }
        if (p->own_w != NULL && (!finite_within(p->own_w[t], 0, 1e12)
            || !finite_within(p->own_per_kwh[t], -1e9, p->price_per_kwh[t]))) {
            return PL_E_RANGE;
        }
    }
    int result = check_nodes(p);
    return result != PL_OK ? result : check_chargers(p);
}

/// Sizes ///

static bool line_to_line(uint32_t phases)
{
    return phases == 3 || phases == 5 || phases == 6;
}

static bool wants(const struct pl_charger *c)
{
    return c->max_ma > 0 && c->energy_wh > 0 && c->to_slot > c->from_slot;
}

/* Whether line-to-line loads must be told apart anywhere. */
static bool tells_apart(const struct pl_problem *p)
{
    bool phasor = false, across = false;
    for (int32_t n = 0; n < p->node_count; n++) { phasor |= p->nodes[n].phasor != 0; }
    for (int32_t i = 0; i < p->charger_count; i++) {
        across |= line_to_line(p->chargers[i].phases);
    }
    return phasor && across;
}

/* What the site has of its own in a slot, kW; in single precision, so that 0 is 0. */
static float own_kw(const struct pl_problem *p, int32_t t)
{
    return p->own_w != NULL ? (float)(p->own_w[t] / 1000) : 0;
}

static bool has_own(const struct pl_problem *p)
{
    bool own = false;
    for (int32_t t = 0; t < p->slots; t++) { own |= own_kw(p, t) > 0; }
    return own;
}

static struct sizes sizes_of(const struct pl_problem *p)
{
    int64_t soft = has_own(p) ? 1 : 0;
    struct sizes z = { .slots = p->slots, .lines = 1 + soft, .rows = 1 + soft, .duals = 1 + soft,
                       .nodes = p->node_count, .lawful = p->lawful != 0 };
    bool apart = tells_apart(p);
    for (int32_t n = 0; n < p->node_count; n++) {
        const struct pl_node *node = &p->nodes[n];
        int64_t phases = node->limit_ma_at >= 0 ? 3 : 0;
        int64_t power = node->limit_w_at >= 0 ? 1 : 0;
        if (node->phasor == PL_DELTA_WYE) {
            z.lines += phases + power;
            z.rows += phases * SIDES + power;
            z.duals += phases * 2 + power;
            continue;
        }
        z.lines += phases + power;
        z.rows += phases * (apart ? 3 : 1) + power;
        z.duals += phases * (apart && node->phasor ? 2 : 1) + power;
    }
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        if (wants(c)) {
            z.cars++;
            z.moments += c->to_slot - c->from_slot;
        }
    }
    return z;
}

/// Lines ///

static double limit_of(const struct pl_problem *p, const struct pl_node *node, int32_t kind,
                       int32_t t)
{
    const int64_t *triple = p->limits_ma + node->limit_ma_at + (int64_t)node->limit_ma_step * t;
    int64_t raw = kind == POWER ? p->limits_w[node->limit_w_at + (int64_t)node->limit_w_step * t]
                : kind < POWER ? triple[kind] : triple[0];
    for (int32_t k = 1; kind >= FEED && k < 3; k++) { raw = triple[k] < raw ? triple[k] : raw; }
    if (raw >= PL_NO_LIMIT) { return NO_CAP; }
    return raw < 0 ? 0 : (double)raw / 1000;   /* A, kW */
}

/* The line of what the site has of its own, where it has any; returns the one below which all
 * power is. */
static int32_t make_own_line(struct state *s)
{
    const struct pl_problem *p = s->problem;
    s->own = -1;
    if (!has_own(p)) { return 0; }
    s->own = s->line_count++;
    s->lines[s->own] = (struct line){ .parent = 0, .node = OWN, .kind = POWER };
    float *cap = row_of(s->cap, s, s->own);
    for (int32_t t = 0; t < s->stride; t++) {
        float own = t < s->slots ? own_kw(p, t) : 0;
        cap[t] = own > 0 ? own : NO_CAP;
    }
    return s->own;
}

/* One line per node and kind that has a limit; below each node, remember the nearest. */
static void make_lines(struct state *s)
{
    const struct pl_problem *p = s->problem;
    s->lines[0] = (struct line){ .parent = -1, .node = -1, .kind = POWER };
    s->line_count = 1;
    int32_t top = make_own_line(s);
    for (int32_t k = 0; k < KINDS; k++) {
        int32_t kind = k < FEED ? (k + POWER) % FEED : k;
        int32_t *near = s->near + (ptrdiff_t)kind * p->node_count;
        for (int32_t n = 0; n < p->node_count; n++) {
            const struct pl_node *node = &p->nodes[n];
            int32_t above = n == 0 ? (kind == POWER ? top : -1) : near[node->parent];
            int64_t limits = kind == POWER ? node->limit_w_at : node->limit_ma_at;
            bool feeds = node->phasor == PL_DELTA_WYE;
            near[n] = above;
            if (limits < 0 || (kind != POWER && feeds != (kind >= FEED))) { continue; }
            near[n] = s->line_count;
            float *cap = row_of(s->cap, s, s->line_count);
            s->lines[s->line_count++] = (struct line){
                .parent = above, .node = n, .kind = kind, .phasor = node->phasor != 0 };
            for (int32_t t = 0; t < s->slots; t++) { cap[t] = (float)limit_of(p, node, kind, t); }
            for (int32_t t = s->slots; t < s->stride; t++) { cap[t] = NO_CAP; }
        }
    }
}

static void make_cars(struct state *s)
{
    const struct pl_problem *p = s->problem;
    int64_t at = 0;
    s->car_count = 0;
    for (int32_t i = 0; i < p->charger_count; i++) {
        const struct pl_charger *c = &p->chargers[i];
        s->constant += c->energy_wh / 1000 * c->unmet_per_kwh;
        if (!wants(c)) { continue; }
        struct car *car = &s->cars[s->car_count++];
        *car = (struct car){
            .charger = i, .from = c->from_slot, .len = c->to_slot - c->from_slot, .at = at,
            .amp = (float)(1000 / c->w_per_a),
            .top = (float)((double)c->max_ma * c->w_per_a / 1e6),
            .need = (float)(c->energy_wh / 1000 / s->hours),
            .worth = (float)(c->unmet_per_kwh * s->hours),
            .exact_need = c->energy_wh / 1000 / s->hours,
            .exact_worth = c->unmet_per_kwh * s->hours,
        };
        at += car->len;
    }
    s->moments = at;
    assert(s->car_count == s->most.cars && s->moments == s->most.moments);
}

/* What one ampere puts on the line that feeds the windings of phase k and of the one before it. */
static float feed_factor(uint32_t phases, int32_t k)
{
    uint32_t ends = 1U << k | 1U << (k + 2) % 3;
    if (phases == 7) { return 1; }
    if (line_to_line(phases)) { return phases == ends ? 1.1547005F : 0.5773503F; }
    return (phases & ends) != 0 ? 0.5773503F : 0;
}

/* The direction in which it does, to either side of the load between the two. */
static int32_t feed_side(uint32_t phases, int32_t k)
{
    uint32_t own = 1U << k, before = 1U << (k + 2) % 3;
    if (phases == 7 || phases == (own | before)) { return PLAIN; }
    if (line_to_line(phases)) { return (phases & own) != 0 ? WIDE_A : WIDE_C; }
    return phases == own ? SIDE_A : SIDE_C;
}

/* Point each car at the nearest lines above it. */
static void tap_lines(struct state *s)
{
    const struct pl_problem *p = s->problem;
    for (int32_t i = 0; i < s->car_count; i++) {
        struct car *car = &s->cars[i];
        const struct pl_charger *c = &p->chargers[car->charger];
        car->taps = 1;
        car->unit[0] = 1;
        car->line[0] = s->near[(ptrdiff_t)POWER * p->node_count + c->node];
        for (int32_t k = 0; k < KINDS; k++) {
            if (k == POWER) { continue; }
            int32_t line = s->near[(ptrdiff_t)k * p->node_count + c->node];
            float factor = k < FEED ? (float)(c->phases >> k & 1) : feed_factor(c->phases, k - FEED);
            if (factor <= 0 || line < 0) { continue; }
            car->line[car->taps] = line;
            car->unit[car->taps++] = car->amp * factor;
        }
    }
}

/* The side of conductor k on which a line-to-line load ends: L1 has [1,2] and [1,3],
 * and so on. */
static int32_t side_of(uint32_t phases, int32_t kind)
{
    if (!line_to_line(phases)) { return PLAIN; }
    uint32_t other = phases & ~(1U << kind);
    return other == 1U << (kind + 1) % 3 ? SIDE_A : SIDE_C;
}

/* Give every line its rows, and every car the rows that it loads. */
static void give_rows(struct state *s)
{
    const struct pl_problem *p = s->problem;
    for (int32_t i = 0; i < s->line_count; i++) { s->lines[i].rows = 0; }
    for (int32_t i = 0; i < s->car_count; i++) {      /* 1: has line-to-line loads below */
        const struct car *car = &s->cars[i];
        bool across = line_to_line(p->chargers[car->charger].phases);
        for (int32_t k = 1; k < car->taps; k++) {
            bool feed = s->lines[car->line[k]].kind >= FEED;
            if (across || feed) { s->lines[car->line[k]].rows = 1; }
        }
    }
    for (int32_t i = s->line_count - 1; i > 0; i--) {
        struct line *line = &s->lines[i];
        if (line->parent >= 0) { s->lines[line->parent].rows |= line->rows; }
    }
    s->row_count = 0;
    s->dual_count = 0;
    for (int32_t i = 0; i < s->line_count; i++) {
        struct line *line = &s->lines[i];
        const struct line *up = line->parent >= 0 ? &s->lines[line->parent] : NULL;
        bool across = line->rows != 0 && line->kind != POWER;
        line->phasor = line->phasor && across;
        s->feeds |= line->phasor && line->kind >= FEED;
        line->rows = across && (line->phasor || (up && up->rows == 3)) ? 3 : 1;
        if (line->phasor && line->kind >= FEED) { line->rows = SIDES; }
        line->depth = up ? up->depth + 1 : 0;
        line->row = s->row_count;
        line->dual = s->dual_count;
        s->row_count += line->rows;
        s->dual_count += line->phasor ? 2 : 1;
    }
    assert(s->line_count <= s->most.lines);
    assert(s->row_count <= s->most.rows && s->dual_count <= s->most.duals);
    for (int32_t i = 0; i < s->car_count; i++) {
        struct car *car = &s->cars[i];
        uint32_t phases = p->chargers[car->charger].phases;
        for (int32_t k = 0; k < car->taps; k++) {
            const struct line *line = &s->lines[car->line[k]];
            int32_t side = line->rows == SIDES ? feed_side(phases, line->kind - FEED)
                         : line->rows == 3 ? side_of(phases, line->kind) : PLAIN;
            car->row[k] = line->row + side;
        }
    }
}

/* Put into flow the most that could ever flow, by rating and by the limits further
 * down. */
static void find_reach(struct state *s)
{
    memset(s->flow, 0, sizeof(float) * (size_t)s->row_count * (size_t)s->stride);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        for (int32_t k = 0; k < car->taps; k++) {
            float *flow = row_of(s->flow, s, s->lines[car->line[k]].row) + car->from;
            float load = car->top * car->unit[k];
            for (int32_t t = 0; t < car->len; t++) { flow[t] += load; }
        }
    }
    for (int32_t i = s->line_count - 1; i > 0; i--) {
        const struct line *line = &s->lines[i];
        if (line->parent < 0) { continue; }
        const float *cap = row_of(s->cap, s, i);
        const float *from = row_of(s->flow, s, line->row);
        float *into = row_of(s->flow, s, s->lines[line->parent].row);
        /* magnitudes exceed phasors by 2/sqrt(3), those of a feed by 2 */
        float slack = line->rows == SIDES ? 2.0F : line->phasor ? 1.16F : 1.0F;
        for (int32_t t = 0; t < s->stride; t++) {
            into[t] += i == s->own ? from[t] : fminf(from[t], cap[t] * slack);
        }
    }
}

/* Drop the lines that no plan can fill.  find_reach() has been called. */
static void drop_idle_lines(struct state *s)
{
    int32_t kept = 1;
    s->moved[0] = 0;
    for (int32_t i = 1; i < s->line_count; i++) {
        struct line line = s->lines[i];
        const float *cap = row_of(s->cap, s, i);
        const float *flow = row_of(s->flow, s, line.row);
        int32_t up = line.parent < 0 ? -1 : s->moved[line.parent];
        bool live = false;
        for (int32_t t = 0; t < s->slots; t++) { live |= flow[t] > cap[t]; }
        s->moved[i] = live ? kept : up;
        if (i == s->own && !live) { s->own = -1; }   /* it is never used up: line 1 stays line 1 else */
        if (!live) { continue; }
        line.parent = up;
        if (kept != i) {
            s->lines[kept] = line;
            memcpy(row_of(s->cap, s, kept), cap, sizeof(float) * (size_t)s->stride);
        }
        kept++;
    }
    for (int32_t i = 0; i < KINDS * s->problem->node_count; i++) {
        if (s->near[i] >= 0) { s->near[i] = s->moved[s->near[i]]; }
    }
    s->line_count = kept;
}

/// Costs and steps ///

/* The price of a kW in each slot, and what no plan can change. */
static void make_costs(struct state *s)
{
    const struct pl_problem *p = s->problem;
    float *cap = row_of(s->cap, s, 0);
    s->floor_kw = p->already_kw;
    for (int32_t t = 0; t < s->slots; t++) {
        double late = p->earliness_per_kwh_h * s->hours * t;
        bool own = own_kw(p, t) > 0;
        double price = own ? p->own_per_kwh[t] : p->price_per_kwh[t];
        s->money[t] = (float)((price + late) * s->hours);
        double more = own ? (p->price_per_kwh[t] - price) * s->hours : 0;
        s->dearer[t] = (float)(more * (1 - 2e-7));   /* a price of the bound: never above what is true */
        s->floor_kw = larger(s->floor_kw, p->base_w[t] / 1000);
    }
    s->demand = p->demand_per_kw;
    s->constant += s->demand * (s->floor_kw - p->already_kw);
    for (int32_t t = 0; t < s->stride; t++) {
        cap[t] = t < s->slots ? (float)(s->floor_kw - p->base_w[t] / 1000) : NO_CAP;
    }
}

/* Dual steps: a row's size over what all that is below puts on it, and 0 where it
 * cannot bind. With the primal steps below the operator's norm is 1, for any sizes:
 * Pock, Chambolle 2011. */
static void make_dual_steps(struct state *s)
{
    find_reach(s);
    s->rows_live = 0;
    for (int32_t i = 0; i < s->line_count; i++) {
        struct line *line = &s->lines[i];
        const float *cap = row_of(s->cap, s, i);
        const float *reach = row_of(s->flow, s, line->row);
        float *sigma = row_of(s->sigma, s, i);
        line->size = line->kind == POWER ? 1.0F : SIZE_A;
        for (int32_t t = 0; t < s->stride; t++) {
            bool live = reach[t] > cap[t] && (i > 0 || s->demand > 0);
            s->rows_live += live && i > 0;
            sigma[t] = live ? line->size : 0;
        }
    }
    memset(s->flow, 0, sizeof(float) * (size_t)s->row_count * (size_t)s->stride);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        for (int32_t k = 0; k < car->taps; k++) {
            float *flow = row_of(s->flow, s, s->lines[car->line[k]].row) + car->from;
            float load = car->top * car->unit[k];
            for (int32_t t = 0; t < car->len; t++) { flow[t] += load; }
        }
    }
    for (int32_t i = s->line_count - 1; i >= 0; i--) {
        const struct line *line = &s->lines[i];
        const float *cap = row_of(s->cap, s, i);
        float *flow = row_of(s->flow, s, line->row);
        float *sigma = row_of(s->sigma, s, i);
        float *into = line->parent < 0 ? NULL : row_of(s->flow, s, s->lines[line->parent].row);
        for (int32_t t = 0; t < s->stride; t++) {
            bool moves = sigma[t] > 0 && flow[t] > 0 && (cap[t] > 0 || i == 0);
            sigma[t] = moves ? STEP * sigma[t] / flow[t] : 0;
            if (into) { into[t] += flow[t]; }
        }
    }
}

/* Primal steps: a car's rating over the sizes of all live rows that it loads, at its
 * worst slot. */
static void make_primal_steps(struct state *s)
{
    for (int32_t i = 0; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        const float *sigma = row_of(s->sigma, s, i);
        float *sizes = row_of(s->price, s, line->row);
        const float *up = line->parent < 0 ? NULL
                        : row_of(s->price, s, s->lines[line->parent].row);
        float share = line->phasor ? 1.4F * line->size : line->size;  /* sqrt(3)/2 + 1/2 */
        for (int32_t t = 0; t < s->stride; t++) {
            sizes[t] = (up ? up[t] : 0) + (sigma[t] > 0 ? share : 0);
        }
    }
    for (int32_t i = 0; i < s->car_count; i++) {
        struct car *car = &s->cars[i];
        float most = 0;
        for (int32_t t = 0; t < car->len; t++) {
            float sum = 0;
            for (int32_t k = 0; k < car->taps; k++) {
                const float *sizes = row_of(s->price, s, s->lines[car->line[k]].row) + car->from;
                sum += sizes[t] * car->unit[k];
            }
            most = fmaxf(most, sum);
        }
        car->step = car->top * STEP / fmaxf(most, 0.1F);
    }
}

/* A first primal weight: how much prices differ, against how much loads can. */
static void guess_weight(struct state *s)
{
    double mean = 0, spread = 0;
    for (int32_t t = 0; t < s->slots; t++) { mean += (double)s->money[t]; }
    mean /= s->slots;
    for (int32_t t = 0; t < s->slots; t++) { spread += fabs((double)s->money[t] - mean); }
    spread = spread / s->slots + s->demand / s->slots;
    s->weight = 3 * fmax(spread, 1e-9);      /* 3: measured, and it matters little */
}

/* Where nothing may flow, a price that nobody pays stands from the start: it costs the
 * bound nothing. */
static void close_shut_lines(struct state *s)
{
    double high = 1;
    for (int32_t t = 0; t < s->slots; t++) { high = larger(high, fabs((double)s->money[t])); }
    for (int32_t i = 0; i < s->car_count; i++) { high = larger(high, (double)s->cars[i].worth); }
    float price = (float)(1e4 * high);
    for (int32_t i = 1; i < s->line_count; i++) {
        const float *cap = row_of(s->cap, s, i);
        float *y = row_of(s->y, s, s->lines[i].dual);
        for (int32_t t = 0; t < s->slots; t++) { y[t] = cap[t] > 0 ? 0 : price; }
    }
}

static void set_up(struct state *s)
{
    make_lines(s);
    make_cars(s);
    make_costs(s);
    tap_lines(s);
    give_rows(s);
    find_reach(s);
    drop_idle_lines(s);
    tap_lines(s);
    give_rows(s);
    make_dual_steps(s);
    make_primal_steps(s);
    guess_weight(s);
    close_shut_lines(s);
}

#endif
