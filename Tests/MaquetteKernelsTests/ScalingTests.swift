import MaquetteKernels
import Testing

@Suite struct ScalingTests {
  private func moments(_ rows: [[Float]], blocks: Int = 1) throws -> ColumnMoments {
    var moments = ColumnMoments(columns: rows[0].count)
    let size = (rows.count - 1) / blocks + 1
    for first in stride(from: 0, to: rows.count, by: size) {
      moments.add(try Matrix(Array(rows[first..<min(first + size, rows.count)])))
    }
    return moments
  }

  @Test("Columns get mean 0 and deviation 1, a constant one gets 0", arguments: variants)
  func standardizes(variant: KernelVariant) throws {
    let values = noise(200 * 19, seed: 5)
    var rows: [[Float]] = []
    for row in 0..<200 {
      rows.append([])
      for column in 0..<19 {
        let value: Float = values[row * 19 + column] * Float(1 << column)
        rows[row].append(column == 7 ? 0.1 : value + Float(column * 1000))
      }
    }
    let scaling = try moments(rows).scaling()
    var scaled = rows.flatMap { $0 }
    scaled.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      scaling.apply(to: start, xStride: 19, rows: 200, into: start, yStride: 19, using: variant)
    }
    for column in 0..<19 {
      let values = (0..<200).map { Double(scaled[$0 * 19 + column]) }
      let mean = values.reduce(0, +) / 200
      let deviation = (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 200).squareRoot()
      #expect(abs(mean) < 2e-4, "\(column)")
      if column == 7 {
        #expect(values.allSatisfy { abs($0) < 1e-6 })
      } else {
        #expect(abs(deviation - 1) < 1e-3, "\(column)")
      }
    }
  }

  @Test("Blocks give the moments of all rows")
  func blocks() throws {
    let rows = (0..<101).map { noise(3, seed: UInt64($0)).map { $0 * 3 + 100 } }
    let whole = try moments(rows)
    for blocks in [2, 7, 101] {
      let parts = try moments(rows, blocks: blocks)
      #expect(parts.count == 101)
      for column in 0..<3 {
        #expect(abs(parts.means[column] - whole.means[column]) < 1e-10)
        #expect(abs(parts.deviations[column] - whole.deviations[column]) < 1e-10)
      }
    }
  }

  @Test("Tiny and huge deviations leave numbers that are finite")
  func extremes() throws {
    let tiny = Float.leastNormalMagnitude / 100
    let rows: [[Float]] = [[tiny, -3e38, 1e-30], [2 * tiny, 3e38, 0], [0, 0, -1e-30]]
    let scaling = try moments(rows).scaling()
    var scaled = unwritten(9)
    scaling.apply(to: rows.flatMap { $0 }, xStride: 3, rows: 3, into: &scaled, yStride: 3)
    #expect(scaled.allSatisfy { $0.isFinite })
  }
}
