import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

/// A store on a server of a test's own.
struct RemoteStore {
  let server: FeathersServer
  let store: DataStore

  init(_ settings: FeathersServer.Settings = .init(), options: String = "") throws {
    server = try FeathersServer(settings)
    store = try DataStore(server.location + options)
    server.forgetRequests()
  }
}

/// What went over the wire, and what is to be answered: one exchange after the other.
final class Script: Sendable {
  struct Exchange: Sendable {
    /// `GET /s?$limit=1`, decoded.
    let request: String
    /// JSON; nil: there is none, or it is of no matter.
    var body: String?
    let status: Int
    let answer: String
  }

  private let left: Mutex<[Exchange]>
  private let surprises = Mutex<[String]>([])

  init(_ exchanges: [Exchange]) { left = Mutex(exchanges) }

  /// What was asked although it is not in the script, and what is in it and was not asked.
  var differences: [String] {
    surprises.withLock { $0 } + left.withLock { $0.map { "missing: " + $0.request } }
  }

  func reply(to request: ServerRequest) -> ServerReply {
    let line = percentDecoded(request.line)
    let exchange = left.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    let body = try? JSON(parsing: request.body)
    guard let exchange, exchange.request == line,
      exchange.body == nil || (try? JSON(parsing: exchange.body ?? "")) == body
    else {
      surprises.withLock { $0.append("asked: \(line) \(String(decoding: request.body, as: UTF8.self))") }
      return .answer(status: 500, body: [])
    }
    return .answer(status: exchange.status, body: Array(exchange.answer.utf8))
  }
}

/// Runs `body` on a thread of its own, and waits for it for so many seconds; nil when it takes longer.
func within<Result: Sendable>(seconds: Int64, _ body: @escaping @Sendable () -> Result) throws -> Result? {
  let result = Monitor<Result?>(nil)
  try MaquetteSystem.Thread.start("test") {
    let value = body()
    result.change { $0 = value }
  }
  return result.wait(until: Deadline(milliseconds: seconds * 1000)) { $0 }
}
