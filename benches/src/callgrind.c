/* Requests to callgrind. They do nothing where the program does not run in it, or was built without its headers. */

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

int bench_callgrind_is_here(void) { return RUNNING_ON_VALGRIND != 0; }
void bench_callgrind_start(void) { CALLGRIND_START_INSTRUMENTATION; }
void bench_callgrind_zero(void) { CALLGRIND_ZERO_STATS; }
void bench_callgrind_dump(void) { CALLGRIND_DUMP_STATS; }
#else
int bench_callgrind_is_here(void) { return 0; }
void bench_callgrind_start(void) {}
void bench_callgrind_zero(void) {}
void bench_callgrind_dump(void) {}
#endif
