import Glibc
import MaquetteKernels
import Testing

private func probabilities(_ logits: [Float]) -> [Double] {
  let greatest = logits.max() ?? 0
  let powers = logits.map { exp(Double($0) - Double(greatest)) }
  return powers.map { $0 / powers.reduce(0, +) }
}

@Suite struct SoftmaxTests {
  @Test("Probabilities are e to the logits over their sum", arguments: variants)
  func formula(variant: KernelVariant) {
    for classes in sizes where classes > 0 {
      for rows in [0, 1, 9, 40] {
        let logits = noise(rows * classes).map { $0 * 8 }
        var y = padded(logits, rows: rows, columns: classes)
        // Whatever was in the padding.
        for row in 0..<rows where classes % 16 != 0 { y[(row + 1) * Dense.stride(of: classes) - 1] = 99 }
        Softmax.apply(to: &y, rows: rows, classes: classes, using: variant)
        let expected = (0..<rows).flatMap { probabilities(Array(logits[$0 * classes..<($0 + 1) * classes])) }
        #expect(largestDifference(unpadded(y, rows: rows, columns: classes), expected) < 1e-6)
        #expect(paddingIsZero(y, rows: rows, columns: classes))
      }
    }
  }

  @Test("A row has the same bits alone and among many, whatever the others are", arguments: variants)
  func oneAmongMany(variant: KernelVariant) {
    for classes in Array(1...16) + [17, 40] {
      let rows = 37
      var logits = noise(rows * classes, seed: 3).map { $0 * 20 }
      for (row, odd) in [(3, Float.nan), (5, .infinity), (7, -.infinity), (20, 1e30)] {
        logits[row * classes + classes / 2] = odd
      }
      var together = padded(logits, rows: rows, columns: classes)
      Softmax.apply(to: &together, rows: rows, classes: classes, using: variant)
      let stride = Dense.stride(of: classes)
      for row in 0..<rows {
        var alone = padded(Array(logits[row * classes..<(row + 1) * classes]), rows: 1, columns: classes)
        Softmax.apply(to: &alone, rows: 1, classes: classes, using: variant)
        for (mine, other) in zip(alone.prefix(classes), together[(row * stride)...]) {
          #expect(mine.bitPattern == other.bitPattern || mine.isNaN && other.isNaN)
        }
      }
    }
  }

  @Test("Probabilities sum to one, for huge logits too", arguments: variants)
  func sumsToOne(variant: KernelVariant) {
    for scale: Float in [0, 1, 100, 1e4, 1e30] {
      for classes in [1, 2, 10, 16, 100] {
        var y = padded(noise(classes).map { $0 * scale }, rows: 1, columns: classes)
        Softmax.apply(to: &y, rows: 1, classes: classes, using: variant)
        #expect((y.reduce(0) { $0 + Double($1) } - 1).magnitude < 1e-6)
        #expect(y.allSatisfy { $0 >= 0 && $0 <= 1 })
      }
    }
  }

  @Test("Cross entropy: the loss, the hits and the gradient", arguments: variants)
  func crossEntropy(variant: KernelVariant) {
    for classes in sizes where classes > 0 {
      for rows in [0, 1, 8, 9, 257] {
        let logits = noise(rows * classes, seed: UInt64(classes)).map { $0 * 5 }
        var random = Random(seed: 7)
        let labels = (0..<rows).map { _ in Int32(random.integer(below: classes)) }
        var y = padded(logits, rows: rows, columns: classes)
        var sum = LossSum()
        Loss.crossEntropy(
          &y, rows: rows, classes: classes, labels: labels, scale: 0.25, sum: &sum, using: variant)
        var (loss, hits, expected) = (0.0, 0.0, [Double]())
        for row in 0..<rows {
          let mine = Array(logits[row * classes..<(row + 1) * classes])
          var p = probabilities(mine)
          let label = Int(labels[row])
          loss -= log(p[label])
          if mine.firstIndex(of: mine.max() ?? 0) == label { hits += 1 }
          p[label] -= 1
          expected += p.map { $0 / 4 }
        }
        #expect((sum.loss - loss).magnitude <= 1e-5 * max(1, loss))
        #expect(sum.measured == hits)
        #expect(largestDifference(unpadded(y, rows: rows, columns: classes), expected) < 1e-6)
        #expect(paddingIsZero(y, rows: rows, columns: classes))
      }
    }
  }

  @Test("Of equal logits the first is the answer", arguments: variants)
  func ties(variant: KernelVariant) {
    for classes in [3, 40] {
      for (label, hits) in [(0, 0.0), (1, 1.0), (classes - 1, 0.0)] {
        var logits = [Float](repeating: 2, count: classes)
        logits[0] = 1
        var y = padded(logits, rows: 1, columns: classes)
        var sum = LossSum()
        Loss.crossEntropy(
          &y, rows: 1, classes: classes, labels: [Int32(label)], scale: 1, sum: &sum, using: variant)
        #expect(sum.measured == hits)
      }
    }
  }

  @Test("The loss of a hopeless row is large, not infinite", arguments: variants)
  func hopeless(variant: KernelVariant) {
    var y = padded([1000, 0], rows: 1, columns: 2)
    var sum = LossSum()
    Loss.crossEntropy(&y, rows: 1, classes: 2, labels: [1], scale: 1, sum: &sum, using: variant)
    #expect((sum.loss - 1000).magnitude < 1e-9)
    #expect(y[0] == 1 && y[1] == -1)
  }

  @Test("A NaN among the logits is a NaN in the loss", arguments: variants)
  func notANumber(variant: KernelVariant) {
    for classes in [3, 40] {
      for place in [0, 1, classes - 1] {
        var y = padded([Float](repeating: 1, count: classes), rows: 1, columns: classes)
        y[place] = .nan
        var sum = LossSum()
        Loss.crossEntropy(&y, rows: 1, classes: classes, labels: [1], scale: 1, sum: &sum, using: variant)
        #expect(sum.loss.isNaN)
      }
    }
  }

  @Test("Squared error: the loss, the absolute error and the gradient", arguments: variants)
  func squaredError(variant: KernelVariant) {
    let (y0, targets) = (noise(9 * 3, seed: 1), noise(9 * 5, seed: 2))
    var y = padded(y0, rows: 9, columns: 3)
    var sum = LossSum()
    Loss.squaredError(
      &y, rows: 9, outputs: 3, targets: targets, targetStride: 5, scale: 0.5, sum: &sum, using: variant)
    let errors = (0..<27).map { Double(y0[$0]) - Double(targets[$0 / 3 * 5 + $0 % 3]) }
    #expect((sum.loss - errors.reduce(0) { $0 + $1 * $1 }).magnitude < 1e-5)
    #expect((sum.measured - errors.reduce(0) { $0 + $1.magnitude }).magnitude < 1e-5)
    #expect(largestDifference(unpadded(y, rows: 9, columns: 3), errors) < 1e-6)
    #expect(paddingIsZero(y, rows: 9, columns: 3))
  }
}
