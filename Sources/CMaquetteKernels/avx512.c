#if defined(__x86_64__)
#define VARIANT maquette_kernels_avx512
#define VARIANT_NAME "avx512"
#define FUSED 1
#define TILE_ROWS 8
#define TILE_VECTORS 2
#define ROW_TILE 8

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#include "body.h"
#pragma clang attribute pop
#endif
