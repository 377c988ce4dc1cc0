/* plan_even.h -- where not everybody can have enough, equals get equal parts of what
 * they need. Part of plan.c.
 *
 * To the linear programme it is all one who of several vehicles of the same unmet price
 * goes short. To their drivers it is not.  So energy moves, within a slot and so at no
 * cost, from a vehicle that has more of its need to one of the same price that has
 * less, as far as the limits of both allow.
 */
#ifndef DEPOT_PLAN_EVEN_H
#define DEPOT_PLAN_EVEN_H

#include "plan_lawful.h"

enum { EVEN_SWEEPS = 12 };
#define EVEN_WORK   10000000   /* pairs looked at, at most: some 0.1 s */
#define EVEN_ENOUGH 0.003F     /* of the need: a difference that is none */

/* Some vehicles give in a slot what others take: one to one, one three-phase vehicle to
 * three single-phase ones on L1, L2 and L3, or the other way round. */
struct swap {
    int32_t giver[3], taker[3];
    int32_t givers, takers;
    int32_t t;
};

static float *moment_of(const struct state *s, float *x, int32_t car, int32_t t)
{
    return x + s->cars[car].at + (t - s->cars[car].from);
}

/* What one of several vehicles moves, in kW, when all together move 1 kW: as its
 * amperes count. */
static float part_of(const struct state *s, const int32_t *cars, int32_t count, int32_t k)
{
    float sum = 0;
    for (int32_t i = 0; i < count; i++) { sum += 1 / s->cars[cars[i]].amp; }
    return 1 / s->cars[cars[k]].amp / sum;
}

/* The most that may move, kW: towards equal parts and never past them. */
static float most_of(const struct state *s, float *x, const struct swap *w)
{
    float most = NO_CAP;
    for (int32_t i = 0; i < w->givers; i++) {
        float part = part_of(s, w->giver, w->givers, i);
        float rate = part / s->cars[w->giver[i]].need;
        most = fminf(most, *moment_of(s, x, w->giver[i], w->t) / part);
        for (int32_t k = 0; k < w->takers; k++) {
            const struct car *taker = &s->cars[w->taker[k]];
            float own = part_of(s, w->taker, w->takers, k);
            float apart = s->given[w->giver[i]] - s->given[w->taker[k]];
            most = fminf(most, apart / (rate + own / taker->need));
            most = fminf(most, (taker->top - *moment_of(s, x, w->taker[k], w->t)) / own);
        }
    }
    return most;
}

/* Move h kW; negative takes it back. */
static void move(struct state *s, float *x, const struct swap *w, float h, bool give, bool take)
{
    for (int32_t i = 0; i < w->givers && give; i++) {
        const struct car *car = &s->cars[w->giver[i]];
        float part = h * part_of(s, w->giver, w->givers, i);
        float *own = moment_of(s, x, w->giver[i], w->t);
        set_slot(s, car, own - (w->t - car->from), w->t - car->from, fmaxf(0, *own - part));
        s->given[w->giver[i]] -= part / car->need;
    }
    for (int32_t k = 0; k < w->takers && take; k++) {
        const struct car *car = &s->cars[w->taker[k]];
        float part = h * part_of(s, w->taker, w->takers, k);
        float *own = moment_of(s, x, w->taker[k], w->t);
        set_slot(s, car, own - (w->t - car->from), w->t - car->from, *own + part);
        s->given[w->taker[k]] += part / car->need;
    }
}

/* Whether everybody would be at 0 or above the minimum after moving h. */
static bool stays_lawful(const struct state *s, float *x, const struct swap *w, float h)
{
    bool fine = true;
    for (int32_t i = 0; i < w->givers; i++) {
        const struct car *car = &s->cars[w->giver[i]];
        float left = *moment_of(s, x, w->giver[i], w->t) - h * part_of(s, w->giver, w->givers, i);
        fine &= left <= 1e-6F * car->top || left >= least_kw(s, car);
    }
    for (int32_t k = 0; k < w->takers; k++) {
        float has = *moment_of(s, x, w->taker[k], w->t) + h * part_of(s, w->taker, w->takers, k);
        fine &= has >= least_kw(s, &s->cars[w->taker[k]]);
    }
    return fine;
}

/* For a lawful plan: h if it is lawful, else all that the first giver has, if that
 * evens out. */
static float lawful_part(const struct state *s, float *x, const struct swap *w, float h)
{
    if (stays_lawful(s, x, w, h)) { return h; }
    float all = *moment_of(s, x, w->giver[0], w->t) / part_of(s, w->giver, w->givers, 0);
    for (int32_t k = 0; k < w->takers; k++) {
        const struct car *car = &s->cars[w->taker[k]];
        float part = all * part_of(s, w->taker, w->takers, k);
        float apart = s->given[w->giver[0]] - s->given[w->taker[k]];
        if (part / car->need > apart
            || *moment_of(s, x, w->taker[k], w->t) + part > car->top) { return 0; }
    }
    for (int32_t i = 1; i < w->givers; i++) {
        float part = all * part_of(s, w->giver, w->givers, i);
        if (part > *moment_of(s, x, w->giver[i], w->t)) { return 0; }
    }
    return stays_lawful(s, x, w, all) ? all : 0;
}

/* Do a swap as far as the limits let it; returns whether anything moved. */
static bool try_swap(struct state *s, float *x, const struct swap *w, bool lawful)
{
    const struct car *first = &s->cars[w->taker[0]];
    float h = most_of(s, x, w);
    if (lawful) { h = lawful_part(s, x, w, h); }
    if (h <= 1e-5F * first->top) { return false; }
    float before = NO_CAP, after = NO_CAP;
    for (int32_t k = 0; k < w->takers; k++) {
        float part = part_of(s, w->taker, w->takers, k);
        before = fminf(before, room_at(s, &s->cars[w->taker[k]], w->t) / part);
    }
    move(s, x, w, h, true, false);
    for (int32_t k = 0; k < w->takers; k++) {
        float part = part_of(s, w->taker, w->takers, k);
        after = fminf(after, room_at(s, &s->cars[w->taker[k]], w->t) / part);
    }
    if (after < h && after >= h * 0.9999F) {
        h = after;                        /* only the rounding of the flows is in the way */
    } else if (after < h) {
        /* Less moved makes less room, at least in proportion: room is concave. */
        float share = (after - before) / h;
        float less = lawful || share >= 1 ? 0 : fmaxf(0, before / (1 - share));
        move(s, x, w, less - h, true, false);
        h = less;
    }
    if (h <= 0) { return false; }
    move(s, x, w, h, false, true);
    return true;
}

/* Whether a car may give to, or take from, one with this unmet price in slot t. */
static bool equal_there(const struct state *s, int32_t car, double worth, int32_t t)
{
    const struct car *c = &s->cars[car];
    return t >= c->from && t < c->from + c->len && !(c->exact_worth < worth)
        && !(c->exact_worth > worth);
}

/* The single-phase vehicle on a phase that has least of its need, or most; -1 if there
 * is none. */
static int32_t single_on(const struct state *s, float *x, uint32_t phase, const struct car *like,
                         int32_t t, bool giver)
{
    int32_t best = -1;
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        if (s->problem->chargers[car->charger].phases != phase
            || !equal_there(s, i, like->exact_worth, t)) { continue; }
        float has = *moment_of(s, x, i, t);
        if (giver ? has <= 0 : has >= car->top) { continue; }
        bool better = best < 0 || (giver ? s->given[i] > s->given[best]
                                         : s->given[i] < s->given[best]);
        best = better ? i : best;
    }
    return best;
}

/* Find singles on the other phases, so that they are a match for one three-phase
 * vehicle. */
static bool find_singles(const struct state *s, float *x, int32_t *cars, uint32_t but,
                         const struct car *like, int32_t t, bool giver)
{
    int32_t count = but != 0 ? 1 : 0;
    for (uint32_t phase = 1; phase <= 4; phase *= 2) {
        if (phase == but) { continue; }
        cars[count] = single_on(s, x, phase, like, t, giver);
        if (cars[count++] < 0) { return false; }
    }
    return true;
}

/* Move what can be moved to car ia in slot t. */
static bool even_slot(struct state *s, float *x, int32_t ia, int32_t t, bool lawful)
{
    const struct car *a = &s->cars[ia];
    uint32_t phases = s->problem->chargers[a->charger].phases;
    bool single = phases == 1 || phases == 2 || phases == 4, moved = false;
    for (int32_t ib = 0; ib < s->car_count; ib++) {
        if (s->given[ib] - s->given[ia] < EVEN_ENOUGH || !equal_there(s, ib, a->exact_worth, t)
            || *moment_of(s, x, ib, t) <= 0) { continue; }
        struct swap w = { .giver = { ib }, .taker = { ia }, .givers = 1, .takers = 1, .t = t };
        uint32_t other = s->problem->chargers[s->cars[ib].charger].phases;
        if (single && other == 7) {
            if (!find_singles(s, x, w.taker, phases, a, t, false)) { continue; }
            w.takers = 3;
        }
        moved |= try_swap(s, x, &w, lawful);
    }
    if (phases == 7) {
        struct swap w = { .taker = { ia }, .takers = 1, .givers = 3, .t = t };
        if (find_singles(s, x, w.giver, 0, a, t, true)) { moved |= try_swap(s, x, &w, lawful); }
    }
    return moved;
}

static void share_evenly(struct state *s, float *x, bool lawful)
{
    int64_t work = EVEN_WORK;
    bool moved = true;
    flow_of(s, x);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        s->given[i] = 1 - lacks_of(car, x + car->at) / car->need;
    }
    for (int32_t sweep = 0; sweep < EVEN_SWEEPS && moved; sweep++) {
        moved = false;
        for (int32_t i = 0; i < s->car_count; i++) {
            const struct car *car = &s->cars[i];
            if (s->given[i] > 1 - EVEN_ENOUGH) { continue; }
            for (int32_t t = car->from; t < car->from + car->len && work > 0; t++) {
                moved |= even_slot(s, x, i, t, lawful);
                work -= s->car_count;
            }
        }
    }
}

#endif
