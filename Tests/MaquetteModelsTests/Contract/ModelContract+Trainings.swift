import Dispatch
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

extension `Every kind of model` {
  // MARK: While it trains

  /// Keeps a training running until it is cancelled, whatever the kind.
  private func endless(_ model: any Model) throws {
    let begun = Monitor(false)
    try model.trainer.start { (run) throws(MaquetteError) in
      begun.change { $0 = true }
      while true { try run.checkCancellation() }
    }
    begun.wait(until: .never) { $0 ? () : nil }
  }

  @Test(arguments: Kinds.names)
  func `is busy while it is trained, and predicts all the same (Marcelle's fault 14)`(kind: String) throws {
    let samples = try Kinds.samples()
    let model = try Kinds.trained(kind, on: samples)
    let before = try model.predictions(of: samples.features)
    try endless(model)
    let store = try DataStore("memory:")
    let table = try Kinds.table(kind, samples)
    var errors = [
      failure { try model.train(on: .table(table), validatingOn: nil, mode: .fresh) },
      failure { try model.load(from: store, "x") }, failure { try model.reset() },
    ]
    if let remembering = model as? any RememberingModel {
      errors.append(failure { try remembering.remove(ids: [0]) })
    }
    for error in errors {
      #expect(error?.code == .busy)
      #expect(error?.message.contains("being trained") == true)
    }
    #expect(code { try model.wait(timeout: 0) } == .timeout)
    #expect(try model.predictions(of: samples.features) == before)
    #expect(throws: Never.self) { try model.save(in: store, name: "meanwhile") }
    #expect(try model.copy().predictions(of: samples.features) == before)
    model.cancel()
    #expect(code { try model.wait() } == .cancelled)
    #expect(try model.predictions(of: samples.features) == before)
  }

  @Test(arguments: Kinds.names)
  func `is cancelled at every epoch, keeps what that epoch made, and can be trained on`(kind: String) throws {
    let samples = try Kinds.samples(40)
    let table = try Kinds.table(kind, samples)
    let other = try Kinds.table(kind, Kinds.samples(40, seed: 2))
    let epochs = try Kinds.make(kind).parameterValues["epochs"]?.integer ?? 0
    for epoch in 0...epochs {
      let model = try Kinds.make(kind)
      try model.learn(table)
      let kept = Mutex<(any FittedModel)?>(nil)
      let isArmed = Atomic(false)
      model.trainingStream.observe { event in
        guard isArmed.load(ordering: .acquiring),
          event.value.phase == (epoch == 0 ? .start : .epoch), event.value.epoch ?? 0 == epoch
        else { return }
        kept.withLock { $0 = model.fittedModel }
        model.cancel()
      }
      isArmed.store(true, ordering: .releasing)
      let error = failure { try model.learn(other) }
      isArmed.store(false, ordering: .releasing)
      // The last epoch is the whole training.
      if epoch < epochs || epochs == 0 {
        #expect(error?.code == .cancelled, "epoch \(epoch)")
        #expect(model.training.phase == .cancelled)
        #expect(model.training.epoch ?? 0 == epoch)
      }
      #expect(model.fittedModel === kept.withLock { $0 })
      #expect(try model.predictions(of: samples.features).isFinite)
      if Kinds.names(that: .continuing).contains(kind) {
        try model.learn(epoch == 0 ? table : other, mode: .continuing)
      }
      if Kinds.names(that: .partial).contains(kind) { try model.learn(other, mode: .partial) }
      try model.learn(table)
      let fresh = try Kinds.trained(kind, on: samples)
      #expect(try model.predictions(of: samples.features) == fresh.predictions(of: samples.features))
    }
  }

  @Test(arguments: Kinds.names)
  func `that goes on can be cancelled too, and is as it was`(kind: String) throws {
    let samples = try Kinds.samples(40)
    let table = try Kinds.table(kind, samples)
    for mode in [TrainingMode.continuing, .partial] where Kinds.names(that: mode).contains(kind) {
      let model = try Kinds.trained(kind, on: samples)
      let before = try model.predictions(of: samples.features)
      let isArmed = Atomic(true)
      model.trainingStream.observe { event in
        if isArmed.load(ordering: .acquiring), event.value.phase == .start { model.cancel() }
      }
      #expect(code { try model.learn(table, mode: mode) } == .cancelled, "\(mode)")
      #expect(try model.predictions(of: samples.features) == before)
      isArmed.store(false, ordering: .releasing)
      #expect(throws: Never.self) { try model.learn(table, mode: mode) }
    }
  }

  @Test(arguments: Kinds.names) func `may be trained again by who hears that it is ready`(kind: String) throws
  {
    let model = try Kinds.make(kind)
    let table = try Kinds.table(kind, Kinds.samples(30))
    let trainings = Mutex(0)
    let done = DispatchSemaphore(value: 0)
    model.trainingStream.subscribe { status in
      guard status.phase == .success else { return }
      let count = trainings.withLock { count in
        count += 1
        return count
      }
      if count == 5 {
        done.signal()
      } else {
        #expect(throws: Never.self) {
          try model.train(on: .table(table), validatingOn: nil, mode: .fresh)
        }
      }
    }
    try model.train(on: .table(table), validatingOn: nil, mode: .fresh)
    done.wait()
    #expect(throws: Never.self) { try model.wait() }
  }

  @Test(arguments: Kinds.names) func `lets nobody wait for it in its own callback`(kind: String) throws {
    let model = try Kinds.make(kind)
    let codes = Mutex<[MaquetteError.Code?]>([])
    model.trainingStream.subscribe { status in
      guard status.phase == .success else { return }
      let code = code { try model.wait() }
      codes.withLock { $0.append(code) }
    }
    model.trainingStream.observe { event in
      guard event.value.phase == .start else { return }
      let code = code { try model.wait() }
      codes.withLock { $0.append(code) }
    }
    try model.learn(Kinds.table(kind, Kinds.samples(30)))
    #expect(codes.withLock { $0 } == [.reentrant, .reentrant])
  }

  @Test(arguments: Kinds.names)
  func `answers eight threads while it trains and its parameters change`(kind: String) async throws {
    let samples = try Kinds.samples()
    let model = try Kinds.trained(kind, on: samples)
    let columns = try model.readyModel().outputs
    let table = try Kinds.table(kind, samples)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for row in 0..<100 {
            do {
              let answer = try model.predictions(of: samples.features.gathering([Int32(row % 60)]))
              #expect(answer.columns == columns && answer.isFinite)
            } catch {
              Issue.record("\(error)")
            }
          }
        }
      }
      group.addTask {
        do {
          for turn in 0..<10 {
            if let parameter = model.parameters.first(where: { $0.name == "seed" || $0.name == "weights" }) {
              try parameter.set(
                parameter.name == "seed" ? JSON(turn) : turn % 2 == 0 ? "distance" : "uniform")
            }
            try model.learn(table)
          }
        } catch {
          Issue.record("\(error)")
        }
      }
    }
  }

  @Test(arguments: Kinds.names)
  func `learns a dataset as it was when the training began, whatever happens to it`(kind: String) throws {
    let samples = try Kinds.samples()
    let table = try Kinds.table(kind, samples)
    let expected = try Kinds.trained(kind, on: samples).predictions(of: samples.features)
    for change in ["append", "clear"] {
      let dataset = try Kinds.dataset(table, in: DataStore("memory:"))
      let model = try Kinds.make(kind)
      let outcome = Mutex<MaquetteError?>(nil)
      model.trainingStream.observe { event in
        guard event.value.phase == .start else { return }
        let error = failure {
          if change == "clear" {
            try dataset.clear()
          } else {
            _ = try dataset.create(["x": [9, 9, 9, 9], "y": 1])
          }
        }
        outcome.withLock { $0 = error }
      }
      try model.train(on: dataset)
      #expect(throws: Never.self) { try model.wait() }
      #expect(outcome.withLock { $0 } == nil)
      #expect(dataset.count == (change == "clear" ? 0 : 61))
      #expect(try model.predictions(of: samples.features) == expected)
    }
  }
}
