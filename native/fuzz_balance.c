/* fuzz_balance.c -- any bytes as a site: refused, or solved with every promise kept.
 * `make -C native fuzz`. */
#include "balance.h"
#include "balance_case.h"

#include <stdlib.h>  /* abort */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lb_site site;
    static struct lb_work work;
    static struct lb_grants grants;
    static struct lb_load load;

    site_of_bytes(data, size, &site);
    int result = lb_check(&site);
    if (lb_solve(&site, &work, &grants) != result) { abort(); }
    if (result != LB_OK) { return 0; }
    if (broken_promise(&site, &grants) != NULL) { abort(); }
    if (lb_violations(&site, &grants, &load) != 0) { abort(); }
    return 0;
}
