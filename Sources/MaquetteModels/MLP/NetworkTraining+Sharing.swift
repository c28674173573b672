import MaquetteKernels
import MaquetteSystem

/// Large mini-batches, shared among the workers.
///
/// They meet twice: first each takes rows all the way forward and back, then each takes a part of the weights of every
/// layer through its step. Every number is computed as by one alone, and the parts are of fixed sizes, so the weights
/// are the same, bit for bit, whatever the number of threads.
extension NetworkTraining {
  /// Multiplications of a mini-batch, forward, from which on sharing it is worth the threads' meeting.
  static let workToShare = 4e6

  /// Enough for tiles of registers to be full, few enough for four threads to share a mini-batch of 128.
  private static let rowsOfPart = 32
  /// The weights of so many inputs are updated at once.
  private static let inputsOfPart = 64

  func learnSharedBatch(_ count: Int, _ sum: inout LossSum) throws(MaquetteError) {
    // Each part writes rows, weights and a sum of its own.
    nonisolated(unsafe) let training = self
    let parts = (count - 1) / Self.rowsOfPart + 1
    try withUnsafeTemporary(of: LossSum(), count: parts) { (sums) throws(MaquetteError) in
      nonisolated(unsafe) let sums = sums
      try Workers.forEachBlock(of: Self.rowsOfPart, rows: count) { rows in
        training.forward(rows)
        training.takeLoss(rows, of: count, &sums[rows.lowerBound / Self.rowsOfPart])
        for index in training.state.layers.indices.dropFirst().reversed() {
          training.backward(through: index, rows)
        }
      }
      // In their order, whoever was first.
      for part in sums {
        sum.loss += part.loss
        sum.measured += part.measured
      }
    }
    let updates = updates
    try Workers.forEachBlock(of: 1, rows: updates.count) { place in
      let (index, inputs) = updates[place.lowerBound]
      let (x, stride) = training.input(of: index)
      Dense.update(
        training.state.layers[index].trained.part(inputs), x: x + inputs.lowerBound, xStride: stride,
        dy: training.gradient(of: index), rows: count, optimizer: training.state.optimizer)
    }
  }

  /// The parts of all layers.
  private var updates: [(layer: Int, inputs: Range<Int>)] {
    state.layers.enumerated().flatMap { index, layer in
      stride(from: 0, to: layer.inputs, by: Self.inputsOfPart).map {
        (index, $0..<min($0 + Self.inputsOfPart, layer.inputs))
      }
    }
  }
}

private func withUnsafeTemporary<Element>(
  of element: Element, count: Int,
  _ body: (UnsafeMutableBufferPointer<Element>) throws(MaquetteError) -> Void
) throws(MaquetteError) {
  let elements = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
  elements.initialize(repeating: element)
  defer { elements.deallocate() }
  try body(elements)
}
