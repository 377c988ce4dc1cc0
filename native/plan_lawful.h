/* plan_lawful.h -- from a plan to one in which every slot is 0 or at least the charger's minimum.
 * Part of plan.c.
 *
 * A vertex of the linear programme would have few slots below the minimum, but the iteration ends
 * inside.  So the vehicles are set anew one after the other, each in the room that the others leave
 * it, in the slots of least reduced price, never below its minimum.  Others keep what they have, so
 * that a vehicle always finds the room of its own plan again.  Some sweeps with several caps on the
 * peak; the cheapest result counts.
 */
#ifndef DEPOT_PLAN_LAWFUL_H
#define DEPOT_PLAN_LAWFUL_H

#include "plan_repair.h"

enum { SWEEPS = 3 };

/* The least that a car may draw, kW; a hair more, so that a rounded ampere is still lawful. */
static float least_kw(const struct state *s, const struct car *car)
{
    const struct pl_charger *c = &s->problem->chargers[car->charger];
    double least = (double)c->min_ma * c->w_per_a / 1e6;
    return fminf((float)(least * (1 + 3e-7)), car->top);
}

static void unload(struct state *s, const struct car *car, float *own)
{
    for (int32_t t = 0; t < car->len; t++) {
        if (own[t] > 0) { add_load(s, car, t, -own[t]); }
        own[t] = 0;
    }
}

/* Take h kW off the slots that have been chosen, never below the minimum, the dearest first.
 * Returns what could not be taken. */
static float take_off(struct state *s, const struct car *car, float *own, int32_t chosen,
                      float least, float h)
{
    for (int32_t k = chosen - 1; k >= 0 && h > 0; k--) {
        int32_t t = s->order[k];
        float part = fminf(own[t] - least, h);
        if (part <= 0) { continue; }
        own[t] -= part;
        h -= part;
        add_load(s, car, t, -part);
    }
    return h;
}

/* Set one car anew in the room that the others leave. */
static void set_anew(struct state *s, const struct car *car, float *own, float peak)
{
    float *q = s->scratch, *room = q + s->stride, *was = room + s->stride;
    float least = least_kw(s, car), lacks = car->need, slack = 0;
    memcpy(was, own, sizeof(float) * (size_t)car->len);
    unload(s, car, own);
    room_of(s, car, peak, own, room);
    reduced_prices(s, car, q);
    int32_t count = 0, chosen = 0;
    for (int32_t t = 0; t < car->len; t++) {
        if (room[t] >= least && q[t] < car->worth) { s->order[count++] = t; }
    }
    sort_slots(s->order, count, q);
    for (; chosen < count && lacks > 0; chosen++) {
        int32_t t = s->order[chosen];
        float h = fminf(room[t], lacks);
        if (h < least) {
            if (slack < least - h) { break; }     /* not enough to lift the last slot: leave it */
            take_off(s, car, own, chosen, least, least - h);
            h = least;
            lacks = h;
        }
        own[t] = h;
        slack += h - least;
        lacks -= h;
        add_load(s, car, t, h);
    }
}

/* One plan with this cap on the peak, from the best relaxed plan. */
static double lawful_plan(struct state *s, float *x, float peak)
{
    double high;
    memcpy(x, s->x_best, sizeof(float) * (size_t)s->moments);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        float least = least_kw(s, car);
        for (int32_t t = 0; t < car->len; t++) {
            if (x[car->at + t] < least) { x[car->at + t] = 0; }
        }
    }
    flow_of(s, x);
    for (int32_t sweep = 0; sweep < SWEEPS; sweep++) {
        for (int32_t i = 0; i < s->car_count; i++) {
            set_anew(s, &s->cars[i], x + s->cars[i].at, peak);
        }
    }
    flow_of(s, x);
    return cost_of(s, x, &high);
}

#endif
