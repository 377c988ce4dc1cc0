/* plan.c -- the planner: see plan.h for what it does and native/README.md for the
 * mathematics.
 *
 * One translation unit in six parts: state and memory, setup, the iteration, the lower
 * bound, the repair to a plan that keeps every limit, and this file: when to check,
 * when to restart, the door.
 */
#include "plan.h"

#include "plan_state.h"
#include "plan_setup.h"
#include "plan_step.h"
#include "plan_bound.h"
#include "plan_repair.h"
#include "plan_lawful.h"
#include "plan_even.h"
#include "plan_finish.h"
#include "plan_warm.h"

/* When the search for a lawful plan begins. */
#define RELAXED_GAP  1e-3
#define RELAXED_MOST 3000

/// Checks and restarts ///

static double gap_of(double objective, double bound)
{
    double over = objective - bound;
    if (over <= 0) { return 0; }
    if (fabs(objective) > 0) { over /= fabs(objective); }
    return over < 1e9 ? over : 1e9;                     /* NaN too: inf / inf */
}

static void restart(struct state *s)
{
    size_t xs = sizeof(float) * (size_t)s->moments;
    size_t ys = sizeof(float) * (size_t)s->dual_count * (size_t)s->stride;
    memcpy(s->x_start, s->x, xs);
    memcpy(s->y_start, s->y, ys);
    s->age = 0;
}

static void measure(const struct state *s, double *dx, double *dy)
{
    double sum = 0;
    for (int32_t i = 0; i < s->car_count; i++) {
        const struct car *car = &s->cars[i];
        double own = 0;
        for (int32_t t = 0; t < car->len; t++) {
            double d = (double)s->x[car->at + t] - (double)s->x_start[car->at + t];
            own += d * d;
        }
        sum += own / (double)car->step;
    }
    *dx = sqrt(sum);
    sum = 0;
    for (int32_t i = 0; i < s->line_count; i++) {
        const struct line *line = &s->lines[i];
        const float *sigma = row_of(s->sigma, s, i);
        for (int32_t k = 0; k < (line->phasor ? 2 : 1); k++) {
            const float *y = row_of(s->y, s, line->dual + k);
            const float *start = row_of(s->y_start, s, line->dual + k);
            for (int32_t t = 0; t < s->slots; t++) {
                double d = (double)y[t] - (double)start[t];
                if (sigma[t] > 0) { sum += d * d / (double)sigma[t]; }
            }
        }
    }
    *dy = sqrt(sum);
}

static void iterate(struct state *s, bool note)
{
    double h = (s->age + 1.0) / (s->age + 2.0);
    struct stride_of how = { .weight = (float)s->weight, .keep = (float)h,
                             .back = (float)(1 - h), .note = note };
    sum_prices(s, s->y);
    double moved_x = step_cars(s, how);
    gather_flows(s);
    double moved_y = step_prices(s, how);
    if (note) { s->step_now = sqrt(moved_x * s->weight + moved_y / s->weight); }
    s->iterations++;
    s->age++;
    assert(s->weight > 0);
}

static void certify(struct state *s)
{
    settle_peak(s, s->y_next);
    sum_prices(s, s->y_next);
    double bound = lower_bound(s);
    assert(!isnan(bound));
    if (bound > s->bound) { s->bound = bound; }
    try_plan(s);
}

/* Restart where it has paid: when the step has become much shorter, when it has become
 * shorter and grows again, or at last.  Thresholds: Applegate et al. 2021, PDLP; Lu,
 * Yang 2024. */
static void consider_restart(struct state *s)
{
    bool first = s->step_first <= 0;
    if (first) { s->step_first = s->step_last = s->step_now; return; }
    bool enough = s->step_now <= 0.2 * s->step_first;
    bool worse = s->step_now <= 0.8 * s->step_first && s->step_now > s->step_last;
    bool old = s->age >= 0.36 * (double)s->iterations;
    s->step_last = s->step_now;
    if (!(enough || worse || old)) { return; }
    double dx, dy;
    measure(s, &dx, &dy);
    if (dx > 1e-10 && dy > 1e-10) {
        s->weight = exp(0.5 * log(dy / dx) + 0.5 * log(s->weight));
    }
    restart(s);
    s->step_first = 0;
}

/// The door ///

int64_t pl_bytes(const struct pl_problem *problem)
{
    int result = check(problem);
    if (result != PL_OK) { return result; }
    struct sizes z = sizes_of(problem);
    return lay_out(&z, NULL, NULL);
}

int64_t pl_moments(const struct pl_problem *problem)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < problem->charger_count; i++) {
        sum += problem->chargers[i].to_slot - problem->chargers[i].from_slot;
    }
    return sum;
}

int pl_begin(const struct pl_problem *problem, void *memory, int64_t bytes)
{
    int result = check(problem);
    if (result != PL_OK) { return result; }
    struct sizes z = sizes_of(problem);
    if (bytes < lay_out(&z, NULL, NULL) || (uintptr_t)memory % 64 != 0) { return PL_E_MEMORY; }
    struct state *s = memory;
    memset(memory, 0, (size_t)bytes);
    lay_out(&z, s, memory);
    s->problem = problem;
    s->most = z;
    s->slots = problem->slots;
    s->stride = (problem->slots + LANES - 1) / LANES * LANES;
    s->hours = problem->slot_s / 3600.0;
    set_up(s);
    s->best = s->best_lawful = INFINITY;
    s->bound = -INFINITY;
    restart(s);
    return PL_OK;
}

int pl_warm(void *memory, const void *old, int32_t shift, const int32_t *charger_was,
            const int32_t *node_was)
{
    struct state *s = memory;
    const struct state *was = old;
    if (was->iterations == 0) { return PL_OK; }
    warm_lines(s, was, shift, node_was);
    warm_cars(s, was, shift, charger_was);
    s->weight = was->weight;
    restart(s);
    /* What was good is often good still, before the first steps have stirred it up. */
    memcpy(s->x_next, s->x, sizeof(float) * (size_t)s->moments);
    memcpy(s->y_next, s->y,
           sizeof(float) * (size_t)s->dual_count * (size_t)s->stride);
    certify(s);
    return PL_OK;
}

int pl_run(void *memory, int32_t iterations, double gap)
{
    struct state *s = memory;
    for (int32_t i = 0; i < iterations; i++) {
        int64_t next = s->iterations + 1;
        bool note = next % CHECK == 0 || next == CHECK / 4 || next == CHECK / 2;   /* if warm */
        bool probe = note || s->age == 0 || next % PROBE == 0;
        iterate(s, probe);
        if (probe) { consider_restart(s); }
        if (!note) { continue; }
        if (s->round > 0) {
            search_lawful(s);
            if (gap_of(s->best_lawful, s->bound) <= gap) { break; }
            continue;
        }
        certify(s);
        double left = gap_of(s->best, s->bound);
        if (s->problem->lawful == 0) {
            if (left <= gap) { break; }
        } else if (left <= fmax(gap, RELAXED_GAP) || next >= RELAXED_MOST) {
            begin_lawful(s);
        }
    }
    return PL_OK;
}

void pl_report(const void *memory, struct pl_report *report)
{
    const struct state *s = memory;
    double objective = s->problem->lawful != 0 ? s->best_lawful : s->best;
    *report = (struct pl_report){
        .objective = objective, .lower_bound = s->bound, .gap = gap_of(objective, s->bound),
        .iterations = s->iterations, .rows = s->rows_live };
}

int pl_finish(void *memory, double *amps, double *energy_wh, struct pl_answer *answer)
{
    struct state *s = memory;
    bool lawful = s->problem->lawful != 0;
    if (s->best >= INFINITY) { certify(s); }
    if (lawful && s->best_lawful >= INFINITY) { search_lawful(s); }
    *answer = (struct pl_answer){ .lower_bound = s->bound, .iterations = s->iterations };
    memcpy(s->x_next, lawful ? s->x_lawful : s->x_best, sizeof(float) * (size_t)s->moments);
    share_evenly(s, s->x_next, lawful);
    write_amps(s, s->x_next, lawful, amps);
    for (int32_t t = 0; t < s->slots; t++) { fit_slot(s, t, lawful, amps); }
    account(s, amps, energy_wh, answer);
    answer->gap = gap_of(answer->objective, s->bound);
    return PL_OK;
}
