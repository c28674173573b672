import MaquetteFormats
import MaquetteKernels
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// What a store in memory keeps, against a plain list of documents.
@Suite struct `Documents in memory` {
  @Test(arguments: 0..<6) func `are those of a plain list, whatever comes and goes`(seed: Int) throws {
    var random = Random(seed: UInt64(seed))
    let store = try DataStore("memory:")
    let service = try store.service("instances-d")
    let dataset = try Dataset("d", in: store)
    let other = try Dataset("D", in: store)
    var expected: [JSONObject] = []
    for turn in 0..<120 {
      switch random.integer(below: 10) {
      case 0...3:
        let rows = [1, 5, 31, 32, 33, 100][random.integer(below: 6)]
        let target = random.integer(below: 4) == 0 ? other : dataset
        let labels = LabelColumn((0..<rows).map { "label \($0 % 3)" })
        try target.append(counting(rows, columns: 2, from: turn), labels: labels)
        expected += try service.items().array().suffix(rows)
      case 4:
        expected.append(try service.create(["datasetName": "d", "x": [1, 2], "n": JSON(turn)]))
      case 5, 6:
        for _ in 0..<random.integer(below: 60) where !expected.isEmpty {
          let place = random.integer(below: expected.count)
          #expect(try service.remove(expected[place].id) == expected[place])
          expected.remove(at: place)
        }
      case 7, 8:
        for _ in 0..<5 where !expected.isEmpty {
          let place = random.integer(below: expected.count)
          let name = expected[place]["datasetName"] ?? "d"
          expected[place] = try service.replace(
            expected[place].id, with: ["datasetName": name, "x": [7, 8], "y": "new", "n": JSON(turn)])
        }
      default:
        guard random.integer(below: 4) == 0 else { continue }
        try other.clear()
        expected.removeAll { $0["datasetName"] == "D" }
      }
      #expect(try service.count() == expected.count)
      for document in expected where random.integer(below: 20) == 0 {
        #expect(try service.get(document.id) == document)
      }
    }
    #expect(try service.items().array() == expected)
    let ofD = expected.filter { $0["datasetName"] == "d" }
    #expect(dataset.count == ofD.count)
    #expect(try dataset.table().features.rows == ofD.count)
    #expect(try dataset.find(query(#"{"y": "new", "$limit": 0}"#)).total == ofD.count { $0["y"] == "new" })
  }

  @Test func `of a range of ids have numbers in it`() {
    let ids = DocumentID.make(1000)
    for index in [0, 1, 500, 999] { #expect(ids.index(of: ids[index]) == index) }
    #expect(ids.index(of: DocumentID.make()) == nil)
    #expect(ids.index(of: DocumentID(high: 0, low: 0)) == nil)
    #expect(ids.index(of: DocumentID(high: .max, low: .max)) == nil)
    #expect(DocumentID.make(10).index(of: ids[0]) == nil)
  }
}
