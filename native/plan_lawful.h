/* plan_lawful.h -- the search for a plan in which every slot is 0 or at least the
 * charger's minimum. Part of plan.c.
 *
 * A vertex of the linear programme would have few slots below the minimum, but the
 * iteration ends inside the optimal face, where everybody charges a little all the
 * time.  So the search goes on iterating with a bias on the prices that makes small
 * currents dear: each round prices what is below the minimum in proportion to what it
 * lacks (a concave penalty, made linear where it is), and a vehicle's own slight
 * preference of slots decides who goes first among equals.  The iteration keeps limits
 * and peak in sight meanwhile.  After every round the plan is made lawful by moving
 * what little is left, and the cheapest plan counts; its bound is that of the problem
 * without the bias.
 */
#ifndef DEPOT_PLAN_LAWFUL_H
#define DEPOT_PLAN_LAWFUL_H

#include "plan_repair.h"

/* The bias, in bias_unit()s, growing by a tenth of it each round.  Measured over depots
 * of all kinds: 1 leaves three times the gap, 100 pushes vehicles out of slots that
 * they need. */
#define BIAS    10.0F
#define MORE    0.003         /* of the site's peak: what every other round may add to it */
#define WAVE    0.002F        /* the slight preference among slots */
#define FOLLOWED 4            /* rounds that also follow the relaxed plan, each below its own peak */
#define KEEP_ON 0.02F         /* a slot that is on already seems cheaper by this part: fewer switches */

/* The least that a car may draw, kW; a hair more, so that a rounded ampere is still
 * lawful. */
static float least_kw(const struct state *s, const struct car *car)
{
    const struct pl_charger *c = &s->problem->chargers[car->charger];
    double least = (double)c->min_ma * c->w_per_a / 1e6;
    return fminf((float)(least * (1 + 3e-7)), car->top);
}

/// Making a plan lawful ///

/* Set one slot of a car to kw. */
static void set_slot(struct state *s, const struct car *car, float *own, int32_t t, float kw)
{
    add_load(s, car, t, kw - own[t]);
    own[t] = kw;
}

static float lacks_of(const struct car *car, const float *own)
{
    double has = 0;
    for (int32_t t = 0; t < car->len; t++) { has += (double)own[t]; }
    return (float)(car->exact_need - has);
}

/* Take h kW off slots that have more than the minimum, the dearest first. */
static float take_off(struct state *s, const struct car *car, float *own, const int32_t *order,
                      int32_t count, float least, float h)
{
    for (int32_t k = count - 1; k >= 0 && h > 0; k--) {
        int32_t t = order[k];
        float part = fminf(own[t] - least, h);
        if (own[t] <= 0 || part <= 0) { continue; }
        set_slot(s, car, own, t, own[t] - part);
        h -= part;
    }
    return h;
}

/* Give a car what it lacks, in slots of least price first, where there is room below
 * `peak`. */
static void top_up(struct state *s, const struct car *car, float *own, float peak)
{
    float *q = s->scratch, *room = q + s->stride;
    float least = least_kw(s, car), lacks = lacks_of(car, own);
    if (lacks <= car->need * 1e-6F) { return; }
    room_of(s, car, peak, own, room);
    reduced_prices(s, car, q);
    int32_t count = 0;
    for (int32_t t = 0; t < car->len; t++) {
        if (own[t] > 0) { q[t] -= KEEP_ON * fabsf(q[t]); }
        if (own[t] + room[t] >= least) { s->order[count++] = t; }
    }
    sort_slots(s->order, count, q);
    for (int32_t k = 0; k < count && lacks > car->need * 1e-6F; k++) {
        int32_t t = s->order[k];
        if (room[t] <= 0) { continue; }
        float to = own[t] + fminf(room[t], lacks);
        if (to < least) {              /* the last bit: lift it, and take it off elsewhere */
            float over = least - to;
            float left = take_off(s, car, own, s->order, count, least, over);
            if (left > car->need * 1e-6F) {
                lacks += over - left;
                continue;
            }
            to = least;
            lacks = least;
        }
        lacks -= to - own[t];
        set_slot(s, car, own, t, to);
    }
}

/* Drop what is below half the minimum, lift what is above where there is room, drop it
 * else. */
static void round_slots(struct state *s, float *x, float peak)
{
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        float *own = x + car->at, least = least_kw(s, car);
        for (int32_t t = 0; t < car->len; t++) {
            if (own[t] < least / 2) { own[t] = 0; }
        }
    }
    flow_of(s, x);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        float *own = x + car->at, least = least_kw(s, car), *room = s->scratch + s->stride;
        bool between = false;
        for (int32_t t = 0; t < car->len; t++) { between |= own[t] > 0 && own[t] < least; }
        if (!between) { continue; }
        room_of(s, car, peak, own, room);
        for (int32_t t = 0; t < car->len; t++) {
            if (own[t] > 0 && own[t] < least) {
                set_slot(s, car, own, t, own[t] + room[t] >= least ? least : 0);
            }
        }
        float over = -lacks_of(car, own);
        if (over <= 0) { continue; }
        for (int32_t t = 0; t < car->len; t++) { s->order[t] = t; }
        over = take_off(s, car, own, s->order, car->len, least, over);
        for (int32_t t = car->len - 1; t >= 0 && over > 0; t--) {    /* all at the minimum */
            if (own[t] > 0) { over -= own[t]; set_slot(s, car, own, t, 0); }
        }
    }
}

/* Set one car anew in the room that the others leave. */
static void set_anew(struct state *s, const struct car *car, float *own, float peak)
{
    for (int32_t t = 0; t < car->len; t++) {
        if (own[t] > 0) { set_slot(s, car, own, t, 0); }
    }
    top_up(s, car, own, peak);
}

/* Give everybody what a lawful x still lacks, below this peak if it can be; returns the cost. */
static double completed(struct state *s, float *x, float peak)
{
    double high;
    for (int32_t pass = 0; pass < 3; pass++) {
        for (int32_t i = 0; i < s->car_count; i++) {
            const struct car *car = &s->cars[i];
            float *own = x + car->at;
            if (lacks_of(car, own) <= car->need * 1e-6F) { continue; }
            if (pass == 0) {
                top_up(s, car, own, peak);
            } else {
                set_anew(s, car, own, pass == 1 ? peak : NO_CAP);
            }
        }
    }
    flow_of(s, x);
    return cost_of(s, x, &high);
}

/* Make x_next lawful with this cap on the peak; returns the cost. */
static double lawful_plan(struct state *s, float *x, float peak)
{
    round_slots(s, x, peak);
    return completed(s, x, peak);
}

#include "plan_follow.h"

/// The search ///

/* A vehicle's slight preference among slots, in [0, 1): a slow wave, its beginning from
 * the golden section, so that neighbours differ most. */
static float preference(const struct car *car, int32_t t)
{
    float at = 0.618034F * (float)(car->charger + 1) + (float)(car->from + t) / 24.0F;
    float part = at - floorf(at);
    return part < 0.5F ? 2 * part : 2 - 2 * part;
}

/* What the bias is measured in: the mean energy price, or a hundredth of the mean unmet
 * price. */
static float bias_unit(const struct state *s)
{
    float price = 0, worth = 0;
    for (int32_t t = 0; t < s->slots; t++) { price += fabsf(s->money[t]); }
    for (int32_t i = 0; i < s->car_count; i++) { worth += s->cars[i].worth; }
    return fmaxf(price / (float)s->slots, 0.01F * worth / fmaxf(1, (float)s->car_count));
}

static void set_bias(struct state *s, const float *x)
{
    float scale = bias_unit(s);
    float ramp = BIAS * (1 + 0.1F * (float)s->round);
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        float least = fmaxf(least_kw(s, car), 1e-6F);
        for (int32_t t = 0; t < car->len; t++) {
            float small = fmaxf(0, 1 - x[car->at + t] / least);
            s->bias[car->at + t] = scale * (ramp * small + WAVE * preference(car, t));
        }
    }
}

static void begin_lawful(struct state *s)
{
    s->round = 1;
    set_bias(s, s->x_best);
}

static void keep_lawful(struct state *s, double cost)
{
    if (cost >= s->best_lawful) { return; }
    s->best_lawful = cost;
    memcpy(s->x_lawful, s->x_next, sizeof(float) * (size_t)s->moments);
}

/* One round: what the iteration has come to is made lawful; the next bias follows from
 * it. */
static void search_lawful(struct state *s)
{
    if (s->round == 0) {
        begin_lawful(s);
        memcpy(s->x_next, s->x_best, sizeof(float) * (size_t)s->moments);
    }
    settle_peak(s, s->y_next);
    flow_of(s, s->x_next);
    shrink(s, s->x_next, NO_CAP);
    sum_prices(s, s->y_next);
    set_bias(s, s->x_next);
    /* A little more peak may cost less than what minimums leave undone: rounds take turns. */
    double more = MORE * (double)(s->round % 4) * (s->best_peak + s->floor_kw);
    float peak = s->demand > 0 ? (float)(larger(0, s->best_peak) + more) : NO_CAP;
    keep_lawful(s, lawful_plan(s, s->x_next, peak));
    if (s->round <= FOLLOWED) { keep_lawful(s, follow(s, s->x_best, s->x_next, peak)); }
    s->round++;
}

#endif
