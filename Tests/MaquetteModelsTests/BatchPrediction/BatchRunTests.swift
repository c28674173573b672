import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// Adds up the features of a row, and tells what it is asked.
private final class Adding: FittedModel {
  let features = 4
  let outputs = 1
  private let calls = Mutex<[Int]>([])
  private let asked: @Sendable () -> Void
  var parts: [Int] { calls.withLock { $0 } }

  init(_ asked: @escaping @Sendable () -> Void = {}) {
    self.asked = asked
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    calls.withLock { $0.append(count) }
    asked()
    for row in 0..<count { predictions[row] = (0..<4).reduce(0) { $0 + rows[row * 4 + $1] } }
  }
}

@Suite struct `A run of a batch prediction` {
  private let here: BatchStore
  private let dataset: Dataset
  private let batch: BatchPrediction
  private let run = BackgroundRun("batch prediction")

  init() throws {
    here = try BatchStore("sqlite")
    dataset = try Batches.clouds(5000, in: here.store)
    batch = try BatchPrediction("test", in: here.store)
  }

  private func predict(_ fitted: Adding, longest: Int64 = 1_000_000) throws {
    var run = BatchRun(
      model: try Batches.classifier(), fitted: fitted, dataset: dataset, field: "x", service: batch.service,
      status: batch.$status, run: run)
    run.longest = longest
    _ = try run.predict(resume: false)
  }

  private func expectSums() throws {
    let results = try batch.results()
    let features = try dataset.table().features
    #expect(results.count == 5000)
    #expect((0..<5000).allSatisfy { results.values[$0, 0] == features[row: $0].reduce(0, +) })
    #expect(Array(results.instanceIDs) == (try Batches.ids(of: dataset)))
  }

  @Test func `predicts a block in parts, and stores it whole`() throws {
    let fitted = Adding()
    let stored = Mutex<[Int]>([])
    batch.service.events.observe { event in stored.withLock { $0.append(event.value.count) } }
    try predict(fitted)
    #expect(fitted.parts[0] == 256)
    #expect(fitted.parts.reduce(0, +) == 5000)
    #expect(stored.withLock { $0 } == [4096, 904])
    try expectSums()
  }

  @Test func `ends between two parts when it is cancelled, and leaves what was there`() throws {
    try predict(Adding())
    let run = run
    let fitted = Adding { run.cancel(keeping: .last) }
    #expect(failure { try predict(fitted) }?.code == .cancelled)
    #expect(fitted.parts == [256])
    try expectSums()
  }

  @Test func `stores the parts of a slow model as they come`() throws {
    let fitted = Adding()
    let stored = Mutex<[Int]>([])
    batch.service.events.observe { event in stored.withLock { $0.append(event.value.count) } }
    try predict(fitted, longest: 0)
    #expect(stored.withLock { $0 } == fitted.parts)
    #expect(fitted.parts.count > 2)
    try expectSums()
  }
}
