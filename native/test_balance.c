/* test_balance.c -- the balancer under test, in C alone, so that it also runs under the
 * sanitizers, cross-compiled, and for the coverage.
 *
 *     test_balance [--first] [--seed N] [--sites N] [FILE...]
 *
 * FILE: an input of the fuzzer.  --first: stop at the first failure.
 *
 * Prints the seed first and a digest of all grants last: it is the same on every machine.
 * Expected values stand as numbers or formulas beside the call.
 */
#include "balance.h"
#include "balance_case.h"

#include <inttypes.h>  /* PRIu64 */
#include <stdio.h>     /* printf, FILE */
#include <stdlib.h>    /* strtoull, exit */

static struct lb_site site;
static struct lb_work work;
static struct lb_grants grants;
static struct lb_load load;

static int checks;
static int failures;
static bool stop_at_first;
static uint64_t digest = 14695981039346656037u;  /* FNV-1a, 64 bits */

static void expect(bool ok, const char *words, int line, int64_t found)
{
    checks++;
    if (ok) { return; }
    failures++;
    printf("line %d: %s (found %" PRId64 ")\n", line, words, found);
    if (stop_at_first) { exit(1); }
}

#define EXPECT(ok) expect((ok), #ok, __LINE__, 0)
#define EXPECT_IS(found, wanted) \
    expect((found) == (wanted), #found " == " #wanted, __LINE__, (int64_t)(found))

static void digest_grants(void)
{
    for (int32_t c = 0; c < site.charger_count; c++) {
        for (int byte = 0; byte < 8; byte++) {
            digest ^= (uint64_t)grants.ma[c] >> (8 * byte) & 255;
            digest *= 1099511628211u;
        }
    }
}

/* Leave -1 wherever the solver's own variables will be. */
static void soil_stack(void)
{
    volatile int64_t soil[1 << 10];
    for (size_t n = 0; n < sizeof soil / sizeof soil[0]; n++) { soil[n] = -1; }
}

/* Nothing may depend on what was in memory: nonsense, nothing, or slots that look as if they
 * still rose and would take a step from every level of a whole mA. */
static void soil_memory(void)
{
    static const struct lb_slot riser = {
        .top_ma = LB_MA_MAX, .step_ma = 1, .weight = 1, .phases = 1, .rising = 1};
    memset(&work, checks % 3 == 1 ? 0 : 0xA5, sizeof work);
    for (int32_t s = 0; s < LB_CHARGERS && checks % 3 == 0; s++) { work.slot[s] = riser; }
    soil_stack();
}

/* Solve the site and hold the answer against the judge and lb_violations(). */
static void solve(int line)
{
    soil_memory();
    int result = lb_solve(&site, &work, &grants);
    expect(result == LB_OK, "lb_solve is LB_OK", line, result);
    if (result != LB_OK) { return; }
    int broken = lb_violations(&site, &grants, &load);
    expect(broken == 0, "no violations", line, broken);
    const char *words = broken_promise(&site, &grants);
    expect(words == NULL, words == NULL ? "" : words, line, 0);
    digest_grants();
}

static void one_node(int64_t l1_ma, int64_t l2_ma, int64_t l3_ma, int32_t phasor)
{
    clear_site(&site);
    add_node(&site, -1, l1_ma, l2_ma, l3_ma, phasor);
}

/// What is refused ///

static void one_charger_on_two_nodes(void)
{
    one_node(10, 10, 10, 0);
    add_node(&site, 0, 10, 10, 10, 0);
    add_charger(&site, 1, 7, 1, 2, 1);
}

#define REFUSED(change, code)                                                     \
    do {                                                                          \
        one_charger_on_two_nodes();                                               \
        change;                                                                   \
        EXPECT_IS(lb_check(&site), code);                                         \
        memset(&grants, 7, sizeof grants);                                        \
        EXPECT_IS(lb_solve(&site, &work, &grants), code);                         \
        EXPECT(grants.ma[0] == 0x0707070707070707);                               \
        EXPECT_IS(lb_violations(&site, &grants, &load), code);                    \
    } while (0)

#define TAKEN(change)                                                             \
    do {                                                                          \
        one_charger_on_two_nodes();                                               \
        change;                                                                   \
        EXPECT_IS(lb_check(&site), LB_OK);                                        \
    } while (0)

static void chain(int32_t nodes)
{
    one_node(10, 10, 10, 0);
    for (int32_t n = 1; n < nodes; n++) { add_node(&site, n - 1, 10, 10, 10, 0); }
}

static void fill(int32_t nodes, int32_t chargers)
{
    one_node(10, 10, 10, 0);
    for (int32_t n = 1; n < nodes; n++) { add_node(&site, 0, 10, 10, 10, 0); }
    for (int32_t c = 0; c < chargers; c++) { add_charger(&site, 0, 1, 1, 2, 1); }
}

static void test_what_is_refused(void)
{
    struct lb_charger *charger = &site.charger[0];
    TAKEN((void)0);
    REFUSED(site.node_count = 0, LB_E_COUNT);
    REFUSED(site.node_count = -1, LB_E_COUNT);
    REFUSED(site.node_count = LB_NODES + 1, LB_E_COUNT);
    REFUSED(site.charger_count = -1, LB_E_COUNT);
    REFUSED(site.charger_count = LB_CHARGERS + 1, LB_E_COUNT);
    TAKEN(site.charger_count = 0);
    fill(LB_NODES, LB_CHARGERS);
    EXPECT_IS(lb_check(&site), LB_OK);

    REFUSED(site.node[0].parent = 0, LB_E_ORDER);
    REFUSED(site.node[0].parent = -2, LB_E_ORDER);
    REFUSED(site.node[1].parent = -1, LB_E_ORDER);
    REFUSED(site.node[1].parent = -2, LB_E_ORDER);
    REFUSED(site.node[1].parent = 1, LB_E_ORDER);
    REFUSED(site.node[1].parent = 2, LB_E_ORDER);
    chain(LB_DEPTH);
    EXPECT_IS(lb_check(&site), LB_OK);
    chain(LB_DEPTH + 1);
    EXPECT_IS(lb_check(&site), LB_E_DEPTH);
    chain(LB_DEPTH + 5);
    EXPECT_IS(lb_check(&site), LB_E_DEPTH);

    TAKEN(charger->node = 0);
    REFUSED(charger->node = -1, LB_E_NODE);
    REFUSED(charger->node = 2, LB_E_NODE);
    TAKEN(charger->phases = 1);
    REFUSED(charger->phases = 0, LB_E_PHASES);
    REFUSED(charger->phases = 8, LB_E_PHASES);
    TAKEN(charger->min_ma = 0);
    REFUSED(charger->min_ma = -1, LB_E_RANGE);
    TAKEN(charger->min_ma = 2);
    REFUSED(charger->min_ma = 3, LB_E_RANGE);
    REFUSED((charger->max_ma = 1, charger->min_ma = 2), LB_E_RANGE);
    TAKEN((charger->max_ma = 0, charger->min_ma = 3));
    TAKEN((charger->max_ma = 0, charger->min_ma = LB_MA_MAX));
    REFUSED((charger->max_ma = 0, charger->min_ma = (int64_t)LB_MA_MAX + 1), LB_E_RANGE);
    TAKEN(charger->max_ma = LB_MA_MAX);
    REFUSED(charger->max_ma = (int64_t)LB_MA_MAX + 1, LB_E_RANGE);
    REFUSED(charger->max_ma = -1, LB_E_RANGE);
    REFUSED(charger->step_ma = 0, LB_E_RANGE);
    REFUSED(charger->step_ma = -1, LB_E_RANGE);
    TAKEN(charger->step_ma = LB_MA_MAX);
    REFUSED(charger->step_ma = (int64_t)LB_MA_MAX + 1, LB_E_RANGE);
    TAKEN(charger->weight = LB_WEIGHT_MAX);
    REFUSED(charger->weight = 0, LB_E_WEIGHT);
    REFUSED(charger->weight = LB_WEIGHT_MAX + 1, LB_E_WEIGHT);
    TAKEN((charger->priority = INT32_MIN, charger->rank = INT32_MAX));

    TAKEN(site.node[1].phasor = 1);
    one_charger_on_two_nodes();
    add_charger(&site, 0, 1, 0, LB_MA_MAX, 1);
    charger->max_ma = LB_PHASOR_MAX - LB_MA_MAX;
    site.node[0].phasor = 1;
    EXPECT_IS(lb_check(&site), LB_OK);
    charger->max_ma++;
    EXPECT_IS(lb_check(&site), LB_E_PHASOR);
    site.node[0].phasor = 0;
    EXPECT_IS(lb_check(&site), LB_OK);
    site.node[1].phasor = LB_DELTA_WYE;
    site.charger[1].max_ma = 1;
    charger->max_ma = LB_WYE_MAX - 1;
    EXPECT_IS(lb_check(&site), LB_OK);
    charger->max_ma++;
    EXPECT_IS(lb_check(&site), LB_E_PHASOR);
    site.node[1].phasor = 1;
    EXPECT_IS(lb_check(&site), LB_OK);
}

/// What is shared ///

/* The worked example of README.md. */
static void test_the_worked_example(void)
{
    one_node(60000, 60000, 60000, 0);
    int32_t panel = add_node(&site, 0, 32000, 32000, LB_NO_LIMIT, 0);
    add_charger(&site, panel, 7, 6000, 32000, 1000);
    add_charger(&site, panel, 1, 6000, 16000, 1000);
    add_charger(&site, 0, 7, 6000, 32000, 1000);
    add_charger(&site, 0, 2, 8000, 32000, 1000)->weight = 2;
    solve(__LINE__);
    EXPECT_IS(grants.ma[0], 15000);
    EXPECT_IS(grants.ma[1], 16000);
    EXPECT_IS(grants.ma[2], 15000);
    EXPECT_IS(grants.ma[3], 30000);
    EXPECT(grants.why[0] == LB_HELD && grants.node[0] == 0 && grants.phase[0] == 1);
    EXPECT_IS(grants.why[1], LB_AT_MAX);
}

static void test_nothing_to_share(void)
{
    one_node(0, 0, 0, 0);
    solve(__LINE__);
    EXPECT_IS(grants.used_ma[0][0], 0);
    add_charger(&site, 0, 1, 6000, 0, 1);
    add_charger(&site, 0, 1, 6000, 7000, 1);
    add_charger(&site, 0, 1, 0, 7000, 1);
    solve(__LINE__);
    EXPECT_IS(grants.why[0], LB_NOTHING);
    EXPECT_IS(grants.why[1], LB_NO_MINIMUM);
    EXPECT_IS(grants.why[2], LB_HELD);
    site.node[0].limit_ma[0] = INT64_MIN;
    solve(__LINE__);
    EXPECT_IS(grants.ma[2], 0);
}

/* One charger, limits and asks around each other: min(limit, max) in steps, or 0. */
static void test_every_limit_around_one_ask(void)
{
    for (int64_t limit_ma = -1; limit_ma < 30; limit_ma++) {
        for (int64_t step_ma = 1; step_ma < 6; step_ma++) {
            one_node(LB_NO_LIMIT, limit_ma, LB_NO_LIMIT, 0);
            add_charger(&site, 0, 2, 6, 21, step_ma);
            solve(__LINE__);
            int64_t most_ma = limit_ma < 21 ? limit_ma : 21;
            int64_t wanted_ma = most_ma < 6 ? 0 : 6 + (most_ma - 6) / step_ma * step_ma;
            EXPECT_IS(grants.ma[0], wanted_ma);
            EXPECT_IS(grants.used_ma[0][1], wanted_ma);
            EXPECT_IS(grants.used_ma[0][0], 0);
        }
    }
}

static void test_minimums_go_by_priority_then_rank_then_place(void)
{
    one_node(14, 14, 14, 0);
    for (int c = 0; c < 5; c++) { add_charger(&site, 0, 1, 6, 6, 1); }
    solve(__LINE__);
    EXPECT(grants.ma[0] == 6 && grants.ma[1] == 6 && grants.ma[2] == 0);
    site.charger[3].rank = -1;
    solve(__LINE__);
    EXPECT(grants.ma[3] == 6 && grants.ma[0] == 6 && grants.ma[1] == 0);
    site.charger[4].priority = INT32_MIN;
    site.charger[4].rank = INT32_MAX;
    solve(__LINE__);
    EXPECT(grants.ma[4] == 6 && grants.ma[3] == 6 && grants.ma[0] == 0);
    EXPECT(grants.why[0] == LB_NO_MINIMUM && grants.node[0] == 0 && grants.phase[0] == 0);
    site.charger[1].max_ma = 2;
    site.charger[1].min_ma = 2;
    solve(__LINE__);
    EXPECT(grants.ma[1] == 2);  /* who does not fit does not keep others from it */
}

static void test_priorities_rise_one_after_the_other(void)
{
    one_node(50, 50, 50, 0);
    for (int c = 0; c < 4; c++) { add_charger(&site, 0, 1, 6, 32, 1)->priority = c / 2; }
    solve(__LINE__);
    EXPECT(grants.ma[0] == 19 && grants.ma[1] == 19);
    EXPECT(grants.ma[2] == 6 && grants.ma[3] == 6);
    site.node[0].limit_ma[0] = 80;
    solve(__LINE__);
    EXPECT(grants.ma[0] == 32 && grants.ma[1] == 32);
    EXPECT(grants.ma[2] == 8 && grants.ma[3] == 8);
}

static void test_ties_go_to_the_lower_rank(void)
{
    one_node(20, 20, 20, 0);
    for (int c = 0; c < 3; c++) { add_charger(&site, 0, 1, 6, 32, 1)->rank = -c; }
    solve(__LINE__);
    EXPECT(grants.ma[0] == 6 && grants.ma[1] == 7 && grants.ma[2] == 7);
}

static void test_weights_share_in_proportion(void)
{
    one_node(6000000, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    for (int c = 0; c < 3; c++) { add_charger(&site, 0, 1, 0, LB_MA_MAX, 1)->weight = c + 1; }
    solve(__LINE__);
    EXPECT(grants.ma[0] == 1000000 && grants.ma[1] == 2000000 && grants.ma[2] == 3000000);
    site.charger[0].weight = LB_WEIGHT_MAX;
    site.charger[1].weight = LB_WEIGHT_MAX - 1;
    site.charger[2].weight = 1;
    solve(__LINE__);
    EXPECT_IS(grants.ma[0], 3000000);
    EXPECT_IS(grants.ma[1], 2997000);
    EXPECT_IS(grants.ma[2], 3000);
}

/* 1/1000 and 1/999 are as close as levels come.  At 1/1000 the node is full. */
static void test_levels_that_differ_by_a_millionth(void)
{
    one_node(2, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    add_charger(&site, 0, 1, 0, 10, 1)->weight = LB_WEIGHT_MAX;
    add_charger(&site, 0, 1, 0, 10, 1)->weight = LB_WEIGHT_MAX - 1;
    solve(__LINE__);
    EXPECT(grants.ma[0] == 1 && grants.ma[1] == 1);
    site.node[0].limit_ma[0] = 3;
    solve(__LINE__);
    EXPECT(grants.ma[0] == 2 && grants.ma[1] == 1);
}

/* 1/1000 and 1/999 are the levels 1048 and 1049.  At the first the node has no room for a
 * step of 2, at the next it has room for one of the two steps of 1. */
static void test_a_node_that_is_full_at_two_levels_in_a_row(void)
{
    one_node(4, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    add_charger(&site, 0, 1, 1, 3, 2)->weight = LB_WEIGHT_MAX;
    add_charger(&site, 0, 1, 1, 5, 1)->weight = LB_WEIGHT_MAX - 1;
    add_charger(&site, 0, 1, 1, 5, 1)->weight = LB_WEIGHT_MAX - 1;
    solve(__LINE__);
    EXPECT(grants.ma[0] == 1 && grants.ma[1] == 2 && grants.ma[2] == 1);
}

/* Whose step does not fit is held; what is left of less than its step goes on. */
static void test_unequal_steps_leave_nothing_unused(void)
{
    one_node(25, 25, 25, 0);
    add_charger(&site, 0, 1, 6, 32, 10);
    add_charger(&site, 0, 1, 6, 32, 1);
    solve(__LINE__);
    EXPECT(grants.ma[0] == 16 && grants.ma[1] == 9);
    site.node[0].limit_ma[0] = 21;
    solve(__LINE__);
    EXPECT(grants.ma[0] == 6 && grants.ma[1] == 15);
}

static void test_a_full_phase_stops_those_on_it_only(void)
{
    one_node(20, 40, 40, 0);
    add_charger(&site, 0, 7, 6, 32, 1);
    add_charger(&site, 0, 1, 6, 32, 1);
    add_charger(&site, 0, 2, 6, 32, 1);
    add_charger(&site, 0, 6, 6, 32, 1);
    solve(__LINE__);
    EXPECT(grants.ma[0] == 10 && grants.ma[1] == 10);
    EXPECT(grants.ma[2] == 15 && grants.ma[3] == 15);
    EXPECT(grants.phase[0] == 0 && grants.phase[2] == 1);
    EXPECT(grants.used_ma[0][0] == 20 && grants.used_ma[0][1] == 40);
    EXPECT_IS(grants.used_ma[0][2], 25);
}

static void test_the_nearest_node_and_first_phase_are_named(void)
{
    one_node(10, 10, 10, 0);
    int32_t panel = add_node(&site, 0, LB_NO_LIMIT, 10, 10, 0);
    add_charger(&site, panel, 7, 6, 32, 1);
    add_charger(&site, 0, 7, 6, 32, 1);
    solve(__LINE__);
    EXPECT(grants.why[0] == LB_HELD && grants.node[0] == panel && grants.phase[0] == 1);
    EXPECT(grants.why[1] == LB_NO_MINIMUM && grants.node[1] == 0 && grants.phase[1] == 0);
    site.node[panel].limit_ma[0] = 10;
    solve(__LINE__);
    EXPECT(grants.node[0] == panel && grants.phase[0] == 0);
}

static void test_a_full_panel_leaves_the_rest_to_others(void)
{
    one_node(60, 60, 60, 0);
    int32_t panel = add_node(&site, 0, 20, 20, 20, 0);
    add_charger(&site, panel, 1, 6, 32, 1);
    add_charger(&site, panel, 1, 6, 32, 1);
    add_charger(&site, 0, 1, 6, 32, 1);
    solve(__LINE__);
    EXPECT(grants.ma[0] == 10 && grants.ma[1] == 10 && grants.ma[2] == 32);
    EXPECT(grants.node[0] == panel && grants.why[2] == LB_AT_MAX);
}

/// Line to line ///

/* Golden boundaries of the phasor sum, from its formula in 60 digits (Python's decimal):
 * the figure for a, c, w is above `fits` - 1 and at most `fits`. */
static const struct { int64_t a, c, w, fits; } phasor_sums[] = {
#include "phasor_sums.h"
};

static void test_phasor_sums(void)
{
    for (size_t n = 0; n < sizeof phasor_sums / sizeof phasor_sums[0]; n++) {
        int64_t fits = phasor_sums[n].fits;
        for (int phase = 0; phase < 3; phase++) {
            static const uint32_t sides[3][2] = {{3, 5}, {6, 3}, {5, 6}};
            for (int64_t limit_ma = fits - 1; limit_ma <= fits; limit_ma++) {
                one_node(LB_NO_LIMIT, LB_NO_LIMIT, LB_NO_LIMIT, 1);
                site.node[0].limit_ma[phase] = limit_ma;
                add_charger(&site, 0, sides[phase][0], 0, phasor_sums[n].a, 1);
                add_charger(&site, 0, sides[phase][1], 0, phasor_sums[n].c, 1);
                add_charger(&site, 0, 1u << phase, 0, phasor_sums[n].w, 1);
                for (int c = 0; c < 3; c++) { grants.ma[c] = site.charger[c].max_ma; }
                EXPECT_IS(lb_violations(&site, &grants, &load), limit_ma < fits ? 1 : 0);
                solve(__LINE__);
                bool all = grants.ma[0] == phasor_sums[n].a &&
                           grants.ma[1] == phasor_sums[n].c &&
                           grants.ma[2] == phasor_sums[n].w;
                EXPECT_IS(all, limit_ma == fits);
                if (all) { EXPECT_IS(grants.used_ma[0][phase], fits); }
            }
        }
    }
}

static void test_a_phasor_node_gives_more_than_an_arithmetic_one(void)
{
    one_node(100000, 100000, 100000, 0);
    add_charger(&site, 0, 3, 6000, 80000, 1);
    add_charger(&site, 0, 5, 6000, 80000, 1);
    add_charger(&site, 0, 6, 6000, 80000, 1);
    solve(__LINE__);
    EXPECT(grants.ma[0] == 50000 && grants.ma[1] == 50000 && grants.ma[2] == 50000);
    site.node[0].phasor = 1;
    solve(__LINE__);
    /* 100000 / sqrt(3) = 57735.03 */
    EXPECT(grants.ma[0] == 57735 && grants.ma[1] == 57735 && grants.ma[2] == 57735);
    EXPECT_IS(grants.used_ma[0][2], 100000);
}

/// Below a delta-wye transformer ///

/* Golden boundaries of the three lines that feed it, from the currents of the windings. */
static const struct { int64_t ma[7], fits[3]; } feed_sums[] = {
#include "feed_sums.h"
};

static int64_t highest(const int64_t of[3])
{
    int64_t most = of[0] > of[1] ? of[0] : of[1];
    return most > of[2] ? most : of[2];
}

/* All seven kinds of chargers below one node, turned by `turn` phases. */
static void feed_site(size_t n, int turn, int64_t limit_ma)
{
    one_node(limit_ma, limit_ma, limit_ma, LB_DELTA_WYE);
    for (uint32_t m = 1; m < 8; m++) {
        uint32_t turned = m;
        for (int k = 0; k < turn; k++) { turned = (turned << 1 | turned >> 2) & 7; }
        add_charger(&site, 0, turned, 0, feed_sums[n].ma[m - 1], 1);
        grants.ma[m - 1] = feed_sums[n].ma[m - 1];
    }
}

static void test_feed_sums(void)
{
    for (size_t n = 0; n < sizeof feed_sums / sizeof feed_sums[0]; n++) {
        int64_t most = highest(feed_sums[n].fits);
        for (int turn = 0; turn < 3; turn++) {
            for (int64_t limit_ma = most - 2; limit_ma <= most + 1; limit_ma++) {
                int above = 0;
                for (int p = 0; p < 3; p++) { above += feed_sums[n].fits[p] > limit_ma; }
                feed_site(n, turn, limit_ma);
                if (limit_ma < 0) { continue; }
                EXPECT_IS(lb_violations(&site, &grants, &load), above);
                solve(__LINE__);
                bool all = true;
                for (int c = 0; c < 7; c++) { all = all && grants.ma[c] == feed_sums[n].ma[c]; }
                EXPECT_IS(all, limit_ma >= most);
                for (int p = 0; p < 3 && all; p++) {
                    EXPECT_IS(grants.used_ma[0][(p + turn) % 3], feed_sums[n].fits[p]);
                }
            }
        }
    }
}

static void test_the_lowest_limit_holds_for_all_lines_of_a_delta_wye_node(void)
{
    for (int p = 0; p < 3; p++) {
        one_node(LB_NO_LIMIT, LB_NO_LIMIT, LB_NO_LIMIT, LB_DELTA_WYE);
        site.node[0].limit_ma[p] = 2000;
        site.node[0].limit_ma[(p + 1) % 3] = 3000;
        add_charger(&site, 0, 3, 0, 80000, 1);
        add_charger(&site, 0, 2, 0, 0, 1);
        solve(__LINE__);
        EXPECT_IS(grants.ma[0], 1732);    /* 2 / sqrt(3) of it flows in the line of L2 */
        EXPECT_IS(grants.phase[0], 1);
        grants.ma[0] = 1733;
        EXPECT_IS(lb_violations(&site, &grants, &load), 1);
        site.node[0].limit_ma[p] = -1;
        solve(__LINE__);
        EXPECT_IS(grants.ma[0], 0);
        grants.ma[0] = 1;
        EXPECT_IS(lb_violations(&site, &grants, &load), 3);
        site.node[0].limit_ma[p] = LB_NO_LIMIT;
        site.node[0].limit_ma[(p + 1) % 3] = LB_NO_LIMIT;
        solve(__LINE__);
        EXPECT_IS(grants.ma[0], 80000);
        EXPECT_IS(lb_violations(&site, &grants, &load), 0);
    }
}

/* 1000 / 3 A on each pair: below the delta as below the wye. */
static void test_balanced_loads_cross_a_delta_wye_transformer_as_they_are(void)
{
    for (int32_t phasor = 1; phasor <= LB_DELTA_WYE; phasor++) {
        one_node(100000, 100000, 100000, phasor);
        for (uint32_t pair = 3; pair <= 6; pair += pair == 3 ? 2 : 1) {
            add_charger(&site, 0, pair, 6000, 80000, 1);
        }
        solve(__LINE__);
        EXPECT(grants.ma[0] == 57735 && grants.ma[1] == 57735 && grants.ma[2] == 57735);
        EXPECT_IS(grants.used_ma[0][1], 100000);
    }
}

static void test_broken_promises_below_a_delta_wye_node(void)
{
    one_node(100, 100, 100, LB_DELTA_WYE);
    add_charger(&site, 0, 3, 0, 100, 1);
    add_charger(&site, 0, 6, 0, 100, 1);
    add_charger(&site, 0, 7, 0, 100, 1);
    static const struct { int64_t ma[3]; int broken; } table[] = {
        {{86, 0, 0}, 0}, {{87, 0, 0}, 1}, {{0, 87, 0}, 1}, {{0, 0, 100}, 0}, {{0, 0, 101}, 4},
        {{100, 100, 0}, 2}, {{-1, 87, 0}, 2}, {{100, 100, 100}, 3},
        {{INT64_MAX, 0, 0}, 4}, {{INT64_MAX, INT64_MAX, INT64_MAX}, 6},
    };
    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++) {
        for (int c = 0; c < 3; c++) { grants.ma[c] = table[n].ma[c]; }
        expect(lb_violations(&site, &grants, &load) == table[n].broken, "broken below delta-wye",
               __LINE__, (int64_t)n);
    }
    for (int p = 0; p < 3; p++) { site.node[0].limit_ma[p] = (int64_t)LB_WYE_MAX * 16; }
    for (int c = 0; c < 3; c++) { grants.ma[c] = INT64_MAX; }
    EXPECT_IS(lb_violations(&site, &grants, &load), 3);
    for (int p = 0; p < 3; p++) { site.node[0].limit_ma[p] = (int64_t)LB_WYE_MAX * 2; }
    EXPECT_IS(lb_violations(&site, &grants, &load), 6);
    /* all that a lawful site can ask for, on one pair: 2 / sqrt(3) of it is within */
    for (int p = 0; p < 3; p++) { site.node[0].limit_ma[p] = (int64_t)LB_WYE_MAX * 2 - 1; }
    site.charger[0].max_ma = LB_WYE_MAX;
    site.charger[1].max_ma = site.charger[2].max_ma = 0;
    grants.ma[0] = LB_WYE_MAX;
    grants.ma[1] = grants.ma[2] = 0;
    EXPECT_IS(lb_violations(&site, &grants, &load), 0);
}

/// Broken promises ///

static void test_broken_promises_are_counted(void)
{
    one_node(20, 20, -5, 0);
    int32_t panel = add_node(&site, 0, 9, 20, LB_NO_LIMIT, 0);
    add_charger(&site, panel, 1, 4, 10, 3);
    add_charger(&site, 0, 2, 0, 20, 1);
    add_charger(&site, panel, 4, 0, 5, 1);
    static const struct { int64_t ma[3]; int broken; } table[] = {
        {{0, 0, 0}, 0},   {{3, 0, 0}, 1},          {{4, 0, 0}, 0},  {{5, 0, 0}, 1},
        {{7, 0, 0}, 0},   {{10, 0, 0}, 1},         {{11, 0, 0}, 2}, {{13, 0, 0}, 2},
        {{22, 0, 0}, 3},  {{0, 20, 0}, 0},         {{0, 21, 0}, 2}, {{0, 0, 1}, 1},
        {{-3, 0, 0}, 1},  {{INT64_MIN, 0, 0}, 1},  {{7, 20, 1}, 1}, {{-1, -1, -1}, 3},
        {{INT64_MAX, INT64_MAX, INT64_MAX}, 3 + 4},
    };
    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++) {
        for (int c = 0; c < 3; c++) { grants.ma[c] = table[n].ma[c]; }
        expect(lb_violations(&site, &grants, &load) == table[n].broken, "broken promises",
               __LINE__, (int64_t)n);
    }
    site.charger[0].max_ma = 0;
    grants.ma[0] = 4;
    grants.ma[1] = grants.ma[2] = 0;
    EXPECT_IS(lb_violations(&site, &grants, &load), 1);
}

/* Promises broken on a phasor node, with sums beyond what a lawful answer can reach. */
static void test_broken_promises_on_a_phasor_node(void)
{
    one_node(100, LB_NO_LIMIT, LB_NO_LIMIT, 1);
    add_charger(&site, 0, 3, 0, 100, 1);
    add_charger(&site, 0, 5, 0, 100, 1);
    add_charger(&site, 0, 1, 0, 100, 1);
    static const struct { int64_t ma[3]; int broken; } table[] = {
        {{100, 0, 0}, 0}, {{101, 0, 0}, 2}, {{57, 58, 0}, 0},  {{58, 58, 0}, 1},
        {{0, 0, 100}, 0}, {{0, 0, 101}, 2}, {{1, 0, 99}, 0},   {{1, 0, 100}, 1},
        {{63, 62, 0}, 1}, {{63, 63, 0}, 1}, {{20, 0, 82}, 0},  {{20, 0, 83}, 1},
        {{-1, 0, 101}, 3}, {{-1, 1, 100}, 2}, {{INT64_MAX, INT64_MAX, INT64_MAX}, 4},
    };
    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++) {
        for (int c = 0; c < 3; c++) { grants.ma[c] = table[n].ma[c]; }
        expect(lb_violations(&site, &grants, &load) == table[n].broken, "broken by phasor",
               __LINE__, (int64_t)n);
    }
    site.node[0].limit_ma[0] = (int64_t)LB_PHASOR_MAX * 4;
    for (int c = 0; c < 3; c++) { grants.ma[c] = INT64_MAX; }
    EXPECT_IS(lb_violations(&site, &grants, &load), 3);
    site.node[0].limit_ma[0] = (int64_t)LB_PHASOR_MAX + 1;
    EXPECT_IS(lb_violations(&site, &grants, &load), 3 + 1);
}

/// Random sites against one step at a time ///

enum { SLOW_MAX = 64 };  /* chargers that solve_slowly() takes */

static uint64_t dice;

/* Never twice in one expression: the order would be the compiler's. */
static int64_t roll(int64_t sides)
{
    dice ^= dice << 13;  /* xorshift64, Marsaglia 2003 */
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (int64_t)(dice >> 11) % sides;
}

static void roll_site(void)
{
    clear_site(&site);
    int64_t nodes = 1 + roll(9);
    int64_t same_step = roll(2) * (1 + roll(4));
    for (int32_t n = 0; n < nodes; n++) {
        int64_t limit_ma[3];
        for (int p = 0; p < 3; p++) { limit_ma[p] = roll(5) == 0 ? LB_NO_LIMIT : roll(90) - 1; }
        int32_t parent = n == 0 ? -1 : (int32_t)roll(n);
        int32_t phasor = roll(3) == 0 ? (int32_t)(1 + roll(2)) : 0;
        add_node(&site, parent, limit_ma[0], limit_ma[1], limit_ma[2], phasor);
    }
    int64_t chargers = roll(17);
    for (int64_t c = 0; c < chargers; c++) {
        int64_t min_ma = roll(9);
        int64_t max_ma = roll(8) == 0 ? 0 : min_ma + roll(40);
        int64_t step_ma = same_step > 0 ? same_step : 1 + roll(7);
        int32_t node = (int32_t)roll(nodes);
        uint32_t phases = (uint32_t)(1 + roll(7));
        struct lb_charger *charger = add_charger(&site, node, phases, min_ma, max_ma, step_ma);
        charger->priority = (int32_t)roll(3) / 2;
        charger->rank = (int32_t)roll(3);
        charger->weight = roll(2) == 0 ? 1 : (int32_t)(1 + roll(9));
    }
}

/* A wide tree, so that many branches wait for their turn to become full. */
static void roll_wide_site(void)
{
    clear_site(&site);
    int64_t nodes = 40 + roll(40);
    int64_t fan = 1 + roll(9);
    for (int32_t n = 0; n < nodes; n++) {
        int64_t limit_ma[3];
        for (int p = 0; p < 3; p++) { limit_ma[p] = roll(n == 0 ? 900 : 90); }
        int32_t parent = n == 0 ? -1 : (int32_t)roll(n < fan ? n : fan);
        add_node(&site, parent, limit_ma[0], limit_ma[1], limit_ma[2], 0);
    }
    for (int32_t c = 0; c < SLOW_MAX; c++) {
        int32_t node = (int32_t)roll(nodes);
        uint32_t phases = (uint32_t)(1 + roll(7));
        int64_t min_ma = roll(4);
        int64_t max_ma = min_ma + roll(40);
        int64_t step_ma = 1 + roll(3);
        struct lb_charger *charger = add_charger(&site, node, phases, min_ma, max_ma, step_ma);
        charger->weight = (int32_t)(1 + roll(9));
    }
}

/* Does everything on the path of a charger carry so much more for it? */
static bool has_room(const struct lb_grants *given, int32_t c, int64_t more_ma)
{
    for (int32_t n = site.charger[c].node; n >= 0; n = site.node[n].parent) {
        for (int p = 0; p < 3; p++) {
            if (loads(&site.node[n], site.charger[c].phases, p) &&
                carries(&site, given, n, p, c, more_ma) == 0) {
                return false;
            }
        }
    }
    return true;
}

static bool is_before(int32_t c, int32_t d)
{
    if (site.charger[c].priority != site.charger[d].priority) {
        return site.charger[c].priority < site.charger[d].priority;
    }
    if (site.charger[c].rank != site.charger[d].rank) {
        return site.charger[c].rank < site.charger[d].rank;
    }
    return c < d;
}

/* The definition, one step at a time: no share of the code under test. */
static void solve_slowly(struct lb_grants *given)
{
    enum { WAITING, RISING, DONE };
    int state[SLOW_MAX] = {0};
    int32_t count = site.charger_count;
    for (int32_t c = 0; c < count; c++) { given->ma[c] = 0; }
    for (int32_t turn = 0; turn < count; turn++) {
        int32_t next = -1;
        for (int32_t c = 0; c < count; c++) {
            if (state[c] == WAITING && (next < 0 || is_before(c, next))) { next = c; }
        }
        const struct lb_charger *charger = &site.charger[next];
        bool holds = charger->max_ma > 0 && has_room(given, next, charger->min_ma);
        state[next] = holds ? RISING : DONE;
        given->ma[next] = holds ? charger->min_ma : 0;
    }
    for (;;) {
        int32_t next = -1;
        for (int32_t c = 0; c < count; c++) {
            if (state[c] != RISING) { continue; }
            if (next < 0) { next = c; continue; }
            int64_t apart = given->ma[c] * site.charger[next].weight -
                            given->ma[next] * site.charger[c].weight;
            bool later = site.charger[c].priority != site.charger[next].priority;
            if (later || apart == 0 ? is_before(c, next) : apart < 0) { next = c; }
        }
        if (next < 0) { return; }
        const struct lb_charger *charger = &site.charger[next];
        if (given->ma[next] + charger->step_ma <= charger->max_ma &&
            has_room(given, next, charger->step_ma)) {
            given->ma[next] += charger->step_ma;
        } else {
            state[next] = DONE;
        }
    }
}

static void test_random_sites(uint64_t seed, int sites)
{
    static struct lb_grants wanted;
    dice = seed;
    for (int n = 0; n < sites; n++) {
        if (n % 16 == 15) { roll_wide_site(); } else { roll_site(); }
        solve(__LINE__);
        solve_slowly(&wanted);
        for (int32_t c = 0; c < site.charger_count; c++) {
            expect(grants.ma[c] == wanted.ma[c], "as one step at a time", n, grants.ma[c]);
        }
        if (site.charger_count > 0) {
            int32_t c = (int32_t)roll(site.charger_count);
            grants.ma[c] += site.charger[c].step_ma;
            bool kept = broken_limit_or_law(&site, &grants) == NULL;
            expect(kept == (lb_violations(&site, &grants, &load) == 0),
                   "violations see what the judge sees", n, grants.ma[c]);
        }
    }
}

/// Sites made to hurt ///

static void test_many_nodes_and_chargers(void)
{
    clear_site(&site);
    add_node(&site, -1, 3000000, 2000000, 1000000, 1);
    for (int32_t n = 1; n < LB_NODES; n++) {
        int64_t limit_ma[3];
        for (int p = 0; p < 3; p++) { limit_ma[p] = roll(500000); }
        add_node(&site, (n - 1) / 3, limit_ma[0], limit_ma[1], limit_ma[2], n % 2);
    }
    for (int32_t c = 0; c < LB_CHARGERS; c++) {
        int32_t node = (int32_t)roll(LB_NODES);
        int64_t min_ma = roll(7000);
        int64_t max_ma = 7000 + roll(80000);
        struct lb_charger *charger =
            add_charger(&site, node, (uint32_t)(1 + c % 7), min_ma, max_ma, 1 + roll(1000));
        charger->priority = (int32_t)roll(300);
        charger->rank = (int32_t)roll(1000);
        charger->weight = (int32_t)(1 + roll(LB_WEIGHT_MAX));
    }
    solve(__LINE__);
}

static void test_everything_equal_and_deep(void)
{
    chain(LB_DEPTH);
    for (int n = 0; n < LB_DEPTH; n++) {
        for (int p = 0; p < 3; p++) { site.node[n].limit_ma[p] = 10000 + LB_DEPTH - n; }
    }
    for (int32_t c = 0; c < 1000; c++) { add_charger(&site, LB_DEPTH - 1, 7, 0, 32000, 1); }
    solve(__LINE__);
    for (int32_t c = 0; c < 1000; c++) { EXPECT_IS(grants.ma[c], c < 1 ? 11 : 10); }
    EXPECT_IS(grants.node[0], LB_DEPTH - 1);
}

/* As many as there may be, of one priority, in another order than that of the tree; two of
 * three panels become full at once, the last never. */
static void test_every_slot_in_use(void)
{
    one_node(LB_NO_LIMIT, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    enum { EACH = LB_CHARGERS / 4 };
    add_node(&site, 0, EACH + 5, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    add_node(&site, 0, EACH + 7, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    add_node(&site, 0, LB_NO_LIMIT, LB_NO_LIMIT, LB_NO_LIMIT, 0);
    for (int32_t c = 0; c < LB_CHARGERS; c++) {
        add_charger(&site, c < 2 * EACH ? 1 + c % 2 : 3, 1, 0, 2, 1);
    }
    solve(__LINE__);
    for (int32_t c = 0; c < LB_CHARGERS; c++) {
        bool all = c >= 2 * EACH || c / 2 < (c % 2 == 0 ? 5 : 7);
        EXPECT_IS(grants.ma[c], all ? 2 : 1);
    }
}

static void test_huge_currents(void)
{
    one_node(LB_NO_LIMIT - 1, (int64_t)LB_CHARGERS * LB_MA_MAX - 1, LB_NO_LIMIT, 0);
    for (int32_t c = 0; c < LB_CHARGERS; c++) {
        add_charger(&site, 0, 7, 0, LB_MA_MAX, 1)->weight = LB_WEIGHT_MAX - c % 2;
    }
    solve(__LINE__);
    EXPECT_IS(grants.used_ma[0][1], (int64_t)LB_CHARGERS * LB_MA_MAX - 1);
    EXPECT_IS(grants.ma[LB_CHARGERS - 1], LB_MA_MAX - 1);
    EXPECT_IS(grants.ma[LB_CHARGERS - 2], LB_MA_MAX);
    site.node[0].limit_ma[1] = 1;
    solve(__LINE__);
    EXPECT_IS(grants.ma[0], 1);
    EXPECT_IS(grants.ma[1], 0);
}

static void test_a_site_can_be_copied_and_compared(void)
{
    static struct lb_site copy;
    static struct lb_grants first;
    dice = 7;
    roll_site();
    solve(__LINE__);
    copy = site;
    memcpy(&first, &grants, sizeof first);
    EXPECT_IS(lb_solve(&copy, &work, &grants), LB_OK);
    EXPECT(memcmp(&copy, &site, sizeof site) == 0);
    EXPECT(memcmp(first.ma, grants.ma, sizeof first.ma) == 0);
}

/// Inputs of the fuzzer ///

static void replay(const char *name)
{
    static uint8_t data[1 << 16];
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        expect(false, name, __LINE__, 0);
        return;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    site_of_bytes(data, size, &site);
    int result = lb_check(&site);
    if (result == LB_OK) {
        solve(__LINE__);
    } else {
        EXPECT_IS(lb_solve(&site, &work, &grants), result);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = 20260101;
    int sites = 3000;
    int files = 0;
    for (int n = 1; n < argc; n++) {
        bool more = n + 1 < argc;
        if (strcmp(argv[n], "--first") == 0) {
            stop_at_first = true;
        } else if (more && strcmp(argv[n], "--seed") == 0) {
            seed = strtoull(argv[++n], NULL, 10);
        } else if (more && strcmp(argv[n], "--sites") == 0) {
            sites = (int)strtol(argv[++n], NULL, 10);
        } else {
            replay(argv[n]);
            files++;
        }
    }
    printf("seed %" PRIu64 ", %d random sites, %d files\n", seed, sites, files);
    test_what_is_refused();
    test_the_worked_example();
    test_nothing_to_share();
    test_every_limit_around_one_ask();
    test_minimums_go_by_priority_then_rank_then_place();
    test_priorities_rise_one_after_the_other();
    test_ties_go_to_the_lower_rank();
    test_weights_share_in_proportion();
    test_levels_that_differ_by_a_millionth();
    test_a_node_that_is_full_at_two_levels_in_a_row();
    test_unequal_steps_leave_nothing_unused();
    test_a_full_phase_stops_those_on_it_only();
    test_the_nearest_node_and_first_phase_are_named();
    test_a_full_panel_leaves_the_rest_to_others();
    test_phasor_sums();
    test_a_phasor_node_gives_more_than_an_arithmetic_one();
    test_feed_sums();
    test_the_lowest_limit_holds_for_all_lines_of_a_delta_wye_node();
    test_balanced_loads_cross_a_delta_wye_transformer_as_they_are();
    test_broken_promises_below_a_delta_wye_node();
    test_broken_promises_are_counted();
    test_broken_promises_on_a_phasor_node();
    test_random_sites(seed, sites);
    test_many_nodes_and_chargers();
    test_everything_equal_and_deep();
    test_every_slot_in_use();
    test_huge_currents();
    test_a_site_can_be_copied_and_compared();
    printf("%d checks, %d failures, digest %016" PRIx64 "\n", checks, failures, digest);
    return failures == 0 ? 0 : 1;
}
