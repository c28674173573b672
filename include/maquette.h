#ifndef MAQUETTE_H
#define MAQUETTE_H
#include <stdint.h>
typedef int32_t maquette_status;
#endif
