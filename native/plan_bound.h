/* plan_bound.h -- the certificate: what no plan can undercut, from the dual prices by
 * arithmetic. Part of plan.c.
 *
 * For any prices y >= 0 of the limits (that of the site's own power at most what a kW
 * beyond it costs more), and pi >= 0 of the peak with a sum of at most the demand
 * charge, every plan costs at least
 *
 *     constant - sum y cap - sum pi (floor - base)
 *              + sum over vehicles of  min { sum (q - worth) x : 0 <= x <= top, sum x <= need }
 *
 * with q the price of a kW in the slot, all limits on the way included.  The minimum is
 * a knapsack; by duality again it is at least  (m - worth) need - top sum max(0, m - q)
 * for any m <= worth. Nothing here relies on the iteration having converged.
 *
 * Rounding: sums are in double.  Single precision enters in q (a sum along the path to
 * the root) and in cap; both errors are bounded and taken off.
 */
#ifndef DEPOT_PLAN_BOUND_H
#define DEPOT_PLAN_BOUND_H

#include "plan_state.h"

#define ROUNDING 1.2e-7      /* twice the relative error of one operation in single precision */

/* sum max(0, most - q) over q, padded with very large values; and how many are below. */
static inline double sum_below(const float *restrict q, int32_t padded, float most, float *below)
{
    float part[LANES] = {0}, count[LANES] = {0};
    double sum = 0;
    for (int32_t t = 0; t < padded; t += LANES) {
        for (int32_t l = 0; l < LANES; l++) {
            float under = most - q[t + l];
            part[l] += under > 0 ? under : 0;
            count[l] += under > 0 ? 1.0F : 0.0F;
        }
    }
    *below = 0;
    for (int32_t l = 0; l < LANES; l++) {
        sum += (double)part[l];
        *below += count[l];
    }
    return sum;
}

/* The least of q that is at least `low`; `high` if none is below that. */
static inline float least_from(const float *restrict q, int32_t padded, float low, float high)
{
    float part[LANES];
    for (int32_t l = 0; l < LANES; l++) { part[l] = high; }
    for (int32_t t = 0; t < padded; t += LANES) {
        for (int32_t l = 0; l < LANES; l++) {
            float from = q[t + l] >= low ? q[t + l] : high;
            part[l] = from < part[l] ? from : part[l];
        }
    }
    for (int32_t l = 1; l < LANES; l++) { part[0] = part[l] < part[0] ? part[l] : part[0]; }
    return part[0];
}

/* The price, at most `high`, below which no more than `slots` of q lie: bisection, then
 * the next of q. */
static inline float threshold(const float *q, int32_t padded, float slots, float low, float high)
{
    float below;
    sum_below(q, padded, high, &below);
    if (below <= slots) { return high; }
    for (int32_t pass = 0; pass < 22; pass++) {
        float middle = 0.5F * (low + high);
        sum_below(q, padded, middle, &below);
        if (below > slots) { high = middle; } else { low = middle; }
    }
    return least_from(q, padded, low, high);
}

/* What the limits take off: the sum of price times limit over all lines. */
WIDE static double priced_limits(const struct state *s, const float *y)
{
    double total = 0, size = 0;
    ptrdiff_t n = s->stride;
    for (int32_t i = 0; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        const float *cap = row_of(s->cap, s, i);
        const float *own = y + line->dual * n;
        double sum = 0;
        for (int32_t t = 0; t < s->slots; t++) {
            double price = (double)own[t];
            if (line->phasor) { price = hypot(price, (double)own[n + t]) * (1 + 1e-12); }
            sum += price > 0 ? price * (double)cap[t] : 0;
        }
        total += sum;
        size += fabs(sum);
    }
    return total + size * ROUNDING;
}

WIDE static double vehicles_least(struct state *s)
{
    float *restrict q = s->scratch;
    double total = 0, cheapest = 0;
    for (int32_t t = 0; t < s->slots; t++) {
        cheapest = larger(cheapest, fabs((double)s->money[t]));
    }
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        int32_t n = car->len, padded = (n + LANES - 1) / LANES * LANES, depth = 0;
        for (int32_t k = 0; k < car->taps; k++) { depth += s->lines[car->line[k]].depth + 3; }
        reduced_prices(s, car, q);
        for (int32_t t = n; t < padded; t++) { q[t] = 1e30F; }
        float below, least = least_from(q, padded, -INFINITY, car->worth);
        float margin = threshold(q, padded, car->need / car->top, least, car->worth);
        /* Prices about the margin are sums of terms no larger than this.  With q off by
         * at most a hair, take m a hair below: then what is exactly below m is counted. */
        double hair = (fabs((double)margin) + 2 * cheapest) * depth * ROUNDING;
        if (s->feeds) { hair *= 4; }      /* their parts may cancel */
        double saved = sum_below(q, padded, margin, &below) * (double)car->top;
        double given = fmax(0, car->exact_worth - (double)margin + hair);
        total -= car->exact_need * given + saved * (1 + 8 * ROUNDING);
    }
    return total;
}

/* The lower bound of the prices in y_next, whose sums down the tree are in price. */
static double lower_bound(struct state *s)
{
    return s->constant - priced_limits(s, s->y_next) + vehicles_least(s);
}

/* Bring the peak prices to a sum that is surely at most the demand charge. */
static void settle_peak(struct state *s, float *y)
{
    double sum = 0;
    for (int32_t t = 0; t < s->slots; t++) { sum += (double)y[t]; }
    if (sum <= s->demand) { return; }
    float part = (float)(s->demand / sum * (1 - 1e-6));
    for (int32_t t = 0; t < s->slots; t++) { y[t] *= part; }
}

#endif
