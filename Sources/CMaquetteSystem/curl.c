#define _GNU_SOURCE
#include "maquette_system.h"

#include <signal.h>

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
  maquette_system_held_signal pipe;
  maquette_system_hold_signal(&pipe, SIGPIPE);
  int code = ((union function){.address = perform}).perform(handle);
  maquette_system_release_signal(&pipe);
  return code;
}
