/* One target for libFuzzer, which FUZZER names. */
#include "targets.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static target_function *target;

int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count, (void)arguments;
  const char *name = getenv("FUZZER");
  for (size_t i = 0; i < COUNT(targets); i++)
    if (name && !strcmp(targets[i].name, name)) target = targets[i].function;
  must(target != NULL, "FUZZER names no target", name ? name : "");
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  target(bytes, size);
  return 0;
}
