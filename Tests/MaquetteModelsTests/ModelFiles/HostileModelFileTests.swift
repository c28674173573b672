import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// Whatever a file holds: a model that predicts, or an error that says what is wrong; never a trap, nor memory for what it
/// only promises.
@Suite struct `Hostile model files` {
  /// Reads them, and uses what comes of it.
  ///
  /// - Returns: the error; nil where they are a model.
  @discardableResult
  private func read(_ files: [StoredFile]) -> MaquetteError? {
    failure {
      let model = try ModelKinds.model(from: ModelFiles(files))
      let fitted = try model.readyModel()
      // Any answer will do, and so will an error: the numbers may be as they like.
      _ = try? fitted.predictions(of: Matrix(rows: 2, columns: fitted.features) { $0.update(repeating: 1) })
    }
  }

  private static let expected: Set<MaquetteError.Code> = [.badFormat, .unsupported, .outOfMemory, .notFinite]

  private func refuse(_ files: [StoredFile], _ word: String) {
    let error = read(files)
    #expect(error?.code == .badFormat, "\(word): \(error?.message ?? "a model")")
    #expect(error.map { ($0.message + $0.name).contains(word) } == true, "\(word): \(error?.message ?? "")")
  }

  @Test(arguments: WrittenKind.all)
  func `that are cut off anywhere, or have a flipped bit anywhere, do no harm`(written: WrittenKind) throws {
    let model = try written.trained(on: Kinds.samples(9, features: 2))
    let files = try model.downloaded(as: written.format)
    var random = Random(seed: 3)
    for (place, file) in files.enumerated() {
      func with(_ bytes: [UInt8]) -> [StoredFile] {
        var changed = files
        changed[place] = StoredFile(name: file.name, bytes: bytes)
        return changed
      }
      // All of a small file, a part of a greater one.
      let step = max(1, file.bytes.count / 1500)
      for length in stride(from: 0, to: file.bytes.count, by: step) {
        let error = read(with(Array(file.bytes[..<length])))
        #expect(
          error.map { Self.expected.contains($0.code) } == true,
          "\(length) bytes: \(error?.message ?? "a model")")
      }
      for byte in stride(from: 0, to: file.bytes.count, by: step) {
        var bytes = file.bytes
        bytes[byte] ^= 1 << UInt8(random.integer(below: 8))
        if let error = read(with(bytes)) {
          #expect(Self.expected.contains(error.code), "byte \(byte): \(error.message)")
        }
      }
      for _ in 0..<100 {
        var bytes = file.bytes
        for _ in 0..<4 { bytes[random.integer(below: bytes.count)] = UInt8(random.integer(below: 256)) }
        if let error = read(with(bytes)) { #expect(Self.expected.contains(error.code), "\(error.message)") }
      }
    }
  }

  @Test(arguments: GoldenModel.others)
  func `of other programs that are cut off or changed do no harm`(golden: GoldenModel) throws {
    let files = try golden.paths.map { StoredFile(name: $0.fileName, bytes: try #require(readFile($0))) }
    var random = Random(seed: 4)
    for (place, file) in files.enumerated() {
      for _ in 0..<400 {
        var changed = files
        var bytes = file.bytes
        if random.integer(below: 4) == 0 {
          bytes.removeLast(random.integer(below: bytes.count))
        } else {
          bytes[random.integer(below: bytes.count)] = UInt8(random.integer(below: 256))
        }
        changed[place] = StoredFile(name: file.name, bytes: bytes)
        if let error = read(changed) { #expect(Self.expected.contains(error.code), "\(error.message)") }
      }
    }
  }

  // MARK: Headers that lie

  /// A safetensors file of any header.
  private func tensors(_ header: String, data: Int = 0, length: UInt64? = nil) -> [StoredFile] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: length ?? UInt64(header.utf8.count))
    return [
      StoredFile(
        name: "m.safetensors", bytes: bytes + Array(header.utf8) + [UInt8](repeating: 0, count: data))
    ]
  }

  private func tensor(_ shape: String, _ offsets: String, dtype: String = "F32") -> String {
    #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  private func metadata(_ kind: String, _ more: String = "") -> String {
    #""__metadata__":{"format":"maquette","version":"1","kind":"\#(kind)"\#(more)}"#
  }

  @Test func `whose header promises what is not there are refused`() {
    refuse(tensors("{}", length: 3), "header")
    refuse(tensors("{}", length: .max), "header")
    refuse(tensors("{}", length: 1 << 62), "header")
    refuse(tensors(String(repeating: "[", count: 1 << 16)), "nesting")
    refuse(tensors("{}"), "metadata")
    refuse(tensors("{\(metadata("magic"))}"), "magic")
    refuse(tensors(#"{"__metadata__":{"format":"maquette","version":"2","kind":"pca"}}"#), "version")
    let all = [
      (tensor("[4611686018427387904,4]", "[0,8]"), 8), (tensor("[9223372036854775807]", "[0,8]"), 8),
      (tensor("[-1]", "[0,8]"), 8), (tensor("[1.5]", "[0,8]"), 8), (tensor("[2]", "[0,16]"), 8),
      (tensor("[2]", "[8,0]"), 8), (tensor("[2]", "[-8,0]"), 8), (tensor("[2]", "[0]"), 8),
      (tensor("[2]", "[0,9223372036854775807]"), 8), (tensor("[2]", "[4,12]"), 12),
      (tensor("[2]", "[0,8]", dtype: "F8"), 8),
    ]
    for (entry, data) in all {
      refuse(tensors(#"{\#(metadata("pca")),"mean":\#(entry)}"#, data: data), "mean")
    }
    refuse(tensors(#"{\#(metadata("pca")),"mean":\#(tensor("[2]", "[0,8]"))}"#, data: 9), "9 bytes")
    // A thousand tensors of the same megabyte would be a gigabyte.
    let shared = (0..<1000).map { #""t\#($0)":\#(tensor("[262144]", "[0,1048576]"))"# }.joined(separator: ",")
    refuse(tensors("{\(metadata("pca")),\(shared)}", data: 1 << 20), "begins at byte")
  }

  @Test func `of nothing in enormous shapes are refused`() {
    let nothing = tensor("[9007199254740991,0]", "[0,0]")
    let never = tensor("[0,9007199254740991]", "[0,0]")
    for empty in [nothing, never, tensor("[0,0]", "[0,0]")] {
      for kind in ["knn-regressor", "kmeans-clustering", "pca", "umap"] {
        let names = ["rows", "targets", "centers", "components", "mean", "explainedVariance", "embedding"]
        let entries = names.map { #""\#($0)":\#(empty)"# }.joined(separator: ",")
        let error = read(tensors("{\(metadata(kind)),\(entries)}"))
        #expect(error.map { Self.expected.union([.badShape]).contains($0.code) } == true, "\(kind) \(empty)")
      }
      let network = metadata("mlp-regressor", #","layers":"[{\"name\":\"a\",\"activation\":\"linear\"}]""#)
      let error = read(tensors(#"{\#(network),"a.kernel":\#(empty),"a.bias":\#(tensor("[0]", "[0,0]"))}"#))
      #expect(error?.code == .badFormat, "\(empty)")
    }
  }

  /// A layers-model of these layers and weights.
  private func network(
    _ layers: String, _ weights: String, bytes: Int, paths: String = #"["w.bin"]"#, name: String = "w.bin"
  ) -> [StoredFile] {
    let json =
      #"{"modelTopology":{"class_name":"Sequential","config":{"layers":[\#(layers)]}},"weightsManifest":[{"paths":\#(paths),"weights":[\#(weights)]}]}"#
    return [
      StoredFile(name: "n.json", bytes: Array(json.utf8)),
      StoredFile(name: name, bytes: [UInt8](repeating: 0, count: bytes)),
    ]
  }

  private func layer(_ more: String, className: String = "Dense") -> String {
    #"{"class_name":"\#(className)","config":{"name":"a",\#(more)}}"#
  }

  private func weights(_ name: String, _ shape: String, _ more: String = "") -> String {
    #"{"name":"\#(name)","shape":\#(shape),"dtype":"float32"\#(more)}"#
  }

  @Test func `of layers that are none, or promise more than there is, are refused`() {
    let kernel = weights("a/kernel", "[1,2]")
    let bias = weights("a/bias", "[2]")
    let good = layer(#""units":2"#)
    #expect(read(network(good, "\(kernel),\(bias)", bytes: 16)) == nil)
    refuse(network(layer(#""filters":2"#, className: "Conv2D"), kernel, bytes: 8), "Conv2D")
    refuse(network(layer(#""units":2,"activation":"swish""#), "\(kernel),\(bias)", bytes: 16), "swish")
    refuse(
      network(
        layer(#""units":9007199254740991,"use_bias":false"#), weights("a/kernel", "[0,9007199254740991]"),
        bytes: 0), "kernel")
    refuse(
      network(good, "\(weights("a/kernel", "[4611686018427387904,8]")),\(bias)", bytes: 8), "whole numbers")
    refuse(network(good, "\(kernel),\(bias)", bytes: 12), "a/bias")
    refuse(network(good, "\(kernel),\(bias)", bytes: 20), "20 bytes")
    refuse(network(good, "\(kernel),\(bias),\(weights("b/kernel", "[1]"))", bytes: 20), "b/kernel")
    refuse(network("\(good),\(good)", "\(kernel),\(bias)", bytes: 16), "a/kernel")
    refuse(network(good, "\(kernel),\(kernel),\(bias)", bytes: 24), "two weights")
    refuse(network(good, "\(kernel),\(bias)", bytes: 16, paths: #"["w.bin","w.bin"]"#), "twice")
    refuse(network(good, "\(kernel),\(bias)", bytes: 16, paths: "[]"), "name the files")
    refuse(network(good, "\(kernel),\(bias)", bytes: 16, paths: #"["a.bin","../../etc/passwd"]"#), "a.bin")
    refuse(network("", "", bytes: 0), "layers")
    refuse(network(good, #"{"name":"a/kernel","shape":[1,2],"dtype":"complex64"}"#, bytes: 16), "complex64")
    refuse(
      network(
        good, "\(weights("a/kernel", "[1,2]", #","quantization":{"dtype":"uint8"}"#)),\(bias)", bytes: 10),
      "scale")
    let huge = weights("a/kernel", "[1,2]", #","quantization":{"dtype":"uint8","scale":1e308,"min":1e308}"#)
    #expect(read(network(good, "\(huge),\(bias)", bytes: 10))?.code == .badFormat)
  }

  /// A text of Marcelle's or FluCoMa's.
  private func json(_ text: String) -> [StoredFile] { [StoredFile(name: "m.json", bytes: Array(text.utf8))] }

  @Test func `in JSON of another form are refused`() {
    refuse(json("{"), "m.json")
    refuse(json("[]"), "m.json")
    refuse(json(#"{"format":"knn-classifier"}"#), "data")
    refuse(json(#"{"format":"knn-classifier","metadata":{"data":{"a":[[1,2],[1]]}}}"#), "row 1")
    refuse(json(#"{"format":"knn-classifier","metadata":{"data":{"a":[[]]}}}"#), "no numbers")
    refuse(json(#"{"format":"knn-classifier","metadata":{"data":{"a":[[1e39]]}}}"#), "32-bit")
    refuse(json(#"{"format":"knn-classifier","metadata":{"data":{"a":[[1]]},"labels":["b"]}}"#), "labels")
    refuse(json(#"{"format":"ml-kmeans","metadata":{"centers":[[1],[2]],"clusters":[2]}}"#), "clusters")
    refuse(json(#"{"format":"ml-kmeans","metadata":{"centers":[[1],["2"]]}}"#), "centers")
    refuse(json(#"{"format":"ml-pca","metadata":{"PCAModel":{"U":[[1]],"S":[1],"means":[1,2]}}}"#), "mean")
    refuse(
      json(#"{"format":"ml-pca","metadata":{"PCAModel":{"scale":true,"U":[[1]],"S":[1],"means":[1]}}}"#),
      "scales")
    refuse(json(#"{"layers":[]}"#), "no layer")
    refuse(json(#"{"layers":[{"weights":[[1]],"biases":[1],"activation":9}]}"#), "activation")
    refuse(json(#"{"layers":[{"weights":[[1]],"biases":[1,2],"activation":0}]}"#), "biases")
    refuse(json(#"{"rows":1,"cols":1,"means":[]}"#), "means")
    refuse(json(#"{"rows":1,"cols":1,"bases":[[1]],"values":[],"mean":[1]}"#), "values")
  }
}
