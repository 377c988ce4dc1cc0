/* plan_repair.h -- from an iterate to a plan that keeps every limit, and what that plan
 * costs. Part of plan.c.
 *
 * 1. Shrink: in each slot, every line that carries too much scales all that is below
 * it. 2. Refill: vehicles that lost energy take the slots of least reduced price that
 * still have room.
 */
#ifndef DEPOT_PLAN_REPAIR_H
#define DEPOT_PLAN_REPAIR_H

#include "plan_bound.h"
#include "plan_step.h"

#define INSIDE 0.9999995F     /* of a limit: single precision never counts on the last bits */

/* Put the flows of x into flow. */
static void flow_of(struct state *s, const float *x)
{
    memset(s->flow, 0, sizeof(float) * (size_t)s->row_count * (size_t)s->stride);
    for (int32_t i = 0; i < s->car_count; i++) { load_rows(s, &s->cars[i], x + s->cars[i].at); }
    gather_flows(s);
}

/* The load that counts against the limit of a line, in one slot. */
static inline float load_at(const struct state *s, const struct line *line, int32_t t)
{
    const float *flow = row_of(s->flow, s, line->row) + t;
    ptrdiff_t n = s->stride;
    if (line->rows == 1) { return flow[0]; }
    if (!line->phasor) { return flow[0] + flow[n] + flow[2 * n]; }
    float along, across;
    phasor_load(flow, n, line->rows, &along, &across);
    return sqrtf(along * along + across * across);
}

/* Put into the first price row of every line by what all below it must be scaled. */
WIDE static void find_shares(struct state *s, float peak)
{
    for (int32_t i = 0; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        const float *restrict cap = row_of(s->cap, s, i);
        const float *restrict flow = row_of(s->flow, s, line->row);
        const float *restrict up = line->parent < 0 ? NULL
                                 : row_of(s->price, s, s->lines[line->parent].row);
        float *restrict share = row_of(s->price, s, line->row);
        for (int32_t t = 0; t < s->stride; t++) {
            float load = line->rows == 1 ? flow[t] : load_at(s, line, t);
            float most = i == 0 ? cap[t] + peak : i == s->own ? NO_CAP : cap[t] * INSIDE;
            float own = load > most ? most / load : 1.0F;
            share[t] = up && up[t] < own ? up[t] : own;
        }
    }
}

/* Scale x into all limits and below `peak` kW above the floor.  Its flows are in flow. */
WIDE static void shrink(struct state *s, float *x, float peak)
{
    find_shares(s, peak);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        float *restrict own = x + car->at;
        float *restrict least = s->scratch;
        int32_t n = car->len;
        for (int32_t t = 0; t < n; t++) { least[t] = 1; }
        for (int32_t k = 0; k < car->taps; k++) {
            const float *restrict share = row_of(s->price, s, s->lines[car->line[k]].row) + car->from;
            for (int32_t t = 0; t < n; t++) { least[t] = share[t] < least[t] ? share[t] : least[t]; }
        }
        for (int32_t t = 0; t < n; t++) { own[t] *= least[t]; }
    }
}

/* How much more a line that tells line-to-line loads apart takes on one side, A: the
 * root of a quadratic, by along^2 + across^2 = cap^2. */
static inline float phasor_room(const struct state *s, const struct line *line, int32_t side,
                                int32_t t, float cap)
{
    const float *flow = row_of(s->flow, s, line->row) + t;
    ptrdiff_t n = s->stride;
    if (!line->phasor) { return cap - flow[0] - flow[n] - flow[2 * n]; }
    float along, across;
    phasor_load(flow, n, line->rows, &along, &across);
    float toward = along_of(side) * along + across_of(side) * across;
    float left = cap * cap - along * along - across * across;
    float root = toward * toward + left;
    return root > 0 ? sqrtf(root) - toward : -toward;
}

/* How much more a car may draw in each slot of its window for all lines above it, kW;
 * `peak` is how high the site may go. */
static inline void room_of(const struct state *s, const struct car *car, float peak,
                           const float *restrict own, float *restrict room)
{
    int32_t n = car->len;
    const float *restrict site = s->flow + car->from, *restrict spare = s->cap + car->from;
    for (int32_t t = 0; t < n; t++) {
        float left = car->top - own[t], below = spare[t] + peak - site[t];
        room[t] = below < left ? below : left;
    }
    for (int32_t k = 0; k < car->taps; k++) {
        float unit = 1 / car->unit[k];
        for (int32_t i = car->line[k]; i > 0; i = s->lines[i].parent) {
            if (i == s->own) { continue; }
            const struct line *line = &s->lines[i];
            const float *restrict cap = row_of(s->cap, s, i) + car->from;
            const float *restrict flow = row_of(s->flow, s, line->row) + car->from;
            if (line->rows == 1) {
                for (int32_t t = 0; t < n; t++) {
                    float left = (cap[t] * INSIDE - flow[t]) * unit;
                    room[t] = left < room[t] ? left : room[t];
                }
            } else {
                int32_t side = line->rows > 1 && s->lines[car->line[k]].rows > 1
                             ? car->row[k] - s->lines[car->line[k]].row : PLAIN;
                for (int32_t t = 0; t < n; t++) {
                    float left = phasor_room(s, line, side, car->from + t, cap[t] * INSIDE) * unit;
                    room[t] = left < room[t] ? left : room[t];
                }
            }
        }
    }
}

/* How much more a car may draw in one slot for all lines above it, kW; the peak is
 * not among them. */
static float room_at(const struct state *s, const struct car *car, int32_t t)
{
    float room = NO_CAP;
    for (int32_t k = 0; k < car->taps; k++) {
        float unit = 1 / car->unit[k];
        int32_t side = car->row[k] - s->lines[car->line[k]].row;
        for (int32_t i = car->line[k]; i > 0; i = s->lines[i].parent) {
            if (i == s->own) { continue; }
            const struct line *line = &s->lines[i];
            float cap = row_of(s->cap, s, i)[t] * INSIDE;
            float left = line->rows == 1
                       ? cap - row_of(s->flow, s, line->row)[t]
                       : phasor_room(s, line, side, t, cap);
            room = fminf(room, left * unit);
        }
    }
    return room;
}

/* Add h kW to a car's slot in all flows up to the root. */
static inline void add_load(struct state *s, const struct car *car, int32_t t, float h)
{
    for (int32_t k = 0; k < car->taps; k++) {
        float load = h * car->unit[k];
        int32_t side = car->row[k] - s->lines[car->line[k]].row;
        for (int32_t i = car->line[k]; i >= 0; i = s->lines[i].parent) {
            const struct line *line = &s->lines[i];
            row_of(s->flow, s, line->row + (line->rows > 1 ? side : 0))[car->from + t] += load;
        }
    }
}

/* Sort `order` by key, least first: Shell's sort, no worse than n^1.5 for up to 672
 * slots. */
static inline void sort_slots(int32_t *order, int32_t count, const float *key)
{
    static const int32_t gaps[] = { 301, 132, 57, 23, 10, 4, 1 };
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (int32_t i = gaps[g]; i < count; i++) {
            int32_t slot = order[i], j = i;
            for (; j >= gaps[g] && key[order[j - gaps[g]]] > key[slot]; j -= gaps[g]) {
                order[j] = order[j - gaps[g]];
            }
            order[j] = slot;
        }
    }
}

/* Give every vehicle what it still lacks where there is room below `peak` kW above the
 * floor. */
WIDE static void refill(struct state *s, float *x, float peak)
{
    float *q = s->scratch, *room = s->scratch + s->stride;
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        float *own = x + car->at;
        double has = 0;
        for (int32_t t = 0; t < car->len; t++) { has += (double)own[t]; }
        float lacks = (float)((double)car->need - has);
        if (lacks <= car->need * 1e-7F) { continue; }
        room_of(s, car, peak, own, room);
        reduced_prices(s, car, q);
        int32_t count = 0;
        for (int32_t t = 0; t < car->len; t++) {
            if (room[t] > 0 && q[t] < car->worth) { s->order[count++] = t; }
        }
        sort_slots(s->order, count, q);
        for (int32_t k = 0; k < count && lacks > 0; k++) {
            int32_t t = s->order[k];
            float h = room[t] < lacks ? room[t] : lacks;
            own[t] += h;
            lacks -= h;
            add_load(s, car, t, h);
        }
    }
}

/* What the flows cost more than if all were of the site's own. */
static double beyond_own(const struct state *s)
{
    double total = 0;
    if (s->own < 0) { return 0; }
    const float *cap = row_of(s->cap, s, s->own);
    for (int32_t t = 0; t < s->slots; t++) {
        double over = (double)s->flow[t] - (double)cap[t];
        total += over > 0 ? over * (double)s->dearer[t] : 0;
    }
    return total;
}

/* What x costs; its flows are in flow.  Also the peak above the floor. */
WIDE static double cost_of(const struct state *s, const float *x, double *peak)
{
    double total = s->constant, high = 0;
    const float *site = s->flow;
    for (int32_t t = 0; t < s->slots; t++) {
        total += (double)s->money[t] * (double)site[t];
        high = larger(high, (double)site[t] - (double)s->cap[t]);
    }
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        double has = 0;
        for (int32_t t = 0; t < car->len; t++) { has += (double)x[car->at + t]; }
        total -= fmin(has, car->exact_need) * car->exact_worth;
    }
    *peak = high;
    return total + s->demand * high + beyond_own(s);
}

static void keep_best(struct state *s, double cost, double peak)
{
    if (cost >= s->best) { return; }
    s->best = cost;
    s->best_peak = peak;
    memcpy(s->x_best, s->x_next, sizeof(float) * (size_t)s->moments);
}

/* The peak above the floor that the prices stand for: the mean of the slots that they single out.
 * The iterate's own highest slot may be a stray one.  Its flows are in flow. */
static float peak_aimed_at(const struct state *s)
{
    double sum = 0, weights = 0;
    if (s->demand <= 0) { return NO_CAP; }
    for (int32_t t = 0; t < s->slots; t++) {
        double price = (double)s->y_next[t];
        sum += price * ((double)s->flow[t] - (double)s->cap[t]);
        weights += price;
    }
    return weights > 0 ? (float)larger(0, sum / weights) : 0;
}

/* Make a plan of x_next; keep it if it is the best.  The prices of y_next are in
 * y_next. */
static void try_plan(struct state *s)
{
    double peak, cost;
    flow_of(s, s->x_next);
    float aim = peak_aimed_at(s);
    shrink(s, s->x_next, aim);
    flow_of(s, s->x_next);
    sum_prices(s, s->y_next);
    refill(s, s->x_next, aim);
    cost = cost_of(s, s->x_next, &peak);
    keep_best(s, cost, peak);
    if (s->demand <= 0 || s->moments == 0) { return; }
    refill(s, s->x_next, NO_CAP);        /* the same, free to raise the peak */
    cost = cost_of(s, s->x_next, &peak);
    keep_best(s, cost, peak);
}

#endif
