/* plan_follow.h -- a lawful plan that follows a relaxed one, slot by slot.  Part of
 * plan.c; plan_lawful.h includes it.
 *
 * The relaxed plan says how much the site takes in each slot, which decides energy
 * price and peak; who takes it within the slot costs nothing.  So each slot's power
 * goes to few vehicles that take at least their minimum: first to those that are
 * furthest behind the relaxed plan, whoever is already on a little before the others.
 * What is left goes to those that are on, who get ahead of it and are off again sooner.
 * What cannot be placed in one slot is carried into the next.
 *
 * The search of plan_lawful.h finds cheaper plans where much stands between 0 and the
 * minimum; this one does not miss a flat peak.
 */
#ifndef DEPOT_PLAN_FOLLOW_H
#define DEPOT_PLAN_FOLLOW_H

#define STAY 3.0F   /* who is on goes before others unless they are so many minimums further behind */

/* How much more a car may draw in slot t of its window, kW. */
static float room_now(const struct state *s, const struct car *car, const float *own, int32_t t,
                      float peak)
{
    int32_t at = car->from + t;
    float site = s->cap[at] + peak - s->flow[at];
    return fminf(fminf(room_at(s, car, at), site), car->top - own[t]);
}

/* Give car i more in the slot that is `at` on the horizon. */
static void give(struct state *s, float *x, int32_t i, int32_t at, float kw, float *budget)
{
    const struct car *car = &s->cars[i];
    float *own = x + car->at;
    set_slot(s, car, own, at - car->from, own[at - car->from] + kw);
    s->debt[i] -= kw;
    s->left[i] -= kw;
    *budget -= kw;
}

/* Put the cars of a slot into the queue, the furthest behind first, and what the relaxed plan
 * takes into the budget; returns how many. */
static int32_t line_up(struct state *s, const float *from, const float *x, int32_t at, float *budget)
{
    int32_t count = 0;
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        int32_t t = at - car->from;
        if (t < 0 || t >= car->len) { continue; }
        float is = from[car->at + t];
        s->debt[i] += is;
        *budget += is;
        bool on = t > 0 && x[car->at + t - 1] > 0;
        s->rank[i] = -s->debt[i] - (on ? STAY * least_kw(s, car) : 0);
        s->queue[count++] = i;
    }
    sort_slots(s->queue, count, s->rank);
    return count;
}

/* What a car is given when it goes on: what it is behind by, if that leaves no rest below its
 * minimum. */
static float first_kw(const struct state *s, int32_t i, float least, float room, float budget)
{
    float left = s->left[i], most = fminf(room, left);
    float kw = fminf(fmaxf(least, fminf(s->debt[i], budget)), most);
    if (left - kw >= least || left - kw <= 0) { return kw; }
    return most >= left ? left : fmaxf(least, left - least);
}

/* Share a slot among the cars in the queue. */
static void share_slot(struct state *s, float *x, int32_t at, int32_t count, float peak, float *budget)
{
    for (int32_t k = 0; k < count; k++) {
        int32_t i = s->queue[k];
        const struct car *car = &s->cars[i];
        float least = least_kw(s, car);
        if (s->left[i] < least || *budget < least / 2) { continue; }
        float room = room_now(s, car, x + car->at, at - car->from, peak);
        if (room >= least) { give(s, x, i, at, first_kw(s, i, least, room, *budget), budget); }
    }
    for (int32_t k = 0; k < count && *budget > 0; k++) {
        int32_t i = s->queue[k];
        const struct car *car = &s->cars[i];
        if (x[car->at + at - car->from] <= 0) { continue; }
        float room = room_now(s, car, x + car->at, at - car->from, peak);
        float more = fminf(fminf(room, s->left[i]), *budget);
        if (more > 0) { give(s, x, i, at, more, budget); }
    }
}

/* Make x a lawful plan that follows `from`; returns the cost. */
static double follow(struct state *s, const float *from, float *x, float peak)
{
    float budget = 0, most = 0;
    memset(x, 0, sizeof(float) * (size_t)s->moments);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        s->debt[i] = 0;
        s->left[i] = lacks_of(car, x + car->at);
        most = fmaxf(most, least_kw(s, car));
    }
    flow_of(s, x);
    for (int32_t at = 0; at < s->slots; at++) {
        int32_t count = line_up(s, from, x, at, &budget);
        share_slot(s, x, at, count, peak, &budget);
        budget = fmaxf(-most, fminf(budget, most));
    }
    return completed(s, x, peak);
}

#endif
