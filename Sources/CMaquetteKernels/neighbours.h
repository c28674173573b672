/* Nearest neighbours: a part of body.h. */

enum { SINGLE = ROW_TILE < 4 ? 2 : 4, SUMS = TILE_ROWS * TILE_VECTORS > SINGLE ? TILE_ROWS * TILE_VECTORS : SINGLE };

INLINE vf magnitude_of(vf a) { return __builtin_bit_cast(vf, __builtin_bit_cast(vi, a) & (vi)0x7fffffff); }

static void pack(const float *x, ptrdiff_t x_stride, ptrdiff_t rows, ptrdiff_t features, float *panels,
                 ptrdiff_t first) {
  for (ptrdiff_t row = 0; row < rows;) {
    ptrdiff_t lane = (first + row) % LANES;
    float *panel = panels + (first + row - lane) * features;
    if (lane == 0 && row + LANES <= rows) {
      const float *from = x + row * x_stride;
      ptrdiff_t feature = 0;
      for (; feature + LANES <= features; feature += LANES) {
        vf block[LANES];
        UNROLL for (int i = 0; i < LANES; i++) block[i] = load(from + i * x_stride + feature);
        transpose(block);
        UNROLL for (int i = 0; i < LANES; i++) store(panel + (feature + i) * LANES, block[i]);
      }
      for (; feature < features; feature++) {
        for (int i = 0; i < LANES; i++) panel[feature * LANES + i] = from[i * x_stride + feature];
      }
      row += LANES;
    } else {
      for (ptrdiff_t feature = 0; feature < features; feature++) {
        panel[feature * LANES + lane] = x[row * x_stride + feature];
      }
      row += 1;
    }
  }
}

/* sum[q * count + p], for `queries` queries by `count` panels, each a sum over the features in order; a dot product
 * begins with `offsets`, one for each row, unless null. */
INLINE void score_sums(const int queries, const int count, vf *sum, const float *panels, const float *offsets,
                       ptrdiff_t features, const float *query, ptrdiff_t query_stride, const int32_t metric) {
  UNROLL for (int p = 0; p < count; p++) {
    vf start = metric == MAQUETTE_DOT && offsets ? load(offsets + p * LANES) : splat(0);
    UNROLL for (int q = 0; q < queries; q++) sum[q * count + p] = start;
  }
  if (metric == MAQUETTE_DOT) {
    multiply_tile(queries, count, sum, query, query_stride, 1, panels, LANES, features * LANES, features);
    return;
  }
  for (ptrdiff_t feature = 0; feature < features; feature++) {
    vf shared[8];
    UNROLL for (int p = 0; p < count; p++) shared[p] = load(panels + (p * features + feature) * LANES);
    UNROLL for (int q = 0; q < queries; q++) {
      vf value = splat(query[q * query_stride + feature]);
      UNROLL for (int p = 0; p < count; p++) {
        vf difference = shared[p] - value;
        vf *to = sum + q * count + p;
        *to = metric == MAQUETTE_MANHATTAN ? *to + magnitude_of(difference) : multiply_add(difference, difference, *to);
      }
    }
  }
  UNROLL for (int i = 0; i < queries * count; i++) sum[i] = -sum[i];
}

INLINE void score_tile(const int queries, const int count, const float *panels, const float *offsets,
                       ptrdiff_t features, const float *query, ptrdiff_t query_stride, const int32_t metric,
                       float *scores, ptrdiff_t score_stride) {
  vf sum[SUMS];
  score_sums(queries, count, sum, panels, offsets, features, query, query_stride, metric);
  UNROLL for (int q = 0; q < queries; q++) {
    UNROLL for (int p = 0; p < count; p++) store(scores + q * score_stride + p * LANES, sum[q * count + p]);
  }
}

/* `metric` is a constant where this is inlined. */
INLINE void score_by(const int32_t metric, const float *panels, const float *offsets, ptrdiff_t panel_count,
                     ptrdiff_t features, const float *queries, ptrdiff_t query_stride, ptrdiff_t query_count,
                     float *scores, ptrdiff_t score_stride) {
  ptrdiff_t width;
  for (ptrdiff_t p = 0; p < panel_count; p += width) {
    const float *panel = panels + p * features * LANES, *offset = offsets ? offsets + p * LANES : NULL;
    ptrdiff_t q = 0;
    width = 1;
    if (query_count < TILE_ROWS && p + SINGLE <= panel_count) {
      width = SINGLE;
      for (; q < query_count; q++) {
        score_tile(1, SINGLE, panel, offset, features, queries + q * query_stride, query_stride, metric,
                   scores + q * score_stride + p * LANES, score_stride);
      }
      continue;
    }
    if (p + TILE_VECTORS <= panel_count) width = TILE_VECTORS;
    for (; q + TILE_ROWS <= query_count; q += TILE_ROWS) {
      const float *query = queries + q * query_stride;
      float *to = scores + q * score_stride + p * LANES;
      if (width == TILE_VECTORS) {
        score_tile(TILE_ROWS, TILE_VECTORS, panel, offset, features, query, query_stride, metric, to, score_stride);
      } else {
        score_tile(TILE_ROWS, 1, panel, offset, features, query, query_stride, metric, to, score_stride);
      }
    }
    for (; q < query_count; q++) {
      const float *query = queries + q * query_stride;
      float *to = scores + q * score_stride + p * LANES;
      if (width == TILE_VECTORS) {
        score_tile(1, TILE_VECTORS, panel, offset, features, query, query_stride, metric, to, score_stride);
      } else {
        score_tile(1, 1, panel, offset, features, query, query_stride, metric, to, score_stride);
      }
    }
  }
}

static void score(const float *panels, const float *offsets, ptrdiff_t panel_count, ptrdiff_t features,
                  const float *queries, ptrdiff_t query_stride, ptrdiff_t query_count, int32_t metric, float *scores,
                  ptrdiff_t score_stride) {
  if (metric == MAQUETTE_DOT) {
    score_by(MAQUETTE_DOT, panels, offsets, panel_count, features, queries, query_stride, query_count, scores,
             score_stride);
  } else if (metric == MAQUETTE_SQUARED_DISTANCE) {
    score_by(MAQUETTE_SQUARED_DISTANCE, panels, NULL, panel_count, features, queries, query_stride, query_count,
             scores, score_stride);
  } else {
    score_by(MAQUETTE_MANHATTAN, panels, NULL, panel_count, features, queries, query_stride, query_count, scores,
             score_stride);
  }
}

/* What a score must exceed to be among the best of a query: NaN, which no score is less than or equal to, if all are to
 * be offered. An equal score only matters if its row is lower: not while rows come in order. */
INLINE float least_of(const float *best, ptrdiff_t k, ptrdiff_t found, _Bool in_order) {
  if (found < k) return NAN;
  const float worst = best[k - 1];
  if (in_order) return worst;
  if (worst == -INFINITY) return NAN;
  if (worst == 0) return -0x1p-149f;
  const int32_t bits = __builtin_bit_cast(int32_t, worst);
  return __builtin_bit_cast(float, worst > 0 ? bits - 1 : bits + 1);
}

/* What a search goes over. */
typedef struct {
  const float *panels, *offsets;
  ptrdiff_t features;
  const float *queries;
  ptrdiff_t query_stride;
  maquette_nearest nearest; /* `found` counts up from piece to piece */
  _Bool in_order;
} search_work;

/* Offers the scores of `count` rows to the best of one query; returns what a score must exceed from then on. */
static __attribute__((noinline)) float offer(const search_work *work, ptrdiff_t query, const float *scores,
                                             ptrdiff_t count, ptrdiff_t row, float least) {
  const ptrdiff_t k = work->nearest.k;
  float *best = work->nearest.scores + query * k;
  int32_t *rows = work->nearest.rows + query * k;
  ptrdiff_t found = work->nearest.found;
  for (ptrdiff_t i = 0; i < count; i++) {
    if (scores[i] <= least) continue;
    found = maquette_nearest_insert(best, rows, k, found, scores[i], (int32_t)(row + i));
  }
  return least_of(best, k, found, work->in_order);
}

/* Scores `count` panels from row `row` on, `present` rows of them, for some queries; nothing is written unless a score
 * is above its query's `least`. */
INLINE void search_tile(const int32_t metric, const int queries, const int count, const search_work *work,
                        ptrdiff_t query, ptrdiff_t row, ptrdiff_t present, float *least) {
  vf sum[SUMS];
  vi worse = (vi)-1;
  score_sums(queries, count, sum, work->panels + row * work->features, work->offsets ? work->offsets + row : NULL,
             work->features, work->queries + query * work->query_stride, work->query_stride, metric);
  UNROLL for (int q = 0; q < queries; q++) {
    UNROLL for (int p = 0; p < count; p++) worse &= sum[q * count + p] <= splat(least[query + q]);
  }
  if (__builtin_expect(!any(~worse), 1)) return;
  UNROLL for (int q = 0; q < queries; q++) {
    float scores[(TILE_VECTORS > SINGLE ? TILE_VECTORS : SINGLE) * LANES];
    UNROLL for (int p = 0; p < count; p++) store(scores + p * LANES, sum[q * count + p]);
    least[query + q] = offer(work, query + q, scores, present, row, least[query + q]);
  }
}

/* Asks for the part of the next panels that falls to these queries, so that they are there when their turn comes: a first
 * touch from memory took a fifth of the time of 64 queries. */
INLINE void fetch_ahead(const float *next, ptrdiff_t floats, ptrdiff_t query, ptrdiff_t queries, ptrdiff_t query_count) {
  for (ptrdiff_t at = floats * query / query_count; at < floats * (query + queries) / query_count; at += LANES) {
    __builtin_prefetch(next + at, 0, 2);
  }
}

/* All queries over `count` panels; `ahead` floats follow them. */
INLINE void search_panels(const int32_t metric, const int count, const search_work *work, ptrdiff_t query_count,
                          ptrdiff_t row, ptrdiff_t present, ptrdiff_t ahead, float *least) {
  const float *next = work->panels + (row + count * LANES) * work->features;
  ptrdiff_t q = 0;
  for (; q + TILE_ROWS <= query_count; q += TILE_ROWS) {
    fetch_ahead(next, ahead, q, TILE_ROWS, query_count);
    search_tile(metric, TILE_ROWS, count, work, q, row, present, least);
  }
  if (TILE_ROWS > 4 && q + 4 <= query_count) {
    fetch_ahead(next, ahead, q, 4, query_count);
    search_tile(metric, TILE_ROWS > 4 ? 4 : 1, count, work, q, row, present, least);
    q += 4;
  }
  if (TILE_ROWS > 2 && q + 2 <= query_count) {
    fetch_ahead(next, ahead, q, 2, query_count);
    search_tile(metric, 2, count, work, q, row, present, least);
    q += 2;
  }
  if (q < query_count) {
    fetch_ahead(next, ahead, q, 1, query_count);
    search_tile(metric, 1, count, work, q, row, present, least);
  }
}

INLINE void search_by(const int32_t metric, search_work *work, ptrdiff_t first, ptrdiff_t last,
                      ptrdiff_t query_count, float *least) {
  const ptrdiff_t k = work->nearest.k;
  for (ptrdiff_t row = first; row < last;) {
    ptrdiff_t present;
    /* Several panels for a single query: otherwise each addition would wait for the one before. */
    if (query_count == 1 && row + SINGLE * LANES <= last) {
      present = SINGLE * LANES;
      search_tile(metric, 1, SINGLE, work, 0, row, present, least);
    } else if (row + TILE_VECTORS * LANES <= last) {
      present = TILE_VECTORS * LANES;
      ptrdiff_t following = last - row - present < present ? 0 : present;
      search_panels(metric, TILE_VECTORS, work, query_count, row, present, following * work->features, least);
    } else {
      present = last - row < LANES ? last - row : LANES;
      search_panels(metric, 1, work, query_count, row, present, 0, least);
    }
    row += present;
    ptrdiff_t found = work->nearest.found + present;
    work->nearest.found = found < k ? found : k;
  }
}

static void search(const float *panels, const float *offsets, ptrdiff_t first, ptrdiff_t last, ptrdiff_t features,
                   const float *queries, ptrdiff_t query_stride, ptrdiff_t query_count, int32_t metric,
                   maquette_nearest *nearest) {
  /* So many queries stay in the second-level cache beside the panels that go by. */
  enum { QUERIES = 128 };
  float least[QUERIES];
  const ptrdiff_t k = nearest->k, found = nearest->found;
  if (k <= 0 || last <= first) return;
  _Bool in_order = 1;
  for (ptrdiff_t query = 0; query < query_count; query++) {
    for (ptrdiff_t i = 0; i < found; i++) in_order &= nearest->rows[query * k + i] < first;
  }
  for (ptrdiff_t query = 0; query < query_count; query += QUERIES) {
    ptrdiff_t count = query_count - query < QUERIES ? query_count - query : QUERIES;
    search_work work = {panels, offsets, features, queries + query * query_stride, query_stride,
                        {nearest->scores + query * k, nearest->rows + query * k, k, found}, in_order};
    for (ptrdiff_t q = 0; q < count; q++) least[q] = least_of(work.nearest.scores + q * k, k, found, in_order);
    if (metric == MAQUETTE_DOT) {
      search_by(MAQUETTE_DOT, &work, first, last, count, least);
    } else if (metric == MAQUETTE_SQUARED_DISTANCE) {
      search_by(MAQUETTE_SQUARED_DISTANCE, &work, first, last, count, least);
    } else {
      search_by(MAQUETTE_MANHATTAN, &work, first, last, count, least);
    }
  }
  nearest->found = last - first < k - found ? found + (last - first) : k;
}
