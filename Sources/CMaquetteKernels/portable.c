/* What every processor of the architecture can do: SSE2 on x86-64, NEON on arm64. */
#define VARIANT maquette_kernels_portable
#define VARIANT_NAME "portable"
#if defined(__aarch64__)
#define FUSED 1
#define TILE_ROWS 4
#else
#define FUSED 0
#define TILE_ROWS 2
#endif
#define TILE_VECTORS 1
#define ROW_TILE 2

#include "body.h"
