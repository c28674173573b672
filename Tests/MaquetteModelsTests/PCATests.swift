import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A principal component analysis` {
  private func train(_ model: PCA, _ rows: Matrix, mode: TrainingMode = .fresh) throws {
    try model.train(on: InstanceTable(features: rows), mode: mode)
    try model.wait()
  }

  /// Rows that vary along (3, 4) / 5 most, a little across, and nowhere else.
  private func cigar(_ rows: Int = 200, offset: Float = 0) throws -> Matrix {
    var random = Random(seed: 6)
    return try Matrix(
      rows: rows, columns: 3,
      (0..<rows).flatMap { _ -> [Float] in
        let (long, short) = (Float(random.normal()) * 10, Float(random.normal()))
        return [offset + 0.6 * long - 0.8 * short, offset + 0.8 * long + 0.6 * short, offset]
      })
  }

  private func difference(_ left: Matrix?, _ right: Matrix?) -> Float {
    guard let left, let right, left.rows == right.rows, left.columns == right.columns else {
      return .infinity
    }
    return (0..<left.rows).flatMap { zip(left[row: $0], right[row: $0]).map { abs($0 - $1) } }.max() ?? 0
  }

  @Test func `has Marcelle's default, and takes as many components as asked (Marcelle's fault 6)`() throws {
    #expect(PCA().nComponents == 2)
    #expect(PCA.service == "pca")
    for count in 1...3 {
      let model = PCA(nComponents: count)
      try train(model, cigar())
      #expect(try model.predict([1, 2, 3]).count == count)
    }
  }

  @Test func `reports its training event for event as Marcelle does`() throws {
    let model = PCA()
    let seen = Mutex<[TrainingStatus]>([])
    model.$training.observe { event in seen.withLock { $0.append(event.value) } }
    try train(model, cigar())
    let statuses = seen.withLock { $0 }
    #expect(statuses.map(\.phase) == [.idle, .start, .success])
    #expect(statuses[1].json == ["status": "start"])
    let ratios = (statuses[2].data?["explainedVariance"]?.array ?? []).compactMap(\.number)
    #expect(ratios.count == 2 && ratios[0] > 0.97 && abs(ratios[0] + ratios[1] - 1) < 1e-6)
  }

  @Test func `finds the directions along which rows vary, far from zero too`() throws {
    for offset: Float in [0, 1e4] {
      let model = PCA()
      try train(model, cigar(offset: offset))
      let components = try #require(model.components)
      #expect(abs(components[0, 0] - 0.6) < 0.02 && abs(components[0, 1] - 0.8) < 0.02)
      #expect(abs(components[0, 2]) < 1e-3)
      #expect(components[row: 1].max() ?? 0 > 0)
    }
  }

  @Test func `brings projections to deviation 1 when it whitens, and back again`() throws {
    let rows = try cigar()
    let model = PCA(nComponents: 2, whiten: true)
    try train(model, rows)
    var moments = ColumnMoments(columns: 2)
    let scores = try model.predict(rows)
    moments.add(scores)
    #expect(moments.deviations.allSatisfy { abs($0 - 1) < 0.01 })
    #expect(difference(try model.inverse(scores), rows) < 1e-3)
  }

  @Test func `learns rows on top of others as it learns them all at once`() throws {
    let rows = try cigar(300, offset: 5)
    let (whole, parts) = (PCA(), PCA())
    try train(whole, rows)
    try train(parts, try rows.gathering((0..<100).map { $0 }))
    try train(parts, try rows.gathering((100..<299).map { $0 }), mode: .partial)
    try train(parts, try rows.gathering([299]), mode: .partial)
    #expect(difference(whole.components, parts.components) < 1e-5)
    #expect(difference(try whole.predict(rows), try parts.predict(rows)) < 1e-3)
    #expect(code { try train(parts, try Matrix([[1, 2]]), mode: .partial) } == .badShape)
    #expect(code { try train(parts, rows, mode: .continuing) } == .unsupported)
  }

  @Test func `gives the same bits whatever the number of threads`() throws {
    let rows = try Samples.clouds(rows: 6000, features: 20, spread: 3).features
    let limit = Workers.limit
    defer { Workers.limit = limit }
    var results: [Matrix] = []
    for threads in [1, 3] {
      Workers.limit = threads
      let model = PCA(nComponents: 5)
      try train(model, rows)
      results.append(try #require(model.components))
    }
    #expect(results[0] == results[1])
  }

  @Test func `predicts the same to the last bit when it is loaded, and goes on`() throws {
    let rows = try cigar()
    for whiten in [false, true] {
      let model = PCA(nComponents: 2, whiten: whiten)
      try train(model, rows)
      let store = try DataStore("memory:")
      let id = try model.save(in: store, name: "m")
      let loaded = PCA()
      try loaded.load(from: store, id)
      #expect(try loaded.predict(rows) == model.predict(rows))
      #expect(try loaded.predict(rows[row: 3]) == model.predict(rows)[row: 3])
      #expect(loaded.explainedVarianceRatio == model.explainedVarianceRatio)
      #expect(try loaded.inverse(try loaded.predict(rows)) == model.inverse(try model.predict(rows)))
      try train(loaded, rows, mode: .partial)
    }
  }

  @Test func `bears constant features, one row, duplicate rows`() throws {
    let model = PCA(nComponents: 1)
    for rows: [[Float]] in [[[7, 7, 7]], [[1, 5], [1, 5], [1, 5]], [[0, 3], [1, 3], [2, 3]]] {
      for whiten in [false, true] {
        model.whiten = whiten
        try train(model, try Matrix(rows))
        #expect(try model.predict(rows[0]).allSatisfy { $0.isFinite })
        #expect(model.explainedVarianceRatio.allSatisfy { $0.isFinite })
      }
    }
  }

  @Test func `says so when rows lie too far apart to tell their variance`() throws {
    let model = PCA(nComponents: 1)
    try train(model, cigar())
    let before = model.components
    for rows in try [Matrix([[-3e38, 1], [3e38, 2]]), Matrix([[-1e19, 1], [1e19, 2], [3e19, 1]])] {
      let error = failure { try train(model, rows) }
      #expect(error?.code == .notFinite && error?.message.contains("far apart") == true)
    }
    #expect(model.components == before)
    // Back to rows that no float can hold.
    try train(model, try Matrix([[0, 0], [1e17, 1e17], [2e17, 2e17]]))
    model.whiten = true
    try train(model, try Matrix([[0, 0], [1e17, 1e17], [2e17, 2e17]]))
    #expect(code { _ = try model.inverse(Matrix([[1e38]])) } == .notFinite)
  }

  @Test func `says what is wrong with rows, components and scores`() throws {
    let rows = try Matrix([[1, 2, 3], [3, 4, 9]])
    #expect(code { try train(PCA(nComponents: 3), rows) } == .badParameter)
    #expect(code { try train(PCA(), try Matrix([[1, .infinity]])) } == .notFinite)
    #expect(code { try train(PCA(), try Matrix(rows: 0, columns: 2, [])) } == .noRows)
    let model = PCA()
    #expect(code { _ = try model.predict([1]) } == .notTrained)
    #expect(code { _ = try model.inverse(rows) } == .notTrained)
    try train(model, rows)
    #expect(code { _ = try model.inverse(rows) } == .badShape)
    #expect(code { _ = try model.inverse(try Matrix([[1, .nan]])) } == .notFinite)
    #expect(code { _ = try model.predict([1]) } == .badShape)
  }
}
