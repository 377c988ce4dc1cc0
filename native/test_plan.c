/* test_plan.c -- the planner under test, in C alone, so that it also runs under the
 * sanitizers and cross-compiled.
 *
 *     test_plan [--seed N] [--problems N] [FILE...]    FILE: an input of the fuzzer
 *
 * Prints the seed first and a digest of all amperes last.  Expected values stand as formulas beside
 * the call.
 */
#include "plan_case.h"

#include <inttypes.h>  /* PRIu64 */
#include <stdio.h>     /* printf, FILE */

static struct plan_case problem;
static struct plan_answer answer;
static int checks;
static int failures;
static uint64_t digest = 14695981039346656037u;  /* FNV-1a, 64 bits, of all amperes */

static void expect(bool ok, const char *words, int line, double found)
{
    checks++;
    if (ok) { return; }
    failures++;
    printf("line %d: %s (found %.9g)\n", line, words, found);
}

#define EXPECT_IS(found, wanted) \
    expect((found) == (wanted), #found " == " #wanted, __LINE__, (double)(found))
#define EXPECT_NEAR(found, wanted, most)                                                  \
    expect(fabs((found) - (wanted)) <= (most), #found " is near " #wanted, __LINE__, (found))

/* One three-phase bay of 22.08 kW on a site, four hours at 0.2, 0.1, 0.3 and 0.4. */
static void one_bay(void)
{
    static const double price[] = { 0.2, 0.1, 0.3, 0.4 };
    memset(&problem, 0, sizeof problem);
    problem.problem = (struct pl_problem){
        .slot_s = 3600, .slots = 4, .node_count = 1, .charger_count = 1,
        .price_per_kwh = problem.price, .base_w = problem.base_w, .nodes = problem.node,
        .chargers = problem.charger, .limits_ma = problem.limits_ma,
        .limits_w = problem.limits_w };
    memcpy(problem.price, price, sizeof price);
    problem.node[0] = (struct pl_node){ .parent = -1, .limit_ma_at = -1, .limit_w_at = -1 };
    problem.charger[0] = (struct pl_charger){
        .phases = 7, .to_slot = 4, .min_ma = 6000, .max_ma = 32000, .w_per_a = 690,
        .energy_wh = 10000, .unmet_per_kwh = 5 };
}

static void digest_amps(void)
{
    for (int64_t at = 0; at < pl_moments(&problem.problem); at++) {
        uint64_t ua = (uint64_t)(answer.amps[at] * 1e6 + 0.5);
        for (int byte = 0; byte < 8; byte++) {
            digest ^= ua >> (8 * byte) & 255;
            digest *= 1099511628211u;
        }
    }
}

static void solve(int line, double wanted)
{
    memset(&answer, 0, sizeof answer);
    int result = solve_case(&problem, 2000, &answer);
    expect(result == PL_OK, "solved", line, result);
    const char *words = broken_promise(&problem.problem, &answer);
    expect(words == NULL, words == NULL ? "" : words, line, 0);
    digest_amps();
    double hair = 3e-4 * (1 + fabs(wanted));
    expect(fabs(answer.sums.objective - wanted) <= hair, "cost", line, answer.sums.objective);
    expect(fabs(answer.sums.lower_bound - wanted) <= hair, "bound", line, answer.sums.lower_bound);
}

static void test_known_answers(void)
{
    one_bay();
    solve(__LINE__, 10 * 0.1);
    EXPECT_NEAR(answer.amps[1], 10000 / 690.0, 1e-4);
    EXPECT_NEAR(answer.energy_wh[0], 10000, 0.01);

    problem.charger[0].energy_wh = 30000;                      /* 22.08 kWh at 0.1, the rest at 0.2 */
    solve(__LINE__, 22.08 * 0.1 + (30 - 22.08) * 0.2);

    one_bay();
    problem.node[0].limit_w_at = 0;                            /* 2 kW for four hours */
    problem.limits_w[0] = 2000;
    solve(__LINE__, 2 * (0.2 + 0.1 + 0.3 + 0.4) + 2 * 5);

    one_bay();
    problem.node[0].limit_ma_at = 0;                           /* nothing on L2 */
    problem.limits_ma[0] = problem.limits_ma[2] = PL_NO_LIMIT;
    solve(__LINE__, 10 * 5);

    one_bay();
    problem.problem.demand_per_kw = 100;                       /* even is best */
    problem.charger[0].unmet_per_kwh = 500;
    solve(__LINE__, 100 * 2.5 + 2.5 * (0.2 + 0.1 + 0.3 + 0.4));

    one_bay();
    problem.price[3] = -1;                                     /* paid, but for 10 kWh only */
    solve(__LINE__, -10);

    one_bay();
    problem.charger[0].unmet_per_kwh = 0.05;                   /* not worth it */
    solve(__LINE__, 10 * 0.05);

    one_bay();
    problem.problem.lawful = 1;                                /* 6 A is 4.14 kW: on in two slots */
    problem.node[0].limit_w_at = 0;
    problem.limits_w[0] = 5000;
    solve(__LINE__, 5 * 0.1 + 5 * 0.2);
}

/* What the site has of its own comes first, slot by slot, at a price of its own. */
static void test_own_power(void)
{
    for (int32_t lawful = 0; lawful < 2; lawful++) {
        one_bay();
        problem.problem.own_w = problem.own_w;
        problem.problem.own_per_kwh = problem.own_per_kwh;
        memcpy(problem.own_per_kwh, problem.price, sizeof problem.price);
        problem.problem.lawful = lawful;
        problem.own_w[2] = 5000;                               /* 5 kW at 0.02: they are used up */
        problem.own_per_kwh[2] = 0.02;
        solve(__LINE__, 5 * 0.02 + 5 * 0.1);
        EXPECT_NEAR(answer.amps[2], 5000 / 690.0, 0.02);

        problem.own_w[2] = 50000;                              /* more than it can take: never used up */
        solve(__LINE__, 10 * 0.02);

        problem.own_w[2] = 5000;
        problem.own_per_kwh[2] = 0.3;                          /* no cheaper: as if there were none */
        solve(__LINE__, 10 * 0.1);
    }
    one_bay();
    problem.problem.own_w = problem.own_w;
    problem.problem.own_per_kwh = problem.own_per_kwh;
    problem.problem.demand_per_kw = 1;                         /* own power costs no peak either */
    problem.own_w[3] = 7000;
    problem.base_w[3] = -7000;
    for (int32_t t = 0; t < 4; t++) { problem.own_per_kwh[t] = problem.price[t] - 0.4; }
    solve(__LINE__, 7 * 0.0 + 0.75 * (0.2 + 0.1 + 0.3 + 0.4) + 0.75 * 1);
}

static void test_line_to_line(void)
{
    /* 20 A between L1 and L2, 20 A between L1 and L3: 34.64 A in L1 by phasor, 40 A by
     * magnitude. */
    for (int32_t phasor = 0; phasor < 2; phasor++) {
        one_bay();
        problem.problem.charger_count = 2;
        problem.charger[1] = problem.charger[0];
        for (int32_t i = 0; i < 2; i++) {
            problem.charger[i].phases = i == 0 ? 3 : 5;
            problem.charger[i].w_per_a = 208;
            problem.charger[i].energy_wh = 1e6;
        }
        problem.node[0].phasor = phasor;
        problem.node[0].limit_ma_at = 0;
        problem.limits_ma[0] = 34642;
        problem.limits_ma[1] = problem.limits_ma[2] = PL_NO_LIMIT;
        double each = phasor ? 34.642 / sqrt(3) : 34.642 / 2;
        double kwh = 2 * each * 0.208;
        solve(__LINE__, (2000 - 4 * kwh) * 5 + kwh * (0.2 + 0.1 + 0.3 + 0.4));
    }
}

static void test_below_a_delta_wye_transformer(void)
{
    /* One load between L1 and L2: 2/sqrt(3) of it in the line of L2.  Two on L1-L2 and L2-L3:
     * sqrt(7/3) of either.  All three: sqrt(3). */
    static const double factor[] = { 1.1547005383792515, 1.5275252316519468, 1.7320508075688772 };
    static const uint32_t pairs[] = { 3, 6, 5 };
    for (int32_t count = 1; count <= 3; count++) {
        one_bay();
        problem.problem.charger_count = count;
        for (int32_t i = 0; i < count; i++) {
            problem.charger[i] = problem.charger[0];
            problem.charger[i].phases = pairs[i];
            problem.charger[i].w_per_a = 208;
            problem.charger[i].energy_wh = 1e6;
        }
        problem.node[0].phasor = PL_DELTA_WYE;
        problem.node[0].limit_ma_at = 0;
        problem.limits_ma[0] = PL_NO_LIMIT;
        problem.limits_ma[1] = 60000;
        problem.limits_ma[2] = 30000;
        double kwh = count * 30 / factor[count - 1] * 0.208;
        solve(__LINE__, (1000 * count - 4 * kwh) * 5 + kwh * (0.2 + 0.1 + 0.3 + 0.4));
    }
}

static void test_refusals(void)
{
    one_bay();
    int64_t bytes = pl_bytes(&problem.problem);
    char *block = aligned_alloc(64, (size_t)(bytes + 127) / 64 * 64);
    if (block == NULL) { abort(); }
    EXPECT_IS(pl_begin(&problem.problem, block, bytes - 1), PL_E_MEMORY);
    EXPECT_IS(pl_begin(&problem.problem, block + 1, bytes), PL_E_MEMORY);
    EXPECT_IS(pl_begin(&problem.problem, block, bytes), PL_OK);
    free(block);
    problem.problem.slots = PL_SLOTS_MAX + 1;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_COUNT);
    one_bay();
    problem.problem.charger_count = -1;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_COUNT);
    one_bay();
    problem.node[0].parent = 0;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_ORDER);
    one_bay();
    problem.charger[0].node = 1;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_ORDER);
    one_bay();
    problem.charger[0].phases = 0;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_PHASES);
    one_bay();
    problem.charger[0].to_slot = 5;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_WINDOW);
    one_bay();
    problem.price[2] = NAN;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_RANGE);
    one_bay();
    problem.charger[0].energy_wh = INFINITY;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_RANGE);
    one_bay();
    problem.node[0].limit_ma_step = 1;
    EXPECT_IS(pl_bytes(&problem.problem), PL_E_RANGE);
}

static uint64_t dice;

static uint8_t roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint8_t)(dice >> 32);
}

static void check_bytes(const uint8_t *data, size_t size, int32_t iterations, const char *name)
{
    case_of_bytes(data, size, &problem);
    int result = solve_case(&problem, iterations, &answer);
    checks++;
    if (result != PL_OK) { return; }
    digest_amps();
    const char *words = broken_promise(&problem.problem, &answer);
    if (words == NULL) { return; }
    failures++;
    printf("%s: %s\n", name, words);
}

static void test_random(int64_t problems)
{
    static uint8_t data[1024];
    for (int64_t n = 0; n < problems; n++) {
        for (size_t i = 0; i < sizeof data; i++) { data[i] = roll(); }
        check_bytes(data, sizeof data, n % 4 == 0 ? 0 : 300, "random");
    }
}

static void test_file(const char *name)
{
    static uint8_t data[4096];
    FILE *file = fopen(name, "rb");
    if (file == NULL) { failures++; printf("%s: cannot be read\n", name); return; }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    if (size > 0) { check_bytes(data + 1, size - 1, 20 * data[0], name); }
}

int main(int argc, char **argv)
{
    int64_t problems = 2000;
    int first = 1;
    dice = 20260101;
    while (first + 1 < argc && argv[first][0] == '-') {
        uint64_t value = strtoull(argv[first + 1], NULL, 10);
        if (strcmp(argv[first], "--seed") == 0) { dice = value | 1; }
        if (strcmp(argv[first], "--problems") == 0) { problems = (int64_t)value; }
        first += 2;
    }
    printf("seed %" PRIu64 "\n", dice);
    test_known_answers();
    test_own_power();
    test_line_to_line();
    test_below_a_delta_wye_transformer();
    test_refusals();
    test_random(problems);
    for (int i = first; i < argc; i++) { test_file(argv[i]); }
    printf("%d checks, %d failures, digest %016" PRIx64 "\n", checks, failures, digest);
    return failures == 0 ? 0 : 1;
}
