/* A matrix in every type, and in every layout that memory can have. */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include "support.h"

enum { ROWS = 30, COLS = 4 };

/* A matrix in a block of its own, of which everything else must stay as it was. */
typedef struct layout {
  const char *name;
  int64_t row_stride, col_stride, start; /* in elements */
  int64_t offset;                        /* in bytes: off the alignment */
} layout;

static const layout layouts[] = {
    {"dense", COLS, 1, 0, 0},
    {"transposed", 1, ROWS, 0, 0},
    {"rows backwards", -COLS, 1, COLS *(ROWS - 1), 0},
    {"columns backwards", COLS, -1, COLS - 1, 0},
    {"all backwards", -COLS, -1, COLS *ROWS - 1, 0},
    {"columns of a wider matrix", 11, 1, 5, 0},
    {"every third column", 3 * COLS, 3, 1, 0},
    {"unaligned", COLS, 1, 0, 1},
    {"unaligned slices", 9, 2, 3, 3},
};

enum { BLOCK = 4096 };

static inline size_t size_of(int32_t dtype) {
  return dtype == MAQUETTE_U8 ? 1 : dtype == MAQUETTE_F32 || dtype == MAQUETTE_I32 ? 4 : 8;
}

static inline maquette_matrix lay_out(char *block, const layout *how, int32_t dtype, int64_t rows, int64_t cols) {
  int64_t size = (int64_t)size_of(dtype);
  maquette_matrix matrix = matrix_of(block + how->offset + how->start * size, rows, cols, dtype);
  matrix.row_stride = how->row_stride * size, matrix.col_stride = how->col_stride * size;
  return matrix;
}

static inline void *element(const maquette_matrix *matrix, int64_t row, int64_t column) {
  return (char *)matrix->data + row * matrix->row_stride + column * matrix->col_stride;
}

static inline void put(const maquette_matrix *matrix, int64_t row, int64_t column, double value) {
  float f32 = (float)value;
  uint8_t u8 = (uint8_t)value;
  int32_t i32 = (int32_t)value;
  int64_t i64 = (int64_t)value;
  const void *from[] = {&f32, &value, &u8, &i32, &i64};
  memcpy(element(matrix, row, column), from[matrix->dtype], size_of(matrix->dtype));
}

static inline double get(const maquette_matrix *matrix, int64_t row, int64_t column) {
  float f32;
  double f64;
  if (matrix->dtype == MAQUETTE_F32) return memcpy(&f32, element(matrix, row, column), 4), (double)f32;
  return memcpy(&f64, element(matrix, row, column), 8), f64;
}

/* Whole numbers, so that every type holds them. */
static inline rows whole_rows(void) {
  rows content = rows_of(ROWS, COLS);
  for (int i = 0; i < ROWS * COLS; i++) content.x[i] = roundf(fabsf(content.x[i]) * 50);
  return content;
}

#endif
