import Glibc
import MaquetteSystem

/// The functions of ONNX Runtime, looked up when the first model needs them: who has none need not have it.
///
/// They are in a table of which the published order never changes: new ones come behind the others. The places here are
/// those of `struct OrtApi` in `onnxruntime_c_api.h`, all of its first version. A function that can fail returns a status,
/// null for success.
struct ONNXRuntimeLibrary: @unchecked Sendable {  // addresses of functions
  typealias Handle = UnsafeMutableRawPointer
  typealias Text = UnsafePointer<CChar>
  typealias Place = UnsafeMutablePointer<Handle?>

  let errorMessage: @convention(c) (Handle?) -> Text?
  let makeOptions: @convention(c) (Place) -> Handle?
  let setThreads: @convention(c) (Handle?, Int32) -> Handle?
  /// Environment, bytes, their count, options.
  let makeSession: @convention(c) (Handle?, UnsafeRawPointer?, Int, Handle?, Place) -> Handle?
  /// Session, options, names and values of the inputs and their count, names of the outputs and their count.
  let run:
    @convention(c) (
      Handle?, Handle?, UnsafePointer<Text?>, UnsafePointer<Handle?>, Int, UnsafePointer<Text?>, Int, Place
    ) -> Handle?
  /// Kind of memory, numbers, their bytes, shape, its dimensions, type of an element.
  let makeTensor:
    @convention(c) (Handle?, UnsafeMutableRawPointer?, Int, UnsafePointer<Int64>?, Int, Int32, Place) ->
      Handle?
  let isTensor: @convention(c) (Handle?, UnsafeMutablePointer<Int32>) -> Handle?
  let tensorData: @convention(c) (Handle?, Place) -> Handle?
  let elementType: @convention(c) (Handle?, UnsafeMutablePointer<Int32>) -> Handle?
  let elementCount: @convention(c) (Handle?, UnsafeMutablePointer<Int>) -> Handle?
  let tensorShape: @convention(c) (Handle?, Place) -> Handle?

  let freeStatus: @convention(c) (Handle?) -> Void
  let freeSession: @convention(c) (Handle?) -> Void
  let freeValue: @convention(c) (Handle?) -> Void
  let freeShape: @convention(c) (Handle?) -> Void
  let freeOptions: @convention(c) (Handle?) -> Void

  /// What all sessions share; it stays as long as the process.
  let environment: Handle
  /// The processor's memory.
  let memory: Handle
}

extension ONNXRuntimeLibrary {
  /// Names the library has; `MAQUETTE_ONNXRUNTIME` may say another.
  private static let names = ["libonnxruntime.so", "libonnxruntime.so.1"]

  private static let loaded = Monitor<ONNXRuntimeLibrary?>(nil)

  /// The library, loaded at the first call.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported``, which says what to install. The next call tries again.
  static func load() throws(MaquetteError) -> ONNXRuntimeLibrary {
    try loaded.withLock { (library) throws(MaquetteError) in
      if let library { return library }
      let named = getenv("MAQUETTE_ONNXRUNTIME").map { [String(cString: $0)] }
      let found = try ONNXRuntimeLibrary(named ?? names)
      library = found
      return found
    }
  }

  /// The first library that is there.
  init(_ names: [String]) throws(MaquetteError) {
    for name in names {
      // It stays loaded: it may have started threads of its own.
      if let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) {
        self = try ONNXRuntimeLibrary(handle, name)
        return
      }
    }
    let reason = dlerror().map { String(cString: $0) } ?? "not found"
    throw MaquetteError(
      .unsupported,
      "an onnx-model needs ONNX Runtime, which is not here (\(reason)): please install it (in Python \"pip install "
        + "onnxruntime\"; elsewhere libonnxruntime.so), or say in MAQUETTE_ONNXRUNTIME where it is",
      name: names.first ?? "")
  }

  private init(_ handle: UnsafeMutableRawPointer, _ name: String) throws(MaquetteError) {
    typealias Table = UnsafePointer<UnsafeRawPointer?>
    let oldest = 16
    // The first of two tables: how to get the other, and a version.
    guard let symbol = dlsym(handle, "OrtGetApiBase"),
      let base = unsafeBitCast(symbol, to: (@convention(c) () -> Table?).self)(), let first = base[0],
      let second = base[1]
    else {
      throw MaquetteError(
        .unsupported, "\(quoted(name)) is no ONNX Runtime: it lacks OrtGetApiBase", name: name)
    }
    let makeTable = unsafeBitCast(first, to: (@convention(c) (UInt32) -> Table?).self)
    let makeVersion = unsafeBitCast(second, to: (@convention(c) () -> Text?).self)
    let version = makeVersion().map { String(cString: $0) } ?? ""
    let numbers = version.split(separator: ".").map { Int($0) }
    // Asked for a version that it doesn't have, it would print something.
    guard numbers.count >= 2, numbers[0] == 1, numbers[1] ?? 0 >= oldest,
      let table = makeTable(UInt32(oldest))
    else {
      throw MaquetteError(
        .unsupported, "\(quoted(name)) is ONNX Runtime \(version); an onnx-model needs 1.\(oldest) or newer",
        name: name)
    }
    func function<Function>(_ place: Int, as: Function.Type = Function.self) throws(MaquetteError) -> Function
    {
      guard let address = table[place] else {
        throw MaquetteError(.unsupported, "\(quoted(name)) lacks its function \(place)", name: name)
      }
      return unsafeBitCast(address, to: Function.self)
    }
    errorMessage = try function(2)
    let makeEnvironment: @convention(c) (Int32, Text?, Place) -> Handle? = try function(3)
    makeSession = try function(8)
    run = try function(9)
    makeOptions = try function(10)
    setThreads = try function(24)
    makeTensor = try function(49)
    isTensor = try function(50)
    tensorData = try function(51)
    elementType = try function(60)
    elementCount = try function(64)
    tensorShape = try function(65)
    let makeMemory: @convention(c) (Int32, Int32, Place) -> Handle? = try function(69)
    freeStatus = try function(93)
    freeSession = try function(95)
    freeValue = try function(96)
    freeShape = try function(99)
    freeOptions = try function(100)

    let (fatal, arena, defaultMemory): (Int32, Int32, Int32) = (4, 1, 0)
    var (environment, memory): (Handle?, Handle?)
    // Threads that it starts, now or later, must take none of the host's signals.
    let status = withSignalsBlocked { makeEnvironment(fatal, "maquette", &environment) }
    guard status == nil, makeMemory(arena, defaultMemory, &memory) == nil, let environment, let memory else {
      throw MaquetteError(.unsupported, "ONNX Runtime \(version) could not be set up", name: name)
    }
    self.environment = environment
    self.memory = memory
  }

  /// Frees a status.
  ///
  /// - Throws: what it says, as an error of that code; nothing for null.
  func check(_ status: Handle?, _ code: MaquetteError.Code, _ what: String) throws(MaquetteError) {
    guard let status else { return }
    let message = errorMessage(status).map { String(cString: $0) } ?? "for a reason it does not tell"
    freeStatus(status)
    throw MaquetteError(code, "\(what): \(message)")
  }
}

/// Runs `body` with all signals blocked: threads inherit that.
func withSignalsBlocked<Result>(_ body: () -> Result) -> Result {
  var (all, before) = (sigset_t(), sigset_t())
  sigfillset(&all)
  pthread_sigmask(SIG_BLOCK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  return body()
}
