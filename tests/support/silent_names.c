/* A preloaded library by which names that end in ".silent" are looked up at a name server that never answers: each look-up
   takes half a minute, as with glibc's usual timeouts, or SILENT_SECONDS, and fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".silent"
#define SECONDS 30

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  size_t length = name ? strlen(name) : 0;
  if (length > strlen(SUFFIX) && !strcmp(name + length - strlen(SUFFIX), SUFFIX)) {
    const char *seconds = getenv("SILENT_SECONDS");
    sleep(seconds ? atoi(seconds) : SECONDS);
    return EAI_AGAIN;
  }
  return ((lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
