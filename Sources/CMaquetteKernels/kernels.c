#include "maquette_kernels.h"
int maquette_kernels_placeholder(void) { return 0; }
