#ifndef MAQUETTE_KERNELS_H
#define MAQUETTE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Not part of the library's interface, whose names begin alike. */
#pragma GCC visibility push(hidden)

/* The inner loops, on 32-bit floats, each compiled for several instruction sets.
 *
 * Layout. A dense layer's weights are row-major [inputs, stride], where stride is `outputs` rounded up to a
 * multiple of 16; its bias has `stride` floats. Activations and their gradients are [rows, stride] likewise.
 * The columns from `outputs` to `stride` are padding: zero, and kept zero. 64-byte alignment is faster, not
 * required. The rows of an input `x` have exactly `inputs` floats, `x_stride` floats apart.
 *
 * Repeatability. A row's result does not depend on the other rows of the call or on how many there are, bit for
 * bit; variants with fused multiply-add (avx512, avx2, and portable on arm64) agree bit for bit as well.
 *
 * Nothing here allocates, locks, or checks its arguments. */

enum { MAQUETTE_LANES = 16 };

/* `outputs` rounded up to whole vectors. */
static inline ptrdiff_t maquette_stride(ptrdiff_t outputs) {
  return (outputs + MAQUETTE_LANES - 1) & ~(ptrdiff_t)(MAQUETTE_LANES - 1);
}

enum { MAQUETTE_LINEAR = 0, MAQUETTE_RELU = 1, MAQUETTE_TANH = 2, MAQUETTE_SIGMOID = 3 };

/* A dense layer: y = f(x W + b), f one of those above. */
typedef struct maquette_layer {
  const float *_Nonnull weights;
  const float *_Nonnull bias;
  ptrdiff_t inputs;
  ptrdiff_t outputs;
  int32_t activation;
} maquette_layer;

/* What columns are brought to one scale by: (x - mean) * inverse. */
typedef struct maquette_scaling {
  const float *_Nonnull mean;
  const float *_Nonnull inverse;
} maquette_scaling;

/* Which numbers of a mini-batch are dropped: a hash of the key and of the place of a number tells. */
typedef struct maquette_dropout {
  uint64_t key;
  uint32_t threshold; /* the share that is dropped, in 2^-32 */
  float scale;        /* of what is kept */
} maquette_dropout;

enum { MAQUETTE_ADAM = 0, MAQUETTE_SGD = 1 };

/* One step of Adam: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, with epsilon outside of the
 * root as Keras has it. All factors that are the same for every weight are gathered in two, so that
 *   m = beta1 m + g,  v = beta2 v + g^2,  w -= step * m / (sqrt(v) + epsilon)
 * where m and v are the moments divided by 1 - beta1 and 1 - beta2. With c = sqrt((1 - beta2) / (1 - beta2^t)):
 *
 * Or one of stochastic gradient descent with momentum, which is beta1: m = beta1 m + g,  w -= step * m; Polyak, "Some
 * methods of speeding up the convergence of iteration methods", 1964.
 *
 * Both with g + decay * w in place of g for weights, not for biases: the gradient of decay / 2 times the sum of squares. */
typedef struct maquette_optimizer {
  int32_t rule;
  float beta1, beta2;
  float epsilon; /* Adam's / c */
  float step;    /* learning rate * (1 - beta1) / (1 - beta1^t) / c; of gradient descent: learning rate */
  float decay;
} maquette_optimizer;

/* The parameters of a layer and two moments of each, in the layouts above; gradient descent leaves the second alone. */
typedef struct maquette_trained {
  float *_Nonnull weights;
  float *_Nullable bias; /* null: the bias takes no step */
  float *_Nonnull weights_first;
  float *_Nullable bias_first;
  float *_Nonnull weights_second;
  float *_Nullable bias_second;
  ptrdiff_t inputs;
  ptrdiff_t outputs;
} maquette_trained;

/* What a loss kernel adds up. */
typedef struct maquette_loss {
  double loss;     /* the sum over the rows of the losses */
  double measured; /* rows classified rightly, or the sum of absolute errors */
} maquette_loss;

enum { MAQUETTE_DOT = 0, MAQUETTE_SQUARED_DISTANCE = 1, MAQUETTE_MANHATTAN = 2 };

/* The k best found so far for each of some queries: `scores` and `rows` are [queries, k], best first. */
typedef struct maquette_nearest {
  float *_Nonnull scores;
  int32_t *_Nonnull rows;
  ptrdiff_t k;
  ptrdiff_t found; /* of k, the same for each query */
} maquette_nearest;

/* Rows whose products tell which of them may be the nearest; see arrange_rows. */
typedef struct maquette_sifted {
  const float *_Nonnull panels;    /* of the rows, less the middle */
  const float *_Nullable offsets;  /* null: nothing is added to the products */
  const float *_Nullable rows;     /* [rows, features], as they are; null: the products are the scores */
  const float *_Nullable middle;   /* [features], what was taken away from the rows; null: nothing */
  ptrdiff_t features;
} maquette_sifted;

/* Centers of clusters; see arrange_centers. */
typedef struct maquette_centers {
  const float *_Nonnull centers; /* [count, features], as they are */
  const float *_Nonnull arranged;
  const float *_Nonnull offsets;
  ptrdiff_t count; /* at least 1 */
} maquette_centers;

enum { MAQUETTE_EMBEDDING_DIMENSIONS = 64 };

/* Weighted edges: those of vertex v are at starts[v] ..< starts[v + 1]. */
typedef struct maquette_graph {
  const int64_t *_Nonnull starts;
  const int32_t *_Nonnull neighbours;
  const float *_Nonnull rates; /* weights divided by the greatest; 16 more can be read after the last */
  ptrdiff_t most_neighbours;   /* of any vertex */
} maquette_graph;

/* One epoch of UMAP's optimisation. */
typedef struct maquette_embedding {
  maquette_graph graph;
  const int32_t *_Nonnull order; /* [groups, 16]: the vertices that are moved together, -1 where there is none */
  const float *_Nonnull from;    /* [dimensions, stride]: where they stand; the first 16 again after the last */
  float *_Nonnull to;            /* [dimensions, stride]: where they stand afterwards */
  int32_t *_Nullable scratch;    /* 16 * most_neighbours, on a 64-byte boundary */
  ptrdiff_t rows, stride;
  ptrdiff_t dimensions; /* at most MAQUETTE_EMBEDDING_DIMENSIONS */
  ptrdiff_t negatives;  /* vertices drawn at random for each edge */
  uint64_t seed;        /* another one for each epoch */
  float epoch;          /* from 0 */
  float a, b, repulsion, rate;
} maquette_embedding;

/* How one row finds its place in an embedding that stays as it is. */
typedef struct maquette_placement {
  const float *_Nonnull places; /* [rows, dimensions] */
  ptrdiff_t rows;
  ptrdiff_t dimensions; /* at most MAQUETTE_EMBEDDING_DIMENSIONS */
  const int32_t *_Nonnull neighbours;
  const float *_Nonnull weights; /* of the neighbours, together 1 */
  ptrdiff_t count;               /* of neighbours: a multiple of 16, the last ones with weight 0 */
  ptrdiff_t steps;
  uint64_t seed;
  float a, b, repulsion;
  float negatives; /* how much sixteen vertices drawn at random weigh together */
} maquette_placement;

/* Sums of squared, of absolute differences. */
enum { MAQUETTE_SQUARED = 0, MAQUETTE_ABSOLUTE = 1 };

typedef struct maquette_kernels {
  const char *_Nonnull name;

  /* y[rows, stride] = layer(x[rows, inputs]). */
  void (*_Nonnull dense_forward)(const maquette_layer *_Nonnull layer, const float *_Nonnull x, ptrdiff_t x_stride,
                                 ptrdiff_t rows, float *_Nonnull y);

  /* dx[rows, stride of inputs] = dy W^T, zero where `activation` (laid out as dx) is not positive, unless null. */
  void (*_Nonnull dense_backward)(const float *_Nonnull weights, ptrdiff_t inputs, ptrdiff_t outputs,
                                  const float *_Nonnull dy, ptrdiff_t rows, const float *_Nullable activation,
                                  float *_Nonnull dx);

  /* dw = x^T dy, db = column sums of dy, summed in the order of the rows. */
  void (*_Nonnull dense_gradient)(const float *_Nonnull x, ptrdiff_t x_stride, const float *_Nonnull dy,
                                  ptrdiff_t rows, ptrdiff_t inputs, ptrdiff_t outputs, float *_Nonnull dw,
                                  float *_Nonnull db);

  /* dense_gradient, then step, bit for bit, without writing the gradient down. */
  void (*_Nonnull dense_update)(const maquette_trained *_Nonnull layer, const float *_Nonnull x, ptrdiff_t x_stride,
                                const float *_Nonnull dy, ptrdiff_t rows,
                                const maquette_optimizer *_Nonnull optimizer);

  /* One step over `count` parameters, a multiple of 16. */
  void (*_Nonnull step)(float *_Nonnull weights, float *_Nonnull first, float *_Nonnull second,
                        const float *_Nonnull gradient, ptrdiff_t count,
                        const maquette_optimizer *_Nonnull optimizer);

  /* y[rows, stride of outputs] = f(y) for tanh or sigmoid, padding stays zero; nothing for the others, which are part of
   * the product. */
  void (*_Nonnull activate)(float *_Nonnull y, ptrdiff_t rows, ptrdiff_t outputs, int32_t activation);

  /* dx *= f'(x) for tanh or sigmoid, where a * scale = f(x); `count` is a multiple of 16. */
  void (*_Nonnull curve_backward)(float *_Nonnull dx, const float *_Nonnull a, ptrdiff_t count, int32_t activation,
                                  float scale);

  /* Drops some of y[first ..< first + count] of a mini-batch and scales the others; the same ones for the same key,
   * however the mini-batch is cut. `y` begins at `first`; both counts are multiples of 16. */
  void (*_Nonnull drop_out)(float *_Nonnull y, ptrdiff_t count, const maquette_dropout *_Nonnull dropout,
                            ptrdiff_t first);

  /* y[r] = (x[r] - mean) * inverse; x and y may be the same. */
  void (*_Nonnull scale)(const maquette_scaling *_Nonnull scaling, const float *_Nonnull x, ptrdiff_t x_stride,
                         ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull y, ptrdiff_t y_stride);

  /* y[rows, stride of classes] from logits to probabilities, padding to zero. */
  void (*_Nonnull softmax)(float *_Nonnull y, ptrdiff_t rows, ptrdiff_t classes);

  /* y from logits to the gradient of the loss, (p - one hot) * scale; adds the cross entropy and the hits (the
   * first of equal logits counts as the answer). Labels must be in 0 ..< classes. With weights, one for each class,
   * loss and gradient of a row are multiplied by that of its label. */
  void (*_Nonnull cross_entropy)(float *_Nonnull y, ptrdiff_t rows, ptrdiff_t classes, const int32_t *_Nonnull labels,
                                 const float *_Nullable weights, float scale, maquette_loss *_Nonnull loss);

  /* y from predictions to 2 (y - target) * scale; adds the squared and the absolute errors, each error times the
   * units of its output where they are given. */
  void (*_Nonnull squared_error)(float *_Nonnull y, ptrdiff_t rows, ptrdiff_t outputs, const float *_Nonnull targets,
                                 ptrdiff_t target_stride, const float *_Nullable units, float scale,
                                 maquette_loss *_Nonnull loss);

  /* One row through all layers, the same bits as scale, dense_forward and softmax give; writes exactly the outputs
   * of the last layer. False, and nothing written, if a layer has more than 1,024 outputs, or, with a scaling,
   * inputs. */
  _Bool (*_Nonnull network)(const maquette_layer *_Nonnull layers, ptrdiff_t count, _Bool softmax,
                            const maquette_scaling *_Nullable scaling, const float *_Nonnull x, float *_Nonnull y);

  /* Whether there is neither a NaN nor an infinity. */
  _Bool (*_Nonnull finite)(const float *_Nonnull x, ptrdiff_t count);

  /* y = e^x, within 2 units in the last place; x and y may be the same. */
  void (*_Nonnull exponential)(const float *_Nonnull x, float *_Nonnull y, ptrdiff_t count);

  /* y = x - middle, [rows, columns], and sums[columns] += what is in y. */
  void (*_Nonnull deviations)(const float *_Nonnull x, ptrdiff_t rows, ptrdiff_t columns, const float *_Nonnull middle,
                              float *_Nonnull y, double *_Nonnull sums);

  /* y[r] = x[r] / |x[r]|, zero rows stay zero; no overflow or underflow of squares. x and y may be the same. */
  void (*_Nonnull normalise)(const float *_Nonnull x, ptrdiff_t x_stride, ptrdiff_t rows, ptrdiff_t columns,
                             float *_Nonnull y, ptrdiff_t y_stride);

  /* Copies rows into panels[panel][feature][16 rows], as the rows `first` and up; others are left alone. */
  void (*_Nonnull pack)(const float *_Nonnull x, ptrdiff_t x_stride, ptrdiff_t rows, ptrdiff_t features,
                        float *_Nonnull panels, ptrdiff_t first);

  /* scores[query, 16 * panel + row]: dot products plus the row's offset (none if null), or distances, squared or
   * Manhattan, with the sign turned: more is nearer. */
  void (*_Nonnull score)(const float *_Nonnull panels, const float *_Nullable offsets, ptrdiff_t panel_count, ptrdiff_t features,
                         const float *_Nonnull queries, ptrdiff_t query_stride, ptrdiff_t query_count, int32_t metric,
                         float *_Nonnull scores, ptrdiff_t score_stride);

  /* Scores rows first ..< last (first a multiple of 16; `panels` is the panel of row 0) and keeps the best k of
   * them and of what `nearest` holds already; equal scores: the lower row. */
  void (*_Nonnull search)(const float *_Nonnull panels, const float *_Nullable offsets, ptrdiff_t first, ptrdiff_t last, ptrdiff_t features,
                          const float *_Nonnull queries, ptrdiff_t query_stride, ptrdiff_t query_count, int32_t metric,
                          maquette_nearest *_Nonnull nearest);

  /* Packs `count` rows less the middle, which should lie among them, into whole panels, and writes, unless null, what `sift`
   * adds to their products, for each row of the panels, and the square of each row's length. */
  void (*_Nonnull arrange_rows)(const float *_Nonnull rows, ptrdiff_t count, ptrdiff_t features,
                                const float *_Nullable middle, float *_Nonnull panels, float *_Nullable offsets,
                                float *_Nullable squares);

  /* As search, by the products of unit vectors, or, where there are `rows`, by squared distances; these are exact sums of
   * (x - q)^2, and the best by them are kept. `scratch` has room for 128 queries, or all if they are fewer. */
  void (*_Nonnull sift)(const maquette_sifted *_Nonnull among, ptrdiff_t first, ptrdiff_t last,
                        const float *_Nonnull queries, ptrdiff_t query_stride, ptrdiff_t query_count,
                        float *_Nonnull scratch, maquette_nearest *_Nonnull nearest);

  /* Arranges centers for `assign`: [count, features] and count + 1 offsets; the middle is that of the rows. */
  void (*_Nonnull arrange_centers)(const float *_Nonnull centers, ptrdiff_t count, ptrdiff_t features,
                                   const float *_Nullable middle, float *_Nonnull arranged, float *_Nonnull offsets);

  /* The nearest center of the rows first ..< last (first a multiple of 16), of equally near ones the first, and, unless
   * null, the squared distance to it; all arrays begin at row 0. `squares` are those of arrange_rows. */
  void (*_Nonnull assign)(const maquette_sifted *_Nonnull among, const float *_Nonnull squares, ptrdiff_t first,
                          ptrdiff_t last, const maquette_centers *_Nonnull centers, int32_t *_Nonnull clusters,
                          float *_Nullable distances);

  /* sums[cluster, features + 1] += each row of that cluster, and the number of them. */
  void (*_Nonnull add_rows)(const float *_Nonnull rows, ptrdiff_t count, ptrdiff_t features,
                            const int32_t *_Nonnull clusters, double *_Nonnull sums);

  /* Moves the vertices of the groups first ..< last by one epoch. Writes nothing else, and depends on no other. */
  void (*_Nonnull embed)(const maquette_embedding *_Nonnull embedding, ptrdiff_t first, ptrdiff_t last);

  /* Moves one row, which stands at `own`, among the others. */
  void (*_Nonnull place)(const maquette_placement *_Nonnull placement, float *_Nonnull own);

  /* The distances of a row to `count` others, those of `ids`, or the first ones; rows have `stride` floats, a multiple of
   * 16, padded with the same numbers. */
  void (*_Nonnull distances)(const float *_Nonnull query, const float *_Nonnull rows, ptrdiff_t stride,
                             const int32_t *_Nullable ids, ptrdiff_t count, int32_t metric, float *_Nonnull to);

  /* y[row] = the sum of the row's rates times x at its neighbours, for rows first ..< last. */
  void (*_Nonnull sparse_multiply)(const maquette_graph *_Nonnull graph, const float *_Nonnull x, ptrdiff_t first,
                                   ptrdiff_t last, float *_Nonnull y);
} maquette_kernels;

/* "avx512", "avx2" or "portable"; null if unknown here or not supported by this processor. */
const maquette_kernels *_Nullable maquette_kernels_named(const char *_Nonnull name);

/* The fastest variant this processor supports. */
const maquette_kernels *_Nonnull maquette_kernels_best(void);

/* Puts a row among the k best of one query. `found` of them are held; returns how many are held then. */
ptrdiff_t maquette_nearest_insert(float *_Nonnull scores, int32_t *_Nonnull rows, ptrdiff_t k, ptrdiff_t found,
                                  float score, int32_t row);

/* How many processors the calling thread may run on, at least 1. */
ptrdiff_t maquette_processors(void);

#pragma GCC visibility pop

#endif
