/* Preloaded into a broker: its clock is an hour slow as long as there is the file that CLOCK_IS_SLOW names. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static time_t slow(void)
{
    const char *file = getenv("CLOCK_IS_SLOW");
    int before = errno;
    int is_slow = file && !access(file, F_OK);
    errno = before;
    return is_slow ? 3600 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (!result && clock == CLOCK_REALTIME) now->tv_sec -= slow();
    return result;
}

time_t time(time_t *place)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
