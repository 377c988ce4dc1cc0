/* plan_step.h -- one iteration: prices down the tree, vehicles, flows up the tree,
 * prices moved. Part of plan.c.
 *
 * Restarted, reflected Halpern PDHG (Lu, Yang 2024, arXiv:2407.16144): with T the
 * primal-dual step, z <- h (2 T(z) - z) + (1 - h) z_start,  h = (k + 1) / (k + 2).  A
 * vehicle's own part of T is exact: the point of { 0 <= x <= top, sum x <= need } that
 * is nearest, with what is missing paid for, is one shift of the whole vector, clipped.
 *
 */
#ifndef DEPOT_PLAN_STEP_H
#define DEPOT_PLAN_STEP_H

#include "plan_state.h"

#define HALF_SQRT3 0.8660254F

/* What one iteration is done with. */
struct stride_of {
    float weight;          /* primal weight */
    float keep, back;      /* h and 1 - h */
    bool  note;            /* write T(z) to x_next, y_next, and measure the step */
};

/// Prices, from the root down ///

WIDE static void sum_prices(struct state *s, const float *y)
{
    ptrdiff_t n = s->stride;
    for (int32_t i = 0; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        float *restrict price = row_of(s->price, s, line->row);
        const float *own = y + line->dual * n;
        if (line->rows == 1) {
            const float *up = i == 0 ? s->money
                            : line->parent < 0 ? NULL
                            : row_of(s->price, s, s->lines[line->parent].row);
            if (up) {
                for (ptrdiff_t t = 0; t < n; t++) { price[t] = up[t] + own[t]; }
            } else {
                memcpy(price, own, sizeof(float) * (size_t)n);
            }
            continue;
        }
        const struct line *parent = line->parent < 0 ? NULL : &s->lines[line->parent];
        for (int32_t k = 0; k < line->rows; k++) {
            float *restrict out = price + k * n;
            if (parent) {
                memcpy(out, row_of(s->price, s, parent->row + (parent->rows > 1 ? k : 0)),
                       sizeof(float) * (size_t)n);
            } else {
                memset(out, 0, sizeof(float) * (size_t)n);
            }
            float along = line->phasor ? along_of(k) : 1.0F;
            float across = line->phasor ? across_of(k) : 0.0F;
            const float *own2 = line->phasor ? own + n : own;
            for (ptrdiff_t t = 0; t < n; t++) { out[t] += along * own[t] + across * own2[t]; }
        }
    }
}

/// Vehicles ///

/* The sum of clip(v + shift, 0, top), and how many are strictly inside.  v is padded
 * with very negative values to a multiple of LANES. */
static inline void sum_clipped(const float *restrict v, int32_t n, float shift, float top,
                               float *sum, float *inside)
{
    float part[LANES] = {0}, count[LANES] = {0};
    for (int32_t t = 0; t < n; t += LANES) {
        for (int32_t l = 0; l < LANES; l++) {
            float x = v[t + l] + shift;
            float clipped = x > 0 ? x : 0;
            clipped = clipped < top ? clipped : top;
            part[l] += clipped;
            count[l] += clipped == x ? 1.0F : 0.0F;
        }
    }
    for (int32_t l = LANES / 2; l > 0; l /= 2) {
        for (int32_t k = 0; k < l; k++) {
            part[k] += part[k + l];
            count[k] += count[k + l];
        }
    }
    *sum = part[0];
    *inside = count[0];
}

/* The shift at which, nobody being strictly inside, the first comes in and makes up for
 * `over`. */
static float next_corner(const float *v, int32_t n, float shift, float top, float over)
{
    float best = over > 0 ? 1e30F : -1e30F;
    for (int32_t t = 0; t < n; t++) {
        float x = v[t] + shift;
        if (over > 0 && x >= top) { best = fminf(best, v[t]); }
        if (over < 0 && x <= 0) { best = fmaxf(best, v[t]); }
    }
    return over > 0 ? top - best - fminf(over, top) : -best + fminf(-over, top);
}

/* The shift, at most `most`, at which the clipped sum is `need`: Newton's steps on a
 * monotone piecewise linear function, kept between the bounds seen so far. */
static inline float find_shift(const float *v, int32_t n, int32_t padded, float top, float need,
                               float most, float shift)
{
    float low = -INFINITY, high = INFINITY;
    if (shift > most) { shift = most; }
    for (int32_t pass = 0; pass < 30; pass++) {
        float sum, inside;
        sum_clipped(v, padded, shift, top, &sum, &inside);
        float over = sum - need;
        if (fabsf(over) <= 2e-6F * need) { break; }
        if (over < 0) {
            if (shift >= most) { break; }
            low = shift;
        } else {
            high = shift;
        }
        float next = inside > 0 ? shift - over / inside
                                : next_corner(v, n, shift, top, over);
        if (next > most) { next = most; }
        if (!(next > low && next < high)) {
            if (high >= INFINITY) { next = most; }
            else if (low <= -INFINITY) { next = shift - 2 * fabsf(shift) - top; }
            else { next = 0.5F * (low + high); }
            if (next <= low || next >= high) { break; }   /* no float in between */
        }
        shift = next;
    }
    return shift;
}

/* The price of a kW for this car, per slot of its window: energy, peak and every limit
 * above it. */
static inline void reduced_prices(const struct state *s, const struct car *car, float *restrict q)
{
    const float *p0 = row_of(s->price, s, car->row[0]) + car->from;
    const float *p1 = row_of(s->price, s, car->row[1]) + car->from;
    const float *p2 = row_of(s->price, s, car->row[2]) + car->from;
    const float *p3 = row_of(s->price, s, car->row[3]) + car->from;
    int32_t n = car->len;
    float amp = car->amp;
    if (s->feeds) {
        memcpy(q, p0, sizeof(float) * (size_t)n);
        for (int32_t k = 1; k < car->taps; k++) {
            const float *price = row_of(s->price, s, car->row[k]) + car->from;
            for (int32_t t = 0; t < n; t++) { q[t] += car->unit[k] * price[t]; }
        }
    } else if (car->taps == 4) {
        for (int32_t t = 0; t < n; t++) { q[t] = p0[t] + amp * (p1[t] + p2[t] + p3[t]); }
    } else if (car->taps == 3) {
        for (int32_t t = 0; t < n; t++) { q[t] = p0[t] + amp * (p1[t] + p2[t]); }
    } else if (car->taps == 2) {
        for (int32_t t = 0; t < n; t++) { q[t] = p0[t] + amp * p1[t]; }
    } else {
        memcpy(q, p0, sizeof(float) * (size_t)n);
    }
    if (s->round > 0) {
        const float *bias = s->bias + car->at;
        for (int32_t t = 0; t < n; t++) { q[t] += bias[t]; }
    }
}

static inline void load_rows(struct state *s, const struct car *car, const float *restrict x)
{
    int32_t n = car->len;
    float *restrict f0 = row_of(s->flow, s, car->row[0]) + car->from;
    for (int32_t t = 0; t < n; t++) { f0[t] += x[t]; }
    for (int32_t k = 1; k < car->taps; k++) {
        float *restrict f = row_of(s->flow, s, car->row[k]) + car->from;
        float unit = car->unit[k];
        for (int32_t t = 0; t < n; t++) { f[t] += unit * x[t]; }
    }
}

/* One step of every car; puts the reflected points 2 T(x) - x into the flows of the
 * cars' lines. Returns, when noting, the squared length of the step in the primal
 * metric. */
WIDE static double step_cars(struct state *s, struct stride_of how)
{
    float *restrict v = s->scratch;
    double moved = 0;
    memset(s->flow, 0, sizeof(float) * (size_t)s->row_count * (size_t)s->stride);
    for (int32_t i = 0; i < s->car_count; i++) {
        struct car *car = &s->cars[i];
        int32_t n = car->len, padded = (n + LANES - 1) / LANES * LANES;
        float *restrict x = s->x + car->at;
        const float *restrict start = s->x_start + car->at;
        float step = car->step / how.weight, top = car->top;
        reduced_prices(s, car, v);
        for (int32_t t = 0; t < n; t++) { v[t] = x[t] - step * v[t]; }
        for (int32_t t = n; t < padded; t++) { v[t] = -1e30F; }
        float shift = find_shift(v, n, padded, top, car->need, step * car->worth, car->shift);
        car->shift = shift;
        for (int32_t t = 0; t < n; t++) {
            float now = v[t] + shift;
            now = now > 0 ? now : 0;
            v[t] = now < top ? now : top;
        }
        if (how.note) {
            float *restrict next = s->x_next + car->at;
            double sum = 0;
            for (int32_t t = 0; t < n; t++) {
                float d = v[t] - x[t];
                sum += (double)(d * d);
                next[t] = v[t];
            }
            moved += sum / (double)car->step;
        }
        for (int32_t t = 0; t < n; t++) {
            float mirror = 2 * v[t] - x[t];
            v[t] = mirror;
            x[t] = how.keep * mirror + how.back * start[t];
        }
        load_rows(s, car, v);
    }
    return moved;
}

/// Flows, from the leaves up ///

WIDE static void gather_flows(struct state *s)
{
    ptrdiff_t n = s->stride;
    for (int32_t i = s->line_count - 1; i > 0; i--) {
        const struct line *line = &s->lines[i];
        if (line->parent < 0) { continue; }
        const struct line *parent = &s->lines[line->parent];
        for (int32_t k = 0; k < line->rows; k++) {
            const float *restrict from = row_of(s->flow, s, line->row + k);
            float *restrict into = row_of(s->flow, s, parent->row + (parent->rows > 1 ? k : 0));
            for (ptrdiff_t t = 0; t < n; t++) { into[t] += from[t]; }
        }
    }
}

/* The load of a line that tells loads apart, in one slot: along and across the conductor. */
static inline void phasor_load(const float *flow, ptrdiff_t n, int32_t rows, float *along,
                               float *across)
{
    *along = flow[0] + HALF_SQRT3 * (flow[n] + flow[2 * n]);
    *across = 0.5F * (flow[n] - flow[2 * n]);
    if (rows == SIDES) {
        *along += 0.5F * (flow[3 * n] + flow[4 * n]);
        *across += HALF_SQRT3 * (flow[3 * n] - flow[4 * n]);
    }
}

/// Prices of the limits ///

/* Shrink pi to a sum of at most the demand charge, in the metric of sigma. */
static float cut_of(const float *pi, const float *sigma, int32_t n, float most)
{
    float cut = 0;
    for (int32_t pass = 0; pass < 40; pass++) {     /* Newton from below on a convex function */
        float sum = 0, slope = 0;
        for (int32_t t = 0; t < n; t++) {
            float left = pi[t] - sigma[t] * cut;
            if (left > 0) { sum += left; slope += sigma[t]; }
        }
        if (sum <= most * (1 + 1e-6F) || slope <= 0) { break; }
        cut += (sum - most) / slope;
    }
    return cut;
}

static double step_peak(struct state *s, struct stride_of how)
{
    int32_t n = s->stride;
    float *restrict pi = s->scratch, *restrict y = s->y;
    const float *restrict flow = s->flow, *restrict cap = s->cap, *restrict sigma = s->sigma;
    double moved = 0;
    for (int32_t t = 0; t < n; t++) {
        pi[t] = sigma[t] > 0 ? y[t] + how.weight * sigma[t] * (flow[t] - cap[t]) : 0;
    }
    float cut = cut_of(pi, sigma, n, (float)s->demand);
    for (int32_t t = 0; t < n; t++) {
        float to = pi[t] - sigma[t] * cut;
        to = to > 0 ? to : 0;
        float d = to - y[t];
        if (how.note && sigma[t] > 0) { moved += (double)(d * d / sigma[t]); }
        if (how.note) { s->y_next[t] = to; }
        y[t] = how.keep * (2 * to - y[t]) + how.back * s->y_start[t];
    }
    return moved;
}

static double step_phasor(struct state *s, int32_t i, struct stride_of how)
{
    const struct line *line = &s->lines[i];
    ptrdiff_t n = s->stride, at = line->dual * n;
    float *y1 = s->y + at, *y2 = y1 + n;
    const float *start1 = s->y_start + at, *start2 = start1 + n;
    const float *cap = row_of(s->cap, s, i), *sigma = row_of(s->sigma, s, i);
    const float *flow = row_of(s->flow, s, line->row);
    double moved = 0;
    for (ptrdiff_t t = 0; t < n; t++) {
        float along, across, step = how.weight * sigma[t];
        phasor_load(flow + t, n, line->rows, &along, &across);
        float to1 = y1[t] + step * along, to2 = y2[t] + step * across;
        float size = sqrtf(to1 * to1 + to2 * to2), less = step > 0 ? step * cap[t] : 0;
        float part = step > 0 ? (size > less ? 1 - less / size : 0) : 1;
        to1 *= part;
        to2 *= part;
        float d1 = to1 - y1[t], d2 = to2 - y2[t];
        if (how.note && step > 0) { moved += (double)((d1 * d1 + d2 * d2) / sigma[t]); }
        if (how.note) { s->y_next[at + t] = to1; s->y_next[at + n + t] = to2; }
        y1[t] = how.keep * (2 * to1 - y1[t]) + how.back * start1[t];
        y2[t] = how.keep * (2 * to2 - y2[t]) + how.back * start2[t];
    }
    return moved;
}

/* What the site has of its own: beyond it a kW costs more, but never more than that. */
static double step_own(struct state *s, struct stride_of how)
{
    const struct line *line = &s->lines[s->own];
    const float *restrict cap = row_of(s->cap, s, s->own);
    const float *restrict sigma = row_of(s->sigma, s, s->own);
    const float *restrict flow = row_of(s->flow, s, line->row);
    const float *restrict start = row_of(s->y_start, s, line->dual);
    float *restrict y = row_of(s->y, s, line->dual);
    float *restrict next = row_of(s->y_next, s, line->dual);
    double moved = 0;
    for (int32_t t = 0; t < s->slots; t++) {
        float to = y[t] + how.weight * sigma[t] * (flow[t] - cap[t]);
        to = to > 0 ? to : 0;
        to = to < s->dearer[t] ? to : s->dearer[t];
        float d = to - y[t];
        if (how.note && sigma[t] > 0) { moved += (double)(d * d / sigma[t]); }
        if (how.note) { next[t] = to; }
        y[t] = how.keep * (2 * to - y[t]) + how.back * start[t];
    }
    return moved;
}

/* One step of all dual prices.  Returns, when noting, the squared length of the step. */
WIDE static double step_prices(struct state *s, struct stride_of how)
{
    ptrdiff_t n = s->stride;
    double moved = step_peak(s, how);
    for (int32_t i = 1; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        if (i == s->own || line->phasor) {
            moved += i == s->own ? step_own(s, how) : step_phasor(s, i, how);
            continue;
        }
        const float *restrict cap = row_of(s->cap, s, i);
        const float *restrict sigma = row_of(s->sigma, s, i);
        const float *restrict start = row_of(s->y_start, s, line->dual);
        float *restrict y = row_of(s->y, s, line->dual);
        float *restrict flow = row_of(s->flow, s, line->row);
        if (line->rows == 3) {
            for (ptrdiff_t t = 0; t < n; t++) { flow[t] += flow[n + t] + flow[2 * n + t]; }
        }
        if (how.note) {
            float *restrict next = row_of(s->y_next, s, line->dual);
            double sum = 0;
            for (ptrdiff_t t = 0; t < n; t++) {
                float to = y[t] + how.weight * sigma[t] * (flow[t] - cap[t]);
                to = to > 0 ? to : 0;
                float d = to - y[t];
                sum += sigma[t] > 0 ? (double)(d * d / sigma[t]) : 0;
                next[t] = to;
                y[t] = how.keep * (2 * to - y[t]) + how.back * start[t];
            }
            moved += sum;
        } else {
            for (ptrdiff_t t = 0; t < n; t++) {
                float to = y[t] + how.weight * sigma[t] * (flow[t] - cap[t]);
                to = to > 0 ? to : 0;
                y[t] = how.keep * (2 * to - y[t]) + how.back * start[t];
            }
        }
    }
    return moved;
}

#endif
