/* Nearest rows and nearest centers by products: a part of body.h.
 *
 * |x - q|^2 = |x|^2 - 2 x.q + |q|^2 takes half the operations of the sum of (x - q)^2, and loses digits where the
 * distances are small beside x and q. So products only tell which rows may be among the nearest, with a margin for all
 * that rounding can do; of those the distances are taken by the sum. What is found does not depend on the products. */

/* The operands of a tile of products, one after the other: [features][queries]. The loop over features then has a single
 * pointer to each side, and its sums stay in registers. */
INLINE void arrange_group(const float *queries, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t features, const float *middle,
                          float *to) {
  for (ptrdiff_t q = 0; q < count; q++) {
    for (ptrdiff_t i = 0; i < features; i++) to[i * count + q] = queries[q * stride + i] - (middle ? middle[i] : 0);
  }
}

/* Groups as even as can be: of fourteen queries 5, 5, 4. */
INLINE ptrdiff_t group_count(ptrdiff_t count) { return (count + TILE_ROWS - 1) / TILE_ROWS; }
INLINE ptrdiff_t group_start(ptrdiff_t count, ptrdiff_t group) {
  const ptrdiff_t groups = group_count(count), rest = count % groups;
  return group * (count / groups) + (group < rest ? group : rest);
}

INLINE double square_of(const float *x, const float *middle, ptrdiff_t features) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < features; i++) {
    const double value = (double)(x[i] - (middle ? middle[i] : 0));
    sum += value * value;
  }
  return sum;
}

/* What rounding can do to a product of so many features, as a part of the squares of both sides: twice Higham's bound,
 * "Accuracy and stability of numerical algorithms", 2002, section 3.1, and a little for the middle that is taken away. */
INLINE double doubt_of(ptrdiff_t features) { return (double)(features + 16) * 0x1.2p-24; }

/* Numbers so small that their products vanish: as much may be lost. */
INLINE double lost_of(ptrdiff_t features) { return (double)features * 0x1p-120; }

static void arrange_rows(const float *rows, ptrdiff_t count, ptrdiff_t features, const float *middle, float *panels,
                         float *offsets, float *squares) {
  const double doubt = doubt_of(features);
  for (ptrdiff_t row = 0; row < count; row += LANES) {
    const ptrdiff_t present = count - row < LANES ? count - row : LANES;
    float *panel = panels + row * features;
    pack(rows + row * features, features, present, features, panel, 0);
    typedef double vd __attribute__((ext_vector_type(LANES)));
    vd sum = (vd)0;
    for (ptrdiff_t i = 0; i < features; i++) {
      vf value = load(panel + i * LANES) - splat(middle ? middle[i] : 0);
      for (ptrdiff_t lane = present; lane < LANES; lane++) value[lane] = 0;
      store(panel + i * LANES, value);
      vd wide = __builtin_convertvector(value, vd);
      sum += wide * wide;
    }
    for (ptrdiff_t lane = 0; lane < LANES; lane++) {
      const float offset = (float)(sum[lane] * (doubt - 0.5));
      /* A row too far out for a float is always in doubt: NaN is not less than anything. */
      if (offsets) offsets[row + lane] = lane >= present ? -INFINITY : __builtin_isfinite(offset) ? offset : NAN;
      if (squares && lane < present) squares[row + lane] = (float)sum[lane];
    }
  }
}

/* The sum of (x - y)^2, sixteen sums side by side. */
INLINE float squared_distance(const float *x, const float *y, ptrdiff_t features) {
  vf sum = splat(0);
  ptrdiff_t i = 0;
  for (; i + LANES <= features; i += LANES) {
    vf difference = load(x + i) - load(y + i);
    sum = multiply_add(difference, difference, sum);
  }
  if (i < features) {
    float left[LANES] = {0}, right[LANES] = {0};
    memcpy(left, x + i, (size_t)(features - i) * sizeof(float));
    memcpy(right, y + i, (size_t)(features - i) * sizeof(float));
    vf difference = load(left) - load(right);
    sum = multiply_add(difference, difference, sum);
  }
  return sum_across(sum)[0];
}

/* ---- Nearest rows --------------------------------------------------------------------------------------------------- */

/* So many queries at once: they stay in the second-level cache beside the panels that go by. */
enum { SIFTED = 128 };

typedef struct {
  const maquette_sifted *among;
  const float *queries;
  ptrdiff_t query_stride;
  const float *arranged;
  maquette_nearest nearest; /* `found` counts up from panel to panel */
  double squares[SIFTED];
  /* A product less than this belongs to a row that is none of the nearest. */
  float least[SIFTED];
} sifting;

/* The least product that a row of at least this score can have: a score is minus the distance. */
INLINE float least_product(const maquette_sifted *among, double square, float score) {
  const double doubt = doubt_of(among->features);
  const double least = square / 2 - square * doubt + (double)score * (0.5 + doubt) - lost_of(among->features);
  return (float)(least - fabs(least) * 0x1p-23);
}

INLINE float least_sifted(const sifting *work, ptrdiff_t query, ptrdiff_t found) {
  const float *scores = work->nearest.scores + query * work->nearest.k;
  if (found < work->nearest.k) return NAN;
  const float worst = scores[work->nearest.k - 1];
  return work->among->rows ? least_product(work->among, work->squares[query], worst) : worst;
}

static __attribute__((noinline)) void offer_sifted(sifting *work, ptrdiff_t query, const float *products, ptrdiff_t count,
                                                   ptrdiff_t row) {
  const maquette_sifted *among = work->among;
  const ptrdiff_t k = work->nearest.k, features = among->features;
  float *best = work->nearest.scores + query * k;
  int32_t *rows = work->nearest.rows + query * k;
  ptrdiff_t found = work->nearest.found;
  for (ptrdiff_t i = 0; i < count; i++) {
    if (products[i] < work->least[query]) continue;
    float score = products[i];
    if (among->rows) {
      score = -squared_distance(among->rows + (row + i) * features, work->queries + query * work->query_stride, features);
    }
    const ptrdiff_t before = found;
    if (found == k && score < best[k - 1]) continue;
    found = maquette_nearest_insert(best, rows, k, found, score, (int32_t)(row + i));
    if (before == k) work->least[query] = least_sifted(work, query, found);
  }
  work->least[query] = least_sifted(work, query, found);
}

/* `queries` queries of one group by `count` panels. */
INLINE void sift_tile(const int queries, const int count, sifting *work, ptrdiff_t query, ptrdiff_t row,
                      ptrdiff_t present) {
  const maquette_sifted *among = work->among;
  const ptrdiff_t features = among->features;
  vf sum[SUMS];
  UNROLL for (int p = 0; p < count; p++) {
    vf start = among->offsets ? load(among->offsets + row + p * LANES) : splat(0);
    UNROLL for (int q = 0; q < queries; q++) sum[q * count + p] = start;
  }
  multiply_tile(queries, count, sum, work->arranged + query * features, 1, queries, among->panels + row * features, LANES,
                features * LANES, features);
  vi less = (vi)-1;
  UNROLL for (int q = 0; q < queries; q++) {
    UNROLL for (int p = 0; p < count; p++) less &= sum[q * count + p] < splat(work->least[query + q]);
  }
  if (__builtin_expect(!any(~less), 1)) return;
  UNROLL for (int q = 0; q < queries; q++) {
    vi own = (vi)-1;
    UNROLL for (int p = 0; p < count; p++) own &= sum[q * count + p] < splat(work->least[query + q]);
    if (!any(~own)) continue;
    float products[(TILE_VECTORS > SINGLE ? TILE_VECTORS : SINGLE) * LANES];
    UNROLL for (int p = 0; p < count; p++) store(products + p * LANES, sum[q * count + p]);
    offer_sifted(work, query + q, products, present, row);
  }
}

INLINE void sift_group(const int count, sifting *work, ptrdiff_t size, ptrdiff_t query, ptrdiff_t row, ptrdiff_t present) {
  switch (size) {
  case 1: sift_tile(1, count, work, query, row, present); break;
  case 2: sift_tile(2, count, work, query, row, present); break;
#if TILE_ROWS > 2
  case 3: sift_tile(3, count, work, query, row, present); break;
  case 4: sift_tile(4, count, work, query, row, present); break;
#endif
#if TILE_ROWS > 4
  case 5: sift_tile(5, count, work, query, row, present); break;
  case 6: sift_tile(6, count, work, query, row, present); break;
#endif
#if TILE_ROWS > 6
  case 7: sift_tile(7, count, work, query, row, present); break;
  case 8: sift_tile(8, count, work, query, row, present); break;
#endif
  }
}

/* All queries over `count` panels; `ahead` floats follow them. */
INLINE void sift_panels(const int count, sifting *work, ptrdiff_t query_count, ptrdiff_t row, ptrdiff_t present,
                        ptrdiff_t ahead) {
  const float *next = work->among->panels + (row + count * LANES) * work->among->features;
  const ptrdiff_t groups = group_count(query_count);
  for (ptrdiff_t group = 0; group < groups; group++) {
    const ptrdiff_t query = group_start(query_count, group), size = group_start(query_count, group + 1) - query;
    fetch_ahead(next, ahead, query, size, query_count);
    sift_group(count, work, size, query, row, present);
  }
}

static void sift(const maquette_sifted *among, ptrdiff_t first, ptrdiff_t last, const float *queries,
                 ptrdiff_t query_stride, ptrdiff_t query_count, float *scratch, maquette_nearest *nearest) {
  const ptrdiff_t k = nearest->k, features = among->features, found = nearest->found;
  if (k <= 0 || last <= first) return;
  for (ptrdiff_t start = 0; start < query_count; start += SIFTED) {
    const ptrdiff_t count = query_count - start < SIFTED ? query_count - start : SIFTED;
    sifting work;
    work.among = among;
    work.queries = queries + start * query_stride;
    work.query_stride = query_stride;
    work.arranged = scratch;
    work.nearest = (maquette_nearest){nearest->scores + start * k, nearest->rows + start * k, k, found};
    for (ptrdiff_t group = 0; group < group_count(count); group++) {
      const ptrdiff_t query = group_start(count, group);
      arrange_group(work.queries + query * query_stride, query_stride, group_start(count, group + 1) - query, features,
                    among->middle, scratch + query * features);
    }
    for (ptrdiff_t query = 0; query < count; query++) {
      work.squares[query] = among->rows ? square_of(work.queries + query * query_stride, among->middle, features) : 0;
      work.least[query] = least_sifted(&work, query, found);
    }
    for (ptrdiff_t row = first; row < last;) {
      ptrdiff_t present;
      /* Several panels for a single query: otherwise each addition would wait for the one before. */
      if (count == 1 && row + SINGLE * LANES <= last) {
        present = SINGLE * LANES;
        sift_tile(1, SINGLE, &work, 0, row, present);
      } else if (row + TILE_VECTORS * LANES <= last) {
        present = TILE_VECTORS * LANES;
        ptrdiff_t following = last - row - present < present ? 0 : present;
        sift_panels(TILE_VECTORS, &work, count, row, present, following * features);
      } else {
        present = last - row < LANES ? last - row : LANES;
        sift_panels(1, &work, count, row, present, 0);
      }
      row += present;
      const ptrdiff_t now = work.nearest.found + present;
      work.nearest.found = now < k ? now : k;
    }
  }
  nearest->found = last - first < k - found ? found + (last - first) : k;
}

/* ---- Nearest centers ------------------------------------------------------------------------------------------------ */

/* The best product of each of sixteen rows so far, the one after it, and whose the best is. */
typedef struct {
  vf best, second;
  vi center;
} leaders;

INLINE leaders led(leaders now, vf product, int32_t center) {
  vi better = product > now.best;
  vf lower = better ? now.best : product;
  return (leaders){better ? product : now.best, max_of(lower, now.second), better ? (vi)center : now.center};
}

/* `centers` centers of one group by one panel of rows. */
INLINE leaders lead_tile(const int centers, leaders now, const float *panel, const float *arranged, const float *offsets,
                         ptrdiff_t features, int32_t first) {
  vf sum[TILE_ROWS];
  UNROLL for (int c = 0; c < centers; c++) sum[c] = splat(offsets[c]);
  multiply_tile(centers, 1, sum, arranged, 1, centers, panel, LANES, LANES, features);
  UNROLL for (int c = 0; c < centers; c++) now = led(now, sum[c], first + c);
  return now;
}

INLINE leaders lead_group(ptrdiff_t size, leaders now, const float *panel, const float *arranged, const float *offsets,
                          ptrdiff_t features, int32_t first) {
  switch (size) {
  case 1: return lead_tile(1, now, panel, arranged, offsets, features, first);
  case 2: return lead_tile(2, now, panel, arranged, offsets, features, first);
#if TILE_ROWS > 2
  case 3: return lead_tile(3, now, panel, arranged, offsets, features, first);
  case 4: return lead_tile(4, now, panel, arranged, offsets, features, first);
#endif
#if TILE_ROWS > 4
  case 5: return lead_tile(5, now, panel, arranged, offsets, features, first);
  case 6: return lead_tile(6, now, panel, arranged, offsets, features, first);
#endif
#if TILE_ROWS > 6
  case 7: return lead_tile(7, now, panel, arranged, offsets, features, first);
  case 8: return lead_tile(8, now, panel, arranged, offsets, features, first);
#endif
  }
  return now;
}

static void arrange_centers(const float *centers, ptrdiff_t count, ptrdiff_t features, const float *middle,
                            float *arranged, float *offsets) {
  double greatest = 0;
  for (ptrdiff_t center = 0; center < count; center++) {
    const double square = square_of(centers + center * features, middle, features);
    offsets[center] = (float)(-square / 2);
    if (!(square <= greatest)) greatest = square;
  }
  offsets[count] = (float)greatest;
  for (ptrdiff_t group = 0; count > 0 && group < group_count(count); group++) {
    const ptrdiff_t center = group_start(count, group);
    arrange_group(centers + center * features, features, group_start(count, group + 1) - center, features, middle,
                  arranged + center * features);
  }
}

/* The first of the nearest centers by distances alone. */
static __attribute__((noinline)) int32_t nearest_center(const float *row, const float *centers, ptrdiff_t count,
                                                        ptrdiff_t features) {
  int32_t nearest = 0;
  float least = INFINITY;
  for (ptrdiff_t center = 0; center < count; center++) {
    const float distance = squared_distance(row, centers + center * features, features);
    if (distance < least) {
      least = distance;
      nearest = (int32_t)center;
    }
  }
  return nearest;
}

static void assign(const maquette_sifted *among, const float *squares, ptrdiff_t first, ptrdiff_t last,
                   const maquette_centers *centers, int32_t *clusters, float *distances) {
  const ptrdiff_t features = among->features, count = centers->count, groups = group_count(count);
  const float doubt = (float)(5 * doubt_of(features)), lost = (float)(4 * lost_of(features));
  for (ptrdiff_t row = first; row < last; row += LANES) {
    const float *panel = among->panels + row * features;
    const ptrdiff_t present = last - row < LANES ? last - row : LANES;
    leaders now = {splat(-INFINITY), splat(-INFINITY), (vi)0};
    for (ptrdiff_t group = 0; group < groups; group++) {
      const ptrdiff_t center = group_start(count, group), size = group_start(count, group + 1) - center;
      now = lead_group(size, now, panel, centers->arranged + center * features, centers->offsets + center, features,
                       (int32_t)center);
    }
    for (ptrdiff_t lane = 0; lane < present; lane++) {
      const float *own = among->rows + (row + lane) * features;
      const float margin = doubt * (squares[row + lane] + centers->offsets[count]) + lost;
      int32_t found = now.center[lane];
      if (!(now.best[lane] - now.second[lane] > margin)) {
        found = nearest_center(own, centers->centers, count, features);
      }
      clusters[row + lane] = found;
      if (distances) distances[row + lane] = squared_distance(own, centers->centers + found * features, features);
    }
  }
}

static void add_rows(const float *rows, ptrdiff_t count, ptrdiff_t features, const int32_t *clusters, double *sums) {
  typedef double vd __attribute__((ext_vector_type(LANES)));
  typedef double vd_anywhere __attribute__((ext_vector_type(LANES), aligned(8), may_alias));
  for (ptrdiff_t row = 0; row < count; row++) {
    const float *from = rows + row * features;
    double *to = sums + clusters[row] * (features + 1);
    ptrdiff_t i = 0;
    for (; i + LANES <= features; i += LANES) {
      *(vd_anywhere *)(to + i) = *(const vd_anywhere *)(to + i) + __builtin_convertvector(load(from + i), vd);
    }
    for (; i < features; i++) to[i] += (double)from[i];
    to[features] += 1;
  }
}
