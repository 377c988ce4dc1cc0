/* fuzz_plan.c -- any bytes as a planning problem: refused, or answered with every
 * promise kept, after few iterations and after many.  `make -C native -f plan.mk fuzz`. */
#include "plan_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plan_case problem;
    static struct plan_answer answer;

    if (size == 0) { return 0; }
    case_of_bytes(data + 1, size - 1, &problem);
    int result = solve_case(&problem, data[0] % 4 == 0 ? 0 : 20 * data[0], &answer);
    if ((result == PL_OK) != (pl_bytes(&problem.problem) > 0)) { abort(); }
    if (result == PL_OK && broken_promise(&problem.problem, &answer) != NULL) { abort(); }
    return 0;
}
