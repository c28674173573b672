import Glibc
import MaquetteSystem

/// The functions of libpq, PostgreSQL's own client, looked up when the first store needs them: who keeps no store in a
/// database server need not have it.
///
/// The signatures are those of `libpq-fe.h`; a connection, a result and a cancellation are opaque pointers.
struct PostgreSQLLibrary: Sendable {
  typealias Handle = OpaquePointer
  typealias Text = UnsafePointer<CChar>
  typealias Texts = UnsafePointer<UnsafePointer<CChar>?>

  let connect: @convention(c) (Texts?, Texts?, Int32) -> Handle?
  let finish: @convention(c) (Handle?) -> Void
  let status: @convention(c) (Handle?) -> Int32
  let errorMessage: @convention(c) (Handle?) -> Text?
  let socket: @convention(c) (Handle?) -> Int32
  let serverVersion: @convention(c) (Handle?) -> Int32
  let setNonblocking: @convention(c) (Handle?, Int32) -> Int32

  let sendQuery: @convention(c) (Handle?, Text?) -> Int32
  let sendPrepare: @convention(c) (Handle?, Text?, Text?, Int32, UnsafePointer<UInt32>?) -> Int32
  let sendQueryPrepared:
    @convention(c) (
      Handle?, Text?, Int32, Texts?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
    ) -> Int32
  let flush: @convention(c) (Handle?) -> Int32
  let consumeInput: @convention(c) (Handle?) -> Int32
  let isBusy: @convention(c) (Handle?) -> Int32
  let getResult: @convention(c) (Handle?) -> Handle?
  let putCopyData: @convention(c) (Handle?, Text?, Int32) -> Int32
  let putCopyEnd: @convention(c) (Handle?, Text?) -> Int32
  /// A `PGnotify *`.
  let notifies: @convention(c) (Handle?) -> UnsafeMutableRawPointer?
  let freeMemory: @convention(c) (UnsafeMutableRawPointer?) -> Void
  let setNoticeProcessor:
    @convention(c) (
      Handle?, (@convention(c) (UnsafeMutableRawPointer?, Text?) -> Void)?, UnsafeMutableRawPointer?
    ) -> UnsafeRawPointer?

  let resultStatus: @convention(c) (Handle?) -> Int32
  let resultErrorField: @convention(c) (Handle?, Int32) -> Text?
  let commandStatus: @convention(c) (Handle?) -> Text?
  let commandRows: @convention(c) (Handle?) -> Text?
  let rowCount: @convention(c) (Handle?) -> Int32
  let columnCount: @convention(c) (Handle?) -> Int32
  let value: @convention(c) (Handle?, Int32, Int32) -> Text?
  let length: @convention(c) (Handle?, Int32, Int32) -> Int32
  let isNull: @convention(c) (Handle?, Int32, Int32) -> Int32
  let resultMemorySize: @convention(c) (Handle?) -> Int
  let clear: @convention(c) (Handle?) -> Void
}

extension PostgreSQLLibrary {
  /// Names the library has; `MAQUETTE_LIBPQ` may say another.
  private static let names = ["libpq.so.5", "libpq.so"]

  /// The library, loaded at the first call.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported``, which says what to install. The next call tries again.
  static func load() throws(MaquetteError) -> PostgreSQLLibrary {
    try loaded.withLock { (library) throws(MaquetteError) in
      if let library { return library }
      let named = getenv("MAQUETTE_LIBPQ").map { [String(cString: $0)] }
      let found = try PostgreSQLLibrary(named ?? names)
      library = found
      return found
    }
  }

  private static let loaded = Monitor<PostgreSQLLibrary?>(nil)

  /// The first library that is there.
  init(_ names: [String]) throws(MaquetteError) {
    for name in names {
      // It stays loaded: it may have started threads of its own, and registers things with OpenSSL.
      if let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) {
        self = try PostgreSQLLibrary(handle, name)
        return
      }
    }
    let reason = dlerror().map { String(cString: $0) } ?? "not found"
    throw MaquetteError(
      .unsupported,
      "a store in PostgreSQL needs its client library, which is not here (\(reason)): please install the package "
        + "libpq5 (Debian, Ubuntu), libpq (Fedora, Alpine) or postgresql-libs (Arch)", name: names.first ?? ""
    )
  }

  private init(_ handle: UnsafeMutableRawPointer, _ name: String) throws(MaquetteError) {
    func find<Function>(_ symbol: String, as: Function.Type = Function.self) throws(MaquetteError) -> Function
    {
      guard let address = dlsym(handle, symbol) else {
        throw MaquetteError(
          .unsupported, "'\(name)' has no \(symbol): a store in PostgreSQL needs libpq 12 or newer",
          name: name)
      }
      return unsafeBitCast(address, to: Function.self)
    }
    connect = try find("PQconnectdbParams")
    finish = try find("PQfinish")
    status = try find("PQstatus")
    errorMessage = try find("PQerrorMessage")
    socket = try find("PQsocket")
    serverVersion = try find("PQserverVersion")
    setNonblocking = try find("PQsetnonblocking")
    sendQuery = try find("PQsendQuery")
    sendPrepare = try find("PQsendPrepare")
    sendQueryPrepared = try find("PQsendQueryPrepared")
    flush = try find("PQflush")
    consumeInput = try find("PQconsumeInput")
    isBusy = try find("PQisBusy")
    getResult = try find("PQgetResult")
    putCopyData = try find("PQputCopyData")
    putCopyEnd = try find("PQputCopyEnd")
    notifies = try find("PQnotifies")
    freeMemory = try find("PQfreemem")
    setNoticeProcessor = try find("PQsetNoticeProcessor")
    resultStatus = try find("PQresultStatus")
    resultErrorField = try find("PQresultErrorField")
    commandStatus = try find("PQcmdStatus")
    commandRows = try find("PQcmdTuples")
    rowCount = try find("PQntuples")
    columnCount = try find("PQnfields")
    value = try find("PQgetvalue")
    length = try find("PQgetlength")
    isNull = try find("PQgetisnull")
    resultMemorySize = try find("PQresultMemorySize")
    clear = try find("PQclear")
  }
}

/// The numbers of `libpq-fe.h` and `postgres_ext.h`.
enum PostgreSQLNumber {
  /// ConnStatusType.
  static let connectionOK: Int32 = 0

  /// ExecStatusType.
  static let emptyQuery: Int32 = 0
  static let commandOK: Int32 = 1
  static let tuplesOK: Int32 = 2
  static let copyIn: Int32 = 4

  /// Fields of an error: PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT.
  static let sqlState = Int32(UInt8(ascii: "C"))
  static let message = Int32(UInt8(ascii: "M"))
  static let detail = Int32(UInt8(ascii: "D"))

  /// Types.
  static let bytea: UInt32 = 17
  static let int8: UInt32 = 20
  static let text: UInt32 = 25
  static let float8: UInt32 = 701
}
