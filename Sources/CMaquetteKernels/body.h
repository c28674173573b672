/* The kernels, written once and included by each variant with its own target attribute. A variant defines
 * VARIANT (the table to define), VARIANT_NAME, FUSED (whether the target has fused multiply-add), and how many
 * accumulators fit its registers: TILE_ROWS x TILE_VECTORS when a tile of rows shares its weights, ROW_TILE for
 * a single row.
 *
 * One logical vector has 16 floats everywhere; the compiler splits it into two or four registers where they are
 * smaller. So sums are taken in the same order by all variants. */

#include "variants.h"

#include <math.h>
#include <string.h>

/* Every contraction is written out, so that all paths round alike. */
#pragma clang fp contract(off)
/* Vectors are passed between functions that are always inlined: there is no calling convention to keep. */
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define LANES MAQUETTE_LANES

/* The widest layer for which there is room on the stack. */
enum { WIDEST = 1024 };

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef float vf_anywhere __attribute__((ext_vector_type(LANES), aligned(4), may_alias));

INLINE vf load(const float *from) { return *(const vf_anywhere *)from; }
INLINE void store(float *to, vf value) { *(vf_anywhere *)to = value; }
INLINE vf splat(float value) { return (vf)value; }
/* b if either is a NaN. */
INLINE vf max_of(vf a, vf b) { return a > b ? a : b; }

/* a * b + c */
INLINE vf multiply_add(vf a, vf b, vf c) {
#if FUSED
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

INLINE float scalar_multiply_add(float a, float b, float c) {
#if FUSED
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

INLINE vi lane_numbers(void) { return (vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

INLINE vf halves_swapped(vf a) {
  return __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
INLINE vf quarters_swapped(vf a) {
  return __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
}
INLINE vf pairs_swapped(vf a) {
  return __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}
INLINE vf neighbours_swapped(vf a) {
  return __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}

/* The sum, the maximum of all lanes, in each lane. */
INLINE vf sum_across(vf a) {
  a += halves_swapped(a);
  a += quarters_swapped(a);
  a += pairs_swapped(a);
  return a + neighbours_swapped(a);
}
INLINE vf max_across(vf a) {
  a = max_of(a, halves_swapped(a));
  a = max_of(a, quarters_swapped(a));
  a = max_of(a, pairs_swapped(a));
  return max_of(a, neighbours_swapped(a));
}
INLINE _Bool any(vi mask) { return __builtin_reduce_or(mask) != 0; }

/* ---- Activations ---------------------------------------------------------------------------------------- */

/* e^x = 2^n e^r with |r| <= ln 2 / 2. The polynomial is Taylor's of degree 7: what it leaves out is below 2^-27.
 * ln 2 is taken away in two pieces, the first short enough that n times it is exact. */
INLINE vf exponential_of(vf x) {
  x = x > splat(89.0f) ? splat(89.0f) : x;
  x = x < splat(-104.5f) ? splat(-104.5f) : x;
  /* Adding 1.5 * 2^23 rounds to the nearest whole number and leaves it in the low bits. */
  const vf shift = splat(0x1.8p23f);
  vf shifted = multiply_add(x, splat(1.44269504f), shift);
  vf n = shifted - shift;
  vf r = multiply_add(n, splat(-0.693359375f), x);
  r = multiply_add(n, splat(2.12194440e-4f), r);
  /* By pairs, not one after the other: half as long to wait for. */
  vf square = r * r;
  vf high_terms = multiply_add(splat(1.0f / 5040), r, splat(1.0f / 720));
  vf middle_terms = multiply_add(splat(1.0f / 120), r, splat(1.0f / 24));
  vf low_terms = multiply_add(splat(1.0f / 6), r, splat(0.5f));
  high_terms = multiply_add(high_terms, square, middle_terms);
  high_terms = multiply_add(high_terms, square, low_terms);
  vf p = multiply_add(high_terms, square, r) + splat(1);
  /* 2^n in two factors: n reaches from -151 to 128. */
  vi whole = __builtin_bit_cast(vi, shifted) - __builtin_bit_cast(vi, shift);
  vi half = whole >> 1;
  vf low = __builtin_bit_cast(vf, (half + 127) << 23);
  vf high = __builtin_bit_cast(vf, (whole - half + 127) << 23);
  return p * low * high;
}

/* 1 / (1 + e^-x) */
INLINE vf sigmoid_of(vf x) { return splat(1) / (splat(1) + exponential_of(-x)); }

/* Near zero x + x^3 P(x^2), with the polynomial of the Cephes library (Moshier, 1989), since 1 - 2 / (e^2x + 1) has no
 * digits left there. */
INLINE vf tanh_of(vf x) {
  const vi sign = (vi)(int32_t)0x80000000;
  vf magnitude = __builtin_bit_cast(vf, __builtin_bit_cast(vi, x) & ~sign);
  vf far = splat(1) - splat(2) / (exponential_of(magnitude + magnitude) + splat(1));
  far = __builtin_bit_cast(vf, __builtin_bit_cast(vi, far) | (__builtin_bit_cast(vi, x) & sign));
  vf square = x * x;
  vf p = multiply_add(splat(-5.70498872745e-3f), square, splat(2.06390887954e-2f));
  p = multiply_add(p, square, splat(-5.37397155531e-2f));
  p = multiply_add(p, square, splat(1.33314422036e-1f));
  p = multiply_add(p, square, splat(-3.33332819422e-1f));
  vf near = multiply_add(p * square, x, x);
  return magnitude < splat(0.625f) ? near : far;
}

/* tanh or sigmoid in place of each y; padding stays zero. ReLU is part of the product. */
INLINE void activate(float *y, ptrdiff_t rows, ptrdiff_t outputs, int32_t activation) {
  const ptrdiff_t stride = maquette_stride(outputs);
  for (ptrdiff_t row = 0; row < rows; row++, y += stride) {
    for (ptrdiff_t at = 0; at < stride; at += LANES) {
      vf value = load(y + at);
      value = activation == MAQUETTE_TANH ? tanh_of(value) : sigmoid_of(value);
      if (at + LANES > outputs) value = lane_numbers() < (vi)(int32_t)(outputs - at) ? value : splat(0);
      store(y + at, value);
    }
  }
}

INLINE _Bool is_curved(int32_t activation) { return activation == MAQUETTE_TANH || activation == MAQUETTE_SIGMOID; }

static void activate_rows(float *y, ptrdiff_t rows, ptrdiff_t outputs, int32_t activation) {
  if (is_curved(activation)) activate(y, rows, outputs, activation);
}

/* dx *= f'(x), where a * scale = f(x). */
static void curve_backward(float *dx, const float *a, ptrdiff_t count, int32_t activation, float scale) {
  const vf factor = splat(scale);
  for (ptrdiff_t i = 0; i < count; i += LANES) {
    vf y = load(a + i) * factor;
    vf slope = activation == MAQUETTE_TANH ? splat(1) - y * y : y - y * y;
    store(dx + i, load(dx + i) * slope);
  }
}

typedef uint32_t vu __attribute__((ext_vector_type(LANES)));

/* A good mixing of 32 bits: Wellons, "Prospecting for hash functions", 2018. */
INLINE vu mixed(vu h) {
  h = (h ^ (h >> 16)) * (vu)0x7feb352du;
  h = (h ^ (h >> 15)) * (vu)0x846ca68bu;
  return h ^ (h >> 16);
}

static void drop_out(float *y, ptrdiff_t count, const maquette_dropout *dropout, ptrdiff_t first) {
  const vu low = (vu)(uint32_t)dropout->key, high = (vu)(uint32_t)(dropout->key >> 32);
  const vu threshold = (vu)dropout->threshold;
  const vf scale = splat(dropout->scale);
  vu index = __builtin_bit_cast(vu, lane_numbers()) + (vu)(uint32_t)first;
  for (ptrdiff_t i = 0; i < count; i += LANES, index += (vu)(uint32_t)LANES) {
    vu drawn = mixed(mixed(index + low) ^ high);
    store(y + i, drawn >= threshold ? load(y + i) * scale : splat(0));
  }
}

/* y = (x - mean) * inverse */
INLINE void scale_row(const maquette_scaling *scaling, const float *x, ptrdiff_t columns, float *y) {
  ptrdiff_t i = 0;
  for (; i + LANES <= columns; i += LANES) {
    store(y + i, (load(x + i) - load(scaling->mean + i)) * load(scaling->inverse + i));
  }
  for (; i < columns; i++) y[i] = (x[i] - scaling->mean[i]) * scaling->inverse[i];
}

static void scale_rows(const maquette_scaling *scaling, const float *x, ptrdiff_t x_stride, ptrdiff_t rows,
                       ptrdiff_t columns, float *y, ptrdiff_t y_stride) {
  for (ptrdiff_t row = 0; row < rows; row++) scale_row(scaling, x + row * x_stride, columns, y + row * y_stride);
}

/* ---- Products ------------------------------------------------------------------------------------------- */

/* into[r][v] += sum over k of x[r * x_row + k * x_step] * w[k * w_step + v * w_next], k in order. */
INLINE void multiply_tile(const int rows, const int vectors, vf *into, const float *x, ptrdiff_t x_row,
                          ptrdiff_t x_step, const float *w, ptrdiff_t w_step, ptrdiff_t w_next, ptrdiff_t depth) {
  for (ptrdiff_t k = 0; k < depth; k++) {
    vf shared[8];
    UNROLL for (int v = 0; v < vectors; v++) shared[v] = load(w + k * w_step + v * w_next);
    UNROLL for (int r = 0; r < rows; r++) {
      vf factor = splat(x[r * x_row + k * x_step]);
      UNROLL for (int v = 0; v < vectors; v++) {
        into[r * vectors + v] = multiply_add(factor, shared[v], into[r * vectors + v]);
      }
    }
  }
}

/* A sum over the inputs is taken in this many parts, added in order: the narrower a layer, the more additions
 * of one row have to be under way at once to keep the processor busy. A matter of the layer's shape alone, so
 * every path rounds alike. */
INLINE ptrdiff_t parts_of(ptrdiff_t stride) { return stride >= 64 ? 2 : 4; }

INLINE void forward_tile(const int rows, const int vectors, const maquette_layer *layer, ptrdiff_t stride,
                         ptrdiff_t column, const float *x, ptrdiff_t x_stride, float *y) {
  const ptrdiff_t inputs = layer->inputs, parts = parts_of(stride), length = inputs / parts;
  const float *w = layer->weights + column;
  vf total[TILE_ROWS * TILE_VECTORS];
  UNROLL for (int v = 0; v < vectors; v++) {
    vf bias = load(layer->bias + column + v * LANES);
    UNROLL for (int r = 0; r < rows; r++) total[r * vectors + v] = bias;
  }
  multiply_tile(rows, vectors, total, x, x_stride, 1, w, stride, LANES, length);
  for (ptrdiff_t part = 1; part < parts; part++) {
    ptrdiff_t start = part * length, depth = part + 1 < parts ? length : inputs - start;
    vf sum[TILE_ROWS * TILE_VECTORS];
    UNROLL for (int i = 0; i < rows * vectors; i++) sum[i] = splat(0);
    multiply_tile(rows, vectors, sum, x + start, x_stride, 1, w + start * stride, stride, LANES, depth);
    UNROLL for (int i = 0; i < rows * vectors; i++) total[i] += sum[i];
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      vf value = total[r * vectors + v];
      if (layer->activation == MAQUETTE_RELU) value = max_of(splat(0), value);
      store(y + r * stride + column + v * LANES, value);
    }
  }
}

INLINE void forward_rows(const int rows, const maquette_layer *layer, ptrdiff_t stride, ptrdiff_t column,
                         ptrdiff_t width, const float *x, ptrdiff_t x_stride, float *y) {
  if (width == TILE_VECTORS * LANES) {
    forward_tile(rows, TILE_VECTORS, layer, stride, column, x, x_stride, y);
  } else {
    forward_tile(rows, 1, layer, stride, column, x, x_stride, y);
  }
}

/* A single row: several parts of the sum at once, in place of several rows. */
INLINE void forward_row_tile(const int parts, const int vectors, const maquette_layer *layer, ptrdiff_t stride,
                             ptrdiff_t column, const float *x, float *y) {
  const int together = parts * vectors <= ROW_TILE ? parts : ROW_TILE / vectors;
  const ptrdiff_t inputs = layer->inputs, length = inputs / parts;
  const float *w = layer->weights + column;
  vf total[ROW_TILE];
  UNROLL for (int group = 0; group < parts; group += together) {
    vf sum[ROW_TILE];
    UNROLL for (int i = 0; i < together * vectors; i++) sum[i] = splat(0);
    if (group == 0) {
      UNROLL for (int v = 0; v < vectors; v++) sum[v] = load(layer->bias + column + v * LANES);
    }
    for (ptrdiff_t k = group * length; k < (group + 1) * length; k++) {
      UNROLL for (int part = 0; part < together; part++) {
        ptrdiff_t i = k + part * length;
        vf factor = splat(x[i]);
        UNROLL for (int v = 0; v < vectors; v++) {
          sum[part * vectors + v] = multiply_add(factor, load(w + i * stride + v * LANES), sum[part * vectors + v]);
        }
      }
    }
    if (group + together == parts) {
      for (ptrdiff_t i = parts * length; i < inputs; i++) {
        vf factor = splat(x[i]);
        UNROLL for (int v = 0; v < vectors; v++) {
          int last = (together - 1) * vectors + v;
          sum[last] = multiply_add(factor, load(w + i * stride + v * LANES), sum[last]);
        }
      }
    }
    UNROLL for (int part = 0; part < together; part++) {
      UNROLL for (int v = 0; v < vectors; v++) {
        vf added = sum[part * vectors + v];
        total[v] = group + part == 0 ? added : total[v] + added;
      }
    }
  }
  UNROLL for (int v = 0; v < vectors; v++) {
    vf value = total[v];
    if (layer->activation == MAQUETTE_RELU) value = max_of(splat(0), value);
    store(y + column + v * LANES, value);
  }
}

INLINE void forward_row(const maquette_layer *layer, const float *x, float *y) {
  const ptrdiff_t stride = maquette_stride(layer->outputs);
  ptrdiff_t column = 0;
  if (parts_of(stride) == 2) {
    if (ROW_TILE >= 4) {
      for (; column + 4 * LANES <= stride; column += 4 * LANES) {
        forward_row_tile(2, ROW_TILE >= 4 ? 4 : 1, layer, stride, column, x, y);
      }
    }
    for (; column < stride; column += LANES) forward_row_tile(2, 1, layer, stride, column, x, y);
  } else {
    for (; column + 2 * LANES <= stride; column += 2 * LANES) forward_row_tile(4, 2, layer, stride, column, x, y);
    if (column < stride) forward_row_tile(4, 1, layer, stride, column, x, y);
  }
}

static void dense_forward(const maquette_layer *layer, const float *x, ptrdiff_t x_stride, ptrdiff_t rows, float *y) {
  const ptrdiff_t stride = maquette_stride(layer->outputs);
  const ptrdiff_t whole = rows - rows % TILE_ROWS;
  ptrdiff_t width;
  for (ptrdiff_t column = 0; column < stride && rows > 1; column += width) {
    width = column + TILE_VECTORS * LANES <= stride ? TILE_VECTORS * LANES : LANES;
    ptrdiff_t row = 0;
    for (; row < whole; row += TILE_ROWS) {
      forward_rows(TILE_ROWS, layer, stride, column, width, x + row * x_stride, x_stride, y + row * stride);
    }
    if (TILE_ROWS > 4 && row + 4 <= rows) {
      forward_rows(TILE_ROWS > 4 ? 4 : 1, layer, stride, column, width, x + row * x_stride, x_stride, y + row * stride);
      row += 4;
    }
    if (TILE_ROWS > 2 && row + 2 <= rows) {
      forward_rows(2, layer, stride, column, width, x + row * x_stride, x_stride, y + row * stride);
      row += 2;
    }
  }
  if (rows % 2 == 1) forward_row(layer, x + (rows - 1) * x_stride, y + (rows - 1) * stride);
  if (is_curved(layer->activation)) activate(y, rows, layer->outputs, layer->activation);
}

/* The transpose of 16 x 16 floats in registers. */
INLINE void transpose(vf *m) {
  vf t[LANES];
  UNROLL for (int i = 0; i < LANES; i += 2) {
    t[i] = __builtin_shufflevector(m[i], m[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    t[i + 1] = __builtin_shufflevector(m[i], m[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  UNROLL for (int i = 0; i < LANES; i += 4) {
    UNROLL for (int j = 0; j < 2; j++) {
      m[i + 2 * j] = __builtin_shufflevector(t[i + j], t[i + j + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13,
                                             28, 29);
      m[i + 2 * j + 1] = __builtin_shufflevector(t[i + j], t[i + j + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27,
                                                 14, 15, 30, 31);
    }
  }
  /* m[4 q + j] holds, in its quarter l, the column 4 l + j of the rows 4 q and up. */
  UNROLL for (int j = 0; j < 4; j++) {
    UNROLL for (int half = 0; half < 2; half++) {
      vf a = m[8 * half + j], b = m[8 * half + 4 + j];
      t[8 * half + j] =
          __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
      t[8 * half + 4 + j] =
          __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
  }
  UNROLL for (int j = 0; j < 8; j++) {
    m[j] = __builtin_shufflevector(t[j], t[8 + j], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    m[8 + j] = __builtin_shufflevector(t[j], t[8 + j], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
}

INLINE void backward_tile(const int rows, const float *panel, const float *dy, ptrdiff_t dy_stride, ptrdiff_t depth,
                          const float *activation, _Bool first, _Bool last, float *dx, ptrdiff_t dx_stride) {
  vf sum[TILE_ROWS];
  UNROLL for (int r = 0; r < rows; r++) sum[r] = first ? splat(0) : load(dx + r * dx_stride);
  multiply_tile(rows, 1, sum, dy, dy_stride, 1, panel, LANES, LANES, depth);
  UNROLL for (int r = 0; r < rows; r++) {
    vf value = sum[r];
    if (last && activation) value = load(activation + r * dx_stride) > 0 ? value : splat(0);
    store(dx + r * dx_stride, value);
  }
}

enum { EIGHT = 8 };

/* Eight rows, which fit the registers beside a block of transposed weights: nothing is stored in between. */
INLINE void backward_eight(const float *weights, ptrdiff_t stride, ptrdiff_t outputs, const float *dy,
                           const float *activation, float *dx, ptrdiff_t dx_stride) {
  vf sum[EIGHT];
  UNROLL for (int r = 0; r < EIGHT; r++) sum[r] = splat(0);
  for (ptrdiff_t column = 0; column < outputs; column += LANES) {
    vf block[LANES];
    UNROLL for (int i = 0; i < LANES; i++) block[i] = load(weights + column + i * stride);
    transpose(block);
    UNROLL for (int i = 0; i < LANES; i++) {
      if (column + i == outputs) break;
      UNROLL for (int r = 0; r < EIGHT; r++) {
        sum[r] = multiply_add(splat(dy[r * stride + column + i]), block[i], sum[r]);
      }
    }
  }
  UNROLL for (int r = 0; r < EIGHT; r++) {
    vf value = sum[r];
    if (activation) value = load(activation + r * dx_stride) > 0 ? value : splat(0);
    store(dx + r * dx_stride, value);
  }
}

/* Weights are transposed 16 rows by up to 256 columns at a time: cheaper, already for 8 rows, than reducing
 * across lanes, and nobody has to keep a transposed copy up to date. */
static void dense_backward(const float *weights, ptrdiff_t inputs, ptrdiff_t outputs, const float *dy, ptrdiff_t rows,
                           const float *activation, float *dx) {
  enum { DEPTH = 256 };
  const ptrdiff_t stride = maquette_stride(outputs), dx_stride = maquette_stride(inputs);
  float panel[DEPTH * LANES] __attribute__((aligned(64)));
  if (outputs == 0) memset(dx, 0, (size_t)(rows * dx_stride) * sizeof(float));
  for (ptrdiff_t input = 0; input < inputs; input += LANES) {
    ptrdiff_t present = inputs - input < LANES ? inputs - input : LANES;
    if (TILE_ROWS >= EIGHT && rows == EIGHT && present == LANES) {
      backward_eight(weights + input * stride, stride, outputs, dy, activation ? activation + input : NULL, dx + input,
                     dx_stride);
      continue;
    }
    for (ptrdiff_t start = 0; start < outputs; start += DEPTH) {
      ptrdiff_t depth = outputs - start < DEPTH ? outputs - start : DEPTH;
      for (ptrdiff_t column = 0; column < depth; column += LANES) {
        const float *from = weights + input * stride + start + column;
        vf block[LANES];
        if (present == LANES) {
          UNROLL for (int i = 0; i < LANES; i++) block[i] = load(from + i * stride);
        } else {
          for (int i = 0; i < LANES; i++) block[i] = i < present ? load(from + i * stride) : splat(0);
        }
        transpose(block);
        UNROLL for (int i = 0; i < LANES; i++) store(panel + (column + i) * LANES, block[i]);
      }
      _Bool first = start == 0, last = start + depth == outputs;
      for (ptrdiff_t row = 0; row < rows;) {
        const float *above = dy + row * stride + start;
        const float *mask = activation ? activation + row * dx_stride + input : NULL;
        float *to = dx + row * dx_stride + input;
        /* Few rows at a time wait for their additions: eight are twice four, not six, one and one. */
        if (row + TILE_ROWS <= rows && !(TILE_ROWS == 6 && row + EIGHT == rows)) {
          backward_tile(TILE_ROWS, panel, above, stride, depth, mask, first, last, to, dx_stride);
          row += TILE_ROWS;
        } else if (TILE_ROWS > 4 && row + 4 <= rows) {
          backward_tile(TILE_ROWS > 4 ? 4 : 1, panel, above, stride, depth, mask, first, last, to, dx_stride);
          row += 4;
        } else {
          backward_tile(1, panel, above, stride, depth, mask, first, last, to, dx_stride);
          row += 1;
        }
      }
    }
  }
}

/* ---- Gradient and step ---------------------------------------------------------------------------------- */

/* `rule` is a constant where this is inlined. */
typedef struct {
  vf beta1, beta2, epsilon, step, decay;
} step_vectors;

enum { WRITE = -1, ADAM = MAQUETTE_ADAM, SGD = MAQUETTE_SGD, DECAYING_ADAM };

INLINE step_vectors step_splat(const maquette_optimizer *optimizer) {
  return (step_vectors){splat(optimizer->beta1), splat(optimizer->beta2), splat(optimizer->epsilon),
                        splat(optimizer->step), splat(optimizer->decay)};
}

INLINE void step_vector(const int rule, float *weights, float *first, float *second, vf gradient,
                        const step_vectors *by) {
  /* Adding and taking away 2^-80 rounds what is below 1e-31 to zero: the moments of a unit that has died would
   * otherwise decay into subnormal numbers, on which many processors are a hundred times slower. */
  const vf quantum = splat(0x1p-80f);
  if (rule != ADAM) gradient = multiply_add(by->decay, load(weights), gradient);
  vf m = multiply_add(load(first), by->beta1, quantum) + gradient - quantum;
  store(first, m);
  if (rule == SGD) {
    store(weights, multiply_add(-by->step, m, load(weights)));
    return;
  }
  vf v = multiply_add(gradient, gradient, multiply_add(load(second), by->beta2, quantum)) - quantum;
  store(second, v);
  vf direction = m / (__builtin_elementwise_sqrt(v) + by->epsilon);
  store(weights, multiply_add(-by->step, direction, load(weights)));
}

INLINE void step_by(const int rule, float *weights, float *first, float *second, const float *gradient,
                    ptrdiff_t count, const maquette_optimizer *optimizer) {
  const step_vectors by = step_splat(optimizer);
  for (ptrdiff_t i = 0; i < count; i += LANES) {
    step_vector(rule, weights + i, first + i, second + i, load(gradient + i), &by);
  }
}

static void optimizer_step(float *weights, float *first, float *second, const float *gradient, ptrdiff_t count,
                           const maquette_optimizer *optimizer) {
  if (optimizer->rule == MAQUETTE_SGD) {
    step_by(SGD, weights, first, second, gradient, count, optimizer);
  } else if (optimizer->decay != 0) {
    step_by(DECAYING_ADAM, weights, first, second, gradient, count, optimizer);
  } else {
    step_by(ADAM, weights, first, second, gradient, count, optimizer);
  }
}

/* The gradient of `rows` rows of the weights by `vectors` columns of 16: written to dw, or used for the step. */
INLINE void gradient_tile(const int rule, const int rows, const int vectors, const float *x, ptrdiff_t x_stride, const float *dy,
                          ptrdiff_t stride, ptrdiff_t depth, float *dw, const maquette_trained *layer,
                          ptrdiff_t at, const step_vectors *by) {
  vf sum[TILE_ROWS * TILE_VECTORS];
  UNROLL for (int i = 0; i < rows * vectors; i++) sum[i] = splat(0);
  multiply_tile(rows, vectors, sum, x, 1, x_stride, dy, stride, LANES, depth);
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      ptrdiff_t to = at + r * stride + v * LANES;
      if (rule != WRITE) {
        step_vector(rule, layer->weights + to, layer->weights_first + to, layer->weights_second + to, sum[r * vectors + v],
                    by);
      } else {
        store(dw + to, sum[r * vectors + v]);
      }
    }
  }
}

/* `inputs` rows of the weights across all columns: memory is walked in its order, and dy stays in the cache. */
INLINE void gradient_rows(const int rule, const int inputs, const float *x, ptrdiff_t x_stride, const float *dy, ptrdiff_t stride,
                          ptrdiff_t rows, float *dw, const maquette_trained *layer, ptrdiff_t at,
                          const step_vectors *by) {
  ptrdiff_t column = 0;
  for (; column + TILE_VECTORS * LANES <= stride; column += TILE_VECTORS * LANES) {
    gradient_tile(rule, inputs, TILE_VECTORS, x, x_stride, dy + column, stride, rows, dw, layer, at + column, by);
  }
  for (; column < stride; column += LANES) {
    gradient_tile(rule, inputs, 1, x, x_stride, dy + column, stride, rows, dw, layer, at + column, by);
  }
}

/* Mini-batches of eight rows, the usual ones: their part of dy stays in registers, and every vector of weights is
 * finished before the next begins. Only so do roots and divisions, which keep one unit busy for long, overlap with
 * the products of the vectors that follow. The same sums as in gradient_tile. */
INLINE void update_columns(const int rule, const int vectors, const float *x, ptrdiff_t x_stride, const float *dy, ptrdiff_t stride,
                           ptrdiff_t column, const maquette_trained *layer, const step_vectors *by) {
  vf above[EIGHT * TILE_VECTORS];
  UNROLL for (int row = 0; row < EIGHT; row++) {
    UNROLL for (int v = 0; v < vectors; v++) above[row * vectors + v] = load(dy + row * stride + column + v * LANES);
  }
  for (ptrdiff_t input = 0; input < layer->inputs; input++) {
    vf sum[TILE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) sum[v] = splat(0);
    UNROLL for (int row = 0; row < EIGHT; row++) {
      vf factor = splat(x[row * x_stride + input]);
      UNROLL for (int v = 0; v < vectors; v++) sum[v] = multiply_add(factor, above[row * vectors + v], sum[v]);
    }
    UNROLL for (int v = 0; v < vectors; v++) {
      ptrdiff_t to = input * stride + column + v * LANES;
      step_vector(rule, layer->weights + to, layer->weights_first + to, layer->weights_second + to, sum[v], by);
    }
  }
}

/* The same where eight rows do not fit the registers: their part of dy comes from the nearest cache. */
INLINE void update_column(const int rule, const float *x, ptrdiff_t x_stride, const float *dy, ptrdiff_t stride,
                          ptrdiff_t column, const maquette_trained *layer, const step_vectors *by) {
  float above[EIGHT * LANES] __attribute__((aligned(64)));
  UNROLL for (int row = 0; row < EIGHT; row++) store(above + row * LANES, load(dy + row * stride + column));
  for (ptrdiff_t input = 0; input < layer->inputs; input++) {
    vf sum = splat(0);
    UNROLL for (int row = 0; row < EIGHT; row++) {
      sum = multiply_add(splat(x[row * x_stride + input]), load(above + row * LANES), sum);
    }
    ptrdiff_t to = input * stride + column;
    step_vector(rule, layer->weights + to, layer->weights_first + to, layer->weights_second + to, sum, by);
  }
}

INLINE void gradient(const int rule, const float *x, ptrdiff_t x_stride, const float *dy, ptrdiff_t rows, ptrdiff_t inputs,
                     ptrdiff_t outputs, float *dw, float *db, const maquette_trained *layer,
                     const step_vectors *by) {
  const ptrdiff_t stride = maquette_stride(outputs);
  ptrdiff_t input = 0;
  if (rule != WRITE && stride >= 256 && stride <= WIDEST) {
    /* Weights and moments of a wide layer come from further away: read them as three streams, not as 3 x 8. */
    float part[TILE_ROWS * WIDEST] __attribute__((aligned(64)));
    for (; input + TILE_ROWS <= inputs; input += TILE_ROWS) {
      gradient_rows(WRITE, TILE_ROWS, x + input, x_stride, dy, stride, rows, part, layer, 0, NULL);
      for (ptrdiff_t i = 0; i < TILE_ROWS * stride; i += LANES) {
        ptrdiff_t at = input * stride + i;
        step_vector(rule, layer->weights + at, layer->weights_first + at, layer->weights_second + at, load(part + i), by);
      }
    }
  }
  if (rule != WRITE && TILE_ROWS >= EIGHT && rows == EIGHT && stride < 256) {
    ptrdiff_t column = 0;
    for (; column + TILE_VECTORS * LANES <= stride; column += TILE_VECTORS * LANES) {
      update_columns(rule, TILE_VECTORS, x, x_stride, dy, stride, column, layer, by);
    }
    for (; column < stride; column += LANES) update_columns(rule, 1, x, x_stride, dy, stride, column, layer, by);
    input = inputs;
  }
  /* Adam's roots and divisions overlap with the next tile's products, if that begins soon enough. */
  const int tile = rule == WRITE || TILE_ROWS <= 4 ? TILE_ROWS : 4;
  if (rule != WRITE && TILE_ROWS < EIGHT && rows == EIGHT && stride < 256) {
    for (ptrdiff_t column = 0; column < stride; column += LANES) {
      update_column(rule, x, x_stride, dy, stride, column, layer, by);
    }
    input = inputs;
  }
  for (; input + tile <= inputs; input += tile) {
    gradient_rows(rule, tile, x + input, x_stride, dy, stride, rows, dw, layer, input * stride, by);
  }
  for (; input < inputs; input++) {
    gradient_rows(rule, 1, x + input, x_stride, dy, stride, rows, dw, layer, input * stride, by);
  }
  if (rule != WRITE && layer->bias == NULL) return;
  /* The bias is not decayed. */
  step_vectors plain = rule == WRITE ? (step_vectors){0} : *by;
  plain.decay = splat(0);
  for (ptrdiff_t at = 0; at < stride; at += LANES) {
    vf sum = splat(0);
    for (ptrdiff_t row = 0; row < rows; row++) sum += load(dy + row * stride + at);
    if (rule != WRITE) {
      step_vector(rule, layer->bias + at, layer->bias_first + at, layer->bias_second + at, sum, &plain);
    } else {
      store(db + at, sum);
    }
  }
}

static void dense_gradient(const float *x, ptrdiff_t x_stride, const float *dy, ptrdiff_t rows, ptrdiff_t inputs,
                           ptrdiff_t outputs, float *dw, float *db) {
  gradient(WRITE, x, x_stride, dy, rows, inputs, outputs, dw, db, NULL, NULL);
}

static void dense_update(const maquette_trained *layer, const float *x, ptrdiff_t x_stride, const float *dy,
                         ptrdiff_t rows, const maquette_optimizer *optimizer) {
  const step_vectors by = step_splat(optimizer);
  if (optimizer->rule == MAQUETTE_SGD) {
    gradient(SGD, x, x_stride, dy, rows, layer->inputs, layer->outputs, NULL, NULL, layer, &by);
  } else if (optimizer->decay != 0) {
    gradient(DECAYING_ADAM, x, x_stride, dy, rows, layer->inputs, layer->outputs, NULL, NULL, layer, &by);
  } else {
    gradient(ADAM, x, x_stride, dy, rows, layer->inputs, layer->outputs, NULL, NULL, layer, &by);
  }
}

/* ---- Softmax and losses --------------------------------------------------------------------------------- */

static void exponential(const float *x, float *y, ptrdiff_t count) {
  ptrdiff_t i = 0;
  for (; i + LANES <= count; i += LANES) store(y + i, exponential_of(load(x + i)));
  if (i < count) {
    float rest[LANES] = {0};
    memcpy(rest, x + i, (size_t)(count - i) * sizeof(float));
    store(rest, exponential_of(load(rest)));
    memcpy(y + i, rest, (size_t)(count - i) * sizeof(float));
  }
}

typedef struct {
  vf maximum, sum; /* in all lanes */
} softmax_sums;

/* The logits at `at`, with minus infinity in the padding. */
INLINE vf logits_at(const float *y, ptrdiff_t at, ptrdiff_t classes) {
  return lane_numbers() < (vi)(int32_t)(classes - at) ? load(y + at) : splat(-INFINITY);
}

/* Logits to e^(logit - maximum), padding to zero. */
INLINE softmax_sums exponentials(float *y, ptrdiff_t stride, ptrdiff_t classes) {
  vf maximum = logits_at(y, stride - LANES, classes);
  for (ptrdiff_t at = 0; at < stride - LANES; at += LANES) maximum = max_of(load(y + at), maximum);
  maximum = max_across(maximum);
  vf sum = splat(0);
  for (ptrdiff_t at = 0; at < stride; at += LANES) {
    vf e = exponential_of(logits_at(y, at, classes) - maximum);
    store(y + at, e);
    sum += e;
  }
  return (softmax_sums){maximum, sum_across(sum)};
}

INLINE void softmax_row(float *y, ptrdiff_t stride, ptrdiff_t classes) {
  vf sum = exponentials(y, stride, classes).sum;
  for (ptrdiff_t at = 0; at < stride; at += LANES) store(y + at, load(y + at) / sum);
}

/* As many rows as a vector has lanes, of one vector each, with a class in each vector: nothing is done for the padding,
 * and nothing goes across lanes. The sums are those of sum_across, to the bit. */
INLINE void softmax_block(float *y, ptrdiff_t classes) {
  vf e[LANES], sum[LANES / 2];
  UNROLL for (int r = 0; r < LANES; r++) e[r] = load(y + r * LANES);
  transpose(e);
  vf maximum = e[0];
  for (ptrdiff_t c = 1; c < classes; c++) maximum = max_of(e[c], maximum);
  for (ptrdiff_t c = 0; c < classes; c++) e[c] = exponential_of(e[c] - maximum);
  for (ptrdiff_t c = classes; c < LANES; c++) e[c] = splat(0);
  UNROLL for (int c = 0; c < 8; c++) sum[c] = e[c] + e[c + 8];
  UNROLL for (int c = 0; c < 4; c++) sum[c] += sum[c + 4];
  UNROLL for (int c = 0; c < 2; c++) sum[c] += sum[c + 2];
  sum[0] += sum[1];
  for (ptrdiff_t c = 0; c < classes; c++) e[c] /= sum[0];
  transpose(e);
  UNROLL for (int r = 0; r < LANES; r++) store(y + r * LANES, e[r]);
}

static void softmax(float *y, ptrdiff_t rows, ptrdiff_t classes) {
  const ptrdiff_t stride = maquette_stride(classes);
  if (stride == LANES) {
    ptrdiff_t row = 0;
    for (; row + LANES <= rows; row += LANES) softmax_block(y + row * LANES, classes);
    for (; row < rows; row++) softmax_row(y + row * LANES, LANES, classes);
  } else if (stride > 0) {
    for (ptrdiff_t row = 0; row < rows; row++) softmax_row(y + row * stride, stride, classes);
  }
}

/* Whether the maximum is found in front of `label`. */
INLINE _Bool found_before(const float *y, ptrdiff_t label, float maximum) {
  vi found = (vi)0;
  for (ptrdiff_t at = 0; at < label; at += LANES) {
    found |= (load(y + at) == splat(maximum)) & (lane_numbers() < (vi)(int32_t)(label - at));
  }
  return any(found);
}

/* Several rows of one vector side by side: each is a long chain of operations that wait for one another. */
INLINE void cross_entropy_block(const int rows, float *y, ptrdiff_t classes, const int32_t *labels, float scale,
                                double *product, double *below, ptrdiff_t *hits) {
  vf logits[4], maximum[4], e[4], sum[4];
  UNROLL for (int r = 0; r < rows; r++) logits[r] = logits_at(y + r * LANES, 0, classes);
  UNROLL for (int r = 0; r < rows; r++) maximum[r] = max_of(logits[r], halves_swapped(logits[r]));
  UNROLL for (int r = 0; r < rows; r++) maximum[r] = max_of(maximum[r], quarters_swapped(maximum[r]));
  UNROLL for (int r = 0; r < rows; r++) maximum[r] = max_of(maximum[r], pairs_swapped(maximum[r]));
  UNROLL for (int r = 0; r < rows; r++) maximum[r] = max_of(maximum[r], neighbours_swapped(maximum[r]));
  UNROLL for (int r = 0; r < rows; r++) sum[r] = e[r] = exponential_of(logits[r] - maximum[r]);
  UNROLL for (int r = 0; r < rows; r++) sum[r] += halves_swapped(sum[r]);
  UNROLL for (int r = 0; r < rows; r++) sum[r] += quarters_swapped(sum[r]);
  UNROLL for (int r = 0; r < rows; r++) sum[r] += pairs_swapped(sum[r]);
  UNROLL for (int r = 0; r < rows; r++) sum[r] += neighbours_swapped(sum[r]);
  UNROLL for (int r = 0; r < rows; r++) {
    vi hot = lane_numbers() == (vi)labels[r];
    float logit = y[r * LANES + labels[r]];
    vi before = (logits[r] == maximum[r]) & (lane_numbers() < (vi)labels[r]);
    *hits += (logit == maximum[r][0]) & !any(before);
    *below += (double)(maximum[r][0] - logit);
    *product *= (double)sum[r][0];
    store(y + r * LANES, (e[r] / sum[r] - (hot ? splat(1) : splat(0))) * scale);
  }
}

INLINE void cross_entropy_rows(float *y, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t classes, const int32_t *labels,
                               float scale, maquette_loss *loss) {
  /* -log p = log(sum) - (logit - maximum), which is finite however small p is; and the sum of the logarithms is
   * the logarithm of the product: one call of libm in place of one a row. */
  double product = 1, below = 0;
  ptrdiff_t hits = 0;
  ptrdiff_t row = 0;
  for (; stride == LANES && row + 4 <= rows; row += 4, y += 4 * LANES) {
    cross_entropy_block(4, y, classes, labels + row, scale, &product, &below, &hits);
    if (product > 1e280) {
      below += log(product);
      product = 1;
    }
  }
  for (; row < rows; row++, y += stride) {
    ptrdiff_t label = labels[row];
    float logit = y[label], p;
    if (stride == LANES) {
      vf logits = logits_at(y, 0, classes);
      softmax_sums sums = exponentials(y, LANES, classes);
      float maximum = sums.maximum[0];
      vi before = (logits == sums.maximum) & (lane_numbers() < (vi)(int32_t)label);
      hits += (logit == maximum) & !any(before);
      below += (double)(maximum - logit);
      product *= (double)sums.sum[0];
      vf hot = lane_numbers() == (vi)(int32_t)label ? splat(1) : splat(0);
      store(y, (load(y) / sums.sum - hot) * scale);
    } else {
      vf maximum = logits_at(y, stride - LANES, classes);
      for (ptrdiff_t at = 0; at < stride - LANES; at += LANES) maximum = max_of(load(y + at), maximum);
      maximum = max_across(maximum);
      hits += logit == maximum[0] && !found_before(y, label, maximum[0]);
      vf sum = exponentials(y, stride, classes).sum;
      below += (double)(maximum[0] - logit);
      product *= (double)sum[0];
      p = y[label] / sum[0];
      for (ptrdiff_t at = 0; at < stride; at += LANES) store(y + at, load(y + at) / sum * scale);
      y[label] = (p - 1) * scale;
    }
    if (product > 1e280) {
      below += log(product);
      product = 1;
    }
  }
  loss->loss += below + log(product);
  loss->measured += (double)hits;
}

static void cross_entropy(float *y, ptrdiff_t rows, ptrdiff_t classes, const int32_t *labels, const float *weights,
                          float scale, maquette_loss *loss) {
  const ptrdiff_t stride = maquette_stride(classes);
  if (weights == NULL) {
    if (rows > 0) cross_entropy_rows(y, rows, stride, classes, labels, scale, loss);
    return;
  }
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float weight = weights[labels[row]];
    maquette_loss one = {0, 0};
    cross_entropy_rows(y + row * stride, 1, stride, classes, labels + row, scale * weight, &one);
    loss->loss += (double)weight * one.loss;
    loss->measured += one.measured;
  }
}

static void squared_error(float *y, ptrdiff_t rows, ptrdiff_t outputs, const float *targets, ptrdiff_t target_stride,
                          const float *units, float scale, maquette_loss *loss) {
  const ptrdiff_t stride = maquette_stride(outputs);
  double squares = 0, absolutes = 0;
  for (ptrdiff_t row = 0; row < rows; row++) {
    for (ptrdiff_t i = 0; i < outputs; i++) {
      float error = y[row * stride + i] - targets[row * target_stride + i];
      double measured = units ? (double)error * (double)units[i] : (double)error;
      squares += measured * measured;
      absolutes += fabs(measured);
      y[row * stride + i] = 2 * error * scale;
    }
  }
  loss->loss += squares;
  loss->measured += absolutes;
}

/* ---- A row through a network ---------------------------------------------------------------------------- */

static _Bool network(const maquette_layer *layers, ptrdiff_t count, _Bool softmax, const maquette_scaling *scaling,
                     const float *x, float *y) {
  float scratch[2][WIDEST] __attribute__((aligned(64)));
  for (ptrdiff_t i = 0; i < count; i++) {
    if (layers[i].outputs > WIDEST || layers[i].inputs > (scaling ? WIDEST : PTRDIFF_MAX)) return 0;
  }
  if (scaling && count > 0) {
    scale_row(scaling, x, layers[0].inputs, scratch[1]);
    x = scratch[1];
  }
  for (ptrdiff_t i = 0; i < count; i++) {
    float *to = scratch[i % 2];
    forward_row(&layers[i], x, to);
    if (is_curved(layers[i].activation)) activate(to, 1, layers[i].outputs, layers[i].activation);
    x = to;
  }
  if (count == 0) return 1;
  float *last = scratch[(count - 1) % 2];
  const ptrdiff_t outputs = layers[count - 1].outputs, stride = maquette_stride(outputs);
  if (softmax && stride == LANES) {
    softmax_row(last, LANES, outputs);
  } else if (softmax && stride > 0) {
    softmax_row(last, stride, outputs);
  }
  memcpy(y, last, (size_t)outputs * sizeof(float));
  return 1;
}

/* ---- Rows ----------------------------------------------------------------------------------------------- */

static _Bool finite_all(const float *x, ptrdiff_t count) {
  const vi exponent = (vi)0x7f800000;
  ptrdiff_t i = 0;
  vi bad = (vi)0;
  for (; i + LANES <= count; i += LANES) bad |= (__builtin_bit_cast(vi, load(x + i)) & exponent) == exponent;
  if (count >= LANES) {
    bad |= (__builtin_bit_cast(vi, load(x + count - LANES)) & exponent) == exponent;
    return !any(bad);
  }
  for (; i < count; i++) {
    if (!__builtin_isfinite(x[i])) return 0;
  }
  return 1;
}

static void deviations(const float *x, ptrdiff_t rows, ptrdiff_t columns, const float *middle, float *y, double *sums) {
  typedef double vd __attribute__((ext_vector_type(LANES)));
  typedef double vd_anywhere __attribute__((ext_vector_type(LANES), aligned(8), may_alias));
  enum { TOGETHER = 4 };
  ptrdiff_t row = 0;
  for (; row + TOGETHER <= rows; row += TOGETHER, x += TOGETHER * columns, y += TOGETHER * columns) {
    ptrdiff_t i = 0;
    for (; i + LANES <= columns; i += LANES) {
      vf value[TOGETHER];
      UNROLL for (int r = 0; r < TOGETHER; r++) {
        value[r] = load(x + r * columns + i) - load(middle + i);
        store(y + r * columns + i, value[r]);
      }
      vf sum = (value[0] + value[1]) + (value[2] + value[3]);
      vd_anywhere *to = (vd_anywhere *)(sums + i);
      *to += __builtin_convertvector(sum, vd);
    }
    for (; i < columns; i++) {
      for (int r = 0; r < TOGETHER; r++) {
        y[r * columns + i] = x[r * columns + i] - middle[i];
        sums[i] += (double)y[r * columns + i];
      }
    }
  }
  for (; row < rows; row++, x += columns, y += columns) {
    for (ptrdiff_t i = 0; i < columns; i++) {
      y[i] = x[i] - middle[i];
      sums[i] += (double)y[i];
    }
  }
}

static void normalise(const float *x, ptrdiff_t x_stride, ptrdiff_t rows, ptrdiff_t columns, float *y,
                      ptrdiff_t y_stride) {
  const vi magnitude = (vi)0x7fffffff;
  for (ptrdiff_t row = 0; row < rows; row++, x += x_stride, y += y_stride) {
    const ptrdiff_t whole = columns - columns % LANES;
    float rest[LANES] = {0};
    memcpy(rest, x + whole, (size_t)(columns - whole) * sizeof(float));
    vf tail = load(rest), largest = splat(0);
    for (ptrdiff_t at = 0; at < whole; at += LANES) {
      largest = max_of(largest, __builtin_bit_cast(vf, __builtin_bit_cast(vi, load(x + at)) & magnitude));
    }
    largest = max_of(largest, __builtin_bit_cast(vf, __builtin_bit_cast(vi, tail) & magnitude));
    float greatest = max_across(largest)[0];
    /* A power of two changes no digit, and brings the squares into range. */
    const vf scale = splat(greatest > 0x1p40f ? 0x1p-90f : greatest < 0x1p-60f ? 0x1p100f : 1);
    vf sum = splat(0);
    for (ptrdiff_t at = 0; at < whole; at += LANES) {
      vf value = load(x + at) * scale;
      sum = multiply_add(value, value, sum);
    }
    tail *= scale;
    sum = sum_across(multiply_add(tail, tail, sum));
    vf length = greatest > 0 ? __builtin_elementwise_sqrt(sum) : splat(1);
    for (ptrdiff_t at = 0; at < whole; at += LANES) store(y + at, load(x + at) * scale / length);
    store(rest, tail / length);
    memcpy(y + whole, rest, (size_t)(columns - whole) * sizeof(float));
  }
}

#include "neighbours.h"

#include "sifting.h"

#include "embedding.h"

const maquette_kernels VARIANT = {
    .name = VARIANT_NAME,
    .dense_forward = dense_forward,
    .dense_backward = dense_backward,
    .dense_gradient = dense_gradient,
    .dense_update = dense_update,
    .activate = activate_rows,
    .curve_backward = curve_backward,
    .drop_out = drop_out,
    .scale = scale_rows,
    .step = optimizer_step,
    .softmax = softmax,
    .cross_entropy = cross_entropy,
    .squared_error = squared_error,
    .network = network,
    .finite = finite_all,
    .exponential = exponential,
    .deviations = deviations,
    .normalise = normalise,
    .pack = pack,
    .score = score,
    .search = search,
    .arrange_rows = arrange_rows,
    .sift = sift,
    .arrange_centers = arrange_centers,
    .assign = assign,
    .add_rows = add_rows,
    .embed = embed,
    .place = place,
    .distances = distances,
    .sparse_multiply = sparse_multiply,
};
