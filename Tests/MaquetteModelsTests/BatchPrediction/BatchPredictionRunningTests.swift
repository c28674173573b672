import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

extension `A batch prediction` {
  /// A batch prediction that is held up in its first block, so that something else can be done meanwhile.
  final class Halted: @unchecked Sendable {
    let here: BatchStore
    let dataset: Dataset
    let batch: BatchPrediction
    let gate = Monitor(false)
    let reached = Monitor(false)

    init(_ kind: String, rows: Int = 5000, at count: Int = 1) throws {
      here = try BatchStore(kind)
      dataset = try Batches.clouds(rows, in: here.store)
      batch = try BatchPrediction("test", in: here.store)
      let (gate, reached) = (gate, reached)
      batch.$status.observe { event in
        guard event.value.count == count, event.value.phase == .running else { return }
        reached.change { $0 = true }
        _ = gate.wait(until: .never) { $0 ? () : nil }
      }
    }

    func start(_ model: any Model, resume: Bool = false) throws {
      try batch.predict(model, on: dataset, resume: resume)
      _ = reached.wait(until: .never) { $0 ? () : nil }
    }

    func open() { gate.change { $0 = true } }
  }

  @Test(arguments: BatchStore.kinds) func `ends after a block when it is cancelled, and keeps the block`(
    kind: String
  )
    throws
  {
    let halted = try Halted(kind)
    try halted.start(try Batches.classifier())
    #expect(halted.batch.isRunning)
    halted.batch.cancel()
    halted.open()
    #expect(failure { try halted.batch.wait() }?.code == .cancelled)
    #expect(halted.batch.status.json == ["status": "cancelled", "count": 4096, "total": 5000])
    #expect(try halted.batch.count() == 4096)
    #expect(!halted.batch.isRunning)
  }

  @Test func `is busy while it runs, for another run and for clear`() throws {
    let halted = try Halted("memory")
    let model = try Batches.classifier()
    try halted.start(model)
    #expect(failure { try halted.batch.predict(model, on: halted.dataset) }?.code == .busy)
    #expect(failure { try halted.batch.clear() }?.code == .busy)
    #expect(failure { try halted.batch.wait(timeout: 1) }?.code == .timeout)
    halted.open()
    try halted.batch.wait()
    try halted.batch.clear()
  }

  @Test func `can't be waited for in a callback of its own`() throws {
    let here = try BatchStore("memory")
    let dataset = try Batches.clouds(3, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let found = Monitor<MaquetteError.Code?>(nil)
    let subscription = batch.$status.subscribe { status in
      if status.phase == .success { found.change { $0 = failure { try batch.wait() }?.code } }
    }
    try batch.predict(try Batches.classifier(), on: dataset)
    try batch.wait()
    #expect(found.withLock { $0 } == .reentrant)
    subscription.cancel()
  }

  @Test func `predicts with what the model knew when it was started`() throws {
    let halted = try Halted("memory")
    let model = try Batches.classifier()
    let expected = try model.confidences(of: try halted.dataset.table().features)
    try halted.start(model)
    let samples = try Samples.clouds(rows: 30, features: 7)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    halted.open()
    try halted.batch.wait()
    #expect(try halted.batch.results().values == expected)
  }

  @Test func `is awaited by tasks, and cancelled with them`() async throws {
    let here = try BatchStore("memory")
    let dataset = try Batches.clouds(100, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try await batch.predict(try Batches.classifier(), on: dataset)
    #expect(batch.status.phase == .success)
    #expect(try batch.count() == 100)
  }
}
