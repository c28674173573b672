#if defined(__x86_64__)
#define VARIANT maquette_kernels_avx2
#define VARIANT_NAME "avx2"
#define FUSED 1
#define TILE_ROWS 6
#define TILE_VECTORS 1
#define ROW_TILE 4

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "body.h"
#pragma clang attribute pop
#endif
