#define _GNU_SOURCE
#include "maquette_system.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

/* Functions and data are the same to POSIX, but not to C. */
union function {
  void *address;
  int (*variadic)(void *, int, ...);
  int (*perform)(void *);
};

int maquette_system_curl_set_number(void *setopt, void *handle, int option, long value) {
  return ((union function){.address = setopt}).variadic(handle, option, value);
}

int maquette_system_curl_set_size(void *setopt, void *handle, int option, int64_t value) {
  return ((union function){.address = setopt}).variadic(handle, option, value);
}

int maquette_system_curl_set_pointer(void *setopt, void *handle, int option, const void *value) {
  return ((union function){.address = setopt}).variadic(handle, option, value);
}

int maquette_system_curl_set_function(void *setopt, void *handle, int option,
                                      size_t (*value)(char *, size_t, size_t, void *)) {
  return ((union function){.address = setopt}).variadic(handle, option, value);
}

int maquette_system_curl_get_number(void *getinfo, void *handle, int info, long *value) {
  return ((union function){.address = getinfo}).variadic(handle, info, value);
}

int maquette_system_curl_get_text(void *getinfo, void *handle, int info, const char **value) {
  return ((union function){.address = getinfo}).variadic(handle, info, value);
}

int maquette_system_curl_perform(void *perform, void *handle) {
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  _Bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  int code = ((union function){.address = perform}).perform(handle);
  if (!was_pending) {
    const struct timespec now = {0, 0};
    while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}
