#ifndef MAQUETTE_VARIANTS_H
#define MAQUETTE_VARIANTS_H

#include "maquette_kernels.h"

#pragma GCC visibility push(hidden)

extern const maquette_kernels maquette_kernels_portable;
#if defined(__x86_64__)
extern const maquette_kernels maquette_kernels_avx2;
extern const maquette_kernels maquette_kernels_avx512;
#endif

#pragma GCC visibility pop

#endif
