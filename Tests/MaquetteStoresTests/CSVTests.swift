import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// Datasets as comma-separated values.
@Suite struct CSVTests {
  private let directory = TemporaryDirectory()

  private func dataset() throws -> Dataset { try Dataset("d", in: DataStore("memory:")) }

  private func options(_ text: String) throws -> CSVOptions { try CSVOptions(JSONObject(text)) }

  private func read(_ path: String) throws -> String {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("records become instances: numbers features, the column y the label", arguments: StoreKind.allCases)
  func reading(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let text = "\u{FEFF}a, b,y\r\n1,2.5,left\n-3e1, +4 ,\"a \"\"b\"\"\nc\"\r\n\n0.1,7,\r\n"
    #expect(try dataset.importCSV(Array(text.utf8)) == 3)
    let table = try dataset.table()
    #expect(try table.features == Matrix([[1, 2.5], [-30, 4], [0.1, 7]]))
    #expect((0..<3).map { table.labels[$0] } == ["left", "a \"b\"\nc", nil])
  }

  @Test("columns are named, or counted from either end; targets are learnt instead of labels")
  func columns() throws {
    let cases: [(String, [Float], JSON?)] = [
      (#"{"label": "c"}"#, [1, 2], "3"), (#"{"label": 0}"#, [2, 3], "1"), (#"{"label": -2}"#, [1, 3], "2"),
      (#"{}"#, [1, 2, 3], nil), (#"{"features": ["c", "a"]}"#, [3, 1], nil),
      (#"{"targets": ["c"]}"#, [1, 2], 3), (#"{"targets": [2, "a"], "features": [1]}"#, [2], [3, 1]),
      (#"{"label": "b", "features": ["a"]}"#, [1], "2"),
    ]
    for (text, features, y) in cases {
      let dataset = try dataset()
      #expect(try dataset.importCSV(Array("a;b;c\n1;2;3".utf8), options(text).separated(by: ";")) == 1)
      let instance = try dataset.find().data[0]
      #expect(instance["x"] == .array(features.map { .number(Double($0)) }), "\(text)")
      #expect(instance["y"] == y, "\(text)")
    }
    let bare = try dataset()
    #expect(
      try bare.importCSV(Array("1,2,a\n3,4,b\n".utf8), options(#"{"header": false, "label": -1}"#)) == 2)
    #expect(try bare.distinct("y") == ["a", "b"])
    #expect(try dataset().importCSV([]) == 0)
    #expect(try dataset().importCSV(Array("a,b\n".utf8)) == 0)
  }

  @Test(
    "what is wrong is told with its line and column, and nothing is added",
    arguments: [
      ("a,y\n1,l\n2,l\nx,l\n", "{}", "line 4", MaquetteError.Code.badFormat),
      ("a,y\n1,l\n,l\n", "{}", "column \"a\"", .badFormat), ("a,y\n1,l\n2\n", "{}", "line 3", .badFormat),
      ("a,y\n1,l,3\n", "{}", "3 fields", .badFormat), ("a,y\n1,\"l\nm\n\n", "{}", "line 2", .badFormat),
      ("a,y\n\"1\" ,l\n", "{}", "line 2", .badFormat), ("a,y\n1\"2,l\n", "{}", "line 2", .badFormat),
      ("a,y\n\"two\nlines\",l", "{}", "line 2", .badFormat), ("a,y\nnan,l\n", "{}", "line 2", .notFinite),
      ("a,y\n1e39,l\n", "{}", "line 2", .notFinite), ("a,y\n1,l\n", #"{"label": "z"}"#, "\"z\"", .notFound),
      ("a,y\n1,l\n", #"{"label": 2}"#, "column 2", .notFound),
      ("a,y\n1,l\n", #"{"label": -3}"#, "-3", .notFound),
      ("a,y\n1,l\n", #"{"features": ["a", 0]}"#, "twice", .invalidArgument),
      ("a,y\n1,l\n", #"{"label": "y", "targets": ["a"]}"#, "both", .invalidArgument),
      ("y\nl\n", "{}", "left", .badShape), ("1,2\n3\n", #"{"header": false}"#, "line 2", .badFormat),
    ])
  func refused(_ text: String, _ given: String, _ words: String, _ code: MaquetteError.Code) throws {
    let dataset = try dataset()
    let error = try #require(failure { _ = try dataset.importCSV(Array(text.utf8), options(given)) })
    #expect(error.code == code, "\(error.message)")
    #expect(error.message.contains(words), "\(error.message)")
    #expect(dataset.count == 0)
  }

  @Test("an option that is none, or of another form, is refused by its name")
  func badOptions() throws {
    for (text, name) in [
      (#"{"nope": 1}"#, "nope"), (#"{"header": 1}"#, "header"), (#"{"separator": ",,"}"#, "separator"),
      (#"{"separator": "\""}"#, "separator"), (#"{"separator": "ü"}"#, "separator"),
      (#"{"label": 1.5}"#, "label"),
      (#"{"targets": "a"}"#, "targets"), (#"{"features": [null]}"#, "features"),
    ] {
      #expect(failure { _ = try options(text) }?.name == name)
    }
  }

  @Test("another width than that of the instances there is refused")
  func widths() throws {
    let dataset = try dataset()
    _ = try dataset.create(["x": [1, 2]])
    #expect(failure { try dataset.importCSV(Array("a,y\n1,l\n".utf8)) }?.code == .badShape)
    #expect(dataset.count == 1)
  }

  @Test("what is written is read again as it was, number by number", arguments: StoreKind.allCases)
  func roundTrip(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    var random = Random(seed: 3)
    let values = (0..<9000 * 3).map { _ in
      Float(bitPattern: UInt32.random(in: 0..<0x7F80_0000, using: &random))
    }
    let names = ["plain", "with, comma", "with \"quotes\"", "two\nlines", "ünïcode"]
    let codes = (0..<9000).map { Int32($0 % 6) - 1 }
    try dataset.append(
      Matrix(rows: 9000, columns: 3, values), labels: LabelColumn(names: names, codes: codes))
    let path = directory.path("all.csv")
    #expect(try dataset.exportCSV(to: path) == 9000)
    let copy = try Dataset("copy", in: test.store)
    #expect(try copy.importCSV(from: path) == 9000)
    let (first, second) = (try dataset.table(), try copy.table())
    #expect(first.features == second.features)
    #expect(first.labels == second.labels)
  }

  @Test("numbers to be learnt are columns of their own")
  func targets() throws {
    let dataset = try dataset()
    try dataset.append(Matrix([[1, 2], [3, 4]]), targets: Matrix([[5, 6], [7, 8]]))
    let path = directory.path("targets.csv")
    #expect(try dataset.exportCSV(to: path, names: ["a", "b;"], separator: ";") == 2)
    #expect(try read(path) == "a;\"b;\";y0;y1\r\n1.0;2.0;5.0;6.0\r\n3.0;4.0;7.0;8.0\r\n")
    let copy = try self.dataset()
    var options = CSVOptions()
    options.separator = ";"
    options.targets = [.name("y0"), .number(-1)]
    #expect(try copy.importCSV(from: path, options) == 2)
    #expect(try copy.table(of: .values).targets == Matrix([[5, 6], [7, 8]]))
    #expect(failure { try dataset.exportCSV(to: path, names: ["a"]) }?.code == .badShape)
    _ = try dataset.create(["x": [1, 2]])
    #expect(failure { try dataset.exportCSV(to: path) }?.code == .notFound)
    #expect(try read(path).hasPrefix("a;"))
    _ = try dataset.create(["note": 1])
    #expect(failure { try dataset.exportCSV(to: path) } != nil)
  }

  @Test("random bytes are an error, or rows, and no more")
  func damaged() throws {
    var random = Random(seed: 9)
    let whole = Array("a,b,y\r\n1,2,\"l\"\"x\"\r\n3,4,\"m\nn\"\r\n".utf8)
    for round in 0..<3000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1..<4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch round % 3 {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(UInt8(ascii: "\""), at: place)
        default: bytes.remove(at: place)
        }
      }
      let dataset = try dataset()
      if failure({ _ = try dataset.importCSV(bytes) }) != nil { #expect(dataset.count == 0) }
    }
  }
}

extension CSVOptions {
  fileprivate func separated(by separator: Unicode.Scalar) -> CSVOptions {
    var options = self
    options.separator = separator
    return options
  }
}
