import MaquetteKernels

/// How far the neighbours in an embedding are neighbours in truth: 1 if all are.
///
/// Source: Venna & Kaski, "Neighborhood preservation in nonlinear projection methods", 2001; the same number as
/// scikit-learn's `trustworthiness`
/// without duplicate rows.
func trustworthiness(_ rows: Matrix, _ embedding: Matrix, neighbours k: Int) throws -> Double {
  let count = rows.rows
  let (all, shown) = (try padded(rows), try padded(embedding))
  let distances = try FloatBuffer(zeros: 2 * count)
  let (actual, seen) = (distances.pointer, distances.pointer + count)
  var nearest = [Int32](repeating: 0, count: k)
  var scores = [Float](repeating: 0, count: k)
  var sum = 0
  for row in 0..<count {
    measure(row, all, count, into: actual)
    measure(row, shown, count, into: seen)
    var found = 0
    for other in 0..<count where other != row && (found < k || -seen[other] > scores[k - 1]) {
      found = NearestNeighbours.insert(
        score: -seen[other], index: Int32(other), k: k, found: found, scores: &scores, indices: &nearest)
    }
    // Each of the k nearest that are shown, by how many are nearer in truth; the row itself is.
    for other in nearest {
      let own = actual[Int(other)]
      var nearer = 0
      var place = 0
      while place < count {
        if actual[place] < own { nearer &+= 1 }
        place &+= 1
      }
      sum += max(0, nearer - k)
    }
  }
  return 1 - 2 / Double(count * k * (2 * count - 3 * k - 1)) * Double(sum)
}

private func measure(
  _ row: Int, _ rows: (FloatBuffer, stride: Int), _ count: Int, into distances: UnsafeMutablePointer<Float>
) {
  Embedding.distances(
    of: rows.0.pointer + row * rows.stride, to: rows.0.pointer, stride: rows.stride, ids: nil, count: count,
    by: .squared, into: distances)
}

private func padded(_ matrix: Matrix) throws -> (FloatBuffer, stride: Int) {
  let stride = Dense.stride(of: matrix.columns)
  let buffer = try FloatBuffer(zeros: matrix.rows * stride)
  matrix.withUnsafeBufferPointer { values in
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        buffer.pointer[row * stride + column] = values[row * matrix.columns + column]
      }
    }
  }
  return (buffer, stride)
}
