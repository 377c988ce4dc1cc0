/* plan_warm.h -- begin where an earlier solution of the same site ended.  Part of
 * plan.c.
 *
 * Plans, prices and the primal weight move along with time; slots that the old horizon
 * did not reach repeat its last one, vehicles that are new begin at nothing.
 */
#ifndef DEPOT_PLAN_WARM_H
#define DEPOT_PLAN_WARM_H

#include "plan_state.h"

static int32_t clamp_slot(int32_t t, int32_t slots)
{
    return t < 0 ? 0 : t < slots ? t : slots - 1;
}

static void warm_line(struct state *s, int32_t i, const struct state *old, int32_t j,
                      int32_t shift)
{
    const struct line *line = &s->lines[i], *was = &old->lines[j];
    const float *sigma = row_of(s->sigma, s, i);
    for (int32_t k = 0; k < (line->phasor && was->phasor ? 2 : 1); k++) {
        float *y = row_of(s->y, s, line->dual + k);
        const float *from = row_of(old->y_next, old, was->dual + k);
        for (int32_t t = 0; t < s->slots; t++) {
            if (sigma[t] > 0) { y[t] = from[clamp_slot(t + shift, old->slots)]; }
        }
    }
}

static void warm_own_line(struct state *s, const struct state *old, int32_t shift)
{
    if (s->own < 0 || old->own < 0) { return; }
    warm_line(s, s->own, old, old->own, shift);
    float *y = row_of(s->y, s, s->lines[s->own].dual);
    for (int32_t t = 0; t < s->slots; t++) { y[t] = fminf(y[t], s->dearer[t]); }
}

static void warm_lines(struct state *s, const struct state *old, int32_t shift,
                       const int32_t *node_was)
{
    int32_t j = 0;
    warm_line(s, 0, old, 0, shift);
    warm_own_line(s, old, shift);
    for (int32_t i = 1; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        if (i == s->own) { continue; }
        int32_t node = node_was[line->node];
        for (int32_t tried = 0; tried < old->line_count; tried++) {
            const struct line *was = &old->lines[j];
            if (j > 0 && was->node == node && was->kind == line->kind) {
                warm_line(s, i, old, j, shift);
                break;
            }
            j = j + 1 < old->line_count ? j + 1 : 0;
        }
    }
}

static void within_need(const struct car *car, float *own)
{
    double has = 0;
    for (int32_t t = 0; t < car->len; t++) { has += (double)own[t]; }
    float part = (float)(car->exact_need / has * (1 - 1e-7));
    for (int32_t t = 0; t < car->len && has > car->exact_need; t++) { own[t] *= part; }
}

static void warm_cars(struct state *s, const struct state *old, int32_t shift,
                      const int32_t *charger_was)
{
    int32_t j = 0;
    for (int32_t i = 0; i < s->car_count && old->car_count > 0; i++) {
        struct car *car = &s->cars[i];
        int32_t charger = charger_was[car->charger];
        for (int32_t tried = 0; tried < old->car_count; tried++) {
            const struct car *was = &old->cars[j];
            if (was->charger == charger) {
                for (int32_t t = 0; t < car->len; t++) {
                    int32_t then = car->from + t + shift - was->from;
                    bool there = then >= 0 && then < was->len;
                    s->x[car->at + t] = there ? fminf(old->x_best[was->at + then], car->top) : 0;
                }
                car->shift = was->shift;
                within_need(car, s->x + car->at);
                break;
            }
            j = j + 1 < old->car_count ? j + 1 : 0;
        }
    }
}

#endif
