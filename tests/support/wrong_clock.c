/* A preloaded library that makes the clock of one process wrong by CLOCK_OFFSET_SECONDS; its monotonic clock stays right.

   Unlike libfaketime it takes no lock and replaces no condition variable. libfaketime 0.9.10 keeps a list of them under a
   lock, which a thread that waits for the GIL holds for a moment each time. uvloop forks, and Python makes a new GIL in the
   child before exec: where the fork came at such a moment, the child waits for that lock forever, and uv_spawn in the parent,
   which holds the GIL, for the child's exec.

   Waits until an absolute wall-clock time are not adjusted; Python and uvloop wait by the monotonic clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t offset;
static int (*read_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void configure(void) {
  const char *seconds = getenv("CLOCK_OFFSET_SECONDS");
  offset = seconds ? atol(seconds) : 0;
  read_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int error = read_clock ? read_clock(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
  if (!error && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset;
  return error;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec precise;
  (void)zone;
  int error = clock_gettime(CLOCK_REALTIME, &precise);
  if (!error) *now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
  return error;
}

time_t time(time_t *result) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (result) *result = precise.tv_sec;
  return precise.tv_sec;
}
