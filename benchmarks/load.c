/* How long it takes to load a shared library and to call its first function: nanoseconds, to the standard output. */
#define _POSIX_C_SOURCE 200809L

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int main(int count, char **arguments) {
  struct timespec start, end;
  const char *(*version)(void) = NULL;
  if (count != 2) return 2;
  clock_gettime(CLOCK_MONOTONIC, &start);
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, "maquette_version") : NULL;
  if (!symbol) return fprintf(stderr, "%s\n", dlerror()), 1;
  memcpy(&version, &symbol, sizeof version); /* ISO C turns no pointer to data into one to a function */
  if (!version()[0]) return 1;
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%lld\n", (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec));
  return 0;
}
