#define _GNU_SOURCE
#include "variants.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

const maquette_kernels *maquette_kernels_named(const char *name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (strcmp(name, "avx512") == 0) {
    _Bool supported = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("fma");
    return supported ? &maquette_kernels_avx512 : NULL;
  }
  if (strcmp(name, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &maquette_kernels_avx2 : NULL;
  }
#endif
  return strcmp(name, "portable") == 0 ? &maquette_kernels_portable : NULL;
}

const maquette_kernels *maquette_kernels_best(void) {
  const maquette_kernels *best = maquette_kernels_named("avx512");
  if (best == NULL) best = maquette_kernels_named("avx2");
  return best != NULL ? best : &maquette_kernels_portable;
}

ptrdiff_t maquette_nearest_insert(float *scores, int32_t *rows, ptrdiff_t k, ptrdiff_t found, float score,
                                  int32_t row) {
  if (k <= 0) return 0;
  ptrdiff_t last = found < k ? found : k - 1;
  if (found == k && !(score > scores[last] || (score == scores[last] && row < rows[last]))) return found;
  ptrdiff_t at = last;
  while (at > 0 && (scores[at - 1] < score || (scores[at - 1] == score && rows[at - 1] > row))) {
    scores[at] = scores[at - 1];
    rows[at] = rows[at - 1];
    at--;
  }
  scores[at] = score;
  rows[at] = row;
  return last + 1;
}

ptrdiff_t maquette_processors(void) {
  cpu_set_t set;
  /* Fails on machines of more than 1,024 processors. */
  long count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? count : 1;
}
